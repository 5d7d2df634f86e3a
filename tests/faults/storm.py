"""Blows, drawn from a seed: whatever the exchange stands on or talks to is killed, cut off, emptied or hangs.

In the first round each kind falls once, in a drawn order; afterwards they fall as drawn. What was taken away
comes back after some seconds; only a dead process of the exchange is nobody's business but its supervisor's.

Blows fall in the main thread: what a thread starts with `die_with_parent` dies with that thread.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable

from tests.faults.history import History
from tests.faults.members import Listener
from tests.services import Receiver
from tests.stack import NAMES, Stack


class Storm:
    """One blow after the other, `between` seconds apart."""

    def __init__(
        self,
        stack: Stack,
        *,
        listener: Listener,
        receiver: Receiver,
        seed: int,
        history: History,
        between: tuple[float, float] = (1.0, 3.0),
    ) -> None:
        assert stack.redis is not None
        assert stack.postgresql is not None
        self._stack, self._redis, self._postgresql = stack, stack.redis, stack.postgresql
        self._listener, self._receiver = listener, receiver
        self._draw, self._history, self._between = random.Random(seed), history, between
        self.kinds: dict[str, Callable[[], object]] = {
            **{f"kill -9 {name}": lambda name=name: stack.cut(name) for name in NAMES},  # type: ignore[misc]
            "kill -9 of all workers": self._kill_workers,
            "PostgreSQL cut off": lambda: self._postgresql.restart(mode="immediate"),
            "Redis flushed": self._redis.flush,
            "Redis dead": lambda: self._for_a_while(self._redis.kill, self._redis.start),
            "Redis hangs": lambda: self._for_a_while(self._redis.hang, self._redis.heal),
            "member killed": lambda: self._for_a_while(listener.kill, listener.start),
            "member hangs": lambda: self._for_a_while(listener.hang, listener.heal),
            "endpoint down": lambda: self._for_a_while(receiver.stop, receiver.start),
            "endpoint hangs": lambda: self._for_a_while(lambda: receiver.behave(hang=True), receiver.behave),
            "endpoint flaps": self._flap,
        }
        self._next: list[str] = self._draw.sample(list(self.kinds), len(self.kinds))

    def rage(self, seconds: float) -> None:
        """For so long, and at least until every kind has fallen once."""
        until = time.monotonic() + seconds
        while self._next or time.monotonic() < until:
            name = self._next.pop() if self._next else self._draw.choice(list(self.kinds))
            self._history.note("blow", name=name)
            self.kinds[name]()
            self._history.note("after the blow", name=name)
            time.sleep(self._draw.uniform(*self._between))

    def _kill_workers(self) -> None:
        for name in NAMES:
            if name != "web":
                self._stack.cut(name)

    def _for_a_while(self, take: Callable[[], object], give: Callable[[], object]) -> None:
        take()
        try:
            time.sleep(self._draw.uniform(1.0, 4.0))
        finally:
            give()

    def _flap(self) -> None:
        for status in (500, 204, 503, 204, 429):
            self._receiver.behave(status=status)
            time.sleep(0.4)
        self._receiver.behave()
