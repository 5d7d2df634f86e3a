"""Sorting more rows than memory should hold: sorted runs on disk, merged by ranges of hashes.

A submission of 100 million rows would need 10 GB at once. Rows are collected up to a limit, sorted and
written to a scratch file (Arrow IPC, mapped into memory when read); at the end the ranges between evenly
spaced hashes are taken from all files and sorted again. Ranges follow the rows, not the bits, so clustered or
hostile hashes do not pile up in one of them (the rows of one hash stay together). Small submissions never
touch the disk.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from hashsets.core.arrays import numbers_array, numbers_of
from hashsets.core.columns import Rows
from hashsets.core.entries import Entries, Sorted
from hashsets.core.keys import order, span

__all__ = ["RUN_ROWS", "Runs"]

RUN_ROWS: Final = 4_000_000  # collected before a run is written: about 500 MB while it is sorted
BATCH_ROWS: Final = 65_536  # the grain at which ranges are cut
RANGES_PER_RUN: Final = 4  # a range read back is this part of what was collected before it was written


@dataclass(frozen=True, slots=True)
class _Run:
    """A scratch file and the lowest hash of each of its batches."""

    path: Path
    lows: list[bytes]


class Runs:
    """`add` entries of one type in any order and number, then take them sorted, once. `folder` is scratch
    space."""

    def __init__(self, folder: Path, *, run_rows: int = RUN_ROWS) -> None:
        self._folder, self._run_rows = folder, run_rows
        self._range_rows = run_rows // RANGES_PER_RUN
        self._batch_rows = min(BATCH_ROWS, self._range_rows)
        self._held: list[Entries] = []
        self._held_rows = 0
        self._runs: list[_Run] = []
        self._like: Entries | None = None  # no rows, but the hash type and the columns given

    def add(self, entries: Entries) -> None:
        if not len(entries):
            return
        self._held.append(entries)
        self._held_rows += len(entries)
        if self._held_rows >= self._run_rows:
            self._spill()

    def sorted(self) -> Iterator[Sorted]:
        """Sorted pieces with ascending, disjoint hashes, together all that was added."""
        if self._like is None:
            if self._held:
                held, self._held = Entries.concat(self._held), []
                yield held.sort()
            return
        if self._held:
            self._spill()
        lows = sorted(low for run in self._runs for low in run.lows)
        cuts = sorted(set(lows[:: self._range_rows // self._batch_rows]))[1:]
        files = [_Mapped(run) for run in self._runs]
        for low, high in zip([None, *cuts], [*cuts, None], strict=True):
            pieces = [piece for file in files for piece in file.between(low, high)]
            rows, lines = Rows.concat([rows for rows, _ in pieces]), [lines for _, lines in pieces]
            yield replace(self._like, rows=rows, lines=np.concatenate(lines)).sort()

    def close(self) -> None:
        """Remove the scratch files."""
        for run in self._runs:
            run.path.unlink(missing_ok=True)
        self._runs, self._held, self._held_rows = [], [], 0

    def _spill(self) -> None:
        entries = Entries.concat(self._held)
        self._held, self._held_rows = [], 0
        self._like = entries.slice(0, 0)
        permutation = order(entries.rows.hash, entries.rows.item)
        entries = entries if permutation is None else entries.take(permutation)
        path = self._folder / f"run-{len(self._runs)}.arrow"
        lows = []
        with pa.OSFile(str(path), "wb") as sink:
            writer: pa.RecordBatchFileWriter | None = None
            for start in range(0, len(entries), self._batch_rows):
                piece = entries.slice(start, start + self._batch_rows)
                batch = piece.rows.to_arrow().append_column("line", numbers_array(piece.lines))
                writer = writer or pa.RecordBatchFileWriter(sink, batch.schema)
                writer.write_batch(batch)
                lows.append(piece.rows.hash[0].tobytes())
            if writer is not None:
                writer.close()
        self._runs.append(_Run(path, lows))


class _Mapped:
    """A run read by ranges of hashes."""

    def __init__(self, run: _Run) -> None:
        self._lows = run.lows
        self._file = pa.ipc.open_file(pa.memory_map(str(run.path)))

    def between(self, low: bytes | None, high: bytes | None) -> Iterator[tuple[Rows, NDArray[np.uint32]]]:
        """Rows with low <= hash < high and their lines, batch by batch."""
        for number, lowest in enumerate(self._lows):
            following = self._lows[number + 1] if number + 1 < len(self._lows) else None
            if (high is not None and lowest >= high) or (low is not None and following and following < low):
                continue
            batch = self._file.get_batch(number)
            rows = Rows.from_arrow(batch)
            start, stop = span(rows.hash, low, high)
            if start < stop:
                yield rows.slice(start, stop), numbers_of(batch.column("line"))[start:stop]
