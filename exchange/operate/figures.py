"""The figures behind /metrics, each computed from rows at the moment of asking.

Rows and not process counters: several processes share one database, and a restart forgets nothing.
"""

from __future__ import annotations

from datetime import datetime

from django.db.models import Count, Min
from prometheus_client import CollectorRegistry, Gauge, generate_latest

from exchange.poller import heartbeat_ages
from exchange.push.health import push_health
from exchange.push.models import Attempt
from exchange.sharing.models import Endpoint
from hashsets.intake.models import Erasure, Submission
from hashsets.releases.models import Draft
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
    health = push_health(now)
    for name, meaning, value in (
        ("push_lag_releases", "Releases that active endpoints have not been told about", health.lag),
        (
            "push_oldest_due_seconds",
            "For how long the oldest notice could have been sent",
            health.oldest_due_seconds,
        ),
        (
            "push_oldest_urgent_seconds",
            "Age of the oldest unserved urgent release",
            health.oldest_urgent_seconds,
        ),
    ):
        Gauge(name, meaning, registry=registry).set(value)
    endpoints = Gauge("push_endpoints", "Endpoints by state", ["state"], registry=registry)
    for state, count in health.endpoints.items():
        endpoints.labels(state).set(count)
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
    Gauge(
        "releases_stalled",
        "Signed releases that cannot be published because a stored file is damaged or gone",
        registry=registry,
    ).set(Draft.objects.stalled().count())
    Gauge("erasures_owed", "Legal erasures that are published and not completed", registry=registry).set(
        Erasure.objects.filter(release__isnull=False, completed_at__isnull=True).count()
    )


def _trust(registry: CollectorRegistry, now: datetime) -> None:
    soonest = Repository.objects.aggregate(at=Min("timestamp_expires_at"))["at"]
    if soonest is not None:
        Gauge(
            "trust_timestamp_expires_seconds", "Seconds until the first timestamp expires", registry=registry
        ).set((soonest - now).total_seconds())
