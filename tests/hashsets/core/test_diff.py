"""Diffs in the cases that the journey does not draw: rows without items, removal by item, runs, and what is
refused."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest

from accounts.errors import Conflict, Corrupt, Invalid
from hashsets.core.columns import METADATA, Op, Rows
from hashsets.core.compaction import MAX_CHAIN, compact, merge_deltas, snapshot_due
from hashsets.core.diff import Comparison, DiffCounts, Mode, compare, entries_of_items
from hashsets.core.entries import Entries
from hashsets.core.merkle import leaves_of
from hashsets.core.segment import Kind, Segment
from hashsets.core.segment_writer import write_delta
from hashsets.core.state import State, apply_delta, touched_leaves
from tests.hashsets.core.builders import (
    MD5,
    SHA256,
    Fact,
    Key,
    Model,
    entries_of,
    listed,
    model_of,
    random_rows,
    snapshot_state,
)

A, B, C = (bytes([number]) * 16 for number in (0x0A, 0x0B, 0x0C))
LISTED: Model = {
    (A, 1): Fact(classification=1, source_ref="one"),
    (A, 2): Fact(classification=2),
    (B, 1): Fact(classification=1, labels=(1, 2), quality=70),
    (C, 0): Fact(),
}
NO_ITEM = frozenset(METADATA)


@pytest.fixture
def state(tmp_path: Path) -> State:
    return snapshot_state(LISTED, tmp_path / "base")


def operations(comparison: Comparison) -> list[tuple[Op, Key, Fact]]:
    return [
        (Op(int(op)), key, fact)
        for rows in comparison.batches()
        for (key, fact), op in zip(listed(rows), rows.op if rows.op is not None else [], strict=True)
    ]


def test_an_update_without_items_reaches_every_entry_of_the_hash(state: State) -> None:
    rows = entries_of([((A, 0), Fact(classification=2))], given={"classification"})
    comparison = compare(state, rows, Mode.UPDATE, release=5)
    assert operations(comparison) == [
        (Op.UPDATE, (A, 1), Fact(classification=2, source_ref="one", added=1, changed=5))
    ]
    assert comparison.counts == DiffCounts(updates=1, unchanged=1, reclassified=1)


@pytest.mark.parametrize(
    ("before", "after", "counted"),
    [(1, 2, 1), (2, 1, 1), (1, 0, 1), (0, 1, 0), (1, 1, 0), (0, 0, 0)],
    ids=["another", "one before it", "taken away", "given", "kept", "none"],
)
@pytest.mark.parametrize("mode", [Mode.UPDATE, Mode.REPLACE])
def test_what_takes_a_classification_away_or_changes_it_is_counted(
    tmp_path: Path, mode: Mode, before: int, after: int, counted: int
) -> None:
    state = snapshot_state({(A, 1): Fact(before), (B, 1): Fact(before)}, tmp_path / "base")
    # Each differs in something else as well, so that it is an update whatever becomes of its classification.
    new = entries_of([((A, 1), Fact(classification=after, quality=7)), ((B, 1), Fact(before, quality=7))])
    comparison = compare(state, new, mode, release=2)
    assert len(operations(comparison)) == 2
    assert comparison.counts == DiffCounts(updates=2, reclassified=counted)


def test_an_update_that_says_nothing_of_classifications_leaves_them_and_a_replacement_does_not(
    tmp_path: Path,
) -> None:
    state = snapshot_state({(A, 1): Fact(classification=3)}, tmp_path / "base")
    for mode, counted in ((Mode.UPDATE, 0), (Mode.REPLACE, 1)):
        new = entries_of([((A, 1), Fact(quality=7))], given={"item", "quality"})
        comparison = compare(state, new, mode, release=2)
        assert len(operations(comparison)) == 1
        assert comparison.counts == DiffCounts(updates=1, reclassified=counted)


def test_a_removal_without_items_reaches_every_entry_of_the_hash(state: State) -> None:
    rows = entries_of([((A, 0), Fact()), ((b"\x0f" * 16, 0), Fact())], given=NO_ITEM)
    comparison = compare(state, rows, Mode.REMOVE, release=5)
    gone = Fact(added=0, changed=0)
    assert operations(comparison) == [(Op.REMOVE, (A, 1), gone), (Op.REMOVE, (A, 2), gone)]
    assert comparison.counts == DiffCounts(removals=2, absent=1)


def test_items_are_removed_as_a_whole(state: State) -> None:
    entries, missing = entries_of_items(state, np.array([1, 99], np.int64))
    comparison = compare(state, entries, Mode.REMOVE, release=5)
    assert [key for _, key, _ in operations(comparison)] == [(A, 1), (B, 1)]
    assert missing == 1


def test_an_empty_cell_clears_and_a_missing_column_keeps(state: State) -> None:
    rows = entries_of([((B, 1), Fact())], given={"item", "labels"})
    assert operations(compare(state, rows, Mode.UPDATE, release=2)) == [
        (Op.UPDATE, (B, 1), Fact(classification=1, quality=70, added=1, changed=2))
    ]


def test_problems_name_the_line(state: State) -> None:
    rows = entries_of(
        [((C, 0), Fact(classification=3)), ((B, 1), Fact(labels=(1, 2), quality=70)), ((C, 7), Fact())]
    )
    added = compare(state, rows.sort().entries, Mode.ADD, release=2)
    assert [key for _, key, _ in operations(added)] == [(C, 7)]
    assert [(problem.line, problem.reason.code) for problem in added.problems] == [
        (2, "entry.different"),
        (1, "entry.different"),
    ]
    updated = compare(state, rows.sort().entries, Mode.UPDATE, release=2)
    assert len(operations(updated)) == 2
    assert [(problem.line, problem.reason.code) for problem in updated.problems] == [(3, "entry.absent")]
    assert updated.problems.counts() == {"entry.absent": 1}


def test_an_addition_is_only_compared_in_the_columns_that_it_has(state: State) -> None:
    rows = entries_of([((B, 1), Fact())], given={"item"})
    comparison = compare(state, rows, Mode.ADD, release=2)
    assert operations(comparison) == []
    assert comparison.counts == DiffCounts(unchanged=1)


def halves(entries: Entries, size: int) -> Iterable[Entries]:
    return (entries.slice(at, min(at + size, len(entries))) for at in range(0, len(entries), size))


@pytest.mark.parametrize("mode", list(Mode))
def test_a_submission_in_runs_is_the_submission(mode: Mode, tmp_path: Path) -> None:
    rows = random_rows(3000, MD5)
    base, sent = rows.take(np.arange(0, 2000)), rows.take(np.arange(1000, 3000))
    state = snapshot_state(dict(listed(base)), tmp_path)
    entries = Entries(MD5, sent, np.arange(1, 2001, dtype=np.uint32))
    whole, cut = (compare(state, one, mode, release=2) for one in (entries, halves(entries, 130)))
    assert operations(whole) == operations(cut)
    assert whole.counts == cut.counts


def test_runs_that_share_a_hash_are_refused(state: State) -> None:
    rows = entries_of([((A, 1), Fact()), ((A, 2), Fact())])
    with pytest.raises(Invalid) as refused:
        operations(compare(state, halves(rows, 1), Mode.REPLACE, release=2))
    assert refused.value.code == "entries.unsorted"


def test_a_large_list_is_changed_and_rooted_like_a_small_one(tmp_path: Path) -> None:
    """Several parts, row groups and deltas: every stripe boundary is crossed."""
    rows = random_rows(500_000)
    state = State(SHA256, (), (write_delta(SHA256, [rows.with_op(Op.ADD)], tmp_path / "all").segment,))
    (tmp_path / "1").mkdir()
    state = State(SHA256, tuple(part.segment for part in compact(state, tmp_path / "1")))
    leaves = leaves_of(state.iter_batches(), 9, 32)
    kept = np.random.default_rng(2).permutation(500_000)[:497_000]
    fresh = random_rows(4000, seed=9)
    sent = Rows.concat([rows.take(np.sort(kept)), fresh])
    entries = Entries(SHA256, sent, np.zeros(len(sent), np.uint32)).sort().entries
    comparison = compare(state, entries, Mode.REPLACE, release=2)
    delta = write_delta(SHA256, comparison.batches(), tmp_path / "delta").segment
    assert comparison.counts == DiffCounts(adds=4000, removals=3000, unchanged=497_000)
    after = apply_delta(state, delta)
    assert after.count == 501_000
    assert np.array_equal(Rows.concat(list(after.iter_batches())).hash, entries.rows.hash)
    assert touched_leaves(leaves, 9, after, delta) == leaves_of(after.iter_batches(), 9, 32)
    assert len(after.lookup(fresh.hash[::-1])) == 4000


WRONG = {
    "delta.add_present": (Op.ADD, (A, 1)),
    "delta.update_absent": (Op.UPDATE, (A, 3)),
    "delta.remove_absent": (Op.REMOVE, (b"\xff" * 16, 0)),
}


@pytest.mark.parametrize("code", WRONG)
def test_a_delta_for_another_state_is_refused(code: str, state: State, tmp_path: Path) -> None:
    op, key = WRONG[code]
    rows = entries_of([(key, Fact())]).rows
    delta = write_delta(
        MD5, [rows.as_removals() if op is Op.REMOVE else rows.with_op(op)], tmp_path / "delta"
    )
    with pytest.raises(Conflict) as refused:
        apply_delta(state, delta.segment)
    assert refused.value.code == code
    assert model_of(state) == LISTED


def test_a_delta_of_another_type_is_refused(state: State, tmp_path: Path) -> None:
    delta = write_delta(SHA256, [], tmp_path / "delta")
    with pytest.raises(Conflict) as refused:
        apply_delta(state, delta.segment)
    assert refused.value.code == "delta.type"


def test_deltas_that_do_not_follow_one_another_are_not_merged(tmp_path: Path) -> None:
    rows = entries_of([((A, 1), Fact())]).rows.with_op(Op.ADD)
    deltas = [write_delta(MD5, [rows], tmp_path / name).segment for name in ("one", "two")]
    with pytest.raises(Conflict) as refused:
        merge_deltas(deltas, tmp_path / "merged")
    assert refused.value.code == "delta.chain"
    assert not (tmp_path / "merged").exists()


def test_a_snapshot_is_due_when_a_catch_up_would_cost_more() -> None:
    assert not snapshot_due(1000, 250, 1)
    assert snapshot_due(1000, 251, 1)
    assert not snapshot_due(10**6, 32, MAX_CHAIN)
    assert snapshot_due(10**6, 33, MAX_CHAIN + 1)
    assert snapshot_due(0, 1, 1)


def test_a_missing_or_damaged_file_is_corrupt(state: State, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged"
    damaged.write_bytes(b"PAR1 not really")
    for source, code in ((tmp_path / "nothing", "segment.missing"), (damaged, "segment.corrupt")):
        with pytest.raises(Corrupt) as refused:
            list(State(MD5, (Segment(MD5, Kind.FULL, source),)).iter_batches())
        assert refused.value.code == code
