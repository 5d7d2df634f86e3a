"""Proving that an endpoint is the member's own."""

from __future__ import annotations

import json
from datetime import timedelta
from uuid import uuid4

import pytest

from accounts.audit.models import AuditEvent
from accounts.errors import Conflict, NotAllowed, NotFound, Throttled
from exchange.client.receive import Trust, verify_notice
from exchange.push.challenge import MOST_PER_PERIOD, verify_endpoint
from exchange.push.deliver import deliver_due
from exchange.push.models import Attempt
from exchange.sharing import secrets
from exchange.sharing.endpoints import change_url
from exchange.sharing.models import Endpoint, EndpointState
from tests import cast
from tests.cast import NOW
from tests.exchange.push.receivers import Members
from tests.exchange.world import SIGNER, endpoint_of, follow, new_list, publish

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("impatient")]


def unproven(url: str) -> Endpoint:
    return endpoint_of(cast.lumen(), url, state=EndpointState.UNVERIFIED, verified_at=None)


def verify(endpoint: Endpoint) -> Endpoint:
    return verify_endpoint(endpoint.id, actor=cast.lumen().integrator.actor, now=NOW, signer=SIGNER)


def test_the_right_answer_activates_the_endpoint_and_notices_begin(members: Members) -> None:
    endpoint, hash_list = unproven(members.url("challenge")), new_list(cast.harbor())
    publish(hash_list)
    follow(cast.lumen(), hash_list, endpoint)
    assert deliver_due(lane="routine", now=NOW, signer=SIGNER).attempts == {}
    proven = verify(endpoint)
    assert (proven.state, proven.verified_at) == (EndpointState.ACTIVE, NOW)
    assert AuditEvent.objects.latest("number").action == "endpoint.verified"
    (asked,) = members.arrivals
    trust = Trust(secrets=[secrets.shown(b"s" * 32)], endpoint=str(endpoint.id))
    assert verify_notice(asked.headers, asked.body, trust=trust, now=NOW.timestamp()).nonce
    attempt = Attempt.objects.get()
    assert (attempt.kind, attempt.outcome) == ("challenge", "delivered")
    Endpoint.objects.update(url=members.url("ok"))
    assert deliver_due(lane="routine", now=NOW, signer=SIGNER).delivered == 1


@pytest.mark.parametrize("behaviour", ["challenge/wrong", "ok", "echo", "status/500", "redirect/1", "hang"])
def test_any_other_answer_leaves_it_unproven(members: Members, behaviour: str) -> None:
    endpoint = unproven(members.url(behaviour))
    before = AuditEvent.objects.count()
    with pytest.raises(Conflict) as refused:
        verify(endpoint)
    assert refused.value.code == "endpoint.challenge_failed"
    endpoint.refresh_from_db()
    attempt = Attempt.objects.get()
    assert endpoint.state == EndpointState.UNVERIFIED
    assert (attempt.kind, attempt.outcome != "delivered") == ("challenge", True)
    assert attempt.error in refused.value.message
    assert AuditEvent.objects.count() == before


def test_every_challenge_is_another_question(members: Members) -> None:
    endpoint = unproven(members.url("ok"))
    for _ in range(2):
        with pytest.raises(Conflict):
            verify(endpoint)
    first, second = (json.loads(one.body)["data"]["nonce"] for one in members.arrivals)
    assert first != second


def test_a_member_cannot_knock_at_will(members: Members) -> None:
    endpoint = unproven(members.url("ok"))
    for _ in range(MOST_PER_PERIOD):
        with pytest.raises(Conflict):
            verify(endpoint)
    with pytest.raises(Throttled) as refused:
        verify(endpoint)
    assert refused.value.facts["retry_after"] == 600
    assert len(members.arrivals) == MOST_PER_PERIOD
    Attempt.objects.update(started_at=NOW - timedelta(minutes=10))
    with pytest.raises(Conflict):
        verify(endpoint)


def test_a_proven_endpoint_is_not_asked_again_until_its_url_changes(members: Members) -> None:
    endpoint = unproven(members.url("challenge"))
    verify(endpoint)
    assert verify(endpoint).state == EndpointState.ACTIVE
    assert len(members.arrivals) == 1
    change_url(endpoint.id, url=members.url("challenge/wrong"), actor=cast.lumen().integrator.actor, now=NOW)
    with pytest.raises(Conflict):
        verify(endpoint)
    assert len(members.arrivals) == 2


def test_a_stranger_and_who_lacks_the_right_cannot_have_it_asked(members: Members) -> None:
    endpoint = unproven(members.url("challenge"))
    for key in (endpoint.id, uuid4()):
        with pytest.raises(NotFound):
            verify_endpoint(key, actor=cast.stranger().actor, now=NOW, signer=SIGNER)
    with pytest.raises(NotAllowed):
        verify_endpoint(endpoint.id, actor=cast.lumen().viewer.actor, now=NOW, signer=SIGNER)
    assert members.arrivals == []


def test_a_closed_endpoint_is_not_asked(members: Members) -> None:
    endpoint = unproven(members.url("challenge"))
    Endpoint.objects.update(state=EndpointState.CLOSED, sealed_secret="")
    with pytest.raises(Conflict) as refused:
        verify(endpoint)
    assert refused.value.code == "endpoint.closed"
    assert members.arrivals == []
