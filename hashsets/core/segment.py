"""Segments: immutable Parquet files of sorted entries, readable by anybody's tools.

Parquet 2.6, row groups of at most 65,536 rows, `hash` plain and uncompressed with min/max statistics, all other columns
dictionary + zstd. Rows ascend by (unsigned bytes of hash, item) and are unique by it. A snapshot ("full") is cut into parts
of at most 16 MiB because stock TUF clients cannot resume a download; a delta is one file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from os import PathLike
from pathlib import Path
from typing import BinaryIO, Final, TypeAlias

from hashsets.core.columns import Rows
from hashsets.core.hashtypes import HashType

__all__ = [
    "PART_BYTES",
    "ROW_GROUP",
    "Kind",
    "Segment",
    "SegmentFacts",
    "Written",
    "write_delta",
    "write_snapshot",
]

ROW_GROUP: Final = 65_536
PART_BYTES: Final = 16 * 1024 * 1024
Source: TypeAlias = "str | PathLike[str] | BinaryIO"


class Kind(StrEnum):
    FULL = "full"
    DELTA = "delta"


@dataclass(frozen=True, slots=True)
class SegmentFacts:
    """What a manifest says about a file. `first` and `last` are the lowest and highest hash, lower-case hexadecimal
    ("" when there are no rows). adds + updates + removals == rows in a delta; all 0 in a snapshot part."""

    sha256: str
    length: int
    rows: int
    first: str
    last: str
    adds: int = 0
    updates: int = 0
    removals: int = 0


@dataclass(frozen=True, slots=True)
class Written:
    """A file that was just written, complete and flushed to the system (not fsynced: the blob store does that)."""

    path: Path
    facts: SegmentFacts


def write_snapshot(hash_type: HashType, batches: Iterable[Rows], folder: Path) -> list[Written]:
    """Parts `p01.parquet`, `p02.parquet`, ... in `folder` from ascending batches of any size. No rows: no parts.
    Raises Invalid `segment.unsorted` when rows do not ascend strictly."""
    raise NotImplementedError


def write_delta(hash_type: HashType, batches: Iterable[Rows], path: Path) -> Written:
    """One delta file from ascending batches with `op` set; may be empty."""
    raise NotImplementedError


@dataclass(slots=True, eq=False)
class Segment:
    """A stored segment that was verified when it was stored; opened on first use. For bytes from elsewhere: `foreign.check`.

    `facts` (from the manifest or SQL row) let a reader skip a file without opening it; without them the footer is read.
    """

    hash_type: HashType
    kind: Kind
    source: Source
    facts: SegmentFacts | None = None
    _cache: dict[int, Rows] = field(default_factory=dict, repr=False)

    @property
    def rows(self) -> int:
        raise NotImplementedError

    @property
    def first(self) -> bytes:
        """Lowest hash, b"" when empty."""
        raise NotImplementedError

    @property
    def last(self) -> bytes:
        raise NotImplementedError

    def read(self) -> Rows:
        """All rows."""
        raise NotImplementedError

    def batches(self) -> Iterator[Rows]:
        """Row group by row group."""
        raise NotImplementedError

    def between(self, low: bytes | None, high: bytes | None) -> Rows:
        """Rows with low <= hash < high (None: no bound), reading only the row groups that can hold them."""
        raise NotImplementedError

    def close(self) -> None:
        raise NotImplementedError
