"""Uploads in parts: a large file over a bad line goes on where it stopped, also another day.

(1) Open: list, length and digest of the whole file are stated; asked again for the same file, the same upload
is meant. (2) Append parts, each at the offset where the last one ended and with a digest of its own. A part
is stored before its row says so; one that came twice is refused with the offset to go on from. (3) Submit:
the parts are read as one file by `receive`, which checks the whole digest. The submission has the upload's
id, so that a submit whose answer was lost is answered the same again and never makes two.
"""

from __future__ import annotations

import hashlib
import io
import re
import uuid
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import BinaryIO, Final, cast

from django.conf import settings
from django.db import transaction

from accounts.errors import Conflict, Invalid, NotAllowed, NotFound, TooLarge
from accounts.identity.acting import Actor
from accounts.identity.models import Organisation
from accounts.identity.roles import Permission
from hashsets.blobs import keys
from hashsets.blobs.current import blob_store
from hashsets.intake.models import Submission, Upload, UploadPart
from hashsets.intake.quota import require_room
from hashsets.intake.receive import receive_submission
from hashsets.intake.sniff import require_list
from hashsets.lists.models import HashList

PART_LIMIT: Final = 16 << 20
KEPT_FOR: Final = timedelta(days=7)
MOST_OPEN: Final = 20  # per organisation: what is never submitted takes room until it is forgotten
_SHA256: Final = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Intent:
    """What a file, once whole, is to do to its list."""

    mode: str
    urgent: bool = False
    note: str = ""
    hash_type: str = ""


def open_upload(hash_list: HashList, *, length: int, sha256: str, actor: Actor, now: datetime) -> Upload:
    """Begin an upload of `length` bytes, or find the unfinished one of the same file.

    Errors: NotAllowed `permission.missing`, `list.other_publisher`, `submission.needs_person`; NotFound
    `list.not_found`; Conflict `list.closed`, `upload.too_many_open`; Throttled `upload.quota`; Invalid
    `upload.length`, `upload.checksum`; TooLarge `upload.too_large`.
    """
    actor.require(Permission.SUBMISSION_CREATE)
    hash_list.require_publisher(actor)
    hash_list.require_active()
    if actor.person_id is None:
        raise NotAllowed("An upload needs a person who answers for it.", code="submission.needs_person")
    limit: int = settings.HX_UPLOAD_LIMIT
    if length < 1:
        raise Invalid("An upload has at least one byte.", code="upload.length", field="length")
    if length > limit:
        raise TooLarge(f"An upload may have at most {limit} bytes.", code="upload.too_large", limit=limit)
    if not _SHA256.fullmatch(sha256):
        raise _wrong_checksum()
    opened = Upload.objects.filter(organisation_id=actor.organisation(), submitted_at__isnull=True)
    same = opened.filter(hash_list=hash_list, length=length, sha256=sha256, person_id=actor.person_id).first()
    if same is not None:
        return same
    with transaction.atomic():
        # Uploads that are begun at once are counted one after the other.
        Organisation.objects.select_for_update(no_key=True).get(id=hash_list.organisation_id)
        if opened.count() >= MOST_OPEN:
            raise Conflict(
                f"Your organisation has {MOST_OPEN} unfinished uploads.",
                code="upload.too_many_open",
                advice="Finish one, or wait: they are forgotten after a week.",
            )
        require_room(hash_list.organisation_id, length, now=now)
        return Upload.objects.create(
            organisation_id=hash_list.organisation_id,
            hash_list=hash_list,
            person_id=actor.person_id,
            length=length,
            sha256=sha256,
            created_at=now,
        )


def seen_upload(upload_id: uuid.UUID, actor: Actor) -> Upload:
    """One of the organisation's uploads. Errors: NotAllowed `permission.missing`; NotFound
    `upload.not_found`.
    """
    actor.require(Permission.SUBMISSION_CREATE)
    found = Upload.objects.filter(id=upload_id, organisation_id=actor.organisation())
    upload = found.select_related("hash_list").first()
    if upload is None:
        raise NotFound("There is no such upload.", code="upload.not_found")
    return upload


def append_part(upload_id: uuid.UUID, stream: BinaryIO, *, offset: int, sha256: str, actor: Actor) -> Upload:
    """Add the bytes of `stream`, which begin at `offset` of the file and have the digest `sha256`.

    Errors: those of `seen_upload`; Conflict `upload.offset` with the offset to go on from,
    `upload.submitted`; Invalid `upload.checksum`, `upload.empty`; TooLarge
    `upload.part_too_large`, `upload.too_large`; Unsupported `upload.media`, `upload.binary`, after which
    nothing of the upload is kept.
    """
    upload = seen_upload(upload_id, actor)
    _require_open(upload)
    if offset != upload.received:
        raise _elsewhere(upload)
    content = _part(stream, upload)
    digest = hashlib.sha256(content).hexdigest()
    if digest != sha256:
        raise _wrong_checksum()
    try:
        if offset == 0:
            require_list(content, content[:4096])
    except Invalid:
        forget_upload_in_parts(upload.id)
        raise
    key = keys.upload_part(upload.id, offset, digest)
    blob_store().put_bytes(key, content)
    with transaction.atomic():
        moved = Upload.objects.filter(id=upload.id, received=offset, submitted_at__isnull=True).update(
            received=offset + len(content)
        )
        if moved:
            UploadPart.objects.create(upload=upload, start=offset, length=len(content), blob_key=key)
    upload.refresh_from_db()
    if not moved:
        raise _elsewhere(upload)
    return upload


def submit_upload(upload_id: uuid.UUID, intent: Intent, *, actor: Actor, now: datetime) -> Submission:
    """The whole file as a submission; asked again, the same one.

    Errors: those of `seen_upload` and of `receive_submission`; Conflict `upload.incomplete` with the
    offset to go on from; Invalid `upload.checksum` when the file is not the one that was stated.
    """
    upload = seen_upload(upload_id, actor)
    made = Submission.objects.filter(id=upload.id).first()
    if made is not None:
        return made
    if upload.received < upload.length:
        raise Conflict(
            f"{upload.received} of {upload.length} bytes have come.",
            code="upload.incomplete",
            offset=upload.received,
        )
    try:
        with closing(_Whole(upload)) as file:
            submission = receive_submission(
                upload.hash_list,
                cast(BinaryIO, file),
                mode=intent.mode,
                urgent=intent.urgent,
                note=intent.note,
                hash_type=intent.hash_type,
                actor=actor,
                now=now,
                submission_id=upload.id,
                sha256=upload.sha256,
                counted=True,
            )
    except Invalid as refusal:
        if refusal.code.startswith("upload."):  # no list, or not the file that was stated
            forget_upload_in_parts(upload.id)
        raise
    Upload.objects.filter(id=upload.id).update(submitted_at=now)
    _forget_parts(upload)
    return submission


def unfinished_due(now: datetime, limit: int) -> list[uuid.UUID]:
    """Uploads that nobody has finished for a week."""
    old = Upload.objects.filter(created_at__lt=now - KEPT_FOR, submitted_at__isnull=True)
    return list(old.order_by("created_at").values_list("id", flat=True)[:limit])


def forget_upload_in_parts(upload_id: uuid.UUID) -> bool:
    """Delete an upload that was not submitted, with its bytes. False when there was nothing to forget."""
    upload = Upload.objects.filter(id=upload_id, submitted_at__isnull=True).first()
    if upload is None:
        return False
    _forget_parts(upload)
    upload.delete()
    return True


def _forget_parts(upload: Upload) -> None:
    for part in upload.parts.all():
        blob_store().delete(part.blob_key)
    upload.parts.all().delete()


def _part(stream: BinaryIO, upload: Upload) -> bytes:
    content = stream.read(PART_LIMIT + 1)
    if not content:
        raise Invalid("The part is empty.", code="upload.empty")
    if len(content) > PART_LIMIT:
        raise TooLarge(f"A part may have at most {PART_LIMIT} bytes.", code="upload.part_too_large")
    if upload.received + len(content) > upload.length:
        raise TooLarge(
            f"The file was said to have {upload.length} bytes, and this goes beyond them.",
            code="upload.too_large",
        )
    return content


def _require_open(upload: Upload) -> None:
    if upload.submitted_at is not None:
        raise Conflict("This upload has been submitted.", code="upload.submitted")


def _elsewhere(upload: Upload) -> Conflict:
    return Conflict(
        f"Go on at byte {upload.received}.",
        code="upload.offset",
        field="Upload-Offset",
        offset=upload.received,
    )


def _wrong_checksum() -> Invalid:
    return Invalid(
        "The SHA-256 is not the one of the bytes that came.",
        code="upload.checksum",
        advice="Send them again; they were damaged on the way, or the file has changed meanwhile.",
    )


class _Whole(io.RawIOBase):
    """The parts of an upload, read one after the other."""

    def __init__(self, upload: Upload) -> None:
        self._contents: Iterator[bytes] = (
            blob_store().get_bytes(part.blob_key, limit=PART_LIMIT) for part in upload.parts.order_by("start")
        )
        self._rest = b""

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        if not self._rest:
            self._rest = next(self._contents, b"")
        taken = self._rest if size < 0 else self._rest[:size]
        self._rest = self._rest[len(taken) :]
        return taken
