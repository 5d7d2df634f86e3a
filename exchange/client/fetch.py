"""HTTP as a member needs it: a key that never leaves its origin, bounded answers, patient retries, resumed
downloads.

Only https is spoken, except to this machine. Nothing that arrives here is believed: what is a list's is
verified by `trust` and `apply`, and the rest is shown to a person.
"""

from __future__ import annotations

import contextlib
import hashlib
import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, BinaryIO, Final

import httpx

from exchange.client.addresses import checked_redirect, checked_url, is_loopback, origin
from exchange.client.answers import PATIENCE, RETRY_STATUS, SLOWEST, bounded, json_of, reason, refusal_for
from exchange.client.refusals import NetworkDown, WrongFile

__all__ = ["HttpStatus", "Session"]

ATTEMPTS: Final = 5
FIRST_WAIT: Final = 0.5
LONGEST_WAIT: Final = 30.0  # a server may ask for more patience than a command line should have
TIME_OUT: Final = httpx.Timeout(30.0, connect=10.0)
MAX_REDIRECTS: Final = 3
CHUNK: Final = 1024 * 1024
WELL_KNOWN: Final = ".well-known/hash-exchange.json"

Advance = Callable[[int], None]
Query = Mapping[str, str | int | bool]


class HttpStatus(Exception):
    """An answer other than success to a request for a file; the caller knows what a missing file means."""

    def __init__(self, status: int, url: str) -> None:
        super().__init__(f"{status} for {url}")
        self.status = status


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
            return json_of(answer)

    def their_clock(self) -> datetime | None:
        """What the exchange's clock says, None when it does not tell. NetworkDown
        `network.not_an_exchange`."""
        try:
            with self._file(WELL_KNOWN) as answer:
                return parsedate_to_datetime(answer.headers.get("Date", ""))
        except HttpStatus as error:
            raise NetworkDown(
                "There is no Hash Exchange at this address.", code="network.not_an_exchange"
            ) from error
        except ValueError:
            return None

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
            return json_of(answer)

    def send_part(self, path: str, part: bytes, *, offset: int) -> Any:
        """PATCH bytes of a file that begin at `offset` of it; may be tried again, for the exchange counts."""
        headers = {
            "Content-Type": "application/octet-stream",
            "Content-Length": str(len(part)),
            "Upload-Offset": str(offset),
            "Upload-Checksum": f"sha256 {hashlib.sha256(part).hexdigest()}",
        }
        with self._answer(
            "PATCH", path, content=lambda: iter((part,)), headers=headers, again=True
        ) as answer:
            return json_of(answer)

    def file_bytes(self, path: str, *, limit: int) -> bytes:
        """A small file, whole. Raises HttpStatus, NetworkDown, and WrongFile `file.too_long` beyond
        `limit`."""
        with self._file(path) as answer:
            return bounded(answer, limit)

    def download(self, path: str, into: Path, *, length: int, sha256: str, advance: Advance) -> None:
        """The file of exactly this length and digest, at `into`; continues `into`.partial of an earlier
        attempt.

        Raises WrongFile `file.mismatch` (and keeps nothing), HttpStatus, NetworkDown (and keeps what has
        come).
        """
        partial = into.with_name(f"{into.name}.partial")
        if partial.exists():
            advance(partial.stat().st_size)
            with contextlib.suppress(WrongFile):
                # What was left may have been damaged by a power cut: then this is no reason for an alarm.
                self._download(path, partial, length, sha256, advance)
                partial.replace(into)
                return
        self._download(path, partial, length, sha256, advance)
        partial.replace(into)

    def _download(self, path: str, partial: Path, length: int, sha256: str, advance: Advance) -> None:
        """As often as it breaks off, go on where it stopped."""
        deadline = time.monotonic() + PATIENCE + length / SLOWEST
        for attempt in range(ATTEMPTS):
            try:
                have, digest = self._continue(path, partial, length, advance, deadline)
                break
            except httpx.TransportError as error:
                if attempt == ATTEMPTS - 1 or time.monotonic() > deadline:
                    raise NetworkDown(f"The download broke off: {reason(error)}.") from error
                self._sleep(_wait(attempt, None))
        if have != length or digest != sha256:
            partial.unlink(missing_ok=True)
            raise WrongFile(
                f"A file is not the one that was signed: {have} bytes came, {length} were announced."
                if have != length
                else "A file is not the one that was signed: its SHA-256 differs.",
            )

    def _continue(
        self, path: str, partial: Path, length: int, advance: Advance, deadline: float
    ) -> tuple[int, str]:
        """Fetch what is missing from `partial`; the bytes that came (one too many at most) and their
        digest."""
        digest = hashlib.sha256()
        have = _digest_existing(partial, digest, length)
        if have == length > 0:
            return have, digest.hexdigest()
        with self._file(path, headers={"Range": f"bytes={have}-"} if have else {}) as answer:
            if have and not _continues(answer, have):
                digest, have = hashlib.sha256(), 0
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
        return have, digest.hexdigest()

    @contextmanager
    def _file(self, path: str, headers: Mapping[str, str] | None = None) -> Iterator[httpx.Response]:
        """An answer with a body to read; follows a redirect to an object store, without the key."""
        url, own = self._at(path), True
        for _ in range(MAX_REDIRECTS + 1):
            with self._sent("GET", url, headers=headers, authorised=own, again=True) as answer:
                if answer.has_redirect_location:
                    target = checked_redirect(url, answer.headers["Location"])
                    own = own and origin(target) == origin(self.url)
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
                        f"The exchange at {origin(url)} does not answer: {reason(error)}."
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


def _plain(query: Query) -> dict[str, str]:
    return {
        name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in query.items()
    }
