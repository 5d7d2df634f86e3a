"""Asks for a legal erasure: entries that must vanish from a list, and from every file that held them.

It is a removal like any other until it is published: validated, decided by a second person, signed by the
publisher's keys. What follows then is in `hashsets.releases.erase`. The publisher asks; or an admin of the
exchange on whom the order was served, and then too the publisher's approver decides and its signers sign.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID, uuid4

from django.db import transaction

from accounts.audit.actions import Action
from accounts.audit.record import record
from accounts.errors import Conflict, Invalid, TooLarge
from accounts.identity.acting import Actor
from accounts.identity.roles import Permission
from accounts.wording import one_line
from hashsets.blobs import keys
from hashsets.blobs.current import blob_store
from hashsets.core.hashtypes import hash_type
from hashsets.core.withdrawal import Reason
from hashsets.intake.models import Erasure, Mode, Submission
from hashsets.lists.models import HashList

MAX_ENTRIES: Final = 10_000
NOTES: Final = {
    Reason.COURT_ORDER: "Legal erasure: court order.",
    Reason.LEGAL_DUTY: "Legal erasure: duty under law.",
    Reason.PERSONAL_DATA: "Legal erasure: personal data.",
}


@dataclass(frozen=True, slots=True)
class Named:
    """An entry that must vanish, by type and hash: of every item that it belongs to."""

    hash_type: str
    hash: str


def ask_erasure(
    hash_list: HashList, named: Sequence[Named], *, reason: str, reference: str, actor: Actor, now: datetime
) -> Erasure:
    """Propose to erase these entries from the list, and its history with them.

    (1) Who may ask. (2) The hashes, read as the list's types. (3) Stored as an upload, so that the flow
    needs nothing of its own. (4) One transaction: the submission, the erasure and the audit event.

    Errors: NotFound `list.not_found`; NotAllowed `actor.person_needed`, `permission.missing`,
    `list.other_publisher`; Conflict `list.closed`, `erasure.nothing_released`; Invalid `erasure.reason`,
    `erasure.empty`, `erasure.hash`, `text.…`; TooLarge `erasure.too_many`.
    """
    person_id = _asker(hash_list, actor)  # (1)
    hash_list.require_active()
    if hash_list.latest_release == 0:
        raise Conflict("Nothing has been released on this list yet.", code="erasure.nothing_released")
    if reason not in {known.value for known in Reason}:
        raise Invalid(f"The reason is one of {', '.join(Reason)}.", code="erasure.reason", field="reason")
    content = _as_upload(hash_list, named)  # (2)
    submission = Submission(
        id=uuid4(),
        organisation_id=hash_list.organisation_id,
        hash_list=hash_list,
        mode=Mode.REMOVE,
        urgent=True,
        note=NOTES[Reason(reason)],
        upload_sha256=hashlib.sha256(content).hexdigest(),
        upload_length=len(content),
        received_at=now,
        submitted_by_id=person_id,
    )
    erasure = Erasure(
        submission=submission,
        organisation_id=hash_list.organisation_id,
        hash_list=hash_list,
        reason=reason,
        # One line that is not a hash: it is kept for ever, and must not quote what is to vanish.
        reference=one_line(reference, field="reference", limit=200) if reference else "",
        entries=len(named),
        asked_by_id=person_id,
        asked_at=now,
    )
    blob_store().put_bytes(keys.upload(submission.id), content)  # (3)
    _insert(submission, erasure, actor, now)  # (4)
    return erasure


def _asker(hash_list: HashList, actor: Actor) -> UUID:
    """A person: an order is read by somebody. The exchange's admins may ask for any list."""
    if actor.is_operator:
        person_id = actor.person()
        actor.require(Permission.ORGANISATION_MANAGE)
        return person_id
    hash_list.require_publisher(actor)
    person_id = actor.person()
    actor.require(Permission.SUBMISSION_CREATE)
    return person_id


def _as_upload(hash_list: HashList, named: Sequence[Named]) -> bytes:
    if not named:
        raise Invalid("Name at least one entry.", code="erasure.empty", field="entries")
    if len(named) > MAX_ENTRIES:
        raise TooLarge(f"At most {MAX_ENTRIES} entries at once.", code="erasure.too_many", limit=MAX_ENTRIES)
    lines = ["type,hash"]
    for number, one in enumerate(named, start=1):
        try:
            kind = hash_type(one.hash_type)
            text = kind.render(kind.parse(one.hash))
        except Invalid:
            raise _unreadable(number) from None
        if kind.slug not in hash_list.hash_types:
            raise _unreadable(number)
        lines.append(f"{kind.slug},{text}")
    return ("\n".join(lines) + "\n").encode()


def _unreadable(number: int) -> Invalid:
    return Invalid(
        f"Entry {number} is not a hash of a type that this list takes.",
        code="erasure.hash",
        field="entries",
        advice="Give its type and the hash in the usual form of that type.",
    )


def _insert(submission: Submission, erasure: Erasure, actor: Actor, now: datetime) -> None:
    with transaction.atomic():
        HashList.objects.get(id=submission.hash_list_id).require_active()
        submission.save(force_insert=True)
        erasure.save(force_insert=True)
        record(
            Action.ERASURE_ASKED,
            actor=actor,
            subject_type="submission",
            subject_id=submission.id,
            organisation_id=submission.organisation_id,
            now=now,
            facts={
                "list_id": submission.hash_list_id,
                "reason": erasure.reason,
                "reference": erasure.reference,
                "entries": erasure.entries,
            },
        )
