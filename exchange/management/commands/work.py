"""`manage.py work`: the work of all queues without Celery and without a broker, as an emergency exit.

The same stations and the same engine, found by polling alone: what a worker does when every wake-up is lost.
Safe beside running workers, since every piece of work is claimed as a row.
"""

from __future__ import annotations

import signal
import time
from argparse import ArgumentParser
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from exchange.checks import refuse_unsafe_start
from exchange.poller import Poller
from exchange.stations import run_due

_TICK = 0.5  # seconds until a request to end is noticed, at most


def _work_on(queues: Sequence[str]) -> None:
    run_due(queues)


class Command(BaseCommand):
    help = "Do the work of all queues (or of some) without Celery, until it is stopped."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("queues", nargs="*", help=f"some of: {', '.join(settings.HX_QUEUES)}")
        parser.add_argument("--once", action="store_true", help="look once, do what is due, and end")

    def handle(self, *args: Any, **options: Any) -> None:
        queues: list[str] = options["queues"] or list(settings.HX_QUEUES)
        if unknown := sorted(set(queues) - set(settings.HX_QUEUES)):
            raise CommandError(f"There is no queue {unknown[0]}.")
        refuse_unsafe_start()
        if options["once"]:
            done = run_due(queues)
            self.stdout.write(f"{done} pieces of work were looked at.")
            return
        # One thread per queue: a long validation must not keep a notice waiting.
        pollers = [Poller([one], seconds=settings.HX_POLL_SECONDS, run_due=_work_on) for one in queues]
        # Neither an Event (its lock may be held by the very wait() that the signal interrupts) nor any wait
        # without an end (a signal just before it is noted, and its handler runs when the wait is over).
        asked: list[int] = []
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda number, _: asked.append(number))
        for poller in pollers:
            poller.start()
        self.stdout.write(f"Working on {', '.join(queues)}. Stop with Ctrl-C.")
        while not asked:
            time.sleep(_TICK)
        # Not waited for: what a poller is doing is a row under a lease, and the next worker takes it up.
        for poller in pollers:
            poller.stop()
