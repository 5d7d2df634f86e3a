"""The same acts through the API: people with a fresh sign-in arrange keys, machines do not."""

from __future__ import annotations

import time
from typing import Any

import pytest
from django.test import Client

from accounts.dual_control.models import Proposal
from accounts.identity.models import User
from exchange.http.acting import PRESENT_KEY
from hashsets.trust.hosted import create_hosted_key
from tests import cast
from tests.exchange.api.conftest import PUBLISHER_SCOPES, key_of
from tests.exchange.signing.conftest import confirmed
from tests.hashsets.releases.world import NOW, World, csv_of, harbor_world

pytestmark = pytest.mark.django_db(transaction=True)


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    session = client.session
    session[PRESENT_KEY] = time.time()
    session.save()
    return client


def send(client: Client, method: str, path: str, **body: Any) -> Any:
    ask = getattr(client, method)
    return ask(f"/api/v1/{path}", data=body, content_type="application/json")


def confirm(person: cast.Person) -> None:
    """The newest proposal, on the website."""
    waiting = Proposal.objects.filter(state="proposed").latest("created_at")
    answer = signed_in(person.user).post(f"/organisation/proposals/{waiting.id}/confirm")
    assert answer.status_code == 302, answer.content


def new_hosted(crew: cast.Crew, name: str) -> Any:
    key = create_hosted_key(crew.organisation, name=name, actor=crew.admin.actor, now=NOW)
    return confirmed(crew, key.keyid)


def test_a_list_is_rekeyed_renewed_handed_over_and_closed_over_http() -> None:
    world: World = harbor_world()
    world.release(csv_of(range(5)))
    harbor, northland, list_id = world.crew, cast.northland(now=NOW), world.hash_list.id
    admin, taker = signed_in(harbor.admin.user), signed_in(northland.admin.user)
    machine = {"Authorization": f"Bearer {key_of(harbor, PUBLISHER_SCOPES).key}"}
    new = new_hosted(harbor, "second")

    changed = send(admin, "put", f"lists/{list_id}/custody", key_ids=[str(new.id)], threshold=1)
    assert (changed.status_code, changed.json()["kind"]) == (202, "list-signers"), changed.content
    sneaked = send(admin, "post", f"lists/{list_id}/signers", key_id=str(new.id))
    assert (sneaked.status_code, sneaked.json()["code"]) == (409, "list.signers_named")
    confirm(harbor.second_admin)
    keys = admin.get(f"/api/v1/lists/{list_id}/custody").json()["keys"]
    assert [key["keyid"] for key in keys] == [new.keyid]
    by_machine = Client(headers=machine)
    refused = send(by_machine, "put", f"lists/{list_id}/custody", key_ids=[str(new.id)], threshold=1)
    assert (refused.status_code, refused.json()["code"]) == (403, "permission.missing")
    signed = send(by_machine, "post", f"lists/{list_id}/renewal/signatures", hosted=True)
    assert (signed.status_code, signed.json()["state"]) == (201, "published")
    assert by_machine.get(f"/api/v1/lists/{list_id}/renewal").status_code == 404

    revoked = send(admin, "post", f"keys/{new.id}/revoke", reason="left the organisation")
    assert (revoked.status_code, revoked.json()["frozen"]) == (200, [list_id])
    assert by_machine.get(f"/api/v1/lists/{list_id}/custody").json()["frozen"] is True

    offered = send(admin, "post", f"lists/{list_id}/transfer", organisation_id=str(northland.organisation.id))
    assert offered.status_code == 202, offered.content
    assert taker.get("/api/v1/transfers").json()["items"] == []
    confirm(harbor.second_admin)
    (seen,) = taker.get("/api/v1/transfers").json()["items"]
    assert seen["giver"] == "Harbor"
    theirs = new_hosted(northland, "theirs")
    answer = {"key_ids": [str(theirs.id)], "threshold": 1}
    assert send(admin, "post", f"transfers/{seen['id']}/accept", **answer).status_code == 404
    taken = send(taker, "post", f"transfers/{seen['id']}/accept", **answer)
    assert (taken.status_code, taken.json()["kind"]) == (202, "list-take"), taken.content
    confirm(northland.second_admin)
    assert taker.get(f"/api/v1/lists/{list_id}/custody").json()["frozen"] is False
    assert send(admin, "post", f"lists/{list_id}/close").status_code == 404
    assert send(taker, "post", f"lists/{list_id}/close").json()["status"] == "closed"
