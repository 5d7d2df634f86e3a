"""Looking at pages in a real Chromium: who looks, at which page in which state, and what is wrong there.

An area writes down its sights and walks them once per look. A person is signed in once for all their sights:
that signing in works by the pages themselves is proven elsewhere.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings
from django.test import Client
from playwright.sync_api import Browser, Page, ViewportSize, expect

from accounts.identity.models import User
from tests import cast
from tests.exchange.web.stage import signed_in

WIDTHS = {320: 640, 1280: 900}
# To keep what was looked at: HX_SCREENSHOTS=folder pytest -m browser --all
SCREENSHOTS = os.environ.get("HX_SCREENSHOTS", "")


@dataclass(frozen=True, slots=True)
class Look:
    """How a walk looks at pages first. Then it looks at each at the other widths too."""

    language: str
    width: int
    scheme: Literal["light", "dark"]

    def __str__(self) -> str:
        return f"{self.language[:2]}-{self.width}-{self.scheme}"


# The innermost element that is too wide, other than in boxes that scroll by themselves.
_STICKS_OUT = """() => {
    const width = document.documentElement.clientWidth
    const scrolls = one => one && one !== document.body
        && (getComputedStyle(one).overflowX !== "visible" || scrolls(one.parentElement))
    const found = [...document.querySelectorAll("body *")]
        .filter(one => one.getBoundingClientRect().right > width + 1 && !scrolls(one.parentElement))
    return found.length ? found.at(-1).outerHTML.slice(0, 160) : ""
}"""

# One look in every run; the others where nothing is left out, on one database.
LOOKS = pytest.mark.parametrize(
    "look",
    [
        Look("fr-FR", 320, "dark"),
        pytest.param(Look("en-GB", 1280, "light"), marks=pytest.mark.slow),
    ],
    ids=str,
)


@dataclass(frozen=True, slots=True)
class Sight:
    """One page in one state: who looks, where, and what they do there first (`press` a button).

    `who` is a person, a browser that is known already (an applicant's), or nobody. Where something is
    pressed and the name ends with -wrong, there is a summary of what is wrong. `broken` says that a fault of
    ours is what there is to see.
    """

    name: str
    who: User | Client | None
    address: str
    press: str = ""
    broken: bool = False


def sign_in(page: Page, url: str, user: User) -> None:
    """By the pages, as people do."""
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


def known_page(browser: Browser, url: str, who: User | Client | None, look: Look) -> Page:
    """A page of a browser of its own, in which `who` is known already."""
    context = browser.new_context(
        viewport=_viewport(look.width), color_scheme=look.scheme, locale=look.language
    )
    client = signed_in(who) if isinstance(who, User) else who
    if client is not None:
        name = settings.SESSION_COOKIE_NAME
        context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": url}])
    return context.new_page()


def walk(browser: Browser, url: str, sights: Iterable[Sight], look: Look) -> str:
    """Look at the sights. Returns what is wrong, one fault to a line after the name of its sight."""
    faults: list[str] = []
    pages: dict[object, Page] = {}
    spoken: list[str] = []
    for sight in sights:
        key = sight.who.pk if isinstance(sight.who, User) else id(sight.who)
        if key not in pages:
            pages[key] = known_page(browser, url, sight.who, look)
            pages[key].on("console", lambda message: spoken.append(message.text))
        page = pages[key]
        faults += [f"{sight.name}: {fault}" for fault in _seen(page, url, sight, look)]
        # A 4xx page is itself reported by Chromium as a resource that failed to load.
        faults += [f"{sight.name}: console: {text}" for text in spoken if "Failed to load" not in text]
        spoken.clear()
        if SCREENSHOTS:
            page.screenshot(path=Path(SCREENSHOTS) / f"{sight.name}-{look}.png", full_page=True)
    for page in pages.values():
        page.context.close()
    return "\n".join(faults)


def _seen(page: Page, url: str, sight: Sight, look: Look) -> list[str]:
    answer = page.goto(url + sight.address)
    assert answer is not None
    if (answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR) is not sight.broken:
        return [f"status {answer.status}"]
    _unfold(page)
    if sight.press:
        with page.expect_navigation():
            page.locator(sight.press).first.click()
        _unfold(page)
    assert page.locator("html").get_attribute("lang") == look.language[:2]
    faults = faults_of(page)
    if sight.press and sight.name.endswith("-wrong") and not page.locator(".summary").count():
        faults.append("no summary of what is wrong")
    return faults + _at_other_widths(page, look)


def _unfold(page: Page) -> None:
    page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true })")


def faults_of(page: Page) -> list[str]:
    """What axe finds, a page that scrolls sideways, and headings that are missing or doubled."""
    found = [
        f"{violation['id']}: {violation['help']}: {violation['nodes'][0]['html'][:160]}"
        for violation in Axe().run(page).response["violations"]
    ]
    found += _beyond(page)
    if page.locator("h1").count() != 1:
        found.append(f"{page.locator('h1').count()} h1 headings")
    return found


def _at_other_widths(page: Page, look: Look) -> list[str]:
    found = []
    for width in WIDTHS:
        if width != look.width:
            page.set_viewport_size(_viewport(width))
            found += [f"at {width}: {fault}" for fault in faults_of(page)]
    page.set_viewport_size(_viewport(look.width))
    return found


def _beyond(page: Page) -> list[str]:
    beyond = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    if beyond <= 0:
        return []
    return [f"the page scrolls {beyond} pixels sideways: {page.evaluate(_STICKS_OUT)}"]


def _viewport(width: int) -> ViewportSize:
    return ViewportSize(width=width, height=WIDTHS[width])
