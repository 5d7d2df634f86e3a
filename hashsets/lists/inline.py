"""Whether small deltas of a list may travel in the notices that announce them.

Bodies of notices end up in receivers' logs, and a delta holds hashes in full: the publisher says whether that
may be, and each member asks for it or not.
"""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from accounts.audit.actions import Action
from accounts.audit.record import record
from accounts.identity.acting import Actor
from accounts.identity.roles import Permission
from hashsets.lists.models import HashList


def allow_inline_delta(list_id: str, *, allowed: bool, actor: Actor, now: datetime) -> HashList:
    """Let small deltas of the list travel in notices to members who ask for it, or stop it.

    Errors: NotAllowed `permission.missing`, `list.other_publisher`; NotFound `list.not_found`; Conflict
    `list.closed`.
    """
    actor.require(Permission.LIST_MANAGE)
    HashList.objects.seen(list_id, actor).require_publisher(actor)
    with transaction.atomic():
        locked = HashList.objects.lock(list_id)
        locked.require_active()
        if locked.inline_delta == allowed:
            return locked
        locked.inline_delta = allowed
        locked.save(update_fields=["inline_delta"])
        record(
            Action.LIST_INLINE_DELTA_SET,
            actor=actor,
            subject_type="list",
            subject_id=locked.id,
            organisation_id=locked.organisation_id,
            now=now,
            facts={"allowed": allowed},
        )
    return locked
