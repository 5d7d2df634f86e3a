"""`segment.bytes_per_entry`: what a snapshot costs per SHA-256 entry, beside gzipped CSV of the same entries.

Without items, with a classification: random hashes cannot be compressed, so the limit is the set's entropy,
`bits - log2 n + 1.44` bits per entry.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import sys
import tempfile
from collections.abc import Iterator
from math import log2
from pathlib import Path
from typing import Any, Final

import numpy as np

from hashsets.core.columns import Rows
from hashsets.core.hashtypes import hash_type
from hashsets.core.segment_writer import write_snapshot

SIZES: Final = (1_000_000, 10_000_000)
SAMPLE: Final = 200_000  # the peer's size per entry does not depend on n
CLASSES: Final = 4


def run(sizes: tuple[int, ...] = SIZES) -> Iterator[dict[str, Any]]:
    """One line per size."""
    for n in sizes:
        rows = sorted_rows(n)
        with tempfile.TemporaryDirectory() as folder:
            written = write_snapshot(hash_type("sha256"), [rows], Path(folder))
        ours = sum(part.facts.length for part in written) / n
        peer = _gzipped_csv(rows.slice(0, min(n, SAMPLE))) / min(n, SAMPLE)
        yield {
            "name": "segment.bytes_per_entry",
            "n": n,
            "value": round(ours, 2),
            "unit": "B/entry",
            "peer": "CSV+gzip",
            "peer_value": round(peer, 2),
            "ratio": round(ours / peer, 3),
            "limit": round((256 - log2(n) + 1.44) / 8, 2),
        }


def sorted_rows(n: int) -> Rows:
    """`n` random SHA-256 entries in order, one of four classes each, as a first release has them."""
    generator = np.random.default_rng(n)
    raw = generator.integers(0, 256, (n, 32), dtype=np.uint8)
    order = np.lexsort((raw[:, 8:16].copy().view(">u8")[:, 0], raw[:, :8].copy().view(">u8")[:, 0]))
    classes = generator.integers(1, CLASSES + 1, n, dtype=np.uint8)
    return Rows.keyed(np.ascontiguousarray(raw[order]), classification=classes).released(added=1, changed=1)


def _gzipped_csv(rows: Rows) -> int:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("sha256", "classification"))
    for raw, code in zip(rows.hash, rows.classification, strict=True):
        writer.writerow((raw.tobytes().hex(), f"A{code}"))
    return len(gzip.compress(text.getvalue().encode(), compresslevel=6))


if __name__ == "__main__":
    for line in run(tuple(int(size) for size in sys.argv[1:]) or SIZES):
        print(json.dumps(line), flush=True)
