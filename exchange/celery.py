"""Celery carries wake-ups, never truth: what is owed is a row, and a lost message costs seconds, not work."""

from __future__ import annotations

import contextlib
import logging
import os
import queue as queues
import threading
import time
from pathlib import Path
from typing import Any

from celery import Celery
from django.db import transaction

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "exchange.settings")

logger = logging.getLogger(__name__)

_ROOT = Path(__file__).resolve().parent.parent
_FLOORS = ("accounts", "hashsets", "exchange")


def rooms_with_tasks() -> list[str]:
    """Return the dotted names of every room that holds a `tasks` module, so that none can be forgotten."""
    return [
        ".".join(path.parent.relative_to(_ROOT).parts)
        for floor in _FLOORS
        for path in sorted((_ROOT / floor).rglob("tasks.py"))
    ]


app = Celery("hash-exchange")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(rooms_with_tasks)
app.set_default()


class Nudger:
    """Sends wake-ups from one background thread: a broker that hangs or is gone never delays a request.

    `send` puts a message into a bounded queue and returns. When the queue is full, or the broker failed a
    moment ago, the message is dropped and counted; the poller finds the row within seconds anyway.
    """

    QUEUE_LENGTH = 1_000
    SILENCE_SECONDS = 5.0

    def __init__(self, celery_app: Celery) -> None:
        self._app = celery_app
        self._starting = threading.Lock()
        self._reset()

    def _reset(self) -> None:
        self._pending: queues.Queue[tuple[str, tuple[Any, ...], str]] = queues.Queue(self.QUEUE_LENGTH)
        self._thread: threading.Thread | None = None
        self._silent_until = float("-inf")
        self._complained = False
        self.sent = 0
        self.dropped = 0

    def forget_parent(self) -> None:
        """Begin afresh in a forked child: threads do not survive a fork, and the lock may have been held."""
        self._starting = threading.Lock()
        self._reset()

    def send(self, task_name: str, args: tuple[Any, ...], queue: str) -> None:
        """Leave the message for the background thread; never raises, never waits."""
        try:
            self._pending.put_nowait((task_name, args, queue))
        except queues.Full:
            self.dropped += 1
            return
        if self._thread is None or not self._thread.is_alive():
            self._start()

    def _start(self) -> None:
        with self._starting:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._send_forever, name="nudger", daemon=True)
                with contextlib.suppress(RuntimeError):  # the interpreter is ending: the poller takes over
                    self._thread.start()

    def _send_forever(self) -> None:
        connection: Any = None
        while True:
            task_name, args, queue = self._pending.get()
            if time.monotonic() < self._silent_until:
                self.dropped += 1
                continue
            try:
                if connection is None:
                    connection = self._app.connection_for_write()
                self._app.send_task(
                    task_name,
                    args=args,
                    queue=queue,
                    producer=self._app.amqp.Producer(connection, auto_declare=False),
                    retry=False,
                    ignore_result=True,
                )
                self.sent += 1
                self._complained = False
            except Exception as error:
                self._note_failure(error)
                with contextlib.suppress(Exception):
                    if connection is not None:
                        connection.release()
                connection = None

    def _note_failure(self, error: Exception) -> None:
        self.dropped += 1
        self._silent_until = time.monotonic() + self.SILENCE_SECONDS
        if not self._complained:
            self._complained = True
            logger.warning("broker_unreachable", extra={"error": type(error).__name__})


_nudger = Nudger(app)
os.register_at_fork(after_in_child=_nudger.forget_parent)


def nudge(task_name: str, *args: str | int, queue: str = "data") -> None:
    """Wake a worker for `task_name` once the current transaction has committed; at once when there is none.

    The row that says what is owed must already be written. Never raises and never blocks; a lost nudge costs
    one polling interval.
    """
    transaction.on_commit(lambda: _nudger.send(task_name, args, queue))


def nudges_sent_and_dropped() -> tuple[int, int]:
    """Return the counters of this process, for the metrics page."""
    return _nudger.sent, _nudger.dropped


def broker_answers() -> bool:
    """Whether the broker takes a connection now, for the operator's page; waits two seconds at most."""
    try:
        with app.connection_for_read() as connection:
            connection.ensure_connection(max_retries=1, interval_start=0, timeout=2)
    except Exception:  # whatever a transport raises, the broker is away
        return False
    return True
