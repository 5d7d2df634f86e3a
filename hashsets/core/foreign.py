"""Strict reading of segment bytes that someone else wrote: raises our errors only, and never unfolds a bomb.

433 KB of Parquet can decode to 12.8 GB, so the footer and every page header are held against caps before a value is decoded.
"""

from __future__ import annotations

from dataclasses import dataclass

from hashsets.core.hashtypes import HashType
from hashsets.core.segment import Kind, SegmentFacts, Source

__all__ = ["Caps", "check_segment"]


@dataclass(frozen=True, slots=True)
class Caps:
    """What a segment may cost its reader: rows in the file, and bytes after decoding."""

    rows: int = 200_000_000
    decoded_bytes: int = 64 * 1024**3


def check_segment(
    source: Source,
    hash_type: HashType,
    kind: Kind,
    *,
    expected: SegmentFacts | None = None,
    caps: Caps | None = None,
) -> SegmentFacts:
    """Read every byte and row: SHA-256, length, schema, encodings, order, uniqueness, value ranges, counts.

    Raises Corrupt `segment.mismatch` when `expected` differs, Invalid `segment.corrupt` for anything that is not a segment,
    TooLarge `segment.too_large` beyond `caps`."""
    raise NotImplementedError
