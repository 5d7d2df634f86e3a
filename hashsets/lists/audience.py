"""Who a list is for, beyond what was said when it was made: findable or not, and one organisation more or
less."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import transaction

from accounts.audit.actions import Action
from accounts.audit.record import record
from accounts.errors import Conflict
from accounts.identity.acting import Actor
from accounts.identity.roles import Permission
from hashsets.lists.models import Audience, HashList, ListAudience


def set_findable(list_id: str, *, findable: bool, actor: Actor, now: datetime) -> HashList:
    """Let members outside the named audience know that the list exists and ask for it, or stop it.

    Errors: NotAllowed `permission.missing`, `list.other_publisher`; NotFound `list.not_found`; Conflict
    `list.closed`, `access.not_on_request` for an audience that is not named.
    """
    actor.require(Permission.LIST_MANAGE)
    HashList.objects.seen(list_id, actor).require_publisher(actor)
    with transaction.atomic():
        locked = HashList.objects.lock(list_id)
        locked.require_active()
        if findable:
            require_named(locked)
        if locked.findable == findable:
            return locked
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
    return locked


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
