"""A member's own authority: proposed by the member, agreed to by the operator, trusted at one endpoint."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from accounts.audit.models import AuditEvent
from accounts.errors import Conflict, Invalid, NotAllowed, NotFound, Refusal
from accounts.identity.acting import Actor
from accounts.identity.roles import Role
from exchange.push.deliver import deliver_due
from exchange.push.schedule import Outcome
from exchange.sharing.authorities import (
    MAX_CERTIFICATES,
    decide_authority,
    drop_authority,
    proposals,
    propose_authority,
)
from exchange.sharing.endpoints import change_url
from exchange.sharing.models import Endpoint
from tests import cast
from tests.benchmarks.push_world import Servers
from tests.cast import NOW
from tests.exchange.sharing.authority import authority_pem
from tests.exchange.world import SIGNER, endpoint_of, follow, new_list, publish

pytestmark = pytest.mark.django_db
URL = "https://hooks.example.org/"


def exchange_admin(name: str = "Ada") -> Actor:
    return cast.person(cast.operator().organisation, name, (Role.EXCHANGE_ADMIN,), now=NOW).actor


def integrator() -> Actor:
    return cast.lumen().integrator.actor


def test_what_a_member_proposes_is_trusted_once_the_operator_agrees() -> None:
    endpoint, pem = endpoint_of(cast.lumen(), URL), authority_pem()
    propose_authority(endpoint.id, pem=f"chatter\n{pem}", actor=integrator(), now=NOW)
    row = Endpoint.objects.get()
    assert (row.proposed_authority, row.authority) == (pem, "")
    assert [one.id for one in proposals(actor=exchange_admin())] == [endpoint.id]
    shown = row.proposed_authority_sha256
    decide_authority(endpoint.id, agree=True, shown=shown, actor=exchange_admin("Bo"), now=NOW)
    row = Endpoint.objects.get()
    assert (row.proposed_authority, row.authority) == ("", pem)
    event = AuditEvent.objects.latest("number")
    assert (event.action, event.organisation_id) == ("endpoint.authority_agreed", row.organisation_id)
    drop_authority(endpoint.id, actor=integrator(), now=NOW)
    assert Endpoint.objects.get().authority == ""


def test_what_is_refused_changes_nothing_and_nothing_is_decided_twice() -> None:
    endpoint = endpoint_of(cast.lumen(), URL, authority="before")
    propose_authority(endpoint.id, pem=authority_pem(), actor=integrator(), now=NOW)
    decide_authority(endpoint.id, agree=False, actor=exchange_admin(), now=NOW)
    assert (Endpoint.objects.get().authority, Endpoint.objects.get().proposed_authority) == ("before", "")
    with pytest.raises(Conflict) as refused:
        decide_authority(endpoint.id, agree=True, actor=exchange_admin("Bo"), now=NOW)
    assert refused.value.code == "authority.none"


@pytest.mark.parametrize(("shown", "code"), [("", "authority.digest_missing"), ("read", "authority.changed")])
def test_a_yes_is_for_the_certificates_that_were_read(shown: str, code: str) -> None:
    endpoint = endpoint_of(cast.lumen(), URL)
    propose_authority(endpoint.id, pem=authority_pem(), actor=integrator(), now=NOW)
    digest = Endpoint.objects.get().proposed_authority_sha256 if shown else ""
    propose_authority(endpoint.id, pem=authority_pem(), actor=integrator(), now=NOW)
    with pytest.raises(Refusal) as refused:
        decide_authority(endpoint.id, agree=True, shown=digest, actor=exchange_admin("Bo"), now=NOW)
    assert refused.value.code == code
    assert Endpoint.objects.get().authority == ""


def test_nobody_agrees_to_their_own_proposal() -> None:
    endpoint, ada = endpoint_of(cast.lumen(), URL), exchange_admin()
    propose_authority(endpoint.id, pem=authority_pem(), actor=integrator(), now=NOW)
    Endpoint.objects.update(authority_proposed_by=ada.person_id)
    with pytest.raises(NotAllowed) as refused:
        decide_authority(endpoint.id, agree=True, actor=ada, now=NOW)
    assert refused.value.code == "authority.own"


@pytest.mark.parametrize(
    ("pem", "code"),
    [
        ("", "authority.not_pem"),
        ("x" * 20_000, "authority.too_long"),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "authority.not_pem"),
        (authority_pem() + "-----BEGIN PRIVATE KEY-----", "authority.private_key"),
        (authority_pem(ca=False), "authority.not_ca"),
        (authority_pem(ca=None), "authority.not_ca"),
        (authority_pem(until=NOW - timedelta(days=1)), "authority.expired"),
        (authority_pem() * (MAX_CERTIFICATES + 1), "authority.too_long"),
    ],
    # Keys are new each time: unnamed, the cases would be called something else by every worker.
    ids=["nothing", "long", "no_key", "private_key", "not_ca", "says_nothing_of_ca", "expired", "too_many"],
)
def test_only_certificates_of_authorities_are_taken(pem: str, code: str) -> None:
    endpoint = endpoint_of(cast.lumen(), URL)
    with pytest.raises(Invalid) as refused:
        propose_authority(endpoint.id, pem=pem, actor=integrator(), now=NOW)
    assert (refused.value.code, refused.value.field) == (code, "pem")
    assert Endpoint.objects.get().proposed_authority == ""


def test_another_machine_is_another_decision() -> None:
    endpoint = endpoint_of(cast.lumen(), URL, authority="agreed", proposed_authority="asked")
    moved = change_url(endpoint.id, url="https://new.example.org/", actor=integrator(), now=NOW)
    assert (moved.authority, moved.proposed_authority) == ("", "")


Act = Callable[[UUID, Actor], object]
ACTS: dict[str, Act] = {
    "propose": lambda key, actor: propose_authority(key, pem=authority_pem(), actor=actor, now=NOW),
    "drop": lambda key, actor: drop_authority(key, actor=actor, now=NOW),
}


@pytest.mark.parametrize("name", ACTS)
def test_strangers_find_nothing_and_viewers_may_not(name: str) -> None:
    endpoint = endpoint_of(cast.lumen(), URL)
    for key in (endpoint.id, uuid4()):
        with pytest.raises(NotFound):
            ACTS[name](key, cast.stranger().actor)
    with pytest.raises(NotAllowed):
        ACTS[name](endpoint.id, cast.lumen().viewer.actor)


def test_only_the_operator_sees_and_decides() -> None:
    endpoint = endpoint_of(cast.lumen(), URL, proposed_authority="asked")
    for actor in (cast.lumen().admin.actor, cast.stranger().actor):
        with pytest.raises(NotAllowed):
            proposals(actor=actor)
        with pytest.raises(NotAllowed):
            decide_authority(endpoint.id, agree=True, actor=actor, now=NOW)
    with pytest.raises(NotFound):
        decide_authority(uuid4(), agree=True, actor=exchange_admin(), now=NOW)


def test_an_agreed_authority_opens_one_endpoint_and_no_other(tmp_path: Path) -> None:
    """Over real TLS: a server whose certificate no system trusts."""
    servers, hash_list = Servers(tmp_path, 25), new_list(cast.harbor())
    pem = servers.authority.read_text()
    publish(hash_list)
    agreed = endpoint_of(cast.lumen(), f"https://127.1.1.1:{servers.port}/delay/0", authority=pem)
    other = endpoint_of(cast.lumen(), f"https://127.1.1.2:{servers.port}/delay/0")
    follow(cast.lumen(), hash_list, agreed, other)
    attempts = deliver_due(lane="routine", now=NOW, signer=SIGNER).attempts
    assert set(servers.close().first) == {"127.1.1.1"}
    assert attempts == {Outcome.DELIVERED: 1, Outcome.TLS: 1}
    assert "certificate" in Endpoint.objects.get(id=other.id).last_error
