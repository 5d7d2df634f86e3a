"""Plain builders for the data plane's tests, and a list as a dict: the model that everything is compared
with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from hashsets.core.columns import NO_QUALITY, Rows
from hashsets.core.entries import Entries
from hashsets.core.hashtypes import HashType, hash_type
from hashsets.core.segment_writer import write_delta, write_snapshot
from hashsets.core.state import State

MD5 = hash_type("md5")
SHA256 = hash_type("sha256")
PDQ = hash_type("pdq")


@dataclass(frozen=True)
class Fact:
    """What a list says about one entry, as plain Python values."""

    classification: int = 0
    quality: int | None = None
    labels: tuple[int, ...] = ()
    source_ref: str | None = None
    added: int = 1
    changed: int = 1

    @property
    def stated(self) -> tuple[object, ...]:
        return self.classification, self.quality, self.labels, self.source_ref


Key = tuple[bytes, int]
Model = dict[Key, Fact]


def labels_column(labels: Iterable[Sequence[int]]) -> object:
    rows = [list(row) for row in labels]
    kind = pa.list_(pa.field("element", pa.uint16(), nullable=False))
    return pa.array(rows, kind) if any(rows) else None


def text_column(texts: Iterable[str | None]) -> object:
    rows = list(texts)
    return pa.array(rows, pa.string()) if any(row is not None for row in rows) else None


def rows_of(listed: Iterable[tuple[Key, Fact]], width: int = 16) -> Rows:
    """Rows in the given order."""
    pairs = list(listed)
    raw = np.frombuffer(b"".join(key[0] for key, _ in pairs), np.uint8).reshape(len(pairs), width)
    facts = [fact for _, fact in pairs]
    return Rows(
        hash=raw,
        item=np.array([key[1] for key, _ in pairs], np.int64),
        classification=np.array([fact.classification for fact in facts], np.uint8),
        added=np.array([fact.added for fact in facts], np.uint32),
        changed=np.array([fact.changed for fact in facts], np.uint32),
        quality=np.array([NO_QUALITY if f.quality is None else f.quality for f in facts], np.uint8),
        labels=labels_column(fact.labels for fact in facts),
        source_ref=text_column(fact.source_ref for fact in facts),
    )


def sorted_rows(model: Mapping[Key, Fact], width: int = 16) -> Rows:
    return rows_of(sorted(model.items()), width)


def listed(rows: Rows) -> list[tuple[Key, Fact]]:
    """Rows back as plain values, in order."""
    n = len(rows)
    labels = [[]] * n if rows.labels is None else rows.labels.to_pylist()
    texts = [None] * n if rows.source_ref is None else rows.source_ref.to_pylist()
    return [
        (
            (rows.hash[at].tobytes(), int(rows.item[at])),
            Fact(
                classification=int(rows.classification[at]),
                quality=None if rows.quality[at] == NO_QUALITY else int(rows.quality[at]),
                labels=tuple(labels[at] or ()),
                source_ref=texts[at],
                added=int(rows.added[at]),
                changed=int(rows.changed[at]),
            ),
        )
        for at in range(n)
    ]


def model_of(state: State) -> Model:
    """The whole state as a dict; fails when a key occurs twice or rows do not ascend."""
    pairs = [pair for rows in state.iter_batches() for pair in listed(rows)]
    keys = [key for key, _ in pairs]
    assert keys == sorted(set(keys))
    return dict(pairs)


def entries_of(
    pairs: Iterable[tuple[Key, Fact]],
    kind: HashType = MD5,
    given: Iterable[str] = ("item", "classification", "quality", "labels", "source_ref"),
) -> Entries:
    """Submitted rows on lines 1, 2, …"""
    rows = rows_of(pairs, kind.bytes_wide)
    return Entries(kind, rows, np.arange(1, len(rows) + 1, dtype=np.uint32), frozenset(given))


def snapshot_state(model: Mapping[Key, Fact], folder: Path, kind: HashType = MD5) -> State:
    folder.mkdir(parents=True, exist_ok=True)
    written = write_snapshot(kind, [sorted_rows(model, kind.bytes_wide)], folder)
    return State(kind, tuple(part.segment for part in written))


def random_rows(n: int, kind: HashType = SHA256, seed: int = 1, classes: int = 4) -> Rows:
    """n sorted random entries."""
    rng = np.random.default_rng(seed)
    raw = rng.integers(0, 256, (n, kind.bytes_wide), dtype=np.uint8)
    classification = rng.integers(1, classes + 1, n, dtype=np.uint8)
    lines = np.arange(1, n + 1, dtype=np.uint32)
    entries = Entries(kind, Rows.keyed(raw, classification=classification), lines).sort().entries
    return entries.rows.released(added=1, changed=1)


__all__ = [
    "MD5",
    "PDQ",
    "SHA256",
    "Fact",
    "Key",
    "Model",
    "entries_of",
    "listed",
    "model_of",
    "random_rows",
    "rows_of",
    "snapshot_state",
    "sorted_rows",
    "write_delta",
]
