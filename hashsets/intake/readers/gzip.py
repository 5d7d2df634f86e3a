"""Unpacks gzip uploads while they are read, and stops at what unpacks to more than any honest list. Pure.

A list of random hashes shrinks to half, one with long repeated references to a tenth. What grows a
hundredfold is a bomb: it is refused after a few megabytes, however small the file is.
"""

from __future__ import annotations

import io
import zlib
from typing import BinaryIO, Final

from accounts.errors import Invalid, TooLarge

MAGIC: Final = b"\x1f\x8b"
RATIO: Final = 100
SLACK: Final = 16 << 20  # small files may be as repetitive as they like
LIMIT: Final = 64 << 30
_CHUNK: Final = 64 << 10
_GZIP: Final = 31  # zlib's name for "with a gzip header"


class Inflated(io.RawIOBase):
    """The content of a gzip file of one or more members, forwards only.

    Errors of `read`: Invalid `gzip.damaged`; TooLarge `gzip.ratio`, `gzip.too_large`.
    """

    def __init__(self, file: BinaryIO, *, ratio: int = RATIO, slack: int = SLACK, limit: int = LIMIT) -> None:
        self._file = file
        self._ratio, self._slack, self._limit = ratio, slack, limit
        self._inflate = zlib.decompressobj(_GZIP)
        self._pending = b""
        self._inside = True  # a member has been begun and not ended
        self._consumed = self._produced = 0
        self._ended = False

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        wanted = size if size > 0 else _CHUNK
        while not self._ended:
            if not self._pending:
                self._pending = self._file.read(_CHUNK)
                self._consumed += len(self._pending)
            if not self._pending:
                self._end()
                break
            unpacked = self._unpack(wanted)
            if unpacked:
                return unpacked
        return b""

    def _unpack(self, wanted: int) -> bytes:
        try:
            unpacked = self._inflate.decompress(self._pending, wanted)
        except zlib.error:
            raise _damaged() from None
        self._pending = self._inflate.unconsumed_tail
        self._inside = True
        if self._inflate.eof:
            # Another member may follow; zeros are padding.
            self._pending = self._inflate.unused_data.lstrip(b"\0")
            self._inflate = zlib.decompressobj(_GZIP)
            self._inside = False
        self._produced += len(unpacked)
        self._check()
        return unpacked

    def _check(self) -> None:
        if self._produced > self._slack + self._ratio * (self._consumed - len(self._pending)):
            raise TooLarge(
                f"The gzip file unpacks to more than {self._ratio} times its size.",
                code="gzip.ratio",
                advice="Send the list as it is, without compression.",
            )
        if self._produced > self._limit:
            raise TooLarge(f"The gzip file unpacks to more than {self._limit} bytes.", code="gzip.too_large")

    def _end(self) -> None:
        self._ended = True
        if self._inside:
            raise _damaged()


def beginning(head: bytes, wanted: int) -> bytes | None:
    """The first bytes that a gzip file beginning with `head` unpacks to; None when it is damaged."""
    try:
        return zlib.decompressobj(_GZIP).decompress(head, wanted)
    except zlib.error:
        return None


def _damaged() -> Invalid:
    return Invalid(
        "The gzip file is damaged or cut off.",
        code="gzip.damaged",
        advice="Compress the list again and send it whole.",
    )
