"""A member is looked at again before its evidence is too old: a case like the first, with what is known
filled in.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef

from accounts.audit.actions import Action
from accounts.audit.record import record
from accounts.domains.prove import ask_for_look, claim_domain
from accounts.errors import Conflict, NotFound
from accounts.identity.acting import Actor, system_actor
from accounts.identity.models import Organisation, OrganisationStatus
from accounts.identity.roles import Permission
from accounts.standing.keep import admins_of
from accounts.standing.models import Standing
from accounts.vetting.apply import answer_question, submit_application
from accounts.vetting.codes import code_digest, new_code, new_reference
from accounts.vetting.models import Case, CaseState, Purpose

OPENS_BEFORE: Final = timedelta(days=60)
_CLOCK: Final = system_actor("clock")
_UNDECIDED: Final = (CaseState.DRAFT, CaseState.OPEN, CaseState.INFORMATION, CaseState.APPEALED)


def reviews_due(now: datetime, limit: int) -> Sequence[UUID]:
    """Members whose review opens: within sixty days of its day, and none open yet."""
    undecided = Case.objects.filter(
        organisation_id=OuterRef("organisation_id"), purpose=Purpose.REVIEW, state__in=_UNDECIDED
    )
    due = Standing.objects.filter(
        ~Exists(undecided),
        review_due_at__lte=now + OPENS_BEFORE,
        organisation__status=OrganisationStatus.ACTIVE,
    )
    return list(due.order_by("review_due_at").values_list("organisation_id", flat=True)[:limit])


def open_review(organisation_id: UUID, *, actor: Actor = _CLOCK, now: datetime) -> Case | None:
    """Make the review case as a draft of the member's; None when one is open or nobody could fill it in.

    Its answers are those of the last case, so that a member only says what has changed.
    """
    with transaction.atomic():
        organisation = Organisation.objects.lock(organisation_id)
        cases = Case.objects.filter(organisation=organisation)
        admins = admins_of(organisation)
        if not admins or cases.filter(purpose=Purpose.REVIEW, state__in=_UNDECIDED).exists():
            return None
        last = cases.filter(state=CaseState.APPROVED).order_by("-decided_at").first()
        known = {"kind": organisation.kind, "name": organisation.name,
                 "jurisdiction": organisation.jurisdiction}  # fmt: skip
        case = Case.objects.create(
            id=new_reference(),
            purpose=Purpose.REVIEW,
            organisation=organisation,
            name=organisation.name,
            answers={**(last.answers if last else {}), **known},
            email=admins[0].email,
            email_proven_at=now,
            language=admins[0].language,
            code_digest=code_digest(new_code()),  # nobody has it: members come by signing in
            code_sent_at=now,
            created_at=now,
            changed_at=now,
        )
        if domain := case.answers.get("domain"):
            ask_for_look(claim_domain(case.id, domain, actor=actor, now=now), now=now)
        record(
            Action.REVIEW_OPENED,
            actor=actor,
            subject_type="case",
            subject_id=case.id,
            organisation_id=organisation.id,
            now=now,
        )
    return case


def own_review(*, actor: Actor) -> Case | None:
    """The open review of the actor's organisation, or else its newest case."""
    cases = Case.objects.filter(organisation_id=actor.organisation()).select_related("checklist")
    return cases.filter(state__in=_UNDECIDED).first() or cases.order_by("-created_at").first()


def answer_review(question: str, given: dict[str, str], *, actor: Actor, now: datetime) -> Case:
    """Change what is known, by an admin of the member. Errors: as `answer_question`; NotFound, NotAllowed."""
    return answer_question(_draft(actor).id, question, given, now=now)


def submit_review(*, declared: bool, actor: Actor, now: datetime) -> Case:
    """Hand the review in. Errors: as `submit_application`; NotFound `review.none`; NotAllowed."""
    return submit_application(_draft(actor).id, declared=declared, now=now)


def _draft(actor: Actor) -> Case:
    case = own_review(actor=actor)
    if case is None or case.purpose != Purpose.REVIEW:
        raise NotFound("No review is open for your organisation.", code="review.none")
    actor.require(Permission.MEMBER_MANAGE)
    actor.person()
    if case.state not in _UNDECIDED:
        raise Conflict("The review is decided.", code="application.state")
    return case
