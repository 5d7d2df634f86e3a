"""Nudges after commit: they save the poller's seconds and are never needed for correctness."""

from __future__ import annotations

from typing import Final

from exchange.celery import nudge

# Which queue serves a station; `exchange.stations` is checked against this in the tests.
QUEUES: Final = {
    "validate": "data",
    "build": "data",
    "publish": "data",
    "erase": "data",
    "push": "push",
    "push-urgent": "push-urgent",
}


def wake(*stations: str) -> None:
    """Have workers look at these stations once the current transaction has committed."""
    for station in stations:
        nudge("exchange.tasks.visit", station, queue=QUEUES[station])
