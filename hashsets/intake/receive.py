"""Takes an upload in: stored and digested before it is acknowledged, and refused at once when it is media.

(1) Ask whether the actor may. (2) Copy the stream to a temporary file, digesting it, refusing what cannot be
a list or is too long. (3) Store the file. (4) One transaction: the submission and its audit event. Only then
is it acknowledged, and from then on it cannot be lost. A crash before (4) leaves at most a stored file that
no row names.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Final
from uuid import UUID, uuid4

from django.conf import settings
from django.db import IntegrityError, transaction

from accounts.audit.actions import Action
from accounts.audit.record import record
from accounts.errors import Conflict, Corrupt, Invalid, NotAllowed, TooLarge
from accounts.identity.acting import Actor
from accounts.identity.models import Organisation, OrganisationStatus
from accounts.identity.roles import Permission
from accounts.wording import paragraphs
from hashsets.blobs import keys
from hashsets.blobs.current import blob_store
from hashsets.intake import quota
from hashsets.intake.models import Mode, Submission
from hashsets.intake.sniff import SNIFFED, require_list, require_no_media
from hashsets.lists.models import HashList

_CHUNK: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class _Upload:
    path: Path
    sha256: str
    length: int


def receive_submission(
    hash_list: HashList,
    stream: BinaryIO,
    *,
    mode: str,
    urgent: bool,
    note: str,
    actor: Actor,
    now: datetime,
    media_type: str | None = None,
    hash_type: str = "",
    submission_id: UUID | None = None,
    sha256: str = "",
    counted: bool = False,
) -> Submission:
    """Store the upload `stream` (read to its end) as a proposed change to `hash_list`.

    `media_type` is what the sender calls it; media is refused on that word alone. File names are not taken at
    all: they can name victims. `hash_type` says what the hashes are in a file that does not say it.
    `submission_id` is stated by whoever may have to say the same again: the same upload under the same id is
    the same submission. `sha256` and `counted` (its bytes are in the day's quota already) are for a file that
    came in parts (`uploads`).

    Errors: NotAllowed `permission.missing`, `list.other_publisher`, `submission.needs_person`,
    `organisation.not_active`; NotFound `list.not_found`; Conflict `list.closed`,
    `submission.repeated_otherwise`; Throttled `upload.quota`; Invalid `submission.mode`, `submission.type`,
    `text.…`, `upload.empty`, `upload.checksum`; TooLarge `upload.too_large`; Unsupported `upload.media`,
    `upload.binary`.
    """
    actor.require(Permission.SUBMISSION_CREATE)  # (1)
    hash_list.require_publisher(actor)
    hash_list.require_active()
    if mode not in Mode.values:
        raise Invalid(f"The mode is one of {', '.join(Mode.values)}.", code="submission.mode", field="mode")
    if hash_type and hash_type not in hash_list.hash_types:
        raise Invalid(
            f"The type is one of the list's: {', '.join(hash_list.hash_types)}.",
            code="submission.type",
            field="type",
        )
    note = paragraphs(note, field="note", limit=1_000, required=False)
    if actor.person_id is None:
        raise NotAllowed("A submission needs a person who answers for it.", code="submission.needs_person")
    require_no_media(media_type)
    made = None if submission_id is None else Submission.objects.filter(id=submission_id).first()
    free = counted or made is not None
    room = None if free else quota.room_today(hash_list.organisation_id, now=now)
    with _spooled(stream, room=room, now=now) as upload:  # (2)
        if sha256 and sha256 != upload.sha256:
            raise _wrong_checksum()
        submission = Submission(
            id=submission_id or uuid4(),
            organisation_id=hash_list.organisation_id,
            hash_list=hash_list,
            mode=mode,
            urgent=urgent,
            note=note,
            hash_type=hash_type,
            upload_sha256=upload.sha256,
            upload_length=upload.length,
            received_at=now,
            submitted_by_id=actor.person_id,
            credential_id=actor.credential_id,
        )
        if made is not None:
            return _the_same(made, submission)
        _store(submission, upload.path)  # (3)
        try:
            _insert(submission, actor, now, counted=counted)  # (4)
        except IntegrityError:  # the same call, a moment earlier
            return _the_same(Submission.objects.get(id=submission.id), submission)
    return submission


def _store(submission: Submission, path: Path) -> None:
    """Errors: Conflict `submission.repeated_otherwise` when a call under this id was cut off between (3) and
    (4), and now brings another file.
    """
    try:
        blob_store().put_file(keys.upload(submission.id), path)
    except Corrupt as refusal:
        if refusal.code != "blob.overwritten":
            raise
        raise _otherwise() from None


@contextmanager
def _spooled(stream: BinaryIO, *, room: int | None, now: datetime) -> Iterator[_Upload]:
    """The stream as a temporary file, looked at while it is written; gone afterwards. `room`: bytes of the
    quota that are left, None when they do not count.
    """
    limit: int = settings.HX_UPLOAD_LIMIT
    digest = hashlib.sha256()
    length = 0
    head = b""
    with tempfile.NamedTemporaryFile(dir=settings.FILE_UPLOAD_TEMP_DIR, prefix="received-") as file:
        while chunk := stream.read(_CHUNK):
            beginning = len(head) < SNIFFED
            head = (head + chunk)[:SNIFFED] if beginning else head
            require_list(chunk, head, beginning=beginning)
            length += len(chunk)
            if length > limit:
                raise TooLarge(
                    f"An upload may have at most {limit} bytes.", code="upload.too_large", limit=limit
                )
            if room is not None and length > room:
                raise quota.over_quota(settings.HX_UPLOAD_BYTES_PER_DAY - room, now=now)
            digest.update(chunk)
            file.write(chunk)
        file.flush()
        if not length:
            raise Invalid("The upload is empty.", code="upload.empty")
        yield _Upload(Path(file.name), digest.hexdigest(), length)


def _insert(submission: Submission, actor: Actor, now: datetime, *, counted: bool) -> None:
    with transaction.atomic():
        # Asked again: a long upload may outlive the right to send it. The lock makes uploads that end at once
        # count one after the other.
        publisher = Organisation.objects.select_for_update(no_key=True).filter(
            id=submission.organisation_id, status=OrganisationStatus.ACTIVE
        )
        if publisher.first() is None:
            raise NotAllowed("This organisation is not active.", code="organisation.not_active")
        if not counted:
            quota.require_room(submission.organisation_id, submission.upload_length, now=now)
        HashList.objects.get(id=submission.hash_list_id).require_active()
        submission.save(force_insert=True)
        record(
            Action.SUBMISSION_RECEIVED,
            actor=actor,
            subject_type="submission",
            subject_id=submission.id,
            organisation_id=submission.organisation_id,
            now=now,
            facts={
                "list_id": submission.hash_list_id,
                "mode": submission.mode,
                "urgent": submission.urgent,
                "upload_sha256": submission.upload_sha256,
                "upload_length": submission.upload_length,
            },
        )


def _the_same(made: Submission, asked: Submission) -> Submission:
    """What was made under this id, when it is what is asked for now. Errors: Conflict
    `submission.repeated_otherwise`.
    """
    columns = ("organisation_id", "hash_list_id", "mode", "urgent", "note", "hash_type", "upload_sha256")
    if any(getattr(made, name) != getattr(asked, name) for name in columns):
        raise _otherwise()
    return made


def _wrong_checksum() -> Invalid:
    return Invalid(
        "The SHA-256 is not the one of the bytes that came.", code="upload.checksum", field="sha256"
    )


def _otherwise() -> Conflict:
    return Conflict(
        "Another upload has been received under this id.",
        code="submission.repeated_otherwise",
        advice="Use a new Idempotency-Key for a new upload.",
    )
