"""The columns of an entry, once: their order, their Arrow types, and `Rows`, the numpy view that all work is done on.

Arrow is used at the edges (files in, files out) and numpy in between: gathering 32-byte hashes by index costs 70 ns
a row in numpy and 2 us in pyarrow 26. The two columns of variable length stay Arrow arrays, and are `None` while every
row is empty, which is the usual case and then costs nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any, Final, TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

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

ArrowArray: TypeAlias = "pa.Array[Any]"

NO_QUALITY: Final = 255  # in `Rows.quality` and in Merkle leaves: the publisher gave no quality
MAX_QUALITY: Final = 100
MAX_LABELS: Final = 32  # per entry; a person cannot overlook more, and it bounds what a hostile file can unfold to
MAX_TEXT_BYTES: Final = 200  # `source_ref`, UTF-8 bytes: a reference, not a description
METADATA: Final = ("classification", "quality", "labels", "source_ref")  # what a publisher states about an entry


class Op(IntEnum):
    """What a delta row does to the entry with its key."""

    ADD = 1
    UPDATE = 2
    REMOVE = 3


def state_schema(width: int) -> pa.Schema:
    """The columns of a snapshot for hashes of `width` bytes."""
    return pa.schema(
        [
            pa.field("hash", pa.binary(width), nullable=False),
            pa.field("item", pa.int64(), nullable=False),
            pa.field("classification", pa.uint8(), nullable=False),
            pa.field("added", pa.uint32(), nullable=False),
            pa.field("changed", pa.uint32(), nullable=False),
            pa.field("quality", pa.uint8()),
            pa.field("labels", _label_list(), nullable=False),
            pa.field("source_ref", pa.string()),
        ]
    )


def delta_schema(width: int) -> pa.Schema:
    """The columns of a delta: a snapshot's, all but the key nullable (null on removal), then `op`."""
    fields = [
        field if field.name in ("hash", "item") else field.with_nullable(True) for field in state_schema(width)
    ]
    return pa.schema([*fields, pa.field("op", pa.uint8(), nullable=False)])


def _label_list() -> pa.DataType:
    return pa.list_(pa.field("element", pa.uint16(), nullable=False))


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Entries as columns of one length n; in a delta `op` says what each row does, in a state `op` is None.

    `hash` is uint8[n, width]. `quality` uses `NO_QUALITY` for null. `labels` (list<uint16>, ascending, no repeats)
    and `source_ref` (string) are None when no row has any. In removal rows all but key and op hold the empty value.
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
        **columns: Any,
    ) -> Rows:
        """Rows with these keys; columns that are not given hold the empty value."""
        raise NotImplementedError

    @classmethod
    def empty(cls, width: int, *, delta: bool = False) -> Rows:
        raise NotImplementedError

    @classmethod
    def from_arrow(cls, table: pa.Table | pa.RecordBatch) -> Rows:
        """From a snapshot's or a delta's columns; without copying where Arrow holds one chunk."""
        raise NotImplementedError

    @classmethod
    def concat(cls, pieces: Sequence[Rows]) -> Rows:
        raise NotImplementedError

    def __len__(self) -> int:
        return len(self.item)

    @property
    def width(self) -> int:
        return int(self.hash.shape[1])

    def take(self, indices: NDArray[np.intp] | NDArray[np.bool_]) -> Rows:
        raise NotImplementedError

    def slice(self, start: int, stop: int) -> Rows:
        """Rows start..stop without copying."""
        raise NotImplementedError

    def with_op(self, op: NDArray[np.uint8] | Op | None) -> Rows:
        raise NotImplementedError

    def released(self, *, added: int, changed: int) -> Rows:
        raise NotImplementedError

    def to_arrow(self) -> pa.RecordBatch:
        """With the schema of a snapshot, or of a delta when `op` is set (then metadata is null on removals)."""
        raise NotImplementedError


_ = replace
