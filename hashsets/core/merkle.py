"""The state root: one value that two parties compare to know that they hold the same entries.

Everything needed to compute it elsewhere (all numbers little-endian, || is concatenation):

1. The entries of one hash type, ascending by (unsigned bytes of hash, item), are put into 2**k buckets by the
   leading k bits of the hash. k is in the manifest and changes only when a snapshot is written.
2. leaf[b] = SHA-256 of the bucket's rows in the layout of `layout`, tag 0x00, with the columns hash, item,
   classification, added, changed, quality, labels, source_ref. An empty bucket is laid out with n = 0.
3. A binary tree stands over the 2**k leaves in bucket order: node = SHA-256(0x01 || left || right). For k = 0
   the top is leaf[0].
4. type root = SHA-256(0x02 || "hash-exchange type 1\\n" || k (u8) || number of entries (u64) || top).
5. list root R = SHA-256(0x03 || "hash-exchange list 1\\n" || number of types (u32) || for each type,
   ascending by the ASCII bytes of its slug: length of slug (u8) || slug || number of entries (u64) || type
   root).

The first byte keeps leaf, node, type and list apart (as RFC 6962, section 2.1, does for leaves and nodes).
Roots are written as 64 lower-case hexadecimal characters.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, TypeAlias

import numpy as np

from accounts.errors import Invalid
from hashsets.core.columns import Rows
from hashsets.core.keys import buckets_of
from hashsets.core.layout import Layout

__all__ = [
    "BUCKET_ROWS",
    "MAX_BITS",
    "BucketRun",
    "Root",
    "TypeRoot",
    "bits_for",
    "bits_of",
    "bucket_of",
    "leaf_of",
    "leaves_of",
    "levels_of",
    "list_root",
    "node_of",
    "root_of_top",
    "type_root",
    "update_leaves",
]

BUCKET_ROWS: Final = 1024  # a changed entry costs hashing this many; a proof shows this many
MAX_BITS: Final = 24  # leaves are kept in one piece: 512 MB at 24 bits, enough for 17 billion entries
DIGEST: Final = 32
LEAF_COLUMNS: Final = (
    "hash",
    "item",
    "classification",
    "added",
    "changed",
    "quality",
    "labels",
    "source_ref",
)
# Rows of neighbouring buckets, and (bucket, start, stop) for each: all rows of a bucket are its rows
# start..stop.
BucketRun: TypeAlias = tuple[Rows, list[tuple[int, int, int]]]
Root: TypeAlias = str  # 64 lower-case hexadecimal characters


@dataclass(frozen=True, slots=True)
class TypeRoot:
    """What the list root covers of one hash type."""

    slug: str
    count: int
    root: Root


def bits_for(count: int) -> int:
    """k for a list of `count` entries: the least with at most 1,024 entries per bucket on average."""
    return min(MAX_BITS, max(0, -(-count // BUCKET_ROWS) - 1).bit_length())


def bucket_of(raw: bytes, bits: int) -> int:
    """The bucket of a hash: its leading `bits` bits as a number."""
    return int.from_bytes(raw[:4].ljust(4, b"\x00")) >> (32 - bits)


def leaf_of(rows: Rows) -> bytes:
    """The 32-byte leaf of one bucket's rows (all of them, in order)."""
    return Layout(rows, LEAF_COLUMNS).digest(b"\x00", 0, len(rows))


def leaves_of(batches: Iterable[Rows], bits: int, width: int) -> bytes:
    """All 2**bits leaves, 32 bytes each, from ascending batches of a whole state."""
    leaves = bytearray(leaf_of(Rows.empty(width)) * (1 << bits))
    open_rows: list[Rows] = []  # of the bucket that the next batch may continue
    open_bucket = -1
    for batch in batches:
        if not len(batch):
            continue
        buckets = buckets_of(batch.hash, bits)
        cuts = [0, *(np.flatnonzero(buckets[1:] != buckets[:-1]) + 1).tolist(), len(batch)]
        if int(buckets[0]) < open_bucket:
            raise Invalid("Entries must ascend by hash.", code="segment.unsorted")
        layout = Layout(batch, LEAF_COLUMNS)
        for start, stop in pairwise(cuts):
            bucket = int(buckets[start])
            if bucket != open_bucket:
                _close(leaves, open_bucket, open_rows)
                open_rows, open_bucket = [], bucket
            if stop < len(batch) and not open_rows:
                leaves[bucket * DIGEST : (bucket + 1) * DIGEST] = layout.digest(b"\x00", start, stop)
            else:
                open_rows.append(batch.slice(start, stop))
    _close(leaves, open_bucket, open_rows)
    return bytes(leaves)


def _close(leaves: bytearray, bucket: int, rows: list[Rows]) -> None:
    if rows:
        leaves[bucket * DIGEST : (bucket + 1) * DIGEST] = leaf_of(Rows.concat(rows))


def update_leaves(leaves: bytes, touched: Iterable[BucketRun]) -> bytes:
    """`leaves` with those of `touched` buckets computed anew from their rows."""
    fresh = bytearray(leaves)
    for rows, buckets in touched:
        layout = Layout(rows, LEAF_COLUMNS)
        for bucket, start, stop in buckets:
            fresh[bucket * DIGEST : (bucket + 1) * DIGEST] = layout.digest(b"\x00", start, stop)
    return bytes(fresh)


def bits_of(leaves: bytes) -> int:
    """The k that stored leaves were made with."""
    bits = max(0, (len(leaves) // DIGEST).bit_length() - 1)
    if len(leaves) != DIGEST << bits:
        raise Invalid("Merkle leaves are incomplete.", code="leaves.corrupt")
    return bits


def levels_of(leaves: bytes) -> list[bytes]:
    """The tree from the leaves up; the last level is the top node alone."""
    bits_of(leaves)
    levels = [leaves]
    sha256 = hashlib.sha256
    while len(levels[-1]) > DIGEST:
        level = memoryview(levels[-1])
        pairs = range(0, len(level), 2 * DIGEST)
        levels.append(b"".join([sha256(b"\x01" + level[at : at + 2 * DIGEST]).digest() for at in pairs]))
    return levels


def node_of(pair: bytes) -> bytes:
    """The node over two neighbours (64 bytes); `levels_of` says the same in one loop, for speed."""
    return hashlib.sha256(b"\x01" + pair).digest()


def type_root(leaves: bytes, count: int) -> Root:
    """The root of one hash type from its leaves and its number of entries."""
    return root_of_top(levels_of(leaves)[-1], bits_of(leaves), count)


def root_of_top(top: bytes, bits: int, count: int) -> Root:
    """Step 4 above."""
    return hashlib.sha256(b"\x02hash-exchange type 1\n" + struct.pack("<BQ", bits, count) + top).hexdigest()


def list_root(types: Iterable[TypeRoot]) -> Root:
    """R, the root of the whole list, over its types in order of slug."""
    ordered = sorted(types, key=lambda state: state.slug.encode())
    digest = hashlib.sha256(b"\x03hash-exchange list 1\n" + struct.pack("<I", len(ordered)))
    for state in ordered:
        slug = state.slug.encode("ascii")
        digest.update(struct.pack("<B", len(slug)) + slug + struct.pack("<Q", state.count))
        digest.update(bytes.fromhex(state.root))
    return digest.hexdigest()
