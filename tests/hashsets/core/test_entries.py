"""A submission's rows: sorted like segments, one per key, with contradictions named by line."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashsets.core.cells import classifications, item_keys, labels, qualities, source_refs
from hashsets.core.columns import MAX_LABELS, NO_QUALITY, Rows
from hashsets.core.items import NO_ITEM, item_number, item_number_of_hash, item_numbers, key_numbers
from tests.hashsets.core.builders import Fact, Key, entries_of, listed, rows_of
from tests.hashsets.core.test_journey_of_a_list import facts, keys

LIST = "a" * 26


@given(st.lists(st.tuples(keys, facts), max_size=30))
def test_sorting_keeps_the_first_line_of_a_key_and_counts_the_others(pairs: list[tuple[Key, Fact]]) -> None:
    first: dict[Key, tuple[Fact, int]] = {}
    repeated, contradictory = 0, []
    for line, (key, fact) in enumerate(pairs, 1):
        if key not in first:
            first[key] = fact, line
        elif first[key][0] == fact:
            repeated += 1
        else:
            contradictory.append((line, first[key][1]))
    done = entries_of(pairs).sort()
    assert listed(done.entries.rows) == [(key, first[key][0]) for key in sorted(first)]
    assert done.entries.lines.tolist() == [first[key][1] for key in sorted(first)]
    assert done.repeated == repeated
    assert sorted((problem.line, problem.other) for problem in done.problems) == contradictory
    assert {problem.reason.code for problem in done.problems} <= {"entry.contradictory"}


@given(st.lists(st.tuples(keys, facts), max_size=20), st.integers(0, 20), st.integers(0, 20))
def test_rows_survive_arrow_and_slicing(pairs: list[tuple[Key, Fact]], start: int, stop: int) -> None:
    rows = rows_of(pairs)
    cut = rows.slice(min(start, len(rows)), max(start, min(stop, len(rows))))
    assert listed(Rows.from_arrow(cut.to_arrow())) == listed(rows)[start : max(start, stop)]
    assert listed(Rows.concat([cut, rows])) == listed(cut) + listed(rows)


def test_classifications_are_the_lists_codes() -> None:
    column = pa.array(["A1", " b2 ", "", None, "C9", "a1"])
    cells = classifications(column, {"A1": 1, "B2": 4})
    assert cells.values.tolist() == [1, 4, 0, 0, 0, 1]
    assert cells.ok.tolist() == [True, True, True, True, False, True]


def test_qualities_are_whole_numbers_to_100() -> None:
    column = pa.chunked_array([["0", "100", " 7", ""], ["101", "-1", "5.0", "٣", "007", "1e1", None]])
    cells = qualities(column)
    assert cells.ok.tolist() == [True] * 4 + [False] * 4 + [True, False, True]
    assert cells.values.tolist() == [0, 100, 7, *[NO_QUALITY] * 5, 7, NO_QUALITY, NO_QUALITY]


def test_labels_ascend_and_are_known() -> None:
    codes = {f"l{number}": number for number in range(1, 60)}
    texts = ["l3;l1", "", "l2; L2 ;", "nope", None, ";".join(f"l{n}" for n in range(1, MAX_LABELS + 2))]
    cells = labels(pa.array(texts), codes)
    assert cells.ok.tolist() == [True, True, True, False, True, False]
    assert cells.values is not None
    assert cells.values.to_pylist() == [[1, 3], [], [2], [], [], []]
    assert labels(pa.array(["", None]), codes).values is None


@pytest.mark.parametrize("bad", ["x" * 201, "a\nb", "a\0b", "a\u202eb", "a\u2028b", "é" * 101])
def test_text_that_hides_or_overflows_is_refused(bad: str) -> None:
    column = pa.array([bad, "fine é", "", " padded "])
    cells = source_refs(column)
    assert cells.ok.tolist() == [False, True, True, True]
    assert cells.values is not None
    assert cells.values.to_pylist() == [None, "fine é", None, "padded"]
    assert item_keys(column).values == [None, "fine é", None, "padded"]


def test_columns_without_rows_are_read_too() -> None:
    empty = pa.array([], pa.string())
    assert len(classifications(empty, {"A": 1}).values) == 0
    assert labels(empty, {}).values is None
    assert source_refs(empty).values is None


def test_item_numbers_depend_on_list_and_key_alone() -> None:
    assert item_number(LIST, "case 1") == item_number(LIST, "case 1") != item_number("b" * 26, "case 1")
    assert 0 < item_number(LIST, "case 1") < 2**63
    assert key_numbers(LIST, ["case 1", None, ""]).tolist() == [item_number(LIST, "case 1"), NO_ITEM, NO_ITEM]


def test_the_strongest_hash_of_a_line_names_its_item() -> None:
    line = {"md5": b"m" * 16, "sha256": b"s" * 32, "pdq": b"p" * 32}
    assert item_number_of_hash(LIST, line) == item_number_of_hash(LIST, {"sha256": b"s" * 32})
    assert item_numbers(LIST, "sha256", [b"s" * 32, None]).tolist() == [
        item_number_of_hash(LIST, line),
        NO_ITEM,
    ]
    assert item_number_of_hash(LIST, {"pdq": b"s" * 32}) != item_number_of_hash(LIST, {"sha256": b"s" * 32})
