"""A person without a mouse: Tab to what is wanted, and Enter."""

from __future__ import annotations

import re
from typing import Any

from playwright.sync_api import Page, expect

from accounts.identity.models import User
from tests import cast

_FOCUSED = """() => {
    const one = document.activeElement
    if (!one || one === document.body) return null
    const label = one.id && document.querySelector(`label[for="${CSS.escape(one.id)}"]`)
    return { name: (label || one).innerText.trim(), outline: getComputedStyle(one).outlineStyle }
}"""


def reach(page: Page, name: str, *, exact: bool = True) -> Any:
    """Press Tab until the element of that name has the focus, as somebody without a mouse does."""
    wanted = re.compile(f"^{re.escape(name)}$" if exact else re.escape(name))
    for _ in range(80):
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
    """Enter in a field sends its form."""
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
