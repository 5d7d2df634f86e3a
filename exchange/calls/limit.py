"""How many calls somebody may make in a minute and in a day: in SQL, where no flushed cache forgets it.

A write for each call would be a queue of its own. Each process therefore counts for itself and adds what it
counted to the row after every `STEP` calls, so a limit may be passed by at most `STEP` calls per process.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db.models import F

from accounts.errors import Throttled
from exchange.calls.models import CallCount

STEP: Final = 10
WINDOWS: Final = {"minute": timedelta(minutes=1), "day": timedelta(days=1)}
_MOST_KEPT: Final = 10_000  # callers that one process counts at a time


@dataclass(slots=True)
class _Tally:
    """What this process knows of one caller in one window: the row as last read, and calls since."""

    total: int = 0
    fresh: int = 0


_tallies: dict[tuple[str, str, datetime], _Tally] = {}
_lock = threading.Lock()


def count_call(who: str, *, per_minute: int, per_day: int, now: datetime) -> None:
    """Count one call of `who`. Errors: Throttled `throttled`, with the seconds until the window ends."""
    for window, most in (("minute", per_minute), ("day", per_day)):
        length = WINDOWS[window]
        start = now - timedelta(seconds=now.timestamp() % length.total_seconds())
        start = start.replace(microsecond=0)
        if _counted(who, window, start, step=max(1, min(STEP, most // 10))) > most:
            left = (start + length - now).total_seconds()
            raise Throttled(
                f"At most {most} calls a {window} are allowed.",
                code="throttled",
                advice="Wait as long as Retry-After says; a feed is polled once a minute at most.",
                retry_after=max(1, round(left)),
                limit=most,
            )


def _counted(who: str, window: str, start: datetime, *, step: int) -> int:
    key = (who, window, start)
    with _lock:
        if len(_tallies) > _MOST_KEPT:
            _tallies.clear()  # what was not written yet, at most a step each, is forgiven
        tally = _tallies.setdefault(key, _Tally())
        tally.fresh += 1
        owed = tally.fresh if tally.fresh >= step or tally.total == 0 else 0
        tally.fresh -= owed
        told = tally.total + tally.fresh
    if not owed:
        return told
    total = _add(who, window, start, owed)
    with _lock:
        tally.total = max(tally.total, total)
        return tally.total + tally.fresh


def _add(who: str, window: str, start: datetime, calls: int) -> int:
    row = CallCount.objects.filter(who=who, window=window, start=start)
    if not row.update(calls=F("calls") + calls):
        CallCount.objects.bulk_create([CallCount(who=who, window=window, start=start)], ignore_conflicts=True)
        row.update(calls=F("calls") + calls)
    return row.values_list("calls", flat=True).first() or calls


def forget_tallies() -> None:
    """Know nothing, as a process that has just started."""
    with _lock:
        _tallies.clear()
