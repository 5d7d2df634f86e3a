"""Hashes of innocent content, held against what is sent: equal, or near for perceptual hashes. Pure.

A random 256-bit hash falls within distance 31 of a given one with probability 2^-123, so a hit is never
chance: somebody has hashed a logo, an icon or a part of an operating system.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hashsets.core.hashtypes import HashType
from hashsets.core.keys import spans

__all__ = ["BenignCorpus", "RawHashes", "sorted_unique"]

RawHashes = NDArray[np.uint8]  # uint8[n, width]
NEAR: Final = 31  # bits of 256 that two PDQ hashes of one image may differ in
_ROWS: Final = 1 << 16


@dataclass(frozen=True, slots=True, eq=False)
class BenignCorpus:
    """By hash type, any number of sorted sets; most of them are memory-mapped files."""

    sets: Mapping[str, Sequence[RawHashes]] = field(default_factory=dict)

    def hits(self, kind: HashType, raw: RawHashes) -> NDArray[np.bool_]:
        """Which rows are hashes of innocent content."""
        found = np.zeros(len(raw), bool)
        for known in self.sets.get(kind.slug, ()):
            if len(known) and len(raw):
                found |= _near(known, raw) if kind.slug == "pdq" else _equal(known, raw)
        return found


def sorted_unique(rows: Iterable[bytes], width: int) -> RawHashes:
    """Raw hashes as a corpus keeps them."""
    return np.frombuffer(b"".join(sorted(set(rows))), np.uint8).reshape(-1, width)


def _equal(known: RawHashes, raw: RawHashes) -> NDArray[np.bool_]:
    start, stop = spans(known, raw)
    found: NDArray[np.bool_] = stop > start
    return found


def _near(known: RawHashes, raw: RawHashes) -> NDArray[np.bool_]:
    """Every pair is compared: an index that misses one pair in a hundred would be no guard."""
    found = np.zeros(len(raw), bool)
    words = np.ascontiguousarray(known).view(np.uint64)
    for start in range(0, len(raw), _ROWS):
        piece = np.ascontiguousarray(raw[start : start + _ROWS]).view(np.uint64)
        for one in words:
            found[start : start + len(piece)] |= np.bitwise_count(piece ^ one).sum(axis=1) <= NEAR
    return found
