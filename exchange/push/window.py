"""The sliding window: posts in flight in asyncio loops, each in a thread of its own.

Sliding, because a batch waits for its slowest: here a finished post makes room at once while slow ones go
on. The thread that uses a window keeps the database to itself: Django's connections belong to threads, and
a caller in a Celery thread, in the poller or in a test brings its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import queue
import threading
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Generic, TypeVar

from exchange.push.schedule import Outcome
from exchange.push.transport import Answer, Post, open_session
from exchange.sharing.addresses import AddressRules

logger = logging.getLogger(__name__)

Key = TypeVar("Key")

_LOOPS = 2
"""A third of the work is TLS handshakes, and OpenSSL does them without the interpreter's lock: with one loop
they wait for each other while a core is idle."""
_STARTING = 256 // _LOOPS
_STARTING_SECONDS = 0.25
"""So many of a loop connect at the same time; who takes longer to answer gives up the place, and goes on."""
_LINGER = 0.2
_ENOUGH = 256
"""Results are written in bulk: a query for each costs more CPU than the post itself did. For so long, or
until so many have ended; when nothing else is in flight, at once."""


class Window(Generic[Key]):
    """Use as a context manager; `submit` starts posts, `finished` hands out what has ended since."""

    def __init__(self, *, rules: AddressRules) -> None:
        self._ended: queue.SimpleQueue[tuple[Key, Answer]] = queue.SimpleQueue()
        self._loops = [_Loop(rules, self._ended) for _ in range(_LOOPS)]
        self._turn = 0
        self.in_flight = 0

    def __enter__(self) -> Window[Key]:
        with contextlib.ExitStack() as stack:
            for loop in self._loops:
                loop.start()
                stack.callback(loop.stop)
            stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Drops what is still in flight: its rows stay leased until the lease ends, and are then sent
        again."""
        for loop in self._loops:
            loop.stop()

    def submit(self, posts: Sequence[tuple[Key, Post]]) -> None:
        self.in_flight += len(posts)
        for number, loop in enumerate(self._loops):
            # From where the last ones ended: single posts do not all go to the first loop.
            loop.begin(posts[(number - self._turn) % _LOOPS :: _LOOPS])
        self._turn = (self._turn + len(posts)) % _LOOPS

    def finished(self, *, wait: float) -> list[tuple[Key, Answer]]:
        """What has ended, after at most `wait` seconds, and what ends in the moment after it."""
        try:
            ended = [self._ended.get(timeout=wait)] if self.in_flight else []
        except queue.Empty:
            if not all(loop.is_alive() for loop in self._loops):
                raise RuntimeError("A thread of the window has died.") from None
            return []
        until = time.monotonic() + _LINGER
        while ended and len(ended) < min(_ENOUGH, self.in_flight):
            try:
                ended.append(self._ended.get(timeout=max(0.0, until - time.monotonic())))
            except queue.Empty:
                break
        self.in_flight -= len(ended)
        return ended


class _Loop(Generic[Key]):
    """One thread with its event loop, name look-ups and TLS contexts."""

    def __init__(self, rules: AddressRules, ended: queue.SimpleQueue[tuple[Key, Answer]]) -> None:
        self._rules, self._ended = rules, ended
        self._started: queue.SimpleQueue[BaseException | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="push-window", daemon=True)
        self._loop: asyncio.AbstractEventLoop
        self._stop: asyncio.Event

    def start(self) -> None:
        """Returns when it can take posts; raises what kept it from starting."""
        self._thread.start()
        if (failure := self._started.get()) is not None:
            raise failure

    def begin(self, posts: Sequence[tuple[Key, Post]]) -> None:
        if posts:
            self._loop.call_soon_threadsafe(self._begin, posts)

    def stop(self) -> None:
        # A loop that has died of itself is closed and takes no more calls.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def is_alive(self) -> bool:
        return self._thread.is_alive()

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as failure:
            self._started.put(failure)
            raise

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        self._starting = asyncio.Semaphore(_STARTING)
        self._tasks: set[asyncio.Task[None]] = set()
        async with open_session(self._rules) as self._poster:
            self._started.put(None)
            await self._stop.wait()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def _begin(self, posts: Sequence[tuple[Key, Post]]) -> None:
        for key, request in posts:
            task = self._loop.create_task(self._deliver(key, request))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _deliver(self, key: Key, request: Post) -> None:
        try:
            # Its time must not run out while this machine is busy with the handshakes of the others.
            await self._starting.acquire()
            slot = self._loop.call_later(_STARTING_SECONDS, self._starting.release)
            answer = await self._poster.post(request, on_connected=lambda: self._give_back(slot))
            self._give_back(slot)
        except Exception:
            # A fault of ours or of a library: this endpoint's try has failed, all the others must go on.
            logger.exception("A post ended in an unexpected error.")
            answer = Answer(Outcome.UNREACHABLE, error="The exchange could not send to this endpoint.")
        self._ended.put((key, answer))

    def _give_back(self, slot: asyncio.TimerHandle) -> None:
        if not slot.cancelled() and slot.when() > self._loop.time():
            slot.cancel()
            self._starting.release()
