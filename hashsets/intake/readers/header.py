"""What an upload calls its columns: which there are, in which form, and what separates them in a CSV. Pure.

A value of the file is never repeated in a message: a file without a header has hashes in its first line.
"""

from __future__ import annotations

import csv
import difflib
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from accounts.errors import Invalid
from hashsets.core.hashtypes import HASH_TYPES, hash_type
from hashsets.intake.readers.batches import FACTS, Form, Layout

DELIMITERS: Final = (",", ";", "\t")
MAX_COLUMNS: Final = 64
_LONG: Final = frozenset({"type", "hash"})
_KNOWN: Final = (*HASH_TYPES, "type", "hash", *FACTS)
_MAY_BE_REPEATED: Final = re.compile(r"[A-Za-z][A-Za-z0-9 _-]{0,39}")
_LOOKS_LIKE_A_HASH: Final = re.compile(
    r"[0-9A-Fa-f]{16,}|[0-9A-Za-z+/=]{22,}|[0-9]{1,3}(?: *, *[0-9]{1,3}){8,}"
)
_ONE_HASH: Final = re.compile(r"[0-9A-Fa-f]{16,}|[0-9A-Za-z+/=]{22,}")
_ADVICE: Final = (
    "Name the columns in the first line: hash types such as sha256, or 'type' and 'hash'; then, where you "
    f"have them, {', '.join(FACTS)}."
)


def read_header(line: str, *, number: int) -> tuple[Layout, str]:
    """The layout and the delimiter that `line` (physical line `number`) states.

    Errors: Invalid `csv.no_header`, `csv.column_unknown`, `csv.column_twice`, `csv.mixed_forms`,
    `csv.no_hash_column`, `csv.header_quotes`, `csv.too_many_columns`.
    """
    delimiter, cells = _split(line, number)
    names = normalised(cells)
    if not set(names) & set(_KNOWN) and any(_LOOKS_LIKE_A_HASH.search(cell) for cell in cells):
        raise Invalid(
            f"Line {number} should name the columns, but it looks like a row of hashes.",
            code="csv.no_header",
            advice=_ADVICE,
            line=number,
        )
    return layout_of(cells, number=number), delimiter


def layout_of(cells: Sequence[str], *, number: int) -> Layout:
    """The layout that column names state; `number` is the line (or the row) that names them.

    Errors: Invalid `csv.column_unknown`, `csv.column_twice`, `csv.mixed_forms`, `csv.no_hash_column`,
    `csv.too_many_columns`.
    """
    names = normalised(cells)
    if len(names) > MAX_COLUMNS:
        raise Invalid(
            f"The file has more than {MAX_COLUMNS} columns.", code="csv.too_many_columns", advice=_ADVICE
        )
    _check_known(names, cells, number)
    _check_once(names, number)
    return Layout(_form(names, number), tuple(names))


def normalised(cells: Sequence[str]) -> list[str]:
    """Names as they are compared: in any case, white space around them ignored."""
    return [cell.strip().lower() for cell in cells]


@dataclass(frozen=True, slots=True)
class Bare:
    """What the hashes of a file without column names may be: the list's types, or the one that was stated."""

    hash_types: tuple[str, ...]
    stated: str = ""

    def layout(self, line: str, *, number: int) -> Layout | None:
        """The layout of a file whose first line `line` is one hash and nothing else; None when it is not.

        Errors: Invalid `lines.type_ambiguous`, `lines.type_unknown`.
        """
        cell = line.strip()
        if cell.lower() in _KNOWN or not _ONE_HASH.fullmatch(cell):
            return None
        if self.stated:
            return Layout(Form.WIDE, (self.stated,))
        fitting = [slug for slug in self.hash_types if _reads(slug, cell)]
        if len(fitting) == 1:
            return Layout(Form.WIDE, (fitting[0],))
        if not fitting:
            raise Invalid(
                f"Line {number} looks like a hash, but of no type that this list takes.",
                code="lines.type_unknown",
                advice=f"The list takes {', '.join(self.hash_types)}. {_ADVICE}",
                line=number,
            )
        raise Invalid(
            f"Line {number} can be {' or '.join(fitting)}, and nothing says which.",
            code="lines.type_ambiguous",
            field="type",
            advice=f"State the type, or put a line before it that says '{fitting[0]}' or '{fitting[1]}'.",
            line=number,
        )


def _reads(slug: str, cell: str) -> bool:
    try:
        hash_type(slug).parse(cell)
    except Invalid:
        return False
    return True


def _split(line: str, number: int) -> tuple[str, list[str]]:
    """Into cells, by the delimiter that gives the most known names; names contain none of the three."""
    best: tuple[int, int, str, list[str]] | None = None
    for delimiter in DELIMITERS:
        try:
            (cells,) = csv.reader([line], delimiter=delimiter, strict=True)
        except (csv.Error, ValueError):
            continue
        known = sum(cell.strip().lower() in _KNOWN for cell in cells)
        if best is None or (known, len(cells)) > best[:2]:
            best = (known, len(cells), delimiter, cells)
    if best is None:
        raise Invalid(
            f"The quotation marks in line {number}, which names the columns, do not pair up.",
            code="csv.header_quotes",
            advice=_ADVICE,
            line=number,
        )
    return best[2], best[3]


def _check_known(names: list[str], cells: Sequence[str], number: int) -> None:
    for position, (name, cell) in enumerate(zip(names, cells, strict=True), start=1):
        if name in _KNOWN:
            continue
        shown = cell.strip()
        repeatable = _MAY_BE_REPEATED.fullmatch(shown) and not _LOOKS_LIKE_A_HASH.search(shown)
        called = (
            f"'{shown}'" if repeatable else "without a name" if not shown else "with a name of another kind"
        )
        near = _nearest(name)
        raise Invalid(
            f"Column {position} in line {number} is {called}, which is not a column that is known here."
            if repeatable
            else f"Column {position} in line {number} is one {called}.",
            code="csv.column_unknown",
            field=shown if repeatable else None,
            advice=f"Did you mean '{near}'?" if near else f"Remove the column. {_ADVICE}",
            line=number,
            column=position,
            suggestion=near,
        )


def _nearest(name: str) -> str | None:
    """`SHA-256`, `sha_256` and `sha256 hash` all mean sha256."""
    plain = {re.sub(r"[^a-z0-9]", "", known): known for known in _KNOWN}
    wanted = re.sub(r"[^a-z0-9]", "", name[:40].lower())
    close = difflib.get_close_matches(wanted, list(plain), n=1, cutoff=0.7)
    return plain[close[0]] if close else None


def _check_once(names: Collection[str], number: int) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise Invalid(
                f"Line {number} names the column '{name}' twice.",
                code="csv.column_twice",
                field=name,
                advice="Keep one of the two columns.",
                line=number,
            )
        seen.add(name)


def _form(names: list[str], number: int) -> Form:
    long, wide = _LONG & set(names), set(HASH_TYPES) & set(names)
    if long and wide:
        raise Invalid(
            f"Line {number} has a column per hash type and also '{min(long)}'.",
            code="csv.mixed_forms",
            field=min(long),
            advice="Use either one column per hash type, or the two columns 'type' and 'hash'.",
            line=number,
        )
    if len(long) == 1:
        (missing,) = _LONG - long
        raise Invalid(
            f"Line {number} has the column '{min(long)}' without '{missing}'.",
            code="csv.no_hash_column",
            field=missing,
            advice="Hashes of different types can look alike, so each row has to state its type.",
            line=number,
        )
    if not long and not wide and "item" not in names:
        raise Invalid(
            f"Line {number} names no column with hashes.",
            code="csv.no_hash_column",
            advice=_ADVICE,
            line=number,
        )
    return Form.LONG if long else Form.WIDE
