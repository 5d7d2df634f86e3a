"""Programs that upload: many at once, each submission under an Idempotency-Key, again until it is
acknowledged.

They keep what the exchange acknowledged, and nothing else; what must be there in the end is in `Sent`.
"""

from __future__ import annotations

import hashlib
import itertools
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, Self

import httpx

from exchange.demo.people import Unexpected
from tests.persistent import as_csv, drawn_hashes

PATIENCE_SECONDS: Final = 240.0
PAUSE_SECONDS: Final = 0.2
ENTRIES: Final = 3


@dataclass(frozen=True, slots=True)
class Sent:
    """One acknowledged submission, and how often it had to be sent."""

    number: int
    id: str
    list_id: str
    sha256: str
    tries: int

    @property
    def note(self) -> str:
        return note_of(self.number)


def note_of(number: int) -> str:
    return f"number {number}"


@dataclass
class Senders:
    """`threads` programs with one key that share `total` submissions to `lists` among themselves."""

    base_url: str
    key: str
    lists: Sequence[str]
    total: int
    threads: int = 6
    sent: list[Sent] = field(default_factory=list)
    answers: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._numbers = itertools.count()
        self._running = [
            threading.Thread(target=self._send_all, name=f"sender-{n}") for n in range(self.threads)
        ]
        self._errors: list[BaseException] = []
        self._over = threading.Event()

    def __enter__(self) -> Self:
        for thread in self._running:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self._over.set()
        for thread in self._running:
            thread.join()
        if self._errors and error is None:
            raise self._errors[0]

    def wait_for(self, count: int) -> None:
        """Return once so many are acknowledged; raises what a sender raised."""
        while len(self.sent) < count and any(thread.is_alive() for thread in self._running):
            time.sleep(0.02)
        if self._errors:
            raise self._errors[0]

    def _send_all(self) -> None:
        try:
            with httpx.Client(
                base_url=self.base_url, headers={"Authorization": f"Bearer {self.key}"}, timeout=30
            ) as api:
                for number in self._numbers:
                    if number >= self.total or self._over.is_set():
                        return
                    self.sent.append(self._send(api, number))
        except BaseException as error:
            self._errors.append(error)
            self._over.set()

    def _send(self, api: httpx.Client, number: int) -> Sent:
        content = as_csv(drawn_hashes(ENTRIES, seed=f"durable/{number}"))
        list_id = self.lists[number % len(self.lists)]
        deadline = time.monotonic() + PATIENCE_SECONDS
        for tries in itertools.count(1):
            answer = self._ask(
                lambda: api.post(
                    f"/api/v1/lists/{list_id}/submissions",
                    params={"mode": "add", "note": note_of(number)},
                    content=content,
                    headers={"Content-Type": "text/csv", "Idempotency-Key": f"durable-{number}"},
                )
            )
            if answer is not None and answer.status_code == 202:
                return Sent(
                    number, str(answer.json()["id"]), list_id, hashlib.sha256(content).hexdigest(), tries
                )
            if answer is not None and answer.status_code < 500 and answer.status_code != 409:
                raise Unexpected(f"the upload answered {answer.status_code}: {answer.text}")
            if time.monotonic() > deadline or self._over.is_set():
                raise Unexpected(f"submission {number} was not acknowledged in {tries} tries: {answer}")
            time.sleep(PAUSE_SECONDS)
        raise AssertionError("unreachable")

    def _ask(self, request: Callable[[], httpx.Response]) -> httpx.Response | None:
        """The answer, None when the connection broke: then nobody knows what came of it."""
        try:
            answer = request()
        except httpx.TransportError:
            self.answers["no answer"] += 1
            return None
        replayed = " (replayed)" if "Idempotency-Replayed" in answer.headers else ""
        self.answers[f"{answer.status_code}{replayed}"] += 1
        return answer
