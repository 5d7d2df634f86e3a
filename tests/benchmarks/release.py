"""`release.one_change`: the data work of a release with one changed entry, on lists of growing size.

What is measured is what a small release costs beside SQL and signatures: open the current state, apply
one operation, write the delta, update the touched leaf and the root, write the manifest, read the new
files back.
"""

from __future__ import annotations

import json
import os
import resource
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np

SIZES: Final = (100_000, 1_000_000, 10_000_000)
REPEATS: Final = 5
LIST_ID: Final = "b" * 26


def run(*, sizes: tuple[int, ...] = SIZES) -> Iterator[dict[str, Any]]:
    """One row per size, in CPU milliseconds: the median of a few releases in a row.

    `growth` is the value over that of the smallest list: a small release must not grow with its list.
    """
    smallest = 0.0
    for n in sizes:
        with tempfile.TemporaryDirectory(prefix="hx-bench-") as folder:
            cpu, wall = _one_change(n, Path(folder))
        smallest = smallest or cpu
        yield {
            "name": "release.one_change",
            "n": n,
            "value": round(cpu, 1),
            "unit": "ms CPU",
            "peer": None,
            "peer_value": None,
            "ratio": None,
            "growth": round(cpu / smallest, 2),
            "wall_ms": round(wall, 1),
        }


def _one_change(n: int, folder: Path) -> tuple[float, float]:
    from django.conf import settings

    from hashsets.blobs.current import blob_store
    from hashsets.core.columns import Op, Rows
    from hashsets.core.hashtypes import hash_type
    from hashsets.core.segment_writer import write_delta
    from hashsets.lists.current import ListState, state_of_manifest
    from hashsets.releases.compose import ReleaseFacts, compose
    from hashsets.releases.stored import check_stored

    settings.BLOB_URL = str(folder / "blobs")
    store, kind = blob_store(), hash_type("sha256")
    facts = ReleaseFacts(LIST_ID, "Bench", 1, "2026-01-01T00:00:00Z", "none", (), ("sha256",))

    def staged(count: int, seed: int) -> Rows:
        raw = np.random.default_rng(seed).integers(0, 256, (count, 32), np.uint8)
        return Rows.keyed(raw[np.argsort(raw.view("S32").ravel())]).with_op(Op.ADD)

    first = write_delta(kind, [staged(n, 1)], folder / "first.parquet")
    (folder / "1").mkdir()
    done = compose(
        facts, ListState(), {"sha256": first.segment}, folder=folder / "1", store=store, pulse=_quiet
    )
    spent = []
    for number in range(2, 2 + REPEATS):
        change = write_delta(kind, [staged(1, number)], folder / f"change-{number}.parquet")
        work = folder / str(number)
        work.mkdir()
        known = {named.sha256 for named in done.targets.values()}
        started = (_cpu(), time.perf_counter())
        base = state_of_manifest(LIST_ID, number - 1, done.sha256)
        done = compose(
            replace(facts, release=number),
            base,
            {"sha256": change.segment},
            folder=work,
            store=store,
            pulse=_quiet,
        )
        check_stored(store, LIST_ID, done.targets, known=known)
        spent.append((_cpu() - started[0], time.perf_counter() - started[1]))
    return (
        float(np.median([cpu for cpu, _ in spent])) * 1000,
        float(np.median([wall for _, wall in spent])) * 1000,
    )


def _cpu() -> float:
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def _quiet() -> None:
    """A benchmark has no lease to keep."""


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    import django

    django.setup()
    for row in run():
        print(json.dumps(row), flush=True)
