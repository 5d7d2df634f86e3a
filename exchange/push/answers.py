"""Reads the answer to a post: HTTP/1.1, the head and at most 4 KB of the body. Pure; every bound is here.

Only what a receiver of notices is judged by: status, a few headers, the beginning of the body. What is no
HTTP raises ValueError with a sentence for the attempt log.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

MAX_ANSWER = 4_096
MAX_HEAD = 16_384
MAX_RAW = 4 * MAX_ANSWER
"""Of a body as it comes over the wire: chunks of one byte each must not make us read for ever."""
_STATUS = re.compile(rb"HTTP/1\.[0-9] ([1-5][0-9]{2})(?: ([^\r\n]*))?\r?")
_FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*?)[ \t]*\r?")
_END = re.compile(rb"\r?\n\r?\n")
_CHUNK = re.compile(rb"([0-9a-fA-F]{1,8})[^\r\n]{0,256}\r?\n")


@dataclass(frozen=True, slots=True)
class Head:
    """Names of `fields` are in lower case; of a field that is said twice the first counts."""

    status: int
    reason: str
    fields: Mapping[str, str]

    @property
    def is_interim(self) -> bool:
        """100 Continue and its kin: the answer itself is still to come."""
        return 100 <= self.status < 200


def split_head(raw: bytes) -> tuple[Head, bytes] | None:
    """The head and what follows it, or None when the head is not complete yet. Errors: ValueError."""
    found = _END.search(raw)
    if found is None:
        if len(raw) > MAX_HEAD:
            raise ValueError("The head of its answer does not end.")
        return None
    first, *rest = raw[: found.start()].split(b"\n")
    status = _STATUS.fullmatch(first)
    if status is None:
        raise ValueError("Its answer is not HTTP.")
    fields: dict[str, str] = {}
    for line in rest:
        field = _FIELD.fullmatch(line)
        if field is None:
            raise ValueError("The head of its answer is malformed.")
        fields.setdefault(field[1].decode().lower(), field[2].decode("latin-1"))
    head = Head(int(status[1]), (status[2] or b"").decode("latin-1").strip(), fields)
    return head, raw[found.end() :]


def body_of(head: Head, raw: bytes) -> tuple[bytes, bool]:
    """The first 4 KB of the body in `raw`, and whether there is nothing more to wait for. Errors:
    ValueError."""
    if head.status in (204, 304):
        return b"", True
    if head.fields.get("transfer-encoding", "").lower() == "chunked":
        body, complete = _unchunked(raw)
    else:
        said = head.fields.get("content-length", "")
        if said and not (said.isascii() and said.isdigit()):
            raise ValueError("The length of its answer is malformed.")
        length = int(said[:9]) if said else None
        body, complete = raw[:length], length is not None and len(raw) >= length
    return body[:MAX_ANSWER], complete or len(body) >= MAX_ANSWER or len(raw) >= MAX_RAW


def _unchunked(raw: bytes) -> tuple[bytes, bool]:
    body, at = bytearray(), 0
    while len(body) < MAX_ANSWER:
        start = _CHUNK.match(raw, at)
        if start is None:
            # More may come, unless what is here already cannot be a chunk's beginning.
            if len(raw) - at > 300:
                raise ValueError("The chunks of its answer are malformed.")
            return bytes(body), False
        length = int(start[1], 16)
        if length == 0:
            return bytes(body), True
        body += raw[start.end() : start.end() + length]
        at = start.end() + length
        if len(raw) < at:
            return bytes(body), False
        end = re.match(rb"\r?\n", raw[at : at + 2])
        at += end.end() if end else 0
    return bytes(body), True
