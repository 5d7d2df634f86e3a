"""Reading answers: never more than expected, never longer than bearable, and refusals in our words."""

from __future__ import annotations

import time
from typing import Any, Final

import httpx

from exchange.client.refusals import Forbidden, NetworkDown, Stop, Usage, WrongFile

__all__ = ["PATIENCE", "RETRY_STATUS", "SLOWEST", "bounded", "json_of", "reason", "refusal_for"]

RETRY_STATUS: Final = frozenset({429, 500, 502, 503, 504})
SLOWEST: Final = 16 * 1024  # bytes a second, averaged over a download: an endless drip is no delivery
PATIENCE: Final = 60.0  # seconds on top of what SLOWEST allows
MAX_JSON: Final = 16 * 1024 * 1024


def refusal_for(answer: httpx.Response) -> Stop:
    """What the exchange says in its problem document, as ours."""
    status = answer.status_code
    try:
        problem = json_of(answer)
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


def json_of(answer: httpx.Response) -> Any:
    document = bounded(answer, MAX_JSON)
    if not document:
        return None
    try:
        return httpx.Response(200, content=document).json()
    except ValueError as error:
        raise NetworkDown(
            "The exchange's answer is not what a Hash Exchange says.", code="network.not_an_exchange"
        ) from error


def bounded(answer: httpx.Response, limit: int) -> bytes:
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
        raise NetworkDown(f"The answer broke off: {reason(error)}.") from error
    return b"".join(pieces)


def reason(error: Exception) -> str:
    return str(error).rstrip(".") or type(error).__name__
