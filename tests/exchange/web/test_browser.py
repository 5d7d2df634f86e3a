"""The pages in a real Chromium: accessible in every state, never wider than the screen, usable without
JavaScript and without a mouse.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect

from accounts.identity.models import User
from accounts.identity.roles import Role
from accounts.membership.members import add_member, end_membership
from hashsets.intake.models import Submission
from hashsets.intake.validate import validate_submission
from hashsets.lists.models import HashList
from hashsets.releases.build import build_draft
from hashsets.releases.models import Draft
from hashsets.releases.publish import publish_draft
from tests import cast
from tests.exchange.web.stage import HOSTILE_NAME, Stage, make_stage
from tests.hashsets.releases.world import NOW, bare_list, csv_of, harbor_world

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

Scheme = Literal["light", "dark"]
WIDTHS = {320: 640, 1280: 900}
# To look at every page in every state: HX_SCREENSHOTS=folder pytest tests/exchange/web/test_browser.py --all
SCREENSHOTS = os.environ.get("HX_SCREENSHOTS", "")


@dataclass(frozen=True, slots=True)
class Sight:
    """One page in one state: who looks, where, and what they do there first (`press` a button)."""

    name: str
    who: User | None
    address: str
    press: str = ""


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


def sign_in(page: Page, url: str, user: User) -> None:
    step = cast.second_step(user)
    page.goto(f"{url}/sign-in")
    page.fill("#email", user.email)
    page.fill("#password", cast.PASSWORD)
    page.click("main button")
    expect(page.locator("#code")).to_be_visible()
    if step.page not in page.url:
        page.goto(url + step.page)
    page.fill("#code", step.code)
    page.click("main button")
    expect(page.locator(".who")).to_be_visible()


def faults_of(page: Page) -> list[str]:
    """What axe finds, a page that scrolls sideways, and headings that are missing or doubled."""
    found = [
        f"{violation['id']}: {violation['help']}: {violation['nodes'][0]['html'][:160]}"
        for violation in Axe().run(page).response["violations"]
    ]
    beyond = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    if beyond > 0:
        found.append(f"the page scrolls {beyond} pixels sideways")
    if page.locator("h1").count() != 1:
        found.append(f"{page.locator('h1').count()} h1 headings")
    return found


def walk(
    browser: Browser,
    url: str,
    stage: Stage,
    *,
    language: str,
    width: int,
    scheme: Scheme,
    only: tuple[str, ...] = (),
) -> list[str]:
    """Look at the sights; one browser session per person. Returns what is wrong, by name of the sight."""
    faults: list[str] = []
    pages: dict[object, Page] = {}
    spoken: list[str] = []
    for sight in sights(stage):
        if only and sight.name not in only:
            continue
        key = sight.who.pk if sight.who else None
        if key not in pages:
            context = browser.new_context(
                viewport={"width": width, "height": WIDTHS[width]}, color_scheme=scheme, locale=language
            )
            pages[key] = context.new_page()
            pages[key].on("console", lambda message: spoken.append(message.text))
            if sight.who:
                sign_in(pages[key], url, sight.who)
        page = pages[key]
        page.goto(url + sight.address)
        page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true })")
        if sight.press:
            page.locator(sight.press).first.click()
        assert page.locator("html").get_attribute("lang") == language[:2]
        faults += [f"{sight.name}: {fault}" for fault in faults_of(page)]
        # A 4xx page is itself reported by Chromium as a resource that failed to load.
        faults += [f"{sight.name}: console: {text}" for text in spoken if "Failed to load" not in text]
        spoken.clear()
        if SCREENSHOTS:
            file = Path(SCREENSHOTS) / f"{sight.name}-{language[:2]}-{width}-{scheme}.png"
            page.screenshot(path=file, full_page=True)
    for page in pages.values():
        page.context.close()
    return faults


@pytest.mark.parametrize(
    ("language", "width", "scheme"),
    [
        ("en-GB", 1280, "light"),
        ("fr-FR", 320, "dark"),
        pytest.param("en-GB", 320, "light", marks=pytest.mark.slow),
        pytest.param("en-GB", 1280, "dark", marks=pytest.mark.slow),
        pytest.param("fr-FR", 320, "light", marks=pytest.mark.slow),
        pytest.param("fr-FR", 1280, "light", marks=pytest.mark.slow),
    ],
)
def test_every_page_is_accessible_in_every_state(
    live_server: Any, browser: Browser, language: str, width: int, scheme: Scheme
) -> None:
    stage = make_stage()
    assert walk(browser, live_server.url, stage, language=language, width=width, scheme=scheme) == []


def test_long_and_hostile_names_break_no_page(live_server: Any, browser: Browser) -> None:
    stage = make_stage()
    HashList.objects.filter(id=stage.hash_list.id).update(
        title=HOSTILE_NAME,
        description=HOSTILE_NAME * 3,
        purpose="x" * 900,
        legal_basis="\u202dabc\u202e" * 30,
    )
    only = ("home-approver", "lists", "list", "list-releases", "submission-staged", "release-publisher")
    found = walk(browser, live_server.url, stage, language="en-GB", width=320, scheme="light", only=only)
    assert found == []


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
    reach(page, "Submit a change").press("Enter")
    reach(page, "Add entries")
    page.keyboard.press("ArrowDown")
    expect(page.locator("#mode-1")).to_be_checked()
    page.keyboard.press("ArrowUp")
    expect(page.locator("#mode-0")).to_be_checked()
    reach(page, "Continue").press("Enter")
    page.set_input_files("#file", file)
    reach(page, "Continue").press("Enter")
    reach(page, "Submit").press("Enter")
    expect(page.locator("main .note.success")).to_contain_text("is received and stored")
    submission = Submission.objects.get()
    validate_submission(submission.id, now=timezone.now())
    leave(page)

    keyboard_sign_in(page, live_server.url, world.crew.approver.user)
    reach(page, "Look at it and approve or return it", exact=False).press("Enter")
    expect(page.locator(".says")).to_have_text("9 lines, 0 refused, +9 \u22120")
    reach(page, "Approve").press("Enter")
    expect(page.locator("main .note.success")).to_contain_text("You approved")
    build_draft(submission.id, now=timezone.now())
    leave(page)

    keyboard_sign_in(page, live_server.url, world.crew.signer.user)
    reach(page, "Sign the release", exact=False).press("Enter")
    reach(page, "Sign").press("Enter")
    expect(page.locator("main .note.success")).to_contain_text("Signed.")
    publish_draft(Draft.objects.get().id, now=timezone.now())
    # Nobody presses anything: the page looks again by itself, also without JavaScript.
    expect(page.locator("#progress")).to_contain_text("Published as release 1.", timeout=15_000)


def reach(page: Page, name: str, *, exact: bool = True) -> Any:
    """Press Tab until the element of that name has the focus, as somebody without a mouse does."""
    wanted = re.compile(f"^{re.escape(name)}$" if exact else re.escape(name))
    for _ in range(60):
        page.keyboard.press("Tab")
        focused = page.locator(":focus")
        if focused.count() and wanted.search(_name_of(page)):
            assert "none" not in _outline_of(page), f"{name}: the focus cannot be seen"
            return focused
    raise AssertionError(f"'{name}' cannot be reached with the Tab key on {page.url}")


def _name_of(page: Page) -> str:
    focused = page.locator(":focus")
    labels = page.locator(f"label[for='{focused.get_attribute('id')}']")
    return labels.inner_text() if labels.count() else focused.inner_text()


def _outline_of(page: Page) -> str:
    style: str = page.locator(":focus").evaluate("one => getComputedStyle(one).outlineStyle")
    return style


def keyboard_sign_in(page: Page, url: str, user: User) -> None:
    code = cast.fresh_code(user)
    page.goto(f"{url}/sign-in")
    reach(page, "E-mail address")
    page.keyboard.type(user.email)
    page.keyboard.press("Tab")
    page.keyboard.type(cast.PASSWORD)
    page.keyboard.press("Enter")
    reach(page, "Code")
    page.keyboard.type(code)
    page.keyboard.press("Enter")
    expect(page.locator(".who")).to_contain_text(user.name)


def leave(page: Page) -> None:
    page.locator(".who button").press("Enter")
    expect(page.locator("main .note")).to_contain_text("You have signed out.")


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
