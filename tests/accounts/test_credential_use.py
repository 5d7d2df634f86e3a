"""Where a credential may be used from, how it is rolled over, and what a test key can be given."""

from __future__ import annotations

from datetime import timedelta

import pytest

from accounts.audit.models import AuditEvent
from accounts.credentials.authenticate import actor_for_key
from accounts.credentials.issue import MAX_OVERLAP, IssuedCredential, issue_credential, roll_credential
from accounts.credentials.models import Credential
from accounts.credentials.networks import checked_networks, is_within
from accounts.errors import Conflict, Invalid, NotAllowed, NotFound, Unauthenticated
from accounts.identity.roles import TEST_SCOPES, Permission
from tests import cast
from tests.cast import NOW

YEAR = NOW + timedelta(days=365)


def issue(
    crew: cast.Crew,
    *,
    mode: str = "live",
    scopes: tuple[str, ...] = ("list.view",),
    networks: tuple[str, ...] = (),
) -> IssuedCredential:
    return issue_credential(
        crew.organisation, name="sync", scopes=scopes, mode=mode, expires_at=YEAR, networks=networks,
        actor=crew.integrator.actor, now=NOW,
    )  # fmt: skip


def test_networks_are_kept_in_one_form_and_nonsense_is_refused() -> None:
    assert checked_networks([" 198.51.100.7 ", "198.51.100.7/32", "10.1.2.3/16", "2001:DB8:20::/48"]) == [
        "198.51.100.7/32",
        "10.1.0.0/16",
        "2001:db8:20::/48",
    ]
    for text in (
        "",
        "example.org",
        "1.2.3",
        "0.0.0.0/0",
        "::/0",
        "1.2.3.4/33",
        "\x00",
        "1" * 500,
        "1.0.0.0/7",
    ):
        with pytest.raises(Invalid) as refusal:
            checked_networks([text])
        assert refusal.value.code == "credential.network"
    with pytest.raises(Invalid) as refusal:
        checked_networks(f"10.0.0.{n}" for n in range(21))
    assert refusal.value.code == "credential.networks_many"


def test_an_address_is_within_whatever_way_it_is_written() -> None:
    networks = checked_networks(["198.51.100.0/24", "2001:db8:20::/48"])
    assert all(
        is_within(text, networks) for text in ("198.51.100.9", "::ffff:198.51.100.9", "2001:db8:20::1")
    )
    assert not any(
        is_within(text, networks) for text in ("198.51.101.9", "2001:db8:21::1", "", "unix", "\x00")
    )


@pytest.mark.django_db
def test_a_key_works_from_its_networks_and_nowhere_else() -> None:
    issued = issue(cast.lumen(), networks=("198.51.100.0/24",))
    assert actor_for_key(issued.key, now=NOW, address="198.51.100.4").credential_id == issued.credential.id
    Credential.objects.update(last_used_at=None)
    for address in ("198.51.101.4", ""):
        with pytest.raises(Unauthenticated) as refusal:
            actor_for_key(issued.key, now=NOW, address=address)
        assert refusal.value.code == "credential.elsewhere"
        assert refusal.value.message == "This credential is not valid."
    assert Credential.objects.get().last_used_at is None


@pytest.mark.django_db
def test_rolling_over_keeps_both_keys_for_the_overlap() -> None:
    lumen = cast.lumen()
    old = issue(lumen, networks=("198.51.100.0/24",))
    rolled = roll_credential(
        old.credential.id, expires_at=YEAR, overlap=timedelta(days=1), actor=lumen.admin.actor, now=NOW
    )
    assert rolled.credential.rolled_from_id == old.credential.id
    assert (rolled.credential.networks, rolled.credential.name) == (["198.51.100.0/24"], "sync")
    for key in (old.key, rolled.key):
        actor = actor_for_key(key, now=NOW + timedelta(hours=23), address="198.51.100.4")
        assert actor.may(Permission.LIST_VIEW)
    with pytest.raises(Unauthenticated):
        actor_for_key(old.key, now=NOW + timedelta(days=1), address="198.51.100.4")
    later = actor_for_key(rolled.key, now=NOW + timedelta(days=1), address="198.51.100.4")
    assert later.credential_id == rolled.credential.id
    event = AuditEvent.objects.latest("number")
    assert event.action == "credential.rolled"
    assert event.facts["rolled_from"] == str(old.credential.id)


@pytest.mark.django_db
def test_a_credential_is_rolled_once_and_by_its_own_people() -> None:
    lumen, stranger = cast.lumen(), cast.stranger()
    old = issue(lumen).credential
    for actor, error in ((stranger.actor, NotFound), (lumen.viewer.actor, NotAllowed)):
        with pytest.raises(error):
            roll_credential(old.id, expires_at=YEAR, overlap=None, actor=actor, now=NOW)
    with pytest.raises(Invalid) as refusal:
        roll_credential(
            old.id, expires_at=YEAR, overlap=MAX_OVERLAP + timedelta(days=1), actor=lumen.admin.actor, now=NOW
        )
    assert refusal.value.code == "credential.overlap"
    roll_credential(old.id, expires_at=YEAR, overlap=None, actor=lumen.admin.actor, now=NOW)
    with pytest.raises(Conflict) as again:
        roll_credential(old.id, expires_at=YEAR, overlap=None, actor=lumen.admin.actor, now=NOW)
    assert again.value.code == "credential.rolled_already"
    assert Credential.objects.count() == 2


@pytest.mark.django_db
def test_a_test_key_is_given_only_what_the_sandbox_needs() -> None:
    lumen = cast.lumen()
    issued = issue(lumen, mode="test", scopes=tuple(TEST_SCOPES))
    actor = actor_for_key(issued.key, now=NOW)
    assert actor.is_test
    assert actor.permissions == TEST_SCOPES
    with pytest.raises(Invalid) as refusal:
        issue(lumen, mode="test", scopes=("list.view", "endpoint.manage"))
    assert refusal.value.code == "credential.scope_not_in_test"
    # Also when a row says more than it may: what counts is asked at every use.
    Credential.objects.update(scopes=["list.view", "endpoint.manage", "release.sign"])
    assert actor_for_key(issued.key, now=NOW).permissions == {Permission.LIST_VIEW}
