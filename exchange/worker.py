"""What a Celery worker of ours does beside taking messages: it polls, and it refuses an unsafe start.

`celery -A exchange.worker worker`. Apart from `exchange.celery`, which sends the wake-ups: whoever sends need
not know the stations, and the stations themselves send.
"""

from __future__ import annotations

import gc
from collections.abc import Sequence
from typing import Any

from celery import bootsteps, signals
from django.conf import settings

from exchange.celery import app
from exchange.poller import Poller

__all__ = ["app"]


def run_due_stations(queues: Sequence[str]) -> None:
    """Run whatever is due for `queues`. Imported late: Django is set up after this module is read."""
    from exchange.stations import run_due

    run_due(queues=list(queues))


class PollerStep(bootsteps.StartStopStep):
    """Starts the pollers after the pool and before the consumer.

    Not on `worker_ready`, which comes only after the broker has answered: a worker that starts while Redis is
    dead must poll, or the safety net would hang from the very thing that it is the net for.
    """

    requires = ("celery.worker.components:Pool",)

    def __init__(self, parent: Any, **options: Any) -> None:
        super().__init__(parent, **options)
        self._pollers: list[Poller] = []

    def start(self, parent: Any) -> None:
        # One thread per queue: a long validation must not keep a notice waiting.
        for queue in parent.app.amqp.queues.consume_from:
            if queue in settings.HX_QUEUES:
                self._pollers.append(
                    Poller([queue], seconds=settings.HX_POLL_SECONDS, run_due=run_due_stations)
                )
                self._pollers[-1].start()

    def stop(self, parent: Any) -> None:
        # Not waited for: what a poller is doing is a row under a lease, and the next worker takes it up.
        for poller in self._pollers:
            poller.stop()

    def terminate(self, parent: Any) -> None:
        self.stop(parent)


app.steps["worker"].add(PollerStep)


def collect_seldom(**_: Any) -> None:
    """A fan-out makes hundreds of thousands of objects that are freed as soon as nobody holds them: looking
    for cycles after every 700 of them was a tenth of its CPU.
    """
    gc.set_threshold(50_000, 50, 100)


def _refuse_unsafe_worker(**_: Any) -> None:
    from exchange.checks import refuse_unsafe_start

    refuse_unsafe_start()


def _leave_logging_alone(**_: Any) -> None:
    """Connected so that Celery does not install its own, unfiltered log handlers."""


signals.worker_init.connect(collect_seldom, weak=False)
signals.worker_init.connect(_refuse_unsafe_worker, weak=False)
signals.setup_logging.connect(_leave_logging_alone, weak=False)
