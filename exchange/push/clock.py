"""The time that leases and back-off are counted in: the database's, so that workers with wrong clocks
agree."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

from django.db import connection


def database_now() -> datetime:
    """The database's time. SQLite has no clock of its own: it runs in this process and on this machine's."""
    if connection.vendor != "postgresql":
        return datetime.now(UTC)
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        told: datetime = cursor.fetchone()[0]
    return told


class RunningClock:
    """Starts at a given moment and goes on by this machine's monotonic clock, so that one reading serves a
    whole run."""

    def __init__(self, start: datetime) -> None:
        self._start = start
        self._since = time.monotonic()

    def now(self) -> datetime:
        return self._start + timedelta(seconds=time.monotonic() - self._since)
