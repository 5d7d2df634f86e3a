"""The state root: one value that two parties compare to know that they hold the same entries."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from hashsets.core.columns import Rows

__all__ = [
    "BUCKET_ROWS",
    "MAX_BITS",
    "Root",
    "TypeRoot",
    "bits_for",
    "bucket_of",
    "leaf_of",
    "leaves_of",
    "list_root",
    "type_root",
    "update_leaves",
]

BUCKET_ROWS: Final = 1024
MAX_BITS: Final = 24
Root = str  # 64 lower-case hexadecimal characters


@dataclass(frozen=True, slots=True)
class TypeRoot:
    slug: str
    count: int
    root: Root


def bits_for(count: int) -> int:
    """k for a list of `count` entries: the least with at most 1,024 entries per bucket on average."""
    raise NotImplementedError


def bucket_of(raw: bytes, bits: int) -> int:
    """The bucket of a hash: its leading `bits` bits as a number."""
    raise NotImplementedError


def leaf_of(rows: Rows) -> bytes:
    """The 32-byte leaf of one bucket's rows (all of them, in order)."""
    raise NotImplementedError


def leaves_of(batches: Iterable[Rows], bits: int, width: int) -> bytes:
    """All 2**bits leaves, 32 bytes each, from ascending batches of a whole state."""
    raise NotImplementedError


def update_leaves(leaves: bytes, touched: Iterable[tuple[int, Rows]]) -> bytes:
    """`leaves` with those of `touched` buckets computed anew from their rows."""
    raise NotImplementedError


def type_root(leaves: bytes, count: int) -> Root:
    """The root of one hash type from its leaves and its number of entries."""
    raise NotImplementedError


def list_root(types: Iterable[TypeRoot]) -> Root:
    """R, the root of the whole list, over its types in order of slug."""
    raise NotImplementedError
