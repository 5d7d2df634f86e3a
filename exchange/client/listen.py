"""Be told of releases instead of asking: a small HTTP server for notices, and one worker that syncs.

A notice is answered as soon as it is believed; the work is done afterwards, once for however many notices
came meanwhile. Nothing depends on a notice: the worker also looks by itself every minute and at start, so
that a lost one costs a minute and a crash costs nothing.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from accounts.errors import Conflict, Invalid, Refusal, Unauthenticated
from exchange.client.notice_server import NoticeServer
from exchange.client.receive import (
    CHALLENGE_TYPE,
    ListNews,
    Notice,
    SeenNotices,
    Trust,
    challenge_answer,
    verify_notice,
)

__all__ = ["Receiver", "Worker"]

TICK: Final = 0.5  # seconds until a request to end is noticed, at most
RETRY_FIRST: Final = 2.0
RETRY_LONGEST: Final = 60.0

Tell = Callable[[str, Mapping[str, Any]], None]


class Worker:
    """Syncs the lists that it is told of, each once however often it is told, until `stop`.

    `sync` is given ids and returns those that should be tried again soon; `everything` names the ids to look
    at when nobody has said anything for `poll` seconds.
    """

    def __init__(
        self,
        sync: Callable[[list[str]], Iterable[str]],
        everything: Callable[[], Iterable[str]],
        *,
        poll: float,
    ) -> None:
        self._sync = sync
        self._everything = everything
        self._poll = poll
        self._wanted: dict[str, None] = {}
        self._changed = threading.Condition()
        self._stopped = False

    def want(self, list_ids: Iterable[str]) -> None:
        """Have these synced soon. From any thread."""
        with self._changed:
            self._wanted.update(dict.fromkeys(list_ids))
            self._changed.notify()

    def stop(self) -> None:
        """End soon. Safe in a signal handler, hence no lock: the very wait that the signal interrupts may
        hold it, or may not have begun, and would then miss what it is told."""
        self._stopped = True

    def run(self) -> None:
        """Work until stopped; the thread that calls this is the one that syncs."""
        wait = RETRY_FIRST
        self.want(self._everything())
        while (batch := self._next_batch()) is not None:
            again = list(self._sync(batch or list(self._everything())))
            if not again:
                wait = RETRY_FIRST
                continue
            self._pause(wait)
            wait = min(wait * 2, RETRY_LONGEST)
            self.want(again)

    def _next_batch(self) -> list[str] | None:
        """What to sync now; empty: the poll is due; None: stop."""
        self._pause(self._poll)
        with self._changed:
            if self._stopped:
                return None
            batch, self._wanted = list(self._wanted), {}
            return batch

    def _pause(self, seconds: float) -> None:
        """Wait, but no longer than until something new is said."""
        until = time.monotonic() + seconds
        with self._changed:
            while not self._wanted and not self._stopped and (left := until - time.monotonic()) > 0:
                self._changed.wait(min(left, TICK))


class Receiver:
    """Takes notices on one address and hands the believed ones on. `trust` may be set after the start,
    because the exchange tells the endpoint's secret only at registration."""

    def __init__(
        self,
        host: str,
        port: int,
        *,
        on_news: Callable[[Sequence[ListNews]], None],
        tell: Tell,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.trust: Trust | None = None
        self._on_news = on_news
        self._tell = tell
        self._clock = clock
        self._seen = SeenNotices()
        self._server = NoticeServer(host, port, self.answer)

    @property
    def port(self) -> int:
        return self._server.port

    def start(self) -> None:
        self._server.start()

    def stop(self) -> None:
        self._server.stop()

    def answer(self, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes, bool]:
        """Status and body for one POST, and whether the exchange sent it."""
        trust = self.trust
        if trust is None:
            return 503, b"", False
        try:
            notice = verify_notice(headers, body, trust=trust, now=self._clock(), seen=self._seen)
        except Unauthenticated as refusal:
            return self._refused(401, refusal)
        except Invalid as refusal:
            return self._refused(400, refusal)
        except Conflict:
            # Somebody repeats what the exchange once sent: answered, but its sender may be anybody.
            return 204, b"", False
        return *self._believed(notice, trust), True

    def _believed(self, notice: Notice, trust: Trust) -> tuple[int, bytes]:
        if notice.kind == CHALLENGE_TYPE and notice.nonce is not None:
            if not trust.secrets:
                return 501, b""
            self._tell("challenge", {"notice": notice.id})
            return 200, challenge_answer(trust.secrets[0], notice.nonce)
        if notice.lists:
            self._tell(
                "notice",
                {"notice": notice.id, "lists": {one.list_id: one.release for one in notice.lists}},
            )
            self._on_news(notice.lists)
        self._seen.remember(notice.id, now=self._clock())
        return 204, b""

    def _refused(self, status: int, refusal: Refusal) -> tuple[int, bytes, bool]:
        self._tell("refused", {"code": refusal.code, "message": refusal.message})
        return status, b"", False
