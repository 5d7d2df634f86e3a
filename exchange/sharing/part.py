"""A membership ends: everything that the member held, on every floor, in one transaction and for good.

The order is the order of locks: (1) the organisation, with the check that a second person acts; (2) its
lists, each closed or handed over beforehand; (3) endpoints, whose cursors go with them, so that a push in
flight is the last, and subscriptions; (4) people, sessions, credentials and keys; (5) the audit, whose chain
is locked last.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import transaction

from accounts.audit.actions import Action
from accounts.audit.record import record
from accounts.errors import Conflict
from accounts.identity.acting import Actor
from accounts.standing.keep import tell_admins
from accounts.standing.measures import begin_carrying_out, record_done
from accounts.standing.models import Measure, MeasureKind
from accounts.standing.part import end_rights
from exchange.sharing.models import Endpoint, EndpointCursor, EndpointState, Subscription
from hashsets.lists.models import HashList, ListStatus


def end_membership_of(measure_id: UUID, *, note: str = "", actor: Actor, now: datetime) -> Measure:
    """Carry out the end of a membership, as the second person.

    Lists that the member has not handed over by now are closed: what is published stays readable and signed,
    so that nobody's protection ends with their publisher.
    Errors: as `accounts.standing.measures.begin_carrying_out`; Conflict `measure.kind`, `organisation.move`.
    """
    with transaction.atomic():
        measure = begin_carrying_out(measure_id, note=note, actor=actor, now=now)  # (1)
        if measure.kind != MeasureKind.OFFBOARDING:
            raise Conflict("This measure does not end a membership.", code="measure.kind")
        organisation = measure.organisation
        tell_admins(organisation, "vetting.ended", path="", now=now)
        own = HashList.objects.filter(organisation=organisation, status=ListStatus.ACTIVE)
        lists = [HashList.objects.lock(one) for one in own.order_by("id").values_list("id", flat=True)]  # (2)
        HashList.objects.filter(id__in=[one.id for one in lists]).update(status=ListStatus.CLOSED)
        endpoints, subscriptions = _end_pushing(organisation.id, now=now)  # (3)
        ended = end_rights(organisation, actor=actor, now=now)  # (4)
        for one in lists:  # (5)
            record(
                Action.LIST_CLOSED,
                actor=actor,
                subject_type="list",
                subject_id=one.id,
                organisation_id=organisation.id,
                now=now,
                facts={"latest_release": one.latest_release},
            )
        record_done(
            measure,
            actor=actor,
            now=now,
            facts={
                "people": ended.people,
                "credentials": ended.credentials,
                "keys": ended.keys,
                "endpoints": endpoints,
                "subscriptions": subscriptions,
                "lists": len(lists),
            },
        )
    return measure


def _end_pushing(organisation_id: UUID, *, now: datetime) -> tuple[int, int]:
    """Close endpoints and end subscriptions; returns how many of each."""
    endpoints = Endpoint.objects.filter(organisation_id=organisation_id).exclude(state=EndpointState.CLOSED)
    EndpointCursor.objects.filter(endpoint__organisation_id=organisation_id).delete()
    closed = endpoints.update(
        state=EndpointState.CLOSED,
        sealed_secret="",
        sealed_previous_secret="",
        previous_secret_until=None,
    )
    current = Subscription.objects.filter(organisation_id=organisation_id, ended_at__isnull=True)
    return closed, current.update(ended_at=now)
