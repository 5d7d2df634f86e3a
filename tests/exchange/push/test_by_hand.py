"""Pings, tests and notices sent once more: on the spot, logged, bounded, and never to a stranger's server."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

import pytest

from accounts.audit.models import AuditEvent
from accounts.errors import Conflict, NotAllowed, NotFound, Throttled
from accounts.identity.acting import Actor
from exchange.client.receive import Trust, verify_notice
from exchange.push.by_hand import MOST_PER_PERIOD, ping_endpoint, resend_attempt, send_test
from exchange.push.deliver import deliver_due
from exchange.push.models import Attempt
from exchange.push.notice import MAX_BODY
from exchange.sharing import secrets
from exchange.sharing.models import Endpoint, EndpointState, PauseReason
from exchange.sharing.subscribe import unsubscribe
from hashsets.lists.models import Audience
from tests import cast
from tests.cast import NOW
from tests.exchange.push.receivers import Members
from tests.exchange.world import (
    SIGNER,
    attempt_to,
    cursor_of,
    endpoint_of,
    follow,
    new_list,
    publish,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("impatient")]


def integrator() -> Actor:
    return cast.lumen().integrator.actor


def ping(endpoint: Endpoint) -> Attempt:
    return ping_endpoint(endpoint.id, actor=integrator(), now=NOW, signer=SIGNER)


def resend(attempt: Attempt) -> Attempt:
    return resend_attempt(attempt.id, actor=integrator(), now=NOW, signer=SIGNER)


def test_a_ping_is_signed_and_logged_and_ends_a_back_off(members: Members) -> None:
    endpoint = endpoint_of(cast.lumen(), members.url("ok"), failures=6, due_at=NOW + timedelta(hours=2))
    attempt = ping(endpoint)
    (arrival,) = members.arrivals
    trust = Trust(secrets=[secrets.shown(b"s" * 32)], endpoint=str(endpoint.id))
    notice = verify_notice(arrival.headers, arrival.body, trust=trust, now=NOW.timestamp())
    assert (notice.kind, notice.lists) == ("endpoint.ping", ())
    assert (attempt.kind, attempt.outcome, attempt.status) == ("ping", "delivered", 204)
    assert Endpoint.objects.get().due_at == NOW
    event = AuditEvent.objects.latest("number")
    assert (event.action, event.facts["outcome"]) == ("endpoint.pinged", "delivered")


def test_a_ping_that_fails_is_told_and_changes_nothing(members: Members) -> None:
    endpoint = endpoint_of(cast.lumen(), members.url("status/500"), due_at=NOW + timedelta(hours=2))
    before = Endpoint.objects.values().get()
    attempt = ping(endpoint)
    assert (attempt.outcome, attempt.error) == ("refused", "It answered 500.")
    assert Endpoint.objects.values().get() == before


def test_two_pings_have_two_ids(members: Members) -> None:
    endpoint = endpoint_of(cast.lumen(), members.url("ok"))
    assert ping(endpoint).notice_id != ping(endpoint).notice_id


def test_a_test_looks_like_a_notice_and_moves_nothing(members: Members) -> None:
    hash_list, endpoint = new_list(cast.harbor()), endpoint_of(cast.lumen(), members.url("ok"))
    publish(hash_list)
    follow(cast.lumen(), hash_list, endpoint)
    send_test(endpoint.id, actor=integrator(), now=NOW, signer=SIGNER)
    body = json.loads(members.arrivals[0].body)
    assert (body["type"], body["data"]["lists"][0]["release"]) == ("release.test", 1)
    assert cursor_of(endpoint, hash_list) == 0
    assert deliver_due(lane="routine", now=NOW, signer=SIGNER).delivered == 1
    real = json.loads(members.arrivals[1].body)
    assert {**real, "type": "", "timestamp": ""} == {**body, "type": "", "timestamp": ""}


def test_a_test_fits_whatever_is_followed_and_needs_no_list(members: Members) -> None:
    endpoint = endpoint_of(cast.lumen(), members.url("ok"))
    send_test(endpoint.id, actor=integrator(), now=NOW, signer=SIGNER)
    for number in range(25):
        hash_list = new_list(cast.harbor(), f"List {number}")
        publish(hash_list)
        follow(cast.lumen(), hash_list, endpoint)
    send_test(endpoint.id, actor=integrator(), now=NOW, signer=SIGNER)
    none, many = (json.loads(one.body)["data"]["lists"] for one in members.arrivals)
    assert none == []
    assert 5 < len(many) < 25
    assert len(members.arrivals[1].body) < MAX_BODY


def test_a_notice_is_sent_once_more_with_the_same_bytes(members: Members) -> None:
    hash_list, endpoint = new_list(cast.harbor()), endpoint_of(cast.lumen(), members.url("flaky"))
    publish(hash_list)
    follow(cast.lumen(), hash_list, endpoint)
    members.failures_left = 1
    deliver_due(lane="routine", now=NOW, signer=SIGNER)
    attempt = resend(Attempt.objects.get())
    first, second = members.arrivals
    assert (first.headers["webhook-id"], first.body) == (second.headers["webhook-id"], second.body)
    assert (attempt.kind, attempt.outcome) == ("resend", "delivered")
    assert cursor_of(endpoint, hash_list) == 1
    assert AuditEvent.objects.latest("number").action == "notice.resent"
    publish(hash_list)
    assert deliver_due(lane="routine", now=NOW, signer=SIGNER).delivered == 1


@pytest.mark.parametrize("why", ["a challenge", "left", "hidden"])
def test_what_may_not_be_told_is_not_sent_once_more(members: Members, why: str) -> None:
    hash_list, endpoint = new_list(cast.harbor()), endpoint_of(cast.lumen(), members.url("ok"))
    publish(hash_list)
    subscription = follow(cast.lumen(), hash_list, endpoint, told=1)
    attempt = attempt_to(endpoint, hash_list, kind="challenge" if why == "a challenge" else "release")
    if why == "left":
        unsubscribe(subscription.id, actor=integrator(), now=NOW)
    elif why == "hidden":
        hash_list.refresh_from_db()
        hash_list.audience = Audience.NAMED
        hash_list.save()
    with pytest.raises(Conflict) as refused:
        resend(attempt)
    assert refused.value.code == "attempt.not_resendable"
    assert members.arrivals == []


Act = Callable[[Endpoint, Attempt, Actor], object]
ACTS: dict[str, Act] = {
    "ping": lambda endpoint, _, actor: ping_endpoint(endpoint.id, actor=actor, now=NOW, signer=SIGNER),
    "test": lambda endpoint, _, actor: send_test(endpoint.id, actor=actor, now=NOW, signer=SIGNER),
    "resend": lambda _, attempt, actor: resend_attempt(attempt.id, actor=actor, now=NOW, signer=SIGNER),
}


def told_endpoint(url: str) -> tuple[Endpoint, Attempt]:
    hash_list, endpoint = new_list(cast.harbor()), endpoint_of(cast.lumen(), url)
    publish(hash_list)
    follow(cast.lumen(), hash_list, endpoint, told=1)
    return endpoint, attempt_to(endpoint, hash_list)


@pytest.mark.parametrize("name", ACTS)
def test_a_stranger_and_who_lacks_the_right_send_nothing(members: Members, name: str) -> None:
    endpoint, attempt = told_endpoint(members.url("ok"))
    for actor, refusal in ((cast.stranger().actor, NotFound), (cast.lumen().viewer.actor, NotAllowed)):
        with pytest.raises(refusal):
            ACTS[name](endpoint, attempt, actor)
    with pytest.raises(NotFound):
        ACTS[name](Endpoint(id=uuid4()), Attempt(id=attempt.id + 1), integrator())
    assert members.arrivals == []


@pytest.mark.parametrize("state", [EndpointState.UNVERIFIED, EndpointState.CLOSED])
@pytest.mark.parametrize("name", ACTS)
def test_nothing_is_sent_to_who_is_not_proven(members: Members, name: str, state: str) -> None:
    endpoint, attempt = told_endpoint(members.url("ok"))
    Endpoint.objects.update(state=state)
    with pytest.raises(Conflict) as refused:
        ACTS[name](endpoint, attempt, integrator())
    assert (refused.value.code, members.arrivals) == ("endpoint.unproven", [])


def test_a_paused_endpoint_can_be_tried_before_it_is_resumed(members: Members) -> None:
    endpoint, _ = told_endpoint(members.url("ok"))
    Endpoint.objects.update(state=EndpointState.PAUSED, paused_reason=PauseReason.GONE)
    assert ping(endpoint).outcome == "delivered"
    assert Endpoint.objects.get().state == EndpointState.PAUSED


def test_nobody_knocks_through_us_at_will(members: Members) -> None:
    endpoint, attempt = told_endpoint(members.url("ok"))
    for _ in range(MOST_PER_PERIOD):
        attempt_to(endpoint, new_list(cast.harbor()), kind="ping")
    for act in ACTS.values():
        with pytest.raises(Throttled) as refused:
            act(endpoint, attempt, integrator())
        assert refused.value.code == "endpoint.asked_too_often"
    assert members.arrivals == []
    Attempt.objects.update(started_at=NOW - timedelta(minutes=10))
    assert ping(endpoint).outcome == "delivered"
