"""What a publisher's signer is asked to sign, recomputed on the signer's own machine from the files.

The exchange says what is to be signed; nothing that it says is believed. (1) The signed part is canonical and
names files of this list only. (2) The manifest is the one that it names, of this list and release. (3) It
names exactly the files that the signed part names. (4) Every file is downloaded, whole and well formed. (5)
The entries add up to the state roots. What was downloaded for the last signature is used again.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from accounts.errors import Refusal
from exchange.client.apply import known_type
from exchange.client.fetch import HttpStatus, Session
from exchange.client.lean import load_tuf
from exchange.client.refusals import (
    Forbidden,
    NetworkDown,
    RootMismatch,
    UnsupportedFormat,
    WrongFile,
    WrongList,
)
from exchange.client.watch import Watch
from exchange.client.withdrawn import read_notice
from hashsets.core.foreign import check_segment
from hashsets.core.manifest import MAX_MANIFEST_BYTES, Manifest, TypeState, manifest_name
from hashsets.core.merkle import leaves_of, type_root
from hashsets.core.segment import Kind
from hashsets.core.state import State
from hashsets.core.withdrawal import Notice, withdrawn_name

__all__ = ["Draft", "Named", "Recomputed", "draft_of", "recompute", "renewal_of"]

MAX_PART: Final = 4_000_000
_LIST_ID: Final = re.compile(r"[a-z2-7]{26}")
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,149}")


@dataclass(frozen=True, slots=True)
class Named:
    """A file by length and SHA-256 (hex)."""

    length: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Draft:
    """What the exchange asks for. `address` gives the API path of a file by its base name and digest."""

    list_id: str
    state: str
    release: int
    list_version: int
    manifest_sha256: str
    state_root: str
    signed_part: bytes
    signatures: tuple[str, ...]
    address: Callable[[str, str], str]


@dataclass(frozen=True, slots=True)
class Recomputed:
    """A draft whose every byte was read here, and what it holds."""

    draft: Draft
    version: int
    expires: datetime
    manifest: Manifest
    states: Mapping[str, State]
    files: frozenset[Path]
    withdrawn: Notice | None = None


def draft_of(session: Session, submission_id: str) -> Draft:
    """The open draft of a submission. Forbidden `draft.not_found` when there is none."""
    said = session.json("GET", f"api/v1/submissions/{submission_id}/signatures")
    return read_draft(said, lambda name, _: f"api/v1/submissions/{submission_id}/draft/{name}")


def renewal_of(session: Session, list_id: str) -> Draft:
    """The renewal of a list that waits for signatures: published content as a new version. Forbidden
    `renewal.not_found`."""
    said = session.json("GET", f"api/v1/lists/{list_id}/renewal")
    return read_draft(said, lambda name, sha256: f"tuf/{list_id}/targets/{list_id}/{sha256}.{name}")


def read_draft(said: Any, address: Callable[[str, str], str]) -> Draft:
    try:
        draft = Draft(
            list_id=str(said["list_id"]),
            state=str(said["state"]),
            release=int(said["release"]),
            list_version=int(said["list_version"]),
            manifest_sha256=str(said["manifest_sha256"]),
            state_root=str(said["state_root"]),
            signed_part=str(said["signed_part"]).encode(),
            signatures=tuple(str(keyid) for keyid in said["signatures"]),
            address=address,
        )
    except (TypeError, KeyError, ValueError) as error:
        raise NetworkDown(
            "The exchange's answer is not what a Hash Exchange says.", code="network.not_an_exchange"
        ) from error
    if not _LIST_ID.fullmatch(draft.list_id) or len(draft.signed_part) > MAX_PART:
        raise UnsupportedFormat("What is to be signed is not a list.", code="format.draft")
    return draft


def recompute(session: Session, draft: Draft, folder: Path, *, watch: Watch) -> Recomputed:
    """Read everything that a signature would vouch for. `folder` keeps the files for the next time.

    WrongList, WrongFile, RootMismatch, UnsupportedFormat: nothing may be signed then.
    """
    version, expires, named = _read_part(draft)  # (1)
    manifest = _manifest(session, draft, named, folder)  # (2)
    _check_names(draft, manifest, named)  # (3)
    withdrawn = _notice(session, draft, manifest)  # (3)
    files = _download(session, draft, named, folder, watch)  # (4)
    states = {typed.slug: _state(manifest, typed, files, watch) for typed in manifest.types}  # (4), (5)
    if manifest.root != draft.state_root:
        raise RootMismatch("The state root that the exchange shows is not the draft's.")
    return Recomputed(draft, version, expires, manifest, states, frozenset(files.values()), withdrawn)


def _read_part(draft: Draft) -> tuple[int, datetime, dict[str, Named]]:
    load_tuf()
    from tuf.api.exceptions import RepositoryError
    from tuf.api.metadata import Metadata, Targets

    try:
        document = {"signatures": [], "signed": json.loads(draft.signed_part)}
        metadata = Metadata[Any].from_bytes(json.dumps(document).encode())
        part, canonical = metadata.signed, metadata.signed_bytes
    except (RepositoryError, ValueError, KeyError, RecursionError) as error:
        raise UnsupportedFormat("What is to be signed is not a list.", code="format.draft") from error
    # A root or a top-level delegation in its place would hand the publisher's name to somebody else.
    if not isinstance(part, Targets) or part.delegations is not None or part.unrecognized_fields:
        raise WrongList("What is to be signed is not the content of a list.", code="draft.not_a_list")
    if canonical != draft.signed_part:
        raise UnsupportedFormat("What is to be signed is not in canonical form.", code="format.draft")
    if part.version != draft.list_version:
        raise WrongFile("The exchange shows another version than the one to be signed.", code="draft.version")
    named = {}
    for path, file in part.targets.items():
        list_id, _, name = path.partition("/")
        if list_id != draft.list_id or not _NAME.fullmatch(name) or set(file.hashes) != {"sha256"}:
            raise WrongList("The draft names files outside its list.", code="draft.other_files")
        named[path] = Named(file.length, file.hashes["sha256"])
    return part.version, part.expires, named


def _manifest(session: Session, draft: Draft, named: dict[str, Named], folder: Path) -> Manifest:
    path = manifest_name(draft.list_id)
    facts = named.get(path)
    if facts is None or facts.sha256 != draft.manifest_sha256:
        raise WrongFile("The exchange shows another manifest than the one to be signed.")
    if facts.length > MAX_MANIFEST_BYTES:
        raise UnsupportedFormat("The manifest is too large.", code="format.manifest")
    document = _bytes(session, draft.address("manifest.json", facts.sha256), facts.length)
    if len(document) != facts.length or hashlib.sha256(document).hexdigest() != facts.sha256:
        raise WrongFile("The manifest is not the one to be signed.")
    try:
        manifest = Manifest.parse(document)
    except Refusal as error:
        raise UnsupportedFormat(
            f"The manifest cannot be read: {error.message}", code="format.manifest"
        ) from error
    if manifest.list_id != draft.list_id:
        raise WrongList("The manifest is of another list.")
    if manifest.release != draft.release:
        raise WrongFile("The manifest is of another release than the exchange shows.")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    (folder / f"{facts.sha256}.manifest.json").write_bytes(document)
    return manifest


def _check_names(draft: Draft, manifest: Manifest, named: Mapping[str, Named]) -> None:
    """A file that the manifest does not know would be signed without having been read."""
    wanted = {path: Named(facts.length, facts.sha256) for path, facts in manifest.files()}
    wanted[manifest_name(draft.list_id)] = named[manifest_name(draft.list_id)]
    if manifest.withdrawn is not None:
        facts = manifest.withdrawn
        wanted[withdrawn_name(draft.list_id)] = Named(facts.length, facts.sha256)
    if wanted != dict(named):
        raise WrongFile("The draft and its manifest name different files.", code="draft.other_files")


def _notice(session: Session, draft: Draft, manifest: Manifest) -> Notice | None:
    """What the signature would say about earlier releases: that they were withdrawn, and why."""
    facts = manifest.withdrawn
    if facts is None:
        return None
    content = _bytes(session, draft.address("withdrawn.json", facts.sha256), facts.length)
    if len(content) != facts.length or hashlib.sha256(content).hexdigest() != facts.sha256:
        raise WrongFile("The notice of withdrawal is not the one to be signed.")
    return read_notice(content, manifest, facts)


def _download(
    session: Session, draft: Draft, named: Mapping[str, Named], folder: Path, watch: Watch
) -> dict[str, Path]:
    """Every segment, by path; those that an earlier signature brought are not fetched again."""
    documents = {manifest_name(draft.list_id), withdrawn_name(draft.list_id)}
    segments = {path: facts for path, facts in named.items() if path not in documents}
    files = {path: folder / facts.sha256 for path, facts in segments.items()}
    missing = {path: facts for path, facts in segments.items() if not files[path].exists()}
    watch.begin("Downloading", sum(facts.length for facts in missing.values()))
    for path, facts in missing.items():
        name = path.partition("/")[2]
        try:
            session.download(
                draft.address(name, facts.sha256),
                files[path],
                length=facts.length,
                sha256=facts.sha256,
                advance=watch.advance,
            )
        except HttpStatus as error:
            raise _refused(error) from error
    return files


def _state(manifest: Manifest, typed: TypeState, files: Mapping[str, Path], watch: Watch) -> State:
    kind = known_type(typed.slug)
    watch.begin(f"Recomputing {typed.slug}", typed.count)
    for path, facts in manifest.files():
        if path.partition("/")[2].startswith(f"{typed.slug}."):
            full = path.partition("/")[2].startswith(f"{typed.slug}.full-")
            try:
                check_segment(files[path], kind, Kind.FULL if full else Kind.DELTA, expected=facts)
            except Refusal as error:
                # Damaged here or wrong there: the next run fetches it anew and tells.
                files[path].unlink(missing_ok=True)
                raise WrongFile(f"A file of the draft is not what it should be: {error.message}") from error
    state = manifest.open(typed.slug, files.__getitem__)
    leaves = leaves_of(state.iter_batches(), typed.bits, kind.bytes_wide)
    if state.count != typed.count or type_root(leaves, state.count) != typed.root:
        raise RootMismatch(f"The {typed.slug} entries do not add up to the root in the manifest.")
    watch.advance(typed.count)
    return state


def _bytes(session: Session, path: str, limit: int) -> bytes:
    try:
        return session.file_bytes(path, limit=limit)
    except HttpStatus as error:
        raise _refused(error) from error


def _refused(error: HttpStatus) -> Refusal:
    if error.status in (401, 403, 404):
        return Forbidden(
            "The exchange does not give out a file of this draft.",
            code="draft.no_file",
            advice="The draft may have been given up meanwhile; ask again.",
        )
    return NetworkDown(f"The exchange answered with status {error.status}.")
