"""Reads Parquet uploads, of whatever writer, without unfolding a bomb. Pure.

A 433 KB file can decode to 12.8 GB: a long text in a dictionary, named by a million rows. So (1) the footer
and the page headers are added up before anything is decoded, and held against caps; (2) text is read as a
dictionary, never as rows, and a value that no hash or reference can have is refused before it is multiplied.
"Lines" are row numbers, from 1.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from accounts.errors import Invalid, Refusal, TooLarge
from hashsets.core.arrays import numbers_of
from hashsets.core.hashtypes import HASH_TYPES
from hashsets.core.pages import Footer, read_footer, walk_pages
from hashsets.intake.readers.batches import Batch, Layout, Limits, TextColumn
from hashsets.intake.readers.header import MAX_COLUMNS, layout_of

MAGIC: Final = b"PAR1"
BATCH_ROWS: Final = 16_384
CELL_BYTES: Final = 1_024  # the longest spelling of a hash has 575 characters, a reference 200
GROUP_BYTES: Final = 256 << 20  # a row group, unfolded
CODECS: Final = frozenset(
    {0, 1, 2, 4, 6, 7}
)  # none, snappy, gzip, brotli, zstd, lz4; pyarrow reads no others
_EMPTY: Final[Any] = pa.scalar("")
ENCODINGS: Final = frozenset({0, 2, 3, 4, 5, 6, 7, 8, 9})


class ParquetReader:
    """One upload, copied into `scratch` because Parquet is read from its end.

    Errors: Invalid `parquet.damaged`, `parquet.column_type`, `csv.no_rows`; TooLarge `parquet.too_large`,
    `csv.too_many_rows`; and those of `header.layout_of`.
    """

    layout: Layout

    def __init__(self, file: BinaryIO, *, scratch: Path, limits: Limits | None = None) -> None:
        path = scratch / "upload.parquet"
        with path.open("wb") as copy:
            shutil.copyfileobj(file, copy, 1 << 20)
        self._length = path.stat().st_size
        limits = limits or Limits()
        with path.open("rb") as stored, _our_errors():
            self._total = _check(stored, limits)  # (1)
        with _our_errors():
            schema = pq.read_schema(path)
            self._names = list(schema.names)
            self.layout = layout_of(self._names, number=1)
            for field, name in zip(schema, self.layout.columns, strict=True):
                _check_type(field.type, name)
            texts = [field.name for field in schema if _is_text(field.type) or _is_loose_bytes(field.type)]
            self._parquet = pq.ParquetFile(path, read_dictionary=texts, pre_buffer=False)  # (2)

    def batches(self) -> Iterator[Batch]:
        done = 0
        with _our_errors():
            for table in self._parquet.iter_batches(BATCH_ROWS, use_threads=False):
                rows = table.num_rows
                columns = {
                    name: _text_column(table.column(at)) for at, name in enumerate(self.layout.columns)
                }
                yield Batch(
                    lines=np.arange(done + 1, done + rows + 1, dtype=np.uint32),
                    columns=columns,
                    faults=(),
                    bytes_read=self._length * (done + rows) // max(self._total, 1),
                )
                done += rows


@contextmanager
def _our_errors() -> Iterator[None]:
    """Whatever pyarrow makes of hostile bytes is one refusal."""
    try:
        yield
    except Refusal as refusal:
        if refusal.code == "segment.corrupt":  # how core calls a malformed footer
            raise _damaged() from None
        raise
    except (pa.ArrowException, OSError, ValueError, LookupError, OverflowError, TypeError) as broken:
        raise _damaged() from broken


def _check(file: BinaryIO, limits: Limits) -> int:
    """The number of rows, once the file's own description of itself keeps to the caps."""
    footer = read_footer(file)
    if footer.rows > limits.rows:
        raise TooLarge(f"The file has more than {limits.rows} rows.", code="csv.too_many_rows")
    if not footer.rows or sum(group.rows for group in footer.groups) != footer.rows:
        if footer.rows:
            raise _damaged()
        raise Invalid("The file names columns and has no rows.", code="csv.no_rows")
    for number in range(len(footer.groups)):
        _check_group(file, footer, number)
    return footer.rows


def _check_group(file: BinaryIO, footer: Footer, number: int) -> None:
    group = footer.groups[number]
    unfolded = 0
    if len(group.chunks) > MAX_COLUMNS:
        raise Invalid(f"The file has more than {MAX_COLUMNS} columns.", code="csv.too_many_columns")
    for chunk in group.chunks:
        pages = walk_pages(file, chunk.start, chunk.length)
        if pages.values != chunk.values or pages.values != group.rows:
            raise _damaged()
        if chunk.codec not in CODECS or (chunk.encodings | pages.encodings) - ENCODINGS:
            raise _damaged()
        unfolded += pages.unfolded_bytes
    if unfolded > GROUP_BYTES:
        raise TooLarge(
            f"A row group of the file unfolds to more than {GROUP_BYTES} bytes.",
            code="parquet.too_large",
            advice="Write it with smaller row groups, a million rows at most.",
        )


def _check_type(found: Any, name: str) -> None:
    """Hashes are texts or bytes, everything else is text; numbers are taken where numbers are meant."""
    is_hash = name == "hash" or name in HASH_TYPES
    fine = (
        _is_text(found)
        or pa.types.is_null(found)
        or (is_hash and _is_bytes(found))
        or (not is_hash and (pa.types.is_integer(found) or pa.types.is_floating(found)))
    )
    if not fine:
        raise Invalid(
            f"The column '{name}' is of a type that cannot be read here.",
            code="parquet.column_type",
            field=name,
            advice="Write hashes as text or bytes, quality as whole numbers, everything else as text.",
        )


def _is_text(found: Any) -> bool:
    if pa.types.is_dictionary(found):
        found = found.value_type
    return bool(pa.types.is_string(found) or pa.types.is_large_string(found))


def _is_bytes(found: Any) -> bool:
    return _is_loose_bytes(found) or bool(
        pa.types.is_fixed_size_binary(found) and found.byte_width <= CELL_BYTES
    )


def _is_loose_bytes(found: Any) -> bool:
    return bool(pa.types.is_binary(found) or pa.types.is_large_binary(found))


def _text_column(column: Any) -> TextColumn:
    """The column as text without nulls. Errors: Invalid `parquet.damaged`, `parquet.cell_too_long`."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        column.validate(full=True)
        _check_lengths(column.dictionary)
        column = _as_text(column.dictionary).take(column.indices)
    elif pa.types.is_floating(kind):
        column = _whole(column).cast(pa.string())
    else:
        column = _as_text(column)
    return pc.fill_null(column, _EMPTY) if column.null_count else column


def _as_text(values: Any) -> Any:
    if _is_bytes(values.type):
        return pa.array([None if value is None else value.hex() for value in values.to_pylist()], pa.string())
    return values.cast(pa.string())


def _whole(column: Any) -> Any:
    """Whole numbers, as pandas writes them where a column has gaps; others are left and fail as cells."""
    try:
        return column.cast(pa.int64())
    except pa.ArrowInvalid:
        return column


def _check_lengths(values: Any) -> None:
    lengths = numbers_of(pc.binary_length(values))
    if len(lengths) and int(lengths.max()) > CELL_BYTES:
        raise Invalid(
            f"A cell of the file is longer than {CELL_BYTES} bytes.",
            code="parquet.cell_too_long",
            advice="Each cell holds one hash, one name or one short reference.",
        )


def _damaged() -> Invalid:
    return Invalid(
        "This is not a Parquet file that can be read.",
        code="parquet.damaged",
        advice="Write it again with a current version of its writer, or send the list as CSV.",
    )
