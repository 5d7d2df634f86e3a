"""The Idempotency-Key header: a call that is repeated under the same key is answered, not done again.

A call whose act is rows alone runs in one transaction with the row that keeps its answer. An upload, or an
act that talks to others, cannot: should the process die between the act and the kept answer, a retry acts
again, under the same id. What it makes has that id, so that making it twice makes it once.

Whoever died in a call holds its key until the lease has run out: its sender waits that long. Hence the lease
of an upload is short and grows while bytes come; should it run out too early, two tries of one upload make
one submission all the same.
"""

from __future__ import annotations

import hashlib
import re
import time
import uuid
from collections.abc import Callable
from contextlib import nullcontext
from datetime import timedelta
from typing import Any, Final

from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils import timezone

from accounts.errors import Invalid
from accounts.identity.acting import Actor
from exchange.calls.remember import Answer, Claim, claim, hold, let_go, settle
from exchange.http.problems import Mismatched

HEADER: Final = "Idempotency-Key"
LEASE: Final = timedelta(minutes=2)
UPLOAD_LEASE: Final = timedelta(seconds=15)
_HELD_EVERY: Final = 5.0  # seconds between two extensions: each is a write
_STORED_A_SECOND: Final = 10 << 20  # bytes, in a slow store: it reports nothing while it takes a large file
_KEY: Final = re.compile(r"[!-~]{1,255}")
_CHUNK: Final = 1 << 20
BAD_REQUEST: Final = 400
LASTING: Final = frozenset({400, 404, 413, 415, 422})


class _Watched:
    """A request body that is digested while somebody reads it, and that holds the claim meanwhile."""

    def __init__(self, stream: Any, stated: int) -> None:
        self._stream, self._stated, self.sha256 = stream, stated, hashlib.sha256()
        self._length, self._held_at = 0, time.monotonic()
        self.claimed: Claim | None = None

    def read(self, *size: int) -> bytes:
        return self._noted(self._stream.read(*size))

    def readline(self, *size: int) -> bytes:
        return self._noted(self._stream.readline(*size))

    def _noted(self, chunk: bytes) -> bytes:
        self.sha256.update(chunk)
        self._length += len(chunk)
        if time.monotonic() - self._held_at >= _HELD_EVERY and self.claimed is not None:
            self._hold(self.claimed)
        return chunk

    def _hold(self, claimed: Claim) -> None:
        """Errors: Conflict `idempotency.overtaken`."""
        storing = timedelta(seconds=self._length / _STORED_A_SECOND)
        hold(claimed, until=timezone.now() + UPLOAD_LEASE + storing)
        self._held_at = time.monotonic()

    @property
    def is_whole(self) -> bool:
        """Whether all has been read that was said to come."""
        return self._length >= self._stated

    def to_the_end(self) -> None:
        while self.read(_CHUNK):
            pass


def key_of(request: HttpRequest) -> str | None:
    """The key that the caller sent. Errors: Invalid `idempotency.key`."""
    key = request.headers.get(HEADER)
    if key is not None and _KEY.fullmatch(key) is None:
        raise Invalid(
            f"{HEADER} is 1 to 255 visible ASCII characters.",
            code="idempotency.key",
            field=HEADER,
            advice="A random UUID is a good key.",
        )
    return key


def once(
    act: Callable[[uuid.UUID], HttpResponseBase],
    request: HttpRequest,
    actor: Actor,
    key: str,
    *,
    streamed: bool,
    rows: bool,
) -> HttpResponseBase:
    """The answer of `act`, or the one that it was given before under `key`. `act` is told an id that is the
    same in every try under this key.

    `streamed`: the body is read by `act` and is too large to hold. `rows`: the act is rows alone.
    Errors: Conflict `idempotency.in_progress`, `idempotency.overtaken`; Mismatched `idempotency.mismatch`.
    """
    watched = _watch(request) if streamed else None
    body = b"" if streamed else request.body
    told = claim(actor.organisation(), key, lease=UPLOAD_LEASE if streamed else LEASE, now=timezone.now())
    if isinstance(told, Answer):
        if watched is not None:
            watched.to_the_end()
        return _again(told, _digest(request, watched, body))
    if watched is not None:
        watched.claimed = told
    try:
        with transaction.atomic() if rows and not streamed else nullcontext():
            response = act(told.id)
            kept = _is_final(response) and not _was_cut_short(response, watched)
            if kept:
                answer = Answer(
                    _digest(request, watched, body),
                    response.status_code,
                    response.headers.get("Content-Type", ""),
                    response.content,  # type: ignore[attr-defined]  # nothing that changes state streams
                )
                settle(told, answer)
    except BaseException:
        let_go(told, now=timezone.now())
        raise
    if not kept:
        let_go(told, now=timezone.now())
    return response


def _watch(request: HttpRequest) -> _Watched:
    stated = request.META.get("CONTENT_LENGTH") or "0"
    watched = _Watched(request._stream, int(stated) if stated.isdecimal() else 0)
    request._stream = watched  # type: ignore[assignment]  # all that anybody does with it is reading
    return watched


def _digest(request: HttpRequest, watched: _Watched | None, body: bytes) -> str:
    """What was asked: method, address and body."""
    content = watched.sha256 if watched is not None else hashlib.sha256(body)
    told = f"{request.method} {request.get_full_path()}\n{content.hexdigest()}"
    return hashlib.sha256(told.encode("utf-8", "surrogateescape")).hexdigest()


def _is_final(response: HttpResponseBase) -> bool:
    """Whether the same call would be answered so again; what may be otherwise in a moment is not kept."""
    return response.status_code < BAD_REQUEST or response.status_code in LASTING


def _was_cut_short(response: HttpResponseBase, watched: _Watched | None) -> bool:
    """Whether an upload was refused before its end. Such an answer is not kept: of the next try too no more
    is read than its refusal takes, and without the rest nobody can say that it is the same upload.
    """
    return watched is not None and response.status_code >= BAD_REQUEST and not watched.is_whole


def _again(answer: Answer, digest: str) -> HttpResponse:
    if answer.digest != digest:
        raise Mismatched(
            "This Idempotency-Key was used for another call.",
            code="idempotency.mismatch",
            field=HEADER,
            advice="Use a new key for every new call.",
        )
    response = HttpResponse(answer.body, status=answer.status, content_type=answer.media_type or None)
    if not answer.media_type:
        del response["Content-Type"]
    response["Idempotency-Replayed"] = "true"
    return response
