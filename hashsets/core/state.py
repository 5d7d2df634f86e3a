"""A list's state of one hash type: snapshot parts and the chain of deltas since, read as one sorted sequence.

Nothing is rewritten to apply a delta: it joins the chain after a strict check. What reads the state merges on the way,
row group by row group, so memory does not grow with the list.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hashsets.core.columns import Rows
from hashsets.core.hashtypes import HashType
from hashsets.core.segment import Segment

__all__ = ["State", "apply_delta", "touched_leaves"]


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """`parts` ascend and do not overlap; `deltas` are oldest first, each strict over all before it."""

    hash_type: HashType
    parts: tuple[Segment, ...] = ()
    deltas: tuple[Segment, ...] = ()

    @property
    def count(self) -> int:
        """Entries, from the facts (rows of the parts, plus additions, less removals)."""
        raise NotImplementedError

    def iter_batches(self) -> Iterator[Rows]:
        """Every entry, ascending; no batch is larger than a few row groups."""
        raise NotImplementedError

    def rows_between(self, low: bytes | None, high: bytes | None) -> Rows:
        """Entries with low <= hash < high."""
        raise NotImplementedError

    def rows_in_bucket(self, bits: int, bucket: int) -> Rows:
        raise NotImplementedError

    def rows_in_buckets(self, bits: int, buckets: Iterable[int]) -> Iterator[tuple[int, Rows]]:
        """Each bucket once, ascending; a row group is decoded once however many buckets it holds."""
        raise NotImplementedError

    def lookup(self, hashes: NDArray[np.uint8]) -> Rows:
        """All entries of these hashes (uint8[n, width], any order), ascending."""
        raise NotImplementedError

    def keys_of_items(self, items: NDArray[np.int64]) -> Rows:
        """Entries that belong to these items; reads every row (items are not indexed)."""
        raise NotImplementedError


def apply_delta(base: State, delta: Segment) -> State:
    """`base` with `delta` at the end of its chain. Refuses with Conflict `delta.add_present`, `delta.update_absent` or
    `delta.remove_absent` when the delta was not made for this state; nothing is changed then."""
    raise NotImplementedError


def touched_leaves(leaves: bytes, bits: int, after: State, delta: Segment) -> bytes:
    """The leaves of `after` from those before `delta`, reading only the buckets that it touched."""
    raise NotImplementedError
