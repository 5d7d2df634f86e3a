"""When to try again: the back-off calendars of the two lanes. Pure; chance is an argument."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum


class Lane(StrEnum):
    """Routine notices, and urgent ones with their own queue, worker, window, time-outs and calendar."""

    ROUTINE = "routine"
    URGENT = "urgent"


class Outcome(StrEnum):
    """How one attempt ended. Only `delivered` moves a cursor."""

    DELIVERED = "delivered"
    REFUSED = "refused"
    GONE = "gone"
    REDIRECTED = "redirected"
    THROTTLED = "throttled"
    TIMEOUT = "timeout"
    UNREACHABLE = "unreachable"
    TLS = "tls"
    BLOCKED = "blocked"
    UNSEALED = "unsealed"


@dataclass(frozen=True, slots=True)
class Timing:
    """What one lane allows one attempt (seconds), and how long it holds the row meanwhile."""

    connect: float
    total: float
    lease: timedelta


TIMING = {
    Lane.ROUTINE: Timing(connect=10.0, total=10.0, lease=timedelta(seconds=30)),
    Lane.URGENT: Timing(connect=3.0, total=5.0, lease=timedelta(seconds=15)),
}

_ROUTINE = (5, 30, 2 * 60, 10 * 60, 30 * 60, 3600, 2 * 3600, 4 * 3600)
_URGENT = (2, 5, 10, 30, 60)
URGENT_TRIES = len(_URGENT) + 1
"""The first try and one after each wait; from then on the routine calendar alone goes on."""

JITTER = 0.2
OVERLOADED = timedelta(seconds=60)
LONGEST = timedelta(hours=4)
PAUSE_AFTER = timedelta(days=5)
PROBE_EVERY = timedelta(days=1)
BREAKER_FAILURES = 5
"""Failures in a row from which on an endpoint only gets a place in the small window of probes."""

_OVERLOAD = frozenset({Outcome.THROTTLED, Outcome.TIMEOUT})


def routine_wait(
    failures: int, *, outcome: Outcome, retry_after: timedelta | None, draw: float, paused: bool = False
) -> timedelta:
    """How long to wait after the `failures`-th failure in a row (from 1); `draw` is uniform in [0, 1).

    The calendar has no end: coalesced, a try every four hours is one cheap request. What the receiver asks
    for with Retry-After only ever lengthens the wait, and to four hours at most. An endpoint that is
    `paused` because it failed for days is probed daily.
    """
    if failures < 1:
        raise ValueError("A wait follows at least one failure.")
    if paused:
        return _jittered(PROBE_EVERY, draw)
    wait = _jittered(timedelta(seconds=_ROUTINE[min(failures, len(_ROUTINE)) - 1]), draw)
    if outcome in _OVERLOAD:
        wait = max(wait, OVERLOADED)
    if retry_after is not None:
        wait = max(wait, min(retry_after, LONGEST))
    return wait


def urgent_wait(tries: int, *, draw: float) -> timedelta | None:
    """How long to wait after the `tries`-th urgent try (from 1), or None when the urgent calendar is at its
    end.

    Retry-After is not obeyed here: the whole calendar takes under two minutes and the release is urgent.
    """
    if tries < 1:
        raise ValueError("A wait follows at least one try.")
    if tries > len(_URGENT):
        return None
    return _jittered(timedelta(seconds=_URGENT[tries - 1]), draw)


def _jittered(wait: timedelta, draw: float) -> timedelta:
    """Within 20 % around `wait`, so that endpoints that failed together do not come back together."""
    return wait * (1 - JITTER + 2 * JITTER * draw)
