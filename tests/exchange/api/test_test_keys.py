"""A test key (`hx_test_`) reaches the sandbox lists and nothing else."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client

from accounts.credentials.issue import issue_credential
from accounts.identity.roles import TEST_SCOPES
from exchange.sharing.models import Subscription
from exchange.sharing.subscribe import subscribe
from hashsets.lists.models import HashList
from tests import cast
from tests.cast import NOW
from tests.exchange.api.matrix import MATRIX, PERSON, methods
from tests.exchange.api.test_permission_matrix import path_of
from tests.exchange.world import new_list, publish
from tests.hashsets.releases.world import NOW as TODAY

pytestmark = pytest.mark.django_db


@pytest.fixture
def client() -> Client:
    lumen = cast.lumen(now=TODAY)
    key = issue_credential(
        lumen.organisation, name="try", scopes=sorted(TEST_SCOPES), mode="test",
        expires_at=TODAY + timedelta(days=30), actor=lumen.integrator.actor, now=TODAY,
    ).key  # fmt: skip
    return Client(headers={"Authorization": f"Bearer {key}"}, raise_request_exception=False)


@pytest.fixture
def lists() -> dict[str, HashList]:
    """One list of each kind, all of which Lumen's live keys see, and follow."""
    harbor = cast.harbor()
    made = {
        "sandbox": new_list(harbor, "Sandbox", audience="public", tlp="clear", sandbox="try"),
        "public": new_list(harbor, "Public", audience="public", tlp="clear"),
        "members": new_list(harbor, "Members"),
        "own": new_list(cast.lumen(), "Own", audience="named"),
    }
    for hash_list in made.values():
        publish(hash_list)
        subscribe(hash_list.id, actor=cast.lumen().integrator.actor, now=NOW)
    return made


def test_only_sandbox_lists_exist_for_a_test_key(client: Client, lists: dict[str, HashList]) -> None:
    told = client.get("/api/v1/lists").json()["items"]
    assert [one["title"] for one in told] == ["Sandbox"]
    followed = client.get("/api/v1/subscriptions").json()["items"]
    assert [one["list_id"] for one in followed] == [lists["sandbox"].id]
    for name, hash_list in lists.items():
        wanted = 200 if name == "sandbox" else 404
        for path in ("", "/releases", "/releases/1", "/confirmations"):
            assert client.get(f"/api/v1/lists/{hash_list.id}{path}").status_code == wanted, (name, path)
        if name != "sandbox":
            assert client.get(f"/tuf/{hash_list.id}/metadata/timestamp.json").status_code == 404
            assert client.get(f"/api/v1/lists/{hash_list.id}/changes").status_code == 404


def test_a_test_key_ends_no_live_subscription(client: Client, lists: dict[str, HashList]) -> None:
    for name in ("public", "members", "own"):
        subscription = Subscription.objects.get(hash_list=lists[name])
        address = f"/api/v1/subscriptions/{subscription.id}"
        assert client.delete(address).status_code == 404
        assert client.patch(address, {"policy": {}}, content_type="application/json").status_code == 404
    assert Subscription.objects.filter(ended_at__isnull=True).count() == 4
    mine = Subscription.objects.get(hash_list=lists["sandbox"])
    assert client.delete(f"/api/v1/subscriptions/{mine.id}").status_code == 204


def test_every_door_that_is_not_the_sandboxs_refuses_a_test_key(client: Client) -> None:
    open_doors = {
        ("GET", "who"), ("GET", "lists"), ("GET", "lists/<str:list_id>"),
        ("GET", "lists/<str:list_id>/changes"),
        ("GET", "lists/<str:list_id>/releases"), ("GET", "lists/<str:list_id>/releases/<int:number>"),
        ("GET", "lists/<str:list_id>/confirmations"), ("POST", "lists/<str:list_id>/confirmations"),
        ("GET", "subscriptions"), ("POST", "subscriptions"),
        ("PATCH", "subscriptions/<uuid:subscription_id>"),
        ("DELETE", "subscriptions/<uuid:subscription_id>"),
    }  # fmt: skip
    wrong = []
    for method, route, declared in methods():
        answer = client.generic(method, path_of(route), b"", content_type="application/json")
        code = answer.json().get("code", "") if answer.status_code >= 400 else ""
        refused = code in {"credential.test_only", "permission.missing", "person.required"}
        if refused != ((method, route) not in open_doors) and not MATRIX[method, route].startswith(PERSON):
            wrong.append((method, route, answer.status_code, code, declared))
    assert wrong == []
