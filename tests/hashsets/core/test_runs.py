"""Rows that do not fit in memory come back sorted as if they had."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hashsets.core.entries import Entries
from hashsets.core.runs import Runs
from tests.hashsets.core.builders import MD5, Fact, entries_of, listed


def submitted(n: int = 200_000) -> Entries:
    """Rows with many repeated hashes, some of them contradictory."""
    rng = np.random.default_rng(7)
    numbers = rng.integers(0, n // 2, n)
    pairs = [((int(x).to_bytes(4) * 4, 0), Fact(classification=int(x) % 3)) for x in numbers[: n - 5]]
    pairs += [(pairs[0][0], Fact(classification=9, source_ref="again"))] * 5
    return entries_of(pairs)


def test_runs_on_disk_give_what_one_sort_gives(tmp_path: Path) -> None:
    entries = submitted()
    whole = entries.sort()
    runs = Runs(tmp_path, run_rows=70_000)
    for start in range(0, len(entries), 9_000):
        runs.add(entries.slice(start, start + 9_000))
    pieces = list(runs.sorted())
    assert len(pieces) > 1
    joined = Entries.concat([piece.entries for piece in pieces])
    assert listed(joined.rows) == listed(whole.entries.rows)
    assert joined.lines.tolist() == whole.entries.lines.tolist()
    assert sum(piece.repeated for piece in pieces) == whole.repeated
    assert sorted(p.line for piece in pieces for p in piece.problems) == sorted(
        p.line for p in whole.problems
    )
    assert len(whole.problems) == 5
    runs.close()
    assert not list(tmp_path.iterdir())


def test_small_submissions_never_touch_the_disk(tmp_path: Path) -> None:
    runs = Runs(tmp_path)
    runs.add(submitted(1000))
    (piece,) = runs.sorted()
    assert piece.entries.hash_type == MD5
    assert not list(tmp_path.iterdir())


def test_nothing_added_gives_nothing(tmp_path: Path) -> None:
    assert list(Runs(tmp_path).sorted()) == []
