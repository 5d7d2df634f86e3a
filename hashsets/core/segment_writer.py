"""Writing segments: order is checked, the digest is taken on the way out, and parts are cut at row groups."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from accounts.errors import Invalid
from hashsets.core.columns import Rows, delta_schema, state_schema
from hashsets.core.hashtypes import HashType
from hashsets.core.keys import disorder
from hashsets.core.segment import (
    BOUND_CHARACTERS,
    PART_BYTES,
    ROW_GROUP,
    Kind,
    Segment,
    SegmentFacts,
    parquet_metadata,
)

__all__ = ["Written", "regroup", "write_delta", "write_snapshot"]

COMPRESSED: Final = ("item", "classification", "added", "changed", "quality", "source_ref", "op")
LABELS: Final = "labels.list.element"
FOOTER_PER_GROUP: Final = 4096  # bytes; measured 1.2 KB, of which the column statistics vary


@dataclass(frozen=True, slots=True)
class Written:
    """A file that was just written and closed (not fsynced: making it durable is the blob store's act)."""

    path: Path
    hash_type: HashType
    kind: Kind
    facts: SegmentFacts

    @property
    def segment(self) -> Segment:
        return Segment(self.hash_type, self.kind, self.path, self.facts)


def write_snapshot(hash_type: HashType, batches: Iterable[Rows], folder: Path) -> list[Written]:
    """Parts `p01.parquet`, `p02.parquet`, … in `folder` from ascending batches of any size. No rows: no
    parts. Raises Invalid `segment.unsorted` when rows do not ascend strictly."""
    written: list[Written] = []
    file: _File | None = None
    try:
        for group in _ordered(_groups(hash_type, batches)):
            if file is not None and not file.has_room(group):
                written.append(file.finish())
                file = None
            if file is None:
                file = _File(hash_type, Kind.FULL, folder / f"p{len(written) + 1:02d}.parquet")
            file.add(group)
        if file is not None:
            written.append(file.finish())
            file = None
    finally:
        if file is not None:
            file.abandon()
    return written


def write_delta(hash_type: HashType, batches: Iterable[Rows], path: Path) -> Written:
    """One delta file from ascending batches with `op` set; may be empty. Raises Invalid
    `segment.unsorted`."""
    file = _File(hash_type, Kind.DELTA, path)
    try:
        for group in _ordered(_groups(hash_type, batches)):
            file.add(group)
        return file.finish()
    except BaseException:
        file.abandon()
        raise


def regroup(batches: Iterable[Rows], size: int) -> Iterator[Rows]:
    """The same rows in batches of exactly `size`, the last one excepted."""
    pending: list[Rows] = []
    held = 0
    for batch in batches:
        start = 0
        while len(batch) - start >= size - held:
            pending.append(batch.slice(start, start + size - held))
            yield Rows.concat(pending)
            start += size - held
            pending, held = [], 0
        if start < len(batch):
            pending.append(batch.slice(start, len(batch)))
            held += len(batch) - start
    if pending:
        yield Rows.concat(pending)


def _groups(hash_type: HashType, batches: Iterable[Rows]) -> Iterator[Rows]:
    """Row groups; halved while one could fill a part by itself (long references)."""
    for group in regroup(batches, ROW_GROUP):
        if group.width != hash_type.bytes_wide:
            raise Invalid("These rows are of another hash type.", code="segment.type")
        pieces = -(-_bytes_at_most(group) // (PART_BYTES - 2 * FOOTER_PER_GROUP))
        step = -(-len(group) // pieces)
        for start in range(0, len(group), step):
            yield group.slice(start, min(start + step, len(group)))


def _ordered(groups: Iterable[Rows]) -> Iterator[Rows]:
    previous: Rows | None = None
    for group in groups:
        head = group.slice(0, 1)
        seam = previous is not None and disorder(
            np.concatenate([previous.hash[-1:], head.hash]), np.concatenate([previous.item[-1:], head.item])
        )
        if disorder(group.hash, group.item) >= 0 or (previous is not None and seam == 1):
            raise Invalid("Entries must ascend by hash and item, each once.", code="segment.unsorted")
        previous = group.slice(len(group) - 1, len(group))
        yield group


def _bytes_at_most(group: Rows) -> int:
    """What a row group can take in the file: hashes, and every other column uncompressed with its index."""
    fixed = group.width + 8 + 1 + 4 + 4 + 1 + 1
    text: int = sum(column.nbytes for column in (group.labels, group.source_ref) if column is not None)
    return len(group) * (fixed + 16) + text + FOOTER_PER_GROUP


class _Digest:
    """A file object for Arrow that counts and digests what passes, so that no file is read back."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.sha256 = hashlib.sha256()
        self.length = 0
        self.closed = False

    def write(self, chunk: Any) -> int:
        before = self.length
        self.file.write(chunk)
        self.sha256.update(chunk)
        self.length += memoryview(chunk).nbytes
        return self.length - before

    def tell(self) -> int:
        return self.length

    def flush(self) -> None:
        self.file.flush()

    def close(self) -> None:
        self.closed = True

    def writable(self) -> bool:
        return True

    def readable(self) -> bool:
        return False

    def seekable(self) -> bool:
        return False


class _File:
    """One Parquet file in the making."""

    def __init__(self, hash_type: HashType, kind: Kind, path: Path) -> None:
        self.hash_type, self.kind, self.path = hash_type, kind, path
        width = hash_type.bytes_wide
        schema = delta_schema(width) if kind is Kind.DELTA else state_schema(width)
        columns = [name for name in COMPRESSED if name != "op" or kind is Kind.DELTA] + [LABELS]
        self.raw = path.open("wb")
        self.sink = _Digest(self.raw)
        options: dict[str, Any] = {
            "version": "2.6",
            "compression": {"hash": "NONE"} | dict.fromkeys(columns, "ZSTD"),
            "use_dictionary": columns,
            "write_statistics": ["hash"],
            "store_schema": False,
        }
        sink: Any = self.sink
        self.writer = pq.ParquetWriter(pa.PythonFile(sink, mode="w"), schema, **options)
        self.writer.add_key_value_metadata(parquet_metadata(hash_type, kind))
        self.groups = self.rows = 0
        self.operations = np.zeros(4, np.int64)
        self.first = self.last = b""

    def has_room(self, group: Rows) -> bool:
        footer = FOOTER_PER_GROUP * (self.groups + 1)
        return self.sink.length + _bytes_at_most(group) + footer <= PART_BYTES

    def add(self, group: Rows) -> None:
        self.writer.write_table(pa.Table.from_batches([group.to_arrow()]), row_group_size=len(group))
        self.first = self.first or group.hash[0].tobytes()
        self.last = group.hash[-1].tobytes()
        self.groups += 1
        self.rows += len(group)
        if group.op is not None:
            self.operations += np.bincount(group.op, minlength=4)[:4]

    def finish(self) -> Written:
        self.writer.close()
        self.raw.close()
        _, adds, updates, removals = self.operations.tolist()
        facts = SegmentFacts(
            sha256=self.sink.sha256.hexdigest(),
            length=self.sink.length,
            rows=self.rows,
            first=self.first.hex()[:BOUND_CHARACTERS],
            last=self.last.hex()[:BOUND_CHARACTERS],
            adds=adds,
            updates=updates,
            removals=removals,
        )
        return Written(self.path, self.hash_type, self.kind, facts)

    def abandon(self) -> None:
        """Half a file is no file."""
        if not self.raw.closed:
            self.writer.close()
            self.raw.close()
            self.path.unlink(missing_ok=True)
