"""Delivering what is owed: to real HTTP servers, from real rows."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from standardwebhooks.webhooks import Webhook

from accounts.audit.models import AuditEvent
from exchange.client.receive import Trust, verify_notice
from exchange.push import claim
from exchange.push.deliver import Delivered, deliver_due
from exchange.push.models import Attempt
from exchange.push.schedule import TIMING, URGENT_TRIES, Lane, Outcome
from exchange.sharing import secrets
from exchange.sharing.models import Endpoint, EndpointCursor, EndpointState, Notified, PauseReason
from hashsets.lists.models import Audience
from tests import cast
from tests.cast import NOW
from tests.exchange.push.receivers import Members
from tests.exchange.world import SIGNER, cursor_of, digest, endpoint_of, follow, new_list, no_jitter, publish

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("impatient")]


def deliver(now: datetime = NOW, lane: Lane = Lane.ROUTINE) -> Delivered:
    return deliver_due(lane=lane, now=now, signer=SIGNER, draw=no_jitter)


def again(endpoint: Endpoint) -> Endpoint:
    return Endpoint.objects.get(id=endpoint.id)


def test_a_release_reaches_an_endpoint_and_is_believed_there(members: Members) -> None:
    lumen, hash_list = cast.lumen(), new_list(cast.harbor())
    publish(hash_list)
    endpoint = endpoint_of(lumen, members.url("ok"))
    follow(lumen, hash_list, endpoint)
    assert deliver().attempts == {Outcome.DELIVERED: 1}
    (arrival,) = members.arrivals
    notice = verify_notice(
        arrival.headers,
        arrival.body,
        trust=Trust(secrets=[secrets.shown(b"s" * 32)], endpoint=str(endpoint.id)),
        now=NOW.timestamp(),
    )
    (told,) = notice.lists
    assert (told.list_id, told.release, told.delta) == (hash_list.id, 1, None)
    assert told.manifest_sha256 == digest("manifest", hash_list.id, 1)
    assert cursor_of(endpoint, hash_list) == 1
    assert Notified.objects.get().organisation == lumen.organisation
    assert again(endpoint).lease_until is None
    assert deliver().attempts == {}


def test_a_stock_library_verifies_what_was_really_sent(members: Members) -> None:
    lumen, hash_list = cast.lumen(), new_list(cast.harbor())
    publish(hash_list)
    follow(lumen, hash_list, endpoint_of(lumen, members.url("ok")))
    deliver_due(lane="routine", signer=SIGNER)
    (arrival,) = members.arrivals
    Webhook(secrets.shown(b"s" * 32)).verify(arrival.body, arrival.headers)


def test_the_attempt_log_says_what_was_sent_and_answered(members: Members) -> None:
    lumen, hash_list = cast.lumen(), new_list(cast.harbor())
    publish(hash_list)
    endpoint = endpoint_of(lumen, members.url("status/418"))
    follow(lumen, hash_list, endpoint)
    deliver()
    attempt = Attempt.objects.get()
    assert (attempt.endpoint, attempt.organisation) == (endpoint, lumen.organisation)
    assert (attempt.kind, attempt.outcome, attempt.status) == ("release", "refused", 418)
    assert attempt.error == "It answered 418."
    assert attempt.releases == {hash_list.id: 1}
    assert json.loads(attempt.request_body)["data"]["endpoint"] == str(endpoint.id)
    assert attempt.response_head.startswith("418")
    assert "no�t today" in attempt.response_head
    assert attempt.notice_id == members.arrivals[0].headers["webhook-id"]


def test_five_missed_releases_are_one_notice_of_the_newest(members: Members) -> None:
    lumen, hash_list = cast.lumen(), new_list(cast.harbor())
    for _ in range(7):
        publish(hash_list)
    endpoint = endpoint_of(lumen, members.url("ok"))
    follow(lumen, hash_list, endpoint, told=2)
    deliver()
    (arrival,) = members.arrivals
    (told,) = json.loads(arrival.body)["data"]["lists"]
    assert (told["release"], told["delta"]) == (7, {"from": 2, "to": 7, "length": 500, "sha256": None})
    assert cursor_of(endpoint, hash_list) == 7
    assert Notified.objects.get().release == 7


def test_a_single_delta_file_is_named_and_several_are_not(members: Members) -> None:
    lumen, one, two = cast.lumen(), new_list(cast.harbor(), "One"), new_list(cast.harbor(), "Two")
    publish(one)
    publish(one)
    publish(two)
    publish(two, deltas=2)
    endpoint = endpoint_of(lumen, members.url("ok"))
    follow(lumen, one, endpoint, told=1)
    follow(lumen, two, endpoint, told=1)
    deliver()
    (arrival,) = members.arrivals
    deltas = {told["list_id"]: told["delta"] for told in json.loads(arrival.body)["data"]["lists"]}
    assert deltas[one.id] == {"from": 1, "to": 2, "length": 100, "sha256": digest(one.id, "md5", 2)}
    assert deltas[two.id] == {"from": 1, "to": 2, "length": 200, "sha256": None}


def test_a_broken_chain_or_a_very_long_one_is_no_delta(members: Members) -> None:
    lumen, broken, long = cast.lumen(), new_list(cast.harbor(), "Broken"), new_list(cast.harbor(), "Long")
    for deltas in (1, 1, 0, 1):
        publish(broken, deltas=deltas)
    for _ in range(36):
        publish(long)
    endpoint = endpoint_of(lumen, members.url("ok"))
    follow(lumen, broken, endpoint, told=1)
    follow(lumen, long, endpoint, told=1)
    deliver()
    assert [told["delta"] for told in json.loads(members.arrivals[0].body)["data"]["lists"]] == [None, None]


def test_more_lists_than_fit_in_a_notice_are_all_told_in_one_run(members: Members) -> None:
    lumen, harbor = cast.lumen(), cast.harbor()
    endpoint = endpoint_of(lumen, members.url("ok"))
    lists = [new_list(harbor, f"List {number}") for number in range(25)]
    for hash_list in lists:
        publish(hash_list)
        follow(lumen, hash_list, endpoint)
    deliver()
    told = [one["list_id"] for each in members.arrivals for one in json.loads(each.body)["data"]["lists"]]
    assert sorted(told) == sorted(hash_list.id for hash_list in lists)
    assert 2 <= len(members.arrivals) <= 4
    assert not EndpointCursor.objects.owed().exists()


@pytest.mark.usefixtures("frozen")
def test_a_retry_has_the_same_id_and_body_and_a_fresh_time(members: Members) -> None:
    lumen, hash_list = cast.lumen(), new_list(cast.harbor())
    publish(hash_list)
    members.failures_left = 1
    endpoint = endpoint_of(lumen, members.url("flaky"))
    follow(lumen, hash_list, endpoint)
    assert deliver().attempts == {Outcome.REFUSED: 1}
    assert cursor_of(endpoint, hash_list) == 0
    assert deliver(NOW + timedelta(seconds=4)).attempts == {}
    assert deliver(NOW + timedelta(seconds=6)).attempts == {Outcome.DELIVERED: 1}
    first, second = members.arrivals
    assert (first.headers["webhook-id"], first.body) == (second.headers["webhook-id"], second.body)
    assert first.headers["webhook-timestamp"] != second.headers["webhook-timestamp"]
    healed = again(endpoint)
    assert (healed.failures, healed.failing_since, healed.last_error) == (0, None, "")


@pytest.mark.usefixtures("frozen")
@pytest.mark.parametrize(
    ("behaviour", "outcome", "wait"),
    [
        ("status/500", "refused", 5),
        ("status/404", "refused", 5),
        ("status/503", "throttled", 60),
        ("busy/900", "throttled", 900),
        ("redirect/1", "redirected", 5),
        ("hang", "timeout", 60),
    ],
)
def test_a_failure_leaves_the_debt_and_says_when_to_try_again(
    members: Members, behaviour: str, outcome: str, wait: int
) -> None:
    lumen, hash_list = cast.lumen(), new_list(cast.harbor())
    publish(hash_list)
    endpoint = endpoint_of(lumen, members.url(behaviour))
    follow(lumen, hash_list, endpoint)
    deliver()
    failed, attempt = again(endpoint), Attempt.objects.get()
    assert (attempt.outcome, failed.failures, failed.state) == (outcome, 1, EndpointState.ACTIVE)
    assert failed.due_at - NOW == timedelta(seconds=wait)
    assert failed.last_error == attempt.error != ""
    assert (cursor_of(endpoint, hash_list), failed.lease_until) == (0, None)


def test_nobody_there_and_a_blocked_address_are_failures_too(members: Members) -> None:
    lumen, hash_list = cast.lumen(), new_list(cast.harbor())
    publish(hash_list)
    nobody, inwards = endpoint_of(lumen, "http://127.0.0.1:1/"), endpoint_of(lumen, "http://10.0.0.1:443/")
    follow(lumen, hash_list, nobody, inwards)
    deliver()
    assert {a.endpoint_id: a.outcome for a in Attempt.objects.all()} == {
        nobody.id: "unreachable",
        inwards.id: "blocked",
    }


def test_gone_pauses_the_endpoint_and_tells(members: Members) -> None:
    lumen, hash_list = cast.lumen(), new_list(cast.harbor())
    publish(hash_list)
    endpoint = endpoint_of(lumen, members.url("status/410"))
    follow(lumen, hash_list, endpoint)
    deliver()
    paused = again(endpoint)
    event = AuditEvent.objects.latest("number")
    assert (paused.state, paused.paused_reason) == (EndpointState.PAUSED, PauseReason.GONE)
    assert (event.action, event.facts, event.actor_kind) == ("endpoint.paused", {"reason": "gone"}, "system")
    assert deliver(NOW + timedelta(days=30)).attempts == {}


@pytest.mark.usefixtures("frozen")
def test_five_days_of_failure_pause_it_and_one_success_resumes_it(members: Members) -> None:
    lumen, hash_list = cast.lumen(), new_list(cast.harbor())
    publish(hash_list)
    members.failures_left = 2
    endpoint = endpoint_of(
        lumen, members.url("flaky"), failures=30, failing_since=NOW - timedelta(days=5, seconds=1)
    )
    follow(lumen, hash_list, endpoint)
    deliver()
    paused = again(endpoint)
    assert (paused.state, paused.paused_reason) == (EndpointState.PAUSED, PauseReason.FAILING)
    assert AuditEvent.objects.latest("number").action == "endpoint.paused"
    assert deliver(NOW + timedelta(hours=23)).attempts == {}
    assert deliver(NOW + timedelta(days=1, minutes=1)).attempts == {Outcome.REFUSED: 1}
    assert AuditEvent.objects.filter(action="endpoint.paused").count() == 1
    assert deliver(NOW + timedelta(days=2, minutes=2)).attempts == {Outcome.DELIVERED: 1}
    assert again(endpoint).state == EndpointState.ACTIVE
    assert AuditEvent.objects.latest("number").action == "endpoint.resumed"


def test_failing_and_hanging_endpoints_do_not_delay_the_others(
    members: Members, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(TIMING, Lane.ROUTINE, replace(TIMING[Lane.ROUTINE], total=4.0))
    lumen, hash_list = cast.lumen(), new_list(cast.harbor())
    publish(hash_list)
    for number in range(1, 41):
        behaviour = {0: "hang", 1: "status/500"}.get(number % 10, "ok")
        follow(lumen, hash_list, endpoint_of(lumen, members.url(behaviour, address=f"127.0.1.{number}")))
    attempts = deliver().attempts
    assert (attempts[Outcome.DELIVERED], attempts[Outcome.TIMEOUT]) == (32, 4)
    assert attempts[Outcome.REFUSED] >= 4
    # Their results were written while the hanging ones were still pending.
    written = EndpointCursor.objects.filter(notified_release=1).values_list("notified_at", flat=True)
    hung = Attempt.objects.filter(outcome=Outcome.TIMEOUT)
    given_up = min(one.started_at + timedelta(milliseconds=one.duration_ms) for one in hung)
    assert max(at for at in written if at is not None) < given_up


def test_two_at_most_are_in_flight_to_one_host(members: Members) -> None:
    lumen, hash_list = cast.lumen(), new_list(cast.harbor())
    publish(hash_list)
    for number in range(6):
        follow(lumen, hash_list, endpoint_of(lumen, members.url(f"slow/{number}")))
    assert deliver().delivered == 6
    assert members.most_at_once == {f"127.0.0.1:{members.port}": 2}


def test_a_secret_that_cannot_be_opened_stops_nobody_else(members: Members) -> None:
    lumen, hash_list = cast.lumen(), new_list(cast.harbor())
    publish(hash_list)
    good = endpoint_of(lumen, members.url("ok"))
    broken = endpoint_of(lumen, members.url("broken"))
    Endpoint.objects.filter(id=broken.id).update(sealed_secret=good.sealed_secret)
    follow(lumen, hash_list, good, broken)
    assert deliver().attempts == {Outcome.DELIVERED: 1, Outcome.UNSEALED: 1}
    assert not members.of("broken")
    assert again(broken).failures == 1


def test_during_a_rotation_both_secrets_verify(members: Members) -> None:
    lumen, hash_list = cast.lumen(), new_list(cast.harbor())
    publish(hash_list)
    endpoint = endpoint_of(lumen, members.url("ok"), secret=b"n" * 32)
    endpoint.sealed_previous_secret = secrets.sealed_secret(
        b"o" * 32, endpoint_id=endpoint.id, field="previous_secret"
    )
    endpoint.previous_secret_until = NOW + timedelta(hours=1)
    endpoint.save()
    follow(lumen, hash_list, endpoint)
    deliver()
    (arrival,) = members.arrivals
    for secret in (b"n" * 32, b"o" * 32):
        trust = Trust(secrets=[secrets.shown(secret)])
        assert verify_notice(arrival.headers, arrival.body, trust=trust, now=NOW.timestamp()).lists


def test_nothing_is_sent_before_it_can_be_pulled(members: Members) -> None:
    lumen, hash_list = cast.lumen(), new_list(cast.harbor())
    release = publish(hash_list, exported=False)
    follow(lumen, hash_list, endpoint_of(lumen, members.url("ok")))
    assert deliver().attempts == {}
    release.exported_at = NOW
    release.save()
    assert deliver().delivered == 1


@pytest.mark.parametrize("change", ["suspended", "unverified", "paused", "closed", "hidden"])
def test_who_may_not_be_told_is_not_told(members: Members, change: str) -> None:
    lumen, hash_list = cast.lumen(), new_list(cast.harbor())
    publish(hash_list, urgent=True)
    endpoint = endpoint_of(lumen, members.url("ok"))
    follow(lumen, hash_list, endpoint)
    if change == "suspended":
        lumen.organisation.status = "suspended"
        lumen.organisation.save()
    elif change == "hidden":
        hash_list.refresh_from_db()
        hash_list.audience = Audience.NAMED
        hash_list.save()
    else:
        Endpoint.objects.update(state=change, paused_reason=PauseReason.ASKED if change == "paused" else "")
    for lane in Lane:
        assert deliver(lane=lane).attempts == {}
    assert members.arrivals == []


@pytest.mark.usefixtures("frozen")
def test_an_urgent_release_overrides_a_back_off_of_hours(members: Members) -> None:
    lumen, hash_list = cast.lumen(), new_list(cast.harbor())
    endpoint = endpoint_of(
        lumen,
        members.url("ok"),
        failures=12,
        due_at=NOW + timedelta(hours=4),
        lease_until=NOW + timedelta(seconds=20),
    )
    follow(lumen, hash_list, endpoint)
    publish(hash_list)
    assert deliver(lane=Lane.URGENT).attempts == {}
    publish(hash_list, urgent=True)
    assert deliver(lane=Lane.ROUTINE).attempts == {}
    assert deliver(lane=Lane.URGENT).delivered == 1
    (told,) = json.loads(members.arrivals[0].body)["data"]["lists"]
    assert (told["release"], told["urgent"]) == (2, True)
    healed = again(endpoint)
    assert (healed.failures, healed.lease_until) == (0, NOW + timedelta(seconds=20))
    assert healed.due_at == NOW


@pytest.mark.usefixtures("frozen")
def test_urgent_tries_follow_their_own_calendar_and_a_newer_one_starts_afresh(members: Members) -> None:
    lumen, hash_list = cast.lumen(), new_list(cast.harbor())
    endpoint = endpoint_of(lumen, members.url("status/500"))
    follow(lumen, hash_list, endpoint)
    publish(hash_list, urgent=True)
    at, tries = NOW, deliver(NOW, Lane.URGENT).attempts[Outcome.REFUSED]
    for wait in (2, 5, 10, 30, 60):
        assert deliver(at + timedelta(seconds=wait - 1), Lane.URGENT).attempts == {}
        at += timedelta(seconds=wait)
        tries += deliver(at, Lane.URGENT).attempts[Outcome.REFUSED]
    assert tries == URGENT_TRIES
    assert deliver(NOW + timedelta(hours=1), Lane.URGENT).attempts == {}
    # The routine calendar was not touched and goes on.
    assert (again(endpoint).failures, again(endpoint).due_at) == (0, NOW)
    publish(hash_list, urgent=True)
    assert deliver(NOW + timedelta(hours=1), Lane.URGENT).attempts == {Outcome.REFUSED: 1}


@pytest.mark.django_db(transaction=True)
def test_a_nudge_during_a_run_is_taken_up_by_that_run(members: Members) -> None:
    lumen, slow, quick = cast.lumen(), new_list(cast.harbor(), "Slow"), new_list(cast.harbor(), "Quick")
    publish(slow)
    follow(lumen, slow, endpoint_of(lumen, members.url("delay/0.9")))
    follow(lumen, quick, endpoint_of(lumen, members.url("ok", address="127.0.0.2")))
    runs: list[Delivered] = []

    def run() -> None:
        runs.append(deliver())
        connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    while not members.of("delay/0.9"):
        time.sleep(0.01)
    publish(quick)
    assert deliver().joined
    thread.join()
    assert runs[0].attempts == {Outcome.DELIVERED: 2}
    assert len(runs) == 1  # a queue of runs would have told it after the slow one


@pytest.mark.parametrize("lane", list(Lane))
def test_a_lease_that_ends_before_the_post_is_renewed_and_nothing_is_posted_twice(
    members: Members, monkeypatch: pytest.MonkeyPatch, lane: Lane
) -> None:
    """As on a machine that is too busy: the run goes on, and the endpoint is free when it has answered."""
    short = replace(TIMING[lane], total=20.0, lease=timedelta(seconds=0.2))
    monkeypatch.setitem(TIMING, lane, short)
    monkeypatch.setattr("exchange.push.deliver._LOOK_EVERY", 0.3)
    hash_list = new_list(cast.harbor())
    endpoint = endpoint_of(cast.lumen(), members.url("delay/1.5"))
    follow(cast.lumen(), hash_list, endpoint)
    publish(hash_list, urgent=lane is Lane.URGENT)
    claims = Counter[Endpoint]()
    honest = claim.claim_endpoints

    def counted(**asked: Any) -> list[Endpoint]:
        claimed = honest(**asked)
        claims.update(claimed)
        return claimed

    monkeypatch.setattr("exchange.push.deliver.claim_endpoints", counted)
    assert deliver(lane=lane).attempts == {Outcome.DELIVERED: 1}
    assert claims[endpoint] > 1
    assert (len(members.arrivals), cursor_of(endpoint, hash_list)) == (1, 1)
    assert (again(endpoint).lease_until, again(endpoint).urgent_lease_until) == (None, None)
