"""Reads CSV uploads: fast where a file is regular, exact about the line where it is not. Pure.

One physical line is one row, always. None of our columns can hold a line break, so a quotation mark that is
not closed on its own line spoils that line alone and can never swallow the rest of the file; and the line
numbers in problem reports are those that an editor shows. What the lines of a block look like is worked out
on its bytes with numpy; the lines that are in order go to Arrow's parser, which then has nothing left to
decide.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from typing import IO, BinaryIO, Final, cast

import numpy as np
import pyarrow as pa
import pyarrow.csv as arrow_csv
from numpy.typing import NDArray

from accounts.errors import Corrupt, Invalid, TooLarge
from hashsets.intake.readers.batches import Batch, Fault, Layout, Limits, TextColumn
from hashsets.intake.readers.header import Bare, read_header
from hashsets.intake.readers.lines import Lines

BLOCK: Final = 8 << 20
LINES: Final = 1 << 18  # surveyed at once; the survey takes some fifty bytes a line, blank ones included
_UTF16: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class CsvReader:
    """One upload. The constructor reads as far as the header line; `batches` reads on from there.

    Errors of both, each with the line: Invalid `csv.empty`, `csv.encoding`, `csv.nul`, `csv.line_too_long`;
    TooLarge `csv.too_many_rows`; and those of `header.read_header`.
    """

    layout: Layout

    def __init__(
        self, file: BinaryIO, *, bare: Bare | None = None, limits: Limits | None = None, block: int = BLOCK
    ) -> None:
        self._file = file
        self._bare = bare  # given: a file that begins with a hash has one hash a line and no header
        self._limits = limits or Limits()
        self._block = block
        self._bytes_read = 0
        self._line = 1  # the number of the next physical line
        self._rest = b""  # bytes read but not yet cut into lines
        self._ended = False
        self._old_mac = False
        self._rows = 0
        self._first = self._read_header()

    def batches(self) -> Iterator[Batch]:
        block = self._first or self._next_block()
        self._first = b""
        while block:
            for part in _parts(block):
                yield self._batch(part)
            block = self._next_block()

    def _read_header(self) -> bytes:
        """Find the first line that is not blank, take it as the header, and return what follows it."""
        block = self._without_mark(self._next_block(first=True))
        while block:
            self._check_bytes(block)
            block = self._after_blank_lines(block)
            # Some spreadsheets state the delimiter on a line of its own; the header shows it just as well.
            if block[:4].lower() == b"sep=":
                block = block[block.index(b"\n") + 1 :]
                self._line += 1
            if block:
                line, _, block = block.partition(b"\n")
                if len(line) > self._limits.line_bytes:
                    raise self._line_too_long(self._line)
                text = line.decode().rstrip("\r")
                bare = self._bare.layout(text, number=self._line) if self._bare else None
                if bare is not None:
                    self.layout, self._delimiter = bare, ","
                    return line + b"\n" + block
                self.layout, self._delimiter = read_header(text, number=self._line)
                self._line += 1
                return block
            block = self._next_block()
        raise Invalid(
            "The file is empty.",
            code="csv.empty",
            advice="Send a file with a line that names the columns and a line per hash.",
        )

    def _after_blank_lines(self, block: bytes) -> bytes:
        """Counted and cut at once, because a file may have a thousand million of them."""
        blank = len(block) - len(block.lstrip(b" \t\r\n"))
        cut = block.rfind(b"\n", 0, blank) + 1
        self._line += block.count(b"\n", 0, cut)
        return block[cut:]

    def _without_mark(self, block: bytes) -> bytes:
        if block.startswith(_UTF16):
            raise Invalid(
                "The file is in UTF-16, and CSV files are read as UTF-8 here.",
                code="csv.encoding",
                advice="Save it as 'CSV UTF-8' and send it again.",
                line=1,
            )
        return block.removeprefix(codecs.BOM_UTF8)

    def _next_block(self, *, first: bool = False) -> bytes:
        """Whole lines, each with its line feed, or nothing at the end."""
        pieces = self._rest
        self._rest = b""
        while not self._ended:
            read = self._file.read(self._block)
            self._bytes_read += len(read)
            self._ended = not read
            if first and b"\r" in read and b"\n" not in read:
                self._old_mac = True  # line ends of a bare carriage return
            pieces += read.replace(b"\r", b"\n") if self._old_mac else read
            cut = pieces.rfind(b"\n") + 1
            if cut:
                self._rest = pieces[cut:]
                return pieces[:cut]
            if len(pieces) > self._limits.line_bytes:
                self._check_bytes(pieces, whole=False)
                raise self._line_too_long(self._line)
            first = False
        return pieces + b"\n" if pieces else b""

    def _check_bytes(self, block: bytes, *, whole: bool = True) -> None:
        """What makes a file unreadable as text, with the line and the byte where it does."""
        nul = block.find(b"\0")
        if nul >= 0:
            raise Invalid(
                f"Line {self._line_of(block, nul)} holds a zero byte, so this is not a text file.",
                code="csv.nul",
                advice="Export the list as CSV; spreadsheets, images and archives cannot be read.",
                line=self._line_of(block, nul),
            )
        if block.isascii():
            return
        try:
            codecs.utf_8_decode(block, "strict", whole)
        except UnicodeDecodeError as error:
            at = error.start - (block.rfind(b"\n", 0, error.start) + 1) + 1
            raise Invalid(
                f"Line {self._line_of(block, error.start)} is not UTF-8 at byte {at}.",
                code="csv.encoding",
                advice="Save the file as 'CSV UTF-8' and send it again.",
                line=self._line_of(block, error.start),
                byte=at,
            ) from None

    def _line_of(self, block: bytes, position: int) -> int:
        return self._line + block.count(b"\n", 0, position)

    def _line_too_long(self, line: int) -> Invalid:
        return Invalid(
            f"Line {line} is longer than {self._limits.line_bytes} bytes.",
            code="csv.line_too_long",
            advice="Each hash belongs on a line of its own.",
            line=line,
        )

    def _batch(self, block: bytes) -> Batch:
        self._check_bytes(block)
        lines = Lines(block, delimiter=self._delimiter, columns=len(self.layout.columns))
        if lines.longest > self._limits.line_bytes:
            raise self._line_too_long(self._line + lines.longest_at)
        numbers = self._number(lines.count)
        batch = Batch(
            lines=numbers[lines.good] if lines.has_bad else numbers,
            columns=self._parse(lines.good_bytes(block), lines),
            faults=tuple(Fault(code, numbers[where]) for code, where in lines.faults()),
            bytes_read=self._bytes_read,
        )
        self._rows += batch.rows
        if self._rows > self._limits.rows:
            raise TooLarge(f"The file has more than {self._limits.rows} rows.", code="csv.too_many_rows")
        return batch

    def _number(self, count: int) -> NDArray[np.uint32]:
        start = self._line
        self._line += count
        if self._line > 0xFFFF_FFFF:
            raise TooLarge("The file has more than four thousand million lines.", code="csv.too_many_rows")
        return np.arange(start, self._line, dtype=np.uint32)

    def _parse(self, block: bytes, lines: Lines) -> dict[str, TextColumn]:
        names = self.layout.columns
        if not block:
            return {name: pa.array([], pa.string()) for name in names}
        table = arrow_csv.read_csv(
            cast(IO[bytes], pa.BufferReader(block)),
            read_options=arrow_csv.ReadOptions(
                column_names=list(names), use_threads=False, block_size=len(block) + 1
            ),
            parse_options=arrow_csv.ParseOptions(
                delimiter=self._delimiter, quote_char='"' if lines.quoted else False, ignore_empty_lines=False
            ),
            convert_options=arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False, check_utf8=False
            ),
        )
        if table.num_rows != lines.good_count:
            # Would shift every line number after it, and give a hash its neighbour's classification.
            raise Corrupt("The parser and the survey of lines disagree.", code="csv.misread")
        return {name: table.column(name).combine_chunks() for name in names}


def _parts(block: bytes) -> Iterator[bytes]:
    """The block, in pieces of whole lines where its lines are very short."""
    if block.count(b"\n") <= LINES:
        yield block
        return
    start = 0
    while start < len(block):
        stop = block.find(b"\n", min(start + LINES, len(block)) - 1) + 1
        yield block[start:stop]
        start = stop
