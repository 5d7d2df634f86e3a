"""A member follows a list, or stops following it. From here on push finds the work by comparing cursors."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import transaction

from accounts.audit.actions import Action
from accounts.audit.record import record
from accounts.errors import Conflict, NotFound
from accounts.identity.acting import Actor
from accounts.identity.models import Organisation
from accounts.identity.roles import Permission
from exchange.sharing.models import Endpoint, EndpointCursor, EndpointState, Subscription
from hashsets.lists.models import HashList, ListStatus


def subscribe(hash_list_id: str, *, actor: Actor, now: datetime) -> Subscription:
    """Follow a list that `actor` may see; following it already returns the subscription that is there.

    Every endpoint of the organisation gets a cursor at release 0, so that the newest release is owed at once.

    Errors: NotAllowed `permission.missing`; NotFound `list.not_found`; Conflict `list.closed`.
    """
    actor.require(Permission.SUBSCRIPTION_MANAGE)
    hash_list = HashList.objects.seen(hash_list_id, actor)
    with transaction.atomic():
        # (1) The organisation's row serialises this with registering an endpoint, which must find the
        # subscription.
        organisation = Organisation.objects.select_for_update(no_key=True).get(id=actor.organisation())
        current = Subscription.objects.filter(
            organisation=organisation, hash_list=hash_list, ended_at__isnull=True
        ).first()
        if current is not None:
            return current
        if hash_list.status != ListStatus.ACTIVE:
            raise Conflict("This list is closed and takes no new subscribers.", code="list.closed")
        # (2) The subscription and its cursors; a cursor may be there when an endpoint was registered in
        # between.
        subscription = Subscription.objects.create(
            organisation=organisation, hash_list=hash_list, created_at=now
        )
        endpoints = Endpoint.objects.of(actor).exclude(state=EndpointState.CLOSED)
        EndpointCursor.objects.bulk_create(
            [EndpointCursor(endpoint=endpoint, hash_list=hash_list) for endpoint in endpoints],
            ignore_conflicts=True,
        )
        # The debt begins now and not when the list was released; a back-off that is running is kept.
        endpoints.filter(due_at__lt=now).update(due_at=now)
        record(
            Action.SUBSCRIPTION_STARTED,
            actor=actor,
            subject_type="subscription",
            subject_id=subscription.id,
            organisation_id=organisation.id,
            now=now,
            facts={"list": hash_list.id},
        )
        return subscription


def unsubscribe(subscription_id: UUID, *, actor: Actor, now: datetime) -> Subscription:
    """Stop following a list. Also possible when the list is no longer visible: leaving must never be refused.

    Errors: NotAllowed `permission.missing`; NotFound `subscription.not_found`.
    """
    actor.require(Permission.SUBSCRIPTION_MANAGE)
    with transaction.atomic():
        organisation = Organisation.objects.select_for_update(no_key=True).get(id=actor.organisation())
        subscription = (
            Subscription.objects.of(actor).filter(id=subscription_id, ended_at__isnull=True).first()
        )
        if subscription is None:
            raise NotFound("There is no such subscription.", code="subscription.not_found")
        subscription.ended_at = now
        subscription.save(update_fields=["ended_at"])
        # Without its cursors nothing is owed any more; a new subscription starts at release 0 again.
        EndpointCursor.objects.filter(
            endpoint__organisation=organisation, hash_list_id=subscription.hash_list_id
        ).delete()
        record(
            Action.SUBSCRIPTION_ENDED,
            actor=actor,
            subject_type="subscription",
            subject_id=subscription.id,
            organisation_id=organisation.id,
            now=now,
            facts={"list": subscription.hash_list_id},
        )
        return subscription
