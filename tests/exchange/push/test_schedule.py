"""The back-off calendars."""

from __future__ import annotations

from datetime import timedelta

import pytest

from exchange.push.schedule import URGENT_TRIES, Outcome, routine_wait, urgent_wait

MIDDLE = 0.5


def seconds(failures: int, outcome: Outcome = Outcome.REFUSED, retry_after: int | None = None) -> float:
    asked = None if retry_after is None else timedelta(seconds=retry_after)
    return routine_wait(failures, outcome=outcome, retry_after=asked, draw=MIDDLE).total_seconds()


def test_it_waits_longer_after_every_failure_and_at_most_four_hours() -> None:
    assert [seconds(n) for n in range(1, 11)] == [5, 30, 120, 600, 1800, 3600, 7200, 14400, 14400, 14400]


def test_it_never_gives_up() -> None:
    assert seconds(10_000) == 14_400


@pytest.mark.parametrize("outcome", [Outcome.THROTTLED, Outcome.TIMEOUT])
def test_an_overloaded_endpoint_gets_a_minute_at_least(outcome: Outcome) -> None:
    assert routine_wait(1, outcome=outcome, retry_after=None, draw=0.0) == timedelta(seconds=60)
    assert seconds(4, outcome) == 600


def test_it_waits_as_long_as_it_is_asked_to_but_four_hours_at_most() -> None:
    assert seconds(1, Outcome.THROTTLED, retry_after=900) == 900
    assert seconds(1, Outcome.THROTTLED, retry_after=10**6) == 4 * 3600


def test_it_does_not_come_back_sooner_because_it_is_asked_to() -> None:
    assert seconds(5, Outcome.THROTTLED, retry_after=1) == 1800


def test_jitter_stays_within_a_fifth() -> None:
    waits = [
        routine_wait(3, outcome=Outcome.REFUSED, retry_after=None, draw=draw / 100).total_seconds()
        for draw in range(100)
    ]
    assert min(waits) == 96
    assert 140 < max(waits) < 144


def test_a_paused_endpoint_is_probed_daily() -> None:
    wait = routine_wait(3, outcome=Outcome.REFUSED, retry_after=None, draw=MIDDLE, paused=True)
    assert wait == timedelta(days=1)


def test_urgent_tries_follow_each_other_quickly_and_then_end() -> None:
    waits = [urgent_wait(tries, draw=MIDDLE) for tries in range(1, URGENT_TRIES + 1)]
    assert [wait and wait.total_seconds() for wait in waits] == [2, 5, 10, 30, 60, None]


def test_a_wait_needs_a_failure() -> None:
    with pytest.raises(ValueError, match="at least one failure"):
        routine_wait(0, outcome=Outcome.REFUSED, retry_after=None, draw=MIDDLE)
    with pytest.raises(ValueError, match="at least one try"):
        urgent_wait(0, draw=MIDDLE)
