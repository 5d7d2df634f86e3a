"""Proofs that an entry is, or is not, in the state that a root stands for: one bucket's rows and the path to the root."""

from __future__ import annotations

from dataclasses import dataclass

from hashsets.core.columns import Rows
from hashsets.core.merkle import Root

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
    raise NotImplementedError


def verify_proof(proof: Proof, root: Root, raw: bytes, item: int | None = None) -> bool:
    """True: the entry (any item when None) is in the state of `root`; False: it is not. Corrupt `proof.invalid` when the
    proof does not lead to `root` or is about another bucket."""
    raise NotImplementedError
