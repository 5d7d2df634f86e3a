"""One POST to a stranger's server: bounded in time and bytes, and never to an address inside our own walls.

The guard sits where the socket is opened, on the very address about to be dialled: a check of the name or
of an earlier answer of its name server can be passed and then changed. (A resolver alone would be skipped
for literals.)
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from exchange.push.schedule import Outcome
from exchange.sharing.addresses import AddressRules, denied

MAX_ANSWER = 4_096
MAX_ERROR = 300
_MAX_HEAD = 1_024
_BODY_SECONDS = 2.0
_DNS_THREADS = 64
_USER_AGENT = "Hash-Exchange/1"
_BLOCKED_MESSAGE = "The address of this endpoint is not one that notices are sent to."


class BlockedAddress(OSError):
    """The name led to an address that must not be dialled. The text is always the same and names no
    address."""

    def __init__(self) -> None:
        super().__init__(_BLOCKED_MESSAGE)


@dataclass(frozen=True, slots=True)
class Post:
    """What to send, and the seconds allowed to connect and in total."""

    url: str
    headers: dict[str, str]
    body: bytes
    connect: float
    total: float


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


class AddressGuard:
    """Opens the socket for one address, or refuses."""

    def __init__(self, rules: AddressRules) -> None:
        self._rules = rules

    def __call__(self, address_info: Any) -> socket.socket:
        family, kind, protocol, _, where = address_info
        if denied(str(where[0]), int(where[1]), rules=self._rules) is not None:
            raise BlockedAddress
        return socket.socket(family=family, type=kind, proto=protocol)


class ThreadPoolResolver(AbstractResolver):
    """Looks names up in threads of our own, as many as wished, which nobody waits for when a run ends."""

    def __init__(self, threads: ThreadPoolExecutor) -> None:
        self._threads = threads

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Errors: OSError, which aiohttp turns into its own."""
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(self._threads, _look_up, host, port, family)
        return [
            ResolveResult(
                hostname=host,
                host=str(where[0]),
                port=int(where[1]),
                family=kind,
                proto=protocol,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for kind, _, protocol, _, where in found
            if kind == socket.AF_INET or (kind == socket.AF_INET6 and not (len(where) > 3 and where[3]))
        ]

    async def close(self) -> None:
        """The threads belong to the session."""


def _look_up(host: str, port: int, family: int) -> list[Any]:
    return socket.getaddrinfo(host, port, family=family, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)


def tls_context() -> ssl.SSLContext:
    """TLS 1.2 or newer, certificate and name always verified against the system's authorities."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


@contextlib.asynccontextmanager
async def open_session(rules: AddressRules) -> Any:
    """A client session without cookies, proxies, redirects, decompression or pooled connections.

    Name look-ups get 64 threads of their own: in asyncio's default executor a thousand of them took 8 s.
    """
    names = ThreadPoolExecutor(_DNS_THREADS, thread_name_prefix="push-dns")
    connector = aiohttp.TCPConnector(
        limit=0,
        force_close=True,
        use_dns_cache=False,
        resolver=ThreadPoolResolver(names),
        ssl=tls_context(),
        socket_factory=AddressGuard(rules),
    )
    session = aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
        auto_decompress=False,
        read_bufsize=MAX_ANSWER,
        headers={
            "User-Agent": _USER_AGENT,
            "Content-Type": "application/json",
            "Accept-Encoding": "identity",
        },
    )
    try:
        yield session
    finally:
        await session.close()
        # A look-up that hangs must not hold up the end of a run.
        names.shutdown(wait=False, cancel_futures=True)


async def post(session: aiohttp.ClientSession, request: Post) -> Answer:
    """Send `request` once. Never raises for anything the other side does; see `Outcome` for what can
    happen."""
    began = time.monotonic()
    timeout = aiohttp.ClientTimeout(total=request.total, connect=request.connect, ceil_threshold=60)
    try:
        # The URL was checked when it was registered, and is sent as it was written there.
        async with session.post(
            URL(request.url, encoded=True),
            data=request.body,
            headers=request.headers,
            timeout=timeout,
            allow_redirects=False,
        ) as response:
            body = await _bounded_body(response)
            answer = _judged(response, body)
            response.close()
    except TimeoutError:
        answer = Answer(Outcome.TIMEOUT, error=f"No answer within {request.total:g} seconds.")
    except aiohttp.ClientConnectorError as error:
        answer = _unconnected(error)
    except (aiohttp.ClientError, OSError, ValueError) as error:
        answer = Answer(Outcome.UNREACHABLE, error=f"The connection broke: {_plain(error)}"[:MAX_ERROR])
    elapsed = round((time.monotonic() - began) * 1000)
    return _with_duration(answer, elapsed)


async def _bounded_body(response: aiohttp.ClientResponse) -> bytes:
    """At most 4 KB and 2 s of the body: the status has said what counts, an endless body must not matter."""
    body = b""
    if response.content.at_eof():
        return body
    with contextlib.suppress(TimeoutError, aiohttp.ClientError):
        async with asyncio.timeout(_BODY_SECONDS):
            while len(body) < MAX_ANSWER and (part := await response.content.read(MAX_ANSWER - len(body))):
                body += part
    return body


def _judged(response: aiohttp.ClientResponse, body: bytes) -> Answer:
    status = response.status
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
        head=_head(response, body),
        body=body,
        error=error,
        retry_after=parsed_retry_after(response.headers.get("Retry-After"), now=datetime.now(UTC)),
    )


def _head(response: aiohttp.ClientResponse, body: bytes) -> str:
    lines = [f"{response.status} {(response.reason or '')[:80]}"]
    for name in ("Content-Type", "Retry-After", "Server"):
        if (value := response.headers.get(name)) is not None:
            lines.append(f"{name}: {value[:100]}")
    text = "\n".join([*lines, "", body.decode(errors="replace")])
    # NUL cannot be stored in PostgreSQL; lone surrogates come from header bytes that are no UTF-8.
    return text.replace("\x00", "�").encode(errors="replace").decode()[:_MAX_HEAD]


def _unconnected(error: aiohttp.ClientConnectorError) -> Answer:
    cause = getattr(error, "os_error", None)
    if isinstance(cause, BlockedAddress):
        return Answer(Outcome.BLOCKED, error=_BLOCKED_MESSAGE)
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return Answer(Outcome.UNREACHABLE, error="The host name of this endpoint could not be resolved.")
    if isinstance(error, aiohttp.ClientSSLError):
        shown = getattr(error, "certificate_error", None) or cause or error
        return Answer(Outcome.TLS, error=f"The TLS connection failed: {_plain(shown)}"[:MAX_ERROR])
    reason = getattr(cause, "strerror", None) or "no connection"
    return Answer(Outcome.UNREACHABLE, error=f"Could not connect: {reason}"[:MAX_ERROR])


def _plain(error: BaseException) -> str:
    text = str(error) or type(error).__name__
    return text.replace("\x00", "�").encode(errors="replace").decode()


def _with_duration(answer: Answer, duration_ms: int) -> Answer:
    return Answer(
        answer.outcome, answer.status, answer.head, answer.body, answer.error, answer.retry_after, duration_ms
    )


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
