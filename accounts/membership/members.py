"""Who belongs where, and as what. Rights follow from these rows at every use, so a change needs nothing else.

Roles on either side of an act that takes two people are in force once a second person has confirmed them
(`accounts.membership.confirm`). An exchange admin may appoint the *first* admin of an organisation and nobody
else in it: otherwise one insider could make themselves another organisation's approver. Nobody changes their
own roles, for the same reason.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import F

from accounts.audit.actions import Action
from accounts.audit.facts import Fact
from accounts.audit.record import record
from accounts.dual_control.models import Proposal, ProposalKind, ProposalState
from accounts.dual_control.propose import Asked, propose
from accounts.errors import Conflict, Invalid, NotAllowed, NotFound
from accounts.identity.acting import Actor, ActorKind
from accounts.identity.models import ConfirmedAs, Membership, Organisation, User
from accounts.identity.roles import CONFIRMED_ROLES, Permission, Role


def add_member(
    user: User,
    organisation: Organisation,
    *,
    roles: Iterable[str],
    actor: Actor,
    now: datetime,
    decided_by_two: bool = False,
) -> Membership:
    """Give `user` a place and `roles` in `organisation`; what takes two people waits for the second one.

    A place that the host gives is confirmed by it; `decided_by_two` says that the caller's own decision was
    taken by two people (an application).

    Errors: NotFound `organisation.not_found` (a stranger), NotAllowed `permission.missing`,
    `membership.own`, `membership.first_admin_only`; Invalid `membership.roles`; Conflict `membership.exists`.
    """
    _require_may_appoint(actor, organisation, user=user)
    wanted = chosen_roles(roles, kind=organisation.kind)
    with transaction.atomic():
        locked = Organisation.objects.lock(organisation.id)
        if actor.kind is not ActorKind.SYSTEM and actor.organisation_id != organisation.id:
            # Under the lock, so that two exchange admins cannot both appoint "the first".
            _require_first_admin(locked, wanted)
        try:
            with transaction.atomic():
                membership = Membership.objects.create(
                    user=user,
                    organisation=locked,
                    roles=[role.value for role in wanted],
                    granted_by_id=actor.person_id,
                    created_at=now,
                    **_confirmation(wanted, actor, decided_by_two=decided_by_two, now=now),
                )
        except IntegrityError:
            raise Conflict(
                "This person belongs to the organisation already.", code="membership.exists"
            ) from None
        _ask_second(membership, actor=actor, now=now)
        _record_membership(Action.MEMBERSHIP_ADDED, membership, actor=actor, now=now)
    return membership


def change_roles(membership_id: int, *, roles: Iterable[str], actor: Actor, now: datetime) -> Membership:
    """Replace the roles of a current membership; nobody changes their own. What is taken away is gone at
    once, what is new and takes two people waits for the second one.

    Errors: NotFound `membership.not_found`; NotAllowed `permission.missing`, `membership.own`;
    Invalid `membership.roles`; Conflict `membership.last_admin`.
    """
    with transaction.atomic():
        membership = _lock_membership(membership_id, actor)
        _refuse_own(actor, membership.user_id)
        wanted = chosen_roles(roles, kind=membership.organisation.kind)
        before = list(membership.roles)
        membership.roles = [role.value for role in wanted]
        # Nothing comes back by itself: not even where a process of before took a role away, and only that.
        kept = set(before) & set(membership.roles)
        membership.confirmed_roles = [name for name in membership.confirmed_roles if name in kept]
        if actor.kind is ActorKind.SYSTEM:
            for name, value in _confirmation(wanted, actor, decided_by_two=False, now=now).items():
                setattr(membership, name, value)
        elif membership.unconfirmed_roles:
            membership.granted_by_id = actor.person()
        membership.save()
        _require_admin_left(membership.organisation)
        _end_proposals(membership, now=now)
        _ask_second(membership, actor=actor, now=now)
        _record_membership(Action.MEMBERSHIP_CHANGED, membership, actor=actor, now=now, before=before)
    return membership


def end_membership(membership_id: int, *, actor: Actor, now: datetime) -> Membership:
    """Take a person's place away: their rights, sessions and issued credentials end with the commit.

    Errors: NotFound `membership.not_found`; NotAllowed `permission.missing`; Conflict
    `membership.last_admin`.
    """
    with transaction.atomic():
        membership = _lock_membership(membership_id, actor)
        membership.ended_at = now
        membership.save(update_fields=["ended_at"])
        _require_admin_left(membership.organisation)
        _end_proposals(membership, now=now)
        end_sessions([membership.user_id])
        _record_membership(Action.MEMBERSHIP_ENDED, membership, actor=actor, now=now)
    return membership


def end_sessions(user_ids: Iterable[UUID]) -> None:
    """Sign these people out everywhere: a session carries a digest of the epoch that this raises."""
    User.objects.filter(id__in=user_ids).update(session_epoch=F("session_epoch") + 1)


def chosen_roles(roles: Iterable[str], *, kind: str) -> list[Role]:
    """The roles by name, once each, in the order of the table. Errors: Invalid `membership.roles`."""
    names = {str(name) for name in roles}
    wanted = [role for role in Role if role.value in names]
    if not wanted or len(wanted) != len(names) or not Membership.allowed_roles(kind).issuperset(wanted):
        raise Invalid(
            "Choose one or more roles that exist in this kind of organisation.",
            code="membership.roles",
            field="roles",
        )
    return wanted


def _confirmation(
    wanted: Iterable[Role], actor: Actor, *, decided_by_two: bool, now: datetime
) -> dict[str, Any]:
    """The columns of a place that two people stand behind from the start; none when one person gives it."""
    if actor.kind is not ActorKind.SYSTEM and not decided_by_two:
        return {}
    return {
        "confirmed_roles": [role.value for role in wanted if role in CONFIRMED_ROLES],
        "confirmed_as": ConfirmedAs.DECISION if decided_by_two else ConfirmedAs.HOST,
        "confirmed_at": now,
    }


def _ask_second(membership: Membership, *, actor: Actor, now: datetime) -> None:
    """Propose what waits for a second person, in the caller's transaction."""
    if not membership.unconfirmed_roles:
        return
    asked = Asked(
        ProposalKind.PLACE,
        str(membership.id),
        {"roles": list(membership.roles), "new_roles": membership.unconfirmed_roles},
        person=membership.user,
    )
    propose(membership.organisation, asked, actor=actor, now=now)


def _end_proposals(membership: Membership, *, now: datetime) -> None:
    """What waits about this place is about another place now."""
    waiting = Proposal.objects.filter(
        kind=ProposalKind.PLACE, subject_id=str(membership.id), state=ProposalState.PROPOSED
    )
    waiting.update(state=ProposalState.ENDED, decided_at=now)


def _require_may_appoint(actor: Actor, organisation: Organisation, *, user: User) -> None:
    if actor.kind is ActorKind.SYSTEM:
        return
    if actor.organisation_id == organisation.id:
        actor.require(Permission.MEMBER_MANAGE)
    elif not actor.is_over_exchange:
        actor.require_own(organisation.id)
    _refuse_own(actor, user.id)


def _refuse_own(actor: Actor, user_id: UUID) -> None:
    if actor.person_id == user_id:
        raise NotAllowed(
            "Nobody changes their own roles.", code="membership.own", advice="Ask another admin."
        )


def _require_first_admin(organisation: Organisation, wanted: list[Role]) -> None:
    # Those who wait for their confirmation are admins too: two of the staff cannot each appoint "the first".
    living = Membership.objects.filter(organisation=organisation, ended_at__isnull=True, user__is_active=True)
    if wanted != [Role.ADMIN] or any(Role.ADMIN.value in one.roles for one in living):
        raise NotAllowed(
            "The exchange appoints an organisation's first admin only; its admins do the rest.",
            code="membership.first_admin_only",
        )


def _require_admin_left(organisation: Organisation) -> None:
    if not _admins(organisation):
        raise Conflict(
            "An organisation keeps at least one admin.",
            code="membership.last_admin",
            advice="Make somebody else an admin first.",
        )


def _admins(organisation: Organisation) -> list[Membership]:
    # Not `.current()`: an organisation that is an applicant or suspended has admins all the same.
    living = Membership.objects.filter(organisation=organisation, ended_at__isnull=True, user__is_active=True)
    return living.with_role(Role.ADMIN)


def _lock_membership(membership_id: int, actor: Actor) -> Membership:
    """A current membership that `actor` may change; its organisation's row is locked.

    Errors: NotFound `membership.not_found`, the same for absent, ended and another organisation's; NotAllowed
    `permission.missing`.
    """
    current = Membership.objects.filter(ended_at__isnull=True).select_related("organisation", "user")
    if actor.kind is not ActorKind.SYSTEM:
        current = current.filter(organisation_id=actor.organisation())
    membership = current.filter(id=membership_id).first()
    if membership is not None and actor.kind is not ActorKind.SYSTEM:
        actor.require(Permission.MEMBER_MANAGE)
    if membership is not None:
        Organisation.objects.lock(membership.organisation_id)
        membership = current.filter(id=membership_id).first()  # again: it may have ended while we waited
    if membership is None:
        raise NotFound("There is no such membership.", code="membership.not_found")
    return membership


def _record_membership(
    action: Action,
    membership: Membership,
    *,
    actor: Actor,
    now: datetime,
    before: Iterable[str] | None = None,
) -> None:
    facts: dict[str, Fact] = {"user_id": membership.user_id, "roles": list(membership.roles)}
    if before is not None:
        facts["roles_before"] = list(before)
    record(
        action,
        actor=actor,
        subject_type="membership",
        subject_id=membership.id,
        organisation_id=membership.organisation_id,
        now=now,
        facts=facts,
    )
