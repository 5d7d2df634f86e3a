"""What a submission would do to its list, and what is said about the rows that cannot be used."""

from __future__ import annotations

import csv
import io
from datetime import timedelta

import pytest

from accounts.audit.models import AuditEvent
from hashsets.core.hashtypes import hash_type
from hashsets.core.items import item_number, item_number_of_hash
from hashsets.intake.models import Submission, SubmissionState
from hashsets.intake.problems import csv_line, problems_csv, read_problems
from hashsets.intake.validate import validate_submission
from hashsets.lists.models import HashList, ListStatus
from tests import cast
from tests.hashsets.intake.given import entries, md5, put_in_force, received, sha256, sheet, staged
from tests.hashsets.lists.given import a_list

pytestmark = pytest.mark.django_db


@pytest.fixture
def harbor() -> cast.Crew:
    return cast.harbor()


@pytest.fixture
def hash_list(harbor: cast.Crew) -> HashList:
    return a_list(harbor)


def counts(submission: Submission) -> dict[str, int]:
    names = ("rows", "adds", "updates", "removals", "unchanged", "problems")
    return {name: getattr(submission, name) for name in names if getattr(submission, name)}


def problems(submission: Submission) -> list[tuple[int, str, str]]:
    return [(problem.line, problem.field, problem.code) for problem in read_problems(submission)]


def test_a_new_lists_first_submission_adds_everything(harbor: cast.Crew, hash_list: HashList) -> None:
    file = sheet("sha256,classification,source_ref", (sha256(1), "A1", "ref 1"), (sha256(2), "b2", ""))
    submission = staged(harbor, hash_list, file)
    assert submission.state == SubmissionState.STAGED
    assert counts(submission) == {"rows": 2, "adds": 2}
    assert submission.per_type["sha256"]["adds"] == 2
    assert (submission.base_release, len(submission.operations_digest)) == (0, 64)
    assert (submission.lease_until, submission.claims, submission.rows_done) == (None, 0, 2)
    assert [(one["op"], one["hash"], one["classification"]) for one in submission.sample] == sorted(
        [("add", sha256(1)[:8] + "…", "A1"), ("add", sha256(2)[:8] + "…", "B2")], key=lambda one: one[1]
    )
    put_in_force(submission)
    assert entries(hash_list) == {
        ("sha256", sha256(1), 0, 1, None, "ref 1"),
        ("sha256", sha256(2), 0, 4, None, None),
    }


def test_hashes_on_one_line_are_one_item(harbor: cast.Crew, hash_list: HashList) -> None:
    put_in_force(
        staged(
            harbor,
            hash_list,
            sheet("md5,sha256,item", (md5(1), sha256(1), "k1"), (md5(2), sha256(2), ""), ("", sha256(3), "")),
        )
    )
    named = item_number(hash_list.id, "k1")
    derived = item_number_of_hash(hash_list.id, {"sha256": bytes.fromhex(sha256(2))})
    assert {(kind, value, item) for kind, value, item, *_ in entries(hash_list)} == {
        ("md5", md5(1), named),
        ("sha256", sha256(1), named),
        ("md5", md5(2), derived),
        ("sha256", sha256(2), derived),
        ("sha256", sha256(3), 0),
    }


def test_one_hash_a_line_with_its_type_says_the_same(harbor: cast.Crew, hash_list: HashList) -> None:
    file = sheet("type,hash,item", (" SHA256 ", sha256(1), "k1"), ("md5", md5(1).upper(), "k1"))
    put_in_force(staged(harbor, hash_list, file))
    named = item_number(hash_list.id, "k1")
    assert {entry[:3] for entry in entries(hash_list)} == {
        ("md5", md5(1), named),
        ("sha256", sha256(1), named),
    }


def test_adding_what_is_there_is_counted_and_other_facts_are_a_problem(
    harbor: cast.Crew, hash_list: HashList
) -> None:
    put_in_force(
        staged(harbor, hash_list, sheet("sha256,classification", (sha256(1), "A1"), (sha256(2), "")))
    )
    submission = staged(
        harbor,
        hash_list,
        sheet(
            "sha256,classification",
            (sha256(1), "A1"),
            (sha256(2), "A2"),
            (sha256(3), "A1"),
            (sha256(3), "A1"),
        ),
    )
    assert counts(submission) == {"rows": 4, "adds": 1, "unchanged": 2, "problems": 1}
    assert problems(submission) == [(3, "sha256", "entry.different")]


def test_updating_keeps_columns_that_are_missing_and_clears_cells_that_are_empty(
    harbor: cast.Crew, hash_list: HashList
) -> None:
    first = sheet("sha256,classification,source_ref", (sha256(1), "A1", "one"), (sha256(2), "A2", "two"))
    put_in_force(staged(harbor, hash_list, first))
    submission = staged(
        harbor,
        hash_list,
        sheet("sha256,classification", (sha256(1), ""), (sha256(2), "A2"), (sha256(9), "A1")),
        mode="update",
    )
    assert counts(submission) == {"rows": 3, "updates": 1, "unchanged": 1, "problems": 1}
    assert problems(submission) == [(4, "sha256", "entry.absent")]
    put_in_force(submission)
    assert entries(hash_list) == {
        ("sha256", sha256(1), 0, 0, None, "one"),
        ("sha256", sha256(2), 0, 2, None, "two"),
    }


def test_removing_by_hash_needs_no_facts_and_counts_what_is_not_there(
    harbor: cast.Crew, hash_list: HashList
) -> None:
    put_in_force(staged(harbor, hash_list, sheet("sha256,md5", (sha256(1), md5(1)), (sha256(2), md5(2)))))
    submission = staged(
        harbor,
        hash_list,
        sheet("sha256,classification,labels", (sha256(1), "nonsense", "x"), (sha256(9), "", "")),
        mode="remove",
    )
    assert counts(submission) == {"rows": 2, "removals": 1, "unchanged": 1}
    put_in_force(submission)
    assert {value for _, value, *_ in entries(hash_list)} == {md5(1), md5(2), sha256(2)}


@pytest.mark.parametrize("header", ["item", "type,hash,item", "sha256,item"])
def test_removing_by_item_takes_all_its_hashes(harbor: cast.Crew, hash_list: HashList, header: str) -> None:
    file = sheet("sha256,md5,item", (sha256(1), md5(1), "k1"), (sha256(2), md5(2), "k2"))
    put_in_force(staged(harbor, hash_list, file))
    blanks = ("",) * header.count(",")
    submission = staged(
        harbor, hash_list, sheet(header, (*blanks, "k1"), (*blanks, "k9"), (*blanks, "k1")), mode="remove"
    )
    assert counts(submission) == {"rows": 3, "removals": 2, "unchanged": 2}
    put_in_force(submission)
    assert {value for _, value, *_ in entries(hash_list)} == {md5(2), sha256(2)}


def test_an_item_and_one_of_its_hashes_may_be_removed_in_one_go(
    harbor: cast.Crew, hash_list: HashList
) -> None:
    file = sheet("sha256,md5,item,classification", (sha256(1), md5(1), "k1", "A1"))
    put_in_force(staged(harbor, hash_list, file))
    submission = staged(harbor, hash_list, sheet("sha256,item", (sha256(1), "k1"), ("", "k1")), mode="remove")
    assert counts(submission) == {"rows": 2, "removals": 2, "unchanged": 1}


def test_replacing_removes_what_is_not_mentioned_other_types_included(
    harbor: cast.Crew, hash_list: HashList
) -> None:
    file = sheet("type,hash", ("sha256", sha256(1)), ("sha256", sha256(2)), ("md5", md5(1)))
    put_in_force(staged(harbor, hash_list, file))
    submission = staged(
        harbor,
        hash_list,
        sheet("sha256,classification", (sha256(2), ""), (sha256(1), "A1"), (sha256(3), "")),
        mode="replace",
    )
    assert counts(submission) == {"rows": 3, "adds": 1, "updates": 1, "removals": 1, "unchanged": 1}
    assert [one["op"] for one in submission.sample] == ["remove", "update", "add"]
    put_in_force(submission)
    assert {entry[1] for entry in entries(hash_list)} == {sha256(1), sha256(2), sha256(3)}


def test_every_bad_cell_is_reported_with_its_line_and_no_value(
    harbor: cast.Crew, hash_list: HashList
) -> None:
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    submission = staged(
        harbor,
        hash_list,
        sheet(
            "sha256,md5,classification,quality,source_ref,item",
            (sha256(1), md5(1), "A1", "50", "fine", "k1"),
            (sha256(2)[:-1], md5(2), "", "", "", ""),  # 3: the other hash of the line stands
            (empty, "", "", "", "", ""),  # 4
            ("", "0" * 32, "", "", "", ""),  # 5
            ("", "", "A1", "", "", "k2"),  # 6
            (sha256(7), md5(7), "C9", "101", "x" * 201, "y" * 201),  # 7
            (sha256(8), md5(8), "", "", "two\u2028lines", ""),  # 8
            (sha256(1), "", "A2", "50", "fine", "k1"),  # 9
        ),
    )
    assert counts(submission) == {"rows": 8, "adds": 3, "problems": 10}
    assert problems(submission) == [
        (3, "sha256", "hash.unreadable"),
        (4, "sha256", "hash.trivial"),
        (5, "md5", "hash.all_zero"),
        (6, "hash", "hash.missing"),
        (7, "item", "item.unreadable"),
        (7, "classification", "classification.unknown"),
        (7, "quality", "quality.unreadable"),
        (7, "source_ref", "source_ref.unreadable"),
        (8, "source_ref", "source_ref.unreadable"),
        (9, "sha256", "entry.contradictory"),
    ]
    assert submission.problem_counts == {
        "classification.unknown": 1,
        "entry.contradictory": 1,
        "hash.all_zero": 1,
        "hash.missing": 1,
        "hash.trivial": 1,
        "hash.unreadable": 1,
        "item.unreadable": 1,
        "quality.unreadable": 1,
        "source_ref.unreadable": 2,
    }
    (contradiction,) = [one for one in read_problems(submission) if one.code == "entry.contradictory"]
    assert (contradiction.line, contradiction.other) == (9, 2)
    text = "".join(problems_csv(submission))
    for value in (sha256(2)[:-1], empty, sha256(7), md5(2)):
        assert value[:12] not in text


def test_types_that_are_unknown_or_not_the_lists_are_told_apart(
    harbor: cast.Crew, hash_list: HashList
) -> None:
    file = sheet(
        "type,hash", ("sha1", "aa" * 20), ("crc32", "aabbccdd"), ("", sha256(1)), ("md5", md5(1)), ("md5", "")
    )
    submission = staged(harbor, hash_list, file)
    assert problems(submission) == [
        (2, "type", "hash_type.not_in_list"),
        (3, "type", "hash_type.unknown"),
        (4, "type", "hash_type.unknown"),
        (6, "hash", "hash.missing"),
    ]
    assert counts(submission) == {"rows": 5, "adds": 1, "problems": 4}


def test_a_perceptual_hash_that_would_match_innocent_images_is_set_aside(
    harbor: cast.Crew, hash_list: HashList
) -> None:
    good = hash_type("pdq").examples[0]
    submission = staged(
        harbor,
        hash_list,
        sheet("pdq,quality", (good, 100), (good, 49), ("f" * 60 + "0000", 100), ("ffff0000" * 8, 100)),
    )
    assert problems(submission) == [
        (3, "quality", "hash.low_quality"),
        (4, "pdq", "hash.unbalanced"),
        (5, "pdq", "hash.repetitive"),
    ]


def test_what_slipped_through_the_gate_may_be_removed(harbor: cast.Crew, hash_list: HashList) -> None:
    submission = staged(harbor, hash_list, sheet("md5", ("0" * 32,), (md5(1),)), mode="remove")
    assert (submission.state, submission.refused_code) == (SubmissionState.REFUSED, "submission.no_change")
    assert submission.problems == 0


def test_lines_that_are_no_rows_are_counted_and_reported(harbor: cast.Crew, hash_list: HashList) -> None:
    file = f'sha256,item\n{sha256(1)},a\n\n{sha256(2)}\n{sha256(3)},"open\n{sha256(4)},d\x01\n{sha256(5)},e\n'
    submission = staged(harbor, hash_list, file)
    assert problems(submission) == [(4, "", "row.columns"), (5, "", "row.quotes"), (6, "", "row.control")]
    assert counts(submission) == {"rows": 5, "adds": 2, "problems": 3}


@pytest.mark.parametrize(
    ("file", "mode", "code"),
    [
        ("sha256\n", "add", "csv.no_rows"),
        ("\n\n", "add", "csv.empty"),
        (f"{sha256(1)},A1\n", "add", "csv.no_header"),
        ("sha256\nnonsense\n", "add", "submission.nothing_usable"),
        (f"sha256\n{sha256(1)}\n", "update", "submission.nothing_usable"),
        (f"sha256\n{sha256(1)}\n", "remove", "submission.no_change"),
        ("item\nk1\n", "add", "csv.no_hash_column"),
        ("item\nk1\n", "remove", "submission.no_change"),
        (f"sha1\n{'ab' * 20}\n", "add", "csv.type_not_in_list"),
        (f"sha256,labels\n{sha256(1)},x\n", "add", "csv.labels_not_configured"),
        (f"sha256,colour\n{sha256(1)},x\n", "add", "csv.column_unknown"),
        (f"sha256\n{sha256(1)}\n".encode() + b"caf\xe9\n", "add", "csv.encoding"),
    ],
)
def test_a_file_of_which_nothing_can_be_used_is_refused_and_says_why(
    harbor: cast.Crew, hash_list: HashList, file: str | bytes, mode: str, code: str
) -> None:
    submission = staged(harbor, hash_list, file, mode=mode)
    assert (submission.state, submission.refused_code) == (SubmissionState.REFUSED, code)
    assert submission.refused_message
    assert sha256(1)[:12] not in submission.refused_message
    assert submission.decided_at is not None
    event = AuditEvent.objects.get(action="submission.refused")
    assert event.facts["code"] == code


def test_a_refused_upload_keeps_its_counts_and_problems(harbor: cast.Crew, hash_list: HashList) -> None:
    put_in_force(staged(harbor, hash_list, sheet("md5", (md5(1),))))
    submission = staged(harbor, hash_list, sheet("md5", (md5(1),), ("x",)))
    assert submission.refused_code == "submission.no_change"
    assert counts(submission) == {"rows": 2, "unchanged": 1, "problems": 1}
    assert problems(submission) == [(3, "md5", "hash.unreadable")]
    assert not submission.staged_files.exclude(name="problems").exists()


def test_all_problems_are_counted_and_the_first_ten_thousand_kept(
    harbor: cast.Crew, hash_list: HashList
) -> None:
    file = "md5\n" + md5(1) + "\n" + "x\n" * 25_000 + "y,z\n" * 5
    submission = staged(harbor, hash_list, file)
    assert submission.problem_counts == {"hash.unreadable": 25_000, "row.columns": 5}
    kept = problems(submission)
    assert len(kept) == 10_000
    assert [line for line, *_ in kept] == list(range(3, 10_003))
    assert submission.staged_files.get(name="problems").rows == 10_000


def test_the_report_is_a_table_that_no_spreadsheet_runs(harbor: cast.Crew, hash_list: HashList) -> None:
    submission = staged(harbor, hash_list, sheet("md5", (md5(1),), ("=cmd()",)))
    table = list(csv.DictReader(io.StringIO("".join(problems_csv(submission)))))
    assert [(row["line"], row["field"], row["code"]) for row in table] == [("3", "md5", "hash.unreadable")]
    assert table[0]["advice"]
    assert csv_line(("＝cmd()", "a;=cmd()")) == "'＝cmd(),a;'=cmd()\r\n"


def test_the_same_change_has_the_same_digest_however_it_is_written(
    harbor: cast.Crew, hash_list: HashList
) -> None:
    one = staged(harbor, hash_list, sheet("sha256,md5", (sha256(1), ""), ("", md5(2)), (sha256(3), "")))
    other = staged(
        harbor,
        hash_list,
        sheet(
            "hash,type", (sha256(3), "sha256"), (md5(2), "md5"), (sha256(1), "sha256"), (sha256(1), "sha256")
        ),
    )
    another = staged(harbor, hash_list, sheet("sha256,md5", (sha256(1), ""), ("", md5(2))))
    assert one.operations_digest == other.operations_digest != another.operations_digest


def test_a_submission_to_a_list_that_has_closed_is_refused(harbor: cast.Crew, hash_list: HashList) -> None:
    submission = received(harbor, hash_list, sheet("md5", (md5(1),)))
    HashList.objects.update(status=ListStatus.CLOSED)
    assert validate_submission(submission.id, now=cast.NOW)
    submission.refresh_from_db()
    assert (submission.state, submission.refused_code) == (SubmissionState.REFUSED, "list.closed")


def test_a_change_is_staged_anew_on_a_list_that_has_moved_on(harbor: cast.Crew, hash_list: HashList) -> None:
    waiting = staged(harbor, hash_list, sheet("md5", (md5(1),), (md5(2),), ("bad",)))
    old_files = set(waiting.staged_files.values_list("blob_key", flat=True))
    put_in_force(staged(harbor, hash_list, sheet("md5", (md5(1),))))
    Submission.objects.filter(id=waiting.id).update(state=SubmissionState.RECEIVED)
    assert validate_submission(waiting.id, now=cast.NOW + timedelta(minutes=1))
    digest = waiting.operations_digest
    waiting.refresh_from_db()
    assert (waiting.state, waiting.base_release) == (SubmissionState.STAGED, 1)
    assert counts(waiting) == {"rows": 3, "adds": 1, "unchanged": 1, "problems": 1}
    assert waiting.operations_digest != digest
    assert old_files.isdisjoint(waiting.staged_files.values_list("blob_key", flat=True))
    assert problems(waiting) == [(4, "md5", "hash.unreadable")]
