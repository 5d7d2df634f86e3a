"""The columns of an entry, once: their order, their Arrow types, and `Rows`, the numpy view of them.

Arrow is used at the edges (files in, files out) and numpy in between: gathering 32-byte hashes by index costs
70 ns a row in numpy and 2 us in pyarrow 26. The two columns of variable length stay Arrow arrays, and are
`None` while every row is empty, which is the usual case and then costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from hashsets.core.arrays import (
    ArrowArray,
    Indices,
    mask_array,
    mask_of,
    numbers_array,
    numbers_of,
    offsets_of,
    one_chunk,
    positions,
    valid_of,
)

__all__ = [
    "MAX_LABELS",
    "MAX_QUALITY",
    "MAX_TEXT_BYTES",
    "METADATA",
    "NO_QUALITY",
    "Op",
    "Rows",
    "delta_schema",
    "state_schema",
]


NO_QUALITY: Final = 255  # in `Rows.quality` and in Merkle leaves: the publisher gave no quality
MAX_QUALITY: Final = 100
MAX_LABELS: Final = (
    32  # per entry; a person cannot overlook more, and it bounds what a hostile file can unfold to
)
MAX_TEXT_BYTES: Final = 200  # `source_ref`, UTF-8 bytes: a reference, not a description
KEY: Final = ("hash", "item")
METADATA: Final = (
    "classification",
    "quality",
    "labels",
    "source_ref",
)  # what a publisher states about an entry


class Op(IntEnum):
    """What a delta row does to the entry with its key."""

    ADD = 1
    UPDATE = 2
    REMOVE = 3


def state_schema(width: int) -> pa.Schema:
    """The columns of a snapshot for hashes of `width` bytes."""
    return pa.schema(_fields(width))


def delta_schema(width: int) -> pa.Schema:
    """The columns of a delta: a snapshot's, all but the key nullable (null on removal), then `op`."""
    fields = [field if field.name in KEY else field.with_nullable(True) for field in _fields(width)]
    return pa.schema([*fields, pa.field("op", pa.uint8(), nullable=False)])


def _fields(width: int) -> list[pa.Field[Any]]:
    return [
        pa.field("hash", pa.binary(width), nullable=False),
        pa.field("item", pa.int64(), nullable=False),
        pa.field("classification", pa.uint8(), nullable=False),
        pa.field("added", pa.uint32(), nullable=False),
        pa.field("changed", pa.uint32(), nullable=False),
        pa.field("quality", pa.uint8()),
        pa.field("labels", _label_list(), nullable=False),
        pa.field("source_ref", pa.string()),
    ]


def _label_list() -> Any:
    return pa.list_(pa.field("element", pa.uint16(), nullable=False))


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Entries as columns of one length n; in a delta `op` says what each row does, in a state `op` is None.

    `hash` is uint8[n, width]. `quality` uses `NO_QUALITY` for null. `labels` (list<uint16>, ascending, no
    repeats) and `source_ref` (string) are None when no row has any. In removal rows all but key and op hold
    the empty value. Arrays are shared, never written to.
    """

    hash: NDArray[np.uint8]
    item: NDArray[np.int64]
    classification: NDArray[np.uint8]
    added: NDArray[np.uint32]
    changed: NDArray[np.uint32]
    quality: NDArray[np.uint8]
    labels: ArrowArray | None = None
    source_ref: ArrowArray | None = None
    op: NDArray[np.uint8] | None = None

    @classmethod
    def keyed(
        cls,
        hash: NDArray[np.uint8],  # noqa: A002 - the column's name
        item: NDArray[np.int64] | None = None,
        *,
        classification: NDArray[np.uint8] | None = None,
        quality: NDArray[np.uint8] | None = None,
        labels: ArrowArray | None = None,
        source_ref: ArrowArray | None = None,
    ) -> Rows:
        """Rows with these keys; columns that are not given hold the empty value, release numbers are 0."""
        n = len(hash)
        return cls(
            hash=hash,
            item=np.zeros(n, np.int64) if item is None else item,
            classification=np.zeros(n, np.uint8) if classification is None else classification,
            added=np.zeros(n, np.uint32),
            changed=np.zeros(n, np.uint32),
            quality=np.full(n, NO_QUALITY, np.uint8) if quality is None else quality,
            labels=labels,
            source_ref=source_ref,
        )

    @classmethod
    def empty(cls, width: int, *, delta: bool = False) -> Rows:
        rows = cls.keyed(np.empty((0, width), np.uint8))
        return rows.with_op(np.empty(0, np.uint8)) if delta else rows

    @classmethod
    def from_arrow(cls, table: pa.Table | pa.RecordBatch) -> Rows:
        """From a snapshot's or a delta's columns; without copying where Arrow holds one chunk and no
        nulls."""
        columns = {name: one_chunk(table.column(name)) for name in table.schema.names}
        op = columns.get("op")
        return cls(
            hash=_hash_matrix(columns["hash"]),
            item=numbers_of(columns["item"]),
            classification=numbers_of(columns["classification"]),
            added=numbers_of(columns["added"]),
            changed=numbers_of(columns["changed"]),
            quality=numbers_of(columns["quality"], NO_QUALITY),
            labels=_labels_or_none(columns["labels"]),
            source_ref=_text_or_none(columns["source_ref"]),
            op=None if op is None else numbers_of(op),
        )

    @classmethod
    def concat(cls, pieces: Sequence[Rows]) -> Rows:
        """All of one width, and all with or all without `op`; at least one piece."""
        if len(pieces) == 1:
            return pieces[0]
        op = [piece.op for piece in pieces if piece.op is not None]
        return cls(
            hash=np.concatenate([piece.hash for piece in pieces]),
            item=np.concatenate([piece.item for piece in pieces]),
            classification=np.concatenate([piece.classification for piece in pieces]),
            added=np.concatenate([piece.added for piece in pieces]),
            changed=np.concatenate([piece.changed for piece in pieces]),
            quality=np.concatenate([piece.quality for piece in pieces]),
            labels=_joined([(len(piece), piece.labels) for piece in pieces], no_labels),
            source_ref=_joined([(len(piece), piece.source_ref) for piece in pieces], no_text),
            op=np.concatenate(op) if op else None,
        )

    def __len__(self) -> int:
        return len(self.item)

    @property
    def width(self) -> int:
        return int(self.hash.shape[1])

    def take(self, indices: Indices) -> Rows:
        """The rows at `indices`, or where a mask is True."""
        where = np.flatnonzero(indices) if indices.dtype == np.bool_ else indices
        arrow = None if self.labels is None and self.source_ref is None else positions(where)
        return Rows(
            hash=self.hash[where],
            item=self.item[where],
            classification=self.classification[where],
            added=self.added[where],
            changed=self.changed[where],
            quality=self.quality[where],
            labels=None if self.labels is None else _labels_or_none(self.labels.take(arrow)),
            source_ref=None if self.source_ref is None else _text_or_none(self.source_ref.take(arrow)),
            op=None if self.op is None else self.op[where],
        )

    def slice(self, start: int, stop: int) -> Rows:
        """Rows start..stop without copying."""
        cut = slice(start, stop)
        stop = min(stop, len(self))
        labels = None if self.labels is None else self.labels.slice(start, stop - start)
        source_ref = None if self.source_ref is None else self.source_ref.slice(start, stop - start)
        return Rows(
            hash=self.hash[cut],
            item=self.item[cut],
            classification=self.classification[cut],
            added=self.added[cut],
            changed=self.changed[cut],
            quality=self.quality[cut],
            labels=labels,
            source_ref=source_ref,
            op=None if self.op is None else self.op[cut],
        )

    def with_op(self, op: NDArray[np.uint8] | Op | None) -> Rows:
        """The same rows as operations, all alike or one by one; None: as a state's entries."""
        if isinstance(op, Op):
            op = np.full(len(self), op, np.uint8)
        return replace(self, op=op)

    def released(self, *, added: int | NDArray[np.uint32], changed: int) -> Rows:
        """The same rows with release numbers; `added` may differ from row to row (an update keeps its
        own)."""
        first = np.full(len(self), added, np.uint32) if isinstance(added, int) else added
        return replace(self, added=first, changed=np.full(len(self), changed, np.uint32))

    def as_removals(self) -> Rows:
        """Operations that remove the entries with these keys."""
        return Rows.keyed(self.hash, self.item).with_op(Op.REMOVE)

    def to_arrow(self) -> pa.RecordBatch:
        """With the schema of a snapshot, or of a delta when `op` is set (then metadata is null on
        removals)."""
        gone = None if self.op is None else self.op == Op.REMOVE
        columns: list[ArrowArray] = [
            hash_array(self.hash),
            numbers_array(self.item),
            numbers_array(self.classification, gone),
            numbers_array(self.added, gone),
            numbers_array(self.changed, gone),
            numbers_array(self.quality, self.quality == NO_QUALITY),
            _label_column(len(self) if self.labels is None else self.labels, gone),
            no_text(len(self)) if self.source_ref is None else self.source_ref,
        ]
        if self.op is None:
            return pa.RecordBatch.from_arrays(columns, schema=state_schema(self.width))
        return pa.RecordBatch.from_arrays([*columns, numbers_array(self.op)], schema=delta_schema(self.width))


def hash_array(raw: NDArray[np.uint8]) -> ArrowArray:
    """uint8[n, width] as a fixed-width binary column."""
    octets: Any = np.ascontiguousarray(raw)
    return pa.FixedSizeBinaryArray.from_buffers(
        pa.binary(raw.shape[1]), len(raw), [None, pa.py_buffer(octets)]
    )


def no_labels(n: int) -> ArrowArray:
    """n rows without labels."""
    return labels_array(np.zeros(n + 1, np.int32), np.empty(0, np.uint16))


def no_text(n: int) -> ArrowArray:
    """n rows without text."""
    return pa.nulls(n, pa.string())


def labels_array(offsets: NDArray[np.int32], values: NDArray[np.uint16]) -> ArrowArray:
    """Row i holds values[offsets[i]:offsets[i + 1]]."""
    return pa.ListArray.from_arrays(numbers_array(offsets), numbers_array(values), type=_label_list())


def label_bytes(labels: ArrowArray) -> ArrowArray:
    """Each row's labels as binary, little-endian uint16: comparable and hashable a column at a time."""
    offsets: Any = offsets_of(labels) * np.int32(2)
    values: Any = np.ascontiguousarray(numbers_of(labels.values).astype("<u2", copy=False))
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(values)]
    return pa.BinaryArray.from_buffers(pa.binary(), len(labels), buffers)


def same_facts(
    one: Rows, at: Indices, other: Rows, other_at: Indices, columns: Collection[str] = METADATA
) -> NDArray[np.bool_]:
    """Row by row of one[at] and other[other_at] (of one length), whether they state the same in `columns`."""
    same = np.ones(len(one.item[at]), bool)
    for name in columns:
        ours, theirs = getattr(one, name), getattr(other, name)
        if name in ("classification", "quality"):
            same &= ours[at] == theirs[other_at]
        elif ours is not None or theirs is not None:
            empty = no_labels if name == "labels" else no_text
            same &= _equal_text(
                _comparable(ours, len(one), at, empty), _comparable(theirs, len(other), other_at, empty)
            )
    return same


def _comparable(
    column: ArrowArray | None, n: int, at: Indices, empty: Callable[[int], ArrowArray]
) -> ArrowArray:
    """The rows `at` of labels or text as binary, null for no text."""
    if column is None:
        column = empty(n)
    octets = label_bytes(column) if hasattr(column, "values") else column.cast(pa.binary())
    return octets.take(positions(at))


def _equal_text(one: ArrowArray, other: ArrowArray) -> NDArray[np.bool_]:
    equal = mask_of(pc.equal(one, other))
    return equal if not (one.null_count or other.null_count) else equal | ~(valid_of(one) | valid_of(other))


def _hash_matrix(column: ArrowArray) -> NDArray[np.uint8]:
    width, n = column.type.byte_width, len(column)
    buffer = column.buffers()[1]
    if n == 0 or buffer is None:
        return np.empty((0, width), np.uint8)
    start = column.offset * width
    return np.frombuffer(buffer, np.uint8, n * width, start).reshape(n, width)


def _labels_or_none(column: Any) -> ArrowArray | None:
    offsets = offsets_of(column)
    if offsets[0] == offsets[-1]:
        return None
    # Null rows have no extent; without their bitmap all code downstream knows one kind of "no labels".
    return pa.ListArray.from_arrays(numbers_array(offsets), column.values, type=_label_list())


def _text_or_none(column: ArrowArray) -> ArrowArray | None:
    return None if column.null_count == len(column) else column


def _joined(
    pieces: Sequence[tuple[int, ArrowArray | None]], empty: Callable[[int], ArrowArray]
) -> ArrowArray | None:
    if all(column is None for _, column in pieces):
        return None
    return pa.concat_arrays([empty(n) if column is None else column for n, column in pieces])


def _label_column(labels: ArrowArray | int, gone: NDArray[np.bool_] | None) -> ArrowArray:
    column = no_labels(labels) if isinstance(labels, int) else labels
    if gone is None or not gone.any():
        return column
    lists: Any = column
    # Sliced offsets take no mask in pyarrow; seen through numpy they are no slice.
    offsets = numbers_array(offsets_of(lists))
    return pa.ListArray.from_arrays(offsets, lists.values, type=_label_list(), mask=mask_array(gone))
