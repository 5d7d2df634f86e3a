"""Writes down how attempts ended: the log, the cursors, the back-off; in bulk, in one transaction.

A 2xx moves a cursor to the release that its notice told of, and only forwards. Everything else leaves the
cursor where it was, so that the debt stays visible, and only says when to try again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import F

from accounts.audit.actions import Action
from accounts.audit.record import record
from accounts.identity.acting import system_actor
from exchange.push.models import Attempt
from exchange.push.notice import Notice
from exchange.push.schedule import PAUSE_AFTER, Lane, Outcome, routine_wait, urgent_wait
from exchange.push.transport import MAX_ERROR, Answer
from exchange.push.warn import tell_of_change
from exchange.sharing.models import Endpoint, EndpointCursor, EndpointState, Notified, PauseReason, Warned

ENGINE = system_actor("push")
_WRITTEN = (
    *("state", "paused_reason", "lease_until", "urgent_lease_until", "due_at"),
    *("failures", "failing_since", "warned", "last_success_at", "last_error"),
)
_JITTER_STEPS = 8


@dataclass(frozen=True, slots=True)
class Tried:
    """One attempt that has ended. `endpoint` is the row as it was claimed, its lease included."""

    endpoint: Endpoint
    notice: Notice
    answer: Answer
    started_at: datetime

    @property
    def delivered(self) -> bool:
        return self.answer.outcome is Outcome.DELIVERED


def settle(tried: Sequence[Tried], *, lane: Lane, now: datetime, draw: Callable[[], float]) -> None:
    """Write the results of `tried`. Safe to run again after a crash: then the same notices were sent twice.

    `draw` gives the chance of the jitter.
    """
    if not tried:
        return
    with transaction.atomic():
        # (1) The rows in one order, so that the two lanes cannot wait for each other in a circle.
        ids = [one.endpoint.id for one in tried]
        rows = {
            row.id: row
            for row in Endpoint.objects.select_for_update(no_key=True).filter(id__in=ids).order_by("id")
        }
        Attempt.objects.bulk_create([attempt_of(one) for one in tried])
        # (2) Cursors before leases: an endpoint must not be free while what it was told is not yet written.
        move_cursors([one for one in tried if one.delivered], now=now)
        if lane is Lane.URGENT:
            _put_off_urgent([one for one in tried if not one.delivered], now=now, draw=draw)
        chance = _spread(draw)
        changes = [
            change
            for one in tried
            if (change := _apply(one, rows[one.endpoint.id], lane=lane, now=now, chance=chance)) is not None
        ]
        _write(list(rows.values()))
        # (3) Nobody is paused, or resumed, silently. Audit is the last act, because of its lock.
        for _, row in changes:
            tell_of_change(row, now=now)
        for action, row in changes:
            record(
                action,
                actor=ENGINE,
                subject_type="endpoint",
                subject_id=row.id,
                organisation_id=row.organisation_id,
                now=now,
                facts={"reason": row.paused_reason or None},
            )


def attempt_of(one: Tried) -> Attempt:
    """The row of the log for one attempt."""
    return Attempt(
        endpoint_id=one.endpoint.id,
        organisation_id=one.endpoint.organisation_id,
        notice_id=one.notice.id,
        kind=one.notice.kind,
        urgent=one.notice.urgent,
        releases=one.notice.releases,
        started_at=one.started_at,
        duration_ms=one.answer.duration_ms,
        outcome=one.answer.outcome.value,
        status=one.answer.status,
        request_body=one.notice.logged.decode(),
        response_head=one.answer.head,
        error=one.answer.error[:MAX_ERROR],
    )


def move_cursors(delivered: Iterable[Tried], *, now: datetime) -> None:
    """One update per (list, release): usually one for hundreds of endpoints."""
    told: dict[tuple[str, int], list[Endpoint]] = defaultdict(list)
    for one in delivered:
        for list_id, release in one.notice.releases.items():
            told[list_id, release].append(one.endpoint)
    for (list_id, release), endpoints in told.items():
        EndpointCursor.objects.filter(
            endpoint_id__in=[endpoint.id for endpoint in endpoints],
            hash_list_id=list_id,
            notified_release__lt=release,
        ).update(notified_release=release, notified_at=now)
    Notified.objects.bulk_create(
        [
            Notified(organisation_id=member, hash_list_id=list_id, release=release, notified_at=now)
            for (list_id, release), endpoints in told.items()
            for member in {endpoint.organisation_id for endpoint in endpoints}
        ],
        ignore_conflicts=True,
    )


def _put_off_urgent(failed: Iterable[Tried], *, now: datetime, draw: Callable[[], float]) -> None:
    """Count the try for every urgent release that the endpoint still owes; a newer one starts its count
    afresh."""
    ids = [one.endpoint.id for one in failed]
    behind = EndpointCursor.objects.filter(
        endpoint_id__in=ids, notified_release__lt=F("hash_list__urgent_release")
    )
    cursors = list(behind.select_related("hash_list"))
    for cursor in cursors:
        newest = cursor.hash_list.urgent_release
        cursor.urgent_tries = cursor.urgent_tries + 1 if cursor.urgent_release == newest else 1
        cursor.urgent_release = newest
        wait = urgent_wait(cursor.urgent_tries, draw=draw())
        cursor.urgent_due_at = None if wait is None else now + wait
    EndpointCursor.objects.bulk_update(cursors, ["urgent_release", "urgent_tries", "urgent_due_at"])


def _apply(
    one: Tried, row: Endpoint, *, lane: Lane, now: datetime, chance: Callable[[UUID], float]
) -> tuple[Action, Endpoint] | None:
    """Change `row` as the attempt demands; returns the act to be audited, if it is one."""
    _end_lease(one.endpoint, row, lane)
    if one.delivered:
        row.failures, row.failing_since, row.last_error, row.warned = 0, None, "", Warned.NOTHING
        row.last_success_at = row.due_at = now
        if row.state == EndpointState.PAUSED and row.paused_reason == PauseReason.FAILING:
            row.state, row.paused_reason = EndpointState.ACTIVE, ""
            return Action.ENDPOINT_RESUMED, row
        return None
    row.last_error = one.answer.error[:MAX_ERROR]
    row.failing_since = row.failing_since or now
    if one.answer.outcome is Outcome.GONE and row.state == EndpointState.ACTIVE:
        row.state, row.paused_reason = EndpointState.PAUSED, PauseReason.GONE
        return Action.ENDPOINT_PAUSED, row
    if lane is Lane.URGENT:
        return None  # the urgent calendar is the cursor's; the routine one goes on by itself
    row.failures += 1
    long_enough = now - row.failing_since >= PAUSE_AFTER
    pausing = long_enough and row.state == EndpointState.ACTIVE
    if pausing:
        row.state, row.paused_reason = EndpointState.PAUSED, PauseReason.FAILING
    row.due_at = now + routine_wait(
        row.failures,
        outcome=one.answer.outcome,
        retry_after=one.answer.retry_after,
        draw=chance(row.id),
        paused=row.state == EndpointState.PAUSED,
    )
    return (Action.ENDPOINT_PAUSED, row) if pausing else None


def _end_lease(claimed: Endpoint, row: Endpoint, lane: Lane) -> None:
    """End the lease unless it ran out meanwhile and another worker holds a new one."""
    if lane is Lane.URGENT:
        if row.urgent_lease_until == claimed.urgent_lease_until:
            row.urgent_lease_until = None
    elif row.lease_until == claimed.lease_until:
        row.lease_until = None


def _write(rows: Sequence[Endpoint]) -> None:
    """One update for rows that changed alike: bulk_update would spell out every column of every row."""
    alike: dict[tuple[object, ...], list[UUID]] = defaultdict(list)
    for row in rows:
        alike[tuple(getattr(row, column) for column in _WRITTEN)].append(row.id)
    for values, ids in alike.items():
        Endpoint.objects.filter(id__in=ids).update(**dict(zip(_WRITTEN, values, strict=True)))


def _spread(draw: Callable[[], float]) -> Callable[[UUID], float]:
    """Chance in a few steps instead of for each row: those of one batch that share a step are one update."""
    steps = [draw() for _ in range(_JITTER_STEPS)]
    return lambda endpoint_id: steps[endpoint_id.int % _JITTER_STEPS]
