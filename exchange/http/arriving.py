"""How slowly a request may come: what of it is here, what it still wants, and how long one waits for bytes.

Nothing here reads a socket or a clock; `exchange.http.buffering` does, for the web processes. What is found
out about a head only decides *when* a thread is given to the request: gunicorn parses and judges it
afterwards.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import Final

LARGEST_HEAD: Final = 64 * 1024
# Forms and JSON are smaller and are collected before a thread is given to them; a thread reads larger ones.
LARGEST_COLLECTED: Final = 64 * 1024
# A slow line of 56 kbit/s brings 7 KB a second. Whoever is slower than this does not bring a file.
FLOOR: Final = 4 * 1024
PATIENCE: Final = 10.0

_END: Final = b"\r\n\r\n"
_FIELD: Final = re.compile(
    rb"^[ \t]*(content-length|transfer-encoding|expect)[ \t]*:[ \t]*([^\r\n]*)", re.I | re.M
)


class Stage(Enum):
    """What a request needs next. STREAMED: a thread that reads the rest of the body as it comes."""

    COMING = "coming"
    WHOLE = "whole"
    STREAMED = "streamed"
    UNREADABLE = "unreadable"


class TooSlow(TimeoutError):
    """The sender was slower than the floor for longer than anybody waits."""


class Pace:
    """Patience with one sender: waiting uses it up, bytes earn it back at `floor` a second, never beyond its
    first measure. A fast beginning therefore buys nobody a long silence.
    """

    def __init__(self, *, patience: float = PATIENCE, floor: int = FLOOR) -> None:
        self._most = self.left = patience
        self._floor = floor

    def waited(self, seconds: float) -> None:
        """Errors: TooSlow when no patience is left."""
        self.left -= seconds
        if self.left <= 0:
            raise TooSlow("The body comes too slowly.")

    def took(self, count: int) -> None:
        """Count `count` bytes that came."""
        self.left = min(self._most, self.left + count / self._floor)


class Arriving:
    """The bytes of one request as they come. `missing` is what its body still lacks, None where it says no
    length."""

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._head_end = -1
        self._length: int | None = 0
        self._streamed = False

    def __len__(self) -> int:
        return len(self._bytes)

    def add(self, data: bytes) -> Stage:
        """Take what came and say what the request needs now."""
        seen = max(0, len(self._bytes) - len(_END))
        self._bytes += data
        if self._head_end < 0:
            found = self._bytes.find(_END, seen)
            if found == 0 or (found < 0 and len(self._bytes) > LARGEST_HEAD):
                return Stage.UNREADABLE
            if found < 0:
                return Stage.COMING
            self._head_end = found + len(_END)
            self._frame()
        if self._streamed:
            return Stage.STREAMED
        return Stage.WHOLE if self.missing == 0 else Stage.COMING

    @property
    def missing(self) -> int | None:
        if self._length is None:
            return None
        return max(0, self._head_end + self._length - len(self._bytes))

    @property
    def target(self) -> str:
        """The address asked for, as far as it is here."""
        words = bytes(self._bytes[:LARGEST_HEAD]).split(b"\r\n", 1)[0].split(b" ")
        return words[1].decode("latin-1") if len(words) > 1 else ""

    def take(self) -> bytes:
        """Give the bytes out, for the parser."""
        taken, self._bytes = bytes(self._bytes), bytearray()
        return taken

    def _frame(self) -> None:
        """How long the body is. What is odd is streamed: that needs a place, and the parser judges."""
        fields = [
            (name.lower(), value.strip()) for name, value in _FIELD.findall(self._bytes, 0, self._head_end)
        ]
        lengths = [value for name, value in fields if name == b"content-length"]
        if len(lengths) > 1 or len(lengths) != len(fields) or any(not one.isdigit() for one in lengths):
            # Chunks say no length; whoever expects "100 Continue" sends nothing before a thread says so.
            self._length, self._streamed = None, True
        elif lengths:
            # More digits than any length has: int() would take long over thousands of them.
            self._length = int(lengths[0]) if len(lengths[0]) <= 16 else None
            self._streamed = self._length is None or self._length > LARGEST_COLLECTED
        if self._streamed and self.missing == 0:
            self._streamed = False  # it came in one piece
