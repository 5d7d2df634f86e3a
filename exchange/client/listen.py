"""Be told of releases instead of asking: a small HTTP server for notices, and one worker that syncs.

A notice is answered as soon as it is believed; the work is done afterwards, once for however many notices
came meanwhile. Nothing depends on a notice: the worker also looks by itself every minute and at start, so
that a lost one costs a minute and a crash costs nothing.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from accounts.errors import Conflict, Invalid, Refusal, Unauthenticated
from exchange.client.receive import (
    CHALLENGE_TYPE,
    MAX_BODY,
    ListNews,
    Notice,
    SeenNotices,
    Trust,
    challenge_answer,
    verify_notice,
)

__all__ = ["Receiver", "Worker"]

READ_TIME_OUT: Final = 10.0
MAX_CONNECTIONS: Final = 32
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
        with self._changed:
            self._stopped = True
            self._changed.notify()

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
        with self._changed:
            if not self._wanted and not self._stopped:
                self._changed.wait(self._poll)
            if self._stopped:
                return None
            batch, self._wanted = list(self._wanted), {}
            return batch

    def _pause(self, seconds: float) -> None:
        """Wait before trying again, but no longer than until something new is said."""
        with self._changed:
            if not self._wanted and not self._stopped:
                self._changed.wait(seconds)


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
        self._server = _Server((host, port), _conversation_of(self))
        self._thread = threading.Thread(target=self._server.serve_forever, name="notices", daemon=True)

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
        """Status and body for one POST."""
        trust = self.trust
        if trust is None:
            return 503, b""
        try:
            notice = verify_notice(headers, body, trust=trust, now=self._clock(), seen=self._seen)
        except Unauthenticated as refusal:
            return self._refused(401, refusal)
        except Invalid as refusal:
            return self._refused(400, refusal)
        except Conflict:
            return 204, b""
        return self._believed(notice, trust)

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

    def _refused(self, status: int, refusal: Refusal) -> tuple[int, bytes]:
        self._tell("refused", {"code": refusal.code, "message": refusal.message})
        return status, b""


class _Server(ThreadingHTTPServer):
    """A thread per connection, but never more than a few: a stranger must not be able to use up the
    machine."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, address: tuple[str, int], conversation: type[BaseHTTPRequestHandler]) -> None:
        self._places = threading.BoundedSemaphore(MAX_CONNECTIONS)
        super().__init__(address, conversation)

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self._places.acquire(blocking=False):
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._places.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection that breaks off is no event."""


def _conversation_of(receiver: Receiver) -> type[BaseHTTPRequestHandler]:
    class Conversation(BaseHTTPRequestHandler):
        timeout = READ_TIME_OUT
        server_version = "hashx"
        sys_version = ""

        def do_POST(self) -> None:
            length = self.headers.get("Content-Length", "")
            if not (length.isascii() and length.isdigit()):
                self._reply(411, b"")
            elif len(length) > 6 or int(length) > MAX_BODY:
                self._reply(413, b"")
            else:
                body = self.rfile.read(int(length))
                self._reply(*receiver.answer(dict(self.headers.items()), body))

        def _reply(self, status: int, body: bytes) -> None:
            self.send_response(status)
            if body:
                self.send_header("Content-Type", "application/json")
            if status != 204:
                self.send_header("Content-Length", str(len(body)))
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(body)
            self.close_connection = True

        def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002 - the name of the base class
            """Events are told by the receiver; request lines may carry secrets of the path."""

    return Conversation
