"""Proofs that an entry is, or is not, in the state that a root stands for.

A proof is all rows of the entry's bucket and the path from its leaf to the root, so one form serves for
presence and absence. It shows the bucket's other entries: give it only to those who may read the list.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from accounts.errors import Corrupt
from hashsets.core.columns import Rows
from hashsets.core.keys import buckets_of, disorder, span
from hashsets.core.merkle import (
    DIGEST,
    MAX_BITS,
    Root,
    bits_of,
    bucket_of,
    leaf_of,
    levels_of,
    node_of,
    root_of_top,
)

__all__ = ["Proof", "prove", "verify_proof"]


@dataclass(frozen=True, slots=True, eq=False)
class Proof:
    """All rows of the bucket and the sibling of every node on the way up (32 bytes each, lowest first)."""

    bits: int
    bucket: int
    count: int
    rows: Rows
    path: tuple[bytes, ...]


def prove(leaves: bytes, count: int, bucket: int, rows: Rows) -> Proof:
    """The proof for every hash of `bucket`; `rows` are all of the bucket's, `count` the state's entries."""
    path = []
    at = bucket
    for level in levels_of(leaves)[:-1]:
        sibling = at ^ 1
        path.append(level[sibling * DIGEST : (sibling + 1) * DIGEST])
        at >>= 1
    return Proof(bits_of(leaves), bucket, count, rows, tuple(path))


def verify_proof(proof: Proof, root: Root, raw: bytes, item: int | None = None) -> bool:
    """True: the entry (any item when None) is in the state of `root`; False: it is not.

    Raises Corrupt `proof.invalid` when the proof does not lead to `root` or is about another bucket."""
    rows = proof.rows
    if not 0 <= proof.bits <= MAX_BITS or len(proof.path) != proof.bits or len(raw) != rows.width:
        raise _invalid()
    # (1) The proof is about this hash, and its rows are a bucket: in place, in order, each once.
    if (
        bucket_of(raw, proof.bits) != proof.bucket
        or (buckets_of(rows.hash, proof.bits) != proof.bucket).any()
    ):
        raise _invalid()
    if disorder(rows.hash, rows.item) >= 0:
        raise _invalid()
    # (2) The rows lead to the root, which binds the number of bits and of entries too.
    node, at = leaf_of(rows), proof.bucket
    for sibling in proof.path:
        pair = sibling + node if at & 1 else node + sibling
        node, at = node_of(pair), at >> 1
    if root_of_top(node, proof.bits, proof.count) != root:
        raise _invalid()
    # (3) Only now does it mean anything whether the entry is among them.
    start, _ = span(rows.hash, raw, None)
    same = (rows.hash[start:] == np.frombuffer(raw, np.uint8)).all(axis=1)
    return bool(same.any() if item is None else (same & (rows.item[start:] == item)).any())


def _invalid() -> Corrupt:
    return Corrupt("The proof does not lead to the state root.", code="proof.invalid")
