"""The pages in a real Chromium: accessible in every state, never wider than the screen, usable without
JavaScript and without a mouse.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect

from accounts.identity.roles import Role
from accounts.membership.members import add_member, end_membership
from hashsets.intake.models import Submission
from hashsets.intake.validate import validate_submission
from hashsets.lists.models import HashList
from hashsets.releases.build import build_draft
from hashsets.releases.models import Draft
from hashsets.releases.publish import publish_draft
from tests import cast
from tests.exchange.web.hands import choose, keyboard_sign_in, leave, reach
from tests.exchange.web.looking import LOOKS, Look, Sight, faults_of, sign_in, walk
from tests.exchange.web.stage import HOSTILE_NAME, Stage, make_stage, release_one
from tests.hashsets.releases.world import NOW, bare_list, csv_of, harbor_world

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def sights(stage: Stage) -> list[Sight]:
    crew, base = stage.world.crew, f"/lists/{stage.hash_list.id}"
    contributor, approver, signer = crew.contributor.user, crew.approver.user, crew.signer.user
    published = Submission.objects.filter(state="published")[0]
    empty = bare_list(crew, title="A list without anything yet", now=NOW)
    two = cast.person(crew.organisation, "Toni Two", [Role.VIEWER], now=NOW)
    add_member(two.user, cast.lumen(now=NOW).organisation, roles=[Role.VIEWER], actor=cast.HOST, now=NOW)
    gone = cast.person(crew.organisation, "Gil Gone", [Role.VIEWER], now=NOW)
    end_membership(gone.user.memberships.get().id, actor=crew.admin.actor, now=NOW)
    return [
        Sight("welcome", None, "/"),
        Sight("public-lists", None, "/lists"),
        Sight("sign-in", None, "/sign-in"),
        Sight("sign-in-wrong", None, "/sign-in", press="main button"),
        Sight("not-found", None, "/nowhere"),
        Sight("home-contributor", contributor, "/"),
        Sight("home-approver", approver, "/"),
        Sight("home-empty", cast.northland(now=NOW).viewer.user, "/"),
        Sight("organisation", two.user, "/organisation"),
        Sight("organisation-none", gone.user, "/organisation"),
        Sight("presence", approver, f"/confirm-presence?next=/submissions/{stage.staged.id}"),
        Sight("presence-wrong", approver, "/confirm-presence", press="main button"),
        Sight("lists", cast.lumen(now=NOW).viewer.user, "/lists"),
        Sight("list", contributor, base),
        Sight("list-of-another", cast.lumen(now=NOW).viewer.user, base),
        Sight("list-empty", contributor, f"/lists/{empty.id}"),
        Sight("list-submissions", contributor, f"{base}/submissions"),
        Sight("list-releases", contributor, f"{base}/releases"),
        Sight("new-submission", contributor, f"{base}/submissions/new"),
        Sight("not-allowed", crew.viewer.user, f"{base}/submissions/new"),
        Sight("submission-staged", approver, f"/submissions/{stage.staged.id}"),
        Sight("submission-own", contributor, f"/submissions/{stage.staged.id}"),
        Sight("submission-return-wrong", approver, f"/submissions/{stage.staged.id}", press=".button.stop"),
        Sight("submission-to-sign", signer, f"/submissions/{stage.drafted.submission_id}"),
        Sight("submission-refused", contributor, f"/submissions/{stage.refused.id}"),
        Sight("submission-returned", contributor, f"/submissions/{stage.returned.id}"),
        Sight("submission-moving", contributor, f"/submissions/{stage.moving.id}"),
        Sight("submission-published", contributor, f"/submissions/{published.id}"),
        Sight("release-publisher", crew.viewer.user, f"{base}/releases/2"),
        Sight("release-member", cast.lumen(now=NOW).integrator.user, f"{base}/releases/2"),
    ]


@LOOKS
def test_every_page_is_accessible_in_every_state(live_server: Any, browser: Browser, look: Look) -> None:
    assert walk(browser, live_server.url, sights(make_stage()), look) == ""


@LOOKS
def test_a_fault_of_ours_is_told_on_a_page_like_the_others(
    live_server: Any, browser: Browser, look: Look
) -> None:
    world = harbor_world(now=NOW)
    type(release_one(world)).objects.update(counts=["not", "a", "mapping"])
    address = f"/lists/{world.hash_list.id}/releases/1"
    seen = Sight("fault-of-ours", world.crew.viewer.user, address, broken=True)
    assert walk(browser, live_server.url, [seen], look) == ""


def test_long_and_hostile_names_break_no_page(live_server: Any, browser: Browser) -> None:
    stage = make_stage()
    HashList.objects.filter(id=stage.hash_list.id).update(
        title=HOSTILE_NAME,
        description=HOSTILE_NAME * 3,
        purpose="x" * 900,
        legal_basis="\u202dabc\u202e" * 30,
    )
    only = ("home-approver", "lists", "list", "list-releases", "submission-staged", "release-publisher")
    named = [sight for sight in sights(stage) if sight.name in only]
    assert walk(browser, live_server.url, named, Look("en-GB", 320, "light")) == ""


def test_the_search_for_faults_finds_faults(live_server: Any, browser: Browser) -> None:
    page = browser.new_page(viewport={"width": 320, "height": 600})
    page.goto(f"{live_server.url}/sign-in")
    page.evaluate("""() => {
        document.querySelector('label').remove()
        document.querySelector('h1').outerHTML = '<p><img src="/x"></p>'
        document.querySelector('main p').style.width = '900px'
    }""")
    found = " ".join(faults_of(page))
    assert "label: " in found
    assert "image-alt: " in found
    assert "sideways" in found
    assert "0 h1 headings" in found
    page.close()


@pytest.fixture
def without_javascript(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(java_script_enabled=False, locale="en-GB")
    yield context.new_page()
    context.close()


def test_a_list_is_changed_by_keyboard_alone_and_without_javascript(
    live_server: Any, without_javascript: Page, tmp_path: Path
) -> None:
    world, page = harbor_world(now=NOW), without_javascript
    base = f"{live_server.url}/lists/{world.hash_list.id}"
    file = tmp_path / "list.csv"
    file.write_text(csv_of(range(9)))

    keyboard_sign_in(page, live_server.url, world.crew.contributor.user)
    page.goto(base)
    choose(page, "Submit a change")
    reach(page, "Add entries")
    page.keyboard.press("ArrowDown")
    expect(page.locator("#mode-1")).to_be_checked()
    page.keyboard.press("ArrowUp")
    expect(page.locator("#mode-0")).to_be_checked()
    choose(page, "Continue")
    page.set_input_files("#file", file)
    choose(page, "Continue")
    choose(page, "Submit")
    expect(page.locator("main .note.success")).to_contain_text("is received and stored")
    submission = Submission.objects.get()
    validate_submission(submission.id, now=timezone.now())
    leave(page)

    keyboard_sign_in(page, live_server.url, world.crew.approver.user)
    choose(page, "Look at it and approve or return it", exact=False)
    expect(page.locator(".says")).to_have_text("9 lines, 0 refused, +9 \u22120")
    choose(page, "Approve")
    expect(page.locator("main .note.success")).to_contain_text("You approved")
    build_draft(submission.id, now=timezone.now())
    leave(page)

    keyboard_sign_in(page, live_server.url, world.crew.signer.user)
    choose(page, "Sign the release", exact=False)
    choose(page, "Sign")
    expect(page.locator("main .note.success")).to_contain_text("Signed.")
    publish_draft(Draft.objects.get().id, now=timezone.now())
    # Nobody presses anything: the page looks again by itself, also without JavaScript.
    expect(page.locator("#progress")).to_contain_text("Published as release 1.", timeout=15_000)


def test_progress_moves_on_the_open_page_and_ends_by_itself(live_server: Any, browser: Browser) -> None:
    world = harbor_world(now=NOW)
    submission = world.submit(csv_of(range(9)))
    row = Submission.objects.filter(id=submission.id)
    row.update(state="validating", rows_done=100, rows_expected=1_000)
    page = browser.new_context(locale="en-GB").new_page()
    sign_in(page, live_server.url, world.crew.contributor.user)
    page.goto(f"{live_server.url}/submissions/{submission.id}")
    page.evaluate("window.stillTheSamePage = true")
    expect(page.locator("progress")).to_have_attribute("value", "10")
    row.update(rows_done=600)
    expect(page.locator("progress")).to_have_attribute("value", "60")
    expect(page.locator("#announce")).to_have_text("The file is being checked: 600 of about 1,000 lines.")
    assert page.evaluate("window.stillTheSamePage === true"), "only the progress was renewed"
    row.update(state="received")
    validate_submission(submission.id, now=timezone.now())
    expect(page.locator(".says")).to_have_text("9 lines, 0 refused, +9 \u22120")
    assert "hx-get" not in page.content()
    page.context.close()


def test_an_error_is_where_the_focus_can_find_it(live_server: Any, browser: Browser) -> None:
    world = harbor_world(now=NOW)
    page = browser.new_context(locale="en-GB").new_page()
    sign_in(page, live_server.url, world.crew.contributor.user)
    page.goto(f"{live_server.url}/lists/{world.hash_list.id}/submissions/new")
    page.fill("#note", "Kept while mending " + "a1" * 16)
    page.click("main form .button")
    expect(page).to_have_title(re.compile("^Error: "))
    page.click(".summary a")
    expect(page.locator("#note")).to_be_focused()
    expect(page.locator("#note")).to_have_value(re.compile("^Kept while mending"))
    page.context.close()
