"""A submission's rows of one hash type, on their way from cells to a diff.

Intake decodes a column (`HashType.decode`), drops what is bad, and builds `Entries`; `sort` puts them into
the order of segments and finds what a submission says twice. What the list holds already is no matter here:
see `diff`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from accounts.errors import Invalid
from hashsets.core.arrays import Indices
from hashsets.core.columns import METADATA, Rows, same_facts
from hashsets.core.hashtypes import HashType
from hashsets.core.keys import order, same_key_as_before
from hashsets.core.reasons import Problems

__all__ = ["Entries", "Sorted"]


@dataclass(frozen=True, slots=True, eq=False)
class Entries:
    """Rows of one hash type with the upload's line of each (uint32, from 1; 0 = none).

    `given` names the columns that the submission has, out of item and the metadata columns. In `update`, a
    column that is not given keeps what the list says; a given one replaces it, and an empty cell clears it.
    Without "item" in `given`, `update` and `remove` address every entry of the hash, whatever its item.
    """

    hash_type: HashType
    rows: Rows
    lines: NDArray[np.uint32]
    given: frozenset[str] = frozenset({"item", *METADATA})

    def __post_init__(self) -> None:
        if self.rows.width != self.hash_type.bytes_wide or len(self.rows) != len(self.lines):
            raise Invalid("Rows, lines and hash type do not belong together.", code="entries.mismatch")

    @classmethod
    def concat(cls, pieces: Sequence[Entries]) -> Entries:
        """Pieces of one submission and one hash type, in the order of its lines."""
        rows = Rows.concat([piece.rows for piece in pieces])
        lines = np.concatenate([piece.lines for piece in pieces])
        return replace(pieces[0], rows=rows, lines=lines)

    def __len__(self) -> int:
        return len(self.lines)

    def take(self, indices: Indices) -> Entries:
        return replace(self, rows=self.rows.take(indices), lines=self.lines[indices])

    def slice(self, start: int, stop: int) -> Entries:
        return replace(self, rows=self.rows.slice(start, stop), lines=self.lines[start:stop])

    def sort(self) -> Sorted:
        """In segment order, one row per key; of several rows with one key the first line stays.

        Later lines that say the same are counted; those that contradict it are problems
        `entry.contradictory`. The first stays rather than none, so that a contradiction in a whole-list
        replacement never reads as a removal of the entry."""
        permutation = order(self.rows.hash, self.rows.item)
        entries = self if permutation is None else self.take(permutation)
        again = same_key_as_before(entries.rows.hash, entries.rows.item)
        if not again.any():
            return Sorted(entries, 0, Problems.none())
        leader = np.maximum.accumulate(np.where(again, 0, np.arange(len(again))))
        later = np.flatnonzero(again)
        same = same_facts(entries.rows, later, entries.rows, leader[later])
        wrong = later[~same]
        problems = Problems.of(entries.lines[wrong], "entry.contradictory", entries.lines[leader[wrong]])
        return Sorted(entries.take(~again), int(same.sum()), problems)


@dataclass(frozen=True, slots=True, eq=False)
class Sorted:
    """`entries` ascending and unique by (hash, item); `repeated` counts identical lines that were dropped."""

    entries: Entries
    repeated: int
    problems: Problems
