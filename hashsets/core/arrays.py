"""Between Arrow and numpy by way of buffers.

Arrow's own conversions import pandas wherever it is installed, for 1.6 s of CPU, to ask whether they were
given a pandas object; a command that syncs one list in a tenth of that should not pay it.
"""

from __future__ import annotations

from typing import Any, Final, TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

__all__ = [
    "ArrowArray",
    "Column",
    "Indices",
    "mask_array",
    "mask_of",
    "numbers_array",
    "numbers_of",
    "offsets_of",
    "one_chunk",
    "positions",
    "valid_of",
]

# The stubs of pyarrow give each array class a type of its own and few functions take them all.
ArrowArray: TypeAlias = Any
Column: TypeAlias = Any  # pa.Array or pa.ChunkedArray
Indices: TypeAlias = "NDArray[np.intp] | NDArray[np.int64] | NDArray[np.bool_]"

_WIDE_OFFSETS: Final = (pa.large_string(), pa.large_binary())


def numbers_array(values: NDArray[Any], null: NDArray[np.bool_] | None = None) -> ArrowArray:
    """A number column over the memory of `values`, null where `null` is True."""
    kind: Any = pa.from_numpy_dtype(values.dtype)
    valid = None if null is None or not null.any() else _bitmap(~null)
    octets: Any = np.ascontiguousarray(values)
    return pa.Array.from_buffers(kind, len(values), [valid, pa.py_buffer(octets)])


def numbers_of(column: ArrowArray, null: int = 0) -> NDArray[Any]:
    """The values of a number column, `null` where it is null; without a copy when nothing is null."""
    dtype = column.type.to_pandas_dtype()
    valid, data = column.buffers()
    if data is None or column.null_count == len(column):
        return np.full(len(column), null, dtype)
    values = np.frombuffer(data, dtype, len(column), column.offset * np.dtype(dtype).itemsize)
    return values if valid is None else np.where(valid_of(column), values, np.array(null, dtype))


def mask_array(mask: NDArray[np.bool_]) -> ArrowArray:
    return pa.Array.from_buffers(pa.bool_(), len(mask), [None, _bitmap(mask)])


def mask_of(column: ArrowArray) -> NDArray[np.bool_]:
    """A Boolean column; null counts as False."""
    return _bits(column, 1) & valid_of(column)


def valid_of(column: ArrowArray) -> NDArray[np.bool_]:
    """Which rows of a column are not null."""
    if column.null_count == len(column):
        return np.zeros(len(column), bool)
    return _bits(column, 0) if column.null_count else np.ones(len(column), bool)


def offsets_of(column: ArrowArray) -> NDArray[Any]:
    """The n + 1 offsets of a column of texts, octets or lists."""
    dtype = np.int64 if column.type in _WIDE_OFFSETS else np.int32
    buffer: Any = column.buffers()[1]
    if buffer is None or not buffer.size:
        return np.zeros(len(column) + 1, dtype)
    return np.frombuffer(buffer, dtype, len(column) + 1, column.offset * np.dtype(dtype).itemsize)


def one_chunk(column: Column) -> ArrowArray:
    if not isinstance(column, pa.ChunkedArray):
        return column
    if column.num_chunks == 1:
        return column.chunk(0)
    return pa.concat_arrays(column.chunks) if column.num_chunks else pa.nulls(0, column.type)


def positions(indices: Indices) -> ArrowArray:
    """Row numbers, or the rows where a mask is True, as Arrow's `take` wants them."""
    where = np.flatnonzero(indices) if indices.dtype == np.bool_ else indices
    return numbers_array(where.astype(np.int64, copy=False))


def _bits(column: ArrowArray, buffer: int) -> NDArray[np.bool_]:
    octets = np.frombuffer(column.buffers()[buffer], np.uint8)
    bits = np.unpackbits(octets, count=column.offset + len(column), bitorder="little")
    return bits[column.offset :].view(bool)


def _bitmap(mask: NDArray[np.bool_]) -> pa.Buffer:
    octets: Any = np.packbits(mask, bitorder="little")
    return pa.py_buffer(octets)
