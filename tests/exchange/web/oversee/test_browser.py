"""What the people who run the exchange look at, in a real Chromium, and every component of the frame:
accessible in every state, never too wide.
"""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Browser

from accounts.audit.models import AuditEvent
from accounts.membership.register import create_organisation
from tests import cast
from tests.exchange.web.looking import LOOKS, Look, Sight, walk
from tests.exchange.web.stage import HOSTILE_NAME, release_one
from tests.exchange.world import endpoint_of
from tests.hashsets.releases.world import NOW, World, harbor_world

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def sights(world: World) -> list[Sight]:
    operator, lumen = cast.operator(now=NOW), cast.lumen(now=NOW)
    staff, officer = operator.admin.user, operator.officer.user
    release_one(world)
    create_organisation(name=HOSTILE_NAME, kind="company", jurisdiction="FR", actor=cast.HOST, now=NOW)
    endpoint_of(lumen, "https://failing.example.org/", failures=7, failing_since=NOW, last_error="It broke.")
    newest = AuditEvent.objects.order_by("-number")[0].number
    return [
        Sight("audit", staff, "/audit"),
        Sight("audit-of-one", world.crew.auditor.user, "/audit"),
        Sight("audit-none", staff, "/audit?actor=nobody-at-all"),
        Sight("audit-event", staff, f"/audit/{newest}"),
        Sight("audit-chain", staff, "/audit/chain"),
        Sight("audit-verified", staff, "/audit/chain", press="main form .button"),
        Sight("system", staff, "/system"),
        Sight("system-officer", officer, "/system"),
        Sight("search", staff, "/search?q=a"),
        Sight("search-none", staff, "/search?q=nothing-like-this"),
        Sight("search-empty", staff, "/search"),
        Sight("public-keys", None, "/keys"),
        Sight("status", None, "/status"),
        Sight("components", None, "/system/components"),
    ]


@LOOKS
def test_every_page_is_accessible_in_every_state(live_server: Any, browser: Browser, look: Look) -> None:
    assert walk(browser, live_server.url, sights(harbor_world(now=NOW)), look) == ""
