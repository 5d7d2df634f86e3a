"""Opens an upload of any kind: looks at its first bytes and chooses the reader. Pure.

(1) Unpack gzip, once: archives within archives are refused. (2) Turn UTF-16 into UTF-8. (3) Parquet by its
magic, JSON by its first character, and everything else is text with a header line or one hash a line. What
the sender calls the file plays no part: names and media types are wrong too often.
"""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import BinaryIO, Final, cast

from accounts.errors import Invalid
from hashsets.intake.readers import gzip
from hashsets.intake.readers.batches import Reader
from hashsets.intake.readers.csv import CsvReader
from hashsets.intake.readers.header import Bare
from hashsets.intake.readers.json import JsonDocumentReader, JsonLinesReader
from hashsets.intake.readers.parquet import MAGIC as PARQUET
from hashsets.intake.readers.parquet import ParquetReader
from hashsets.intake.readers.utf16 import MARKS, Utf16AsUtf8

LOOKED_AT: Final = 4096
_MARK: Final = b"\xef\xbb\xbf"
_DOCUMENT: Final = re.compile(rb'\[|\{\s*"rows"\s*:')


def open_reader(file: BinaryIO, bare: Bare, *, scratch: Path) -> Reader:
    """The reader for what `file` holds. `bare` says what hashes may be in a file that does not name them;
    `scratch` is a folder for what cannot be read forwards.

    Errors: Invalid and TooLarge of the readers, and Invalid `gzip.nested`.
    """
    source = _Peeked(file)
    if source.head.startswith(gzip.MAGIC):  # (1)
        source = _Peeked(cast(BinaryIO, gzip.Inflated(source.file)))
        if source.head.startswith(gzip.MAGIC):
            raise Invalid(
                "The gzip file holds another gzip file.",
                code="gzip.nested",
                advice="Compress the list once, or not at all.",
            )
    if source.head.startswith(MARKS):  # (2)
        source = _Peeked(cast(BinaryIO, Utf16AsUtf8(source.file)))
    if source.head.startswith(PARQUET):  # (3)
        return ParquetReader(source.file, scratch=scratch)
    start = source.head.removeprefix(_MARK).lstrip()
    if _DOCUMENT.match(start):
        return JsonDocumentReader(source.file, hash_types=bare.hash_types)
    if start.startswith(b"{"):
        return JsonLinesReader(source.file, hash_types=bare.hash_types)
    return CsvReader(source.file, bare=bare)


class _Peeked(io.RawIOBase):
    """A forward reader whose beginning has been looked at and is read again."""

    def __init__(self, file: BinaryIO) -> None:
        self._inner = file
        self.head = b""
        while len(self.head) < LOOKED_AT and (piece := file.read(LOOKED_AT - len(self.head))):
            self.head += piece
        self._again = self.head

    @property
    def file(self) -> BinaryIO:
        return cast(BinaryIO, self)

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        if not self._again:
            return self._inner.read(size)
        taken = self._again if size < 0 else self._again[:size]
        self._again = self._again[len(taken) :]
        return taken
