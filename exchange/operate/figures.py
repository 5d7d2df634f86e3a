"""The figures behind /metrics, each computed from rows at the moment of asking.

Rows and not process counters: several processes share one database, and a restart forgets nothing.
"""

from __future__ import annotations

from datetime import datetime

from django.db.models import Count, F, Min, Sum
from prometheus_client import CollectorRegistry, Gauge, generate_latest

from exchange.poller import heartbeat_ages
from exchange.push.models import Attempt
from exchange.sharing.models import Endpoint, EndpointCursor, EndpointState
from hashsets.intake.models import Submission
from hashsets.trust.models import Repository


def exposition(now: datetime) -> bytes:
    """All figures in Prometheus' text format."""
    registry = CollectorRegistry()
    _push(registry, now)
    _flow(registry)
    _trust(registry, now)
    beat = Gauge(
        "push_poller_heartbeat",
        "Seconds since the last completed poll, by queue",
        ["queue"],
        registry=registry,
    )
    for queue, age in heartbeat_ages(now=now).items():
        if age is not None:
            beat.labels(queue).set(age)
    return generate_latest(registry)


def _push(registry: CollectorRegistry, now: datetime) -> None:
    behind = EndpointCursor.objects.filter(
        endpoint__state=EndpointState.ACTIVE, notified_release__lt=F("hash_list__latest_release")
    ).aggregate(
        lag=Sum(F("hash_list__latest_release") - F("notified_release")), oldest=Min("hash_list__released_at")
    )
    Gauge(
        "push_lag_releases", "Releases that active endpoints have not been told about", registry=registry
    ).set(behind["lag"] or 0)
    oldest = behind["oldest"]
    Gauge("push_oldest_due_seconds", "Age of the oldest notice that is owed", registry=registry).set(
        (now - oldest).total_seconds() if oldest else 0
    )
    Gauge("push_inflight", "Endpoints under a lease now", registry=registry).set(
        Endpoint.objects.filter(lease_until__gt=now).count()
    )
    attempts = Gauge("push_attempts_total", "Attempts ever made, by outcome", ["outcome"], registry=registry)
    for row in Attempt.objects.values("outcome").annotate(n=Count("id")).order_by():
        attempts.labels(row["outcome"]).set(row["n"])


def _flow(registry: CollectorRegistry) -> None:
    states = Gauge("submissions", "Submissions by state", ["state"], registry=registry)
    for row in Submission.objects.values("state").annotate(n=Count("id")).order_by():
        states.labels(row["state"]).set(row["n"])


def _trust(registry: CollectorRegistry, now: datetime) -> None:
    soonest = Repository.objects.aggregate(at=Min("timestamp_expires_at"))["at"]
    if soonest is not None:
        Gauge(
            "trust_timestamp_expires_seconds", "Seconds until the first timestamp expires", registry=registry
        ).set((soonest - now).total_seconds())
