"""The one Celery task: visit a station. The message says where to look; what to do is found in rows."""

from __future__ import annotations

from celery import shared_task

from exchange.poller import note_wake_up
from exchange.stations import visit_station


@shared_task(name="exchange.tasks.visit", time_limit=3600)
def visit(station: str) -> None:
    """Do what is due at `station`; a message that comes twice or too late finds nothing to do."""
    note_wake_up()
    visit_station(station)
