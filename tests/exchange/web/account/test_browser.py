"""Accounts in a real Chromium: passkeys by a virtual authenticator, the app by keyboard alone, every page by
axe, and a suspension that ends what is open.
"""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect

from accounts.factors import totp
from accounts.factors.models import CodeApp, Passkey, PasswordReset
from accounts.factors.password import ask_reset
from accounts.identity.models import User
from exchange.web.models import OpenSession
from tests import cast
from tests.exchange.web.account.test_account import letters, link_in
from tests.exchange.web.account.test_second_step import totp_seed_in
from tests.exchange.web.hands import BOTH_HANDS, Keyboard, NewHands, choose, leave, reach, submit
from tests.exchange.web.looking import LOOKS, WIDTHS, Look, faults_of, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def new_page(browser: Browser, *, javascript: bool = True) -> Page:
    page = browser.new_context(locale="en-GB", java_script_enabled=javascript).new_page()
    page.on("pageerror", lambda error: pytest.fail(f"a script failed: {error}"))
    return page


def give_device(page: Page, *, verified: bool = True) -> Any:
    """A device with a fingerprint reader; `verified` False: the finger is somebody else's."""
    device = page.context.new_cdp_session(page)
    device.send("WebAuthn.enable")
    made = device.send(
        "WebAuthn.addVirtualAuthenticator",
        {
            "options": {
                "protocol": "ctap2",
                "transport": "internal",
                "hasResidentKey": True,
                "hasUserVerification": True,
                "isUserVerified": verified,
                "automaticPresenceSimulation": True,
            }
        },
    )
    return device, made["authenticatorId"]


def first_step(page: Page, url: str, user: User) -> None:
    page.goto(f"{url}/sign-in")
    page.fill("#email", user.email)
    page.fill("#password", cast.PASSWORD)
    page.click("main button")


def test_a_passkey_is_set_up_and_then_signs_in_and_confirms_alone(live_server: Any, browser: Browser) -> None:
    url, someone = live_server.url, cast.harbor().admin.user
    page = new_page(browser)
    device, authenticator = give_device(page)
    first_step(page, url, someone)
    page.click("text=A passkey")
    page.fill("#name", "Work laptop")
    page.click("text=Make the passkey")
    expect(page.locator("h1")).to_have_text("Keep your recovery codes")
    page.click("text=I have kept them")
    leave(page)

    page.goto(f"{url}/sign-in?next=/account")
    page.click("text=Sign in with a passkey")
    page.click("main button")
    expect(page.locator("h1")).to_have_text("Your account")
    expect(page.locator("main")).to_contain_text("Work laptop")
    assert OpenSession.objects.get(user=someone).how == "passkey"

    session = OpenSession.objects.get(user=someone)
    forget_presence(session)
    page.goto(f"{url}/account/password")
    expect(page.locator("h1")).to_have_text("Confirm that it is you")
    assert page.locator("#password").count() == 0, "no app is set up, so no code is asked for"
    page.click("text=Use a passkey")
    page.click("main button")
    expect(page.locator("h1")).to_have_text("Choose a new password")

    counted = Passkey.objects.get()
    assert counted.sign_count > 0
    leave(page)
    # A copy of the device that lags behind: its counter says a number that was there before.
    Passkey.objects.update(sign_count=counted.sign_count + 100)
    page.goto(f"{url}/sign-in/passkey")
    page.click("main button")
    expect(page.locator(".summary")).to_contain_text("did not prove who you are")
    assert faults_of(page) == []
    Passkey.objects.update(sign_count=counted.sign_count)

    # Somebody else's finger: the device itself does not sign.
    device.send("WebAuthn.setUserVerified", {"authenticatorId": authenticator, "isUserVerified": False})
    page.goto(f"{url}/sign-in/passkey")
    page.click("main button")
    expect(page.locator("[data-passkey-failed]")).to_be_visible()
    expect(page.locator(".who")).to_have_count(0)
    assert faults_of(page) == []
    page.context.close()


def forget_presence(session: OpenSession) -> None:
    from django.contrib.sessions.backends.db import SessionStore

    store = SessionStore(session.session_key)
    store["hx_present_at"] = 0
    store.save()


def test_a_passkey_of_one_person_confirms_no_other(live_server: Any, browser: Browser) -> None:
    url, harbor = live_server.url, cast.harbor()
    page = new_page(browser)
    give_device(page)
    for person in (harbor.viewer, harbor.signer):
        sign_in(page, url, person.user)
        page.goto(f"{url}/account/passkeys/new")
        page.fill("#name", person.user.name)
        page.click("text=Make the passkey")
        expect(page.locator("main .note.success")).to_contain_text("The passkey is added")
        if person is harbor.viewer:
            leave(page)
    forget_presence(OpenSession.objects.get(user=harbor.signer.user))
    # The page asks for the signer's own; the browser is made to answer with the viewer's.
    page.goto(f"{url}/confirm-presence/passkey")
    other = Passkey.objects.get(user=harbor.viewer.user).credential_id
    page.evaluate(
        """(id) => {
            const form = document.querySelector("form[data-passkey]")
            const options = JSON.parse(form.dataset.options)
            options.publicKey.allowCredentials = [{ type: "public-key", id }]
            form.dataset.options = JSON.stringify(options)
        }""",
        other,
    )
    page.click("main button")
    expect(page.locator(".summary")).to_contain_text("did not prove who you are")
    page.context.close()


def test_the_app_is_set_up_by_keyboard_alone_and_without_javascript(
    live_server: Any, browser: Browser
) -> None:
    url, someone = live_server.url, cast.harbor().viewer.user
    page = new_page(browser, javascript=False)
    page.goto(f"{url}/sign-in")
    reach(page, "E-mail address")
    page.keyboard.type(someone.email)
    page.keyboard.press("Tab")
    page.keyboard.type(cast.PASSWORD)
    submit(page)
    choose(page, "An app that shows codes")
    seed = totp_seed_in(page.content())
    reach(page, "Code")
    page.keyboard.type(totp.code_at(seed, totp.step_at(timezone.now())))
    submit(page)
    expect(page.locator("h1")).to_have_text("Keep your recovery codes")
    choose(page, "I have kept them")
    expect(page.locator(".who")).to_contain_text(someone.name)
    assert CodeApp.objects.filter(user=someone).exists()
    page.goto(f"{url}/sign-in/passkey")
    page.context.close()


@BOTH_HANDS
def test_an_admin_who_suspends_a_member_ends_the_page_it_has_open(
    live_server: Any, browser: Browser, hands: NewHands
) -> None:
    url, harbor, operator = live_server.url, cast.harbor(), cast.operator()
    member, admin = hands(browser), hands(browser)
    member.sign_in(url, harbor.admin.user)
    member.page.goto(f"{url}/organisation/people")
    admin.sign_in(url, operator.admin.user)
    admin.page.goto(f"{url}/members/{harbor.organisation.id}/measure")
    admin.tick("[name=kind][value=emergency]")
    admin.write("#reason", "Keys of theirs were found in public.")
    admin.send()
    expect(admin.page.locator("main .note.success")).to_contain_text("The member is suspended.")

    member.press("Invite somebody")
    expect(member.page).to_have_url(f"{url}/sign-in?next=%2Forganisation%2Fpeople%2Finvite")
    member.sign_in(url, harbor.admin.user)
    expect(member.page.locator("h1")).to_have_text("You act for no organisation now")
    assert isinstance(member, Keyboard) or faults_of(member.page) == []  # what looks for them is a script
    for one in (member, admin):
        one.page.context.close()


@LOOKS
def test_every_page_is_accessible_in_every_state(live_server: Any, browser: Browser, look: Look) -> None:
    url, harbor = live_server.url, cast.harbor()
    admin, fresh = harbor.admin.user, harbor.viewer.user
    page = browser.new_context(
        viewport={"width": look.width, "height": WIDTHS[look.width]},
        color_scheme=look.scheme,
        locale=look.language,
    ).new_page()
    give_device(page)
    faults: list[str] = []

    def see(name: str, address: str = "", *, press: str = "") -> None:
        if address:
            page.goto(url + address)
        page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true })")
        if press:
            with page.expect_navigation():
                page.locator(press).first.click()
        faults.extend(f"{name}: {fault}" for fault in faults_of(page))

    # Before anybody is known
    see("forgotten", "/sign-in/forgotten")
    see("passkey sign-in", "/sign-in/passkey")
    see("sign-on", "/sign-in/organisation")
    see("sign-on, none", press="main .button")
    see("sign-on, back without leaving", "/sign-in/organisation/back?state=x&code=y")
    see("link gone", "/sign-in/new-password/" + "0" * 48)
    ask_reset(harbor.signer.user.email, now=timezone.now())
    see("new password", link_in(letters()[-1]))
    see("new password, wrong", press="main .button")
    page.goto(f"{url}/sign-in/forgotten")
    page.fill("#email", "nobody@example.org")
    see("link sent", press="main .button")
    # Halfway, without a second step and with one
    first_step(page, url, fresh)
    see("set up")
    see("set up a passkey", "/sign-in/set-up/passkey")
    see("set up an app", "/sign-in/set-up/app")
    see("set up an app, wrong", press="main .button")
    page.context.clear_cookies()
    cast.fresh_code(admin)
    first_step(page, url, admin)
    see("second step")
    see("second step, wrong", press="main .button")
    see("recovery", "/sign-in/recovery")
    see("recovery, wrong", press="main .button")
    sign_in(page, url, admin)
    see("account", "/account")
    see("profile", "/account/profile")
    page.fill("#name", "")
    see("profile, wrong", press="main .button")
    see("password", "/account/password")
    see("password, wrong", press="main .button")
    see("app", "/account/app")
    see("codes", "/account/recovery-codes")
    see("codes, new", press="main .button")
    see("passkey", "/account/passkeys/new")
    page.fill("#name", "Telephone")
    page.click("main .button")
    page.wait_for_url(f"{url}/account")
    see("account with a passkey")
    sign_in(browser.new_context().new_page(), url, admin)
    see("sessions", "/account/sessions")
    see("presence with a passkey", "/confirm-presence")
    see("presence by passkey", "/confirm-presence/passkey")
    # The organisation
    see("sign-on settings", "/organisation/sign-on")
    see("sign-on settings, wrong", press="main form .button")
    see("invite", "/organisation/people/invite")
    see("invite, wrong", press="main .button")
    page.fill("#email", "n" * 60 + ".new@example.org")
    page.check("#roles-1")
    page.locator("#language-1").check()
    with page.expect_navigation():
        page.click("main .button")
    see("people")
    see("person", f"/organisation/people/{fresh.memberships.get().id}")
    see("own roles", f"/organisation/people/{admin.memberships.get().id}")
    page.context.clear_cookies()
    see("invitation", link_in(letters()[-1]))
    see("invitation, wrong", press="main .button")
    assert faults == []
    assert PasswordReset.objects.count() == 1
    page.context.close()
