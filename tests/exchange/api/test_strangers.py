"""A private list and those who may not know about it: 404 or 401 everywhere, and no trace in any answer."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from json import dumps
from typing import Any, TypeAlias

import pytest
from django.test import Client
from django.urls import resolve

from accounts.credentials.issue import revoke_credential
from accounts.membership.members import end_membership
from accounts.membership.register import reinstate_organisation, suspend_organisation
from exchange.http.acting import PRESENT_KEY
from exchange.sharing.models import Endpoint, Subscription
from exchange.sharing.subscribe import unsubscribe
from hashsets.intake.uploads import open_upload
from hashsets.lists.models import ListAudience
from hashsets.releases.models import TargetFile
from hashsets.trust.models import ListTransfer
from tests import cast
from tests.exchange.api.conftest import MEMBER_SCOPES, Asker, Private, key_of, stranger_key
from tests.exchange.api.matrix import MATRIX
from tests.exchange.sharing.authority import authority_pem
from tests.exchange.world import attempt_to, endpoint_of
from tests.hashsets.releases.world import NOW

# What a part of an upload must say about itself; nothing else looks at these headers.
OF_A_PART = {"Upload-Offset": "0", "Upload-Checksum": f"sha256 {'0' * 64}"}
Ask: TypeAlias = Callable[[str, str, dict[str, object]], Any]


def tuf_paths(private: Private) -> Iterator[str]:
    base = f"/tuf/{private.hash_list.id}"
    for name in (
        "timestamp.json",
        "1.root.json",
        "2.root.json",
        "1.targets.json",
        "1.list.json",
        "1.snapshot.json",
    ):
        yield f"{base}/metadata/{name}"
    for file in TargetFile.objects.filter(hash_list=private.hash_list):
        folder, _, name = file.path.rpartition("/")
        yield f"{base}/targets/{folder}/{file.sha256}.{name}"


def reads(private: Private) -> Iterator[str]:
    api = f"/api/v1/lists/{private.hash_list.id}"
    yield from (api, f"{api}/releases", f"{api}/releases/1", f"{api}/changes")
    yield from tuf_paths(private)


def readable(private: Private) -> set[str]:
    return {path for path in reads(private) if "2.root" not in path}


def operations(private: Private) -> Iterator[tuple[str, str, dict[str, object]]]:
    """Everything that can be tried with the ids of Harbor's and Lumen's things."""
    api, submission = (
        f"/api/v1/lists/{private.hash_list.id}",
        f"/api/v1/submissions/{private.release.submission_id}",
    )
    endpoint = endpoint_of(private.lumen, "https://hooks.lumen.example/hash")
    subscription = Subscription.objects.get(organisation=private.lumen.organisation)
    confirmation = {
        "release": 1,
        "state_root": private.release.state_root,
        "hash_types": ["sha256"],
        "applied_at": NOW.isoformat(),
    }
    yield from (("get", path, {}) for path in reads(private))
    yield "get", f"{api}/submissions", {}
    yield "post", f"{api}/submissions?mode=add", {}
    yield "get", f"{api}/confirmations", {}
    yield "post", f"{api}/confirmations", confirmation
    yield "get", submission, {}
    yield "get", f"{submission}/problems", {}
    yield "get", f"{submission}/problems.csv", {}
    yield "post", f"{submission}/approve", {"operations_digest": "0" * 64}
    yield "post", f"{submission}/return", {"reason": "no"}
    yield "post", f"{submission}/withdraw", {}
    yield "post", f"{submission}/quarantine", {"accept": True, "reason": "no"}
    yield "post", f"{submission}/agree", {"operations_digest": "0" * 64}
    yield "get", f"{submission}/signatures", {}
    yield "post", f"{submission}/signatures", {"hosted": True}
    yield "get", f"{submission}/draft/manifest.json", {}
    yield "post", "/api/v1/subscriptions", {"list_id": private.hash_list.id}
    yield "patch", f"/api/v1/lists/{private.hash_list.id}", {"inline_delta": True}
    yield "patch", f"/api/v1/subscriptions/{subscription.id}", {"policy": {}}
    yield "patch", f"/api/v1/subscriptions/{subscription.id}", {"inline_delta": True}
    yield "delete", f"/api/v1/subscriptions/{subscription.id}", {}
    yield "get", f"/api/v1/endpoints/{endpoint.id}", {}
    yield "delete", f"/api/v1/endpoints/{endpoint.id}", {}
    yield "post", f"/api/v1/endpoints/{endpoint.id}/verify", {}
    yield "post", f"/api/v1/endpoints/{endpoint.id}/resume", {}
    yield "post", f"/api/v1/endpoints/{endpoint.id}/secret", {}
    yield "patch", f"/api/v1/endpoints/{endpoint.id}", {"url": "https://hooks.stranger.example/"}
    yield "put", f"/api/v1/endpoints/{endpoint.id}/authority", {"pem": authority_pem()}
    yield "delete", f"/api/v1/endpoints/{endpoint.id}/authority", {}
    yield "post", f"/api/v1/endpoints/{endpoint.id}/authority/decide", {"agree": True}
    yield "post", f"/api/v1/endpoints/{endpoint.id}/pause", {}
    yield "post", f"/api/v1/endpoints/{endpoint.id}/ping", {}
    yield "post", f"/api/v1/endpoints/{endpoint.id}/test", {}
    yield "post", f"/api/v1/endpoints/{endpoint.id}/replay", {"list_id": private.hash_list.id, "release": 1}
    attempt = attempt_to(endpoint, private.hash_list)
    yield "get", f"/api/v1/attempts/{attempt.id}", {}
    yield "post", f"/api/v1/attempts/{attempt.id}/resend", {}
    upload = open_upload(
        private.hash_list, length=5, sha256="0" * 64, actor=private.world.crew.contributor.actor, now=NOW
    )
    yield "post", "/api/v1/uploads", {"list_id": private.hash_list.id, "length": 5, "sha256": "0" * 64}
    yield "get", f"/api/v1/uploads/{upload.id}", {}
    yield "patch", f"/api/v1/uploads/{upload.id}", {}
    yield "post", f"/api/v1/uploads/{upload.id}/submit", {"mode": "add"}
    credential = private.publisher.credential.id
    yield "delete", f"/api/v1/credentials/{credential}", {}
    yield "post", f"/api/v1/credentials/{credential}/roll", {}
    yield "get", f"{api}/signers", {}
    yield "post", f"{api}/signers", {"key_id": str(private.world.key.id)}
    yield "post", f"/api/v1/keys/{private.world.key.id}/confirm", {}
    yield "post", f"/api/v1/keys/{private.world.key.id}/revoke", {"reason": "no"}
    yield "get", f"{api}/custody", {}
    yield "put", f"{api}/custody", {"key_ids": [str(private.world.key.id)], "threshold": 1}
    yield "get", f"{api}/renewal", {}
    yield "post", f"{api}/renewal", {}
    yield "post", f"{api}/renewal/signatures", {"hosted": True}
    yield "post", f"{api}/close", {}
    yield "get", f"{api}/erasures", {}
    named = {"type": "sha256", "hash": "0" * 64}
    yield "post", f"{api}/erasures", {"entries": [named], "reason": "court_order"}
    offer = ListTransfer.objects.create(
        hash_list=private.hash_list,
        giver=private.world.crew.organisation,
        taker=private.lumen.organisation,
        created_at=NOW,
    )
    yield "post", f"{api}/transfer", {"organisation_id": str(private.lumen.organisation.id)}
    yield "delete", f"/api/v1/transfers/{offer.id}", {}
    rule = {"key_ids": [str(private.world.key.id)], "threshold": 1}
    yield "post", f"/api/v1/transfers/{offer.id}/accept", rule


def collections() -> Iterator[str]:
    """Reads that name nobody's thing, and must show the asker's own things only."""
    for method, route in MATRIX:
        if method == "GET" and "<" not in route:
            yield f"/api/v1/{route}"


def markers(private: Private) -> list[str]:
    """What would give the list away."""
    return [
        private.world.crew.organisation.name,
        private.hash_list.title,
        private.release.state_root,
        private.release.manifest_sha256,
        "hooks.lumen.example",
    ]


def test_the_member_and_the_publisher_read_everything(private: Private) -> None:
    for key in (private.member.key, private.publisher.key):
        told = {path: Asker(key)("get", path).status_code for path in readable(private)}
        assert set(told.values()) == {200}, told


def person_asking(person: cast.Outsider) -> Ask:
    """A stranger in a browser, with every role of their own company and a fresh step-up."""
    client = Client()
    client.force_login(person.user)
    session = client.session
    session[PRESENT_KEY] = time.time()
    session.save()

    def ask(method: str, path: str, json: dict[str, object]) -> Any:
        return client.generic(
            method.upper(), path, dumps(json).encode(), content_type="application/json", headers=OF_A_PART
        )

    return ask


def strangers() -> list[Ask]:
    key = {"Authorization": f"Bearer {stranger_key()}"}

    def with_a_key(method: str, path: str, json: dict[str, object]) -> Any:
        return Client().generic(
            method.upper(),
            path,
            dumps(json).encode(),
            content_type="application/json",
            headers=key | OF_A_PART,
        )

    return [with_a_key, person_asking(cast.stranger(now=NOW))]


def route_of(method: str, path: str) -> tuple[str, str]:
    return method.upper(), resolve(path.partition("?")[0]).route.removeprefix("api/v1/")


def test_every_route_that_names_a_thing_is_tried_by_strangers(private: Private) -> None:
    """A new route needs a line in `operations` before this passes."""
    tried = {route_of(method, path) for method, path, _ in operations(private)}
    naming = {(method, route) for method, route in MATRIX if "<" in route}
    assert naming - tried == set()


@pytest.mark.parametrize("who", [0, 1], ids=["with a key", "in a browser"])
def test_a_stranger_finds_nothing_and_learns_nothing(private: Private, who: int) -> None:
    ask, seen = strangers()[who], 0
    for method, path, body in operations(private):
        answer = ask(method, path, body)
        assert answer.status_code in (403, 404), (method, path, answer.status_code)
        if answer.status_code == 403:
            # Only for what no credential may do, or is for the operator's staff: the id was not looked at.
            assert who == 0 or path.endswith(("/agree", "/authority/decide")), path
            assert answer.json()["code"] in ("permission.missing", "person.required"), (path, answer.content)
        text = answer.content.decode("utf-8", "replace") + str(dict(answer.headers))
        assert not [marker for marker in markers(private) if marker in text], (method, path)
        seen += 1
    assert seen > 30
    assert Endpoint.objects.get(organisation=private.lumen.organisation).state == "active"
    assert Subscription.objects.filter(
        organisation=private.lumen.organisation, ended_at__isnull=True
    ).exists()


@pytest.mark.parametrize("who", [0, 1], ids=["with a key", "in a browser"])
def test_what_a_stranger_may_list_shows_nothing_of_others(private: Private, who: int) -> None:
    ask = strangers()[who]
    endpoint_of(private.lumen, "https://hooks.lumen.example/hash")
    for path in collections():
        answer = ask("get", path, {})
        assert answer.status_code in (200, 403), path
        text = answer.content.decode("utf-8", "replace") + str(dict(answer.headers))
        assert not [marker for marker in markers(private) if marker in text], path


def test_what_is_hidden_answers_as_what_does_not_exist(private: Private) -> None:
    asker, absent = Asker(stranger_key()), "a" * 26
    for path in reads(private):
        hidden, missing = asker("get", path), asker("get", path.replace(private.hash_list.id, absent))
        assert (hidden.status_code, hidden.content) == (missing.status_code, missing.content)
    submission = f"/api/v1/submissions/{private.release.submission_id}"
    assert asker("get", submission).content == asker("get", f"/api/v1/submissions/{uuid.uuid4()}").content


def test_nobody_in_particular_gets_404_on_a_private_list(private: Private) -> None:
    assert {Asker()("get", path).status_code for path in reads(private)} == {404}


@pytest.mark.parametrize("key", ["nonsense", "hx_live_" + "a" * 38, "hx_live_", "é", "a b"])
def test_a_bad_credential_gets_401_even_where_the_public_may_read(private: Private, key: str) -> None:
    for path in (*reads(private), "/tuf/directory/metadata/timestamp.json", "/api/v1/lists"):
        answer = Asker(key)("get", path)
        assert answer.status_code == 401, path
        assert answer["WWW-Authenticate"]


def test_a_revoked_credential_is_dead_at_once(private: Private) -> None:
    revoke_credential(private.member.credential.id, actor=private.lumen.admin.actor, now=NOW)
    assert {Asker(private.member.key)("get", path).status_code for path in reads(private)} == {401}


def test_a_credential_dies_with_the_membership_of_whoever_issued_it(private: Private) -> None:
    issuer = private.lumen.integrator.user.memberships.get()
    end_membership(issuer.id, actor=private.lumen.admin.actor, now=NOW)
    assert {Asker(private.member.key)("get", path).status_code for path in reads(private)} == {401}


def test_a_suspended_organisation_reads_nothing_until_it_is_reinstated(private: Private) -> None:
    operator = cast.operator(now=NOW)
    suspend_organisation(private.lumen.organisation, reason="Test", actor=operator.admin.actor, now=NOW)
    assert {Asker(private.member.key)("get", path).status_code for path in reads(private)} == {401}
    private.lumen.organisation.refresh_from_db()
    reinstate_organisation(private.lumen.organisation, actor=operator.admin.actor, now=NOW)
    assert {Asker(private.member.key)("get", path).status_code for path in readable(private)} == {200}


def test_who_leaves_the_audience_or_the_subscription_can_download_no_more(private: Private) -> None:
    timestamp = f"/tuf/{private.hash_list.id}/metadata/timestamp.json"
    asker = Asker(private.member.key)
    assert asker("get", timestamp).status_code == 200
    audience = ListAudience.objects.get(hash_list=private.hash_list)
    audience.delete()
    assert asker("get", timestamp).status_code == 404
    audience.save(force_insert=True)
    subscription = Subscription.objects.get(organisation=private.lumen.organisation)
    unsubscribe(subscription.id, actor=private.lumen.integrator.actor, now=NOW)
    assert asker("get", timestamp).status_code == 404
    assert asker("get", f"/api/v1/lists/{private.hash_list.id}").status_code == 200


def test_another_member_does_not_see_it_in_the_catalogue(private: Private) -> None:
    other = key_of(cast.pixelhaus(now=NOW), MEMBER_SCOPES)
    assert Asker(other.key)("get", "/api/v1/lists").json()["items"] == []
    assert [item["id"] for item in Asker(private.member.key)("get", "/api/v1/lists").json()["items"]] == [
        private.hash_list.id
    ]
