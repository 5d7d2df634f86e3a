"""The worker of the web processes: a thread is given to a request only when the request is here.

gunicorn's own threaded worker reads head and body in the thread, so that a handful of senders who drip a
byte now and then hold every thread. Here the loop collects heads and small bodies from all connections at
once, as a proxy with request buffering does. A large body is read by the thread that works on it, in one of
few *places* (half of the threads), so that other requests always find a thread. Whoever is slower than the
floor (`exchange.http.arriving`) is told so and cut off. Closing waits in the loop too, never in its way.

Not done here: a client that reads its answer slowly holds a thread. The proxy before the exchange takes
answers off it (`proxy_buffering`), as deploy/nginx does.
"""

from __future__ import annotations

import contextlib
import errno
import select
import selectors
import socket
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import Any, Final

from gunicorn.config import Config
from gunicorn.http import get_parser
from gunicorn.http.unreader import SocketUnreader
from gunicorn.workers.gthread import TConn, ThreadWorker

from exchange.http.arriving import PATIENCE, Arriving, Pace, Stage, TooSlow
from exchange.http.slowness import NO_PLACE, TOO_SLOW, Answer

# From the first byte (or the connection's begin) until head and small body are here: 64 KiB at the floor.
REQUEST_SECONDS: Final = 16.0
# How long a large body waits for a place before its sender is asked to come again.
PLACE_SECONDS: Final = 10.0
# After an answer that ends the connection: until the other side has read it and closes.
LINGER_SECONDS: Final = 2.0
LINGER_BYTES: Final = 256 * 1024
LOOK_SECONDS: Final = 0.5
RECEIVE: Final = 64 * 1024


class Connection(TConn):  # type: ignore[misc]  # gunicorn has no types
    """One connection, and what has come on it of the next request."""

    def __init__(self, cfg: Config, sock: socket.socket, client: Any, server: Any) -> None:
        super().__init__(cfg, sock, client, server)
        self.initialized = False
        self.arriving = Arriving()
        self.began = self.deadline = 0.0  # of the present wait
        self.lingered = 0
        self.has_place = False
        self.is_closed = False
        self.reader: PacedReader | None = None

    def init(self) -> None:
        """As the base does for HTTP/1 without TLS, with a reader that keeps pace."""
        if not self.initialized:
            self.initialized = True
            self.parser = get_parser(self.cfg, self.sock, self.client)
            self.parser.unreader = self.reader = PacedReader(self.sock)


class PacedReader(SocketUnreader):  # type: ignore[misc]
    """Reads for the parser. Without a `pace` everything is said to be here, and it never waits."""

    def __init__(self, sock: socket.socket) -> None:
        super().__init__(sock)
        self.pace: Pace | None = None
        self.missing: int | None = None
        self.on_whole: Callable[[], None] | None = None

    def chunk(self, size_hint: int | None = None) -> bytes:
        """Errors: TooSlow."""
        if not _is_readable(self.sock, 0):
            self._wait()
        data: bytes = super().chunk(size_hint)
        if self.pace is not None:
            self.pace.took(len(data))
        if self.missing is not None:
            self.missing -= len(data)
            if self.missing <= 0 and self.on_whole is not None:
                self.on_whole()
                self.on_whole = None
        return data

    def _wait(self) -> None:
        if self.pace is None:
            raise TooSlow("The rest of the request is not here.")
        began = time.monotonic()
        _is_readable(self.sock, self.pace.left)
        self.pace.waited(time.monotonic() - began)


class BufferingWorker(ThreadWorker):  # type: ignore[misc]
    """gunicorn's threaded worker with the loop's patience in place of the threads'."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.places = max(1, self.cfg.threads // 2)
        # In the order in which they began to wait: the first is who gives way when there is no room.
        self._waiting: dict[Connection, None] = {}
        self._for_place: deque[Connection] = deque()
        self._next_look = 0.0

    @classmethod
    def check_config(cls, cfg: Config, log: Any) -> None:
        """Errors: RuntimeError for TLS in gunicorn, which this worker cannot read without waiting."""
        super().check_config(cfg, log)
        if cfg.is_ssl:
            raise RuntimeError("Put a proxy with TLS before the exchange; its processes speak plain HTTP.")
        if cfg.threads < 2:
            log.warning("With a single thread (HX_WEB_THREADS) one slow upload keeps everybody waiting.")

    def accept(self, listener: socket.socket) -> None:
        """Take a connection and wait for its first bytes in the loop; with no room left the one that has
        waited longest goes."""
        try:
            sock, client = listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        except OSError as error:
            if error.errno not in (errno.EMFILE, errno.ENFILE) or not self._waiting:
                raise
            # No descriptor is free, whatever HX_WEB_CONNECTIONS says: the next look has the one freed here.
            self._drop(next(iter(self._waiting)))
            return
        self.nr_conns += 1
        if self.nr_conns >= self.worker_connections and self._waiting:
            self._drop(next(iter(self._waiting)))
        conn = Connection(self.cfg, sock, client, listener.getsockname())
        self._wait(conn, self._collect, REQUEST_SECONDS)

    def handle(self, conn: Connection) -> Any:
        """In a thread: work on a request that is here, or whose body has a place."""
        conn.sock.setblocking(True)
        conn.init()
        reader = conn.reader
        assert reader is not None  # noqa: S101  (init made it)
        reader.pace = reader.missing = reader.on_whole = None
        if conn.has_place:
            reader.pace, reader.missing = Pace(patience=PATIENCE), conn.arriving.missing
            reader.on_whole = partial(self.method_queue.defer, self._free_place, conn)
        reader.unread(conn.arriving.take())
        return super().handle(conn)

    def _keepalive_after(self, conn: Connection, keepalive: Any) -> bool:
        """What the application left unread is thrown away as far as it is here; nobody waits for the rest."""
        if conn.reader is not None:
            conn.reader.pace = None
        return bool(super()._keepalive_after(conn, keepalive))

    def finish_request(self, conn: Connection, done: Future[Any]) -> None:
        """In the loop, after a thread: wait for the next request, or for the other side to close."""
        self._free_place(conn)
        kept = not done.cancelled() and done.exception() is None and done.result() is True
        try:
            conn.sock.setblocking(False)
            if not kept or conn.reader is None:
                self._linger(conn)
                return
            conn.arriving = Arriving()
            self._wait(conn, self._collect, self.cfg.keepalive if self.alive else LINGER_SECONDS)
            if read_ahead := conn.reader.take_buffered():
                self._took(conn, read_ahead)
        except OSError:
            self._drop(conn)

    def murder_pending(self) -> None:
        """In the loop, often: end what has waited too long."""
        now = time.monotonic()
        if now < self._next_look:
            return
        self._next_look = now + LOOK_SECONDS
        for conn in [one for one in self._waiting if self._is_over(one, now)]:
            if conn in self._for_place:
                self._for_place.remove(conn)
                self._answer(conn, NO_PLACE)
            elif len(conn.arriving) and not conn.lingered:
                self._answer(conn, TOO_SLOW)
            else:
                self._drop(conn)

    def _is_over(self, conn: Connection, now: float) -> bool:
        # A process that is asked to end waits for nobody who has only begun to ask.
        return now >= conn.deadline or (not self.alive and now >= conn.began + LINGER_SECONDS)

    def _wait(self, conn: Connection, on_bytes: Callable[[Connection, Any], None], seconds: float) -> None:
        """Have the loop call `on_bytes` when there is something to read, for `seconds` at most."""
        self._begin_to_wait(conn, seconds)
        self.poller.register(conn.sock, selectors.EVENT_READ, partial(on_bytes, conn))

    def _begin_to_wait(self, conn: Connection, seconds: float) -> None:
        conn.began = time.monotonic()
        conn.deadline = conn.began + seconds
        self._waiting[conn] = None

    def _leave(self, conn: Connection) -> None:
        self._waiting.pop(conn, None)
        with contextlib.suppress(OSError, KeyError, ValueError):
            self.poller.unregister(conn.sock)

    def _drop(self, conn: Connection) -> None:
        if conn.is_closed:
            return
        conn.is_closed = True
        self._leave(conn)
        if conn in self._for_place:
            self._for_place.remove(conn)
        self.nr_conns -= 1
        conn.close()

    def _received(self, conn: Connection) -> bytes | None:
        """What is there; empty at the end of the connection, None when nothing is there after all."""
        if conn.is_closed:  # it gave way to another that the loop heard of in the same moment
            return None
        try:
            data: bytes = conn.sock.recv(RECEIVE)
        except BlockingIOError:
            return None
        except OSError:
            return b""
        return data

    def _collect(self, conn: Connection, _socket: Any) -> None:
        data = self._received(conn)
        if data == b"":
            self._drop(conn)
        elif data:
            self._took(conn, data)

    def _took(self, conn: Connection, data: bytes) -> None:
        if not len(conn.arriving):  # the first bytes of a request on a connection that was kept
            conn.deadline = time.monotonic() + REQUEST_SECONDS
        stage = conn.arriving.add(data)
        if stage is Stage.UNREADABLE:
            self._drop(conn)
        elif stage is Stage.WHOLE:
            self._leave(conn)
            self.enqueue_req(conn)
        elif stage is Stage.STREAMED:
            # Out of the loop's sight: what it sends meanwhile stays with the kernel, then with the sender.
            self._leave(conn)
            self._begin_to_wait(conn, PLACE_SECONDS)
            self._for_place.append(conn)
            self._give_places()

    def _give_places(self) -> None:
        while self.places and self._for_place:
            conn = self._for_place.popleft()
            self._waiting.pop(conn, None)
            self.places -= 1
            conn.has_place = True
            self.enqueue_req(conn)

    def _free_place(self, conn: Connection) -> None:
        if conn.has_place:
            conn.has_place = False
            self.places += 1
            self._give_places()

    def _answer(self, conn: Connection, answer: Answer) -> None:
        """Say no without a thread, and close."""
        self._leave(conn)
        with contextlib.suppress(OSError):  # whoever does not read does not hear it
            conn.sock.send(answer.over_the_wire(conn.arriving.target))
        self._linger(conn)

    def _linger(self, conn: Connection) -> None:
        """Close without cutting off the answer (RFC 9112, 9.6), while the loop goes on."""
        conn.lingered = 1
        try:
            conn.sock.shutdown(socket.SHUT_WR)
            self._wait(conn, self._let_go, LINGER_SECONDS)
        except OSError:
            self._drop(conn)

    def _let_go(self, conn: Connection, _socket: Any) -> None:
        data = self._received(conn)
        if data is not None:
            conn.lingered += len(data)
            if not data or conn.lingered > LINGER_BYTES:
                self._drop(conn)


def _is_readable(sock: socket.socket, seconds: float) -> bool:
    poll = select.poll()  # not select(): it knows no descriptor beyond 1,023
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(seconds * 1000))
