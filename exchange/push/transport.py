"""One POST to a stranger's server: bounded in time and bytes, and never to an address inside our own walls.

The guard sits where the socket is opened, on the very address about to be dialled: a check of the name or
of an earlier answer of its name server can be passed and then changed.

Sockets and OpenSSL without an HTTP framework between: a fan-out is a thousand TLS handshakes and as many
short requests, and through aiohttp two thirds of the CPU went into layers that a single request on a fresh
connection does not need (its TLS protocol, pool, redirects, cookies, proxies: things we switched off anyway).
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import ssl
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from ipaddress import ip_address
from typing import Any
from urllib.parse import SplitResult, urlsplit

from exchange.push.answers import MAX_ANSWER, Head, body_of, split_head
from exchange.push.schedule import Outcome
from exchange.sharing.addresses import AddressRules, denied

__all__ = ["MAX_ANSWER", "MAX_ERROR", "Answer", "Post", "Poster", "open_session"]

MAX_ERROR = 300
_MAX_HEAD = 1_024
_BODY_SECONDS = 2.0
_ADDRESS_SECONDS = 2.0
"""For each address of a name but the last: a silent one must not use up the time of the others."""
_DNS_THREADS = 64
_MAX_CONTEXTS = 256
_READ = 16_384
_UNDER_WAY = frozenset({errno.EINPROGRESS, errno.EWOULDBLOCK, errno.EALREADY})
_USER_AGENT = "Hash-Exchange/1"
_BLOCKED_MESSAGE = "The address of this endpoint is not one that notices are sent to."


class BlockedAddress(OSError):
    """The name led to an address that must not be dialled. The text is always the same and names no
    address."""

    def __init__(self) -> None:
        super().__init__(_BLOCKED_MESSAGE)


class _NoSuchName(OSError):
    pass


class _NotConnected(OSError):
    pass


@dataclass(frozen=True, slots=True)
class Post:
    """What to send, and the seconds allowed to connect (TLS included) and in total.

    `authority` is a PEM that is trusted beside the system's authorities, for this endpoint alone.
    """

    url: str
    headers: dict[str, str]
    body: bytes
    connect: float
    total: float
    authority: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """How it ended; `body` is at most 4 KB, `head` what the attempt log keeps of the answer."""

    outcome: Outcome
    status: int | None = None
    head: str = ""
    body: bytes = b""
    error: str = ""
    retry_after: timedelta | None = None
    duration_ms: int = 0


def guarded_socket(family: int, address: Any, *, rules: AddressRules) -> socket.socket:
    """A socket for exactly this address. Errors: BlockedAddress."""
    if denied(str(address[0]), int(address[1]), rules=rules) is not None:
        raise BlockedAddress
    made = socket.socket(family, socket.SOCK_STREAM)
    made.setblocking(False)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return made


def tls_context(authority: str = "") -> ssl.SSLContext:
    """TLS 1.2 or newer, certificate and name always verified, against the system's authorities (and
    `authority`)."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if authority:
        context.load_verify_locations(cadata=authority)
    return context


@contextlib.asynccontextmanager
async def open_session(rules: AddressRules) -> AsyncIterator[Poster]:
    """What the posts of one run share: rules, name look-ups, TLS contexts. No cookies, proxies, redirects.

    Name look-ups get 64 threads of their own: in asyncio's default executor a thousand of them took 8 s.
    """
    names = ThreadPoolExecutor(_DNS_THREADS, thread_name_prefix="push-dns")
    try:
        yield Poster(rules, names)
    finally:
        # A look-up that hangs must not hold up the end of a run.
        names.shutdown(wait=False, cancel_futures=True)


class Poster:
    """Posts for one event loop; made by `open_session`."""

    def __init__(self, rules: AddressRules, names: ThreadPoolExecutor) -> None:
        self._rules, self._names = rules, names
        self._loop = asyncio.get_running_loop()
        self._contexts: dict[str, ssl.SSLContext] = {}

    async def post(self, request: Post, *, on_connected: Callable[[], None] = lambda: None) -> Answer:
        """Send `request` once. Never raises for anything the other side does; see `Outcome` for what can
        happen."""
        began = time.monotonic()
        try:
            async with asyncio.timeout(request.total):
                answer = await self._told(request, on_connected)
        except TimeoutError:
            answer = Answer(Outcome.TIMEOUT, error=f"No answer within {request.total:g} seconds.")
        except BlockedAddress:
            answer = Answer(Outcome.BLOCKED, error=_BLOCKED_MESSAGE)
        except _NoSuchName:
            error = "The host name of this endpoint could not be resolved."
            answer = Answer(Outcome.UNREACHABLE, error=error)
        except _NotConnected as failure:
            answer = Answer(Outcome.UNREACHABLE, error=f"Could not connect: {failure.strerror}"[:MAX_ERROR])
        except ssl.SSLError as failure:
            shown = getattr(failure, "verify_message", "") or failure.reason or "the handshake was broken off"
            answer = Answer(Outcome.TLS, error=f"The TLS connection failed: {shown}"[:MAX_ERROR])
        except (OSError, ValueError) as failure:
            answer = Answer(Outcome.UNREACHABLE, error=f"The connection broke: {_plain(failure)}"[:MAX_ERROR])
        return replace(answer, duration_ms=round((time.monotonic() - began) * 1000))

    async def _told(self, request: Post, on_connected: Callable[[], None]) -> Answer:
        # The URL was checked when it was registered, and is sent as it was written there.
        parts = urlsplit(request.url)
        async with asyncio.timeout(request.connect):
            line = await self._connected(parts, request.authority)
        on_connected()
        try:
            await self._send(line, _request_bytes(parts, request))
            head, raw = await self._head(line)
            body = await self._bounded_body(line, head, raw)
        finally:
            line.close()
        return _judged(head, body)

    async def _connected(self, parts: SplitResult, authority: str) -> socket.socket:
        host = parts.hostname or ""
        encrypted = parts.scheme == "https"
        line = await self._dialled(host, parts.port or (443 if encrypted else 80))
        if not encrypted:
            return line
        try:
            tls = self._context(authority).wrap_socket(
                line, server_hostname=host.rstrip("."), do_handshake_on_connect=False
            )
        except BaseException:
            line.close()
            raise
        try:
            while True:
                try:
                    tls.do_handshake()
                    return tls
                except ssl.SSLWantReadError:
                    await self._ready(tls)
                except ssl.SSLWantWriteError:
                    await self._ready(tls, writing=True)
        except BaseException:
            tls.close()
            raise

    async def _dialled(self, host: str, port: int) -> socket.socket:
        """A connection to the first address of `host` that takes one. Errors: BlockedAddress, when none else
        was met; OSError."""
        addresses = await self._addresses(host, port)
        failure: OSError | None = None
        for number, (family, address) in enumerate(addresses, 1):
            limit = None if number == len(addresses) else _ADDRESS_SECONDS
            try:
                line = guarded_socket(family, address, rules=self._rules)
            except OSError as refusal:
                failure = failure or refusal
                continue
            try:
                async with asyncio.timeout(limit):
                    await self._connect(line, address)
                return line
            except TimeoutError:
                line.close()
                failure = _NotConnected(errno.ETIMEDOUT, "no connection in time")
            except OSError as refusal:
                line.close()
                failure = _NotConnected(refusal.errno, refusal.strerror or "no connection")
            except BaseException:
                line.close()
                raise
        raise failure or _NoSuchName()

    async def _addresses(self, host: str, port: int) -> list[tuple[int, Any]]:
        try:
            literal = ip_address(host)
        except ValueError:
            try:
                return await self._loop.run_in_executor(self._names, _look_up, host, port)
            except (OSError, UnicodeError) as failure:
                raise _NoSuchName from failure
        return [(socket.AF_INET if literal.version == 4 else socket.AF_INET6, (host, port))]

    async def _connect(self, line: socket.socket, address: Any) -> None:
        code = line.connect_ex(address)
        if code in _UNDER_WAY:
            await self._ready(line, writing=True)
            code = line.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            raise OSError(code, "no connection" if code < 0 else _reason(code))

    async def _send(self, line: socket.socket, content: bytes) -> None:
        rest = memoryview(content)
        while rest:
            try:
                rest = rest[line.send(rest) :]
            except (BlockingIOError, ssl.SSLWantWriteError):
                await self._ready(line, writing=True)
            except ssl.SSLWantReadError:
                await self._ready(line)

    async def _received(self, line: socket.socket) -> bytes:
        """What comes next; empty at the end."""
        while True:
            try:
                return line.recv(_READ)
            except (BlockingIOError, ssl.SSLWantReadError):
                await self._ready(line)
            except ssl.SSLWantWriteError:
                await self._ready(line, writing=True)
            except ssl.SSLEOFError:
                return b""

    async def _head(self, line: socket.socket) -> tuple[Head, bytes]:
        raw = b""
        while True:
            part = await self._received(line)
            if not part:
                raise ConnectionError("it closed the connection without an answer")
            raw += part
            while (found := split_head(raw)) is not None:
                if not found[0].is_interim:
                    return found
                raw = found[1]

    async def _bounded_body(self, line: socket.socket, head: Head, raw: bytes) -> bytes:
        """At most 4 KB and 2 s of the body: the status has said what counts, an endless body must not
        matter."""
        body, complete = body_of(head, raw)
        with contextlib.suppress(TimeoutError, OSError):
            async with asyncio.timeout(_BODY_SECONDS):
                while not complete and (part := await self._received(line)):
                    raw += part
                    body, complete = body_of(head, raw)
        return body

    async def _ready(self, line: socket.socket, *, writing: bool = False) -> None:
        """Wait until `line` can be read from or written to."""
        number, ready = line.fileno(), self._loop.create_future()
        add, remove = (
            (self._loop.add_writer, self._loop.remove_writer)
            if writing
            else (self._loop.add_reader, self._loop.remove_reader)
        )
        add(number, _tell, ready)
        try:
            await ready
        finally:
            remove(number)

    def _context(self, authority: str) -> ssl.SSLContext:
        if (context := self._contexts.get(authority)) is None:
            if len(self._contexts) >= _MAX_CONTEXTS:
                self._contexts.clear()
            context = self._contexts[authority] = tls_context(authority)
        return context


def _tell(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)


def _look_up(host: str, port: int) -> list[tuple[int, Any]]:
    found: list[Any] = socket.getaddrinfo(
        host, port, family=socket.AF_UNSPEC, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG
    )
    # An address with a zone is one of this machine's own links.
    return [
        (family, where)
        for family, _, _, _, where in found
        if family == socket.AF_INET or (family == socket.AF_INET6 and not any(where[3:]))
    ]


def _request_bytes(parts: SplitResult, request: Post) -> bytes:
    """HTTP/1.1, one request to a connection. The URL's own host and port are the Host; nothing is
    unescaped."""
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    lines = [f"POST {target} HTTP/1.1", f"Host: {parts.netloc}", f"User-Agent: {_USER_AGENT}"]
    lines += [f"{name}: {value}" for name, value in request.headers.items()]
    lines += [
        "Content-Type: application/json",
        f"Content-Length: {len(request.body)}",
        *("Accept: */*", "Accept-Encoding: identity", "Connection: close"),
    ]
    if any("\r" in line or "\n" in line for line in lines):
        raise ValueError("this URL cannot be sent")
    return "\r\n".join([*lines, "", ""]).encode() + request.body


def _reason(code: int) -> str:
    return {errno.ECONNREFUSED: "Connection refused", errno.ENETUNREACH: "no route to it"}.get(
        code, "no connection"
    )


def _judged(head: Head, body: bytes) -> Answer:
    status = head.status
    if 200 <= status < 300:
        outcome, error = Outcome.DELIVERED, ""
    elif 300 <= status < 400:
        outcome, error = Outcome.REDIRECTED, f"It answered {status}; redirects are not followed."
    elif status == 410:
        outcome, error = Outcome.GONE, "It answered 410: gone."
    elif status in (429, 503):
        outcome, error = Outcome.THROTTLED, f"It answered {status}: too busy."
    else:
        outcome, error = Outcome.REFUSED, f"It answered {status}."
    return Answer(
        outcome=outcome,
        status=status,
        head=_shown(head, body),
        body=body,
        error=error,
        retry_after=parsed_retry_after(head.fields.get("retry-after"), now=datetime.now(UTC)),
    )


def _shown(head: Head, body: bytes) -> str:
    lines = [f"{head.status} {head.reason[:80]}"]
    for name in ("Content-Type", "Retry-After", "Server"):
        if (value := head.fields.get(name.lower())) is not None:
            lines.append(f"{name}: {value[:100]}")
    text = "\n".join([*lines, "", body.decode(errors="replace")])
    # NUL cannot be stored in PostgreSQL; lone surrogates come from header bytes that are no UTF-8.
    return text.replace("\x00", "�").encode(errors="replace").decode()[:_MAX_HEAD]


def _plain(error: BaseException) -> str:
    text = str(error) or type(error).__name__
    return text.replace("\x00", "�").encode(errors="replace").decode()


def parsed_retry_after(value: str | None, *, now: datetime) -> timedelta | None:
    """Seconds or an HTTP date (RFC 9110, 10.2.3); anything else, or the past, is as if it were not there."""
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        return timedelta(seconds=min(int(text[:9]), 86_400))
    try:
        until = parsedate_to_datetime(text)
    except ValueError:
        return None
    if until.tzinfo is None:
        until = until.replace(tzinfo=UTC)
    return until - now if until > now else None
