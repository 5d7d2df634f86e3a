"""What an approval is bound to: one digest over the operations of a submission, whatever files they are kept
in."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable, Mapping
from typing import Final

from hashsets.core.columns import Rows
from hashsets.core.layout import Layout
from hashsets.core.segment import ROW_GROUP
from hashsets.core.segment_writer import regroup

__all__ = ["operations_digest"]

COLUMNS: Final = ("hash", "item", "classification", "quality", "labels", "source_ref", "op")


def operations_digest(deltas: Mapping[str, Iterable[Rows]]) -> str:
    """SHA-256 (hex) over the operations per hash type slug.

    The same operations give the same digest whatever the file encoding, the batch sizes, and the release
    numbers in `added` and `changed`. Types without operations do not count. Layout: SHA-256 of "hash-exchange
    operations 1\\n", then per type, ascending by slug: length of slug (u8), slug, and for every 65,536 rows
    (the last block may be shorter) the digest of their layout (`layout`, tag 0x04, columns as in COLUMNS),
    then the number of rows (u64)."""
    digest = hashlib.sha256(b"hash-exchange operations 1\n")
    for slug in sorted(deltas):
        rows = 0
        blocks = []
        for block in regroup(deltas[slug], ROW_GROUP):
            blocks.append(Layout(block, COLUMNS).digest(b"\x04", 0, len(block)))
            rows += len(block)
        if rows:
            name = slug.encode("ascii")
            digest.update(struct.pack("<B", len(name)) + name + b"".join(blocks) + struct.pack("<Q", rows))
    return digest.hexdigest()
