"""Reads uploads in JSON: an object a line (JSON Lines), or one document of rows. Pure.

Fields are named like the columns of a CSV. Every row has the facts (item, classification, …) that the first
row has, null where there is nothing: were a missing fact read as an empty one, leaving it out of one row of
an update would erase it. Hashes may be left out freely.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, BinaryIO, Final, NoReturn

import numpy as np
import pyarrow as pa

from accounts.errors import Invalid, TooLarge
from hashsets.intake.readers.batches import FACTS, Batch, Fault, Form, Layout, Limits
from hashsets.intake.readers.header import layout_of, normalised

DOCUMENT_LIMIT: Final = 4 << 20  # the parser makes a hundred bytes of an empty list, so it is given little
ROWS: Final = 50_000  # per batch
_BLOCK: Final = 1 << 20
_MARK: Final = b"\xef\xbb\xbf"
_SPACE: Final = re.compile(r"[ \t\r\n]*")
_ADVICE: Final = 'Write an object a line, such as {"sha256": "…", "classification": "A1"}.'


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("twice")
    return found


# Numbers stay as they are written: 050 and 1e2 are no qualities, and a long one costs nothing.
_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_once, parse_int=str, parse_float=str, parse_constant=_refuse_constant
)


class JsonLinesReader:
    """One object a line. The constructor reads as far as the first row.

    Errors, each with the line: Invalid `json.malformed`, `csv.empty`, `csv.encoding`, `csv.nul`,
    `csv.line_too_long`; TooLarge `csv.too_many_rows`; and those of `header.layout_of`.
    """

    layout: Layout

    def __init__(
        self,
        file: BinaryIO,
        *,
        hash_types: tuple[str, ...],
        limits: Limits | None = None,
        block: int = _BLOCK,
    ) -> None:
        self._file = file
        self._limits = limits or Limits()
        self._block = block
        self._bytes_read = 0
        self._lines = self._read_lines()
        number, first = self._first()
        self._rows = _Rows(_first_layout(first, hash_types, number))
        self._rows.add(number, first)
        self.layout = self._rows.layout

    def batches(self) -> Iterator[Batch]:
        total = 1
        for number, line in self._lines:
            self._rows.add(number, _parsed(line))
            total += 1
            if total > self._limits.rows:
                raise TooLarge(f"The file has more than {self._limits.rows} rows.", code="csv.too_many_rows")
            if total % ROWS == 0:
                yield self._rows.batch(self._bytes_read)
        yield self._rows.batch(self._bytes_read)

    def _first(self) -> tuple[int, dict[str, Any]]:
        for number, line in self._lines:
            row = _parsed(line)
            if row is None:
                raise _malformed(f"Line {number} is not a JSON object.", number)
            return number, row
        raise Invalid("The file is empty.", code="csv.empty", advice=_ADVICE)

    def _read_lines(self) -> Iterator[tuple[int, str]]:
        """Lines that are not blank, with their numbers."""
        number, rest, cap = 0, b"", self._limits.line_bytes
        while block := self._file.read(self._block):
            self._bytes_read += len(block)
            *whole, rest = (rest + block).split(b"\n")
            for line in whole:
                number += 1
                if line and not line.isspace():
                    yield number, self._text(line, number)
            if len(rest) > cap:
                break
        if rest and not rest.isspace():
            yield number + 1, self._text(rest, number + 1)

    def _text(self, line: bytes, number: int) -> str:
        if len(line) > self._limits.line_bytes:
            raise Invalid(
                f"Line {number} is longer than {self._limits.line_bytes} bytes.",
                code="csv.line_too_long",
                advice=_ADVICE,
                line=number,
            )
        return _text(line.removeprefix(_MARK) if number == 1 else line, number)


class JsonDocumentReader:
    """All rows in one document, which is held in memory and therefore small; "lines" are row numbers.

    Errors: Invalid `json.malformed`, `csv.empty`, `csv.encoding`, `csv.nul`; TooLarge `json.too_large`; and
    those of `header.layout_of`.
    """

    layout: Layout

    def __init__(self, file: BinaryIO, *, hash_types: tuple[str, ...], limit: int = DOCUMENT_LIMIT) -> None:
        content = b""
        while len(content) <= limit and (piece := file.read(_BLOCK)):
            content += piece
        if len(content) > limit:
            raise TooLarge(
                f"A JSON document may have at most {limit} bytes.",
                code="json.too_large",
                advice="Send more rows as JSON Lines, an object a line, or as CSV.",
            )
        self._length = len(content)
        self._elements = _elements(_text(content.removeprefix(_MARK), 1))
        first = next(self._elements, None)
        if first is None:
            raise Invalid("The file has no rows.", code="csv.empty", advice=_ADVICE)
        if not isinstance(first, dict):
            raise _malformed("Row 1 is not a JSON object.", 1)
        self._rows = _Rows(_first_layout(first, hash_types, 1))
        self._rows.add(1, first)
        self.layout = self._rows.layout

    def batches(self) -> Iterator[Batch]:
        for number, element in enumerate(self._elements, start=2):
            self._rows.add(number, element if isinstance(element, dict) else None)
        yield self._rows.batch(self._length)


class _Rows:
    """Collects rows as columns of text, and the lines of those that are none."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self._columns = frozenset(layout.columns)
        self._given = layout.given
        self._begin()

    def _begin(self) -> None:
        self._lines: list[int] = []
        self._cells: dict[str, list[str]] = {name: [] for name in self.layout.columns}
        self._faults: dict[str, list[int]] = {"row.json": [], "row.fields": []}

    def add(self, number: int, row: dict[str, Any] | None) -> None:
        """`row` None: what stands there is no object."""
        values = None if row is None else _texts(row)
        if row is None or values is None:
            self._faults["row.json"].append(number)
        elif len(values) < len(row) or not self._given <= values.keys() <= self._columns:
            self._faults["row.fields"].append(number)
        else:
            self._lines.append(number)
            for name, cells in self._cells.items():
                cells.append(values.get(name, ""))

    def batch(self, bytes_read: int) -> Batch:
        batch = Batch(
            lines=np.array(self._lines, np.uint32),
            columns={name: pa.array(cells, pa.string()) for name, cells in self._cells.items()},
            faults=tuple(
                Fault(code, np.array(lines, np.uint32)) for code, lines in self._faults.items() if lines
            ),
            bytes_read=bytes_read,
        )
        self._begin()
        return batch


def _first_layout(row: dict[str, Any], hash_types: tuple[str, ...], number: int) -> Layout:
    """The columns that the first row states; where it names hash types, other rows may name the list's."""
    stated = layout_of(list(row), number=number)
    if stated.form is Form.LONG:
        return stated
    facts = tuple(name for name in stated.columns if name in FACTS)
    types = stated.hash_types + tuple(slug for slug in hash_types if slug not in stated.hash_types)
    return Layout(Form.WIDE, types + facts)


def _texts(row: dict[str, Any]) -> dict[str, str] | None:
    """The row's values as text; None when one is a list, an object, true or false, or no text at all."""
    texts: dict[str, str] = {}
    for name, value in zip(normalised(list(row)), row.values(), strict=True):
        if value is None:
            texts[name] = ""
        elif not isinstance(value, str) or not _can_be_written(value):
            return None
        else:
            texts[name] = value
    return texts


def _can_be_written(value: str) -> bool:
    """Half a surrogate pair can be spelled in JSON and is no text."""
    return value.isascii() or not any("\ud800" <= character <= "\udfff" for character in value)


def _parsed(line: str) -> dict[str, Any] | None:
    try:
        value = _DECODER.decode(line)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _elements(text: str) -> Iterator[Any]:
    """The elements of `[...]` or of `{"rows": [...]}`, one by one."""
    at = _skip(text, 0)
    closing = "]"
    if text[at : at + 1] == "{":
        at = _expect(text, _skip(text, at + 1), '"rows"')
        at = _expect(text, at, ":")
        closing = "]}"
    at = _expect(text, at, "[")
    if text[at : at + 1] != "]":
        while True:
            try:
                value, at = _DECODER.raw_decode(text, at)
            except (ValueError, RecursionError):
                raise _malformed_at(text, at) from None
            yield value
            at = _skip(text, at)
            if text[at : at + 1] != ",":
                break
            at = _skip(text, at + 1)
    for character in closing:
        at = _expect(text, at, character)
    if at != len(text):
        raise _malformed_at(text, at)


def _skip(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at


def _expect(text: str, at: int, wanted: str) -> int:
    if not text.startswith(wanted, at):
        raise _malformed_at(text, at)
    return _skip(text, at + len(wanted))


def _malformed_at(text: str, at: int) -> Invalid:
    line = text.count("\n", 0, at) + 1
    return _malformed(f'Line {line} is not part of {{"rows": [...]}} in JSON.', line)


def _malformed(message: str, line: int) -> Invalid:
    return Invalid(message, code="json.malformed", advice=_ADVICE, line=line)


def _text(octets: bytes, number: int) -> str:
    if b"\0" in octets:
        raise Invalid(
            f"Line {number} holds a zero byte, so this is not a text file.", code="csv.nul", line=number
        )
    try:
        return octets.decode()
    except UnicodeDecodeError as error:
        line = number + octets.count(b"\n", 0, error.start)
        raise Invalid(
            f"Line {line} is not UTF-8.", code="csv.encoding", advice="Save the file as UTF-8.", line=line
        ) from None
