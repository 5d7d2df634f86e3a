"""The stations of the flow: each finds its work as rows, so that no wake-up is ever needed for correctness.

A Celery task or the poller of any worker may run a station at any time and as often as it likes: every verb
claims its row by a conditional update first. Losing the broker costs seconds, never work (design: push).

All of them count by the database's clock, read once for a run: a worker whose own clock is wrong by hours
must neither take work away from a living one nor keep a dead one's for hours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog

from accounts.audit.heads import export_head
from accounts.dual_control.propose import forget_secret, lapsed_secrets
from accounts.standing import keep, remind
from accounts.vetting import review
from exchange.calls import forget
from exchange.domains import look
from exchange.mail import send
from exchange.push import warn
from exchange.push.clock import RunningClock, database_now
from exchange.push.deliver import deliver_due
from exchange.wakeups import wake
from hashsets.blobs import scratch
from hashsets.intake import expire, uploads, validate
from hashsets.releases import build, erase, local_copies, publish
from hashsets.trust import export, resign

log = structlog.get_logger(__name__)

# One look fetches this many rows per station; the loop looks again until nothing is due.
BATCH = 20
# A bound on one look, so that a station that cannot make progress never spins (the next tick tries again).
ROUNDS = 50


@dataclass(frozen=True, slots=True)
class Station:
    """`due` names what waits, oldest first; `work` does one of them and may find that another was faster.

    `then` are the stations that may have work once this one has done some.
    """

    name: str
    queue: str
    due: Callable[[datetime, int], Sequence[Any]]
    work: Callable[[Any, datetime], object]
    then: tuple[str, ...] = ()


class Seldom:
    """Days are counted, not seconds: once nothing was due, this process does not ask again for a while."""

    def __init__(self, due: Callable[[datetime, int], Sequence[Any]], *, every: timedelta) -> None:
        self._due, self._every = due, every
        self._quiet_since: datetime | None = None

    def __call__(self, now: datetime, limit: int) -> Sequence[Any]:
        if self._quiet_since is not None and timedelta() <= now - self._quiet_since < self._every:
            return []
        found = self._due(now, limit)
        self._quiet_since = None if found else now
        return found


STATIONS: tuple[Station, ...] = (
    Station(
        "validate",
        "data",
        validate.submissions_due,
        lambda key, now: validate.validate_submission(key, now=now),
    ),
    Station("build", "data", build.submissions_due, lambda key, now: build.build_draft(key, now=now)),
    Station(
        "publish",
        "data",
        publish.drafts_due,
        lambda key, now: publish.publish_draft(key, now=now),
        then=("push", "push-urgent", "build", "erase"),
    ),
    Station("erase", "data", erase.erasures_due, lambda key, now: erase.complete_erasure(key, now=now)),
    Station(
        "clear-erased",
        "data",
        local_copies.copies_due,
        lambda since, now: local_copies.clear_copies(since),
    ),
    Station("export", "data", export.exports_due, lambda key, now: export.export_repository(key, now=now)),
    Station(
        "resign", "data", resign.due_repositories, lambda key, now: resign.resign_repository(key, now=now)
    ),
    Station(
        "forget-uploads", "data", expire.uploads_due, lambda key, now: expire.forget_upload(key, now=now)
    ),
    Station("forget-calls", "data", forget.forgetting_due, lambda kind, now: forget.forget(kind, now=now)),
    Station(
        "forget-unfinished",
        "data",
        uploads.unfinished_due,
        lambda key, _: uploads.forget_upload_in_parts(key),
    ),
    Station("clear-leftovers", "data", scratch.leftovers_due, lambda path, now: scratch.clear_leftover(path)),
    Station("mail", "data", send.mail_due, lambda key, now: send.send_mail(key, now=now)),
    Station("forget-mail", "data", send.forgetting_due, lambda key, now: send.forget_mail(key, now=now)),
    Station(
        "forget-proposals",
        "data",
        Seldom(lapsed_secrets, every=timedelta(minutes=5)),
        lambda key, now: forget_secret(key, now=now),
    ),
    Station("domains", "data", look.due, lambda key, now: look.look_at(key, now=now)),
    Station(
        "reviews",
        "data",
        Seldom(review.reviews_due, every=timedelta(minutes=5)),
        lambda key, now: review.open_review(key, now=now),
    ),
    Station(
        "standing",
        "data",
        Seldom(keep.standings_due, every=timedelta(minutes=1)),
        lambda key, now: keep.keep_standing(key, now=now),
    ),
    Station(
        "reminders",
        "data",
        Seldom(remind.reminders_due, every=timedelta(minutes=10)),
        lambda key, now: remind.remind(key, now=now),
    ),
    Station("audit-heads", "data", lambda now, limit: ["head"], lambda _, now: export_head(now=now)),
    # Before the deliveries of its queue, and not behind a validation of hours.
    Station("warnings", "push-urgent", warn.warnings_due, lambda key, now: warn.warn(key, now=now)),
    Station("push", "push", lambda now, limit: ["routine"], lambda lane, now: deliver_due(lane=lane)),
    Station(
        "push-urgent", "push-urgent", lambda now, limit: ["urgent"], lambda lane, now: deliver_due(lane=lane)
    ),
)


def run_due(queues: Iterable[str], *, clock: Callable[[], datetime] | None = None) -> int:
    """Work off what is due on `queues`; returns how many pieces of work were tried.

    A piece that fails is logged and left to its lease or back-off; it never stops the others.
    """
    wanted, clock = frozenset(queues), clock or RunningClock(database_now()).now
    return sum(_run(station, clock) for station in STATIONS if station.queue in wanted)


def visit_station(name: str, *, clock: Callable[[], datetime] | None = None) -> int:
    """Work off what is due at one station; an unknown name (a message of another version) does nothing."""
    clock = clock or RunningClock(database_now()).now
    return sum(_run(station, clock) for station in STATIONS if station.name == name)


def _run(station: Station, clock: Callable[[], datetime]) -> int:
    tried: set[Any] = set()
    for _ in range(ROUNDS):
        try:
            fresh = [key for key in station.due(clock(), BATCH) if key not in tried]
        except Exception:
            log.exception("station.due_failed", station=station.name)
            break
        if not fresh:
            break
        for key in fresh:
            tried.add(key)
            try:
                station.work(key, clock())
            except Exception:
                log.exception("station.work_failed", station=station.name, key=str(key))
    if tried:
        wake(*station.then)
    return len(tried)
