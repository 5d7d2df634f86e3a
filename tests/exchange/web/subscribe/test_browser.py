"""A member's pages in a real Chromium: accessible in every state, and walked from an invitation to a first
verified notice.
"""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, expect

from accounts.factors import totp
from accounts.identity.models import User
from exchange.push.deliver import deliver_due
from exchange.push.models import Attempt
from exchange.push.schedule import Lane
from exchange.sharing.models import Endpoint
from hashsets.trust.directory import refresh_directory
from tests import cast
from tests.exchange.push.conftest import members as members
from tests.exchange.push.receivers import Members
from tests.exchange.web.account.test_account import letters, link_in
from tests.exchange.web.account.test_second_step import totp_seed_in
from tests.exchange.web.hands import BOTH_HANDS, Hands, NewHands
from tests.exchange.web.looking import LOOKS, Look, Sight, walk
from tests.exchange.web.subscribe.scene import Scene, challenge_secret, set_scene
from tests.exchange.world import new_list, publish
from tests.hashsets.releases.world import NOW

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
BUTTON = "main form:not(.filters) .button"


def sights(scene: Scene) -> list[Sight]:
    """Every page of the area, in each state that looks different."""
    lumen, harbor = cast.lumen(now=NOW), cast.harbor(now=NOW)
    engineer, viewer, publisher = lumen.integrator.user, lumen.viewer.user, harbor.second_admin.user
    fresh = cast.pixelhaus(now=NOW).integrator.user

    def each(name: str, rows: dict[str, Any], address: str, who: User, tails: tuple[str, ...]) -> list[Sight]:
        return [
            Sight(f"{name}-{state}{tail.replace('/', '-')}", who, address.format(row.id) + tail)
            for state, row in rows.items()
            for tail in tails
        ]

    lists = {name: row for name, row in scene.lists.items() if name != "hidden"}
    credential = f"/organisation/credentials/{scene.credentials['live'].id}"
    endpoint = f"/endpoints/{scene.endpoints['active'].id}"
    policy = f"/subscriptions/{scene.subscriptions['followed'].id}/policy"
    asked = f"/lists/{scene.lists['asked'].id}/access"
    return [
        Sight("catalogue", engineer, "/catalogue"),
        Sight("catalogue-none", engineer, "/catalogue?q=nothing+like+this"),
        Sight("catalogue-public", None, "/catalogue"),
        Sight("entry-public", None, f"/catalogue/{scene.lists['public'].id}"),
        *each("entry", lists, "/catalogue/{}", engineer, ("",)),
        Sight("entry-viewer", viewer, f"/catalogue/{scene.lists['open'].id}"),
        Sight("ask-wrong", engineer, f"/catalogue/{scene.lists['request'].id}", press="main form .button"),
        Sight("subscriptions", engineer, "/subscriptions"),
        Sight("subscriptions-none", fresh, "/subscriptions"),
        *each("subscription", dict(scene.subscriptions), "/subscriptions/{}", engineer, ("",)),
        Sight("policy", engineer, policy),
        Sight("policy-preview", engineer, policy, press="main form .button"),
        Sight("policy-wrong", engineer, policy.replace("policy", "end")),
        Sight("credentials", engineer, "/organisation/credentials"),
        Sight("credentials-none", fresh, "/organisation/credentials"),
        Sight("credential-new", engineer, "/organisation/credentials/new"),
        Sight("credential-wrong", engineer, "/organisation/credentials/new", press=BUTTON),
        *each("credential", dict(scene.credentials), "/organisation/credentials/{}", engineer, ("",)),
        Sight("credential-roll", engineer, f"{credential}/roll"),
        Sight("credential-rolled", engineer, f"{credential}/roll", press=BUTTON),
        Sight("credential-revoke", engineer, f"{credential}/revoke"),
        Sight("endpoints", engineer, "/endpoints?closed=yes"),
        Sight("endpoints-none", fresh, "/endpoints"),
        Sight("endpoint-new", engineer, "/endpoints/new"),
        Sight("endpoint-wrong", engineer, "/endpoints/new", press=BUTTON),
        *each("endpoint", dict(scene.endpoints), "/endpoints/{}", engineer, ("",)),
        *(Sight(f"endpoint-{act}", engineer, f"{endpoint}/{act}") for act in ("address", "replay", "close")),
        Sight("endpoint-address-same", engineer, f"{endpoint}/address", press=BUTTON),
        Sight("endpoint-secret", engineer, f"{endpoint}/secret"),
        Sight("endpoint-rotated", engineer, f"{endpoint}/secret", press=BUTTON),
        Sight("attempts", engineer, "/attempts"),
        Sight("attempts-none", fresh, "/attempts"),
        Sight("attempts-filtered", engineer, "/attempts?kind=challenge"),
        *each("attempt", dict(scene.attempts), "/attempts/{}", engineer, ("",)),
        Sight("access", publisher, asked),
        Sight("access-none", publisher, f"/lists/{scene.lists['request'].id}/access"),
        Sight("access-not-named", publisher, f"/lists/{scene.lists['open'].id}/access"),
        *(
            Sight(f"access-{name}", publisher, f"/lists/{row.hash_list_id}/access/{row.id}")
            for name, row in scene.requests.items()
        ),
        Sight("getting-started", engineer, "/getting-started"),
        Sight("getting-started-fresh", fresh, "/getting-started"),
        Sight("quick-start", None, "/getting-started/quick-start"),
        Sight("sandbox", None, "/getting-started/sandbox"),
        Sight("error-codes", None, "/api/v1/errors"),
    ]


@LOOKS
def test_every_page_is_accessible_in_every_state(live_server: Any, browser: Browser, look: Look) -> None:
    assert walk(browser, live_server.url, sights(set_scene()), look) == ""


def come_in(hands: Hands, admin: Hands, url: str) -> None:
    """Lumen's admin invites an engineer by the pages; the letter leads to a password and a second step."""
    admin.sign_in(url, cast.lumen(now=NOW).admin.user)
    admin.page.goto(f"{url}/organisation/people/invite")
    admin.write("#email", "nina.new@lumen.example")
    admin.tick("[name=roles][value=integrator]")
    admin.send()
    expect(admin.page.locator("main")).to_contain_text("nina.new@lumen.example")
    admin.page.context.close()

    page = hands.page
    page.goto(url + link_in(letters()[-1]))
    expect(page.locator("main")).to_contain_text("asks you to act for Lumen.")
    hands.write("#name", "Nina New")
    hands.write("[type=password]", "quiet-lantern-over-the-marsh")
    hands.send()
    hands.press("An app that shows codes")
    seed = totp_seed_in(page.content())
    hands.write("#code", totp.code_at(seed, totp.step_at(timezone.now())))
    hands.send()
    hands.press("I have kept them")
    expect(page.locator(".who")).to_contain_text("Nina New")


@BOTH_HANDS
def test_an_engineer_walks_from_the_invitation_to_the_first_verified_notice(
    live_server: Any, browser: Browser, members: Members, hands: NewHands
) -> None:
    refresh_directory(now=timezone.now())
    row = new_list(cast.harbor(now=NOW), "Known files")
    publish(row, now=timezone.now())
    url, nina = live_server.url, hands(browser)
    page = nina.page
    come_in(nina, hands(browser), url)

    page.goto(f"{url}/getting-started")
    expect(page.locator("main")).to_contain_text("0 of 7 steps are done.")
    nina.press("Issue a key")
    nina.write("#name", "sync server")
    nina.tick("[name=scopes][value='release.confirm']")
    nina.send()
    assert re.fullmatch(r"hx_live_\w{38}", page.locator("#secret-value").inner_text())

    page.goto(f"{url}/catalogue")
    nina.press("Known files")
    nina.press("Follow this list")
    expect(page.locator("main .note.success").first).to_contain_text("You follow this list now.")

    page.goto(f"{url}/endpoints/new")
    nina.write("#url", members.url("challenge"))
    nina.send()
    members.secret = challenge_secret(page.locator("#secret-value").inner_text())
    nina.press("I have copied it")
    nina.press("Send the question now")
    expect(page.locator("main .note.success").first).to_contain_text("the endpoint is yours")

    deliver_due(lane=Lane.ROUTINE, now=timezone.now())
    assert Attempt.objects.latest("id").kind == "release"
    page.reload()
    expect(page.locator("main")).to_contain_text("It takes notices.")
    nina.press("All tries of this endpoint")
    nina.press(page.locator("tbody a").first.inner_text())
    expect(page.locator("h1")).to_have_text("Release")
    expect(page.locator("main")).to_contain_text("release 1")
    page.goto(f"{url}/getting-started")
    expect(page.locator("main")).to_contain_text("4 of 7 steps are done.")
    assert Endpoint.objects.get().failures == 0
    page.context.close()
