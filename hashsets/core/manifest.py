"""The manifest: what a release consists of, as one signed JSON document.

Canonical bytes (sorted keys, no white space, UTF-8, integers below 2**53, no floats) and a strict parser: a manifest that
is not byte for byte what `to_bytes` would write is refused, so there is one reading of what was signed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from hashsets.core.merkle import Root
from hashsets.core.segment import SegmentFacts

__all__ = [
    "MAX_MANIFEST_BYTES",
    "Delta",
    "Manifest",
    "Snapshot",
    "TypeState",
    "delta_name",
    "manifest_name",
    "part_name",
]

MAX_MANIFEST_BYTES: Final = 5_000_000


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The snapshot that a chain starts from; no parts when the list had no entries of the type at `release`."""

    release: int
    parts: tuple[SegmentFacts, ...]


@dataclass(frozen=True, slots=True)
class Delta:
    """Operations from the state of release `base` to that of `release` (a merged delta spans several)."""

    base: int
    release: int
    facts: SegmentFacts


@dataclass(frozen=True, slots=True)
class TypeState:
    """One hash type of the list: `bits` is the k of its Merkle tree, `chain` leads from the snapshot to this release."""

    slug: str
    count: int
    bits: int
    root: Root
    snapshot: Snapshot
    chain: tuple[Delta, ...]


@dataclass(frozen=True, slots=True)
class Manifest:
    """`previous` is the SHA-256 of the previous release's manifest ("" for release 1); `prepared_at` RFC 3339 in UTC, to
    the second (2026-01-31T12:00:00Z); `labels` maps classification codes (1..255) to names."""

    list_id: str
    title: str
    release: int
    previous: str
    prepared_at: str
    scheme: str
    labels: tuple[tuple[int, str], ...]
    types: tuple[TypeState, ...]

    @property
    def count(self) -> int:
        """Entries over all types."""
        return sum(state.count for state in self.types)

    @property
    def root(self) -> Root:
        """R, from the types' roots; the document states it too and `parse` refuses a difference."""
        raise NotImplementedError

    def to_bytes(self) -> bytes:
        raise NotImplementedError

    @classmethod
    def parse(cls, document: bytes) -> Manifest:
        """Invalid `manifest.corrupt`, TooLarge `manifest.too_large`."""
        raise NotImplementedError


def manifest_name(list_id: str) -> str:
    return f"{list_id}/manifest.json"


def part_name(list_id: str, slug: str, release: int, number: int) -> str:
    """The TUF target name of a snapshot part; `number` counts from 1."""
    return f"{list_id}/{slug}.full-{release}.p{number:02d}.parquet"


def delta_name(list_id: str, slug: str, base: int, release: int) -> str:
    return f"{list_id}/{slug}.delta-{base}-{release}.parquet"
