"""Who belongs where, and as what. Rights follow from these rows at every use, so a change needs nothing else.

An exchange admin may appoint the *first* admin of an organisation and nobody else in it: otherwise one
insider could make themselves another organisation's approver. Nobody changes their own roles, for the same
reason.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import F

from accounts.audit.actions import Action
from accounts.audit.facts import Fact
from accounts.audit.record import record
from accounts.errors import Conflict, Invalid, NotAllowed, NotFound
from accounts.identity.acting import Actor, ActorKind
from accounts.identity.models import Membership, Organisation, User
from accounts.identity.roles import Permission, Role


def add_member(
    user: User, organisation: Organisation, *, roles: Iterable[str], actor: Actor, now: datetime
) -> Membership:
    """Give `user` a place and `roles` in `organisation`.

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
                    user=user, organisation=locked, roles=[role.value for role in wanted], created_at=now
                )
        except IntegrityError:
            raise Conflict(
                "This person belongs to the organisation already.", code="membership.exists"
            ) from None
        _record_membership(Action.MEMBERSHIP_ADDED, membership, actor=actor, now=now)
    return membership


def change_roles(membership_id: int, *, roles: Iterable[str], actor: Actor, now: datetime) -> Membership:
    """Replace the roles of a current membership; nobody changes their own.

    Errors: NotFound `membership.not_found`; NotAllowed `permission.missing`, `membership.own`;
    Invalid `membership.roles`; Conflict `membership.last_admin`.
    """
    with transaction.atomic():
        membership = _lock_membership(membership_id, actor)
        _refuse_own(actor, membership.user_id)
        wanted = chosen_roles(roles, kind=membership.organisation.kind)
        before = list(membership.roles)
        membership.roles = [role.value for role in wanted]
        membership.save(update_fields=["roles"])
        _require_admin_left(membership.organisation)
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
    if wanted != [Role.ADMIN] or _admins(organisation):
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
