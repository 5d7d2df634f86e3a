"""Sending a change page by page, deciding beyond approval, withdrawing, comparing, innocent hashes."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext

from hashsets.intake.models import BenignSet, Submission, Upload
from hashsets.intake.validate import validate_submission
from hashsets.lists.models import HashList
from tests import cast
from tests.exchange.web.contribute.given import page, sent, text_of
from tests.exchange.web.stage import followed, release_one, signed_in, submit_file
from tests.hashsets.releases.world import NOW, World, csv_of, harbor_world, sha256, validated

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    return harbor_world(now=NOW)


def a_file(content: str | bytes, name: str = "secret-name.csv", kind: str = "text/csv") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content.encode() if isinstance(content, str) else content, kind)


# Sending


def test_nothing_is_a_submission_before_its_answers_were_checked(world: World) -> None:
    client, base = signed_in(world.crew.contributor.user), f"/lists/{world.hash_list.id}/submissions/new"
    sent(client, base, {"mode": "remove", "note": "Court order 12", "urgent": "yes"})
    check = sent(client, f"{base}/file", {"file": a_file(csv_of(range(3)))}).headers["Location"]
    shown = page(client, check)
    for words in ("Remove entries", "Court order 12", "Yes", "Change"):
        assert words in shown
    assert "secret-name" not in shown
    assert not Submission.objects.exists()
    address = sent(client, check).headers["Location"]
    made = Submission.objects.get()
    assert (made.mode, made.note, made.urgent) == ("remove", "Court order 12", True)
    assert sent(client, check).headers["Location"] == address, "pressed twice, it is one submission"
    assert client.get(check).headers["Location"] == address


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fields", "says", "anchor", "status"),
    [
        ({"mode": "burn"}, "Say what the file does to the list.", "mode-0", 400),
        ({"mode": "add", "note": "x" * 1_001}, "1000 are allowed", "note", 413),
        ({"mode": "add", "note": "a1" * 20}, "looks like a hash value", "note", 400),
    ],
)
def test_a_wrong_first_answer_is_shown_at_its_field(
    world: World, fields: dict[str, Any], says: str, anchor: str, status: int
) -> None:
    client = signed_in(world.crew.contributor.user)
    shown = text_of(sent(client, f"/lists/{world.hash_list.id}/submissions/new", fields, status=status))
    assert says in shown
    assert f'href="#{anchor}"' in shown
    assert f'id="{anchor}"' in shown


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fields", "says", "status"),
    [
        ({}, "Choose a file, or paste hashes.", 400),
        ({"file": a_file(b"")}, "The upload is empty.", 400),
        ({"file": a_file(b"\x89PNG\r\n\x1a\n" + b"\x00" * 64)}, "PNG image", 415),
        ({"file": a_file("sha256\n", kind="image/png")}, "media", 415),
        ({"pasted": sha256(1), "type": "pdq"}, "type that was named", 400),
    ],
)
def test_a_file_that_is_refused_leaves_nothing(
    world: World, fields: dict[str, Any], says: str, status: int
) -> None:
    client, base = signed_in(world.crew.contributor.user), f"/lists/{world.hash_list.id}/submissions/new"
    sent(client, base, {"mode": "add", "note": "Kept"})
    for one in fields.values():
        if hasattr(one, "seek"):
            one.seek(0)
    shown = text_of(sent(client, f"{base}/file", fields, status=status))
    assert says in shown
    assert sha256(1) not in shown
    assert not Upload.objects.exists()
    assert "Kept</textarea>" in page(client, base)


def test_one_hash_is_typed_in_and_is_shown_on_no_page(world: World) -> None:
    client, base = signed_in(world.crew.contributor.user), f"/lists/{world.hash_list.id}/submissions/new"
    sent(client, base, {"mode": "add"})
    check = sent(client, f"{base}/file", {"pasted": f" {sha256(1)}\r\n", "type": ""}).headers["Location"]
    address = sent(client, check).headers["Location"]
    submission = validated(Submission.objects.get())
    assert (submission.adds, submission.problems) == (1, 0)
    for looked_at in (base, address):
        assert sha256(1) not in page(client, looked_at)


@pytest.mark.slow
def test_the_pages_of_a_change_begin_at_the_beginning(world: World) -> None:
    client, base = signed_in(world.crew.contributor.user), f"/lists/{world.hash_list.id}/submissions/new"
    assert client.get(f"{base}/file").headers["Location"] == base
    sent(client, base, {"mode": "add"})
    check = sent(client, f"{base}/file", {"file": a_file(csv_of(range(3)))}).headers["Location"]
    colleague = signed_in(world.crew.second_contributor.user)
    page(colleague, check, 404)
    stranger = signed_in(cast.stranger().user)
    page(stranger, check, 403)
    sent(stranger, check, status=403)
    page(signed_in(world.crew.viewer.user), base, 403)


@pytest.mark.slow
def test_a_part_of_a_file_is_not_submitted(world: World) -> None:
    client, base = signed_in(world.crew.contributor.user), f"/lists/{world.hash_list.id}/submissions/new"
    sent(client, base, {"mode": "add"})
    check = sent(client, f"{base}/file", {"file": a_file(csv_of(range(3)))}).headers["Location"]
    Upload.objects.update(received=100)
    assert "of the file has come." in page(client, check)
    assert "bytes have come" in text_of(sent(client, check, status=409))
    assert not Submission.objects.exists()


def test_a_file_that_is_not_submitted_after_all_leaves_no_room_taken(world: World) -> None:
    client, base = signed_in(world.crew.contributor.user), f"/lists/{world.hash_list.id}/submissions/new"
    sent(client, base, {"mode": "add"})
    first = sent(client, f"{base}/file", {"file": a_file(csv_of(range(3)))}).headers["Location"]
    check = sent(client, f"{base}/file", {"file": a_file(csv_of(range(4)))}).headers["Location"]
    assert Upload.objects.count() == 1, "another file takes the place of the first"
    page(client, first, 404)
    sent(client, check, {"step": "discard"})
    assert not Upload.objects.exists()
    assert not Submission.objects.exists()
    assert client.get(f"{base}/file").headers["Location"] == base


# Deciding


def set_aside(world: World) -> Submission:
    """Two innocent hashes of Lumen's among five."""
    lumen = signed_in(cast.lumen(now=NOW).contributor.user)
    sent(lumen, "/organisation/benign", {"pasted": f"{sha256(1)}\n{sha256(2)}", "type": "sha256"})
    return world.stage(csv_of(range(5)))


def test_rows_that_were_set_aside_are_let_in_by_somebody_else_and_checked_again(world: World) -> None:
    submission = set_aside(world)
    base = f"/submissions/{submission.id}"
    contributor, approver = signed_in(world.crew.contributor.user), signed_in(world.crew.approver.user)
    assert "Decide about rows that were set aside" in page(approver, base)
    assert "somebody else decides" in page(contributor, f"{base}/set-aside")
    asked = text_of(sent(approver, f"{base}/set-aside", {"reason": "x"}, status=400))
    assert "Say what shall happen to them." in asked
    choice = {"codes": ["hash.benign"], "decision": "accept", "reason": "Checked with Lumen"}
    assert "may not be empty" in text_of(
        sent(approver, f"{base}/set-aside", choice | {"reason": ""}, status=400)
    )
    sent(approver, f"{base}/set-aside", choice)
    validate_submission(submission.id, now=NOW)
    submission.refresh_from_db()
    assert submission.adds == 5
    shown = page(approver, f"{base}/set-aside")
    assert "Let in by \u2068Asha of Harbor\u2069" in shown
    assert "Checked with Lumen" in shown
    assert "Rows that the gate had set aside were let in by a person." in page(approver, base)


@pytest.mark.slow
def test_rows_are_left_out_and_the_rest_goes_on(world: World) -> None:
    submission = set_aside(world)
    approver = signed_in(world.crew.approver.user)
    choice = {"codes": ["hash.benign"], "decision": "refuse", "reason": "A logo"}
    sent(approver, f"/submissions/{submission.id}/set-aside", choice)
    submission.refresh_from_db()
    assert (submission.state, submission.adds) == ("staged", 3)
    again = sent(approver, f"/submissions/{submission.id}/set-aside", choice, status=409)
    assert "Nothing is left to decide about." in text_of(again)
    stranger = signed_in(cast.stranger().user)
    page(stranger, f"/submissions/{submission.id}/set-aside", 404)
    sent(stranger, f"/submissions/{submission.id}/set-aside", choice, status=404)


def test_the_exchange_agrees_to_what_is_held_and_sees_no_entries(world: World) -> None:
    release_one(world)
    submission = world.stage(csv_of(range(30)), mode="remove")
    shown_digest = {"operations_digest": submission.operations_digest}
    approver, second = signed_in(world.crew.approver.user), signed_in(world.crew.second_approver.user)
    operator = signed_in(cast.operator(now=NOW).admin.user)
    assert "Nothing waits for the exchange" in page(operator, "/submissions/held")
    for one in (approver, second):
        sent(one, f"/submissions/{submission.id}/approve", shown_digest)
    assert "1 change waits for the exchange" in page(operator, "/")
    shown = page(operator, "/submissions/held")
    assert submission.reference in shown
    assert "More than 20 in 100 entries would go or change classification within 24 hours." in shown
    assert sha256(1)[:8] not in shown
    assert submission.operations_digest in shown, "the form carries what was shown"
    unsaid = sent(operator, f"/submissions/{submission.id}/agree", status=400)
    assert "Say which change you were shown." in text_of(unsaid)
    other = sent(operator, f"/submissions/{submission.id}/agree", {"operations_digest": "0" * 64}, status=409)
    assert "no longer the one that you were shown" in text_of(other)
    sent(operator, f"/submissions/{submission.id}/agree", shown_digest)
    submission.refresh_from_db()
    assert submission.state == "approved"
    sent(operator, f"/submissions/{submission.id}/agree", shown_digest, status=404)
    page(approver, "/submissions/held", 403)
    sent(approver, f"/submissions/{submission.id}/agree", shown_digest, status=403)


@pytest.mark.slow
def test_the_queue_shows_what_waits_for_whom(world: World) -> None:
    first = world.stage(csv_of(range(3)))
    draft = world.draft(csv_of(range(10, 13)))
    approver, signer = signed_in(world.crew.approver.user), signed_in(world.crew.signer.user)
    assert first.reference in page(approver, "/submissions")
    assert draft.submission.reference not in page(approver, "/submissions")
    assert draft.submission.reference in page(signer, "/submissions?show=sign")
    everything = page(signed_in(world.crew.viewer.user), "/submissions?show=all")
    assert first.reference in everything
    assert draft.submission.reference in everything
    stranger = page(signed_in(cast.stranger().user), "/submissions?show=all")
    assert first.reference not in stranger

    def queries() -> int:
        with CaptureQueriesContext(connection) as found:
            page(approver, "/submissions")
        return len(found)

    few = queries()
    for number in range(5):
        world.stage(csv_of(range(100 + number, 102 + number)))
    assert queries() == few


# Withdrawing


def test_entries_are_withdrawn_at_once_by_typing_them(world: World) -> None:
    release_one(world)
    client, address = signed_in(world.crew.contributor.user), f"/lists/{world.hash_list.id}/withdraw-entries"
    fields = {"entries": f"{sha256(3)}\n\n {sha256(4)} \n", "reason": "Lawful news footage"}
    answer = sent(client, address, fields)
    made = validated(Submission.objects.order_by("received_at").last())  # type: ignore[arg-type]
    assert (made.mode, made.urgent, made.removals) == ("remove", True, 2)
    assert sha256(3) not in answer.headers["Location"]
    shown = page(client, answer.headers["Location"])
    assert "Lawful news footage" in shown
    assert sha256(3)[:17] not in shown
    assert "unusual for the list" not in shown


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fields", "says", "status"),
    [
        ({"entries": "", "reason": "x"}, "Name at least one entry.", 400),
        ({"entries": "\n".join(map(sha256, range(101))), "reason": "x"}, "At most 100 entries", 413),
        ({"entries": sha256(1), "reason": ""}, "This may not be empty.", 400),
        ({"entries": sha256(1), "reason": sha256(2)}, "looks like a hash value", 400),
    ],
)
def test_a_withdrawal_that_is_refused_shows_no_hash(
    world: World, fields: dict[str, str], says: str, status: int
) -> None:
    client = signed_in(world.crew.contributor.user)
    answer = sent(client, f"/lists/{world.hash_list.id}/withdraw-entries", fields, status=status)
    assert says in text_of(answer)
    assert sha256(1) not in text_of(answer)
    assert not Submission.objects.exists()


# Comparing


def test_two_releases_are_compared_by_what_is_different_in_the_end(world: World) -> None:
    release_one(world)
    world.release(csv_of(range(3)), mode="remove")
    world.release(csv_of([1, 50, 51]))
    base = f"/lists/{world.hash_list.id}/compare"
    viewer = signed_in(world.crew.viewer.user)
    shown = page(viewer, f"{base}?older=1&newer=3")
    assert "<b>2</b> added" in shown
    assert "<b>1</b> updated" in shown  # taken off and put on again
    assert "<b>2</b> removed" in shown
    assert sha256(50)[:8] in shown
    assert sha256(50)[:17] not in shown
    assert "<b>3</b> removed" in page(viewer, f"{base}?older=1&newer=2")
    for wrong, says in (
        ("older=2&newer=1", "The older release comes first."),
        ("older=1&newer=9", "There is no such release."),
        ("older=x&newer=%D9%A1", "There is no such release."),
        ("older=1&newer=99999999999999999999", "There is no such release."),
    ):
        assert says in page(viewer, f"{base}?{wrong}", 400)


@pytest.mark.slow
def test_entries_are_compared_for_those_who_may_fetch_them(world: World) -> None:
    release = release_one(world)
    world.release(csv_of([50]))
    lumen = cast.lumen(now=NOW)
    reader = signed_in(lumen.viewer.user)
    address = f"/lists/{world.hash_list.id}/compare?older=1&newer=2"
    assert sha256(50)[:8] not in page(reader, address)
    assert "Entries are shown to the publisher" in page(reader, address)
    followed(world.hash_list, release, lumen)
    assert sha256(50)[:8] in page(reader, address)
    HashList.objects.filter(id=world.hash_list.id).update(audience="named")
    page(signed_in(cast.stranger().user), address, 404)


# Innocent content


@pytest.mark.slow
def test_innocent_hashes_are_counted_and_never_shown() -> None:
    lumen = cast.lumen(now=NOW)
    client = signed_in(lumen.contributor.user)
    assert "You have added none yet." in page(client, "/organisation/benign")
    sent(client, "/organisation/benign", {"file": a_file(csv_of(range(4)))})
    assert BenignSet.objects.get().hashes == 4
    wrong = text_of(
        sent(client, "/organisation/benign", {"pasted": sha256(9) + "zz", "type": "sha256"}, status=400)
    )
    assert sha256(9) not in wrong
    assert "Choose a file" in text_of(sent(client, "/organisation/benign", {}, status=400))
    sent(signed_in(lumen.viewer.user), "/organisation/benign", {"pasted": sha256(9)}, status=403)
    assert "You have added none yet." in page(signed_in(cast.stranger().user), "/organisation/benign")


@pytest.mark.slow
def test_an_urgent_change_says_so_all_the_way(world: World) -> None:
    client = signed_in(world.crew.contributor.user)
    address = submit_file(client, f"/lists/{world.hash_list.id}", csv_of(range(2)), urgent=True)
    assert "Urgent" in page(client, address)
