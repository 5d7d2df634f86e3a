"""What an approval brings about: a member, its first admin, its conditions, and the day of its next
review.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from accounts.domains.models import DomainProof
from accounts.identity.acting import Actor
from accounts.identity.models import Organisation, User
from accounts.identity.roles import Role
from accounts.mail.queue import queue_mail
from accounts.membership.members import add_member
from accounts.membership.register import create_organisation, create_user
from accounts.standing.keep import refresh_standing
from accounts.standing.models import Condition, Standing
from accounts.vetting.cases import tell_applicant
from accounts.vetting.models import Case, Decision, Purpose

REVIEW_EVERY: Final = timedelta(days=398)


def admit(case: Case, decision: Decision, *, actor: Actor, now: datetime) -> Organisation:
    """Make the applicant a member, or let a member stay. Inside the transaction that takes the decision.

    Errors: Conflict `organisation.name_taken`: the applicant then chooses another name.
    """
    # Rows that others lock before they append to the audit come first: the chain's head is locked last.
    proof = DomainProof.objects.select_for_update(no_key=True).filter(case=case).first()
    if case.organisation_id is not None:
        Organisation.objects.lock(case.organisation_id)
    organisation = case.organisation or _found(case, actor=actor, now=now)
    Condition.objects.filter(decision=decision).update(organisation=organisation)
    review_due = now + REVIEW_EVERY
    if decision.probation_until is not None:
        review_due = min(review_due, decision.probation_until)
    Standing.objects.update_or_create(
        organisation=organisation,
        defaults={
            "vetted_at": now,
            "review_due_at": review_due,
            "probation_until": decision.probation_until,
        },
    )
    if proof is not None:
        DomainProof.objects.filter(id=proof.id).update(organisation=organisation)
    refresh_standing(organisation.id, actor=actor, now=now)
    if case.purpose == Purpose.REVIEW:
        tell_applicant(case, "vetting.decided", now=now)
    return organisation


def _found(case: Case, *, actor: Actor, now: datetime) -> Organisation:
    organisation = create_organisation(
        name=case.name,
        kind=case.answers["kind"],
        jurisdiction=case.answers["jurisdiction"],
        actor=actor,
        now=now,
    )
    case.organisation = organisation
    case.save(update_fields=["organisation"])
    user = User.objects.filter(email=case.email).first() or create_user(
        email=case.email,
        name=case.answers["contact_name"],
        password=None,
        language=case.language,
        actor=actor,
        now=now,
    )
    add_member(user, organisation, roles=[Role.ADMIN], actor=actor, now=now, decided_by_two=True)
    queue_mail("vetting.approved", to=user, facts={"reference": case.id}, path="/apply/resume", now=now)
    return organisation
