"""A member's pages through their forms, without JavaScript: every act, every refusal, every stranger."""

from __future__ import annotations

import re
from datetime import timedelta
from http import HTTPStatus
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.credentials.authenticate import actor_for_key
from accounts.credentials.models import Credential
from accounts.dual_control.models import Proposal
from accounts.errors import Unauthenticated
from exchange.access.models import AccessRequest
from exchange.push.models import Attempt
from exchange.sharing.models import Endpoint, Subscription
from exchange.web.subscribe.shelf import cadence
from hashsets.lists.models import HashList
from hashsets.trust.directory import refresh_directory
from tests import cast
from tests.exchange.push.conftest import members as members
from tests.exchange.push.receivers import Members
from tests.exchange.web.stage import HOSTILE_NAME, signed_in
from tests.exchange.web.subscribe.scene import Scene, attempt, challenge_secret, secret_of, set_scene
from tests.exchange.world import cursor_of, endpoint_of, follow, new_list, publish
from tests.hashsets.releases.world import NOW

pytestmark = pytest.mark.django_db


def text_of(answer: Any) -> str:
    content: bytes = answer.content
    return re.sub(r"\s+", " ", content.decode())


def page_of(client: Client, address: str, status: int = HTTPStatus.OK) -> str:
    answer = client.get(address)
    assert answer.status_code == status, text_of(answer)
    return text_of(answer)


def pressed(client: Client, address: str, **fields: Any) -> str:
    """Send a form and read the page that one is led to."""
    answer = client.post(address, fields, follow=True)
    assert answer.status_code == HTTPStatus.OK, text_of(answer)
    return text_of(answer)


@pytest.fixture
def engineer() -> Client:
    return signed_in(cast.lumen(now=NOW).integrator.user)


# The catalogue


def test_the_catalogue_shows_what_one_may_follow_or_find_and_nothing_else(engineer: Client) -> None:
    scene = set_scene()
    shown = page_of(engineer, "/catalogue")
    for name in ("open", "public", "request", "sandbox", "own", "closed"):
        assert scene.lists[name].id in shown, name
    assert "Marker of a hidden list" not in shown
    assert "&lt;script&gt;" in shown
    assert "<script>alert" not in shown
    entry = page_of(engineer, f"/catalogue/{scene.lists['open'].id}")
    assert "Act 1" in entry
    assert "You apply removals as promptly as additions" in entry
    page_of(engineer, f"/catalogue/{scene.lists['hidden'].id}", HTTPStatus.NOT_FOUND)


def test_of_a_list_on_request_only_what_its_publisher_states_is_shown(engineer: Client) -> None:
    scene = set_scene()
    row = scene.lists["request"]
    release = row.releases.get(number=1)
    HashList.objects.filter(id=row.id).update(description="Described in detail")
    for address in (f"/catalogue/{row.id}", "/catalogue?standing=request"):
        shown = page_of(engineer, address)
        assert "On request" in shown
        assert "Described in detail" not in shown
        assert f"{release.entries} entries" not in shown
    page_of(engineer, f"/lists/{row.id}", HTTPStatus.NOT_FOUND)
    page_of(engineer, f"/lists/{row.id}/releases/1", HTTPStatus.NOT_FOUND)
    for other in (signed_in(cast.operator(now=NOW).admin.user), signed_in(cast.harbor(now=NOW).viewer.user)):
        assert "On request" in page_of(other, f"/catalogue/{row.id}")  # its title; they see it anyway


@pytest.mark.parametrize(
    ("query", "found", "missing"),
    [
        ("q=public+harbor", "public", "open"),
        ("kind=company", "own", "open"),
        ("jurisdiction=ca", "open", "own"),
        ("tlp=clear", "public", "open"),
        ("type=sha256", "open", None),
        ("type=pdq", None, "open"),
        ("standing=followed", "followed", "open"),
        ("standing=open", "open", "followed"),
        ("standing=request", "request", "open"),
        ("standing=sandbox", "sandbox", "open"),
        ("q=%25", None, "open"),
    ],
)
def test_the_catalogue_is_narrowed_down(
    engineer: Client, query: str, found: str | None, missing: str | None
) -> None:
    scene = set_scene()
    shown = page_of(engineer, f"/catalogue?{query}")
    assert found is None or scene.lists[found].id in shown
    assert missing is None or scene.lists[missing].id not in shown
    assert "Clear the filter" in shown


def test_the_pager_keeps_the_filter(engineer: Client) -> None:
    harbor = cast.harbor(now=NOW)
    for number in range(30):
        new_list(harbor, f"Many {number:02}")
    new_list(harbor, "Another")
    shown = page_of(engineer, "/catalogue?q=many")
    following = re.search(r'rel="next" href="([^"]+)"', shown)
    assert following
    second = page_of(engineer, "/catalogue" + following[1].replace("&amp;", "&"))
    assert len(re.findall("Many \\d\\d", shown)) + len(re.findall("Many \\d\\d", second)) == 30
    assert "Another" not in second


def test_everybody_reads_what_is_public() -> None:
    scene, nobody = set_scene(), Client()
    shown = page_of(nobody, "/catalogue")
    assert scene.lists["public"].id in shown
    for name in ("open", "request", "own", "hidden"):
        assert scene.lists[name].id not in shown
        page_of(nobody, f"/catalogue/{scene.lists[name].id}", HTTPStatus.NOT_FOUND)
    assert "Sign in" in page_of(nobody, f"/catalogue/{scene.lists['public'].id}")
    answer = nobody.post(f"/catalogue/{scene.lists['public'].id}/follow")
    assert answer.headers["Location"].startswith("/sign-in")
    for address in ("/getting-started/quick-start", "/getting-started/sandbox", "/api/v1/errors"):
        page_of(nobody, address)


def test_a_list_is_followed_and_left(engineer: Client) -> None:
    scene = set_scene()
    row = scene.lists["open"]
    assert "You follow this list now." in pressed(engineer, f"/catalogue/{row.id}/follow")
    subscription = Subscription.objects.get(hash_list=row)
    assert cursor_of(scene.endpoints["active"], row) == 0
    address = f"/subscriptions/{subscription.id}"
    assert "Stop following" in page_of(engineer, f"{address}/end")
    assert "You no longer follow" in pressed(engineer, f"{address}/end")
    page_of(engineer, address, HTTPStatus.NOT_FOUND)


def test_a_closed_list_takes_no_followers(engineer: Client) -> None:
    row = set_scene().lists["closed"]
    assert "takes no new followers" in page_of(engineer, f"/catalogue/{row.id}")
    assert "This list is closed" in pressed(engineer, f"/catalogue/{row.id}/follow")
    assert not Subscription.objects.filter(hash_list=row).exists()


# Lists on request


def test_a_list_is_asked_for_granted_by_two_and_followed(engineer: Client) -> None:
    scene, harbor = set_scene(), cast.harbor(now=NOW)
    row = scene.lists["request"]
    entry = f"/catalogue/{row.id}"
    missing = engineer.post(f"{entry}/ask", {"reason": " "})
    assert missing.status_code == HTTPStatus.BAD_REQUEST
    assert 'href="#reason"' in text_of(missing)
    kept = engineer.post(f"{entry}/ask", {"reason": "e3b0c44298fc1c149afbf4c8996fb924 is ours"})
    assert "e3b0c44298fc1c149afbf4c8996fb924 is ours" in text_of(kept), "what was typed is not lost"
    assert "The publisher has your request." in pressed(engineer, f"{entry}/ask", reason="We host videos.")
    request = AccessRequest.objects.get(hash_list=row)

    queue, one = f"/lists/{row.id}/access", f"/lists/{row.id}/access/{request.id}"
    first, second = signed_in(harbor.admin.user), signed_in(harbor.second_admin.user)
    assert "Lumen" in page_of(first, queue)
    assert "We host videos." in page_of(first, one)
    assert "A second person" in pressed(first, f"{one}/agree")
    assert "You have agreed." in page_of(first, one)
    refused = first.post(f"{one}/agree")
    assert refused.status_code == HTTPStatus.CONFLICT
    assert "second person" in text_of(refused)
    assert "may follow this list now" in pressed(second, f"{one}/agree")
    assert "You follow this list now." in pressed(engineer, f"{entry}/follow")
    assert "has ended" in pressed(first, f"{one}/revoke")
    page_of(engineer, f"/lists/{row.id}", HTTPStatus.NOT_FOUND)
    subscription = Subscription.objects.get(hash_list=row)
    assert "no longer includes your organisation" in page_of(engineer, f"/subscriptions/{subscription.id}")


def test_a_request_is_declined_with_a_reason_or_taken_back(engineer: Client) -> None:
    scene, harbor = set_scene(), cast.harbor(now=NOW)
    admin = signed_in(harbor.admin.user)
    request = scene.requests["asked"]
    one = f"/lists/{request.hash_list_id}/access/{request.id}"
    answer = admin.post(f"{one}/decline", {"answer": ""})
    assert answer.status_code == HTTPStatus.BAD_REQUEST
    assert 'href="#answer"' in text_of(answer)
    assert "You declined." in pressed(admin, f"{one}/decline", answer="Not <b>yet</b>.")
    assert "Not &lt;b&gt;yet&lt;/b&gt;." in page_of(engineer, f"/catalogue/{request.hash_list_id}")
    other = scene.requests["agreed"]
    entry = f"/catalogue/{other.hash_list_id}"
    assert "You took your request back." in pressed(engineer, f"{entry}/ask/{other.id}/withdraw")
    assert "decided already" in pressed(engineer, f"{entry}/ask/{other.id}/withdraw")


def test_a_member_asks_for_small_changes_in_notices(engineer: Client) -> None:
    subscription = set_scene().subscriptions["followed"]
    path = f"/subscriptions/{subscription.id}"
    assert "your client downloads the change" in page_of(engineer, path)
    assert "where the publisher lets them" in pressed(engineer, f"{path}/inline-delta", inline="yes")
    assert "does not let them travel there" in page_of(engineer, path)
    HashList.objects.filter(id=subscription.hash_list_id).update(inline_delta=True)
    assert "travel in the notice itself" in page_of(engineer, path)
    assert "carry no changes any more" in pressed(engineer, f"{path}/inline-delta", inline="no")


def test_the_publisher_says_whether_a_list_is_found(engineer: Client) -> None:
    scene, admin = set_scene(), signed_in(cast.harbor(now=NOW).admin.user)
    row = scene.lists["hidden"]
    assert "does not exist" in page_of(admin, f"/lists/{row.id}/access")
    asked = pressed(admin, f"/lists/{row.id}/access/findable", findable="yes")
    assert "Nothing changes until another admin" in asked
    page_of(engineer, f"/catalogue/{row.id}", HTTPStatus.NOT_FOUND)
    cast.second(Proposal.objects.get(state="proposed"), cast.harbor(now=NOW).second_admin.actor, now=NOW)
    assert "On request" in page_of(engineer, f"/catalogue/{row.id}")
    assert "can no longer find" in pressed(admin, f"/lists/{row.id}/access/findable", findable="no")
    page_of(engineer, f"/catalogue/{row.id}", HTTPStatus.NOT_FOUND)
    public = f"/lists/{scene.lists['open'].id}/access"
    assert "Requests exist only for" in page_of(admin, public)
    assert "given out on request" in pressed(admin, f"{public}/findable", findable="yes")


# Subscriptions


def test_the_health_of_each_subscription_is_told_in_words(engineer: Client) -> None:
    scene = set_scene()
    told = {name: page_of(engineer, f"/subscriptions/{row.id}") for name, row in scene.subscriptions.items()}
    assert "Release 1 is applied, and is the newest." not in told["followed"], "something is to be noticed"
    assert "In step" in told["followed"]
    assert "Your client does not use: MD5." in told["followed"]
    assert "at least 7 min 0 s behind ours" in told["followed"]
    assert "The newest release is 1; you confirmed none." in told["behind"]
    assert "Release 1 was fetched but never confirmed." in told["behind"]
    assert "An endpoint was last told of release 0." in told["behind"]
    assert "you confirmed a state that is not the published one" in told["wrong"]
    assert "Needs you" in told["wrong"]
    shown = page_of(engineer, "/subscriptions")
    assert all(tag in shown for tag in ("In step", "Behind", "Needs you"))


def test_a_policy_is_shown_with_its_effect_before_it_is_kept(engineer: Client) -> None:
    row = set_scene().subscriptions["followed"]
    address = f"/subscriptions/{row.id}/policy"
    assert 'value="CA, GB"' in page_of(engineer, address)
    typed = {
        "publisher_kinds": ["ngo"], "jurisdictions": "ca", "classifications": ["A1", "unclassified"],
        "minimum_publishers": "3", "minimum_jurisdictions": "1",
    }  # fmt: skip
    preview = text_of(engineer.post(address, {**typed, "step": "preview"}))
    assert "Only publishers from: CA." in preview
    assert "A hash is used when at least 3 publishers list it." in preview
    assert "1 publisher from 1 jurisdiction can confirm such hashes" in preview
    assert "Nothing would be used" in preview
    assert "Of its 2 classifications, 2 are used." in preview
    row.refresh_from_db()
    assert row.policy["minimum_publishers"] == 2, "a preview keeps nothing"
    assert "The policy is kept." in pressed(engineer, address, **typed, step="keep")
    row.refresh_from_db()
    assert row.policy == {
        "publisher_kinds": ["ngo"], "jurisdictions": ["CA"], "classifications": ["A1", "unclassified"],
        "minimum_publishers": 3,
    }  # fmt: skip
    left_out = text_of(
        engineer.post(address, {**typed, "publisher_kinds": ["government"], "step": "preview"})
    )
    assert "left out as a whole" in left_out


@pytest.mark.parametrize(
    ("field", "value", "anchor"),
    [
        ("minimum_publishers", "many", "minimum-publishers"),
        ("minimum_publishers", "٣", "minimum-publishers"),
        ("jurisdictions", "Canada", "jurisdictions"),
        ("minimum_jurisdictions", "9", "minimum-jurisdictions"),
        ("publisher_kinds", "pirates", "publisher-kinds-0"),
        ("classifications", "Z9", "classifications-0"),
    ],
)
def test_a_policy_that_means_nothing_points_to_the_field_and_keeps_what_was_typed(
    engineer: Client, field: str, value: str, anchor: str
) -> None:
    row = set_scene().subscriptions["followed"]
    before = row.policy
    typed = {"jurisdictions": "CA", "minimum_publishers": "1", "minimum_jurisdictions": "1"}
    typed |= {field: value, "step": "keep"}
    answer = engineer.post(f"/subscriptions/{row.id}/policy", typed)
    assert answer.status_code == HTTPStatus.BAD_REQUEST
    shown = text_of(answer)
    assert f'href="#{anchor}"' in shown
    assert "<title>Error: " in shown
    row.refresh_from_db()
    assert row.policy == before


# Credentials


def new_credential(client: Client, **fields: Any) -> Any:
    usual = {
        "name": "sync server",
        "mode": "live",
        "scopes": ["list.view"],
        "expires_in_days": "90",
        "networks": "",
    }
    return client.post("/organisation/credentials/new", usual | fields)


def test_a_key_is_shown_once_and_kept_nowhere(engineer: Client) -> None:
    answer = new_credential(engineer, networks="127.0.0.0/8\n\n2001:db8:20::/48")
    assert answer.status_code == HTTPStatus.OK
    assert "no-store" in answer.headers["Cache-Control"]
    key = secret_of(answer.content.decode())
    assert actor_for_key(key, now=NOW, address="127.0.0.1").label == "sync server"
    credential = Credential.objects.get()
    assert credential.networks == ["127.0.0.0/8", "2001:db8:20::/48"]
    for address in (
        "/organisation/credentials",
        f"/organisation/credentials/{credential.id}",
        "/getting-started",
    ):
        shown = page_of(engineer, address)
        assert key not in shown
        assert key[12:] not in shown
    assert key not in str(dict(engineer.session))


@pytest.mark.parametrize(
    ("fields", "anchor", "said"),
    [
        ({"name": " "}, "name", "may not be empty"),
        ({"scopes": []}, "scopes-0", "Choose at least one right."),
        ({"mode": ""}, "mode-0", "Say whether the key is live or for tests."),
        ({"expires_in_days": "9999"}, "expires-in-days", "Choose how long it is valid."),
        ({"networks": "0.0.0.0/0"}, "networks", "not a network that a credential can be limited to"),
        ({"mode": "test", "scopes": ["endpoint.manage"]}, "scopes-0", "reaches the sandbox lists only"),
        ({"scopes": ["submission.create"]}, "scopes-0", "only what you may do yourself"),
        ({"scopes": ["credential.manage"]}, "scopes-0", "belongs to people"),
    ],
)
def test_a_credential_that_cannot_be_is_refused_at_its_field(
    engineer: Client, fields: dict[str, Any], anchor: str, said: str
) -> None:
    answer = new_credential(engineer, **fields)
    assert answer.status_code in (HTTPStatus.BAD_REQUEST, HTTPStatus.FORBIDDEN)
    shown = text_of(answer)
    assert f'href="#{anchor}"' in shown
    assert said in shown
    assert not Credential.objects.exists()


def test_a_credential_is_rolled_over_and_the_old_key_ends_later(engineer: Client) -> None:
    old = secret_of(new_credential(engineer).content.decode())
    credential = Credential.objects.get()
    address = f"/organisation/credentials/{credential.id}"
    refused = engineer.post(f"{address}/roll", {"overlap": "", "expires_in_days": "365"})
    assert refused.status_code == HTTPStatus.BAD_REQUEST
    answer = engineer.post(f"{address}/roll", {"overlap": "24", "expires_in_days": "365"})
    new = secret_of(answer.content.decode())
    assert new != old
    assert "The old key stays valid until" in text_of(answer)
    for key in (old, new):
        assert actor_for_key(key, now=NOW).label == "sync server"
    with pytest.raises(Unauthenticated):
        actor_for_key(old, now=NOW + timedelta(hours=25))
    again = engineer.post(f"{address}/roll", {"overlap": "24", "expires_in_days": "365"})
    assert again.status_code == HTTPStatus.CONFLICT
    assert "has a successor already" in text_of(again)


def test_a_revoked_key_opens_nothing(engineer: Client) -> None:
    key = secret_of(new_credential(engineer).content.decode())
    address = f"/organisation/credentials/{Credential.objects.get().id}"
    assert "stops working at once" in page_of(engineer, f"{address}/revoke")
    assert "is revoked" in pressed(engineer, f"{address}/revoke")
    with pytest.raises(Unauthenticated):
        actor_for_key(key, now=NOW)
    assert engineer.post(f"{address}/revoke").status_code == HTTPStatus.CONFLICT


# Endpoints


def test_an_endpoint_is_registered_proven_tried_rotated_and_closed(
    engineer: Client, members: Members
) -> None:
    refresh_directory(now=NOW)
    answer = engineer.post("/endpoints/new", {"url": members.url("challenge"), "description": "Ours"})
    assert answer.status_code == HTTPStatus.OK
    secret = secret_of(answer.content.decode())
    endpoint = Endpoint.objects.get()
    address = f"/endpoints/{endpoint.id}"
    assert secret not in page_of(engineer, address)
    assert "Nothing is sent here until it has proven" in page_of(engineer, address)

    members.secret = b"wrong" * 7
    failed = pressed(engineer, f"{address}/verify")
    assert "did not prove that it is yours" in failed
    members.secret = challenge_secret(secret)
    assert "the endpoint is yours" in pressed(engineer, f"{address}/verify")

    assert "This is what came back." in pressed(engineer, f"{address}/ping")
    assert "This is what came back." in pressed(engineer, f"{address}/test")
    kinds = list(Attempt.objects.order_by("id").values_list("kind", flat=True))
    assert kinds == ["challenge", "challenge", "ping", "test"]

    assert "Paused." in pressed(engineer, f"{address}/pause")
    assert "not possible in the state" in pressed(engineer, f"{address}/pause")
    assert "Resumed." in pressed(engineer, f"{address}/resume")
    rotated = engineer.post(f"{address}/secret")
    assert secret_of(rotated.content.decode()) != secret
    assert "still signs until" in page_of(engineer, address)
    moved = pressed(engineer, f"{address}/address", url=members.url("ok"))
    assert "The address is changed." in moved
    assert "Not proven yet" in moved
    assert "The endpoint is closed" in pressed(engineer, f"{address}/close")
    assert "Closed: nothing is ever sent here again." in page_of(engineer, address)
    assert "not possible in the state" in pressed(engineer, f"{address}/resume")


@pytest.mark.parametrize(
    "url", ["", "ftp://example.org/", "https://user@example.org/", "https://10.0.0.1/", "x" * 3000]
)
def test_an_address_that_is_none_is_refused_at_its_field(engineer: Client, url: str) -> None:
    answer = engineer.post("/endpoints/new", {"url": url, "description": "kept"})
    assert answer.status_code == HTTPStatus.BAD_REQUEST
    shown = text_of(answer)
    assert 'href="#url"' in shown
    assert 'value="kept"' in shown
    assert not Endpoint.objects.exists()


def test_an_endpoint_is_told_again_from_a_release_on(engineer: Client) -> None:
    scene = set_scene()
    endpoint, row = scene.endpoints["active"], scene.lists["followed"]
    address = f"/endpoints/{endpoint.id}/replay"
    for fields, anchor in (
        ({"list_id": row.id, "release": "7"}, "release"),
        ({"list_id": row.id, "release": "x"}, "release"),
        ({"list_id": scene.lists["hidden"].id, "release": "1"}, "list-id"),
    ):
        answer = engineer.post(address, fields)
        assert answer.status_code == HTTPStatus.BAD_REQUEST
        assert f'href="#{anchor}"' in text_of(answer)
    assert "is told again" in pressed(engineer, address, list_id=row.id, release="1")
    assert cursor_of(endpoint, row) == 0


def test_the_log_is_narrowed_down_and_one_try_says_what_happened(engineer: Client, members: Members) -> None:
    scene = set_scene()
    tries = scene.attempts
    links = {name: f"/attempts/{row.id}" for name, row in tries.items()}
    for query, wanted in (
        ("outcome=failed", {"tls", "refused", "ping"}),
        ("outcome=tls", {"tls"}),
        ("kind=ping", {"ping"}),
        ("lane=urgent", {"tls"}),
        (f"endpoint={scene.endpoints['active'].id}", set(tries)),
        (f"endpoint={scene.endpoints['paused'].id}", set()),
        ("endpoint=nonsense", set()),
    ):
        shown = page_of(engineer, f"/attempts?{query}")
        assert {name for name, link in links.items() if f'"{link}"' in shown} == wanted, query
    assert "certificate could not be verified" in page_of(engineer, links["tls"])
    refused = page_of(engineer, links["refused"])
    assert "&lt;b&gt;no&lt;/b&gt;" in refused
    assert "Send the same notice again" not in refused
    assert "Send the same notice again" in page_of(engineer, links["delivered"])

    refresh_directory(now=NOW)
    Endpoint.objects.filter(id=scene.endpoints["active"].id).update(url=members.url("ok"))
    assert "This is what came back." in pressed(engineer, f"{links['delivered']}/resend")
    assert Attempt.objects.latest("id").kind == "resend"
    assert "can be sent again" in pressed(engineer, f"{links['ping']}/resend")


# Getting started


def test_the_checklist_ticks_itself_from_what_really_happened(engineer: Client) -> None:
    row = new_list(cast.harbor(now=NOW), "Sandbox", audience="public", tlp="clear", sandbox="try")
    shown = page_of(engineer, "/getting-started")
    assert "0 of 7 steps are done." in shown
    assert f"hashx sync {row.id} --into lists" in shown
    assert "hx_live_" not in shown
    scene = set_scene()
    assert "6 of 7 steps are done." in page_of(engineer, "/getting-started")
    Credential.objects.update(last_used_at=NOW)
    assert "7 of 7 steps are done." in page_of(engineer, "/getting-started")
    Attempt.objects.filter(id=scene.attempts["delivered"].id).delete()
    assert "6 of 7 steps are done." in page_of(engineer, "/getting-started"), "a failed try ticks nothing"
    others = signed_in(cast.pixelhaus(now=NOW).viewer.user)
    assert "0 of 7 steps are done." in page_of(others, "/getting-started")


def test_every_code_of_the_program_is_in_the_catalogue_of_errors() -> None:
    shown = page_of(Client(), "/api/v1/errors")
    for code, status in (
        ("endpoint.challenge_failed", 409),
        ("list.not_found", 404),
        ("upload.too_large", 413),
    ):
        row = re.search(rf'<tr id="{code}">.*?</tr>', shown)
        assert row, code
        assert f">{status}<" in row[0]
    assert len(re.findall("<tr id=", shown)) > 150


# Who may, and strangers


ACTS = (
    "/catalogue/{list}/follow", "/catalogue/{list}/ask", "/subscriptions/{subscription}/end",
    "/subscriptions/{subscription}/policy", "/organisation/credentials/new",
    "/organisation/credentials/{credential}/roll", "/organisation/credentials/{credential}/revoke",
    "/endpoints/new", "/endpoints/{endpoint}/verify", "/endpoints/{endpoint}/ping",
    "/endpoints/{endpoint}/test",
    "/endpoints/{endpoint}/pause", "/endpoints/{endpoint}/resume", "/endpoints/{endpoint}/secret",
    "/endpoints/{endpoint}/address", "/endpoints/{endpoint}/replay", "/endpoints/{endpoint}/close",
    "/subscriptions/{subscription}/inline-delta",
    "/attempts/{attempt}/resend", "/lists/{own}/access/findable", "/lists/{own}/access/{request}/agree",
    "/lists/{own}/access/{request}/decline", "/lists/{own}/access/{request}/revoke",
)  # fmt: skip
READS = (
    "/subscriptions/{subscription}", "/subscriptions/{subscription}/policy",
    "/subscriptions/{subscription}/end",
    "/organisation/credentials/{credential}", "/organisation/credentials/{credential}/roll",
    "/organisation/credentials/{credential}/revoke", "/endpoints/{endpoint}", "/endpoints/{endpoint}/secret",
    "/endpoints/{endpoint}/address", "/endpoints/{endpoint}/replay", "/endpoints/{endpoint}/close",
    "/attempts/{attempt}", "/lists/{own}/access", "/lists/{own}/access/{request}",
)  # fmt: skip


def of(scene: Scene, pattern: str) -> str:
    return pattern.format(
        list=scene.lists["open"].id, own=scene.lists["asked"].id,
        subscription=scene.subscriptions["followed"].id,
        credential=scene.credentials["live"].id, endpoint=scene.endpoints["active"].id,
        attempt=scene.attempts["delivered"].id, request=scene.requests["asked"].id,
    )  # fmt: skip


def test_strangers_find_nothing_of_a_member_and_change_nothing() -> None:
    scene = set_scene()
    stranger = signed_in(cast.stranger(now=NOW).user)
    own = (
        "/organisation/credentials/new",
        "/endpoints/new",
        "/catalogue/{list}/follow",
        "/catalogue/{list}/ask",
    )
    for pattern in READS:
        page_of(stranger, of(scene, pattern), HTTPStatus.NOT_FOUND)
    for pattern in ACTS:
        if pattern not in own:
            answer = stranger.post(of(scene, pattern), {"findable": "yes", "answer": "x"})
            assert answer.status_code == HTTPStatus.NOT_FOUND, pattern
    for address in ("/subscriptions", "/endpoints", "/attempts", "/organisation/credentials"):
        shown = page_of(stranger, address)
        assert "lumen.example.org" not in shown
        assert "sync server" not in shown
    assert not AccessRequest.objects.filter(state="granted").exclude(id=scene.requests["granted"].id).exists()


@pytest.mark.parametrize("role", ["viewer", "contributor", "auditor"])
def test_roles_that_may_only_look_are_offered_no_acts_and_can_do_none(role: str) -> None:
    scene = set_scene()
    client = signed_in(getattr(cast.lumen(now=NOW), role).user)
    for pattern in ACTS:
        answer = client.post(of(scene, pattern))
        assert answer.status_code in (HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND), pattern
    for pattern in (
        "/subscriptions/{subscription}",
        "/endpoints/{endpoint}",
        "/attempts/{attempt}",
        "/catalogue/{list}",
    ):
        shown = client.get(of(scene, pattern)).content.decode()
        main = shown[shown.index("<main") : shown.index("</main>")]
        assert 'method="post"' not in main, pattern


def test_nobody_is_led_to_sign_in_first() -> None:
    scene = set_scene()
    for pattern in (*READS, "/subscriptions", "/endpoints", "/attempts", "/getting-started"):
        answer = Client().get(of(scene, pattern))
        assert answer.headers["Location"].startswith("/sign-in?next="), pattern


@pytest.mark.parametrize(
    ("count", "days", "said"),
    [
        (1, 0, "Once within half a year"),
        (2, 0.001, "2 releases, all within a day"),
        (9, 4, "About 2 times a day"),
        (8, 7, "About once a day"),
        (5, 28, "About once a week"),
    ],
)
def test_how_often_a_list_changes_is_said_only_when_it_can_be_known(
    count: int, days: float, said: str
) -> None:
    assert cadence(count, days * 86_400) == said


# Counting


LISTS = ("/catalogue", "/subscriptions", "/endpoints", "/attempts", "/organisation/credentials")


def queries_of(client: Client, address: str) -> int:
    with CaptureQueriesContext(connection) as seen:
        page_of(client, address)
    return len(seen)


def test_the_number_of_queries_does_not_depend_on_the_number_of_rows(engineer: Client) -> None:
    set_scene()
    engineer.get("/catalogue")
    few = {address: queries_of(engineer, address) for address in LISTS}
    harbor, lumen = cast.harbor(now=NOW), cast.lumen(now=NOW)
    for number in range(20):
        row = new_list(harbor, f"{number} {HOSTILE_NAME}"[:300])
        publish(row, now=NOW)
        endpoint = endpoint_of(lumen, f"https://e{number}.example.org/")
        follow(lumen, row, endpoint)
        attempt(endpoint)
    for _ in range(20):
        new_credential(engineer)
    many = {address: queries_of(engineer, address) for address in LISTS}
    assert many == few
    assert max(many.values()) <= 20
