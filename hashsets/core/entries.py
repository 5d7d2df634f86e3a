"""A submission's rows of one hash type, on their way from cells to a diff.

Intake decodes a column (`HashType.decode`), drops what is bad, and builds `Entries`; `sort` puts them into the order of
segments and finds what a submission says twice. Nothing here knows what the list holds already: that is `diff`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hashsets.core.columns import Rows
from hashsets.core.hashtypes import HashType
from hashsets.core.reasons import Problems

__all__ = ["Entries", "Sorted"]


@dataclass(frozen=True, slots=True, eq=False)
class Entries:
    """Rows of one hash type with the upload's line of each (uint32, from 1; 0 = none).

    `given` names the columns that the submission has, out of item, classification, quality, labels, source_ref. In
    `update`, a column that is not given keeps what the list says; a given one replaces it, and an empty cell clears it.
    Without "item" in `given`, `update` and `remove` address every entry of the hash, whatever its item.
    """

    hash_type: HashType
    rows: Rows
    lines: NDArray[np.uint32]
    given: frozenset[str] = frozenset({"item", "classification", "quality", "labels", "source_ref"})

    def __len__(self) -> int:
        return len(self.lines)

    def take(self, indices: NDArray[np.intp] | NDArray[np.bool_]) -> Entries:
        raise NotImplementedError

    def sort(self) -> Sorted:
        """In segment order, one row per key. Of rows with the same key and facts the first line stays and the others are
        counted; of rows that contradict it the first line stays and the others are problems `entry.contradictory`."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True, eq=False)
class Sorted:
    """`entries` ascending and unique by (hash, item); `repeated` counts identical lines that were dropped."""

    entries: Entries
    repeated: int
    problems: Problems
