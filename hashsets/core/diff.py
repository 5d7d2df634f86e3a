"""What a submission would change: operations between a list's state and the rows sent, in one of four modes.

add      an entry that is there with the same facts is a counted no-op, with different facts a problem;
         columns that the submission does not have are not compared
update   an absent entry is a problem; a column that is not given keeps its value, an empty cell clears it
remove   an absent entry is counted; facts are ignored
replace  the submission is the whole list from now on; a column that it does not have is empty from now on

Work is proportional to the change for small submissions (only row groups that can hold a key are read) and a
streaming merge for large ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from accounts.errors import Invalid
from hashsets.core.columns import METADATA, Op, Rows, same_facts
from hashsets.core.entries import Entries
from hashsets.core.keys import locate, order, span, spans, successor
from hashsets.core.reasons import Problems
from hashsets.core.schemes import UNCLASSIFIED
from hashsets.core.state import State, expand

__all__ = ["Comparison", "DiffCounts", "Mode", "compare", "entries_of_items"]

PIECE_ROWS: Final = 1 << 18  # incoming rows that are compared at once: about 20 MB


class Mode(StrEnum):
    ADD = "add"
    UPDATE = "update"
    REMOVE = "remove"
    REPLACE = "replace"


@dataclass(frozen=True, slots=True)
class DiffCounts:
    """Operations, and rows that ask for nothing: `unchanged` (already so) and `absent` (to remove, but not
    there). `reclassified`: updates that take a classification away or give another one; to a member that
    filters by classification the entry may be gone."""

    adds: int = 0
    updates: int = 0
    removals: int = 0
    unchanged: int = 0
    absent: int = 0
    problems: int = 0
    reclassified: int = 0

    @property
    def operations(self) -> int:
        return self.adds + self.updates + self.removals


def compare(state: State, incoming: Entries | Iterable[Entries], mode: Mode, *, release: int) -> Comparison:
    """`incoming` is sorted and unique (`Entries.sort`), or several such runs with ascending, disjoint hashes.
    `release` is the number that new and changed rows will carry."""
    return Comparison(state, (incoming,) if isinstance(incoming, Entries) else incoming, mode, release)


def entries_of_items(state: State, items: NDArray[np.int64]) -> tuple[Entries, int]:
    """Removal by item: the entries of these items, to be compared in mode `remove`, and how many items have
    none."""
    rows = state.keys_of_items(items)
    missing = len(np.setdiff1d(items, rows.item))
    return Entries(state.hash_type, rows, np.zeros(len(rows), np.uint32)), missing


class Comparison:
    """A diff in progress: iterate `batches()` once (for example into `write_delta`), then read counts and
    problems."""

    def __init__(self, state: State, runs: Iterable[Entries], mode: Mode, release: int) -> None:
        self._state, self._runs, self._mode, self._release = state, runs, mode, release
        self._tally = dict.fromkeys(("unchanged", "absent", "reclassified"), 0)
        self._operations = np.zeros(4, np.int64)
        self._problems: list[Problems] = []

    @property
    def counts(self) -> DiffCounts:
        _, adds, updates, removals = self._operations.tolist()
        problems = sum(len(piece) for piece in self._problems)
        return DiffCounts(adds, updates, removals, **self._tally, problems=problems)

    @property
    def problems(self) -> Problems:
        return Problems.join(self._problems)

    def batches(self) -> Iterator[Rows]:
        """Delta rows with `op`, ascending."""
        for rows in self._replacing() if self._mode is Mode.REPLACE else self._keyed():
            if len(rows) and rows.op is not None:
                self._operations += np.bincount(rows.op, minlength=4)
                yield rows

    def _keyed(self) -> Iterator[Rows]:
        verb = {Mode.ADD: self._add, Mode.UPDATE: self._update, Mode.REMOVE: self._remove}[self._mode]
        for run in _ascending(self._runs):
            for stripe in self._state.stripes(run.rows.hash):
                for piece in _pieces(run.slice(stripe.start, stripe.stop)):
                    low, last = piece.rows.hash[0].tobytes(), piece.rows.hash[-1].tobytes()
                    yield verb(self._state.rows_between(low, successor(last)), piece)

    def _replacing(self) -> Iterator[Rows]:
        stream = _Stream(_ascending(self._runs))
        for stripe in self._state.stripes():
            base = self._state.rows_between(stripe.low, stripe.high)
            for piece in stream.below(stripe.high):
                # What the state has up to the last hash of the piece is compared with it, and then done with.
                _, stop = span(base.hash, None, successor(piece.rows.hash[-1].tobytes()))
                yield self._replace(base.slice(0, stop), piece)
                base = base.slice(stop, len(base))
            yield base.as_removals()

    def _add(self, base: Rows, piece: Entries) -> Rows:
        at = locate(base.hash, base.item, piece.rows.hash, piece.rows.item)
        there = np.flatnonzero(at >= 0)
        compared = [name for name in METADATA if name in piece.given]
        same = same_facts(base, at[there], piece.rows, there, compared)
        self._tally["unchanged"] += int(same.sum())
        self._problems.append(Problems.of(piece.lines[there[~same]], "entry.different"))
        return self._new(piece.rows.take(at < 0))

    def _update(self, base: Rows, piece: Entries) -> Rows:
        which, at = self._addressed(base, piece)
        absent = np.ones(len(piece), bool)
        absent[which] = False
        self._problems.append(Problems.of(piece.lines[absent], "entry.absent"))
        given = [name for name in METADATA if name in piece.given]
        differs = ~same_facts(base, at, piece.rows, which, given)
        self._tally["unchanged"] += int((~differs).sum())
        kept, stated = base.take(at[differs]), piece.rows.take(which[differs])
        if "classification" in given:
            self._note_reclassified(kept.classification, stated.classification)
        changed = replace(kept, **{name: getattr(stated, name) for name in given})
        return changed.released(added=kept.added, changed=self._release).with_op(Op.UPDATE)

    def _remove(self, base: Rows, piece: Entries) -> Rows:
        which, at = self._addressed(base, piece)
        self._tally["absent"] += len(piece) - len(np.unique(which))
        return base.take(at).as_removals()

    def _replace(self, base: Rows, piece: Entries) -> Rows:
        at = locate(base.hash, base.item, piece.rows.hash, piece.rows.item)
        there = np.flatnonzero(at >= 0)
        same = same_facts(base, at[there], piece.rows, there)
        self._tally["unchanged"] += int(same.sum())
        differing = there[~same]
        gone = np.ones(len(base), bool)
        gone[at[there]] = False
        stated, before = piece.rows.take(differing), at[differing]
        self._note_reclassified(base.classification[before], stated.classification)
        updates = stated.released(added=base.added[before], changed=self._release)
        new = piece.rows if not len(there) else piece.rows.take(at < 0)
        parts = [self._new(new), updates.with_op(Op.UPDATE), base.take(gone).as_removals()]
        joined = Rows.concat([part for part in parts if len(part)] or parts[:1])
        permutation = order(joined.hash, joined.item)
        return joined if permutation is None else joined.take(permutation)

    def _note_reclassified(self, before: NDArray[np.uint8], after: NDArray[np.uint8]) -> None:
        self._tally["reclassified"] += int(np.count_nonzero((before != UNCLASSIFIED) & (before != after)))

    def _new(self, rows: Rows) -> Rows:
        return rows.released(added=self._release, changed=self._release).with_op(Op.ADD)

    def _addressed(self, base: Rows, piece: Entries) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Pairs (row of the piece, row of the base): by key, or by hash alone when the piece has no items."""
        if "item" not in piece.given:
            return expand(*spans(base.hash, piece.rows.hash))
        at = locate(base.hash, base.item, piece.rows.hash, piece.rows.item)
        there = np.flatnonzero(at >= 0)
        return there, at[there]


class _Stream:
    """Runs of incoming rows, taken off the front up to a hash."""

    def __init__(self, runs: Iterator[Entries]) -> None:
        self._runs = runs
        self._run: Entries | None = next(runs, None)

    def below(self, high: bytes | None) -> Iterator[Entries]:
        while self._run is not None:
            _, stop = span(self._run.rows.hash, None, high)
            yield from _pieces(self._run.slice(0, stop))
            if stop < len(self._run):
                self._run = self._run.slice(stop, len(self._run))
                return
            self._run = next(self._runs, None)


def _pieces(run: Entries) -> Iterator[Entries]:
    """Slices of at most PIECE_ROWS (more only where one hash has more), never parting the entries of one
    hash."""
    start = 0
    while start < len(run):
        stop = min(start + PIECE_ROWS, len(run))
        if stop < len(run):
            _, stop = span(run.rows.hash, None, successor(run.rows.hash[stop - 1].tobytes()))
        yield run.slice(start, stop)
        start = stop


def _ascending(runs: Iterable[Entries]) -> Iterator[Entries]:
    last = b""
    for run in runs:
        if not len(run):
            continue
        if run.rows.hash[0].tobytes() <= last:
            raise Invalid("Runs of rows must ascend and not share a hash.", code="entries.unsorted")
        last = run.rows.hash[-1].tobytes()
        yield run
