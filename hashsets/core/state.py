"""A list's state of one hash type: snapshot parts and the chain of deltas since, read as one sorted sequence.

Nothing is rewritten to apply a delta: it joins the chain after a strict check. What reads the state merges on
the way, a stripe of a row group at a time, so memory does not grow with the list and a look-up decodes one
row group.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from accounts.errors import Conflict
from hashsets.core.columns import Op, Rows
from hashsets.core.hashtypes import HashType
from hashsets.core.keys import (
    buckets_of,
    insertion_points,
    locate,
    order,
    same_key_as_before,
    span,
    spans,
    successor,
)
from hashsets.core.merkle import BucketRun, update_leaves
from hashsets.core.segment import ROW_GROUP, Kind, Segment

__all__ = ["State", "Stripe", "apply_delta", "merge", "overlay", "touched_leaves"]


class Stripe(NamedTuple):
    """Hashes from `low` to below `high` (None: unbounded); start..stop are the wanted hashes within."""

    low: bytes | None
    high: bytes | None
    start: int
    stop: int


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """`parts` ascend and do not overlap in keys; `deltas` are oldest first, each strict over all before
    it."""

    hash_type: HashType
    parts: tuple[Segment, ...] = ()
    deltas: tuple[Segment, ...] = ()

    @property
    def count(self) -> int:
        """Entries, from the facts: rows of the parts, plus additions, less removals."""
        return sum(segment.growth for segment in (*self.parts, *self.deltas))

    def iter_batches(self) -> Iterator[Rows]:
        """Every entry, ascending; no batch is larger than a few row groups."""
        for stripe in self.stripes():
            rows = self.rows_between(stripe.low, stripe.high)
            if len(rows):
                yield rows

    def rows_between(self, low: bytes | None, high: bytes | None) -> Rows:
        """Entries with low <= hash < high."""
        pieces = [part.between(low, high) for part in self.parts if part.meets(low, high)]
        base = Rows.concat(pieces) if pieces else Rows.empty(self.hash_type.bytes_wide)
        changes = [delta.between(low, high) for delta in self.deltas if delta.meets(low, high)]
        return merge(base, overlay(changes)) if changes else base

    def rows_in_bucket(self, bits: int, bucket: int) -> Rows:
        """Entries whose leading `bits` bits are `bucket`."""
        return self.rows_between(*self._bucket_bounds(bits, bucket))

    def rows_in_buckets(self, bits: int, buckets: Iterable[int]) -> Iterator[BucketRun]:
        """The rows of each of these buckets, ascending; a row group is decoded once however many it holds."""
        wanted = sorted(set(buckets))
        width = self.hash_type.bytes_wide
        lows = b"".join(self._bucket_bounds(bits, bucket)[0] or bytes(width) for bucket in wanted)
        for stripe in self.stripes(np.frombuffer(lows, np.uint8).reshape(-1, width)):
            here = wanted[stripe.start : stripe.stop]
            low, high = self._bucket_bounds(bits, here[0])[0], self._bucket_bounds(bits, here[-1])[1]
            rows = self.rows_between(low, high)
            found = buckets_of(rows.hash, bits)
            starts = np.searchsorted(found, here, "left").tolist()
            stops = np.searchsorted(found, here, "right").tolist()
            yield rows, list(zip(here, starts, stops, strict=True))

    def lookup(self, hashes: NDArray[np.uint8]) -> Rows:
        """All entries of these hashes (uint8[n, width], any order), ascending."""
        permutation = order(hashes, np.zeros(len(hashes), np.int64))
        wanted = hashes if permutation is None else hashes[permutation]
        wanted = wanted[~same_key_as_before(wanted, np.zeros(len(wanted), np.int64))]
        found = []
        for stripe in self.stripes(wanted):
            here = wanted[stripe.start : stripe.stop]
            rows = self.rows_between(here[0].tobytes(), successor(here[-1].tobytes()))
            _, indices = expand(*spans(rows.hash, here))
            found.append(rows.take(indices))
        return Rows.concat(found) if found else Rows.empty(self.hash_type.bytes_wide)

    def keys_of_items(self, items: NDArray[np.int64]) -> Rows:
        """Entries that belong to these items; reads every row (items are not indexed)."""
        ranked = np.unique(items)
        found = [rows.take(np.isin(rows.item, ranked)) for rows in self.iter_batches()] if len(ranked) else []
        return Rows.concat(found) if found else Rows.empty(self.hash_type.bytes_wide)

    def stripes(self, wanted: NDArray[np.uint8] | None = None) -> Iterator[Stripe]:
        """The hash space cut at row groups, ascending: all of it, or the stripes that hold sorted `wanted`
        hashes.

        A part is opened when its first stripe is reached and let go after its last."""
        parts = [part for part in self.parts if part.rows]
        large = [delta for delta in self.deltas if delta.rows > ROW_GROUP]
        outer = [None, *sorted({part.first for part in parts[1:]}), None]
        for low, high in pairwise(outer):
            if wanted is not None and _is_empty(span(wanted, low, high)):
                continue
            inside = [segment for segment in (*parts, *large) if segment.meets(low, high)]
            cuts = {smallest for segment in inside for smallest, _ in segment.bounds()}
            inner = sorted(cut for cut in cuts if (low is None or cut > low) and (high is None or cut < high))
            # The lowest cut of all is the first entry: nothing stands before it that deserves a stripe.
            edges = [low, *(inner[1:] if low is None else inner), high]
            for start, stop in pairwise(edges):
                within = (0, 0) if wanted is None else span(wanted, start, stop)
                if wanted is None or not _is_empty(within):
                    yield Stripe(start, stop, *within)
            for part in parts:
                if part.meets(low, high):
                    part.release()

    def release(self) -> None:
        """Close all files and forget decoded rows."""
        for segment in (*self.parts, *self.deltas):
            segment.release()

    def _bucket_bounds(self, bits: int, bucket: int) -> tuple[bytes | None, bytes | None]:
        width = self.hash_type.bytes_wide
        low = (bucket << (8 * width - bits)).to_bytes(width) if bucket else None
        high = ((bucket + 1) << (8 * width - bits)).to_bytes(width) if bucket + 1 < 1 << bits else None
        return low, high


def overlay(changes: Sequence[Rows]) -> Rows:
    """Deltas of one chain, oldest first, as one: of several operations on a key the last one counts."""
    if len(changes) == 1:
        return changes[0]
    joined = Rows.concat(changes)
    permutation = order(joined.hash, joined.item)
    if permutation is not None:
        joined = joined.take(permutation)
    again = same_key_as_before(joined.hash, joined.item)
    if not again.any():
        return joined
    return joined.take(np.append(~again[1:], True))


def merge(base: Rows, changes: Rows) -> Rows:
    """A state's rows with operations applied: what is added or updated replaces, what is removed goes."""
    if not len(changes) or changes.op is None:
        return base
    puts = changes.op != Op.REMOVE
    if not len(base):
        return (changes if puts.all() else changes.take(puts)).with_op(None)
    at = locate(base.hash, base.item, changes.hash, changes.item)
    # `source` says where each row of the result comes from: base rows by number, changes after them, -1 for
    # none.
    source = np.arange(len(base))
    there = at >= 0
    source[at[there]] = np.where(puts[there], len(base) + np.flatnonzero(there), -1)
    new = np.flatnonzero(puts & ~there)
    if len(new):
        before = insertion_points(base.hash, base.item, changes.hash[new], changes.item[new])
        source = np.insert(source, before, len(base) + new)
    return Rows.concat([base.with_op(None), changes.with_op(None)]).take(source[source >= 0])


def expand(start: NDArray[np.int64], stop: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Ranges as index pairs: for each row of each range, which range it is of and the row."""
    counts = stop - start
    which = np.repeat(np.arange(len(counts)), counts)
    ahead = np.repeat(np.cumsum(counts) - counts, counts)
    return which, np.arange(len(which)) - ahead + start[which]


def apply_delta(base: State, delta: Segment) -> State:
    """`base` with `delta` at the end of its chain.

    Refuses with Conflict `delta.add_present`, `delta.update_absent` or `delta.remove_absent` when the delta
    was not made for this state; nothing is changed then."""
    if delta.kind is not Kind.DELTA or delta.hash_type != base.hash_type:
        raise Conflict("This delta is of another kind or hash type.", code="delta.type")
    for changes in delta.batches():
        for stripe in base.stripes(changes.hash):
            here = changes.slice(stripe.start, stripe.stop)
            rows = base.rows_between(here.hash[0].tobytes(), successor(here.hash[-1].tobytes()))
            _check_strict(locate(rows.hash, rows.item, here.hash, here.item) >= 0, here.op)
    return State(base.hash_type, base.parts, (*base.deltas, delta))


def _check_strict(present: NDArray[np.bool_], op: NDArray[np.uint8] | None) -> None:
    if (present & (op == Op.ADD)).any():
        raise Conflict("The delta adds an entry that is there already.", code="delta.add_present")
    if (~present & (op == Op.UPDATE)).any():
        raise Conflict("The delta updates an entry that is not there.", code="delta.update_absent")
    if (~present & (op == Op.REMOVE)).any():
        raise Conflict("The delta removes an entry that is not there.", code="delta.remove_absent")


def touched_leaves(leaves: bytes, bits: int, after: State, delta: Segment) -> bytes:
    """The leaves of `after` from those before `delta`, reading only the buckets that it touched."""
    buckets = [np.unique(buckets_of(changes.hash, bits)) for changes in delta.batches()]
    touched = np.unique(np.concatenate(buckets)).tolist() if buckets else []
    return update_leaves(leaves, after.rows_in_buckets(bits, touched))


def _is_empty(within: tuple[int, int]) -> bool:
    return within[0] == within[1]
