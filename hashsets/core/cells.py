"""From text cells to typed columns, a whole column at a time: what intake calls for every column beside the
hash.

Each function takes an Arrow string column (nulls and blank cells mean "empty") and returns the values with a
mask of the rows that could be read; the caller turns the others into problems with the reason that the
docstring names. Columns repeat few values (but for references), so most work is done once per distinct value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from hashsets.core.arrays import ArrowArray, Column, mask_array, mask_of, numbers_of, one_chunk, valid_of
from hashsets.core.columns import MAX_LABELS, MAX_QUALITY, MAX_TEXT_BYTES, NO_QUALITY, labels_array

__all__ = ["Cells", "classifications", "item_keys", "labels", "qualities", "source_refs"]

Values = TypeVar("Values")


@dataclass(frozen=True, slots=True, eq=False)
class Cells(Generic[Values]):
    """`values` has a row per cell (the empty value where `ok` is False)."""

    values: Values
    ok: NDArray[np.bool_]


def classifications(column: Column, codes: Mapping[str, int]) -> Cells[NDArray[np.uint8]]:
    """Label -> the list's code (case and surrounding space ignored); empty -> 0. Bad:
    `classification.unknown`."""
    known = {name.casefold(): code for name, code in codes.items()}
    return _numbers(column, lambda text: known.get(text.casefold()), 0)


def qualities(column: Column) -> Cells[NDArray[np.uint8]]:
    """Whole numbers 0..100; empty -> NO_QUALITY. Bad: `quality.unreadable`."""

    def read(text: str) -> int | None:
        if not (text.isascii() and text.isdecimal() and len(text) <= 3):
            return None
        return int(text) if int(text) <= MAX_QUALITY else None

    return _numbers(column, read, NO_QUALITY)


def labels(column: Column, codes: Mapping[str, int]) -> Cells[ArrowArray | None]:
    """Labels separated by semicolons -> ascending list<uint16>; None when all are empty. Bad:
    `labels.unreadable`."""
    known = {name.casefold(): code for name, code in codes.items()}

    def read(text: str) -> tuple[int, ...] | None:
        names = [name.strip() for name in text.split(";")]
        numbers = {known.get(name.casefold()) for name in names if name}
        if None in numbers or len(numbers) > MAX_LABELS:
            return None
        return tuple(sorted(number for number in numbers if number is not None))

    found, ok, rows = _distinct(column, read)
    sets = [(), *[value or () for value in found]]  # row -1 (empty) becomes set 0
    sizes = np.array([len(one) for one in sets], np.int32)[rows + 1]
    offsets = np.zeros(len(rows) + 1, np.int32)
    np.cumsum(sizes, out=offsets[1:])
    if not offsets[-1]:
        return Cells(None, ok)
    joined = [np.array(one, np.uint16) for one in sets]
    values = np.concatenate([joined[at] for at in (rows + 1).tolist() if len(joined[at])])
    return Cells(labels_array(offsets, values), ok)


def source_refs(column: Column) -> Cells[ArrowArray | None]:
    """Printable text of at most 200 UTF-8 bytes; None when all are empty. Bad: `source_ref.unreadable`."""
    texts = _trimmed(column)
    ok = _printable(texts)
    kept = _where(texts, ok & ~_blank(texts))
    return Cells(None if kept.null_count == len(kept) else kept, ok)


def item_keys(column: Column) -> Cells[list[str | None]]:
    """The publisher's item keys, None where empty, for `items.key_numbers`. Bad: `item.unreadable`."""
    texts = _trimmed(column)
    ok = _printable(texts)
    return Cells(_where(texts, ok & ~_blank(texts)).to_pylist(), ok)


def _numbers(column: Column, read: Callable[[str], int | None], empty: int) -> Cells[NDArray[np.uint8]]:
    found, ok, rows = _distinct(column, read)
    # Row -1 (an empty cell) takes the last place of the table.
    table = np.array([*[empty if value is None else value for value in found], empty], np.uint8)
    return Cells(table[rows], ok)


def _distinct(
    column: Column, read: Callable[[str], Any | None]
) -> tuple[list[Any | None], NDArray[np.bool_], NDArray[np.int64]]:
    """Each distinct text read once; which rows could be read; each row's distinct text, -1 for an empty
    cell."""
    encoded = _trimmed(column).dictionary_encode()
    texts = encoded.dictionary.cast(pa.binary()).to_pylist()
    found = [read(text.decode("utf-8", "replace")) if text else None for text in texts]
    blank = np.array([not text for text in texts] or [True])
    unreadable = np.array([value is None for value in found] or [False]) & ~blank
    index = numbers_of(encoded.indices).astype(np.int64)
    given = valid_of(encoded.indices)
    given &= ~blank[np.where(given, index, 0)]
    rows = np.where(given, index, -1)
    return found, ~(given & unreadable[np.where(given, index, 0)]), rows


def _trimmed(column: Column) -> ArrowArray:
    texts = one_chunk(column)
    if not pa.types.is_string(texts.type):
        texts = texts.cast(pa.string())
    return pc.utf8_trim(texts, " \t\r\n")


def _blank(texts: ArrowArray) -> NDArray[np.bool_]:
    empty: NDArray[np.bool_] = numbers_of(pc.binary_length(texts)) == 0
    return empty | ~valid_of(texts)


def _printable(texts: ArrowArray) -> NDArray[np.bool_]:
    """No control or format characters (nothing that changes how a line reads), and not too long."""
    short: NDArray[np.bool_] = numbers_of(pc.binary_length(texts)) <= MAX_TEXT_BYTES
    odd = pc.match_substring_regex(texts, r"[\p{C}\p{Zl}\p{Zp}]")
    return short & ~mask_of(odd)


def _where(texts: ArrowArray, keep: NDArray[np.bool_]) -> ArrowArray:
    """The texts, null where not to be kept."""
    return pc.if_else(mask_array(keep), texts, pa.nulls(len(texts), pa.string()))
