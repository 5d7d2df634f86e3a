"""Serving stored files: byte ranges, entity tags, immutability stated in headers (RFC 9110, section 14)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from http import HTTPStatus
from typing import BinaryIO

from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse

from exchange.http.problems import problem

CHUNK = 256 * 1024
FOR_EVER = "max-age=31536000, immutable"

_RANGE = re.compile(r"\Abytes=(\d{0,18})-(\d{0,18})\Z", re.ASCII)


def parse_range(header: str, length: int) -> tuple[int, int] | None:
    """(first, last) of a single satisfiable range, None to ignore the header.

    Raises ValueError when the range lies outside the file (416). Several ranges are ignored, as the standard
    allows: nobody needs them for resuming.
    """
    match = _RANGE.match(header.strip())
    if match is None or match.groups() == ("", ""):
        return None
    first, last = match.groups()
    if first == "":
        size = int(last)
        if size == 0:
            raise ValueError("an empty suffix")
        return max(0, length - size), length - 1
    start, end = int(first), int(last) if last else length - 1
    if start >= length:
        raise ValueError("beyond the end")
    if end < start:
        return None
    return start, min(end, length - 1)


class _Part:
    """`size` bytes of `stream` in chunks. Closed with the response, also when nobody ever read from it."""

    def __init__(self, stream: BinaryIO, size: int) -> None:
        self._stream, self._left = stream, size

    def __iter__(self) -> Iterator[bytes]:
        while self._left > 0:
            chunk = self._stream.read(min(CHUNK, self._left))
            if not chunk:
                return
            self._left -= len(chunk)
            yield chunk

    def close(self) -> None:
        self._stream.close()


def _beyond_the_end(length: int) -> HttpResponse:
    response = problem(
        HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
        code="range.beyond_the_end",
        detail=f"This file has {length} bytes; the range begins after them.",
        facts={"length": length},
    )
    response["Content-Range"] = f"bytes */{length}"
    return response


def file_headers(etag: str, *, private: bool, immutable: bool) -> dict[str, str]:
    """What every answer about a stored file says, whoever sends its bytes."""
    scope = "private" if private else "public"
    return {
        "ETag": f'"{etag}"',
        "Accept-Ranges": "bytes",
        "Cache-Control": f"{scope}, {FOR_EVER if immutable else 'no-cache'}",
        "Vary": "Authorization, Cookie",
    }


def file_response(
    request: HttpRequest,
    stream: BinaryIO,
    *,
    length: int,
    etag: str,
    content_type: str,
    private: bool,
    immutable: bool = True,
) -> HttpResponseBase:
    """The file, a part of it, or 304/416. `etag` is the content's SHA-256 in hex, without quotes.

    `private` keeps shared caches from storing what only some may read.
    """
    headers = file_headers(etag, private=private, immutable=immutable)
    tag = headers["ETag"]
    if tag in [part.strip() for part in request.headers.get("If-None-Match", "").split(",")]:
        stream.close()
        return HttpResponse(status=HTTPStatus.NOT_MODIFIED, headers=headers)
    part: tuple[int, int] | None = None
    if "Range" in request.headers and request.headers.get("If-Range", tag) == tag:
        try:
            part = parse_range(request.headers["Range"], length)
        except ValueError:
            stream.close()
            return _beyond_the_end(length)
    status, size = HTTPStatus.OK, length
    if part is not None:
        stream.seek(part[0])
        status, size = HTTPStatus.PARTIAL_CONTENT, part[1] - part[0] + 1
        headers["Content-Range"] = f"bytes {part[0]}-{part[1]}/{length}"
    headers["Content-Length"] = str(size)
    if request.method == "HEAD":
        stream.close()
        return HttpResponse(status=status, headers=headers, content_type=content_type)
    return StreamingHttpResponse(
        _Part(stream, size), status=status, headers=headers, content_type=content_type
    )
