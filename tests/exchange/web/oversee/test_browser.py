"""The frame and its parts in a real Chromium: every component accessible in every state, never too wide."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.exchange.web.looking import LOOKS, Look, Sight, walk

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@LOOKS
def test_every_component_is_accessible_in_every_state(live_server: Any, browser: Browser, look: Look) -> None:
    assert walk(browser, live_server.url, [Sight("components", None, "/system/components")], look) == []
