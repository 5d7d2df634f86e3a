"""Ordering and finding keys (hash, item) with numpy, for hashes of any fixed width.

The first 8 bytes of a hash, read as a big-endian number, decide almost every comparison. Rows whose first 8
bytes agree (several items with one perceptual hash, or a hostile file) are compared in full as byte strings;
numpy compares fixed-width byte strings like memcmp, and ignoring trailing zero bytes does no harm at equal
widths.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "buckets_of",
    "disorder",
    "locate",
    "order",
    "prefixes",
    "same_key_as_before",
    "span",
    "spans",
    "successor",
]

RawHashes = NDArray[np.uint8]


def prefixes(raw: RawHashes) -> NDArray[np.uint64]:
    """The first 8 bytes of each hash as a number: ascending as the hashes do."""
    if raw.shape[1] < 8:
        raw = np.pad(raw, ((0, 0), (0, 8 - raw.shape[1])))
    return np.ascontiguousarray(raw[:, :8]).view(">u8").ravel().astype(np.uint64)


def buckets_of(raw: RawHashes, bits: int) -> NDArray[np.int64]:
    """The leading `bits` bits of each hash as a number."""
    if bits == 0:
        return np.zeros(len(raw), np.int64)
    return (prefixes(raw) >> np.uint64(64 - bits)).astype(np.int64)


def order(raw: RawHashes, item: NDArray[np.int64]) -> NDArray[np.intp] | None:
    """The permutation that sorts by (hash, item), equal keys in their given order; None when already
    sorted."""
    prefix = prefixes(raw)
    if _ascending(prefix):
        return None
    permutation = np.argsort(prefix)
    ranked = prefix[permutation]
    tied = ranked[1:] == ranked[:-1]
    if tied.any():
        unsure = np.zeros(len(ranked), bool)
        unsure[1:] |= tied
        unsure[:-1] |= tied
        rows = np.sort(permutation[unsure])
        # Ties of one prefix stand together in both orders, so sorting all of them at once puts each group
        # right.
        permutation[unsure] = rows[np.argsort(_whole(raw[rows], item[rows]), kind="stable")]
    return permutation


def disorder(raw: RawHashes, item: NDArray[np.int64]) -> int:
    """The first row that does not come strictly after the one before it; -1 when all ascend."""
    prefix = prefixes(raw)
    if _ascending(prefix):
        return -1
    suspects = np.flatnonzero(prefix[1:] <= prefix[:-1])
    before, after = _whole(raw[suspects], item[suspects]), _whole(raw[suspects + 1], item[suspects + 1])
    wrong = np.flatnonzero(before >= after)
    return int(suspects[wrong[0]]) + 1 if len(wrong) else -1


def same_key_as_before(raw: RawHashes, item: NDArray[np.int64]) -> NDArray[np.bool_]:
    """For sorted rows: whether each has the key of the row before it."""
    prefix = prefixes(raw)
    same = np.zeros(len(raw), bool)
    close = np.flatnonzero(prefix[1:] == prefix[:-1])
    if len(close):
        same[close + 1] = _whole(raw[close], item[close]) == _whole(raw[close + 1], item[close + 1])
    return same


def locate(
    base: RawHashes, base_item: NDArray[np.int64], wanted: RawHashes, wanted_item: NDArray[np.int64]
) -> NDArray[np.int64]:
    """The row of sorted unique `base` that holds each wanted key, or -1."""
    if not len(base) or not len(wanted):
        return np.full(len(wanted), -1, np.int64)
    have, want = prefixes(base), prefixes(wanted)
    at = np.searchsorted(have, want)
    np.minimum(at, len(base) - 1, out=at)
    found = (base_item[at] == wanted_item) & _equal_rows(base, at, wanted)
    # The key may stand further on in a run of equal prefixes; only those are searched in full.
    following = np.minimum(at + 1, len(base) - 1)
    unsure = np.flatnonzero(~found & (have[at] == want) & (have[following] == want) & (following != at))
    rows = np.where(found, at, -1)
    if len(unsure):
        whole, needle = _whole(base, base_item), _whole(wanted[unsure], wanted_item[unsure])
        spot = np.minimum(np.searchsorted(whole, needle), len(base) - 1)
        rows[unsure] = np.where(whole[spot] == needle, spot, -1)
    return rows.astype(np.int64, copy=False)


def insertion_points(
    base: RawHashes, base_item: NDArray[np.int64], new: RawHashes, new_item: NDArray[np.int64]
) -> NDArray[np.intp]:
    """Before which row of sorted `base` each new key (not in it) belongs."""
    have, want = prefixes(base), prefixes(new)
    at = np.searchsorted(have, want)
    unsure = np.flatnonzero(have[np.minimum(at, len(base) - 1)] == want)
    if len(unsure):
        at[unsure] = np.searchsorted(_whole(base, base_item), _whole(new[unsure], new_item[unsure]))
    return at


def spans(base: RawHashes, wanted: RawHashes) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """For each wanted hash the rows start..stop of sorted `base` that hold it, whatever their item."""
    whole, needles = _texts(base), _texts(wanted)
    start = np.searchsorted(whole, needles, side="left")
    return start, np.searchsorted(whole, needles, side="right")


def span(raw: RawHashes, low: bytes | None, high: bytes | None) -> tuple[int, int]:
    """The rows start..stop of sorted `raw` with low <= hash < high (None: unbounded)."""
    start, stop = 0, len(raw)
    if not stop:
        return 0, 0
    whole = _texts(raw)
    if low is not None:
        start = int(np.searchsorted(whole, np.array([low], whole.dtype))[0])
    if high is not None:
        stop = int(np.searchsorted(whole, np.array([high], whole.dtype))[0])
    return start, max(start, stop)


def successor(raw: bytes) -> bytes | None:
    """The next hash of the same width; None after the last."""
    number = int.from_bytes(raw) + 1
    return None if number >> (8 * len(raw)) else number.to_bytes(len(raw))


def _ascending(prefix: NDArray[np.uint64]) -> bool:
    return bool((prefix[1:] > prefix[:-1]).all())


def _texts(raw: RawHashes) -> NDArray[Any]:
    return np.ascontiguousarray(raw).view(f"S{raw.shape[1]}").ravel()


def _whole(raw: RawHashes, item: NDArray[np.int64]) -> NDArray[Any]:
    """hash || item as byte strings that compare like the key (items are never negative)."""
    return _texts(np.hstack([raw, item.astype(">i8").view(np.uint8).reshape(-1, 8)]))


def _equal_rows(base: RawHashes, at: NDArray[np.intp], wanted: RawHashes) -> NDArray[np.bool_]:
    word = np.uint64 if base.shape[1] % 8 == 0 else np.uint32 if base.shape[1] % 4 == 0 else np.uint8
    ours = np.ascontiguousarray(base).view(word)[at]
    theirs = np.ascontiguousarray(wanted).view(word)
    equal: NDArray[np.bool_] = ours[:, 0] == theirs[:, 0]
    for column in range(1, ours.shape[1]):
        equal &= ours[:, column] == theirs[:, column]
    return equal
