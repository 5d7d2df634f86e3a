"""What the pages say and to whom: every act through its form, every stranger before a closed door."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import timedelta
from http import HTTPStatus
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import URLPattern, URLResolver
from django.utils import timezone

from exchange.http.acting import PRESENCE_LASTS, PRESENT_KEY
from exchange.web.door import Page
from exchange.web.urls import urlpatterns
from hashsets.intake.models import Submission
from hashsets.intake.validate import validate_submission
from hashsets.lists.models import HashList
from hashsets.releases.build import build_draft
from hashsets.releases.models import Draft
from hashsets.releases.publish import publish_draft
from tests import cast
from tests.exchange.web.stage import HOSTILE_NAME, bad_lines, followed, release_one, signed_in, submit_file
from tests.hashsets.releases.world import NOW, World, csv_of, harbor_world, sha256, world_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    return harbor_world(now=NOW)


def text_of(answer: Any) -> str:
    content: bytes = answer.content
    return re.sub(r"\s+", " ", content.decode())


def page_of(client: Client, address: str, status: int = HTTPStatus.OK) -> str:
    answer = client.get(address)
    assert answer.status_code == status, text_of(answer)
    return text_of(answer)


def approve(client: Client, submission: Submission) -> Any:
    """Send the form as the page has it."""
    address = f"/submissions/{submission.id}"
    shown = re.search(r'name="operations_digest" value="([0-9a-f]{64})"', page_of(client, address))
    assert shown is not None
    return client.post(f"{address}/approve", {"operations_digest": shown[1]})


def addresses(world: World, submission: Submission) -> list[str]:
    """Every page about this list."""
    base = f"/lists/{world.hash_list.id}"
    return [
        base,
        f"{base}/submissions",
        f"{base}/submissions/new",
        f"{base}/settings",
        f"{base}/signers",
        f"{base}/compare",
        f"{base}/releases",
        f"{base}/releases/1",
        f"/submissions/{submission.id}",
        f"/submissions/{submission.id}/progress",
    ]


def acts(submission: Submission) -> list[str]:
    return [f"/submissions/{submission.id}/{act}" for act in ("approve", "return", "withdraw", "sign")]


# The whole way through forms, without JavaScript


def test_a_change_travels_from_the_form_to_the_release(world: World) -> None:
    crew, base = world.crew, f"/lists/{world.hash_list.id}"
    contributor, approver, signer = (
        signed_in(p.user) for p in (crew.contributor, crew.approver, crew.signer)
    )

    address = submit_file(contributor, base, csv_of(range(12)), note="Night shift")
    submission = Submission.objects.get()
    assert submission.reference in page_of(contributor, address)

    assert "Checking begins in a moment" in page_of(contributor, address)
    validate_submission(submission.id, now=timezone.now())
    assert "Somebody other than the submitter has to approve it" in page_of(contributor, address)
    shown = page_of(approver, address)
    assert "12 lines, 0 refused, +12 \u22120" in shown
    assert "Night shift" in shown
    assert submission.reference in page_of(approver, "/")

    assert approve(approver, submission).headers["Location"] == address
    assert f"You approved {submission.reference}." in page_of(approver, address)
    build_draft(submission.id, now=timezone.now())
    assert "Sign the release" in page_of(signer, "/")
    draft = Draft.objects.get()
    assert draft.state_root[:8] in page_of(signer, address).replace("<wbr>", "")

    assert signer.post(f"{address}/sign").headers["Location"] == address
    assert "being published" in page_of(signer, address)
    publish_draft(draft.id, now=timezone.now())
    assert "Published as release 1." in page_of(contributor, address)
    release = page_of(contributor, f"{base}/releases/1")
    assert "12 entries" in release
    assert "No member follows this list yet." in release


def test_a_returned_submission_tells_its_submitter_why(world: World) -> None:
    submission = world.stage(csv_of(range(3)))
    approver, contributor = signed_in(world.crew.approver.user), signed_in(world.crew.contributor.user)
    approver.post(f"/submissions/{submission.id}/return", {"reason": "Line 2 is <b>wrong</b>"})
    page = page_of(contributor, f"/submissions/{submission.id}")
    assert "Line 2 is &lt;b&gt;wrong&lt;/b&gt;" in page
    assert "Mend it and submit again" in page_of(contributor, "/")


def test_returning_without_a_reason_points_to_the_field_and_changes_nothing(world: World) -> None:
    submission = world.stage(csv_of(range(3)))
    approver = signed_in(world.crew.approver.user)
    answer = approver.post(f"/submissions/{submission.id}/return", {"reason": "  "})
    assert answer.status_code == HTTPStatus.BAD_REQUEST
    page = text_of(answer)
    assert 'href="#reason"' in page
    assert "<title>Error: " in page
    submission.refresh_from_db()
    assert submission.state == "staged"


def test_a_submission_is_withdrawn_by_its_organisation(world: World) -> None:
    submission = world.stage(csv_of(range(3)))
    contributor = signed_in(world.crew.second_contributor.user)
    contributor.post(f"/submissions/{submission.id}/withdraw")
    assert "You withdrew" in page_of(contributor, f"/submissions/{submission.id}")


def test_whoever_decides_has_seen_what_they_decide(world: World) -> None:
    """The form carries the digest of what was shown: a change staged anew since then is not approved."""
    submission = world.stage(csv_of(range(3)))
    approver = signed_in(world.crew.approver.user)
    assert submission.operations_digest in page_of(approver, f"/submissions/{submission.id}")
    answer = approver.post(f"/submissions/{submission.id}/approve", {"operations_digest": "0" * 64})
    assert answer.status_code == HTTPStatus.CONFLICT
    assert "no longer the one that you were shown" in text_of(answer)
    unsaid = approver.post(f"/submissions/{submission.id}/approve")
    assert unsaid.status_code == HTTPStatus.BAD_REQUEST
    assert "Say which change you were shown." in text_of(unsaid)
    submission.refresh_from_db()
    assert submission.state == "staged"


# Who may, and who may not and why


def test_nobody_is_offered_to_approve_their_own(world: World) -> None:
    both = cast.person(world.crew.organisation, "Bo Both", ["contributor", "approver"], now=NOW)
    submission = world.submit(csv_of(range(3)), by=both)
    validate_submission(submission.id, now=NOW)
    client = signed_in(both.user)
    page = page_of(client, f"/submissions/{submission.id}")
    assert "You submitted this yourself" in page
    assert "/approve" not in page
    answer = client.post(f"/submissions/{submission.id}/approve")
    assert answer.status_code == HTTPStatus.CONFLICT
    assert "You cannot approve a submission of your own." in text_of(answer)


def test_an_approver_who_has_approved_is_told_that_another_is_needed() -> None:
    world = harbor_world(approvals_required=2, now=NOW)
    submission = world.stage(csv_of(range(3)))
    approver = signed_in(world.crew.approver.user)
    approve(approver, submission)
    page = page_of(approver, f"/submissions/{submission.id}")
    assert "It needs somebody else as well." in page
    assert "1 of 2" in page
    assert "approve or return" not in page_of(approver, "/")


def test_an_approver_is_warned_of_what_is_unusual_and_how_many_it_takes(world: World) -> None:
    release_one(world)
    submission = world.stage(csv_of(range(30)), mode="remove")
    approver = signed_in(world.crew.approver.user)
    address = f"/submissions/{submission.id}"
    page = page_of(approver, address)
    assert "More than 20 in 100 entries would go or change classification within 24 hours." in page
    assert "It takes 2 approvals." in page
    assert "The operator of this exchange has to agree as well." in page
    approve(approver, submission)
    assert "1 of 2" in page_of(approver, address)
    submission.refresh_from_db()
    assert submission.state == "staged"


def test_an_approver_reads_how_many_classifications_would_change_or_go() -> None:
    world = harbor_world(scheme="ncmec", now=NOW)
    rows = {label: "".join(f"{sha256(n)},{label}\n" for n in range(30)) for label in ("A1", "B2")}
    world.release("sha256,classification\n" + rows["A1"])
    submission = world.stage("sha256,classification\n" + rows["B2"], mode="update")
    approver = signed_in(world.crew.approver.user)
    page = page_of(approver, f"/submissions/{submission.id}")
    assert "30 of the updates change or take away a classification." in page
    assert "More than 20 in 100 entries would go or change classification within 24 hours." in page
    approve(approver, submission)
    held = page_of(signed_in(cast.operator(now=NOW).admin.user), "/submissions/held")
    assert "30 of the updates change or take away a classification." in held
    assert "~30" in held


def test_a_hold_of_the_first_approval_is_shown_to_the_second(world: World) -> None:
    release_one(world)
    submission = world.approve(world.stage(csv_of(range(3)), mode="remove"))
    Submission.objects.filter(id=submission.id).update(state="staged", holds=["change.vast"])
    page = page_of(signed_in(world.crew.second_approver.user), f"/submissions/{submission.id}")
    assert "More than 20 in 100 entries would go or be updated within 24 hours." in page
    assert "It takes 2 approvals." in page


def test_a_usual_change_is_not_warned_of(world: World) -> None:
    release_one(world)
    submission = world.stage(csv_of(range(90, 93)))
    page = page_of(signed_in(world.crew.approver.user), f"/submissions/{submission.id}")
    assert "unusual" not in page


@pytest.mark.parametrize("role", ["viewer", "contributor", "signer"])
def test_a_role_that_does_not_decide_reads_who_does(world: World, role: str) -> None:
    submission = world.stage(csv_of(range(3)))
    submitted_by_another = signed_in(getattr(world.crew, role).user)
    page = page_of(submitted_by_another, f"/submissions/{submission.id}")
    assert "Your roles do not include approving." in page
    answer = submitted_by_another.post(f"/submissions/{submission.id}/approve")
    assert answer.status_code == HTTPStatus.FORBIDDEN


def test_deciding_asks_for_presence_first_and_keeps_what_was_typed(world: World) -> None:
    submission = world.stage(csv_of(range(3)))
    client = signed_in(world.crew.approver.user)
    session = client.session
    session[PRESENT_KEY] = (timezone.now() - PRESENCE_LASTS - timedelta(seconds=1)).timestamp()
    session.save()
    address = f"/submissions/{submission.id}"
    asked = client.post(f"{address}/return", {"reason": "A long thought"})
    assert asked.headers["Location"] == f"/confirm-presence?next=%2Fsubmissions%2F{submission.id}"
    submission.refresh_from_db()
    assert submission.state == "staged"
    proven = client.post(
        "/confirm-presence",
        {"password": cast.PASSWORD, "code": cast.fresh_code(world.crew.approver.user), "next": address},
    )
    assert proven.headers["Location"] == address
    assert "A long thought</textarea>" in page_of(client, address)
    assert "A long thought" not in page_of(client, address), "it is given back once"


@pytest.mark.parametrize("who", ["stranger", "operator", "lumen"])
def test_submissions_are_the_publishers_alone(world: World, who: str) -> None:
    release_one(world)
    submission = world.stage(csv_of(range(90, 93)))
    users = {
        "stranger": lambda: cast.stranger().user,
        "operator": lambda: cast.operator().admin.user,
        "lumen": lambda: cast.lumen().integrator.user,
    }
    client = signed_in(users[who]())
    for address in (f"/submissions/{submission.id}", f"/submissions/{submission.id}/progress"):
        assert submission.reference not in page_of(client, address, HTTPStatus.NOT_FOUND)
    for address in acts(submission):
        assert client.post(address, {"reason": "x"}).status_code in (
            HTTPStatus.NOT_FOUND,
            HTTPStatus.FORBIDDEN,
        )
    assert submission.reference not in page_of(client, f"/lists/{world.hash_list.id}")
    assert "How far it has come" not in page_of(client, f"/lists/{world.hash_list.id}/releases/1") or (
        who == "operator"
    )
    submission.refresh_from_db()
    assert submission.state == "staged"


def test_a_private_list_does_not_exist_for_strangers(world: World) -> None:
    release_one(world)
    HashList.objects.filter(id=world.hash_list.id).update(audience="named", title="Marker of a secret list")
    submission = world.stage(csv_of(range(90, 93)))
    stranger, nobody = signed_in(cast.stranger().user), Client()
    for address in addresses(world, submission):
        assert "Marker of a secret" not in page_of(stranger, address, HTTPStatus.NOT_FOUND)
        answer = nobody.get(address)
        assert answer.status_code in (HTTPStatus.NOT_FOUND, HTTPStatus.FOUND)
        assert "Marker of a secret" not in text_of(answer)
    for address in ("/", "/lists"):
        assert "Marker of a secret" not in page_of(stranger, address)
        assert "Marker of a secret" not in page_of(nobody, address)


def test_a_public_list_is_open_to_everybody_and_its_submissions_are_not(world: World) -> None:
    release_one(world)
    HashList.objects.filter(id=world.hash_list.id).update(audience="public", tlp="clear")
    nobody = Client()
    assert "Enforcement list" in page_of(nobody, "/lists")
    page = page_of(nobody, f"/lists/{world.hash_list.id}")
    assert "Release 1" in page
    assert "Submit a change" not in page
    assert "40 entries" in page_of(nobody, f"/lists/{world.hash_list.id}/releases/1")
    answer = nobody.get(f"/lists/{world.hash_list.id}/submissions")
    assert answer.headers["Location"].startswith("/sign-in?next=")


def every_pattern(patterns: Iterable[URLPattern | URLResolver]) -> Iterator[URLPattern]:
    """The addresses themselves, those of the areas included."""
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            yield from every_pattern(pattern.url_patterns)
        else:
            yield pattern


def test_every_address_says_what_it_asks_for() -> None:
    views = {
        str(pattern.pattern): getattr(pattern.callback, "view_class", None)
        for pattern in every_pattern(urlpatterns)
        if pattern.name != "language"  # Django's own, which only sets a cookie
    }
    assert len(views) > 15
    for route, view in views.items():
        assert issubclass(view, Page), route  # type: ignore[arg-type]
        answered = {verb.upper() for verb in ("get", "post", "put", "patch", "delete") if hasattr(view, verb)}
        assert set(view.needs) == answered, route  # type: ignore[union-attr]


# What pages never hold


def test_names_are_shown_and_never_run(world: World) -> None:
    release = release_one(world)
    followed(world.hash_list, release, cast.lumen(now=NOW))
    HashList.objects.filter(id=world.hash_list.id).update(title=HOSTILE_NAME, purpose=HOSTILE_NAME)
    submission = world.stage(csv_of(range(90, 93)))
    client = signed_in(world.crew.approver.user)
    for address in ["/", "/lists", *addresses(world, submission)]:
        page = text_of(client.get(address))
        assert "<script>alert" not in page
        assert "alert(1)" not in page or "&lt;script&gt;alert(1)" in page


def test_no_page_shows_a_whole_hash(world: World) -> None:
    release_one(world)
    submission = world.stage(bad_lines())
    client = signed_in(world.crew.approver.user)
    hashes = [sha256(number) for number in (*range(40), *range(60, 66))] + ["0" * 64]
    for address in ["/", "/lists", *addresses(world, submission)]:
        page = text_of(client.get(address)).replace("<wbr>", "")
        assert [one for one in hashes if one in page or one[:17] in page] == []


def test_pages_hold_no_inline_script_or_style_and_say_so_in_their_policy(world: World) -> None:
    release = release_one(world)
    followed(world.hash_list, release, cast.lumen(now=NOW))
    submission = world.stage(bad_lines())
    client = signed_in(world.crew.approver.user)
    for address in ["/", "/sign-in", "/lists", "/nowhere", *addresses(world, submission)]:
        answer = client.get(address)
        page = text_of(answer)
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:", page), address
        assert re.findall(r"<script(?![^>]*\ssrc=)", page) == []
        policy = answer.headers["Content-Security-Policy"]
        assert "unsafe" not in policy
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy


def test_pages_stay_out_of_every_cache(world: World) -> None:
    answer = signed_in(world.crew.viewer.user).get(f"/lists/{world.hash_list.id}")
    assert "no-store" in answer.headers["Cache-Control"]


# Errors


@pytest.mark.parametrize(
    "address",
    [
        "/nowhere",
        "/lists/short",
        "/lists/UPPERCASEUPPERCASEUPPERCAS",
        "/lists/" + "a" * 25 + "%00",
        "/lists/" + "a" * 26 + "/releases/0",
        "/lists/" + "a" * 26 + "/releases/\u0661",
        "/lists/" + "a" * 26 + "/releases/99999999999999999999",
        "/lists/" + "a" * 26 + "/releases/9999999999",
        "/submissions/not-a-uuid",
        "/%2e%2e/%2e%2e/etc/passwd",
    ],
)
def test_what_is_not_there_is_a_page_that_helps(address: str) -> None:
    page = page_of(Client(), address, HTTPStatus.NOT_FOUND)
    assert "<h1>Not found</h1>" in page
    assert "Go to the first page" in page


def test_a_release_number_that_no_database_holds_is_not_there(world: World) -> None:
    client = signed_in(world.crew.viewer.user)
    page_of(client, f"/lists/{world.hash_list.id}/releases/9999999999", HTTPStatus.NOT_FOUND)


@pytest.mark.parametrize("query", ["cursor=x", "cursor=" + "a" * 3_000, "cursor=\x00", "cursor=%F0%9F%98%80"])
def test_a_cursor_that_is_not_ours_is_refused_in_words(world: World, query: str) -> None:
    client = signed_in(world.crew.viewer.user)
    page = page_of(client, f"/lists?{query}", HTTPStatus.BAD_REQUEST)
    assert "This cursor is not one of ours." in page


def test_programs_get_problem_documents() -> None:
    answer = Client().get("/api/v1/nowhere")
    assert answer.status_code == HTTPStatus.NOT_FOUND
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["code"] == "not_found"


def test_a_fault_of_ours_says_nothing_about_it(world: World) -> None:
    """The real way to a 500: a release whose row contradicts itself."""
    release = release_one(world)
    type(release).objects.filter(number=1).update(counts=["not", "a", "mapping"])
    client = signed_in(world.crew.viewer.user)
    client.raise_request_exception = False
    answer = client.get(f"/lists/{world.hash_list.id}/releases/1")
    assert answer.status_code == HTTPStatus.INTERNAL_SERVER_ERROR
    page = text_of(answer)
    assert "Something went wrong on our side" in page
    assert "AttributeError" not in page
    assert "Traceback" not in page


# Uploads


def test_a_closed_list_takes_no_more(world: World) -> None:
    HashList.objects.filter(id=world.hash_list.id).update(status="closed")
    client = signed_in(world.crew.contributor.user)
    assert "Submit a change" not in page_of(client, f"/lists/{world.hash_list.id}")
    page = page_of(client, f"/lists/{world.hash_list.id}/submissions/new", HTTPStatus.CONFLICT)
    assert "takes no more changes" in page


# Languages


def test_the_language_is_switched_in_the_footer_and_stays(world: World) -> None:
    client = signed_in(world.crew.contributor.user)
    answer = client.post("/language", {"language": "fr", "next": f"/lists/{world.hash_list.id}"})
    assert answer.headers["Location"] == f"/lists/{world.hash_list.id}"
    page = page_of(client, f"/lists/{world.hash_list.id}")
    assert '<html lang="fr">' in page
    assert "Proposer un changement" in page


def test_numbers_and_refusals_speak_the_language_of_the_reader(world: World) -> None:
    submission = world.submit("sha256\nzz\n")
    validate_submission(submission.id, now=NOW)
    Submission.objects.filter(id=submission.id).update(rows=1_234_567)
    client = signed_in(world.crew.contributor.user, language="fr")
    page = page_of(client, f"/submissions/{submission.id}")
    assert "Aucune des lignes n’est utilisable." in page
    assert "L’empreinte n’a aucune des formes que ce type accepte." in page
    assert "None of the rows" not in page


# Watching it


def test_the_page_is_asked_again_only_while_the_exchange_is_at_work(world: World) -> None:
    submission = world.submit(csv_of(range(3)))
    client = signed_in(world.crew.contributor.user)
    address = f"/submissions/{submission.id}"
    before = page_of(client, address)
    assert "hx-get" in before
    assert 'http-equiv="refresh"' in before
    polled = client.get(f"{address}/progress?mark=received.&said=received..0")
    assert polled.status_code == HTTPStatus.OK
    assert "announce" not in text_of(polled), "nothing new is read out"
    validate_submission(submission.id, now=NOW)
    changed = client.get(f"{address}/progress?mark=received.")
    assert changed.headers["HX-Refresh"] == "true"
    after = page_of(client, address)
    assert "hx-get" not in after
    assert 'http-equiv="refresh"' not in after


def test_progress_is_read_out_in_large_steps(world: World) -> None:
    submission = world.submit(csv_of(range(3)))
    Submission.objects.filter(id=submission.id).update(
        state="validating", rows_done=1_240, rows_expected=3_000
    )
    client = signed_in(world.crew.contributor.user)
    page = text_of(client.get(f"/submissions/{submission.id}/progress?mark=validating.&said=validating..3"))
    assert "1,240 of about 3,000 lines" in page
    assert 'id="announce"' in page
    assert "said=validating..4" in page


# Many rows


def test_a_page_asks_the_database_no_more_when_there_is_more_to_show(world: World) -> None:
    release = release_one(world)
    submission = world.stage(bad_lines())
    client = signed_in(world.crew.approver.user)
    of_list = [one for one in addresses(world, submission) if not one.endswith("/new")]
    looked_at = ["/", "/lists", *of_list]

    def counts() -> list[int]:
        found = []
        for address in looked_at:
            with CaptureQueriesContext(
                connection,
            ) as queries:
                assert client.get(address).status_code < 300
            found.append(len(queries))
        return found

    few = counts()
    followed(world.hash_list, release, cast.lumen(now=NOW))
    for number in range(12):
        world_of(world.crew, title=f"List {number}", now=NOW)
        world.stage(csv_of(range(100 + number, 102 + number)))
    release_again = world.release(csv_of(range(200, 203)))
    assert release_again.number == 2
    many = counts()
    # Lists of who has applied a release ask once for endpoints when there is a laggard at all.
    assert [after - before for before, after in zip(few, many, strict=True) if after > before + 1] == []
    assert max(many) <= 22
