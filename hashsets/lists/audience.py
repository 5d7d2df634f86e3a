"""Who a list is for, beyond what was said when it was made: findable or not, and one organisation more or
less."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import transaction

from accounts.audit.actions import Action
from accounts.audit.record import record
from accounts.dual_control.models import Proposal, ProposalKind
from accounts.dual_control.propose import Asked, make, propose
from accounts.errors import Conflict
from accounts.identity.acting import Actor
from accounts.identity.roles import Permission
from hashsets.lists.change import lock_of
from hashsets.lists.models import Audience, HashList, ListAudience


def set_findable(list_id: str, *, findable: bool, actor: Actor, now: datetime) -> Proposal | None:
    """Let members outside the named audience know that the list exists and ask for it, which shows more and
    waits for a second person (the proposal); or stop it, at once (None).

    Errors: NotAllowed `permission.missing`, `actor.person_needed`, `list.other_publisher`; NotFound
    `list.not_found`; Conflict `list.closed`, `proposal.waits`, `access.not_on_request` for an audience that
    is not named.
    """
    actor.require(Permission.LIST_MANAGE)
    HashList.objects.seen(list_id, actor).require_publisher(actor)
    actor.person()
    with transaction.atomic():
        locked = HashList.objects.lock(list_id)
        locked.require_active()
        if findable:
            require_named(locked)
        if locked.findable == findable:
            return None
        if findable:
            asked = Asked(ProposalKind.LIST_FINDABLE, locked.id, {"findable": True})
            return propose(locked.organisation, asked, actor=actor, now=now)
        _set_findable(locked, findable, actor=actor, now=now)
    return None


def make_findable(proposal: Proposal, *, actor: Actor, now: datetime) -> HashList:
    """A second person lets members find the list. In the caller's transaction.

    Errors: those of `accounts.dual_control.propose.make` and of `hashsets.lists.change.lock_of`; Conflict
    `access.not_on_request`.
    """
    locked = lock_of(proposal)
    require_named(locked)
    make(proposal, actor=actor, now=now)
    _set_findable(locked, True, actor=actor, now=now)
    return locked


def _set_findable(locked: HashList, findable: bool, *, actor: Actor, now: datetime) -> None:
    locked.findable = findable
    locked.save(update_fields=["findable"])
    record(
        Action.LIST_FINDABLE_SET,
        actor=actor,
        subject_type="list",
        subject_id=locked.id,
        organisation_id=locked.organisation_id,
        now=now,
        facts={"findable": findable},
    )


def require_named(hash_list: HashList) -> None:
    """Errors: Conflict `access.not_on_request`."""
    if hash_list.audience != Audience.NAMED:
        raise Conflict(
            "Only a list for named organisations is given out on request.", code="access.not_on_request"
        )


def admit(locked: HashList, organisation_id: UUID) -> None:
    """Name one more organisation in the audience. The caller holds the list's row and records the act."""
    ListAudience.objects.get_or_create(hash_list=locked, organisation_id=organisation_id)


def dismiss(locked: HashList, organisation_id: UUID) -> bool:
    """Take an organisation out of the audience: it loses sight, downloads and notices with the commit.

    Returns whether it was in it. The caller holds the list's row and records the act.
    """
    taken, _ = ListAudience.objects.filter(hash_list=locked, organisation_id=organisation_id).delete()
    return taken > 0
