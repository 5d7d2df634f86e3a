"""Where a member is notified: register an endpoint, change it, pause, resume and close it, rotate its secret.

A new endpoint receives nothing until `exchange.push.challenge.verify_endpoint` has proven who owns the URL;
a changed URL must be proven again.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from accounts.audit.actions import Action
from accounts.audit.facts import Fact
from accounts.audit.record import record
from accounts.errors import Conflict
from accounts.identity.acting import Actor
from accounts.identity.models import Organisation
from accounts.identity.roles import Permission
from exchange.sharing import secrets
from exchange.sharing.addresses import AddressRules, checked_url
from exchange.sharing.models import (
    ENDPOINT_MOVES,
    Endpoint,
    EndpointCursor,
    EndpointState,
    PauseReason,
    Subscription,
    Warned,
)

MAX_ENDPOINTS = 20
SECRET_OVERLAP = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class RegisteredEndpoint:
    """An endpoint with its secret (`whsec_…`), which is shown this once and never again."""

    endpoint: Endpoint
    secret: str = field(repr=False)


def address_rules() -> AddressRules:
    """The rules of this installation, from settings: loopback exists in the demo only."""
    return AddressRules(ports=frozenset(settings.HX_ENDPOINT_PORTS), loopback=settings.HX_LOOPBACK_ENDPOINTS)


def seen(endpoint_id: uuid.UUID, *, actor: Actor) -> Endpoint:
    """One endpoint of the actor's organisation. Errors: NotFound `endpoint.not_found`."""
    return Endpoint.objects.seen(endpoint_id, actor)


def register_endpoint(*, url: str, description: str, actor: Actor, now: datetime) -> RegisteredEndpoint:
    """Add an endpoint, unproven, with a cursor at release 0 for every list the organisation follows.

    Errors: NotAllowed `permission.missing`; Invalid `endpoint.…` for the URL; Conflict `endpoint.too_many`.
    """
    actor.require(Permission.ENDPOINT_MANAGE)
    checked = checked_url(url, rules=address_rules())
    secret, endpoint_id = secrets.fresh_secret(), uuid.uuid4()
    sealed = secrets.sealed_secret(secret, endpoint_id=endpoint_id)
    with transaction.atomic():
        # (1) The organisation's row serialises this with subscribing, which must find the endpoint.
        organisation = Organisation.objects.select_for_update(no_key=True).get(id=actor.organisation())
        if Endpoint.objects.of(actor).exclude(state=EndpointState.CLOSED).count() >= MAX_ENDPOINTS:
            raise Conflict(
                f"An organisation has at most {MAX_ENDPOINTS} endpoints.",
                code="endpoint.too_many",
                advice="Close one that you no longer need.",
            )
        endpoint = Endpoint.objects.create(
            id=endpoint_id,
            organisation=organisation,
            url=checked.url,
            host=checked.host,
            description=description[:300],
            sealed_secret=sealed,
            created_at=now,
            due_at=now,
        )
        followed = Subscription.objects.of(actor).filter(ended_at__isnull=True)
        EndpointCursor.objects.bulk_create(
            EndpointCursor(endpoint=endpoint, hash_list_id=list_id)
            for list_id in followed.values_list("hash_list_id", flat=True)
        )
        # (2) The host only: a path may carry a member's token, and audit is for ever.
        _record(Action.ENDPOINT_REGISTERED, endpoint, actor=actor, now=now, facts={"host": checked.host})
    return RegisteredEndpoint(endpoint, secrets.shown(secret))


def change_url(endpoint_id: uuid.UUID, *, url: str, actor: Actor, now: datetime) -> Endpoint:
    """Point an endpoint elsewhere; ownership must be proven again before the next notice.

    Errors: NotAllowed `permission.missing`; NotFound `endpoint.not_found`; Invalid `endpoint.…`; Conflict
    `endpoint.closed`.
    """
    actor.require(Permission.ENDPOINT_MANAGE)
    checked = checked_url(url, rules=address_rules())
    with transaction.atomic():
        endpoint = Endpoint.objects.seen(endpoint_id, actor)
        open_ones = Endpoint.objects.of(actor).exclude(state=EndpointState.CLOSED)
        moved = open_ones.filter(id=endpoint.id).update(
            url=checked.url,
            host=checked.host,
            state=EndpointState.UNVERIFIED,
            verified_at=None,
            paused_reason="",
            # The operator agreed to an authority for the machine that was here before.
            authority="",
            proposed_authority="",
            authority_proposed_by=None,
        )
        if not moved:
            raise Conflict("This endpoint is closed.", code="endpoint.closed")
        endpoint.refresh_from_db()
        _record(Action.ENDPOINT_REGISTERED, endpoint, actor=actor, now=now, facts={"host": checked.host})
    return endpoint


def rotate_secret(endpoint_id: uuid.UUID, *, actor: Actor, now: datetime) -> RegisteredEndpoint:
    """Give an endpoint a new secret. For 24 hours notices carry signatures by both, so that nothing is
    refused.

    Errors: NotAllowed `permission.missing`; NotFound `endpoint.not_found`; Conflict `endpoint.closed`.
    """
    actor.require(Permission.ENDPOINT_MANAGE)
    fresh = secrets.fresh_secret()
    with transaction.atomic():
        endpoint = Endpoint.objects.select_for_update(no_key=True).seen(endpoint_id, actor)
        if endpoint.state == EndpointState.CLOSED:
            raise Conflict("This endpoint is closed.", code="endpoint.closed")
        previous = secrets.current_secret(endpoint)
        endpoint.sealed_previous_secret = secrets.sealed_secret(
            previous, endpoint_id=endpoint.id, field="previous_secret"
        )
        endpoint.previous_secret_until = now + SECRET_OVERLAP
        endpoint.sealed_secret = secrets.sealed_secret(fresh, endpoint_id=endpoint.id)
        endpoint.save(update_fields=["sealed_secret", "sealed_previous_secret", "previous_secret_until"])
        _record(Action.ENDPOINT_SECRET_ROTATED, endpoint, actor=actor, now=now)
    return RegisteredEndpoint(endpoint, secrets.shown(fresh))


def pause_endpoint(endpoint_id: uuid.UUID, *, actor: Actor, now: datetime) -> Endpoint:
    """Send nothing until it is resumed; what is owed stays owed.

    Errors: NotAllowed `permission.missing`; NotFound `endpoint.not_found`; Conflict `endpoint.state`.
    """
    return _move(
        endpoint_id, EndpointState.PAUSED, Action.ENDPOINT_PAUSED, actor=actor, now=now,
        columns={"paused_reason": PauseReason.ASKED},
    )  # fmt: skip


def resume_endpoint(endpoint_id: uuid.UUID, *, actor: Actor, now: datetime) -> Endpoint:
    """Send again, at once and from where the cursor stands.

    Errors: NotAllowed `permission.missing`; NotFound `endpoint.not_found`; Conflict `endpoint.state`.
    """
    return _move(
        endpoint_id, EndpointState.ACTIVE, Action.ENDPOINT_RESUMED, actor=actor, now=now,
        only_from=EndpointState.PAUSED, columns={"paused_reason": "", "due_at": now, "failures": 0,
        "failing_since": None, "warned": Warned.NOTHING},
    )  # fmt: skip


def close_endpoint(endpoint_id: uuid.UUID, *, actor: Actor, now: datetime) -> Endpoint:
    """Send nothing ever again. The row stays, because attempts refer to it; the secret goes.

    Errors: NotAllowed `permission.missing`; NotFound `endpoint.not_found`; Conflict `endpoint.state`.
    """
    return _move(
        endpoint_id, EndpointState.CLOSED, Action.ENDPOINT_CLOSED, actor=actor, now=now,
        columns={"sealed_secret": "", "sealed_previous_secret": "", "previous_secret_until": None},
    )  # fmt: skip


def _move(
    endpoint_id: uuid.UUID,
    to: EndpointState,
    action: Action,
    *,
    actor: Actor,
    now: datetime,
    columns: Mapping[str, object],
    only_from: EndpointState | None = None,
) -> Endpoint:
    """One allowed move as a conditional update, its columns and its audit event."""
    actor.require(Permission.ENDPOINT_MANAGE)
    origins = [state for state, targets in ENDPOINT_MOVES.items() if to in targets]
    if only_from is not None:
        origins = [only_from]
    with transaction.atomic():
        endpoint = Endpoint.objects.seen(endpoint_id, actor)
        if not Endpoint.objects.filter(id=endpoint.id, state__in=origins).update(state=to, **columns):
            raise Conflict(
                f"This endpoint is {endpoint.get_state_display()}, so this is not possible.",
                code="endpoint.state",
                state=endpoint.state,
            )
        endpoint.refresh_from_db()
        if to == EndpointState.CLOSED:
            EndpointCursor.objects.filter(endpoint=endpoint).delete()
        _record(action, endpoint, actor=actor, now=now)
    return endpoint


def _record(
    action: Action,
    endpoint: Endpoint,
    *,
    actor: Actor,
    now: datetime,
    facts: Mapping[str, Fact] | None = None,
) -> None:
    record(
        action,
        actor=actor,
        subject_type="endpoint",
        subject_id=endpoint.id,
        organisation_id=endpoint.organisation_id,
        now=now,
        facts=facts,
    )
