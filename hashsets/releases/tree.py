"""The Merkle tree of one hash type, kept whole, so that a small release hashes paths and not the tree. Pure.

Stored form: every level from the leaves up to the top, 32 bytes a node, then the CRC-32 of all of them. It is
against damage: a wrong node would give a wrong root, and every member would then refuse an honest release.
"""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

import numpy as np

from hashsets.core.merkle import levels_of, root_of_top

DIGEST: Final = 32
CHECKSUM: Final = 4
MAX_STORED: Final = (64 << 24) + CHECKSUM
"""Of the largest tree there is (`merkle.MAX_BITS`)."""


@dataclass(frozen=True, slots=True)
class Tree:
    """`levels` from the leaves up; the last is the top node alone."""

    bits: int
    levels: tuple[bytes, ...]

    @classmethod
    def over(cls, leaves: bytes) -> Tree:
        """The tree of all these leaves: hashes every node."""
        levels = tuple(levels_of(leaves))
        return cls(len(levels) - 1, levels)

    @classmethod
    def parse(cls, stored: bytes, bits: int) -> Tree | None:
        """The tree that `to_bytes` wrote; None for anything else."""
        widths = [DIGEST << (bits - level) for level in range(bits + 1)]
        nodes, checksum = stored[:-CHECKSUM], stored[-CHECKSUM:]
        if len(nodes) != sum(widths) or _checksum(nodes) != checksum:
            return None
        ends = list(accumulate(widths))
        return cls(bits, tuple(nodes[end - width : end] for end, width in zip(ends, widths, strict=True)))

    @property
    def leaves(self) -> bytes:
        return self.levels[0]

    def root(self, count: int) -> str:
        """The type's root, for a state of `count` entries."""
        return root_of_top(self.levels[-1], self.bits, count)

    def with_leaves(self, leaves: bytes) -> Tree:
        """The tree over changed leaves: hashes only the nodes above those that differ."""
        before = np.frombuffer(self.leaves, np.uint64).reshape(-1, DIGEST // 8)
        after = np.frombuffer(leaves, np.uint64).reshape(-1, DIGEST // 8)
        changed = np.flatnonzero((before != after).any(axis=1))
        levels = [leaves]
        for above in self.levels[1:]:
            changed = np.unique(changed >> 1)
            below, level = levels[-1], bytearray(above)
            for node in changed.tolist():
                pair = below[node * 2 * DIGEST : (node + 1) * 2 * DIGEST]
                level[node * DIGEST : (node + 1) * DIGEST] = hashlib.sha256(b"\x01" + pair).digest()
            levels.append(bytes(level))
        return Tree(self.bits, tuple(levels))

    def to_bytes(self) -> bytes:
        nodes = b"".join(self.levels)
        return nodes + _checksum(nodes)


def _checksum(nodes: bytes) -> bytes:
    return zlib.crc32(nodes).to_bytes(CHECKSUM)
