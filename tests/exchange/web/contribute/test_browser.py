"""The publisher's pages in a real Chromium: a key that never leaves the browser, large files, every state."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, Page, Route, expect

from accounts.identity.models import User
from accounts.signing_keys.models import SigningKey
from accounts.signing_keys.register import confirm_key
from hashsets.intake.models import Submission, Upload
from hashsets.intake.validate import validate_submission
from hashsets.lists.change import change_list, statement_of
from hashsets.lists.models import HashList
from hashsets.lists.statements import Statement
from hashsets.releases.build import build_draft
from hashsets.releases.models import Draft
from hashsets.releases.publish import publish_draft
from hashsets.releases.verify import verify_release
from hashsets.trust.models import ListTransfer
from hashsets.trust.transfer import offer_list
from tests import cast
from tests.exchange.web.contribute.given import own_key, p256, signed_with_own
from tests.exchange.web.looking import LOOKS, Look, Sight, sign_in, walk
from tests.exchange.web.stage import HOSTILE_NAME, release_one
from tests.hashsets.releases.world import NOW, World, bare_list, csv_of, harbor_world, world_of

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def browsing(browser: Browser, url: str, user: User) -> Page:
    page = browser.new_context(locale="en-GB").new_page()
    sign_in(page, url, user)
    expect(page.locator(".who")).to_be_visible()
    return page


def begin_change(page: Page, base: str) -> None:
    """To the page for the file, and until its scripts run: before, it is a plain form."""
    page.goto(f"{base}/submissions/new")
    with page.expect_navigation():
        page.click("main form .button")


def registered_in(page: Page, url: str) -> SigningKey:
    """A key made by the browser of a signer, and confirmed by an admin."""
    page.goto(f"{url}/organisation/keys/browser")
    page.fill("#name", "Browser of the night shift")
    page.click("#browser-key button")
    expect(page.locator("main .note.success")).to_contain_text("is registered")
    return SigningKey.objects.get(name="Browser of the night shift")


def test_a_key_in_the_browser_is_registered_confirmed_and_signs_a_release(
    live_server: Any, browser: Browser
) -> None:
    world, url = harbor_world(now=NOW), live_server.url
    page = browsing(browser, url, world.crew.signer.user)
    key = registered_in(page, url)
    assert (key.status, key.scheme) == ("pending", "ecdsa-sha2-nistp256")
    extractable = page.evaluate("""() => new Promise(done => {
        const asked = indexedDB.open("hash-exchange", 1)
        asked.onsuccess = () => {
            const all = asked.result.transaction("keys").objectStore("keys").getAll()
            all.onsuccess = async () => {
                const key = all.result[0].privateKey
                done([key.extractable, await crypto.subtle.exportKey("pkcs8", key).catch(why => why.name)])
            }
        }
    })""")
    assert extractable == [False, "InvalidAccessError"]
    key = confirm_key(key.id, actor=world.crew.admin.actor, now=timezone.now())
    signed_with_own(world.crew, world.hash_list, key)
    for number in range(3):  # signatures differ in length: leading zeros and high bits
        draft = world.draft(csv_of(range(20 * number, 20 * number + 9)))
        page.goto(f"{url}/submissions/{draft.submission_id}/signature")
        expect(page.locator("[data-key]")).to_have_text(f"{key.keyid[:12]}\u2026")
        page.click("#browser-sign button")
        expect(page.locator("main .note.success")).to_contain_text("Signed.")
        release = publish_draft(draft.id, now=timezone.now())
        assert release is not None
        verify_release(world.fresh(), release.number)
        # The open page sees it by itself and is loaded again; only then is the way free for the next one.
        expect(page.locator("#progress")).to_contain_text(
            f"Published as release {release.number}.", timeout=30_000
        )
    page.context.close()


@pytest.mark.slow
def test_the_browser_signs_nothing_but_what_the_page_shows(live_server: Any, browser: Browser) -> None:
    world, url = harbor_world(now=NOW), live_server.url
    page = browsing(browser, url, world.crew.signer.user)
    key = confirm_key(registered_in(page, url).id, actor=world.crew.admin.actor, now=timezone.now())
    signed_with_own(world.crew, world.hash_list, key)
    draft = world.draft(csv_of(range(5)))
    part = json.loads(bytes(draft.signed_part))
    part["version"] += 1

    def another(route: Route) -> None:
        route.fulfill(body=json.dumps(part), content_type="application/octet-stream")

    page.route("**/signature/part", another)
    page.goto(f"{url}/submissions/{draft.submission_id}/signature")
    page.click("#browser-sign button")
    expect(page.locator("[data-say=differs]")).to_be_visible()
    assert Draft.objects.get(id=draft.id).state == "open"
    page.context.close()


@pytest.mark.slow
def test_another_browser_says_that_the_key_is_not_there(live_server: Any, browser: Browser) -> None:
    world, url = harbor_world(now=NOW), live_server.url
    signed_with_own(world.crew, world.hash_list, own_key(world.crew, p256()))
    draft = world.draft(csv_of(range(5)))
    page = browsing(browser, url, world.crew.signer.user)
    page.goto(f"{url}/submissions/{draft.submission_id}/signature")
    expect(page.locator("[data-say=none]")).to_be_visible()
    expect(page.locator("[data-say=ready]")).to_be_hidden()
    page.context.close()


@pytest.mark.slow
def test_a_large_file_goes_on_where_the_line_was_cut(
    live_server: Any, browser: Browser, tmp_path: Path
) -> None:
    world, url = harbor_world(now=NOW), live_server.url
    file = tmp_path / "large.csv"
    file.write_text(csv_of(range(140_000)))  # 9 MB: three parts
    page = browsing(browser, url, world.crew.contributor.user)
    sent: list[str] = []

    def cut_second(route: Route) -> None:
        sent.append(route.request.headers["upload-offset"])
        if len(sent) == 2:
            route.abort()
        else:
            route.continue_()

    page.route("**/api/v1/uploads/*", cut_second)
    begin_change(page, f"{url}/lists/{world.hash_list.id}")
    page.set_input_files("#file", file)
    page.click("main form .button")
    expect(page.locator("#upload-broken")).to_contain_text("The line was cut.", timeout=30_000)
    assert Upload.objects.get().received == 4 << 20
    page.reload()
    page.set_input_files("#file", file)
    page.click("main form .button")
    expect(page.locator("h1")).to_have_text("Check your answers")
    assert sent == ["0", str(4 << 20), str(4 << 20), str(8 << 20)]
    page.click("main form .button")
    expect(page.locator("main .note.success")).to_contain_text("is received and stored")
    assert Submission.objects.get().upload_length == file.stat().st_size
    page.context.close()


@pytest.mark.slow
def test_a_file_that_is_dropped_is_taken(live_server: Any, browser: Browser) -> None:
    world, url = harbor_world(now=NOW), live_server.url
    page = browsing(browser, url, world.crew.contributor.user)
    begin_change(page, f"{url}/lists/{world.hash_list.id}")
    dropped = page.evaluate_handle(
        """text => { const data = new DataTransfer();
           data.items.add(new File([text], "x.csv", {type: "text/csv"})); return data }""",
        csv_of(range(4)),
    )
    page.dispatch_event(".drop", "drop", {"dataTransfer": dropped})
    page.click("main form .button")
    expect(page.locator("h1")).to_have_text("Check your answers")
    page.context.close()


@pytest.mark.slow
def test_two_officials_bring_a_file_to_a_signed_release(
    live_server: Any, browser: Browser, tmp_path: Path
) -> None:
    """The whole way of a government's list, each person in their own browser."""
    world, url = harbor_world(now=NOW), live_server.url
    file = tmp_path / "list.csv"
    file.write_text(csv_of(range(30)) + "not a hash\n")
    official = browsing(browser, url, world.crew.contributor.user)
    official.goto(f"{url}/lists/{world.hash_list.id}")
    official.click("text=Submit a change")
    official.fill("#note", "Confirmed by two analysts")
    with official.expect_navigation():
        official.click("main form .button")
    official.set_input_files("#file", file)
    official.click("main form .button")
    expect(official.locator("h1")).to_have_text("Check your answers")
    official.click("main form .button")
    expect(official.locator("main .note.success")).to_contain_text("is received and stored")
    submission = Submission.objects.get()
    official.goto(f"{url}/submissions/{submission.id}")
    validate_submission(submission.id, now=timezone.now())
    expect(official.locator(".says")).to_have_text("31 lines, 1 refused, +30 \u22120")
    second = browsing(browser, url, world.crew.approver.user)
    second.goto(f"{url}/submissions?show=approve")
    second.click(f"text={submission.reference}")
    second.click("button:text-is('Approve')")
    expect(second.locator("main .note.success")).to_contain_text("You approved")
    build_draft(submission.id, now=timezone.now())
    signer = browsing(browser, url, world.crew.signer.user)
    signer.goto(f"{url}/submissions/{submission.id}/signature")
    with signer.expect_navigation():
        signer.click("button:text-is('Sign')")
    publish_draft(Draft.objects.get().id, now=timezone.now())
    official.reload()
    expect(official.locator("#progress")).to_contain_text("Published as release 1.")
    for page in (official, second, signer):
        page.context.close()


def sights(world: World) -> list[Sight]:
    crew, base = world.crew, f"/lists/{world.hash_list.id}"
    admin, contributor, signer = crew.admin.user, crew.contributor.user, crew.signer.user
    release_one(world)
    world.release(csv_of(range(50, 53)))
    own = world_of(crew, title="A list with keys of its own", now=NOW)
    HashList.objects.filter(id=own.hash_list.id).update(title=HOSTILE_NAME)
    key = own_key(crew, p256(), name="Ω " + "long" * 20)
    signed_with_own(crew, own.hash_list, key)
    own_draft = own.draft(csv_of(range(3)))
    hosted = world.draft(csv_of(range(60, 64)))
    aside = world.stage(csv_of(range(70, 73)))
    Submission.objects.filter(id=aside.id).update(problem_counts={"hash.benign": 2, "hash.repetitive": 1})
    held = world.stage(csv_of(range(40)), mode="remove")
    Submission.objects.filter(id=held.id).update(exchange_must_agree=True, holds=["removal.vast"])
    wanted = statement_of(world.fresh())
    change_list(world.fresh(), wider(wanted), actor=crew.second_admin.actor, now=NOW)
    empty = bare_list(crew, title="Nothing here yet", now=NOW)
    northland, operator = cast.northland(now=NOW), cast.operator(now=NOW)
    proposed = offer_list(empty, taker_id=northland.organisation.id, actor=crew.admin.actor, now=NOW)
    cast.second(proposed, crew.second_admin.actor, now=NOW)
    offer = ListTransfer.objects.get(hash_list=empty)
    made = f"/organisation/keys/{key.id}"
    button = "main form .button"
    return [
        Sight("list-new", admin, "/lists/new"),
        Sight("list-new-wrong", admin, "/lists/new", button),
        Sight("settings", admin, f"{base}/settings"),
        Sight(
            "settings-label-wrong", admin, f"/lists/{own.hash_list.id}/settings", "main details form button"
        ),
        Sight("settings-change", admin, f"{base}/settings/change"),
        Sight("settings-change-nothing", admin, f"{base}/settings/change", button),
        Sight("close-wrong", admin, f"{base}/close", button),
        Sight("signers", admin, f"/lists/{own.hash_list.id}/signers"),
        Sight("signers-none", admin, f"/lists/{empty.id}/signers", "section form button"),
        Sight("transfer-offer-wrong", admin, f"{base}/transfer", button),
        Sight("transfers", admin, "/transfers"),
        Sight("transfer-accept", northland.admin.user, f"/transfers/{offer.id}"),
        Sight("change", contributor, f"{base}/submissions/new"),
        Sight("change-file", contributor, f"{base}/submissions/new", button),
        Sight("change-file-wrong", contributor, f"{base}/submissions/new/file", button),
        Sight("withdraw-entries-wrong", contributor, f"{base}/withdraw-entries", button),
        Sight("queue", crew.approver.user, "/submissions"),
        Sight("queue-empty", crew.viewer.user, "/submissions?show=sign"),
        Sight("set-aside", crew.approver.user, f"/submissions/{aside.id}/set-aside"),
        Sight("set-aside-wrong", crew.approver.user, f"/submissions/{aside.id}/set-aside", button),
        Sight("set-aside-own", contributor, f"/submissions/{aside.id}/set-aside"),
        Sight("held", operator.admin.user, "/submissions/held"),
        Sight("signature-hosted", signer, f"/submissions/{hosted.submission_id}/signature"),
        Sight("signature-own", signer, f"/submissions/{own_draft.submission_id}/signature"),
        Sight(
            "signature-wrong",
            signer,
            f"/submissions/{own_draft.submission_id}/signature",
            "form[enctype] .button",
        ),
        Sight("keys", admin, "/organisation/keys"),
        Sight("keys-none", northland.admin.user, "/organisation/keys"),
        Sight("key-new-wrong", admin, "/organisation/keys/new", button),
        Sight("key-own-wrong", signer, "/organisation/keys/own", button),
        Sight("key-browser", signer, "/organisation/keys/browser"),
        Sight("key", admin, made),
        Sight("compare", admin, f"{base}/compare?older=1&newer=2"),
        Sight("compare-wrong", admin, f"{base}/compare?older=2&newer=1"),
        Sight("compare-none", admin, f"/lists/{empty.id}/compare"),
        Sight("benign-wrong", contributor, "/organisation/benign", button),
        Sight("ceremonies", operator.officer.user, "/ceremonies"),
    ]


def wider(statement: Statement) -> Statement:
    return replace(statement, audience="public", tlp="clear", description="More words")


@LOOKS
def test_every_page_is_accessible_in_every_state(live_server: Any, browser: Browser, look: Look) -> None:
    assert walk(browser, live_server.url, sights(harbor_world(now=NOW)), look) == ""
