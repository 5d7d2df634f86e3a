"""Claims endpoints that are due: a row is leased before anything is sent, and the lease ends by itself.

A worker that is killed between claiming and writing its results leaves nothing behind but a lease: when it
ends, the notice is sent again (at least once). The same code holds on PostgreSQL, where rows locked by
another worker are skipped, and on SQLite, where a transaction takes the only write lock when it begins.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import Case, F, Q, Value, When, Window
from django.db.models.functions import RowNumber

from exchange.push.schedule import BREAKER_FAILURES, TIMING, URGENT_TRIES, Lane
from exchange.sharing.models import Endpoint, EndpointCursor, EndpointQuerySet

MAX_PER_HOST = 2
_AHEAD = 2_048
"""Candidates read at once: sorting all that is due for every few places that become free was half of the
CPU."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How many posts one lane keeps in flight: in all, per organisation, and to endpoints that keep
    failing."""

    window: int
    per_organisation: int
    probes: int


LIMITS = {
    Lane.ROUTINE: Limits(window=1_024, per_organisation=256, probes=64),
    # Wide enough that endpoints which all hang until the time-out cannot hold up the others.
    Lane.URGENT: Limits(window=1_024, per_organisation=256, probes=256),
}


@dataclass(slots=True)
class InFlight:
    """What one run has in flight, counted the way the limits are, and who is next.

    `ahead` may be out of date: a claim looks at each row again under its lock.
    """

    hosts: Counter[str] = field(default_factory=Counter)
    organisations: Counter[UUID] = field(default_factory=Counter)
    probes: int = 0
    total: int = 0
    ahead: list[Candidate] = field(default_factory=list)

    def add(self, endpoint: Candidate | Endpoint, by: int = 1) -> None:
        self.hosts[endpoint.host] += by
        self.organisations[endpoint.organisation_id] += by
        self.probes += by * (endpoint.failures >= BREAKER_FAILURES)
        self.total += by

    def remove(self, endpoint: Endpoint) -> None:
        self.add(endpoint, by=-1)


@dataclass(frozen=True, slots=True)
class Candidate:
    id: UUID
    organisation_id: UUID
    host: str
    failures: int


def choose(
    candidates: Iterable[Candidate], in_flight: InFlight, *, limits: Limits, room: int
) -> list[Candidate]:
    """Those that may start now, in the order given, without breaking a limit. Pure apart from counting
    `in_flight`."""
    chosen: list[Candidate] = []
    for one in candidates:
        if len(chosen) == room:
            break
        if (
            in_flight.hosts[one.host] < MAX_PER_HOST
            and in_flight.organisations[one.organisation_id] < limits.per_organisation
            and (one.failures < BREAKER_FAILURES or in_flight.probes < limits.probes)
        ):
            in_flight.add(one)
            chosen.append(one)
    return chosen


def claim_endpoints(*, lane: Lane, now: datetime, in_flight: InFlight, room: int) -> list[Endpoint]:
    """Lease up to `room` due endpoints for `lane`, and count them in `in_flight`; healthy ones first."""
    limits = LIMITS[lane]
    chosen = choose(in_flight.ahead, in_flight, limits=limits, room=room)
    if len(chosen) < room:
        known = {one.id for one in chosen}
        fresh = _candidates(lane, now, in_flight, limits, most=_AHEAD + room)
        in_flight.ahead = [one for one in fresh if one.id not in known]
        chosen += choose(in_flight.ahead, in_flight, limits=limits, room=room - len(chosen))
    known = {one.id for one in chosen}
    in_flight.ahead = [one for one in in_flight.ahead if one.id not in known]
    if not chosen:
        return []
    with transaction.atomic():
        # Looked at again under the row's lock: another worker may have been faster since.
        free = Endpoint.objects.deliverable().filter(_unleased(lane, now), id__in=[one.id for one in chosen])
        won = list(free.select_for_update(no_key=True, skip_locked=True, of=("self",)))
        lease = now + TIMING[lane].lease
        Endpoint.objects.filter(id__in=[endpoint.id for endpoint in won]).update(
            **{_lease_column(lane): lease}
        )
    taken = {endpoint.id for endpoint in won}
    for one in chosen:
        if one.id not in taken:
            in_flight.add(one, by=-1)
    for endpoint in won:
        setattr(endpoint, _lease_column(lane), lease)
    return won


def endpoints_due(*, lane: Lane, now: datetime, limit: int) -> list[UUID]:
    """Which endpoints wait, for the poller and for readiness; claims nothing."""
    return list(_due(lane, now).order_by("due_at").values_list("id", flat=True)[:limit])


def release_unused(endpoints: Iterable[Endpoint], *, lane: Lane) -> None:
    """Give back the leases of endpoints that turned out to be owed nothing any more."""
    ids = [endpoint.id for endpoint in endpoints]
    if ids:
        Endpoint.objects.filter(id__in=ids).update(**{_lease_column(lane): None})


def _due(lane: Lane, now: datetime) -> EndpointQuerySet:
    if lane is Lane.URGENT:
        # No `due_at` here: an urgent release overrides back-off, breaker and the routine lane's lease.
        owed = EndpointCursor.objects.owed_urgently(now, tries=URGENT_TRIES)
        return Endpoint.objects.deliverable().filter(_unleased(lane, now), id__in=owed.values("endpoint_id"))
    owed = EndpointCursor.objects.owed()
    return Endpoint.objects.deliverable().filter(
        _unleased(lane, now), _unleased(Lane.URGENT, now), due_at__lte=now, id__in=owed.values("endpoint_id")
    )


def _candidates(
    lane: Lane, now: datetime, in_flight: InFlight, limits: Limits, *, most: int
) -> list[Candidate]:
    """Due endpoints, healthy before failing, and within these the organisations in turn."""
    full_hosts = [host for host, count in in_flight.hosts.items() if count >= MAX_PER_HOST]
    full = [one for one, count in in_flight.organisations.items() if count >= limits.per_organisation]
    due = _due(lane, now).exclude(host__in=full_hosts).exclude(organisation_id__in=full)
    if in_flight.probes >= limits.probes:
        due = due.filter(failures__lt=BREAKER_FAILURES)
    health = Case(
        When(failures=0, then=Value(0)), When(failures__lt=BREAKER_FAILURES, then=Value(1)), default=Value(2)
    )
    turn = Window(RowNumber(), partition_by=F("organisation_id"), order_by=["failures", "due_at"])
    rows = (
        due.annotate(health=health, turn=turn)
        .order_by("health", "turn", "due_at")
        .values_list("id", "organisation_id", "host", "failures")[:most]
    )
    return [Candidate(*row) for row in rows]


def _unleased(lane: Lane, now: datetime) -> Q:
    column = _lease_column(lane)
    return Q(**{f"{column}__isnull": True}) | Q(**{f"{column}__lte": now})


def _lease_column(lane: Lane) -> str:
    return "urgent_lease_until" if lane is Lane.URGENT else "lease_until"
