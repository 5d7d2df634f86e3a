"""HTTP as a member needs it: a key that never leaves its origin, bounded answers, patient retries, resumed
downloads.

Only https is spoken, except to this machine. Nothing that arrives here is believed: what is a list's is
verified by `trust` and `apply`, and the rest is shown to a person.
"""

from __future__ import annotations

import hashlib
import ipaddress
import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Final
from urllib.parse import urljoin, urlsplit

import httpx

from exchange.client.refusals import Forbidden, NetworkDown, Stop, Usage, WrongFile

__all__ = ["HttpStatus", "Session", "checked_url", "is_loopback"]

ATTEMPTS: Final = 5
RETRY_STATUS: Final = frozenset({429, 500, 502, 503, 504})
FIRST_WAIT: Final = 0.5
LONGEST_WAIT: Final = 30.0  # a server may ask for more patience than a command line should have
TIME_OUT: Final = httpx.Timeout(30.0, connect=10.0)
SLOWEST: Final = 16 * 1024  # bytes a second, averaged over a download: an endless drip is no delivery
PATIENCE: Final = 60.0  # seconds on top of what SLOWEST allows
MAX_REDIRECTS: Final = 3
MAX_JSON: Final = 16 * 1024 * 1024
CHUNK: Final = 1024 * 1024

Advance = Callable[[int], None]
Query = Mapping[str, str | int | bool]


class HttpStatus(Exception):
    """An answer other than success to a request for a file; the caller knows what a missing file means."""

    def __init__(self, status: int, url: str) -> None:
        super().__init__(f"{status} for {url}")
        self.status = status


def _is_loopback(host: str | None) -> bool:
    if host is None:
        return False
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_loopback(url: str) -> bool:
    """Whether an address is this machine's."""
    return _is_loopback(urlsplit(url).hostname)


def checked_url(url: str) -> str:
    """`url` without a trailing slash. Usage `usage.url` unless it is https, or http to this machine."""
    parts = urlsplit(url.strip())
    if parts.scheme not in ("https", "http") or not parts.hostname or parts.query or parts.fragment:
        raise Usage(f"'{url}' is not the address of an exchange.", code="usage.url", field="url")
    if parts.username or parts.password:
        raise Usage("Put no name or password into the address.", code="usage.url", field="url")
    if parts.scheme == "http" and not _is_loopback(parts.hostname):
        raise Usage(
            "Your key would travel unencrypted: use https.",
            code="usage.url",
            field="url",
            advice="http is accepted for an exchange on this machine only.",
        )
    return url.strip().rstrip("/")


class Session:
    """One member's conversation with one exchange. Use as a context manager."""

    def __init__(
        self, url: str, key: str | None = None, *, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self.url = checked_url(url)
        self._sleep = sleep
        headers = {"User-Agent": "hashx", "Accept-Encoding": "identity"}
        if key is not None:
            headers["Authorization"] = f"Bearer {key}"
        # A proxy set for the outside world must not see what is meant for this machine.
        outside = not is_loopback(self.url)
        self._http = httpx.Client(
            headers=headers, timeout=TIME_OUT, follow_redirects=False, trust_env=outside
        )

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def json(
        self,
        method: str,
        path: str,
        *,
        query: Query | None = None,
        body: object = None,
        idempotent: bool = False,
    ) -> Any:
        """The decoded answer; None when it is empty. Refusals of the exchange arrive with their code and
        advice."""
        with self._answer(
            method, path, query=query, body=body, again=idempotent or method == "GET"
        ) as answer:
            return _json_of(answer)

    def upload(
        self, path: str, stream: BinaryIO, *, length: int, media_type: str, query: Query, advance: Advance
    ) -> Any:
        """POST `stream` as it is; tried again only when not a byte can have arrived."""

        def pieces() -> Iterator[bytes]:
            while piece := stream.read(CHUNK):
                yield piece
                advance(len(piece))

        # With its length stated: a chunked body has none, and a WSGI server would read it as empty.
        headers = {"Content-Type": media_type, "Content-Length": str(length)}
        with self._answer("POST", path, query=query, content=pieces, headers=headers) as answer:
            return _json_of(answer)

    def file_bytes(self, path: str, *, limit: int) -> bytes:
        """A small file, whole. Raises HttpStatus, NetworkDown, and WrongFile `file.too_long` beyond
        `limit`."""
        with self._file(path) as answer:
            return _bounded(answer, limit)

    def download(self, path: str, into: Path, *, length: int, sha256: str, advance: Advance) -> None:
        """The file of exactly this length and digest, at `into`; continues `into`.partial of an earlier
        attempt.

        Raises WrongFile `file.mismatch` or `file.too_long` (and keeps nothing), HttpStatus, NetworkDown (and
        keeps what has come so far).
        """
        partial = into.with_name(f"{into.name}.partial")
        deadline = time.monotonic() + PATIENCE + length / SLOWEST
        for attempt in range(ATTEMPTS):
            try:
                self._continue(
                    path, partial, length=length, sha256=sha256, advance=advance, deadline=deadline
                )
                break
            except httpx.TransportError as error:
                if attempt == ATTEMPTS - 1 or time.monotonic() > deadline:
                    raise NetworkDown(f"The download broke off: {_reason(error)}.") from error
                self._sleep(_wait(attempt, None))
        partial.replace(into)

    def _continue(
        self, path: str, partial: Path, *, length: int, sha256: str, advance: Advance, deadline: float
    ) -> None:
        digest = hashlib.sha256()
        have = _digest_existing(partial, digest, length)
        if have < length or length == 0:
            headers = {"Range": f"bytes={have}-"} if have else {}
            with self._file(path, headers=headers) as answer:
                if have and not _continues(answer, have):
                    digest, have = hashlib.sha256(), 0
                advance(have)
                with partial.open("r+b" if have else "wb") as file:
                    file.seek(have)
                    for piece in answer.iter_raw():  # as it comes: what has come is kept
                        have += len(piece)
                        if have > length:
                            break
                        file.write(piece)
                        digest.update(piece)
                        advance(len(piece))
                        if time.monotonic() > deadline:
                            raise NetworkDown("The download is too slow to be finished.", code="network.slow")
        else:
            advance(have)
        if have != length or digest.hexdigest() != sha256:
            partial.unlink(missing_ok=True)
            raise WrongFile(
                f"A file is not the one that was signed: {have} bytes came, {length} were announced."
                if have != length
                else "A file is not the one that was signed: its SHA-256 differs.",
            )

    @contextmanager
    def _file(self, path: str, headers: Mapping[str, str] | None = None) -> Iterator[httpx.Response]:
        """An answer with a body to read; follows a redirect to an object store, without the key."""
        url, own = self._at(path), True
        for _ in range(MAX_REDIRECTS + 1):
            with self._sent("GET", url, headers=headers, authorised=own, again=True) as answer:
                if answer.has_redirect_location:
                    target = checked_redirect(url, answer.headers["Location"])
                    own = own and _origin(target) == _origin(self.url)
                    url = target
                    continue
                if answer.status_code not in (200, 206):
                    raise HttpStatus(answer.status_code, path)
                yield answer
                return
        raise NetworkDown("The exchange redirects without end.", code="network.redirects")

    @contextmanager
    def _answer(
        self,
        method: str,
        path: str,
        *,
        query: Query | None = None,
        body: object = None,
        content: Callable[[], Iterator[bytes]] | None = None,
        headers: Mapping[str, str] | None = None,
        again: bool = False,
    ) -> Iterator[httpx.Response]:
        """An answer of the API, successful; its refusals become ours."""
        options: dict[str, Any] = {"params": None if query is None else _plain(query)}
        if body is not None:
            options["json"] = body
        with self._sent(
            method, self._at(path), headers=headers, content=content, again=again, **options
        ) as answer:
            if not answer.is_success:
                raise refusal_for(answer)
            yield answer

    @contextmanager
    def _sent(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: Callable[[], Iterator[bytes]] | None = None,
        authorised: bool = True,
        again: bool = False,
        **options: Any,
    ) -> Iterator[httpx.Response]:
        """Send until there is an answer worth having. `again`: asking twice does no harm."""
        answer = None
        for attempt in range(ATTEMPTS):
            last = attempt == ATTEMPTS - 1
            body = None if content is None else content()
            request = self._http.build_request(method, url, headers=headers, content=body, **options)
            if not authorised:
                request.headers.pop("Authorization", None)
            try:
                answer = self._http.send(request, stream=True)
            except httpx.TransportError as error:
                # A connection that was never made carried nothing; otherwise the exchange may have acted.
                if last or not (again or isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)):
                    raise NetworkDown(
                        f"The exchange at {_origin(url)} does not answer: {_reason(error)}."
                    ) from error
                self._sleep(_wait(attempt, None))
                continue
            if (
                answer.status_code not in RETRY_STATUS
                or last
                or not (again or _was_turned_away(answer, content))
            ):
                break
            wait = _wait(attempt, answer.headers.get("Retry-After"))
            answer.close()
            self._sleep(wait)
        assert answer is not None  # noqa: S101 - the loop either breaks with an answer or raises
        try:
            yield answer
        finally:
            answer.close()

    def _at(self, path: str) -> str:
        return f"{self.url}/{path.lstrip('/')}"


def checked_redirect(url: str, location: str) -> str:
    """Where a redirect leads; never from https to http."""
    target = urljoin(url, location)
    parts = urlsplit(target)
    if parts.scheme != "https" and not (parts.scheme == "http" and _is_loopback(parts.hostname)):
        raise NetworkDown("The exchange redirects to an unencrypted address.", code="network.redirects")
    return target


def refusal_for(answer: httpx.Response) -> Stop:
    """What the exchange says in its problem document, as ours."""
    status = answer.status_code
    try:
        problem = _json_of(answer)
    except Stop:
        problem = None
    if not isinstance(problem, dict):
        problem = {}
    message = str(
        problem.get("detail") or problem.get("title") or f"The exchange answered with status {status}."
    )
    kind: type[Stop] = Usage
    if status in (401, 403, 404):
        kind = Forbidden
    elif status in RETRY_STATUS or status >= 500 or status == 408 or 300 <= status < 400:
        kind = NetworkDown
    return kind(
        message,
        code=_text(problem.get("code")),
        field=_text(problem.get("field")),
        advice=_text(problem.get("advice")),
        status=status,
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _json_of(answer: httpx.Response) -> Any:
    document = _bounded(answer, MAX_JSON)
    if not document:
        return None
    try:
        return httpx.Response(200, content=document).json()
    except ValueError as error:
        raise NetworkDown(
            "The exchange's answer is not what a Hash Exchange says.", code="network.not_an_exchange"
        ) from error


def _bounded(answer: httpx.Response, limit: int) -> bytes:
    deadline = time.monotonic() + PATIENCE + limit / SLOWEST
    pieces, have = [], 0
    try:
        for piece in answer.iter_raw():
            have += len(piece)
            if have > limit:
                raise WrongFile(
                    f"An answer is longer than the {limit} bytes it may have.", code="file.too_long"
                )
            if time.monotonic() > deadline:
                raise NetworkDown("The exchange answers too slowly.", code="network.slow")
            pieces.append(piece)
    except httpx.TransportError as error:
        raise NetworkDown(f"The answer broke off: {_reason(error)}.") from error
    return b"".join(pieces)


def _digest_existing(partial: Path, digest: Any, length: int) -> int:
    """Feed what an earlier attempt left into `digest`; its size, 0 when it is of no use."""
    try:
        if partial.stat().st_size > length:
            return 0
        with partial.open("rb") as file:
            while piece := file.read(CHUNK):
                digest.update(piece)
            return file.tell()
    except FileNotFoundError:
        return 0


def _continues(answer: httpx.Response, have: int) -> bool:
    return answer.status_code == 206 and answer.headers.get("Content-Range", "").startswith(f"bytes {have}-")


def _was_turned_away(answer: httpx.Response, content: object) -> bool:
    """Refused for load before anything was done; a streamed body cannot be rewound."""
    return answer.status_code in (429, 503) and content is None


def _wait(attempt: int, retry_after: str | None) -> float:
    if retry_after is not None and retry_after.strip().isdigit():
        return min(float(retry_after), LONGEST_WAIT)
    wait: float = FIRST_WAIT * 2**attempt * random.uniform(0.8, 1.2)  # noqa: S311 - spreads load, hides nothing
    return min(wait, LONGEST_WAIT)


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _plain(query: Query) -> dict[str, str]:
    return {
        name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in query.items()
    }


def _reason(error: Exception) -> str:
    return str(error).rstrip(".") or type(error).__name__
