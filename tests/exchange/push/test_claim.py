"""Who is claimed, in which order, and that a claim survives crashes and is never given twice."""

from __future__ import annotations

import os
import signal
import threading
import time
import uuid
from datetime import timedelta
from typing import NoReturn

import pytest
from django.db import connection

from exchange.push import deliver as deliver_module
from exchange.push.claim import (
    Candidate,
    InFlight,
    Limits,
    choose,
    claim_endpoints,
    endpoints_due,
    release_unused,
)
from exchange.push.deliver import deliver_due
from exchange.push.fan_out import notices_for
from exchange.push.health import push_health
from exchange.push.models import Attempt
from exchange.push.schedule import BREAKER_FAILURES, Lane, Outcome
from exchange.push.settle import Tried, settle
from exchange.push.transport import Answer
from exchange.sharing.models import Endpoint, EndpointCursor
from hashsets.lists.models import HashList
from tests import cast
from tests.cast import NOW
from tests.exchange.push.receivers import Members
from tests.exchange.world import SIGNER, cursor_of, endpoint_of, follow, new_list, no_jitter, publish
from tests.forking import forked

WIDE = Limits(window=100, per_organisation=100, probes=100)


def candidate(*, organisation: uuid.UUID | None = None, host: str = "", failures: int = 0) -> Candidate:
    key = uuid.uuid4()
    return Candidate(key, organisation or uuid.uuid4(), host or f"{key}:443", failures)


def test_no_more_than_there_is_room_for() -> None:
    assert len(choose([candidate() for _ in range(9)], InFlight(), limits=WIDE, room=4)) == 4


def test_two_per_host() -> None:
    candidates = [candidate(host="shared.example.org:443") for _ in range(5)]
    in_flight = InFlight()
    assert choose(candidates, in_flight, limits=WIDE, room=9) == candidates[:2]
    assert choose(candidates[2:], in_flight, limits=WIDE, room=9) == []


def test_one_organisation_cannot_fill_the_window() -> None:
    greedy = uuid.uuid4()
    candidates = [candidate(organisation=greedy) for _ in range(50)] + [candidate() for _ in range(5)]
    limits = Limits(window=100, per_organisation=10, probes=100)
    chosen = choose(candidates, InFlight(), limits=limits, room=100)
    assert [one.organisation_id == greedy for one in chosen] == [True] * 10 + [False] * 5


def test_endpoints_that_keep_failing_share_a_small_window() -> None:
    failing = [candidate(failures=BREAKER_FAILURES) for _ in range(20)]
    limits = Limits(window=100, per_organisation=100, probes=3)
    chosen = choose([*failing, candidate()], InFlight(), limits=limits, room=100)
    assert [one.failures for one in chosen] == [BREAKER_FAILURES] * 3 + [0]


def test_what_has_ended_makes_room() -> None:
    in_flight, one = InFlight(), candidate(failures=BREAKER_FAILURES)
    choose([one], in_flight, limits=WIDE, room=1)
    assert (in_flight.total, in_flight.probes) == (1, 1)
    in_flight.add(one, by=-1)
    assert (in_flight.total, in_flight.probes, in_flight.hosts[one.host]) == (0, 0, 0)


def owed_to(*names: str, told: int = 0) -> tuple[HashList, list[Endpoint]]:
    """A released list and endpoints of Lumen that are behind on it."""
    hash_list = new_list(cast.harbor())
    publish(hash_list)
    endpoints = [endpoint_of(cast.lumen(), f"https://{name}.example.org/") for name in names]
    follow(cast.lumen(), hash_list, *endpoints, told=told)
    return hash_list, endpoints


def claim(room: int = 10, lane: Lane = Lane.ROUTINE, seconds: float = 0) -> list[str]:
    claimed = claim_endpoints(
        lane=lane, now=NOW + timedelta(seconds=seconds), in_flight=InFlight(), room=room
    )
    return sorted(endpoint.host.partition(".")[0] for endpoint in claimed)


@pytest.mark.django_db
def test_a_claim_is_a_lease_and_ends_by_itself() -> None:
    owed_to("a", "b")
    assert claim() == ["a", "b"]
    assert claim(seconds=29) == []
    assert claim(seconds=30) == ["a", "b"]


@pytest.mark.django_db
@pytest.mark.parametrize("lane", Lane)
@pytest.mark.parametrize("since", ["paused", "closed", "leased"])
def test_who_was_due_a_moment_ago_is_looked_at_again_when_its_turn_comes(lane: Lane, since: str) -> None:
    """Candidates are read far ahead: until their turn one may be paused, closed or taken by others."""
    _, (endpoint, other) = owed_to("a", "b")
    in_flight = InFlight()
    in_flight.ahead = [
        Candidate(one.id, one.organisation_id, one.host, one.failures) for one in (endpoint, other)
    ]
    lease = {"urgent_lease_until" if lane is Lane.URGENT else "lease_until": NOW + timedelta(seconds=5)}
    changes = lease if since == "leased" else {"state": since}
    Endpoint.objects.filter(id=endpoint.id).update(**changes)
    claimed = claim_endpoints(lane=lane, now=NOW, in_flight=in_flight, room=2)
    assert [one.id for one in claimed] == [other.id]
    assert in_flight.total == 1
    assert in_flight.hosts[endpoint.host] == 0


@pytest.mark.django_db
def test_a_lease_that_turns_out_unused_is_given_back() -> None:
    owed_to("a")
    claimed = claim_endpoints(lane=Lane.ROUTINE, now=NOW, in_flight=InFlight(), room=5)
    assert claim() == []
    release_unused(claimed, lane=Lane.ROUTINE)
    assert claim() == ["a"]


@pytest.mark.django_db
def test_healthy_endpoints_come_first_and_organisations_take_turns() -> None:
    hash_list, (a, b, _) = owed_to("a", "b", "c")
    Endpoint.objects.filter(id=a.id).update(failures=1)
    Endpoint.objects.filter(id=b.id).update(due_at=NOW - timedelta(hours=1))
    follow(cast.pixelhaus(), hash_list, endpoint_of(cast.pixelhaus(), "https://p.example.org/"))
    # Lumen's b waits longest, but p is the other organisation's turn before c.
    assert claim(room=2) == ["b", "p"]
    assert claim(room=1) == ["c"]
    assert claim(room=1) == ["a"]


@pytest.mark.django_db
def test_the_urgent_lane_does_not_wait_for_the_routine_lease_but_routine_waits_for_urgent() -> None:
    hash_list, (endpoint,) = owed_to("a")
    assert claim() == ["a"]
    publish(hash_list, urgent=True)
    assert claim(lane=Lane.URGENT) == ["a"]
    assert claim(lane=Lane.URGENT) == []
    Endpoint.objects.filter(id=endpoint.id).update(lease_until=None)
    assert claim() == []
    assert claim(seconds=16) == ["a"]


@pytest.mark.django_db
def test_what_is_due_can_be_asked_without_claiming() -> None:
    _, (endpoint,) = owed_to("a")
    assert endpoints_due(lane=Lane.ROUTINE, now=NOW, limit=5) == [endpoint.id]
    assert endpoints_due(lane=Lane.URGENT, now=NOW, limit=5) == []
    assert endpoints_due(lane=Lane.ROUTINE, now=NOW - timedelta(seconds=1), limit=5) == []
    assert claim() == ["a"]


@pytest.mark.django_db
def test_a_late_result_moves_no_cursor_back_and_ends_no_lease_of_others() -> None:
    hash_list, (endpoint,) = owed_to("a")
    (claimed,) = claim_endpoints(lane=Lane.ROUTINE, now=NOW, in_flight=InFlight(), room=5)
    old = notices_for([claimed])[claimed.id]
    # The lease ran out, another worker told of release 2 and holds the row again for release 3.
    publish(hash_list)
    EndpointCursor.objects.update(notified_release=2)
    publish(hash_list)
    later = NOW + timedelta(seconds=40)
    assert claim(seconds=40) == ["a"]
    late = Tried(claimed, old, Answer(Outcome.DELIVERED, status=204), NOW)
    settle([late], lane=Lane.ROUTINE, now=later, draw=no_jitter)
    row = Endpoint.objects.get()
    assert cursor_of(endpoint, hash_list) == 2
    assert row.lease_until == later + timedelta(seconds=30)
    assert Attempt.objects.get().releases == {hash_list.id: 1}


@pytest.mark.django_db
def test_health_counts_what_is_behind_and_how_long_it_could_have_been_sent() -> None:
    hash_list, (a, b) = owed_to("a", "b")
    publish(hash_list, urgent=True)
    Endpoint.objects.filter(id=b.id).update(due_at=NOW + timedelta(hours=1))
    health = push_health(NOW + timedelta(seconds=61))
    assert (health.endpoints, health.behind, health.lag) == ({"active": 2}, 2, 4)
    assert (health.oldest_due_seconds, health.oldest_urgent_seconds) == (61.0, 61.0)
    Endpoint.objects.filter(id=a.id).update(lease_until=NOW + timedelta(seconds=70))
    assert push_health(NOW + timedelta(seconds=61)).oldest_due_seconds == 0.0


@pytest.mark.django_db(transaction=True)
def test_two_workers_never_hold_the_same_endpoint() -> None:
    _, endpoints = owed_to(*(f"e{number}" for number in range(12)))
    taken: list[uuid.UUID] = []
    gate = threading.Barrier(4)

    def work() -> None:
        gate.wait()
        while claimed := claim_endpoints(lane=Lane.ROUTINE, now=NOW, in_flight=InFlight(), room=2):
            taken.extend(endpoint.id for endpoint in claimed)
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # A worker that meets only locked rows stops early; what it left is still due.
    taken.extend(
        endpoint.id for endpoint in claim_endpoints(lane=Lane.ROUTINE, now=NOW, in_flight=InFlight(), room=12)
    )
    assert sorted(taken) == sorted(endpoint.id for endpoint in endpoints)


@pytest.mark.faults
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("step", ["notices_for", "signed_headers", "settle"])
def test_a_worker_killed_at_any_step_loses_nothing(
    members: Members, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """Killed after claiming, before sending, after sending and before writing: told again, by the same id."""
    hash_list = new_list(cast.harbor())
    publish(hash_list)
    endpoint = endpoint_of(cast.lumen(), members.url("ok"))
    follow(cast.lumen(), hash_list, endpoint)

    def die(*_: object, **__: object) -> NoReturn:
        os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(60)
        raise AssertionError

    def deliver() -> None:
        monkeypatch.setattr(deliver_module, step, die)
        deliver_due(lane=Lane.ROUTINE, now=NOW, signer=SIGNER)

    assert forked(deliver) == -signal.SIGKILL
    told = len(members.arrivals)
    assert told == (1 if step == "settle" else 0)
    assert cursor_of(endpoint, hash_list) == 0
    assert deliver_due(lane=Lane.ROUTINE, now=NOW + timedelta(seconds=29), signer=SIGNER).attempts == {}
    assert deliver_due(lane=Lane.ROUTINE, now=NOW + timedelta(seconds=31), signer=SIGNER).delivered == 1
    assert len(members.arrivals) == told + 1
    assert len({arrival.headers["webhook-id"] for arrival in members.arrivals}) == 1
    assert cursor_of(endpoint, hash_list) == 1
