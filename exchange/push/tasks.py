"""The wake-up of push: it carries the name of a lane and nothing else."""

from __future__ import annotations

from celery import shared_task

from exchange.push.deliver import deliver_due


@shared_task(name="exchange.push.tasks.deliver")
def deliver(lane: str) -> None:
    """Deliver what is due on `lane` ("routine" or "urgent")."""
    deliver_due(lane=lane)
