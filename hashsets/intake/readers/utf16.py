"""Reads UTF-16 text, which spreadsheets call "Unicode text", as the UTF-8 of the other readers. Pure."""

from __future__ import annotations

import codecs
import io
from typing import BinaryIO, Final

from accounts.errors import Invalid

MARKS: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class Utf16AsUtf8(io.RawIOBase):
    """Forwards only; the byte order mark is dropped. Errors of `read`: Invalid `csv.encoding`."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._decoder = codecs.getincrementaldecoder("utf-16")("strict")
        self._ended = False

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        text = ""
        while not text and not self._ended:
            piece = self._file.read(size)
            self._ended = not piece
            try:
                text = self._decoder.decode(piece, final=self._ended)
            except UnicodeDecodeError:
                raise Invalid(
                    "The file begins as UTF-16 and is not UTF-16 throughout.",
                    code="csv.encoding",
                    advice="Save it as 'CSV UTF-8' and send it again.",
                ) from None
        return text.encode()
