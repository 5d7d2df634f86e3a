"""Two of the exchange's staff let a person be the second one of one named act, soon after a reset."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final
from uuid import UUID, uuid5

from django.db import transaction

from accounts.audit.actions import Action
from accounts.audit.record import record
from accounts.dual_control.independence import is_after_reset, newest_reset
from accounts.dual_control.models import Exemption, Proposal, ProposalKind
from accounts.dual_control.propose import Asked, make, propose
from accounts.errors import Conflict, Invalid, NotAllowed, NotFound
from accounts.identity.acting import Actor, ActorKind
from accounts.identity.models import Organisation, User
from accounts.wording import one_line

ACTS: Final = (
    "submission.approve", "submission.agree", "proposal.make", "membership.review", "sign_on.agree",
    "key.confirm", "access.agree", "measure.carry_out",
    "decision.take", "authority.agree",
)  # fmt: skip
_SUBJECT: Final = re.compile(r"[A-Za-z0-9-]{1,64}")


def propose_exemption(
    *, email: str, act: str, subject_id: str, note: str, actor: Actor, now: datetime
) -> Proposal:
    """Ask that a person may be the second one of `act` about `subject_id`. The note says who was spoken to.

    Errors: NotAllowed `permission.missing`, `actor.person_needed`; NotFound `user.not_found`; Invalid
    `exemption.act`, `exemption.subject`, `text.…`; Conflict `exemption.not_needed`, `proposal.waits`.
    """
    actor.require_over_exchange()
    actor.person()
    if act not in ACTS:
        raise Invalid("There is no such act.", code="exemption.act", field="act")
    if not _SUBJECT.fullmatch(subject_id.strip()):
        raise Invalid("This is no id of ours.", code="exemption.subject", field="subject_id")
    if act == "proposal.make" and not _is_open_proposal(subject_id.strip(), now=now):
        raise Invalid("No proposal of this identifier waits.", code="exemption.subject", field="subject_id")
    said = one_line(note, field="note", limit=1_000)
    person = User.objects.filter(email=email.strip().lower()).first() if "\x00" not in email else None
    if person is None:
        raise NotFound("There is no person with this e-mail address.", code="user.not_found", field="email")
    if not is_after_reset(person.id, now=now):
        raise Conflict("Nothing keeps this person from acting.", code="exemption.not_needed", field="email")
    operator = Organisation.objects.get(id=actor.organisation())
    values = {"act": act, "subject_id": subject_id.strip()}
    named = str(uuid5(person.id, f"{act} {values['subject_id']}"))
    with transaction.atomic():
        asked = Asked(ProposalKind.EXEMPTION, named, values, person=person, note=said)
        return propose(operator, asked, actor=actor, now=now)


def _is_open_proposal(identifier: str, *, now: datetime) -> bool:
    try:
        return Proposal.objects.open(now).filter(id=UUID(identifier)).exists()
    except ValueError:
        return False


def make_exemption(proposal: Proposal, *, actor: Actor, now: datetime) -> Exemption:
    """Let it be so, as another one of the staff. In the caller's transaction.

    Errors: those of `accounts.dual_control.propose.make`; Conflict `exemption.exists`.
    """
    if actor.kind is ActorKind.SYSTEM:
        raise NotAllowed("Two of the exchange's staff allow this, never its host.", code="exemption.by_staff")
    make(proposal, actor=actor, now=now)
    second, person = actor.person(), proposal.person
    if person is None:
        raise NotFound("There is no such person any more.", code="user.not_found")
    User.objects.lock(person.id)
    reset = newest_reset(person.id)
    named = {"user": person, "act": proposal.asked["act"], "subject_id": proposal.asked["subject_id"]}
    if reset is None or Exemption.objects.filter(**named, at__gte=reset).exists():
        raise Conflict("This is allowed already.", code="exemption.exists")
    # One that was given after an earlier reset is worth nothing any more, and makes room for this one.
    exemption, _ = Exemption.objects.update_or_create(
        **named, defaults={"proposed_by_id": proposal.proposed_by_id, "confirmed_by_id": second, "at": now}
    )
    record(
        Action.SECOND_PERSON_EXEMPTED,
        actor=actor,
        subject_type="user",
        subject_id=exemption.user_id,
        organisation_id=proposal.organisation_id,
        now=now,
        facts={"act": exemption.act, "about": exemption.subject_id, "proposed_by": exemption.proposed_by_id},
    )
    return exemption
