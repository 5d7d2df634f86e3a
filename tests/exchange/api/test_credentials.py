"""Credentials and audit over the API: people issue, keys are shown once, a roll overlaps, auditors read."""

from __future__ import annotations

import time
from typing import Any

import pytest
from django.test import Client

from accounts.audit.models import AuditEvent
from accounts.credentials.models import Credential
from accounts.identity.roles import Permission
from exchange.http.acting import PRESENT_KEY
from tests import cast
from tests.exchange.api.conftest import MEMBER_SCOPES, Asker, key_of
from tests.hashsets.releases.world import NOW

URL = "/api/v1/credentials"
WISH = {"name": "Sync", "scopes": ["list.view", "release.confirm"], "expires_in_days": 30}

pytestmark = pytest.mark.django_db(transaction=True)


def browser(person: cast.Person) -> Client:
    client = Client()
    client.force_login(person.user)
    session = client.session
    session[PRESENT_KEY] = time.time()
    session.save()
    return client


def post(client: Client, path: str, body: dict[str, Any]) -> Any:
    return client.post(path, data=body, content_type="application/json")


def test_an_integrator_issues_a_key_that_works_and_is_never_shown_again() -> None:
    lumen = cast.lumen(now=NOW)
    client = browser(lumen.integrator)
    made = post(client, URL, WISH)
    assert made.status_code == 201, made.content
    key = made.json()["key"]
    assert Asker(key)("get", "/api/v1/who").json()["permissions"] == ["list.view", "release.confirm"]
    listed = client.get(URL)
    assert [row["id"] for row in listed.json()["items"]] == [made.json()["id"]]
    assert key not in listed.content.decode()
    assert Credential.objects.get().digest not in listed.content.decode()


def test_a_roll_gives_a_second_key_and_the_first_works_until_it_is_revoked() -> None:
    client = browser(cast.lumen(now=NOW).integrator)
    old = post(client, URL, WISH).json()
    new = post(client, f"{URL}/{old['id']}/roll", {"expires_in_days": 10}).json()
    assert (new["name"], new["scopes"]) == (old["name"], old["scopes"])
    assert new["key"] != old["key"]
    assert {Asker(key["key"])("get", "/api/v1/who").status_code for key in (old, new)} == {200}
    assert client.delete(f"{URL}/{old['id']}").status_code == 204
    assert Asker(old["key"])("get", "/api/v1/who").status_code == 401
    assert Asker(new["key"])("get", "/api/v1/who").status_code == 200
    assert post(client, f"{URL}/{old['id']}/roll", {}).status_code == 404


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"scopes": ["submission.approve"]}, "request.invalid"),
        ({"scopes": []}, "request.invalid"),
        ({"scopes": ["submission.create"]}, "credential.scope_not_yours"),
        ({"expires_in_days": 401}, "request.invalid"),
        ({"expires_in_days": "30"}, "request.invalid"),
        ({"key": "hx_live_x"}, "request.unknown_field"),
    ],
)
def test_what_nobody_may_hand_out_is_refused(change: dict[str, Any], code: str) -> None:
    answer = post(browser(cast.lumen(now=NOW).integrator), URL, WISH | change)
    assert answer.json()["code"] == code
    assert Credential.objects.count() == 0


def test_an_auditor_reads_every_event_of_their_organisation_and_no_other() -> None:
    lumen, harbor = cast.lumen(now=NOW), cast.harbor(now=NOW)
    for _ in range(3):
        key_of(lumen, MEMBER_SCOPES)
        key_of(harbor, MEMBER_SCOPES)
    auditor = browser(lumen.auditor)
    seen, cursor = [], ""
    while True:
        page = auditor.get(f"/api/v1/audit?limit=2{cursor}").json()
        seen += [item["number"] for item in page["items"]]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    own = AuditEvent.objects.filter(organisation=lumen.organisation).order_by("-number")
    assert seen == list(own.values_list("number", flat=True))
    assert len(seen) < AuditEvent.objects.count()
    assert harbor.organisation.name not in auditor.get("/api/v1/audit").content.decode()


def test_a_credential_for_audit_reads_it_and_another_does_not() -> None:
    lumen = cast.lumen(now=NOW)
    made = post(browser(lumen.admin), URL, WISH | {"scopes": [Permission.AUDIT_READ.value]}).json()
    assert Asker(made["key"])("get", "/api/v1/audit").json()["items"]
    assert Asker(key_of(lumen, MEMBER_SCOPES).key)("get", "/api/v1/audit").status_code == 403
