"""Proves that whoever registered an endpoint holds its secret there, before the first notice is sent.

Without this, anybody could make the exchange post to a stranger's server. The question is a signed POST
with a nonce; the answer is JSON, {"answer": HMAC-SHA256 of the nonce under the endpoint's secret, in
hexadecimal}, within 10 s.
"""

from __future__ import annotations

import hmac
import json
import secrets
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction

from accounts.audit.actions import Action
from accounts.audit.record import record
from accounts.errors import Conflict, Throttled
from accounts.identity.acting import Actor
from accounts.identity.roles import Permission
from exchange.push.models import Attempt
from exchange.push.notice import challenge
from exchange.push.schedule import TIMING, Lane, Outcome, Timing
from exchange.push.settle import Tried, attempt_of
from exchange.push.signature import NoticeSigner, challenge_answer, signed_headers
from exchange.push.transport import Answer, Post
from exchange.push.window import Window
from exchange.sharing.endpoints import address_rules
from exchange.sharing.models import Endpoint, EndpointState
from exchange.sharing.secrets import current_secret
from hashsets.trust.push_key import notice_signer

MOST_PER_PERIOD = 5
PERIOD = timedelta(minutes=10)


def verify_endpoint(
    endpoint_id: UUID, *, actor: Actor, now: datetime, signer: NoticeSigner | None = None
) -> Endpoint:
    """Ask the endpoint to prove that it holds its secret; proven, it is active and notices begin.

    Takes up to 10 s and holds no transaction meanwhile. An endpoint that is proven already is returned as
    it is.

    Errors: NotAllowed `permission.missing`; NotFound `endpoint.not_found`; Conflict `endpoint.closed`,
    `endpoint.changed`, `endpoint.challenge_failed`; Throttled `endpoint.challenged_too_often`.
    """
    actor.require(Permission.ENDPOINT_MANAGE)
    endpoint = Endpoint.objects.seen(endpoint_id, actor)
    if endpoint.state == EndpointState.CLOSED:
        raise Conflict("This endpoint is closed.", code="endpoint.closed")
    if endpoint.state != EndpointState.UNVERIFIED:
        return endpoint
    _refuse_too_often(endpoint, now=now)
    # (1) Ask, outside of any transaction. The nonce is hexadecimal, so that an endpoint which answers
    # questions of this form only can never be made to sign a notice.
    nonce, secret = secrets.token_hex(32), current_secret(endpoint)
    notice = challenge(endpoint.id, nonce, now=now)
    headers = signed_headers(
        notice.id, int(now.timestamp()), notice.body, secrets=[secret], signer=signer or notice_signer()
    )
    timing = TIMING[Lane.ROUTINE]
    answer = ask(post_to(endpoint, headers, notice.body, timing=timing))
    proven = answer.outcome is Outcome.DELIVERED and _is_right(answer, secret, nonce)
    # (2) Log the attempt whatever came of it: the log is how a member finds out what was wrong.
    attempt = attempt_of(Tried(endpoint, notice, answer, now))
    if answer.outcome is Outcome.DELIVERED and not proven:
        attempt.outcome, attempt.error = Outcome.REFUSED, "Its answer to the challenge was not the right one."
    attempt.save(force_insert=True)
    if not proven:
        raise _failed(attempt)
    # (3) Activate, unless the URL was changed while we asked.
    return _activate(endpoint, actor=actor, now=now)


def post_to(endpoint: Endpoint, headers: dict[str, str], body: bytes, *, timing: Timing) -> Post:
    """What goes to `endpoint`, in the time of its lane and by the authorities that are trusted there."""
    return Post(
        endpoint.url,
        headers,
        body,
        connect=timing.connect,
        total=timing.total,
        authority=endpoint.authority,
    )


def ask(post: Post) -> Answer:
    """Send one post and wait for its answer, in the calling thread."""
    with Window[None](rules=address_rules()) as window:
        window.submit([(None, post)])
        while not (ended := window.finished(wait=1.0)):
            pass
    return ended[0][1]


def _is_right(answer: Answer, secret: bytes, nonce: str) -> bool:
    try:
        said = json.loads(answer.body)
    except (ValueError, RecursionError):
        return False
    given = said.get("answer") if isinstance(said, dict) else None
    if not isinstance(given, str) or not given.isascii():
        return False
    return hmac.compare_digest(given.lower(), challenge_answer(secret, nonce))


def _refuse_too_often(endpoint: Endpoint, *, now: datetime) -> None:
    """Until it is proven, the URL may be a stranger's: do not let a member knock there at will."""
    since = now - PERIOD
    recent = Attempt.objects.filter(
        organisation_id=endpoint.organisation_id, kind="challenge", started_at__gt=since
    )
    if recent.count() >= MOST_PER_PERIOD:
        raise Throttled(
            f"At most {MOST_PER_PERIOD} challenges in ten minutes are sent for an organisation.",
            code="endpoint.challenged_too_often",
            retry_after=int(PERIOD.total_seconds()),
        )


def _failed(attempt: Attempt) -> Conflict:
    return Conflict(
        f"The endpoint did not prove that it is yours. {attempt.error}",
        code="endpoint.challenge_failed",
        advice='Answer 200 with {"answer": …}, the hexadecimal HMAC-SHA256 of data.nonce under the '
        "endpoint's secret. `hashx listen` does this.",
        outcome=attempt.outcome,
        status=attempt.status,
    )


def _activate(endpoint: Endpoint, *, actor: Actor, now: datetime) -> Endpoint:
    with transaction.atomic():
        moved = Endpoint.objects.filter(
            id=endpoint.id, url=endpoint.url, state=EndpointState.UNVERIFIED
        ).update(
            state=EndpointState.ACTIVE,
            verified_at=now,
            due_at=now,
            failures=0,
            failing_since=None,
            last_error="",
        )
        if not moved:
            raise Conflict("The endpoint was changed while it was asked. Try again.", code="endpoint.changed")
        record(
            Action.ENDPOINT_VERIFIED,
            actor=actor,
            subject_type="endpoint",
            subject_id=endpoint.id,
            organisation_id=endpoint.organisation_id,
            now=now,
            facts={"host": endpoint.host},
        )
    endpoint.refresh_from_db()
    return endpoint
