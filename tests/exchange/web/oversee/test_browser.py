"""The frame and its parts in a real Chromium: every component accessible in every state, never too wide."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.exchange.web.test_browser import SCREENSHOTS, WIDTHS, Scheme, faults_of

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.mark.parametrize(
    ("language", "width", "scheme"),
    [
        ("en-GB", 1280, "light"),
        ("fr-FR", 320, "dark"),
        pytest.param("en-GB", 320, "light", marks=pytest.mark.slow),
        pytest.param("fr-FR", 1280, "dark", marks=pytest.mark.slow),
    ],
)
def test_every_component_is_accessible_in_every_state(
    live_server: Any, browser: Browser, language: str, width: int, scheme: Scheme
) -> None:
    context = browser.new_context(
        viewport={"width": width, "height": WIDTHS[width]}, color_scheme=scheme, locale=language
    )
    page = context.new_page()
    page.goto(f"{live_server.url}/system/components")
    found = faults_of(page)
    if SCREENSHOTS:
        page.screenshot(path=f"{SCREENSHOTS}/components-{language[:2]}-{width}-{scheme}.png", full_page=True)
    context.close()
    assert found == []
