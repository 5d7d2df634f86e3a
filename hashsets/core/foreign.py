"""Strict reading of segment bytes that someone else wrote: raises our errors only, and never unfolds a bomb.

Steps, each before the next may cost anything:
(1) digest and length, (2) footer against schema and caps, (3) page headers against the footer (`pages`),
(4) row group by row group: every value, the order, and the bounds that later look-ups will rely on,
(5) the facts that a manifest stated.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from accounts.errors import Corrupt, Invalid, TooLarge
from hashsets.core.arrays import numbers_of, offsets_of, one_chunk, valid_of
from hashsets.core.columns import (
    MAX_LABELS,
    MAX_QUALITY,
    MAX_TEXT_BYTES,
    Op,
    Rows,
    delta_schema,
    state_schema,
)
from hashsets.core.hashtypes import HashType
from hashsets.core.keys import disorder
from hashsets.core.pages import Footer, Group, read_footer, walk_pages
from hashsets.core.segment import BOUND_CHARACTERS, ROW_GROUP, Kind, SegmentFacts, Source, parquet_metadata

__all__ = ["Caps", "check_segment"]

CHUNK: Final = 1 << 20
SLACK: Final = 1 << 16  # levels, indices and page headers of a column chunk
UNCOMPRESSED, ZSTD = 0, 6  # Parquet's codec numbers
PLAIN_ENCODINGS: Final = frozenset({0, 3})  # PLAIN, RLE (levels)
OTHER_ENCODINGS: Final = frozenset({0, 2, 3, 8})  # and dictionaries, by their old and their new name
# The most that a row of each column can take, unfolded.
ROW_BYTES: Final = {"item": 8, "labels": 4 * MAX_LABELS, "source_ref": MAX_TEXT_BYTES + 4}


@dataclass(frozen=True, slots=True)
class Caps:
    """What a segment may cost its reader: rows in the file, and bytes after decoding."""

    rows: int = 200_000_000
    decoded_bytes: int = 64 * 1024**3


def check_segment(
    source: Source,
    hash_type: HashType,
    kind: Kind,
    *,
    expected: SegmentFacts | None = None,
    caps: Caps | None = None,
) -> SegmentFacts:
    """Read every byte and row, and say what the file holds. At most one row group is in memory at a time.

    Raises Corrupt `segment.mismatch` when `expected` differs and `segment.missing` when there is no file,
    Invalid `segment.corrupt` for anything that is not a segment, TooLarge `segment.too_large` beyond
    `caps`."""
    with _file(source) as file, _our_errors():
        sha256, length = _digest(file)  # (1)
        if expected is not None and (expected.sha256, expected.length) != (sha256, length):
            raise Corrupt("The file does not have the stated length and SHA-256.", code="segment.mismatch")
        footer, caps = read_footer(file), caps or Caps()
        _check_footer(footer, hash_type, kind, caps)  # (2)
        if sum(_check_pages(file, group, hash_type) for group in footer.groups) > caps.decoded_bytes:  # (3)
            raise TooLarge(
                f"A segment may hold at most {caps.decoded_bytes:,} bytes.", code="segment.too_large"
            )
        parquet = pq.ParquetFile(file, read_dictionary=["source_ref"])
        _check_schema(parquet.schema_arrow, hash_type, kind)
        found = _check_rows(parquet, footer, kind)  # (4)
        facts = replace(found, sha256=sha256, length=length)
    if expected is not None and facts != expected:  # (5)
        raise Corrupt("The file does not hold what was stated about it.", code="segment.mismatch")
    return facts


@contextmanager
def _file(source: Source) -> Iterator[BinaryIO]:
    if not isinstance(source, (str, os.PathLike)):
        yield source
        return
    try:
        file = Path(source).open("rb")  # noqa: SIM115 - closed below; only opening may raise this
    except OSError as missing:
        raise Corrupt("A segment is missing.", code="segment.missing") from missing
    with file:
        yield file


@contextmanager
def _our_errors() -> Iterator[None]:
    """Whatever pyarrow makes of hostile bytes is one refusal."""
    try:
        yield
    except (
        pa.ArrowException,
        OSError,
        ValueError,
        LookupError,
        OverflowError,
        MemoryError,
        TypeError,
    ) as broken:
        raise _corrupt("it cannot be read") from broken


def _corrupt(what: str) -> Invalid:
    return Invalid(f"This is not a segment: {what}.", code="segment.corrupt")


def _digest(file: BinaryIO) -> tuple[str, int]:
    sha256, length = hashlib.sha256(), 0
    file.seek(0)
    while chunk := file.read(CHUNK):
        sha256.update(chunk)
        length += len(chunk)
    return sha256.hexdigest(), length


def _check_footer(footer: Footer, hash_type: HashType, kind: Kind, caps: Caps) -> None:
    if footer.rows > caps.rows:
        raise TooLarge(f"A segment may have at most {caps.rows:,} rows.", code="segment.too_large")
    if footer.pairs != {
        key.encode(): text.encode() for key, text in parquet_metadata(hash_type, kind).items()
    }:
        raise _corrupt("it says that it is something else")
    if sum(group.rows for group in footer.groups) != footer.rows:
        raise _corrupt("its row groups do not add up")
    for group in footer.groups:
        if not 0 < group.rows <= ROW_GROUP:
            raise _corrupt("a row group has too many rows or none")
        if [chunk.path.split(".")[0] for chunk in group.chunks] != _columns(kind):
            raise _corrupt("its columns are not those of a segment")
        for chunk in group.chunks:
            plain = chunk.path == "hash"
            if chunk.codec not in ((UNCOMPRESSED,) if plain else (UNCOMPRESSED, ZSTD)):
                raise _corrupt("a column has another compression")
            if chunk.encodings - (PLAIN_ENCODINGS if plain else OTHER_ENCODINGS):
                raise _corrupt("a column has another encoding")


def _columns(kind: Kind) -> list[str]:
    return (delta_schema(1) if kind is Kind.DELTA else state_schema(1)).names


def _check_schema(found: pa.Schema, hash_type: HashType, kind: Kind) -> None:
    """`source_ref` is read as a dictionary, so that one long text repeated is not multiplied."""
    width = hash_type.bytes_wide
    wanted = delta_schema(width) if kind is Kind.DELTA else state_schema(width)
    at = wanted.get_field_index("source_ref")
    text = pa.field("source_ref", pa.dictionary(pa.int32(), pa.string()))
    if not found.equals(wanted.set(at, text)):
        raise _corrupt("its columns are not those of a segment of this type")


def _check_pages(file: BinaryIO, group: Group, hash_type: HashType) -> int:
    """The bytes that the row group unfolds to."""
    unfolded = 0
    for chunk in group.chunks:
        name = chunk.path.split(".")[0]
        fixed = hash_type.bytes_wide if name == "hash" else ROW_BYTES.get(name, 4)
        most = MAX_LABELS if name == "labels" else 1
        pages = walk_pages(file, chunk.start, chunk.length)
        if pages.values != chunk.values or not group.rows <= pages.values <= group.rows * most:
            raise _corrupt("a column has too many values or too few")
        if pages.dictionary_values > group.rows * most:
            raise _corrupt("a column has too many distinct values")
        if pages.unfolded_bytes > group.rows * (fixed + 4) + SLACK:
            raise _corrupt("a column unfolds to more than its rows can hold")
        if pages.encodings - (PLAIN_ENCODINGS if name == "hash" else OTHER_ENCODINGS):
            raise _corrupt("a page has another encoding")
        unfolded += pages.unfolded_bytes
    return unfolded


def _check_rows(parquet: Any, footer: Footer, kind: Kind) -> SegmentFacts:
    first = last = b""
    operations = np.zeros(4, np.int64)
    before: Rows | None = None
    for number, group in enumerate(footer.groups):
        rows = _rows(parquet.read_row_group(number, use_threads=False), kind)
        joined = rows if before is None else Rows.concat([before, rows.slice(0, 1)])
        if disorder(rows.hash, rows.item) >= 0 or disorder(joined.hash, joined.item) >= 0:
            raise _corrupt("its rows do not ascend")
        low, high = rows.hash[0].tobytes(), rows.hash[-1].tobytes()
        if (group.chunks[0].low, group.chunks[0].high) != (low, high) or len(rows) != group.rows:
            raise _corrupt("the bounds of a row group are wrong")
        first, last = first or low, high
        operations += np.bincount(rows.op, minlength=4) if rows.op is not None else 0
        before = rows.slice(len(rows) - 1, len(rows))
    _, adds, updates, removals = operations.tolist()
    return SegmentFacts(
        sha256="",
        length=0,
        rows=footer.rows,
        first=first.hex()[:BOUND_CHARACTERS],
        last=last.hex()[:BOUND_CHARACTERS],
        adds=adds,
        updates=updates,
        removals=removals,
    )


def _rows(table: pa.Table, kind: Kind) -> Rows:
    """A decoded row group, every value of which is one that our writer would write."""
    columns = {name: one_chunk(table.column(name)) for name in table.schema.names}
    for column in columns.values():
        column.validate(full=True)
    gone = np.zeros(len(table), bool)
    if kind is Kind.DELTA:
        op = numbers_of(columns["op"])
        if not ((op >= Op.ADD) & (op <= Op.REMOVE)).all():
            raise _corrupt("it has an unknown operation")
        gone = op == Op.REMOVE
    for name in ("classification", "added", "changed", "labels"):
        if (valid_of(columns[name]) == gone).any():
            raise _corrupt("facts are missing, or stated about an entry that is removed")
    _check_numbers(columns)
    _check_labels(columns["labels"])
    text = _checked_text(columns["source_ref"])
    if (gone & (valid_of(columns["source_ref"]) | valid_of(columns["quality"]))).any():
        raise _corrupt("facts are stated about an entry that is removed")
    at = table.schema.get_field_index("source_ref")
    return Rows.from_arrow(table.set_column(at, "source_ref", text))


def _check_numbers(columns: dict[str, Any]) -> None:
    added, changed = numbers_of(columns["added"], 1), numbers_of(columns["changed"], 1)
    fine = (numbers_of(columns["item"]) >= 0) & (numbers_of(columns["quality"]) <= MAX_QUALITY)
    if not (fine & (added >= 1) & (changed >= added)).all():
        raise _corrupt("a number is out of range")


def _check_labels(column: Any) -> None:
    offsets = offsets_of(column)
    if (np.diff(offsets) > MAX_LABELS).any():
        raise _corrupt("an entry has too many labels")
    values = numbers_of(column.values)[offsets[0] : offsets[-1]]
    ascends = np.ones(len(values) + 1, bool)
    ascends[1:-1] = values[1:] > values[:-1]
    ascends[offsets - offsets[0]] = True  # where the labels of the next row begin
    if not ascends.all() or not values.all():
        raise _corrupt("labels do not ascend")


def _checked_text(column: Any) -> Any:
    lengths = numbers_of(pc.binary_length(column.dictionary))
    used = numbers_of(column.indices)[valid_of(column.indices)]
    if column.dictionary.null_count or not ((lengths[used] > 0) & (lengths[used] <= MAX_TEXT_BYTES)).all():
        raise _corrupt("a source reference is empty or too long")
    return column.cast(pa.string())
