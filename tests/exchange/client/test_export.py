"""`hashx export` and `hashx sync --format`: what comes out is what was signed, or nothing."""

from __future__ import annotations

import base64
import csv
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from exchange.client.rendering import Names, render, safe_cells
from hashsets.core.columns import Rows, labels_array
from hashsets.core.hashtypes import hash_type
from tests.exchange.client.conftest import Hashx, Ran, show_in_catalogue
from tests.exchange.client.exchange_server import ExchangeServer
from tests.exchange.client.publisher import Directory, Officers, Publisher, hashes, operations

HASHES = hashes(6, seed=7)
DIGESTS = hashes(4, seed=8, width=16)
PHOTODNA = hashes(3, seed=9, width=144)
LABELS = ((1, "A1"), (2, "A2"), (9, "Local"))
REFERENCES = ["=HYPERLINK(1)", None, 'a "b", c', "@x", "plain", None]


def entries() -> Rows:
    return Rows.keyed(
        HASHES,
        np.array([5, 0, 0, 0, 0, 2**62], np.int64),
        classification=np.array([0, 1, 2, 1, 0, 9], np.uint8),
        quality=np.array([255, 100, 255, 0, 255, 255], np.uint8),
        labels=labels_array(np.array([0, 2, 2, 2, 2, 2, 3], np.int32), np.array([1, 9, 7], np.uint16)),
        source_ref=pa.array(REFERENCES, pa.string()),
    ).released(added=1, changed=1)


def digests() -> Rows:
    """One MD5 stands for two items."""
    raw = np.concatenate([DIGESTS[:1], DIGESTS])
    return Rows.keyed(raw, np.array([1, 2, 0, 0, 0], np.int64)).released(added=1, changed=1)


@pytest.fixture
def applied(
    hashx: Hashx, exchange: ExchangeServer, officers: Officers, directory: Directory, tmp_path: Path
) -> Iterator[Publisher]:
    """A list of three hash types, in force at the member's."""
    slugs = ("md5", "photodna", "sha256")
    made = Publisher(exchange.served, officers, tmp_path / "work", slugs=slugs, labels=LABELS)
    show_in_catalogue(exchange, made)
    photos = Rows.keyed(PHOTODNA).released(added=1, changed=1)
    changes = {"sha256": entries(), "md5": digests(), "photodna": photos}
    made.release({slug: operations(rows) for slug, rows in changes.items()})
    assert hashx.sync().exit == 0
    yield made


def export(hashx: Hashx, publisher: Publisher, out: Path, *options: str) -> Ran:
    return hashx.run("export", publisher.list_id, "--into", str(hashx.into), "--out", str(out), *options)


def test_csv_has_canonical_hashes_names_and_cells_that_no_spreadsheet_runs(
    hashx: Hashx, applied: Publisher, tmp_path: Path
) -> None:
    out = tmp_path / "out.csv"
    ran = export(hashx, applied, out, "--format", "csv")
    assert (ran.exit, ran.document["entries"], ran.document["count"]) == (0, 14, 14), ran.err
    with out.open(newline="", encoding="utf-8") as file:
        lines = [line for line in csv.DictReader(file) if line["hash_type"] == "sha256"]
    assert [line["hash"] for line in lines] == [raw.tobytes().hex() for raw in HASHES]
    assert [line["classification"] for line in lines] == ["", "A1", "A2", "A1", "", "Local"]
    assert [line["item"] for line in lines] == ["5", "", "", "", "", str(2**62)]
    assert [line["quality"] for line in lines] == ["", "100", "", "0", "", ""]
    assert [line["labels"] for line in lines] == ["A1;Local", "", "", "", "", "#7"]
    assert [line["source_ref"] for line in lines] == [
        "'=HYPERLINK(1)", "", 'a "b", c', "'@x", "plain", ""
    ]  # fmt: skip


def test_photodna_is_written_as_its_services_write_it(
    hashx: Hashx, applied: Publisher, tmp_path: Path
) -> None:
    out = tmp_path / "out.txt"
    assert export(hashx, applied, out, "--format", "txt", "--type", "photodna").exit == 0
    assert [base64.b64decode(line) for line in out.read_text().splitlines()] == [
        raw.tobytes() for raw in PHOTODNA
    ]


def test_txt_names_a_hash_once_however_many_items_it_stands_for(
    hashx: Hashx, applied: Publisher, tmp_path: Path
) -> None:
    out = tmp_path / "out.txt"
    assert export(hashx, applied, out, "--format", "txt", "--type", "md5").exit == 0
    assert out.read_bytes() == b"".join(raw.tobytes().hex().encode() + b"\n" for raw in DIGESTS)


def test_txt_without_a_type_is_refused_rather_than_mixed(
    hashx: Hashx, applied: Publisher, tmp_path: Path
) -> None:
    ran = export(hashx, applied, tmp_path / "out.txt", "--format", "txt")
    assert (ran.exit, ran.document["error"]["code"]) == (1, "export.one_type")


def test_sqlite_answers_by_its_key_and_says_what_it_is_of(
    hashx: Hashx, applied: Publisher, tmp_path: Path
) -> None:
    out = tmp_path / "out.sqlite"
    assert export(hashx, applied, out, "--format", "sqlite").exit == 0
    asked = "FROM entries WHERE hash_type = 'sha256' AND hash = ?"
    with closing(sqlite3.connect(out)) as database:
        wanted = [HASHES[3].tobytes().hex()]
        (plan,) = database.execute(f"EXPLAIN QUERY PLAN SELECT 1 {asked}", wanted).fetchall()
        assert "PRIMARY KEY" in plan[3]
        assert database.execute(f"SELECT classification, source_ref {asked}", wanted).fetchall() == [
            ("A1", "@x")  # as it is: nothing runs what a database holds
        ]
        assert database.execute("SELECT count(*) FROM entries").fetchone() == (14,)
        facts = dict(database.execute("SELECT fact, value FROM list"))
    assert applied.manifest is not None
    assert facts == {
        "list_id": applied.list_id,
        "title": "Known files",
        "release": "1",
        "state_root": applied.manifest.root,
        "policy": "{}",
    }


def test_parquet_holds_the_same_rows(hashx: Hashx, applied: Publisher, tmp_path: Path) -> None:
    out = tmp_path / "out.parquet"
    assert export(hashx, applied, out, "--format", "parquet", "--type", "sha256").exit == 0
    table = pq.read_table(out)
    assert table.column("hash").to_pylist() == [raw.tobytes().hex() for raw in HASHES]
    assert table.column("labels").to_pylist() == ["A1;Local", None, None, None, None, "#7"]


def test_only_the_chosen_classifications_are_written(
    hashx: Hashx, applied: Publisher, tmp_path: Path
) -> None:
    out = tmp_path / "out.txt"
    chosen = ("--type", "sha256", "--classification", "A1", "--classification", "unclassified")
    ran = export(hashx, applied, out, "--format", "txt", *chosen)
    assert (ran.document["entries"], ran.document["count"]) == (4, 14)
    assert out.read_text().split() == [HASHES[row].tobytes().hex() for row in (0, 1, 3, 4)]


@pytest.mark.parametrize(
    ("option", "code"),
    [("--type=sha1", "export.unknown_type"), ("--classification=B2", "export.unknown_classification")],
)
def test_a_choice_that_the_list_does_not_have_is_refused(
    hashx: Hashx, applied: Publisher, tmp_path: Path, option: str, code: str
) -> None:
    ran = export(hashx, applied, tmp_path / "out.csv", option)
    assert (ran.exit, ran.document["error"]["code"]) == (1, code)


def test_a_damaged_store_exports_nothing_and_leaves_the_older_file(
    hashx: Hashx, applied: Publisher, tmp_path: Path
) -> None:
    out = tmp_path / "out.csv"
    assert export(hashx, applied, out).exit == 0
    before = out.read_bytes()
    part = next(hashx.into.rglob("sha256/p0001.parquet"))
    content = bytearray(part.read_bytes())
    content[len(content) // 3] ^= 1
    part.write_bytes(content)
    assert export(hashx, applied, out).exit == 19
    assert out.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".out")] == []


def test_what_was_never_synced_cannot_be_exported(hashx: Hashx, tmp_path: Path) -> None:
    ran = hashx.run(
        "export", "a" * 26, "--into", str(hashx.into), "--out", str(tmp_path / "out.csv"), "--format", "csv"
    )
    assert ran.exit == 19
    assert not (tmp_path / "out.csv").exists()


def test_sync_keeps_a_file_in_step_and_writes_it_only_when_something_changed(
    hashx: Hashx, applied: Publisher
) -> None:
    def synced() -> Ran:
        return hashx.run("sync", "--into", str(hashx.into), "--format", "csv")

    out = hashx.into / applied.list_id / "exports" / "entries.csv"
    assert [one["entries"] for one in synced().synced["exports"]] == [14]
    written = out.stat().st_mtime_ns
    assert synced().synced["exports"] == []
    assert out.stat().st_mtime_ns == written
    applied.release({"sha256": operations(removed=HASHES[1:3])})
    assert [one["entries"] for one in synced().synced["exports"]] == [12]
    out.unlink()
    assert [one["entries"] for one in synced().synced["exports"]] == [12]


def test_sync_writes_a_text_file_per_type(hashx: Hashx, applied: Publisher) -> None:
    ran = hashx.run("sync", "--into", str(hashx.into), "--format", "txt")
    assert ran.exit == 0, ran.err
    exports = hashx.into / applied.list_id / "exports"
    assert {path.name: len(path.read_text().split()) for path in exports.glob("*.txt")} == {
        "md5.txt": 4,
        "photodna.txt": 3,
        "sha256.txt": 6,
    }


def test_a_batch_that_was_cut_from_a_larger_one_keeps_its_own_labels() -> None:
    whole = entries()
    for start, stop in ((0, 1), (1, 5), (5, 6), (3, 3)):
        cut = render(hash_type("sha256"), whole.slice(start, stop), Names(dict(LABELS)))
        shown = ["A1;Local", None, None, None, None, "#7"][start:stop]
        assert safe_cells(cut).column("labels").to_pylist() == shown
        assert safe_cells(cut).column("source_ref").null_count == REFERENCES[start:stop].count(None)
