"""The TUF repositories over HTTP, as stock clients expect them (TUF specification 1.0.34, sections 3 and 6).

A private list answers 404 to everyone without a grant and 401 to a bad credential, never 403: TUF clients
read 403 on `N+1.root.json` as "there is no newer root".
"""

from __future__ import annotations

import hashlib
import io
import re
from typing import Final

from django.http import HttpRequest, HttpResponseBase
from django.utils import timezone

from accounts.errors import Gone, NotFound, Refusal
from accounts.identity.acting import Actor, reading
from exchange.http.accel import handed_over, hands_over
from exchange.http.acting import session_actor
from exchange.http.auth import credential_actor
from exchange.http.files import file_response
from exchange.http.problems import refused
from exchange.http.requests import read_only
from exchange.sandbox.spoil import spoilt
from exchange.sharing.fetched import note_fetch
from exchange.sharing.grants import downloadable
from hashsets.blobs import keys
from hashsets.blobs.current import blob_store
from hashsets.lists.models import Audience, HashList, Sandbox
from hashsets.releases.erase import is_withdrawn
from hashsets.releases.models import Release
from hashsets.trust.models import DIRECTORY

METADATA_NAME: Final = re.compile(
    r"\A(?:[1-9][0-9]{0,9}\.(?:root|targets|list|catalogue|snapshot)|timestamp)\.json\Z"
)
TARGET_NAME: Final = re.compile(r"\A(?P<sha256>[0-9a-f]{64})\.(?P<base>[a-z0-9][a-z0-9.-]{0,120})\Z")
LARGEST_METADATA: Final = 16 * 1024 * 1024


def _nothing() -> NotFound:
    return NotFound("There is nothing at this address.", code="not_found")


def _reader(request: HttpRequest) -> Actor | None:
    """Who reads: a credential if one is sent (a bad one is refused, also on public lists), else a session.

    One without the right to read is nobody in particular, and is told 404 like a stranger.
    """
    return reading(credential_actor(request) or session_actor(request))


@read_only
def metadata(request: HttpRequest, repository: str, name: str) -> HttpResponseBase:
    """A metadata file; everything but `timestamp.json` never changes."""
    try:
        hash_list, _ = _open(request, repository)
        if not METADATA_NAME.match(name):
            raise _nothing()
        content = blob_store().get_bytes(f"tuf/{repository}/metadata/{name}", limit=LARGEST_METADATA)
        if name == "timestamp.json" and hash_list is not None and hash_list.sandbox == Sandbox.BAD_SIGNATURE:
            content = spoilt(content)  # the example of a bad signature; what is stored stays right
    except Refusal as refusal:
        return refused(_hidden(refusal))
    return file_response(
        request,
        io.BytesIO(content),
        length=len(content),
        etag=hashlib.sha256(content).hexdigest(),
        content_type="application/json",
        private=_is_private(hash_list),
        immutable=name != "timestamp.json",
    )


@read_only
def target(request: HttpRequest, repository: str, path: str) -> HttpResponseBase:
    """A target file: a manifest or a segment, named by its digest."""
    try:
        hash_list, reader = _open(request, repository)
        folder, _, base = path.rpartition("/")
        match = TARGET_NAME.match(base)
        if match is None or folder not in ("", repository):
            raise _nothing()
        key = keys.checked(f"tuf/{repository}/targets/{path}")
        if hash_list is not None and is_withdrawn(hash_list, f"{folder}/{match['base']}", match["sha256"]):
            raise _withdrawn(hash_list)
        store = blob_store()
        length = store.size(key)  # NotFound before anybody else is sent to look for it
        elsewhere = store.internal_path(key) if hands_over(request) else None
        stream = None if elsewhere is not None else store.open(key)
    except Refusal as refusal:
        return refused(_hidden(refusal))
    if match["base"] == "manifest.json" and reader is not None and request.method == "GET":
        _note(repository, match["sha256"], reader)
    content_type = "application/json" if base.endswith(".json") else "application/vnd.apache.parquet"
    etag, private = match["sha256"], _is_private(hash_list)
    if elsewhere is not None:
        return handed_over(elsewhere, etag=etag, content_type=content_type, private=private)
    assert stream is not None  # noqa: S101 - one or the other, above
    return file_response(
        request, stream, length=length, etag=etag, content_type=content_type, private=private
    )


def _open(request: HttpRequest, repository: str) -> tuple[HashList | None, Actor | None]:
    """(list, reader) for a repository that the asker may read; the directory is of no list.

    Errors: Unauthenticated, NotFound.
    """
    reader = _reader(request)
    if repository == DIRECTORY:
        return None, reader
    hash_list = downloadable(repository, reader)
    if hash_list is None:
        raise _nothing()
    return hash_list, reader


def _is_private(hash_list: HashList | None) -> bool:
    return hash_list is not None and hash_list.audience != Audience.PUBLIC


def _note(list_id: str, manifest_sha256: str, reader: Actor) -> None:
    """Level *fetched*: the member has the manifest of this release in hand."""
    release = Release.objects.filter(hash_list_id=list_id, manifest_sha256=manifest_sha256).first()
    if release is not None and reader.organisation_id is not None:
        note_fetch(reader.organisation_id, list_id, release.number, now=timezone.now())


def _withdrawn(hash_list: HashList) -> Gone:
    """For who may read the list: that a file vanished is no secret, its signed notice says so."""
    return Gone(
        "This file was withdrawn by law; the list's newest release replaces it.",
        code="release.withdrawn",
        advice="Update to the newest release; withdrawn.json among its files says what was withdrawn.",
        release=hash_list.withdrawn_before,
    )


def _hidden(refusal: Refusal) -> Refusal:
    """One answer for what is not stored, is not a name and may not be read."""
    if isinstance(refusal, Gone):
        return refusal
    return _nothing() if isinstance(refusal, NotFound) or refusal.code == "blob.key" else refusal
