"""The publisher gives a list out to a member that asked: two people agree, one declines, one ends it.

To end access is for one person, because it must be quick and discloses nothing.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import transaction

from accounts.audit.actions import Action
from accounts.audit.record import record
from accounts.dual_control.independence import Act, require_second, why_not_second
from accounts.dual_control.refused import noted
from accounts.errors import Conflict
from accounts.identity.acting import Actor
from accounts.identity.models import Organisation, OrganisationStatus
from accounts.identity.roles import Permission
from accounts.wording import one_line
from exchange.access.models import AccessRequest, AccessState
from exchange.access.request import move, record_access
from hashsets.lists.audience import admit, dismiss, require_named
from hashsets.lists.models import HashList


def agree_to_access(request_id: UUID, *, actor: Actor, now: datetime) -> AccessRequest:
    """The first person's yes, or the second one's, which grants: the member may then see and follow the list.

    The first one is asked for again with the second: a yes of somebody who counts no more stays in the
    record, and the second one's becomes the first.
    Errors: NotAllowed `permission.missing`, `actor.person_needed`, `second_person.…`; NotFound
    `access.not_found`; Conflict `access.decided`, `access.own_request`, `access.second_person`,
    `access.not_on_request`, `access.not_active`, `list.closed`.
    """
    actor.require(Permission.LIST_MANAGE)
    person = actor.person()
    request = AccessRequest.objects.put_to(actor).found(request_id)
    if person == request.requested_by_id:
        own = Conflict("You asked for this yourself, so others decide.", code="access.own_request")
        raise noted(own, actor=actor, subject_type="access_request", subject_id=request.id)
    act = Act(Permission.LIST_MANAGE, "access.agree", "access_request", str(request.id))
    require_second(actor, act, now=now)
    if request.state == AccessState.OPEN:
        with transaction.atomic():
            move(request, AccessState.AGREED, agreed_by_id=person, agreed_at=now)
            record_access(Action.ACCESS_AGREED, request, actor=actor, now=now)
        return request
    if person == request.agreed_by_id:
        again = Conflict(
            "You have agreed already. A second person of your organisation must agree as well.",
            code="access.second_person",
        )
        raise noted(again, actor=actor, subject_type="access_request", subject_id=request.id)
    first = request.agreed_by_id
    since = request.agreed_at
    lapsed = why_not_second(first, actor.organisation(), act, now=now, since=since) if first else ""
    if lapsed:
        _agree_instead(request, person, lapsed, actor=actor, now=now)
        return request
    with transaction.atomic():
        # (1) The list's row first: its audience and its state must not change under the grant.
        locked = HashList.objects.lock(request.hash_list_id)
        locked.require_active()
        require_named(locked)
        if not Organisation.objects.filter(
            id=request.organisation_id, status=OrganisationStatus.ACTIVE
        ).exists():
            raise Conflict("The organisation that asked is not active now.", code="access.not_active")
        # (2) The first yes once more, now that nothing changes any more; then the decision and what it does.
        if first is None or why_not_second(first, actor.organisation(), act, now=now, since=since):
            raise Conflict("This request is decided already.", code="access.decided")
        move(request, AccessState.GRANTED, decided_by_id=person, decided_at=now)
        admit(locked, request.organisation_id)
        record_access(Action.ACCESS_GRANTED, request, actor=actor, now=now)
    return request


def _agree_instead(request: AccessRequest, person: UUID, reason: str, *, actor: Actor, now: datetime) -> None:
    """The first yes counts no more: this one takes its place, and waits for another one."""
    with transaction.atomic():
        facts = {"decided_by": str(request.agreed_by_id), "reason": reason}
        still = AccessRequest.objects.filter(
            id=request.id, state=AccessState.AGREED, agreed_by_id=request.agreed_by_id
        )
        if not still.update(agreed_by_id=person, agreed_at=now):
            raise Conflict("This request is decided already.", code="access.decided")
        request.refresh_from_db()
        record(
            Action.DECISION_VOID,
            actor=actor,
            subject_type="access_request",
            subject_id=request.id,
            organisation_id=actor.organisation(),
            now=now,
            facts=facts,
        )
        record_access(Action.ACCESS_AGREED, request, actor=actor, now=now)


def decline_access(request_id: UUID, *, answer: str, actor: Actor, now: datetime) -> AccessRequest:
    """Say no, with a sentence that the asker reads. One person is enough: nothing is disclosed.

    Errors: as `agree_to_access`; Invalid `text.…`.
    """
    actor.require(Permission.LIST_MANAGE)
    person = actor.person()
    request = AccessRequest.objects.put_to(actor).found(request_id)
    said = one_line(answer, field="answer", limit=1_000)
    with transaction.atomic():
        move(request, AccessState.DECLINED, decided_by_id=person, decided_at=now, answer=said)
        record_access(Action.ACCESS_DECLINED, request, actor=actor, now=now)
    return request


def revoke_access(request_id: UUID, *, actor: Actor, now: datetime) -> AccessRequest:
    """End what was granted: sight, downloads and notices stop with the commit.

    Errors: NotAllowed `permission.missing`; NotFound `access.not_found`; Conflict `access.not_granted`.
    """
    actor.require(Permission.LIST_MANAGE)
    actor.person()
    request = AccessRequest.objects.filter(hash_list__organisation_id=actor.organisation()).found(request_id)
    with transaction.atomic():
        locked = HashList.objects.lock(request.hash_list_id)
        granted = AccessRequest.objects.filter(id=request.id, state=AccessState.GRANTED)
        if not granted.update(state=AccessState.REVOKED):
            raise Conflict("This was not granted, or has ended already.", code="access.not_granted")
        dismiss(locked, request.organisation_id)
        request.refresh_from_db()
        record_access(Action.ACCESS_REVOKED, request, actor=actor, now=now)
    return request
