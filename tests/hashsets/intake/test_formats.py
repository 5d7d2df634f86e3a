"""One list in every form that publishers have it in, and what is said about files that are no list."""

from __future__ import annotations

import gzip
import io
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hashsets.core.hashtypes import hash_type
from hashsets.intake.models import Submission, SubmissionState
from hashsets.intake.problems import read_problems
from hashsets.lists.models import HashList
from tests import cast
from tests.hashsets.intake.given import entries, md5, put_in_force, sha256, sheet, staged
from tests.hashsets.lists.given import a_list

pytestmark = pytest.mark.django_db

PDQ = hash_type("pdq").examples[0]
ROWS: list[dict[str, Any]] = [
    {"sha256": sha256(1), "classification": "A1", "quality": 50, "item": "k1"},
    {"sha256": sha256(2), "classification": None, "quality": None, "item": "k2"},
]


@pytest.fixture
def harbor() -> cast.Crew:
    return cast.harbor()


@pytest.fixture
def hash_list(harbor: cast.Crew) -> HashList:
    return a_list(harbor)


def parquet(columns: dict[str, Any], **options: Any) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink, **options)
    return sink.getvalue()


def as_csv() -> str:
    return sheet(
        "quality,item,classification,sha256",
        *((row["quality"] or "", row["item"], row["classification"] or "", row["sha256"]) for row in ROWS),
    )


def as_lines() -> str:
    return "".join(json.dumps(row) + "\r\n" for row in ROWS)


def as_parquet(**options: Any) -> bytes:
    return parquet({name: [row[name] for row in ROWS] for name in ROWS[0]}, **options)


FORMS: dict[str, bytes] = {
    "CSV": as_csv().encode(),
    "CSV in UTF-16": as_csv().encode("utf-16"),
    "CSV in UTF-16, big endian": b"\xfe\xff" + as_csv().replace("\n", "\r\n").encode("utf-16-be"),
    "JSON Lines": as_lines().encode(),
    "JSON Lines with a mark": b"\xef\xbb\xbf" + as_lines().encode(),
    "JSON Lines, keys in any case": as_lines().replace('"sha256"', '"SHA256"').encode(),
    "rows in JSON": json.dumps({"rows": ROWS}).encode(),
    "rows in JSON, indented": json.dumps({"rows": ROWS}, indent=2).encode(),
    "a JSON array": json.dumps(ROWS).encode(),
    "Parquet": as_parquet(),
    "Parquet, plain and zstd": as_parquet(use_dictionary=False, compression="zstd"),
    "Parquet with bytes": parquet(
        {
            "sha256": pa.array([bytes.fromhex(row["sha256"]) for row in ROWS], pa.binary(32)),
            "classification": ["A1", None],
            "quality": [50.0, None],
            "item": ["k1", "k2"],
        }
    ),
    "Parquet with loose bytes": parquet(
        {
            "sha256": pa.array([bytes.fromhex(row["sha256"]) for row in ROWS], pa.binary()),
            "classification": pa.array(["A1", None]).dictionary_encode(),
            "quality": pa.array([50, None], pa.uint8()),
            "item": pa.array(["k1", "k2"], pa.large_string()),
        }
    ),
}


@pytest.mark.parametrize("packed", [False, True], ids=["as it is", "gzip"])
@pytest.mark.parametrize("content", FORMS.values(), ids=FORMS)
def test_every_form_of_a_list_gives_the_same_change(
    harbor: cast.Crew, hash_list: HashList, content: bytes, packed: bool
) -> None:
    plain = staged(harbor, hash_list, as_csv())
    submission = staged(harbor, hash_list, gzip.compress(content) if packed else content)
    assert (submission.state, submission.rows, submission.problems) == (SubmissionState.STAGED, 2, 0)
    assert submission.operations_digest == plain.operations_digest


def lines_of(submission: Submission) -> list[tuple[int, str, str]]:
    return [(problem.line, problem.field, problem.code) for problem in read_problems(submission)]


def test_a_file_with_one_hash_a_line_needs_no_header_where_the_list_leaves_no_doubt(
    harbor: cast.Crew, hash_list: HashList
) -> None:
    put_in_force(staged(harbor, hash_list, f"\n{md5(1)}\r\n{md5(2).upper()}\n\nnonsense\n{md5(3)}"))
    assert {entry[:2] for entry in entries(hash_list)} == {("md5", md5(n)) for n in (1, 2, 3)}
    assert lines_of(Submission.objects.get()) == [(5, "md5", "hash.unreadable")]


def test_sha256_and_pdq_look_alike_and_are_told_apart_by_a_word_alone(
    harbor: cast.Crew, hash_list: HashList
) -> None:
    doubtful = staged(harbor, hash_list, f"{PDQ}\n")
    assert doubtful.refused_code == "lines.type_ambiguous"
    assert "sha256" in doubtful.refused_message
    assert "pdq" in doubtful.refused_message
    for submission in (
        staged(harbor, hash_list, f"{PDQ}\n", hash_type="pdq"),
        staged(harbor, hash_list, f"PDQ\n{PDQ}\n"),
    ):
        assert list(submission.per_type) == ["pdq"]
        assert submission.adds == 1


def test_rows_of_json_may_leave_out_hashes_and_nothing_else(harbor: cast.Crew, hash_list: HashList) -> None:
    rows = [
        {"sha256": sha256(1), "md5": md5(1), "item": "k1"},
        {"sha256": sha256(2), "item": "k2"},
        {"md5": md5(3), "item": None},
        {"md5": md5(4)},  # 4: no item, where the first row has one
        {"md5": md5(5), "item": "k5", "colour": "red"},  # 5
        {"md5": md5(6), "item": ["k6"]},  # 6
        {"md5": True, "item": ""},  # 7
    ]
    text = "".join(json.dumps(row) + "\n" for row in rows)
    text += '{"md5": "\\ud800", "item": null}\n{"md5": "a", "md5": "b", "item": null}\n[1]\n'
    text += '{"md5":' * 2_000 + "\n" + '{"md5": NaN, "item": null}\nnonsense\n'
    submission = staged(harbor, hash_list, text)
    assert (submission.rows, submission.adds) == (13, 4)
    assert lines_of(submission) == [
        (4, "", "row.fields"),
        (5, "", "row.fields"),
        *((line, "", "row.json") for line in range(6, 14)),
    ]


REFUSED: dict[str, tuple[str | bytes, str]] = {
    "an empty document": ('{"rows": []}', "csv.empty"),
    "an unknown field": ('{"sha256": "aa", "colour": "red"}\n', "csv.column_unknown"),
    "no hash": ('{"classification": "A1"}\n', "csv.no_hash_column"),
    "no object": ("[1, 2]", "json.malformed"),
    "an open object": ('{"sha256": "aa"\n', "json.malformed"),
    "a row of another kind first": ('{"rows": ["aa"]}', "json.malformed"),
    "something after the rows": ('{"rows": [{"md5": "aa"}]} x', "json.malformed"),
    "another member": ('{"rows": [{"md5": "aa"}], "x": 1}', "json.malformed"),
    "arrays in arrays": ("[" * 100_000, "json.malformed"),
    "a large document": ('{"rows": [' + '"a",' * 1_500_000, "json.too_large"),
    "an endless line": ('{"md5": "' + "a" * 70_000, "csv.line_too_long"),
    "JSON that is not UTF-8": (b'{"md5": "\xff"}\n', "csv.encoding"),
    "half of a gzip file": (gzip.compress(as_csv().encode() * 50)[:-20], "gzip.damaged"),
    "rubbish after gzip": (gzip.compress(as_csv().encode()) + b"rubbish", "gzip.damaged"),
    "half of a Parquet file": (as_parquet()[:-30], "parquet.damaged"),
    "Parquet in name": (b"PAR1" + b"x" * 500, "parquet.damaged"),
    "Parquet of another list": (parquet({"sha1": ["ab" * 20]}), "csv.type_not_in_list"),
    "Parquet with a list": (parquet({"md5": [["aa"]]}), "parquet.column_type"),
    "Parquet with times": (parquet({"md5": pa.array([0], pa.timestamp("s"))}), "parquet.column_type"),
    "Parquet with long cells": (parquet({"md5": ["a" * 5_000] * 3}), "parquet.cell_too_long"),
    "UTF-16 that ends early": ("md5\n".encode("utf-16") + b"a", "csv.encoding"),
    "UTF-32": ("md5\n".encode("utf-32"), "csv.nul"),
    "a hash of a type that the list does not take": ("ab" * 20 + "\n", "lines.type_unknown"),
}


@pytest.mark.parametrize(("content", "code"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_read_is_refused_with_a_reason(
    harbor: cast.Crew, hash_list: HashList, content: str | bytes, code: str
) -> None:
    submission = staged(harbor, hash_list, content)
    assert (submission.state, submission.refused_code) == (SubmissionState.REFUSED, code)
    assert submission.refused_message


def test_a_parquet_file_that_is_changed_anywhere_gives_rows_or_our_refusal(
    harbor: cast.Crew, hash_list: HashList, tmp_path: Path
) -> None:
    from accounts.errors import Refusal
    from hashsets.intake.readers.parquet import ParquetReader

    content = as_parquet()
    for position in range(4, len(content) - 4, 7):
        changed = bytearray(content)
        changed[position] ^= 0x41
        try:
            for batch in ParquetReader(io.BytesIO(bytes(changed)), scratch=tmp_path).batches():
                assert batch.rows <= 2
        except Refusal as refusal:
            assert refusal.code.startswith(("parquet.", "csv."))
