"""How a person works a page: with a mouse and scripts, or with the keyboard alone and no JavaScript.

A flow is written once for both. Controls are named by a CSS selector, links and buttons by what they say.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Protocol

import pytest
from playwright.sync_api import Browser, Page, expect

from accounts.identity.models import User
from tests import cast
from tests.exchange.web.looking import sign_in

_TABS = 200
_SEND = "main form:not(.filters) .button"
_FOCUSED = """() => {
    const one = document.activeElement
    if (!one || one === document.body) return null
    const label = one.id && document.querySelector(`label[for="${CSS.escape(one.id)}"]`)
    return { name: (label || one).innerText.trim(), outline: getComputedStyle(one).outlineStyle }
}"""
# A group of radio buttons is one stop of the Tab key: its arrows lead to the others.
_AT = """selector => {
    const one = document.activeElement
    if (one.matches(selector)) return "there"
    const wanted = document.querySelector(selector)
    return wanted && wanted.type === "radio" && one.type === "radio" && one.name === wanted.name
        ? "beside" : ""
}"""


class Hands(Protocol):
    """What a flow asks of the one who walks it."""

    page: Page

    def sign_in(self, url: str, user: User) -> None: ...

    def write(self, control: str, text: str) -> None: ...

    def tick(self, control: str) -> None: ...

    def press(self, name: str) -> None:
        """Follow the first link or press the first button of the page that says `name` or begins with it."""

    def send(self) -> None:
        """Press the button of the page's form."""


class Mouse:
    """Points and clicks, scripts running."""

    def __init__(self, browser: Browser) -> None:
        self.page = browser.new_context(locale="en-GB").new_page()

    def sign_in(self, url: str, user: User) -> None:
        sign_in(self.page, url, user)

    def write(self, control: str, text: str) -> None:
        self.page.fill(control, text)

    def tick(self, control: str) -> None:
        self.page.check(control)

    def press(self, name: str) -> None:
        says = re.compile(rf"^\s*{re.escape(name)}")
        with self.page.expect_navigation():
            self.page.locator("main").locator("a, button", has_text=says).first.click()

    def send(self) -> None:
        with self.page.expect_navigation():
            self.page.locator(_SEND).first.click()


class Keyboard:
    """Tab, arrows, Space and Enter; no script runs."""

    def __init__(self, browser: Browser) -> None:
        self.page = browser.new_context(locale="en-GB", java_script_enabled=False).new_page()

    def sign_in(self, url: str, user: User) -> None:
        keyboard_sign_in(self.page, url, user)

    def write(self, control: str, text: str) -> None:
        self._reach_control(control)
        self.page.keyboard.press("Control+A")
        if text:
            self.page.keyboard.type(text)
        else:
            self.page.keyboard.press("Delete")
        expect(self.page.locator(control)).to_have_value(text)

    def tick(self, control: str) -> None:
        wanted = self.page.locator(control)
        self._reach_control(control)
        for _ in range(20):
            if self.page.evaluate(_AT, control) == "there":
                break
            self.page.keyboard.press("ArrowDown")
        if not wanted.is_checked():
            self.page.keyboard.press("Space")
        expect(wanted).to_be_checked()

    def press(self, name: str) -> None:
        choose(self.page, name, exact=False)

    def send(self) -> None:
        self._reach_control(_SEND)
        submit(self.page)

    def _reach_control(self, control: str) -> None:
        for _ in range(_TABS):
            if self.page.evaluate(_AT, control):
                return
            self.page.keyboard.press("Tab")
        raise AssertionError(f"{control} cannot be reached with the Tab key on {self.page.url}")


BOTH_HANDS = pytest.mark.parametrize("hands", [Mouse, Keyboard], ids=["mouse", "keyboard-no-script"])
NewHands = Callable[[Browser], Hands]


def reach(page: Page, name: str, *, exact: bool = True) -> Any:
    """Press Tab until the element of that name has the focus, as somebody without a mouse does."""
    wanted = re.compile(f"^{re.escape(name)}" + ("$" if exact else ""))
    for _ in range(_TABS):
        page.keyboard.press("Tab")
        focused = page.evaluate(_FOCUSED)
        if focused and wanted.search(focused["name"]):
            assert focused["outline"] != "none", f"{name}: the focus cannot be seen"
            return page.locator(":focus")
    raise AssertionError(f"'{name}' cannot be reached with the Tab key on {page.url}")


def choose(page: Page, name: str, *, exact: bool = True) -> None:
    """Reach a link or a button, press Enter, and wait for the page it leads to.

    Without waiting, the next Tab may go to the page that is being left, and its focus is lost with it.
    """
    focused = reach(page, name, exact=exact)
    with page.expect_navigation():
        focused.press("Enter")


def submit(page: Page) -> None:
    """Enter in a field sends its form, and on a button too."""
    with page.expect_navigation():
        page.keyboard.press("Enter")


def keyboard_sign_in(page: Page, url: str, user: User) -> None:
    code = cast.fresh_code(user)
    page.goto(f"{url}/sign-in")
    reach(page, "E-mail address")
    page.keyboard.type(user.email)
    page.keyboard.press("Tab")
    page.keyboard.type(cast.PASSWORD)
    submit(page)
    reach(page, "Code")
    page.keyboard.type(code)
    submit(page)
    expect(page.locator(".who")).to_contain_text(user.name)


def leave(page: Page) -> None:
    page.locator(".who button").press("Enter")
    expect(page.locator("main .note")).to_contain_text("You have signed out.")
