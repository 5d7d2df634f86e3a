"""The one byte layout under every digest over rows: Merkle leaves and operation digests.

A block of n rows of hashes of w bytes, over an ordered choice of columns, is digested as SHA-256 of

    tag (1 byte) || w (u32) || n (u32) || for each column, the bytes in its block (u64) || the blocks

All numbers are little-endian. Blocks by column:

    hash            n x w bytes
    item            n x i64
    classification  n x u8
    added, changed  n x u32 each
    quality         n x u8, 255 for null
    labels          n x u16 (how many), then all codes in row order, u16 each
    source_ref      n x u32 (0 for null, else 1 + bytes of UTF-8), then all texts in row order
    op              n x u8 (1 add, 2 update, 3 remove)

A column other than hash in which all n rows hold the empty value (0, null, no labels) has a block of 0 bytes.
"""

from __future__ import annotations

import hashlib
import struct
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hashsets.core.arrays import ArrowArray, offsets_of, valid_of
from hashsets.core.columns import NO_QUALITY, Rows, label_bytes

__all__ = ["Layout"]

_LITTLE: Final = {
    "item": "<i8",
    "classification": "u1",
    "added": "<u4",
    "changed": "<u4",
    "quality": "u1",
    "op": "u1",
}


class Layout:
    """Rows laid out for digesting any run of them: prepared once, then a few slices per block."""

    def __init__(self, rows: Rows, columns: tuple[str, ...]) -> None:
        self.width = rows.width
        self.columns = [_column(rows, name) for name in columns]

    def digest(self, tag: bytes, start: int, stop: int) -> bytes:
        """The digest of rows start..stop as one block."""
        blocks = [column.block(start, stop) for column in self.columns]
        lengths = [sum(len(piece) for piece in block) for block in blocks]
        head = struct.pack(f"<cII{len(lengths)}Q", tag, self.width, stop - start, *lengths)
        digest = hashlib.sha256(head)
        for block in blocks:
            for piece in block:
                digest.update(piece)
        return digest.digest()


class _Fixed:
    """A column of fixed width; `some` tells which rows are not empty, None when all or none are (see
    `none`)."""

    def __init__(self, values: NDArray[Any], empty: int | None) -> None:
        self.size = values.itemsize * (values.shape[1] if values.ndim == 2 else 1)
        octets: Any = np.ascontiguousarray(values).reshape(-1).view(np.uint8)
        self.octets = memoryview(octets)
        self.none = False
        self.some: NDArray[np.bool_] | None = None
        if empty is not None:
            some = values != empty
            self.none = not some.any()
            self.some = None if self.none or some.all() else some

    def block(self, start: int, stop: int) -> list[memoryview]:
        if self.none or (self.some is not None and not self.some[start:stop].any()):
            return []
        return [self.octets[start * self.size : stop * self.size]]


class _Variable:
    """A column of variable width: each row's length as the layout writes it, and the octets of all rows."""

    def __init__(self, column: ArrowArray | None, rows: int) -> None:
        self.none = column is None
        if column is None:
            return
        if hasattr(column, "values"):  # labels
            column = label_bytes(column)
            self.offsets = offsets_of(column)
            lengths = (np.diff(self.offsets) // 2).astype("<u2")
        else:
            self.offsets = offsets_of(column)
            given = valid_of(column)
            lengths = ((np.diff(self.offsets) + 1) * given).astype("<u4")
        self.some = lengths != 0
        self.lengths = _Fixed(lengths, None)
        octets = column.buffers()[2]
        self.octets = memoryview(b"" if octets is None else octets)

    def block(self, start: int, stop: int) -> list[memoryview]:
        if self.none or not self.some[start:stop].any():
            return []
        return [*self.lengths.block(start, stop), self.octets[self.offsets[start] : self.offsets[stop]]]


def _column(rows: Rows, name: str) -> _Fixed | _Variable:
    if name == "hash":
        return _Fixed(rows.hash, None)
    if name in ("labels", "source_ref"):
        return _Variable(getattr(rows, name), len(rows))
    values = getattr(rows, name).astype(_LITTLE[name], copy=False)
    return _Fixed(values, NO_QUALITY if name == "quality" else 0)
