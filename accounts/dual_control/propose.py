"""The one way to arrange what takes two: (1) one person proposes, (2) everybody who arranges people hears of
it, (3) another person makes it, or anybody who arranges people ends it. After 14 days it is over by itself.

The second person is an admin of the organisation. Where it has none besides the proposer and whom it is
about, one of the exchange's staff stands in: for arrangements, never for content. Where the exchange has none
either, whoever has a shell on its host does (`manage.py confirm_person`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import IntegrityError, transaction

from accounts.audit.actions import Action
from accounts.audit.facts import Fact
from accounts.audit.record import record
from accounts.dual_control.independence import Act, people_after_reset, require_second, why_not_second
from accounts.dual_control.letters import tell_organisation
from accounts.dual_control.models import PROPOSAL_LASTS, Proposal, ProposalKind, ProposalState
from accounts.dual_control.refused import noted
from accounts.errors import Conflict, NotAllowed, NotFound
from accounts.identity.acting import Actor, ActorKind
from accounts.identity.models import ConfirmedAs, Membership, Organisation, OrganisationKind, User
from accounts.identity.roles import Permission, Role

ARRANGE: Final = Permission.MEMBER_MANAGE
STAND_IN: Final = Permission.ORGANISATION_MANAGE
MOST_ELSEWHERE: Final = 200
MOST_LOOKED_AT: Final = 5_000
# What a member may not do while it is read-only, or under a condition, nobody confirms for it either.
RIGHTS: Final[Mapping[str, Permission]] = {
    ProposalKind.KEY: Permission.KEY_MANAGE,
    ProposalKind.LIST_SETTINGS: Permission.LIST_MANAGE,
    ProposalKind.LIST_FINDABLE: Permission.LIST_MANAGE,
    ProposalKind.LIST_SIGNERS: Permission.LIST_MANAGE,
    ProposalKind.LIST_GIVE: Permission.LIST_MANAGE,
    ProposalKind.LIST_TAKE: Permission.LIST_MANAGE,
}

# A key is brought by whoever arranges keys, or by whoever signs with it.
ALSO_PROPOSED_BY: Final[Mapping[str, Permission]] = {ProposalKind.KEY: Permission.RELEASE_SIGN}


@dataclass(frozen=True, slots=True)
class Asked:
    """What is proposed: `values` are plain and shown; `person` is whom it is about."""

    kind: ProposalKind
    subject_id: str
    values: Mapping[str, Any]
    person: User | None = None
    sealed_secret: str = ""
    note: str = ""
    id: UUID | None = None  # given when a secret was sealed for it already


def propose(organisation: Organisation, asked: Asked, *, actor: Actor, now: datetime) -> Proposal:
    """Keep what one person asks for until a second one makes it. In the caller's transaction.

    Errors: Conflict `proposal.waits`.
    """
    waiting = Proposal.objects.filter(
        kind=asked.kind, subject_id=asked.subject_id, state=ProposalState.PROPOSED
    )
    over = {"state": ProposalState.ENDED, "decided_at": now, "sealed_secret": ""}
    waiting.filter(expires_at__lte=now).update(**over)
    # A person or a list that has moved on is no longer the former organisation's to arrange.
    for former in waiting.exclude(organisation=organisation):
        waiting.filter(id=former.id).update(**over)
        record_proposal(Action.PROPOSAL_ENDED, former, actor=actor, now=now)
    named = {"id": asked.id} if asked.id else {}
    proposal = Proposal(
        **named,
        organisation=organisation,
        kind=asked.kind,
        subject_id=asked.subject_id,
        person=asked.person,
        asked=dict(asked.values),
        sealed_secret=asked.sealed_secret,
        note=asked.note,
        # Whoever issued a credential answers for what it proposes.
        proposed_by_id=actor.person_id or actor.person(),
        proposed_for_id=actor.organisation(),
        created_at=now,
        expires_at=now + PROPOSAL_LASTS,
    )
    try:
        with transaction.atomic():
            proposal.save(force_insert=True)
    except IntegrityError:
        raise Conflict(
            "The same is proposed already and waits for a second person.",
            code="proposal.waits",
            advice="Make it or end it first.",
        ) from None
    tell_arrangers(organisation, f"account.proposal.{proposal.kind}", proposal, now=now)
    record_proposal(Action.PROPOSAL_MADE, proposal, actor=actor, now=now)
    return proposal


def open_proposals(actor: Actor, *, now: datetime) -> list[Proposal]:
    """What waits in the actor's organisation; for the exchange's staff also where they must stand in."""
    own = Proposal.objects.open(now).filter(organisation_id=actor.organisation())
    shown = own.select_related("person", "proposed_by", "organisation").order_by("created_at", "id")
    if not actor.is_over_exchange:
        return list(shown)
    elsewhere = Proposal.objects.open(now).exclude(organisation_id=actor.organisation())
    others = elsewhere.select_related("person", "proposed_by", "organisation").order_by("created_at", "id")
    found = list(shown)
    # Most of them have a colleague: look on until enough are found that have none.
    for start in range(0, MOST_LOOKED_AT, MOST_ELSEWHERE):
        looked_at = list(others[start : start + MOST_ELSEWHERE])
        found += without_colleague(looked_at, now=now)
        if len(looked_at) < MOST_ELSEWHERE or len(found) >= MOST_ELSEWHERE:
            break
    return found


def without_colleague(proposals: Collection[Proposal], *, now: datetime) -> list[Proposal]:
    """Those that no admin of their organisation could confirm now, so that the exchange's staff stand in.

    Two questions to the database, however many there are.
    """
    ordinary = [one for one in proposals if not is_for_staff(one)]
    where = {one.organisation_id for one in ordinary}
    living = (
        Membership.objects.current().filter(organisation_id__in=where) if where else Membership.objects.none()
    )
    admins = living.with_role(Role.ADMIN)
    after_reset = people_after_reset({one.user_id for one in admins}, now=now)

    def has_colleague(proposal: Proposal) -> bool:
        return any(
            place.organisation_id == proposal.organisation_id
            and place.user_id not in (proposal.proposed_by_id, proposal.person_id)
            and place.user_id not in after_reset
            and place.confirms(right_of(proposal))
            for place in admins
        )

    return [one for one in proposals if is_for_staff(one) or not has_colleague(one)]


def seen_proposal(proposal_id: UUID, *, actor: Actor, now: datetime) -> Proposal:
    """One that waits and that this actor may decide about. Errors: NotFound `proposal.not_found`."""
    found = Proposal.objects.open(now).filter(id=proposal_id)
    one = found.select_related("person", "proposed_by", "organisation").first()
    if one is None or not (actor.is_over_exchange or one.organisation_id == actor.organisation_id):
        # Said alike of what is absent, decided, too old, or another organisation's.
        raise NotFound("There is no such proposal.", code="proposal.not_found")
    return one


def is_for_staff(proposal: Proposal) -> bool:
    """Whether both sides are the exchange's staff: an exemption, and a second step of their own people or of
    somebody who belongs to several organisations. A role that only arranges the operator's people is neither.
    """
    staff_alone = proposal.kind in (ProposalKind.SECOND_STEP, ProposalKind.EXEMPTION)
    return staff_alone and proposal.organisation.kind == OrganisationKind.OPERATOR


def staff_for(proposal: Proposal, *, now: datetime) -> list[UUID]:
    """The exchange's staff who could stand in, asked only where no colleague can be the second person."""
    taken = {proposal.proposed_by_id, proposal.person_id}
    living = Membership.objects.current().filter(organisation__kind=OrganisationKind.OPERATOR)
    act = act_of(proposal, STAND_IN)
    return [
        one.user_id
        for one in living.with_role(Role.EXCHANGE_ADMIN)
        if one.user_id not in taken and not why_not_second(one.user_id, one.organisation_id, act, now=now)
    ]


def make(proposal: Proposal, *, actor: Actor, now: datetime) -> ConfirmedAs:
    """Mark a proposal as made by a second person; the caller's transaction brings about what it asks for.

    (1) who acts is somebody else, (2) may be the second here, (3) whoever proposed still could, (4) and the
    organisation may do it at all now, whoever stands in.
    Errors: NotFound `proposal.not_found`; NotAllowed `actor.person_needed`, `permission.missing`,
    `proposal.second_person`, `proposal.own`, `proposal.colleague_needed`, `second_person.…`; Conflict
    `proposal.proposer_gone`, `proposal.not_now`.
    """
    as_what, person = _second(proposal, actor, now=now)
    if not proposer_counts(proposal, now=now):  # (3)
        gone = Conflict(
            "Whoever proposed this could not propose it any more.",
            code="proposal.proposer_gone",
            advice="End the proposal, and propose it again if it is right.",
        )
        raise noted(gone, actor=actor, subject_type="proposal", subject_id=proposal.id)
    if not proposal.organisation.leaves(frozenset({right_of(proposal)})):  # (4)
        raise Conflict(
            "The organisation may not do this at the moment.",
            code="proposal.not_now",
            advice="It is read-only, or under a condition: see its membership.",
        )
    moved = Proposal.objects.open(now).filter(id=proposal.id)
    if not moved.update(
        state=ProposalState.MADE, decided_by_id=person, decided_as=as_what.value, decided_at=now
    ):
        raise NotFound("There is no such proposal.", code="proposal.not_found")
    proposal.refresh_from_db()
    return as_what


def end_proposal(proposal_id: UUID, *, actor: Actor, now: datetime) -> Proposal:
    """Withdraw a proposal, or decline it; nothing changes. Whoever could make it may, and its proposer.

    Errors: NotFound `proposal.not_found`; NotAllowed `permission.missing`, `actor.person_needed`,
    `proposal.colleague_needed`.
    """
    person = actor.person()
    proposal = seen_proposal(proposal_id, actor=actor, now=now)
    own = actor.organisation_id == proposal.organisation_id
    actor.require(right_of(proposal) if own else STAND_IN)
    # A proposal of its own organisation's staff is theirs to end; a member's only where they stand in.
    if not own and actor.person() != proposal.proposed_by_id and not without_colleague([proposal], now=now):
        raise _colleague_needed()
    with transaction.atomic():
        if (
            not Proposal.objects.open(now)
            .filter(id=proposal.id)
            .update(state=ProposalState.ENDED, decided_by_id=person, decided_at=now, sealed_secret="")
        ):
            raise NotFound("There is no such proposal.", code="proposal.not_found")
        record_proposal(Action.PROPOSAL_ENDED, proposal, actor=actor, now=now)
    proposal.refresh_from_db()
    return proposal


def proposer_counts(proposal: Proposal, *, now: datetime) -> bool:
    """Whether whoever proposed could propose it now, as whom they were then."""
    own = proposal.proposed_for_id == proposal.organisation_id
    rights = (
        {right_of(proposal), ALSO_PROPOSED_BY.get(proposal.kind, right_of(proposal))} if own else {STAND_IN}
    )
    by, where, since = proposal.proposed_by_id, proposal.proposed_for_id, proposal.created_at
    return any(
        not why_not_second(by, where, act_of(proposal, right), now=now, since=since) for right in rights
    )


def right_of(proposal: Proposal) -> Permission:
    """The right that proposing and confirming it takes in its organisation."""
    return STAND_IN if is_for_staff(proposal) else RIGHTS.get(proposal.kind, ARRANGE)


def act_of(proposal: Proposal, permission: Permission | None = None) -> Act:
    return Act(permission or right_of(proposal), "proposal.make", "proposal", str(proposal.id))


def lapsed_secrets(now: datetime, limit: int) -> list[UUID]:
    """Proposals that are over by themselves and still hold a secret."""
    lapsed = Proposal.objects.filter(expires_at__lte=now).exclude(sealed_secret="")
    return list(lapsed.order_by("expires_at", "id").values_list("id", flat=True)[:limit])


def forget_secret(proposal_id: UUID, *, now: datetime) -> None:
    """Nobody makes this proposal any more: its secret has no use left."""
    Proposal.objects.filter(id=proposal_id, expires_at__lte=now).update(sealed_secret="")


def _second(proposal: Proposal, actor: Actor, *, now: datetime) -> tuple[ConfirmedAs, UUID | None]:
    """As what the actor may be the second person, and who they are: nobody in particular, for the host."""
    if actor.kind is ActorKind.SYSTEM:
        if not without_colleague([proposal], now=now) or staff_for(proposal, now=now):
            raise NotAllowed(
                "There are people who can confirm this.",
                code="proposal.people_first",
                advice="The host stands in only where no admin and nobody of the exchange's staff can.",
            )
        return ConfirmedAs.HOST, None
    own = actor.organisation_id == proposal.organisation_id
    if not own and not actor.is_over_exchange:
        raise NotFound("There is no such proposal.", code="proposal.not_found")
    person = actor.person()
    _require_somebody_else(proposal, actor, person)  # (1)
    if own and not is_for_staff(proposal) and actor.may(right_of(proposal)):
        return ConfirmedAs.COLLEAGUE, require_second(actor, act_of(proposal), now=now)  # (2)
    if not actor.is_over_exchange:
        actor.require(right_of(proposal))
    if not without_colleague([proposal], now=now):
        raise noted(_colleague_needed(), actor=actor, subject_type="proposal", subject_id=proposal.id)
    return ConfirmedAs.EXCHANGE, require_second(actor, act_of(proposal, STAND_IN), now=now)


def _colleague_needed() -> NotAllowed:
    return NotAllowed(
        "An admin of the organisation can confirm this, so the exchange does not.",
        code="proposal.colleague_needed",
    )


def _require_somebody_else(proposal: Proposal, actor: Actor, person: UUID) -> None:
    refusal = None
    if person == proposal.proposed_by_id:
        refusal = NotAllowed(
            "Whoever proposed this does not confirm it.",
            code="proposal.second_person",
            advice="Ask another admin; where there is none, one of the exchange's staff.",
        )
    elif person == proposal.person_id:
        refusal = NotAllowed("Nobody confirms what is about themselves.", code="proposal.own")
    if refusal is not None:
        raise noted(refusal, actor=actor, subject_type="proposal", subject_id=proposal.id)


def tell_arrangers(organisation: Organisation, letter: str, proposal: Proposal, *, now: datetime) -> None:
    """A letter to every admin and duty contact of the organisation, and to the staff where they stand in."""
    staff: list[User] = []
    if without_colleague([proposal], now=now):
        living = Membership.objects.current().filter(organisation__kind=OrganisationKind.OPERATOR)
        staff = [one.user for one in living.select_related("user").with_role(Role.EXCHANGE_ADMIN)]
    facts = {"who": str(proposal.proposed_by), "whom": proposal.about}
    tell_organisation(
        letter,
        organisation,
        facts=facts,
        also=staff,
        besides=proposal.person_id,
        path="/organisation/proposals",
        now=now,
    )


def record_proposal(
    action: Action,
    proposal: Proposal,
    *,
    actor: Actor,
    now: datetime,
    facts: Mapping[str, Fact] | None = None,
) -> None:
    record(
        action,
        actor=actor,
        subject_type="proposal",
        subject_id=proposal.id,
        organisation_id=proposal.organisation_id,
        now=now,
        facts={
            "kind": proposal.kind,
            "about": proposal.subject_id,
            "person_id": proposal.person_id,
            "proposed_by": proposal.proposed_by_id,
            **(facts or {}),
        },
    )
