"""The safety net under every wake-up: a thread that asks the database every two seconds what is due.

Celery may lose a message, Redis may be flushed, a beat may die and never come back. This thread lives in
every worker process, so as long as one worker lives, whatever is owed is found. `manage.py work` runs it
without Celery.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.db import close_old_connections

logger = logging.getLogger(__name__)

# A database that is away must not fill the log: one line per so many seconds says that it still is.
_COMPLAINT_SECONDS = 30.0


def heartbeat_path(queue: str) -> Path:
    """Return the file whose modification time is the last completed poll for `queue` on this machine."""
    return Path(settings.HX_VAR) / "run" / f"poller-{queue}"


def heartbeat_ages(*, now: datetime) -> dict[str, float | None]:
    """Return seconds since the last completed poll per queue (None: never), for /readyz and metrics."""
    ages: dict[str, float | None] = {}
    for queue in settings.HX_QUEUES:
        try:
            ages[queue] = max(0.0, now.timestamp() - heartbeat_path(queue).stat().st_mtime)
        except FileNotFoundError:
            ages[queue] = None
    return ages


def wake_up_path() -> Path:
    """Return the file whose modification time is the last wake-up that reached a worker on this machine."""
    return Path(settings.HX_VAR) / "run" / "wake-up"


def note_wake_up() -> None:
    """Remember that a wake-up has come."""
    path = wake_up_path()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()


def wake_up_age(*, now: datetime) -> float | None:
    """Return seconds since the last wake-up (None: never). Wake-ups may stop without harm; this shows it."""
    try:
        return max(0.0, now.timestamp() - wake_up_path().stat().st_mtime)
    except FileNotFoundError:
        return None


class Poller:
    """One daemon thread that polls until it is told to stop, whatever a poll raises."""

    def __init__(
        self,
        queues: Sequence[str],
        *,
        seconds: float,
        run_due: Callable[[Sequence[str]], None],
    ) -> None:
        self.queues = tuple(queues)
        self._seconds = seconds
        self._run_due = run_due
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._poll_until_stopped, name="poller", daemon=True)
        self._complained_at = float("-inf")

    def start(self) -> None:
        """Start polling, beginning at once: after a crash the backlog should not wait for the first tick."""
        self._thread.start()

    def stop(self, *, wait_seconds: float = 0.0) -> None:
        """Ask the thread to end after the poll it is in, and wait for it at most `wait_seconds`."""
        self._stopping.set()
        if wait_seconds and self._thread.is_alive():
            self._thread.join(wait_seconds)

    def is_alive(self) -> bool:
        """Say whether the thread still runs."""
        return self._thread.is_alive()

    def poll_until_stopped(self) -> None:
        """Poll in the calling thread; `manage.py work` has nothing else to do."""
        self._poll_until_stopped()

    def _poll_until_stopped(self) -> None:
        while not self._stopping.is_set():
            self._poll_once()
            self._stopping.wait(self._seconds)

    def _poll_once(self) -> None:
        try:
            # A connection that the database server dropped must not fail every poll from now on.
            close_old_connections()
            self._run_due(self.queues)
            for queue in self.queues:
                path = heartbeat_path(queue)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.touch()
        except Exception:
            # Whatever it was, the next poll may succeed, and a poller that ends is the one thing that loses
            # work.
            if time.monotonic() - self._complained_at > _COMPLAINT_SECONDS:
                self._complained_at = time.monotonic()
                logger.exception("poll_failed", extra={"queues": list(self.queues)})
        finally:
            close_old_connections()
