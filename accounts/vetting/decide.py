"""Two people decide a case: one who prepared it proposes, another who collected nothing takes it or gives it
back.

The steps of taking a decision: (1) the case's row is locked, so that two deciders wait for each other; (2)
the decider takes their part, which the database refuses to whoever prepared the case; (3) the checklist is
read again, because evidence may have expired since; (4) the decision, the case and, on approval, the
organisation change together. An appeal is decided by others: neither who proposed the first decision nor who
took it may act on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import IntegrityError, transaction

from accounts.audit.actions import Action
from accounts.dual_control.independence import Act, require_second, require_still
from accounts.errors import Conflict, Invalid, NotAllowed
from accounts.identity.acting import Actor
from accounts.identity.roles import BLOCKABLE, Permission
from accounts.standing.models import Condition
from accounts.vetting.admit import admit
from accounts.vetting.cases import (
    case_locked,
    exchange_admins,
    move,
    record_case,
    take_part,
    tell_applicant,
    tell_exchange,
)
from accounts.vetting.evidence import missing_items
from accounts.vetting.models import (
    DECIDABLE,
    Case,
    CaseState,
    Decision,
    DecisionState,
    DeclineReason,
    Outcome,
    PartKind,
)
from accounts.wording import paragraphs

MOST_CONDITIONS = 10
LONGEST_PROBATION = timedelta(days=398)


@dataclass(frozen=True, slots=True)
class ProposedCondition:
    """What is still owed after approval: by when, who of the exchange sees to it, and what is blocked."""

    text: str
    owner_id: UUID
    due_at: datetime
    blocked: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Proposal:
    """A decision as it is proposed."""

    outcome: str
    reason: str = ""
    message: str = ""
    note: str = ""
    probation_until: datetime | None = None
    conditions: tuple[ProposedCondition, ...] = ()


def propose_decision(
    case_id: str, proposal: Proposal, *, unconflicted: bool, actor: Actor, now: datetime
) -> Decision:
    """Propose how to decide; the proposer becomes a preparer. Approval needs a complete checklist.

    Errors: as `case_locked` and `take_part`; Invalid `decision.…`; Conflict `decision.waits`,
    `decision.incomplete`; NotAllowed `decision.not_again`.
    """
    checked = _checked(proposal, now=now)
    with transaction.atomic():
        case = case_locked(case_id, *DECIDABLE, actor=actor)
        _require_others(case, actor)
        part = take_part(case, PartKind.PREPARER, unconflicted=unconflicted, actor=actor, now=now)
        if checked.outcome == Outcome.APPROVE:
            _require_complete(case, now=now)
        try:
            with transaction.atomic():
                decision = Decision.objects.create(
                    case=case,
                    outcome=checked.outcome,
                    on_appeal=case.state == CaseState.APPEALED,
                    reason=checked.reason,
                    message=checked.message,
                    note=checked.note,
                    probation_until=checked.probation_until,
                    proposed_by=part,
                    proposed_at=now,
                )
        except IntegrityError:
            raise Conflict("A decision is proposed already.", code="decision.waits") from None
        Condition.objects.bulk_create(
            Condition(
                decision=decision,
                text=one.text,
                owner_id=one.owner_id,
                due_at=one.due_at,
                blocked=list(one.blocked),
            )
            for one in checked.conditions
        )
        tell_exchange(case, now=now)
        record_case(
            Action.CASE_DECISION_PROPOSED,
            case,
            actor=actor,
            now=now,
            facts={
                "decision": decision.id,
                "outcome": decision.outcome,
                "conditions": len(checked.conditions),
            },
        )
    return decision


def return_decision(decision_id: UUID, reason: str, *, actor: Actor, now: datetime) -> Decision:
    """Give a proposal back, with the reason; anybody who vets may, its proposer included.

    Errors: as `case_locked`; Invalid on the reason; Conflict `decision.gone`.
    """
    why = paragraphs(reason, field="reason", limit=2_000)
    with transaction.atomic():
        decision, case = _locked(decision_id, actor)
        decision.state, decision.returned_because = DecisionState.RETURNED, why
        decision.returned_by_id = actor.person()
        decision.save(update_fields=["state", "returned_because", "returned_by"])
        record_case(
            Action.CASE_DECISION_RETURNED, case, actor=actor, now=now, facts={"decision": decision.id}
        )
    return decision


def take_decision(decision_id: UUID, *, unconflicted: bool, actor: Actor, now: datetime) -> Decision:
    """Decide as proposed, as the second person. Errors: as `case_locked` and `take_part`; Conflict
    `decision.gone`, `decision.incomplete`, `organisation.name_taken`; NotAllowed `decision.not_again`.
    """
    with transaction.atomic():
        decision, case = _locked(decision_id, actor)  # (1)
        _require_others(case, actor)
        part = take_part(case, PartKind.DECIDER, unconflicted=unconflicted, actor=actor, now=now)  # (2)
        _require_two(decision, actor, now=now)
        if decision.outcome == Outcome.APPROVE:
            _require_complete(case, now=now)  # (3)
        decision.state, decision.decided_by, decision.decided_at = DecisionState.TAKEN, part, now
        try:
            with transaction.atomic():
                decision.save(update_fields=["state", "decided_by", "decided_at"])
        except IntegrityError:
            raise _gone() from None
        if decision.outcome == Outcome.APPROVE:  # (4)
            move(case, CaseState.APPROVED, decided_at=now)
            admit(case, decision, actor=actor, now=now)
        else:
            move(case, CaseState.REJECTED if decision.on_appeal else CaseState.DECLINED, decided_at=now)
            tell_applicant(case, "vetting.decided", now=now)
        record_case(
            Action.CASE_DECIDED,
            case,
            actor=actor,
            now=now,
            facts={
                "decision": decision.id,
                "outcome": decision.outcome,
                "reason": decision.reason,
                "on_appeal": decision.on_appeal,
            },
        )
    return decision


def _require_two(decision: Decision, actor: Actor, *, now: datetime) -> None:
    """Both count now: whoever decides, and whoever proposed.

    Errors: NotAllowed `second_person.…`; Conflict `decision.proposer_gone`.
    """
    act = Act(Permission.ORGANISATION_MANAGE, "decision.take", "decision", str(decision.id))
    require_second(actor, act, now=now)
    gone = Conflict(
        "Whoever proposed this decision could not propose it any more.",
        code="decision.proposer_gone",
        advice="Give it back, and propose it again if it is right.",
    )
    proposer, since = decision.proposed_by.person_id, decision.proposed_at
    require_still(proposer, actor.organisation(), act, gone, actor=actor, now=now, since=since)


def _locked(decision_id: UUID, actor: Actor) -> tuple[Decision, Case]:
    """An open proposal and its case, whose row is locked. Errors: as `case_locked`; Conflict
    `decision.gone`.
    """
    named = Decision.objects.filter(id=decision_id).values_list("case_id", flat=True).first()
    case = case_locked(named or "", *DECIDABLE, actor=actor)
    decision = Decision.objects.filter(id=decision_id, state=DecisionState.PROPOSED).first()
    if decision is None:
        raise _gone()
    decision.case = case
    return decision, case


def _gone() -> Conflict:
    return Conflict("This proposal was decided or given back already.", code="decision.gone")


def _require_complete(case: Case, *, now: datetime) -> None:
    missing = missing_items(case, now=now)
    if missing:
        raise Conflict(
            "Not every required check has passed.",
            code="decision.incomplete",
            advice="Complete the checklist first.",
            items=", ".join(one.item.code for one in missing),
        )


def _require_others(case: Case, actor: Actor) -> None:
    """An appeal is for people who had no hand in the decision that it is about."""
    if case.state != CaseState.APPEALED:
        return
    first = Decision.objects.filter(case=case, state=DecisionState.TAKEN, on_appeal=False)
    hands = first.values_list("proposed_by__person_id", "decided_by__person_id")
    if any(actor.person() in pair for pair in hands):
        raise NotAllowed(
            "An appeal is decided by people who had no hand in the first decision.", code="decision.not_again"
        )


def _checked(proposal: Proposal, *, now: datetime) -> Proposal:
    if proposal.outcome not in Outcome.values:
        raise Invalid("Say how to decide.", code="decision.outcome", field="outcome")
    declines = proposal.outcome == Outcome.DECLINE
    if declines and proposal.reason not in DeclineReason.values:
        raise Invalid("Say why it is declined.", code="decision.reason", field="reason")
    if declines and (proposal.conditions or proposal.probation_until):
        raise Invalid(
            "Conditions and probation belong to an approval.", code="decision.conditions", field="outcome"
        )
    until = proposal.probation_until
    if until is not None and not now < until <= now + LONGEST_PROBATION:
        raise Invalid("Probation ends within 398 days.", code="decision.probation", field="probation_until")
    if len(proposal.conditions) > MOST_CONDITIONS:
        raise Invalid("These are too many conditions.", code="decision.too_many", field="conditions")
    return Proposal(
        outcome=proposal.outcome,
        reason=proposal.reason if declines else "",
        message=paragraphs(proposal.message, field="message", limit=2_000, required=declines),
        note=paragraphs(proposal.note, field="note", limit=2_000, required=False),
        probation_until=until,
        conditions=_checked_conditions(proposal.conditions, now=now),
    )


def condition_field(number: int, part: str = "") -> str:
    """How a refusal names a field of the first condition, the second and so on: `condition`,
    `condition_owner`, `condition_2`, `condition_2_owner`.
    """
    return "_".join(filter(None, ("condition", str(number) if number > 1 else "", part)))


def _checked_conditions(
    conditions: Sequence[ProposedCondition], *, now: datetime
) -> tuple[ProposedCondition, ...]:
    admins = {user.id for user in exchange_admins()} if conditions else set()
    known = {permission.value for permission in BLOCKABLE}
    checked = []
    for number, one in enumerate(conditions, start=1):
        owner, due, blocked = (condition_field(number, part) for part in ("owner", "due", "blocked"))
        if one.owner_id not in admins:
            raise Invalid("Name who sees to the condition.", code="condition.owner", field=owner)
        if not now < one.due_at <= now + LONGEST_PROBATION:
            raise Invalid("A condition is due within 398 days.", code="condition.due", field=due)
        if not known.issuperset(one.blocked):
            raise Invalid("This right cannot be blocked.", code="condition.blocked", field=blocked)
        text = paragraphs(one.text, field=condition_field(number), limit=1_000)
        checked.append(ProposedCondition(text, one.owner_id, one.due_at, tuple(one.blocked)))
    return tuple(checked)
