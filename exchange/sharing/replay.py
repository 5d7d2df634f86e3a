"""Tells an endpoint again of what it was told before: its cursor is put back, and push does the rest."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import F

from accounts.audit.actions import Action
from accounts.audit.record import record
from accounts.errors import Conflict, Invalid, NotFound
from accounts.identity.acting import Actor
from accounts.identity.roles import Permission
from exchange.sharing.models import Endpoint, EndpointCursor, EndpointState

_NO_MORE_URGENT_TRIES = 1_000


def replay_from(
    endpoint_id: UUID, *, list_id: str, release: int, actor: Actor, now: datetime
) -> EndpointCursor:
    """Have an endpoint told of `list_id` as if it had last heard of the release before `release` (from 1).

    Coalesced as ever: one notice of the newest release, whose delta begins at `release` - 1, under an id of
    its own. An endpoint that has not heard of `release` yet is owed it anyway: then nothing is changed.

    Errors: NotAllowed `permission.missing`; NotFound `endpoint.not_found`, `list.not_found` (also for a list
    that it does not follow); Invalid `replay.release` for a release that there is not; Conflict
    `endpoint.closed`.
    """
    actor.require(Permission.ENDPOINT_MANAGE)
    with transaction.atomic():
        endpoint = Endpoint.objects.select_for_update(no_key=True, of=("self",)).seen(endpoint_id, actor)
        if endpoint.state == EndpointState.CLOSED:
            raise Conflict("This endpoint is closed.", code="endpoint.closed")
        allowed = EndpointCursor.objects.allowed().select_related("hash_list")
        cursor = allowed.filter(endpoint=endpoint, hash_list_id=list_id).first()
        if cursor is None:
            raise NotFound("There is no such list.", code="list.not_found")
        if not 1 <= release <= cursor.hash_list.latest_release:
            raise Invalid(
                f"This list has releases 1 to {cursor.hash_list.latest_release}.",
                code="replay.release",
                field="release",
            )
        if cursor.notified_release < release:
            return cursor
        # An urgent release in between is told again on the routine lane: the member has had it.
        EndpointCursor.objects.filter(id=cursor.id).update(
            notified_release=release - 1,
            replays=F("replays") + 1,
            urgent_release=cursor.hash_list.urgent_release,
            urgent_tries=_NO_MORE_URGENT_TRIES,
            urgent_due_at=None,
        )
        Endpoint.objects.filter(id=endpoint.id).update(due_at=now)
        record(
            Action.ENDPOINT_REPLAYED,
            actor=actor,
            subject_type="endpoint",
            subject_id=endpoint.id,
            organisation_id=endpoint.organisation_id,
            now=now,
            facts={"list": list_id, "from": release},
        )
    cursor.refresh_from_db()
    return cursor
