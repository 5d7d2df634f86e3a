"""What a person has sent to an endpoint on the spot: a ping, a test notice, an earlier notice once more.

Beside the engine and not through it: the person waits for the answer, so it is one post in the asking thread,
without a lease and without the calendar. It counts in the attempt log like any other. Only endpoints that are
proven are written to, and an organisation has so many in ten minutes: nobody knocks through us at will.
"""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction

from accounts.audit.actions import Action
from accounts.audit.record import record
from accounts.errors import Conflict, Throttled
from accounts.identity.acting import Actor
from accounts.identity.roles import Permission
from exchange.push.challenge import ask, post_to
from exchange.push.fan_out import newest_news
from exchange.push.models import Attempt
from exchange.push.notice import Notice, ping, sample
from exchange.push.schedule import TIMING, Lane
from exchange.push.settle import Tried, attempt_of, move_cursors
from exchange.push.signature import NoticeSigner, signed_headers
from exchange.push.transport import Answer
from exchange.sharing.models import Endpoint, EndpointCursor, EndpointState
from exchange.sharing.secrets import valid_secrets
from hashsets.trust.push_key import notice_signer

MOST_PER_PERIOD = 20
PERIOD = timedelta(minutes=10)
_BY_HAND = ("ping", "test", "resend")


def ping_endpoint(
    endpoint_id: UUID, *, actor: Actor, now: datetime, signer: NoticeSigner | None = None
) -> Attempt:
    """Send `endpoint.ping` and return the attempt, however it ended. A 2xx ends a back-off that is running.

    Takes up to 10 s and holds no transaction meanwhile. Errors: NotAllowed `permission.missing`; NotFound
    `endpoint.not_found`; Conflict `endpoint.unproven`; Throttled `endpoint.asked_too_often`.
    """
    endpoint = _endpoint(endpoint_id, actor=actor, now=now)
    notice = ping(endpoint.id, secrets.token_hex(16), now=now)
    answer = _sent(endpoint, notice, now=now, signer=signer)
    return _written(Action.ENDPOINT_PINGED, endpoint, notice, answer, actor=actor, now=now)


def send_test(
    endpoint_id: UUID, *, actor: Actor, now: datetime, signer: NoticeSigner | None = None
) -> Attempt:
    """Send what a notice of all its lists would say now, under the type `release.test`, which nobody acts
    upon.

    Moves no cursor. Takes up to 10 s. Errors: as `ping_endpoint`.
    """
    endpoint = _endpoint(endpoint_id, actor=actor, now=now)
    notice = sample(endpoint.id, newest_news(endpoint), secrets.token_hex(16), now=now)
    answer = _sent(endpoint, notice, now=now, signer=signer)
    return _written(Action.ENDPOINT_TESTED, endpoint, notice, answer, actor=actor, now=now)


def resend_attempt(
    attempt_id: int, *, actor: Actor, now: datetime, signer: NoticeSigner | None = None
) -> Attempt:
    """Send the notice of an earlier attempt once more: the same id and bytes, signed afresh.

    Without the bytes of deltas that it may have carried: the log does not keep them.
    A 2xx counts as one to the first try did. Takes up to 10 s. Errors: NotAllowed `permission.missing`;
    NotFound `attempt.not_found`; Conflict `attempt.not_resendable` for what was no release notice or tells of
    a list that is no longer followed, `endpoint.unproven`; Throttled `endpoint.asked_too_often`.
    """
    actor.require(Permission.ENDPOINT_MANAGE)
    earlier = Attempt.objects.seen(attempt_id, actor)
    endpoint = _endpoint(earlier.endpoint_id, actor=actor, now=now)
    followed = EndpointCursor.objects.allowed().filter(endpoint=endpoint).values_list("hash_list", flat=True)
    if earlier.kind != "release" or not set(earlier.releases) <= set(followed):
        raise Conflict(
            "Only a notice of releases of lists that you still follow can be sent again.",
            code="attempt.not_resendable",
            advice="Send a test notice instead.",
        )
    notice = Notice(
        earlier.notice_id, "resend", earlier.request_body.encode(), earlier.releases, urgent=earlier.urgent
    )
    answer = _sent(endpoint, notice, now=now, signer=signer)
    return _written(Action.NOTICE_RESENT, endpoint, notice, answer, actor=actor, now=now)


def _endpoint(endpoint_id: UUID, *, actor: Actor, now: datetime) -> Endpoint:
    """A proven endpoint of the actor's, paused ones included: one tries before one resumes."""
    actor.require(Permission.ENDPOINT_MANAGE)
    endpoint = Endpoint.objects.seen(endpoint_id, actor)
    if endpoint.state not in (EndpointState.ACTIVE, EndpointState.PAUSED):
        raise Conflict(
            "Nothing is sent to an endpoint that is not proven to be yours.",
            code="endpoint.unproven",
            advice="Have it answer the challenge first.",
        )
    recent = Attempt.objects.filter(
        organisation_id=endpoint.organisation_id, kind__in=_BY_HAND, started_at__gt=now - PERIOD
    )
    if recent.count() >= MOST_PER_PERIOD:
        raise Throttled(
            f"At most {MOST_PER_PERIOD} pings, tests and resent notices in ten minutes are sent for an "
            "organisation.",
            code="endpoint.asked_too_often",
            retry_after=int(PERIOD.total_seconds()),
        )
    return endpoint


def _sent(endpoint: Endpoint, notice: Notice, *, now: datetime, signer: NoticeSigner | None) -> Answer:
    timing = TIMING[Lane.ROUTINE]
    headers = signed_headers(
        notice.id,
        int(now.timestamp()),
        notice.body,
        secrets=valid_secrets(endpoint, now=now),
        signer=signer or notice_signer(),
    )
    return ask(post_to(endpoint, headers, notice.body, timing=timing))


def _written(
    action: Action, endpoint: Endpoint, notice: Notice, answer: Answer, *, actor: Actor, now: datetime
) -> Attempt:
    """The attempt with its audit event; a cursor moves when the notice told of releases and was taken."""
    tried = Tried(endpoint, notice, answer, now)
    attempt = attempt_of(tried)
    with transaction.atomic():
        attempt.save(force_insert=True)
        if tried.delivered:
            move_cursors([tried], now=now)
            # It answers again: what is owed need not wait for the end of a back-off.
            Endpoint.objects.filter(id=endpoint.id, url=endpoint.url, due_at__gt=now).update(due_at=now)
        record(
            action,
            actor=actor,
            subject_type="endpoint",
            subject_id=endpoint.id,
            organisation_id=endpoint.organisation_id,
            now=now,
            facts={"attempt": attempt.id, "outcome": answer.outcome.value},
        )
    return attempt
