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
from django.db import transaction

from accounts.audit.actions import Action
from accounts.audit.record import record
from accounts.errors import Invalid, NotAllowed, TooLarge
from accounts.identity.acting import Actor
from accounts.identity.models import Organisation, OrganisationStatus
from accounts.identity.roles import Permission
from accounts.wording import paragraphs
from hashsets.blobs import keys
from hashsets.blobs.current import blob_store
from hashsets.intake.models import Mode, Submission
from hashsets.intake.sniff import SNIFFED, require_list, require_no_media
from hashsets.lists.models import HashList

DEFAULT_LIMIT: Final = 8 << 30
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
) -> Submission:
    """Store the upload `stream` (read to its end) as a proposed change to `hash_list`.

    `media_type` is what the sender calls it; media is refused on that word alone. File names are not taken at
    all: they can name victims. `hash_type` says what the hashes are in a file that does not say it.
    `submission_id` and `sha256` are stated for a file that came in parts (`uploads`).

    Errors: NotAllowed `permission.missing`, `list.other_publisher`, `submission.needs_person`,
    `organisation.not_active`; NotFound `list.not_found`; Conflict `list.closed`; Invalid `submission.mode`,
    `submission.type`, `text.…`, `upload.empty`, `upload.checksum`; TooLarge
    `upload.too_large`; Unsupported `upload.media`, `upload.binary`.
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
    with _spooled(stream) as upload:  # (2)
        if sha256 and sha256 != upload.sha256:
            raise Invalid(
                "The SHA-256 is not the one of the bytes that came.", code="upload.checksum", field="sha256"
            )
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
        blob_store().put_file(keys.upload(submission.id), upload.path)  # (3)
        _insert(submission, actor, now)  # (4)
    return submission


@contextmanager
def _spooled(stream: BinaryIO) -> Iterator[_Upload]:
    """The stream as a temporary file, looked at while it is written; gone afterwards."""
    limit: int = getattr(settings, "HX_UPLOAD_LIMIT", DEFAULT_LIMIT)
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
            digest.update(chunk)
            file.write(chunk)
        file.flush()
        if not length:
            raise Invalid("The upload is empty.", code="upload.empty")
        yield _Upload(Path(file.name), digest.hexdigest(), length)


def _insert(submission: Submission, actor: Actor, now: datetime) -> None:
    with transaction.atomic():
        # Asked again: a long upload may outlive the right to send it.
        publisher = Organisation.objects.filter(
            id=submission.organisation_id, status=OrganisationStatus.ACTIVE
        )
        if not publisher.exists():
            raise NotAllowed("This organisation is not active.", code="organisation.not_active")
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
