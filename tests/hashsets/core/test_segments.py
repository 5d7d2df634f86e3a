"""Segments: what anybody's reader finds in them, how parts are cut, and that hostile bytes only ever raise
our errors."""

from __future__ import annotations

import io
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas
import polars
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from accounts.errors import Corrupt, Invalid, Refusal, TooLarge
from hashsets.core.columns import Op, Rows, state_schema
from hashsets.core.foreign import Caps, check_segment
from hashsets.core.pages import read_footer, walk_pages
from hashsets.core.segment import PART_BYTES, ROW_GROUP, Kind, Segment, parquet_metadata
from hashsets.core.segment_writer import Written, write_delta, write_snapshot
from tests.hashsets.core.builders import MD5, PDQ, SHA256, Fact, Model, listed, random_rows, sorted_rows


def varied(n: int = 300) -> Model:
    """Entries that use every column, some with one hash and several items."""
    return {
        (bytes([number % 250]) * 16, number // 250): Fact(
            classification=number % 5,
            quality=None if number % 2 else number % 101,
            labels=tuple(range(1, number % 4 + 1)),
            source_ref=f"ref {number}" if number % 3 else None,
            added=1 + number % 3,
            changed=3,
        )
        for number in range(n)
    }


@pytest.fixture
def snapshot(tmp_path: Path) -> Written:
    (part,) = write_snapshot(MD5, [sorted_rows(varied())], tmp_path)
    return part


def delta_of(rows: Rows, path: Path) -> Written:
    """The rows as additions, updates and removals in turn."""
    op = np.resize(np.array([Op.ADD, Op.UPDATE, Op.REMOVE], np.uint8), len(rows))
    kept = rows.with_op(op)
    bare = rows.as_removals()
    pieces = [(bare if op[at] == Op.REMOVE else kept).slice(at, at + 1) for at in range(len(rows))]
    return write_delta(MD5, pieces, path)


def test_a_segment_gives_back_what_was_written(snapshot: Written, tmp_path: Path) -> None:
    assert listed(snapshot.segment.read()) == sorted(varied().items())
    assert check_segment(snapshot.path, MD5, Kind.FULL, expected=snapshot.facts) == snapshot.facts
    delta = delta_of(sorted_rows(varied()), tmp_path / "delta")
    assert (delta.facts.adds, delta.facts.updates, delta.facts.removals) == (100, 100, 100)
    assert check_segment(delta.path, MD5, Kind.DELTA, expected=delta.facts) == delta.facts
    rows = delta.segment.read()
    assert rows.op is not None
    stated = [
        (key, Fact(added=0, changed=0) if at % 3 == 2 else fact)
        for at, (key, fact) in enumerate(sorted(varied().items()))
    ]
    assert listed(rows) == stated


def test_an_empty_delta_is_a_segment(tmp_path: Path) -> None:
    written = write_delta(MD5, [], tmp_path / "empty")
    assert check_segment(written.path, MD5, Kind.DELTA, expected=written.facts).rows == 0
    assert len(written.segment.read()) == len(written.segment.between(None, None)) == 0
    assert write_snapshot(MD5, [], tmp_path) == []


def test_other_readers_find_the_same_hashes(snapshot: Written, tmp_path: Path) -> None:
    hashes = [key[0] for key in sorted(varied())]
    path = str(snapshot.path)
    assert pandas.read_parquet(path)["hash"].tolist() == hashes
    assert polars.read_parquet(path)["hash"].to_list() == hashes
    query = f"select hash, labels, source_ref from '{path}'"  # noqa: S608
    rows = duckdb.connect().execute(query).fetchall()
    assert [row[0] for row in rows] == hashes
    facts = [fact for _, fact in sorted(varied().items())]
    assert [tuple(row[1]) for row in rows] == [fact.labels for fact in facts]
    assert [row[2] for row in rows] == [fact.source_ref for fact in facts]
    assert polars.read_parquet(path)["quality"].to_list() == [fact.quality for fact in facts]


def test_parts_are_cut_at_row_groups_and_stay_below_16_mib(tmp_path: Path) -> None:
    rows = random_rows(600_000)
    written = write_snapshot(SHA256, [rows.slice(0, 1000), rows.slice(1000, len(rows))], tmp_path)
    assert len(written) > 1
    assert all(part.facts.length <= PART_BYTES for part in written)
    groups = [pq.read_metadata(part.path).row_group(0).num_rows for part in written]
    assert set(groups) == {ROW_GROUP}
    assert np.array_equal(np.concatenate([part.segment.read().hash for part in written]), rows.hash)
    assert [part.path.name for part in written][:2] == ["p01.parquet", "p02.parquet"]


def test_an_entry_takes_34_bytes(tmp_path: Path) -> None:
    written = write_snapshot(SHA256, [random_rows(200_000)], tmp_path)
    assert sum(part.facts.length for part in written) / 200_000 < 34.5


def test_long_references_make_smaller_row_groups_not_larger_parts(tmp_path: Path) -> None:
    rows = random_rows(90_000)
    texts = pa.array([f"{number:0200d}" for number in range(len(rows))])
    written = write_snapshot(SHA256, [replace(rows, source_ref=texts)], tmp_path)
    assert all(part.facts.length <= PART_BYTES for part in written)
    for part in written:
        check_segment(part.path, SHA256, Kind.FULL, expected=part.facts)


@pytest.mark.parametrize("order", [[1, 0], [0, 0], [0, 2, 1]])
def test_rows_out_of_order_are_not_written(order: list[int], tmp_path: Path) -> None:
    rows = sorted_rows(varied())
    with pytest.raises(Invalid) as refused:
        write_snapshot(MD5, [rows.take(np.array(order))], tmp_path)
    assert refused.value.code == "segment.unsorted"
    assert list(tmp_path.iterdir()) == []


def test_a_seam_between_batches_is_checked_too(tmp_path: Path) -> None:
    rows = random_rows(ROW_GROUP)
    with pytest.raises(Invalid):
        write_snapshot(SHA256, [rows, rows.slice(ROW_GROUP - 1, ROW_GROUP)], tmp_path)


def test_a_range_reads_only_the_row_groups_that_can_hold_it(tmp_path: Path) -> None:
    rows = random_rows(150_000)
    (part,) = write_snapshot(SHA256, [rows], tmp_path)
    low, high = rows.hash[70_000].tobytes(), rows.hash[70_010].tobytes()
    damaged = bytearray(part.path.read_bytes())
    damaged[10:100] = b"\xff" * 90  # the first row group
    found = Segment(SHA256, Kind.FULL, io.BytesIO(bytes(damaged)), part.facts).between(low, high)
    assert np.array_equal(found.hash, rows.hash[70_000:70_010])


def rewritten(
    part: Written, change: Any = None, metadata: dict[str, str] | None = None, **options: Any
) -> bytes:
    """The same segment written by other code, with something changed."""
    table = pq.read_table(part.path)
    table = table.cast(state_schema(16)) if change is None else change(table)
    sink = io.BytesIO()
    defaults: dict[str, Any] = {
        "compression": {name: "ZSTD" for name in table.schema.names if name not in ("hash", "labels")}
        | {"hash": "NONE", "labels.list.element": "ZSTD"},
        "use_dictionary": [name for name in table.schema.names if name != "hash"],
        "store_schema": False,
    }
    with pq.ParquetWriter(sink, table.schema, **(defaults | options)) as writer:
        writer.add_key_value_metadata(metadata or parquet_metadata(MD5, Kind.FULL))
        writer.write_table(table, row_group_size=options.pop("row_group_size", ROW_GROUP))
    return sink.getvalue()


def with_column(name: str, values: list[Any]) -> Any:
    def change(table: pa.Table) -> pa.Table:
        at = table.schema.get_field_index(name)
        field = state_schema(16).field(name)
        return table.set_column(at, field, pa.array(values * len(table), field.type)).cast(state_schema(16))

    return change


def folded(name: str, value: str) -> Any:
    """The column holds `value` in every row, written without ever unfolding it here."""

    def change(table: pa.Table) -> pa.Table:
        table = table.cast(state_schema(16))
        once = pa.array([value], table.schema.field(name).type)
        column = pa.DictionaryArray.from_arrays(pa.array([0] * len(table), pa.int32()), once)
        return table.set_column(table.schema.get_field_index(name), name, column)

    return change


def test_the_same_rows_written_otherwise_are_a_segment_too(snapshot: Written) -> None:
    facts = check_segment(io.BytesIO(rewritten(snapshot)), MD5, Kind.FULL)
    assert facts.rows == snapshot.facts.rows


@pytest.mark.parametrize(
    "hostile",
    [
        lambda part: rewritten(part, lambda t: t.take(pa.array([1, 0])).cast(state_schema(16))),
        lambda part: rewritten(part, lambda t: t.take(pa.array([0, 0])).cast(state_schema(16))),
        lambda part: rewritten(part, lambda t: t.drop_columns(["item"])),
        lambda part: rewritten(part, lambda t: t.append_column("extra", pa.nulls(len(t), pa.int8()))),
        lambda part: rewritten(part, lambda t: t.rename_columns(["Hash", *t.schema.names[1:]])),
        lambda part: rewritten(part, with_column("quality", [101])),
        lambda part: rewritten(part, with_column("item", [-1])),
        lambda part: rewritten(part, with_column("added", [0])),
        lambda part: rewritten(part, with_column("added", [4_000_000_000])),
        lambda part: rewritten(part, with_column("labels", [[2, 1]])),
        lambda part: rewritten(part, with_column("labels", [[1, 1]])),
        lambda part: rewritten(part, with_column("labels", [[0]])),
        lambda part: rewritten(part, with_column("labels", [list(range(1, 34))])),
        lambda part: rewritten(part, with_column("source_ref", [""])),
        lambda part: rewritten(part, with_column("source_ref", ["x" * 201])),
        lambda part: rewritten(part, metadata=parquet_metadata(PDQ, Kind.FULL)),
        lambda part: rewritten(part, metadata={"a": "b"}),
        lambda part: rewritten(part, write_statistics=False),
        lambda part: rewritten(part, compression="SNAPPY"),
        lambda part: rewritten(part, use_dictionary=True),
        lambda part: part.path.read_bytes()[:-1],
        lambda part: part.path.read_bytes()[1:],
        lambda part: part.path.read_bytes()[:100],
        lambda part: b"",
        lambda part: b"PAR1PAR1",
        lambda part: b"PAR1" + b"\xff\xff\xff\x7fPAR1",
        lambda part: b"hash,item\n" * 100,
        lambda part: bytes(10_000),
    ],
)
def test_what_is_not_a_segment_is_refused(hostile: Any, snapshot: Written) -> None:
    with pytest.raises(Invalid) as refused:
        check_segment(io.BytesIO(hostile(snapshot)), MD5, Kind.FULL)
    assert refused.value.code == "segment.corrupt"


def test_a_delta_is_no_snapshot_and_a_type_is_not_another(snapshot: Written) -> None:
    for kind, of in ((Kind.DELTA, MD5), (Kind.FULL, SHA256)):
        with pytest.raises(Invalid):
            check_segment(snapshot.path, of, kind)


def test_a_file_that_is_not_the_stated_one_is_corrupt(snapshot: Written, tmp_path: Path) -> None:
    for wrong in (
        replace(snapshot.facts, sha256="0" * 64),
        replace(snapshot.facts, length=1),
        replace(snapshot.facts, rows=1),
        replace(snapshot.facts, first="00000001"),
        replace(snapshot.facts, adds=1),
    ):
        with pytest.raises(Corrupt) as refused:
            check_segment(snapshot.path, MD5, Kind.FULL, expected=wrong)
        assert refused.value.code == "segment.mismatch"
    with pytest.raises(Corrupt) as refused:
        check_segment(tmp_path / "nothing", MD5, Kind.FULL)
    assert refused.value.code == "segment.missing"


def test_a_segment_beyond_the_caps_is_too_large(snapshot: Written) -> None:
    for caps in (Caps(rows=299), Caps(decoded_bytes=1000)):
        with pytest.raises(TooLarge) as refused:
            check_segment(snapshot.path, MD5, Kind.FULL, caps=caps)
        assert refused.value.code == "segment.too_large"


def test_a_file_that_unfolds_to_gigabytes_is_refused_before_it_does(tmp_path: Path) -> None:
    """500 KB that a plain reader would turn into 13 GB of text."""
    rows = sorted_rows({(number.to_bytes(4) * 4, 0): Fact() for number in range(60_000)})
    (part,) = write_snapshot(MD5, [rows], tmp_path)
    bomb = rewritten(part, folded("source_ref", "x" * 220_000))
    assert len(bomb) < 2_000_000
    before = pa.total_allocated_bytes()
    with pytest.raises(Invalid) as refused:
        check_segment(io.BytesIO(bomb), MD5, Kind.FULL)
    assert refused.value.code == "segment.corrupt"
    assert pa.total_allocated_bytes() - before < 100_000_000


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("source_ref", ["x" * 1_000_000], "unfolds to more"),
        ("labels", [list(range(1, 34))], "too many values"),
    ],
)
def test_pages_are_held_against_what_their_rows_can_hold(
    name: str, values: list[Any], message: str, snapshot: Written
) -> None:
    """Before anything is decoded: one page may be the bomb."""
    with pytest.raises(Invalid, match=message):
        check_segment(io.BytesIO(rewritten(snapshot, with_column(name, values))), MD5, Kind.FULL)


def test_pages_fill_their_column_exactly(snapshot: Written) -> None:
    with snapshot.path.open("rb") as file:
        (group,) = read_footer(file).groups
        for chunk in group.chunks:
            walk_pages(file, chunk.start, chunk.length)
            for wrong in (chunk.length - 1, chunk.length + 1):
                with pytest.raises(Invalid):
                    walk_pages(file, chunk.start, wrong)


@pytest.mark.parametrize("seed", range(4))
def test_damaged_bytes_raise_only_our_errors(seed: int, snapshot: Written) -> None:
    good = snapshot.path.read_bytes()
    chance = random.Random(seed)
    refused = 0
    for _ in range(400):
        damaged = bytearray(good)
        for _ in range(chance.choice([1, 1, 2, 6])):
            damaged[chance.randrange(len(good))] = chance.randrange(256)
        if chance.random() < 0.1:
            del damaged[chance.randrange(len(damaged)) :]
        try:
            check_segment(io.BytesIO(bytes(damaged)), MD5, Kind.FULL, expected=None)
        except Refusal:
            refused += 1
        with pytest.raises(Refusal):
            check_segment(io.BytesIO(bytes(damaged) + b" "), MD5, Kind.FULL, expected=snapshot.facts)
    assert refused > 200
