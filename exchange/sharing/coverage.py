"""How far a release has come: who was notified, who fetched it, who applied it. The three are never mixed.

A 2xx from an endpoint says that a notice arrived, not that a list is in force; only a confirmation with the
right state root says that.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Max, Min, QuerySet

from accounts.errors import NotAllowed, NotFound
from accounts.identity.acting import Actor
from accounts.identity.roles import Permission
from exchange.sharing.models import (
    Confirmation,
    Endpoint,
    EndpointState,
    Fetch,
    Notified,
    Subscription,
)
from hashsets.lists.models import HashList
from hashsets.releases.models import Release


@dataclass(frozen=True, slots=True)
class Reach:
    """One level: how many subscribers, which share of all (0 to 1), and seconds until 50, 95 and 100 % of
    them.

    The clock of a member starts at publication, or at its subscription when that came later. None: not yet.
    """

    count: int
    share: float
    seconds_to_50: float | None
    seconds_to_95: float | None
    seconds_to_100: float | None


@dataclass(frozen=True, slots=True)
class Laggard:
    """A subscriber that has not applied the release: what is known of it, and the last error of its
    endpoints."""

    organisation_id: UUID
    name: str
    notified: bool
    fetched: bool
    applied_release: int
    endpoints: int
    last_error: str


@dataclass(frozen=True, slots=True)
class Coverage:
    list_id: str
    release: int
    published_at: datetime
    subscribers: int
    notified: Reach
    fetched: Reach
    applied: Reach
    mismatches: int
    laggards: tuple[Laggard, ...]


def coverage(hash_list: HashList, release: int, *, actor: Actor) -> Coverage:
    """How far `release` has come among today's subscribers. For the publisher and the operator only.

    Errors: NotFound `list.not_found`, `release.not_found`; NotAllowed `coverage.not_yours`,
    `permission.missing`.
    """
    actor.require(Permission.LIST_VIEW)
    HashList.objects.seen(hash_list.id, actor)
    if not actor.is_operator and hash_list.organisation_id != actor.organisation():
        raise NotAllowed("Only the publisher sees how far a release has come.", code="coverage.not_yours")
    published = Release.objects.filter(hash_list=hash_list, number=release).first()
    if published is None:
        raise NotFound("There is no such release.", code="release.not_found")

    # (1) Whose clock started when.
    current = Subscription.objects.current().filter(hash_list=hash_list).select_related("organisation")
    subscribers = {subscription.organisation_id: subscription for subscription in current}
    started = {
        member: max(published.published_at, subscription.created_at)
        for member, subscription in subscribers.items()
    }
    # (2) Each level from its own log: the first time at which this release, or one after it, was reached.
    reached = {"hash_list": hash_list, "release__gte": release}
    notified = _first(Notified.objects.filter(**reached), "notified_at")
    fetched = _first(Fetch.objects.filter(**reached), "fetched_at")
    applied = _first(Confirmation.objects.filter(**reached, matches=True), "received_at")
    mismatched = Confirmation.objects.filter(hash_list=hash_list, release=release, matches=False)
    return Coverage(
        list_id=hash_list.id,
        release=release,
        published_at=published.published_at,
        subscribers=len(subscribers),
        notified=reach(notified, started),
        fetched=reach(fetched, started),
        applied=reach(applied, started),
        mismatches=mismatched.values("organisation").distinct().count(),
        laggards=_laggards(hash_list, subscribers, notified=notified, fetched=fetched, applied=applied),
    )


def reach(at: Mapping[UUID, datetime], started: Mapping[UUID, datetime]) -> Reach:
    """Count those of `started` (member to start of its clock) that appear in `at`, and when the shares were
    met."""
    seconds = sorted(
        max(0.0, (at[member] - start).total_seconds()) for member, start in started.items() if member in at
    )
    everyone = len(started)

    def until(share: float) -> float | None:
        needed = math.ceil(share * everyone)
        return seconds[needed - 1] if 0 < needed <= len(seconds) else None

    return Reach(
        count=len(seconds),
        share=len(seconds) / everyone if everyone else 0.0,
        seconds_to_50=until(0.5),
        seconds_to_95=until(0.95),
        seconds_to_100=until(1.0),
    )


def _first(rows: QuerySet[Any], column: str) -> dict[UUID, datetime]:
    return dict(rows.values_list("organisation_id").annotate(at=Min(column)).order_by())


def _laggards(
    hash_list: HashList,
    subscribers: Mapping[UUID, Subscription],
    *,
    notified: Mapping[UUID, datetime],
    fetched: Mapping[UUID, datetime],
    applied: Mapping[UUID, datetime],
) -> tuple[Laggard, ...]:
    behind = [member for member in subscribers if member not in applied]
    newest = dict(
        Confirmation.objects.filter(hash_list=hash_list, matches=True)
        .values_list("organisation_id")
        .annotate(release=Max("release"))
        .order_by()
    )
    # One pass over the endpoints of all subscribers instead of a query per laggard.
    open_ones = Endpoint.objects.exclude(state=EndpointState.CLOSED).filter(
        organisation__subscriptions__in=[subscribers[member].id for member in behind[:_MAX_LAGGARDS]]
    )
    errors = _errors(open_ones.order_by("-failures").values_list("organisation_id", "last_error"))
    laggards = (
        Laggard(
            organisation_id=member,
            name=subscribers[member].organisation.name,
            notified=member in notified,
            fetched=member in fetched,
            applied_release=newest.get(member, 0),
            endpoints=errors.get(member, (0, ""))[0],
            last_error=errors.get(member, (0, ""))[1],
        )
        for member in behind[:_MAX_LAGGARDS]
    )
    return tuple(sorted(laggards, key=lambda one: (one.applied_release, one.name)))


# The page shows the worst; the counts tell about the rest. Also the limit of variables of old SQLite
# versions.
_MAX_LAGGARDS = 500


def _errors(rows: Iterable[tuple[UUID, str]]) -> dict[UUID, tuple[int, str]]:
    """Per organisation the number of its endpoints and the first error in the order given."""
    found: dict[UUID, tuple[int, str]] = {}
    for organisation_id, error in rows:
        count, first = found.get(organisation_id, (0, ""))
        found[organisation_id] = (count + 1, first or error)
    return found
