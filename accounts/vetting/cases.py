"""What every act in a case shares: seeing it, its moves, its clock, its owner, its notes and who takes
part.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction

from accounts.audit.actions import Action
from accounts.audit.facts import Fact
from accounts.audit.record import record
from accounts.errors import Conflict, NotAllowed, NotFound
from accounts.identity.acting import Actor
from accounts.identity.models import Membership, OrganisationKind, User
from accounts.identity.roles import Permission, Role
from accounts.mail.queue import queue_mail
from accounts.vetting.models import (
    AT_WORK,
    CASE_MOVES,
    Audience,
    Case,
    CaseNote,
    CasePart,
    CaseState,
    PartKind,
)
from accounts.wording import paragraphs


def case_seen(case_id: str, *, actor: Actor) -> Case:
    """One case for the exchange's people; to everybody else there is none.

    Errors: NotFound `case.not_found`.
    """
    found = None
    if actor.is_over_exchange:
        known = Case.objects.seen_by_exchange().select_related("organisation", "owner", "checklist")
        found = known.filter(id=case_id).first()
    if found is None:
        raise NotFound("There is no such case.", code="case.not_found")
    return found


def case_locked(case_id: str, *states: CaseState, actor: Actor) -> Case:
    """The same, locked by the caller's transaction and in one of `states` (none: any).

    Errors: NotFound `case.not_found`; NotAllowed `actor.person_needed`; Conflict `case.state`.
    """
    case_seen(case_id, actor=actor)
    actor.person()
    case = Case.objects.lock(case_id)
    if case is None:
        raise NotFound("There is no such case.", code="case.not_found")
    if states and case.state not in states:
        raise Conflict(
            f"This case is {case.get_state_display()}, so this is not possible.",
            code="case.state",
            state=case.state,
        )
    return case


def move(case: Case, to: CaseState, **columns: Any) -> None:
    """One allowed move of a locked case, as a conditional update. Errors: Conflict `case.state`."""
    origins = [state for state, targets in CASE_MOVES.items() if to in targets]
    if not Case.objects.filter(id=case.id, state=case.state, state__in=origins).update(state=to, **columns):
        raise Conflict(
            f"A case that is {case.get_state_display()} cannot become {to.label}.", code="case.state"
        )
    case.state = to
    for name, value in columns.items():
        setattr(case, name, value)


def move_clock(case: Case, *, running: bool, now: datetime) -> None:
    """Stop the clock while we wait for the applicant, and let it go on afterwards."""
    if running and case.stopped_at is not None:
        case.stopped_seconds += int((now - case.stopped_at).total_seconds())
        case.stopped_at = None
    elif not running and case.stopped_at is None:
        case.stopped_at = now
    case.save(update_fields=["stopped_at", "stopped_seconds"])


def own_case(case_id: str, *, actor: Actor, now: datetime) -> Case:
    """Become the one whom others ask about it. Errors: as `case_locked`."""
    with transaction.atomic():
        case = case_locked(case_id, *AT_WORK, actor=actor)
        case.owner_id = actor.person()
        case.save(update_fields=["owner"])
        record_case(Action.CASE_OWNED, case, actor=actor, now=now)
    return case


def add_note(case_id: str, text: str, *, to_applicant: bool, actor: Actor, now: datetime) -> CaseNote:
    """A word for colleagues, or one that the applicant reads on their status page.

    Errors: as `case_locked`; Invalid on the text.
    """
    said = paragraphs(text, field="note", limit=4_000)
    audience = Audience.APPLICANT if to_applicant else Audience.INTERNAL
    with transaction.atomic():
        case = case_locked(case_id, actor=actor)
        note = CaseNote.objects.create(
            case=case, audience=audience, text=said, person_id=actor.person(), written_at=now
        )
        if to_applicant:
            tell_applicant(case, "vetting.information", now=now)
        record_case(Action.CASE_NOTED, case, actor=actor, now=now, facts={"audience": audience.value})
    return note


def ask_for_information(case_id: str, text: str, *, actor: Actor, now: datetime) -> Case:
    """Ask the applicant; the clock stands still until they reply. Errors: as `case_locked`; Invalid."""
    said = paragraphs(text, field="note", limit=4_000)
    with transaction.atomic():
        case = case_locked(case_id, CaseState.OPEN, actor=actor)
        if case.decisions.filter(state="proposed").exists():
            raise Conflict(
                "A decision is proposed: give it back first, then ask.", code="case.decision_waits"
            )
        CaseNote.objects.create(
            case=case, audience=Audience.APPLICANT, text=said, person_id=actor.person(), written_at=now
        )
        move(case, CaseState.INFORMATION)
        move_clock(case, running=False, now=now)
        tell_applicant(case, "vetting.information", now=now)
        record_case(Action.CASE_INFORMATION_ASKED, case, actor=actor, now=now)
    return case


def declare_conflict(case_id: str, text: str, *, actor: Actor, now: datetime) -> CasePart:
    """Say that one has an interest: from now on one keeps out, and what one found no longer counts.

    Errors: as `case_locked`; Invalid on the text; Conflict `case.part_decided`.
    """
    said = paragraphs(text, field="conflict", limit=1_000)
    with transaction.atomic():
        case = case_locked(case_id, actor=actor)
        part = CasePart.objects.filter(case=case, person_id=actor.person()).first()
        if part is None:
            part = _new_part(case, PartKind.CONFLICTED, actor=actor, now=now)
        elif part.kind == PartKind.DECIDER:
            raise Conflict(
                "You have decided this case already.",
                code="case.part_decided",
                advice="Tell a colleague, who opens a review of the member.",
            )
        part.conflict, part.conflict_at = said, now
        part.save(update_fields=["conflict", "conflict_at"])
        case.decisions.filter(state="proposed", proposed_by=part).update(
            state="returned", returned_by=actor.person(), returned_because=said
        )
        record_case(Action.CASE_CONFLICT_DECLARED, case, actor=actor, now=now)
    return part


def take_part(case: Case, kind: PartKind, *, unconflicted: bool, actor: Actor, now: datetime) -> CasePart:
    """The actor's part in a locked case, taken now or before; nobody has two.

    `unconflicted` is their word, asked for when the part begins, that they have no interest in the case.
    Errors: NotAllowed `case.conflicted`, `case.conflict_unasked`, `case.other_part`.
    """
    part = CasePart.objects.filter(case=case, person_id=actor.person()).first()
    if part is not None and part.conflict_at is not None:
        raise NotAllowed("You declared a conflict of interest in this case.", code="case.conflicted")
    if part is not None and part.kind != kind:
        raise _other_part(kind)
    if part is not None:
        return part
    if not unconflicted:
        raise NotAllowed(
            "Say first that you have no conflict of interest in this case.",
            code="case.conflict_unasked",
            field="unconflicted",
        )
    return _new_part(case, kind, actor=actor, now=now)


def _new_part(case: Case, kind: PartKind, *, actor: Actor, now: datetime) -> CasePart:
    person_id = actor.person()
    try:
        with transaction.atomic():
            part = CasePart.objects.create(
                id=f"{kind.value}{case.id}-{person_id}",
                case=case,
                person_id=person_id,
                kind=kind,
                taken_at=now,
            )
    except IntegrityError:
        raise _other_part(kind) from None
    return part  # no event of its own: what the person does next in this transaction is the act


def _other_part(kind: PartKind) -> NotAllowed:
    if kind == PartKind.DECIDER:
        return NotAllowed(
            "Whoever collected evidence or proposed does not decide.",
            code="case.other_part",
            advice="A colleague who took no part in this case has to decide it.",
        )
    return NotAllowed("You decided in this case, so you collect nothing for it.", code="case.decided_part")


def tell_applicant(case: Case, kind: str, *, now: datetime) -> None:
    """A letter without any detail of the case: what it says is read on the status page."""
    path = "/organisation/review" if case.organisation_id else "/apply/resume"
    queue_mail(kind, to=case.email, language=case.language, facts={"reference": case.id}, path=path, now=now)


def tell_exchange(case: Case, *, now: datetime) -> None:
    """A letter to those who vet: there is something to do."""
    for user in exchange_admins():
        queue_mail(
            "vetting.work", to=user, facts={"reference": case.id}, path=f"/applications/{case.id}", now=now
        )


def exchange_admins() -> list[User]:
    staff = Membership.objects.current().filter(organisation__kind=OrganisationKind.OPERATOR)
    vetting = staff.select_related("user").with_role(Role.EXCHANGE_ADMIN)
    return list({one.user_id: one.user for one in vetting}.values())


def record_case(
    action: Action, case: Case, *, actor: Actor, now: datetime, facts: Mapping[str, Fact] | None = None
) -> None:
    """An act of the exchange's people: their own organisation reads it, never the applicant's."""
    record(
        action,
        actor=actor,
        subject_type="case",
        subject_id=case.id,
        organisation_id=actor.organisation_id,
        now=now,
        facts=facts,
    )


def may_vet(actor: Actor) -> bool:
    return actor.is_operator and actor.may(Permission.ORGANISATION_MANAGE)
