"""Segments: immutable Parquet files of sorted entries, readable by anybody's tools.

Parquet 2.6, row groups of at most 65,536 rows, `hash` plain and uncompressed with min/max statistics, all
other columns dictionary + zstd. Rows ascend by (unsigned bytes of hash, item) and are unique by it. A
snapshot ("full") is cut into parts of at most 16 MiB because stock TUF clients cannot resume a download; a
delta is one file. Writing is in `segment_writer`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from os import PathLike
from typing import Any, BinaryIO, Final, TypeAlias, cast

import pyarrow as pa
import pyarrow.parquet as pq

from accounts.errors import Corrupt
from hashsets.core.arrays import numbers_of, one_chunk
from hashsets.core.columns import Op, Rows
from hashsets.core.hashtypes import HashType
from hashsets.core.keys import span

__all__ = [
    "BOUND_CHARACTERS",
    "PART_BYTES",
    "ROW_GROUP",
    "Kind",
    "Segment",
    "SegmentFacts",
    "Source",
    "parquet_metadata",
]

ROW_GROUP: Final = (
    65_536  # rows; what one look-up decodes (about 3 ms), and what a bad download costs to repeat
)
PART_BYTES: Final = 16 * 1024 * 1024
BOUND_CHARACTERS: Final = 8
KEPT_GROUPS: Final = 2  # decoded row groups that a segment keeps: neighbouring reads share at most two
Source: TypeAlias = "str | PathLike[str] | BinaryIO"


class Kind(StrEnum):
    FULL = "full"
    DELTA = "delta"


def parquet_metadata(hash_type: HashType, kind: Kind) -> dict[str, str]:
    """What a file says about itself, so that a PDQ file is never taken for a SHA-256 one."""
    return {"hash-exchange": "1", "hash-exchange.type": hash_type.slug, "hash-exchange.kind": kind.value}


@dataclass(frozen=True, slots=True)
class SegmentFacts:
    """What a manifest says about a file. `first` and `last` are the first 8 hexadecimal characters of the
    lowest and the highest hash ("" when there are no rows): enough to skip a file, and no more than a page
    may show. adds + updates + removals == rows in a delta; all 0 in a snapshot part."""

    sha256: str
    length: int
    rows: int
    first: str
    last: str
    adds: int = 0
    updates: int = 0
    removals: int = 0


@dataclass(slots=True, eq=False)
class Segment:
    """A stored segment, verified when it was stored; opened on first use. Bytes from elsewhere: `foreign`.

    `facts` (from the manifest or a SQL row) let a reader skip a file without opening it; without them the
    footer is read, and for a delta the column `op`. Not safe for use by several threads at once.
    """

    hash_type: HashType
    kind: Kind
    source: Source
    facts: SegmentFacts | None = None
    _file: Any = field(default=None, repr=False)
    _bounds: list[tuple[bytes, bytes]] | None = field(default=None, repr=False)
    _groups: dict[int, Rows] = field(default_factory=dict, repr=False)

    @property
    def rows(self) -> int:
        return self.facts.rows if self.facts else int(self._opened().metadata.num_rows)

    @property
    def growth(self) -> int:
        """By how many entries the file changes a list: all rows of a part, additions less removals of a
        delta."""
        if self.kind is Kind.FULL:
            return self.rows
        if self.facts:
            return self.facts.adds - self.facts.removals
        column = self._opened().read(columns=["op"])["op"]
        op = numbers_of(one_chunk(column))
        return int((op == Op.ADD).sum()) - int((op == Op.REMOVE).sum())

    @property
    def first(self) -> bytes:
        """No hash of the file is lower; with facts this is a bound, not the lowest hash itself."""
        if self.facts:
            return bytes.fromhex(self.facts.first).ljust(self.hash_type.bytes_wide, b"\x00")
        return self.bounds()[0][0]

    @property
    def last(self) -> bytes:
        """No hash of the file is higher."""
        if self.facts:
            return bytes.fromhex(self.facts.last).ljust(self.hash_type.bytes_wide, b"\xff")
        return self.bounds()[-1][1]

    def bounds(self) -> list[tuple[bytes, bytes]]:
        """Lowest and highest hash of each row group, from the footer."""
        if self._bounds is None:
            metadata = self._opened().metadata
            found = []
            for number in range(metadata.num_row_groups):
                statistics = metadata.row_group(number).column(0).statistics
                if statistics is None or not statistics.has_min_max:
                    raise Corrupt("The segment has no bounds for its row groups.", code="segment.corrupt")
                found.append((statistics.min, statistics.max))
            self._bounds = found
        return self._bounds

    def read(self) -> Rows:
        """All rows."""
        pieces = list(self.batches())
        return Rows.concat(pieces) if pieces else self._nothing()

    def batches(self) -> Iterator[Rows]:
        """Row group by row group; nothing is kept."""
        for number in range(len(self.bounds())):
            yield self._decode(number)

    def between(self, low: bytes | None, high: bytes | None) -> Rows:
        """Rows with low <= hash < high (None: no bound), reading only the row groups that can hold them."""
        if not self.meets(low, high):
            return self._nothing()
        pieces = []
        for number, (smallest, largest) in enumerate(self.bounds()):
            if (low is not None and largest < low) or (high is not None and smallest >= high):
                continue
            rows = self._group(number)
            start, stop = span(rows.hash, low, high)
            if start < stop:
                pieces.append(rows.slice(start, stop))
        return Rows.concat(pieces) if pieces else self._nothing()

    def meets(self, low: bytes | None, high: bytes | None) -> bool:
        """Whether the file can hold a hash with low <= hash < high, from its facts or footer alone."""
        if not self.rows:
            return False
        return not ((low is not None and self.last < low) or (high is not None and self.first >= high))

    def release(self) -> None:
        """Forget decoded rows and close the file; the next use opens it again."""
        self._groups.clear()
        if self._file is not None:
            self._file.close()
            self._file = None

    def _group(self, number: int) -> Rows:
        rows = self._groups.pop(number, None)
        if rows is None:
            rows = self._decode(number)
        self._groups[number] = rows
        while len(self._groups) > KEPT_GROUPS:
            del self._groups[next(iter(self._groups))]
        return rows

    def _decode(self, number: int) -> Rows:
        try:
            return Rows.from_arrow(self._opened().read_row_group(number, use_threads=False))
        except (pa.ArrowException, OSError) as broken:
            raise Corrupt("A stored segment cannot be read.", code="segment.corrupt") from broken

    def _opened(self) -> Any:
        if self._file is None:
            try:
                self._file = pq.ParquetFile(cast("Any", self.source))
            except FileNotFoundError as missing:
                raise Corrupt("A stored segment is missing.", code="segment.missing") from missing
            except (pa.ArrowException, OSError) as broken:
                raise Corrupt("A stored segment cannot be read.", code="segment.corrupt") from broken
        return self._file

    def _nothing(self) -> Rows:
        return Rows.empty(self.hash_type.bytes_wide, delta=self.kind is Kind.DELTA)
