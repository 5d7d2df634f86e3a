"""A member asks for a list that is given out on request, or no longer wishes to."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import IntegrityError, transaction

from accounts.audit.actions import Action
from accounts.audit.record import record
from accounts.errors import Conflict, NotFound
from accounts.identity.acting import Actor
from accounts.identity.roles import Permission
from accounts.wording import one_line
from exchange.access.models import LIVE_STATES, AccessRequest, AccessState
from hashsets.lists.models import HashList


def request_access(list_id: str, *, reason: str, actor: Actor, now: datetime) -> AccessRequest:
    """Ask the publisher of a findable list for access. Asking again while it is open returns the request.

    Errors: NotAllowed `permission.missing`, `actor.person_needed`; NotFound `list.not_found` for every list
    that the catalogue does not show as on request; Invalid `text.…`; TooLarge.
    """
    actor.require(Permission.SUBSCRIPTION_MANAGE)
    person = actor.person()
    hash_list = HashList.objects.on_request_for(actor).filter(id=list_id).first()
    if hash_list is None:
        raise NotFound("There is no such list.", code="list.not_found")
    request = AccessRequest(
        hash_list=hash_list,
        organisation_id=actor.organisation(),
        reason=one_line(reason, field="reason", limit=1_000),
        requested_by_id=person,
        requested_at=now,
    )
    with transaction.atomic():
        try:
            with transaction.atomic():
                request.save(force_insert=True)
        except IntegrityError:
            return AccessRequest.objects.made_by(actor).live().get(hash_list=hash_list)
        record_access(Action.ACCESS_REQUESTED, request, actor=actor, now=now)
    return request


def withdraw_request(request_id: UUID, *, actor: Actor, now: datetime) -> AccessRequest:
    """Take a request back while it is undecided.

    Errors: NotAllowed `permission.missing`; NotFound `access.not_found`; Conflict `access.decided`.
    """
    actor.require(Permission.SUBSCRIPTION_MANAGE)
    request = AccessRequest.objects.made_by(actor).found(request_id)
    with transaction.atomic():
        move(request, AccessState.WITHDRAWN, decided_by_id=actor.person(), decided_at=now)
        record_access(Action.ACCESS_WITHDRAWN, request, actor=actor, now=now)
    return request


def move(request: AccessRequest, to: AccessState, **columns: object) -> None:
    """One allowed move from the state that was read, as a conditional update. Errors: Conflict
    `access.decided`.
    """
    still = AccessRequest.objects.filter(id=request.id, state=request.state)
    if request.state not in LIVE_STATES or not still.update(state=to, **columns):
        raise Conflict("This request is decided already.", code="access.decided")
    request.refresh_from_db()


def record_access(action: Action, request: AccessRequest, *, actor: Actor, now: datetime) -> None:
    """The event belongs to whoever acts; it names the other side."""
    record(
        action,
        actor=actor,
        subject_type="access_request",
        subject_id=request.id,
        organisation_id=actor.organisation(),
        now=now,
        facts={"list": request.hash_list_id, "organisation": str(request.organisation_id)},
    )
