"""How push is doing, for readiness and for the operator's page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, F, Min, Sum
from django.db.models.functions import Greatest

from exchange.sharing.models import Endpoint, EndpointCursor, EndpointState


@dataclass(frozen=True, slots=True)
class PushHealth:
    """`lag` counts releases not yet told of, over all cursors; times are in seconds."""

    endpoints: dict[str, int]
    behind: int
    lag: int
    oldest_due_seconds: float
    oldest_urgent_seconds: float


def push_health(now: datetime) -> PushHealth:
    """Counts over all endpoints; a few aggregate queries."""
    states = dict(Endpoint.objects.values_list("state").annotate(count=Count("id")).order_by())
    owed = EndpointCursor.objects.owed().filter(endpoint__state=EndpointState.ACTIVE)
    sums = owed.aggregate(
        behind=Count("endpoint_id", distinct=True),
        lag=Sum(F("hash_list__latest_release") - F("notified_release")),
    )
    urgent = owed.filter(notified_release__lt=F("hash_list__urgent_release"))
    return PushHealth(
        endpoints=states,
        behind=sums["behind"],
        lag=sums["lag"] or 0,
        oldest_due_seconds=oldest_due_seconds(now),
        oldest_urgent_seconds=_since(urgent.aggregate(at=Min("hash_list__released_at"))["at"], now),
    )


def oldest_due_seconds(now: datetime) -> float:
    """For how long the notice that waits longest could have been sent: what it waits for on purpose
    (back-off, a pause, an unproven endpoint) does not count, and neither does what is in flight."""
    due = EndpointCursor.objects.owed().filter(
        endpoint__in=Endpoint.objects.deliverable().filter(due_at__lte=now).exclude(lease_until__gt=now)
    )
    since = Greatest(F("endpoint__due_at"), F("hash_list__released_at"))
    return _since(due.aggregate(at=Min(since))["at"], now)


def _since(at: datetime | None, now: datetime) -> float:
    return 0.0 if at is None else max(0.0, (now - at).total_seconds())
