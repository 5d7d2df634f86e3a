"""API credentials: shown once, scoped, expiring, and dead the moment anything behind them is."""

from __future__ import annotations

import re
import zlib
from datetime import timedelta
from typing import Any

import pytest
from django.core import serializers
from pytest_django import DjangoAssertNumQueries

from accounts.audit.actions import Action
from accounts.audit.models import AuditEvent
from accounts.credentials.authenticate import actor_for_key
from accounts.credentials.format import BASE62, checksum, digest_of, is_well_formed, new_key
from accounts.credentials.issue import MAX_LIFETIME, IssuedCredential, issue_credential, revoke_credential
from accounts.credentials.models import Credential
from accounts.errors import Conflict, Invalid, NotAllowed, NotFound, Refusal, Unauthenticated
from accounts.identity.roles import CREDENTIAL_SCOPES, Permission
from accounts.membership.members import add_member, end_membership
from accounts.membership.register import reinstate_organisation, suspend_organisation
from tests import cast

LATER = cast.NOW + timedelta(days=90)


def issue(crew: cast.Crew, by: cast.Person, **changes: Any) -> IssuedCredential:
    words: dict[str, Any] = {
        "name": "sync job",
        "scopes": ["list.view", "release.confirm"],
        "mode": "live",
        "expires_at": LATER,
        **changes,
    }
    return issue_credential(crew.organisation, **words, actor=by.actor, now=cast.NOW)


def refused(key: str) -> str:
    with pytest.raises(Unauthenticated) as refusal:
        actor_for_key(key, now=cast.NOW)
    assert refusal.value.message == "This credential is not valid."
    return refusal.value.code


@pytest.mark.parametrize("mode", ["live", "test"])
def test_a_key_has_a_prefix_randomness_and_a_checksum(mode: str) -> None:
    key = new_key(mode)
    assert re.fullmatch(rf"hx_{mode}_[0-9A-Za-z]{{32}}[0-9A-Za-z]{{6}}", key)
    number = 0
    for digit in key[-6:]:
        number = number * 62 + BASE62.index(digit)
    assert number == zlib.crc32(key[:-6].encode())
    assert is_well_formed(key)
    assert len({new_key(mode) for _ in range(100)}) == 100


def test_the_checksum_of_a_known_key_never_changes() -> None:
    assert checksum("hx_live_" + "0" * 32) == "3jn5H2"


def test_one_wrong_character_is_noticed_without_a_database() -> None:
    key = new_key("live")
    for position in range(len(key)):
        other = "x" if key[position] != "x" else "y"
        assert not is_well_formed(key[:position] + other + key[position + 1 :])
    for text in ("", key + "0", " " + key, key + "\n", key.upper(), "hx_live_" + "é" * 38, "\x00" * 46):
        assert not is_well_formed(text)


@pytest.mark.django_db
def test_an_integrator_issues_a_key_that_acts_for_the_organisation() -> None:
    lumen = cast.lumen()
    issued = issue(lumen, lumen.integrator)
    actor = actor_for_key(issued.key, now=cast.NOW)
    assert actor.permissions == {Permission.LIST_VIEW, Permission.RELEASE_CONFIRM}
    assert actor.organisation_id == lumen.organisation.id
    assert actor.person_id == lumen.integrator.user.id
    assert actor.credential_id == issued.credential.id
    assert not actor.is_person


@pytest.mark.django_db
def test_the_key_itself_is_nowhere_afterwards() -> None:
    lumen = cast.lumen()
    issued = issue(lumen, lumen.integrator)
    assert issued.key not in repr(issued)
    stored = serializers.serialize("json", [*Credential.objects.all(), *AuditEvent.objects.all()])
    assert issued.key not in stored
    assert issued.key[12:] not in stored
    assert issued.credential.digest == digest_of(issued.key)
    assert issued.key.startswith(issued.credential.hint)
    event = AuditEvent.objects.latest("number")
    assert event.action == Action.CREDENTIAL_ISSUED
    assert event.facts["scopes"] == ["list.view", "release.confirm"]


@pytest.mark.django_db
def test_a_stranger_issues_nothing_for_others_and_is_not_told_that_they_exist() -> None:
    harbor, stranger = cast.harbor(), cast.stranger()
    with pytest.raises(NotFound) as refusal:
        issue(harbor, cast.Person(user=stranger.user, actor=stranger.actor))
    assert refusal.value.code == "organisation.not_found"
    operator = cast.operator()
    with pytest.raises(NotFound):
        issue(harbor, operator.admin)
    assert not Credential.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize("who", ["contributor", "approver", "signer", "viewer", "auditor"])
def test_only_admins_and_integrators_issue(who: str) -> None:
    harbor = cast.harbor()
    with pytest.raises(NotAllowed) as refusal:
        issue(harbor, getattr(harbor, who))
    assert refusal.value.code == "permission.missing"


@pytest.mark.django_db
def test_an_integrator_passes_on_only_what_they_hold_and_an_admin_anything_a_machine_may() -> None:
    harbor = cast.harbor()
    for scope in ("submission.create", "release.sign", "audit.read"):
        with pytest.raises(NotAllowed) as refusal:
            issue(harbor, harbor.integrator, scopes=["list.view", scope])
        assert refusal.value.code == "credential.scope_not_yours"
    everything = issue(harbor, harbor.admin, scopes=list(CREDENTIAL_SCOPES))
    assert actor_for_key(everything.key, now=cast.NOW).permissions == CREDENTIAL_SCOPES


@pytest.mark.django_db
def test_whoever_also_contributes_may_pass_that_on() -> None:
    harbor = cast.harbor()
    both = cast.person(harbor.organisation, "Bo Both", ["integrator", "contributor"])
    issued = issue(harbor, both, scopes=["submission.create"])
    assert actor_for_key(issued.key, now=cast.NOW).may(Permission.SUBMISSION_CREATE)


@pytest.mark.django_db
@pytest.mark.parametrize("scope", sorted(set(Permission) - CREDENTIAL_SCOPES))
def test_no_credential_ever_approves_or_arranges(scope: str) -> None:
    harbor = cast.harbor()
    with pytest.raises(NotAllowed) as refusal:
        issue(harbor, harbor.admin, scopes=["list.view", scope])
    assert refusal.value.code == "credential.scope_never"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"scopes": []}, "credential.scopes_missing"),
        ({"scopes": ["list.burn"]}, "credential.scope_unknown"),
        ({"mode": "beta"}, "credential.mode"),
        ({"expires_at": cast.NOW}, "credential.expiry"),
        ({"expires_at": cast.NOW + MAX_LIFETIME + timedelta(seconds=1)}, "credential.expiry"),
        ({"expires_at": LATER.replace(tzinfo=None)}, "credential.expiry"),
        ({"name": ""}, "text.missing"),
        ({"name": "098f6bcd4621d373cade4e832627b4f6"}, "text.looks_like_hash"),
    ],
)
def test_it_refuses_a_credential_that_makes_no_sense(changes: dict[str, Any], code: str) -> None:
    harbor = cast.harbor()
    with pytest.raises(Invalid) as refusal:
        issue(harbor, harbor.admin, **changes)
    assert refusal.value.code == code


@pytest.mark.django_db
def test_a_credential_issues_no_credential() -> None:
    harbor = cast.harbor()
    machine = actor_for_key(issue(harbor, harbor.admin).key, now=cast.NOW)
    with pytest.raises(NotAllowed):
        issue(harbor, cast.Person(user=harbor.admin.user, actor=machine))


@pytest.mark.django_db
def test_somebody_who_left_meanwhile_issues_nothing() -> None:
    harbor = cast.harbor()
    membership = harbor.integrator.user.memberships.get()
    end_membership(membership.id, actor=harbor.admin.actor, now=cast.NOW)
    with pytest.raises(NotAllowed):
        issue(harbor, harbor.integrator)


@pytest.mark.django_db
def test_a_key_dies_when_it_is_revoked() -> None:
    lumen = cast.lumen()
    issued = issue(lumen, lumen.integrator)
    revoke_credential(issued.credential.id, actor=lumen.admin.actor, now=cast.NOW)
    assert refused(issued.key) == "credential.revoked"
    with pytest.raises(Conflict) as refusal:
        revoke_credential(issued.credential.id, actor=lumen.admin.actor, now=cast.NOW)
    assert refusal.value.code == "credential.already_revoked"


@pytest.mark.django_db
def test_only_its_organisation_and_the_exchange_revoke_a_key() -> None:
    lumen, stranger, operator = cast.lumen(), cast.stranger(), cast.operator()
    issued = issue(lumen, lumen.integrator)
    for outsider in (stranger.actor, operator.officer.actor):
        with pytest.raises(NotFound) as refusal:
            revoke_credential(issued.credential.id, actor=outsider, now=cast.NOW)
        assert refusal.value.code == "credential.not_found"
    with pytest.raises(NotAllowed):
        revoke_credential(issued.credential.id, actor=lumen.viewer.actor, now=cast.NOW)
    assert actor_for_key(issued.key, now=cast.NOW).credential_id == issued.credential.id
    revoke_credential(issued.credential.id, actor=operator.admin.actor, now=cast.NOW)
    assert refused(issued.key) == "credential.revoked"


@pytest.mark.django_db
def test_a_key_dies_at_the_very_second_of_its_expiry() -> None:
    lumen = cast.lumen()
    issued = issue(lumen, lumen.integrator, expires_at=LATER)
    last_moment = LATER - timedelta(microseconds=1)
    assert actor_for_key(issued.key, now=last_moment).credential_id == issued.credential.id
    with pytest.raises(Unauthenticated) as refusal:
        actor_for_key(issued.key, now=LATER)
    assert refusal.value.code == "credential.expired"


@pytest.mark.django_db
def test_a_key_sleeps_while_its_organisation_is_suspended() -> None:
    lumen, operator = cast.lumen(), cast.operator()
    issued = issue(lumen, lumen.integrator)
    suspend_organisation(lumen.organisation, reason="check", actor=operator.admin.actor, now=cast.NOW)
    assert refused(issued.key) == "credential.organisation_suspended"
    reinstate_organisation(lumen.organisation, actor=operator.admin.actor, now=cast.NOW)
    assert actor_for_key(issued.key, now=cast.NOW).organisation_id == lumen.organisation.id


@pytest.mark.django_db
def test_a_key_dies_when_its_issuer_leaves_and_stays_dead_when_they_return() -> None:
    lumen = cast.lumen()
    issued = issue(lumen, lumen.integrator)
    membership = lumen.integrator.user.memberships.get()
    end_membership(membership.id, actor=lumen.admin.actor, now=cast.NOW)
    assert refused(issued.key) == "credential.issuer_left"
    add_member(
        lumen.integrator.user,
        lumen.organisation,
        roles=["integrator"],
        actor=lumen.admin.actor,
        now=cast.NOW + timedelta(seconds=1),
    )
    assert refused(issued.key) == "credential.issuer_left"


@pytest.mark.django_db
def test_a_key_dies_when_its_issuer_is_deactivated() -> None:
    lumen = cast.lumen()
    issued = issue(lumen, lumen.integrator)
    lumen.integrator.user.is_active = False
    lumen.integrator.user.save(update_fields=["is_active"])
    assert refused(issued.key) == "credential.issuer_left"


@pytest.mark.django_db
def test_unknown_and_revoked_cost_the_same(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    lumen = cast.lumen()
    issued = issue(lumen, lumen.integrator)
    revoke_credential(issued.credential.id, actor=lumen.admin.actor, now=cast.NOW)
    with django_assert_num_queries(1):
        assert refused(new_key("live")) == "credential.unknown"
    with django_assert_num_queries(1):
        assert refused(issued.key) == "credential.revoked"
    with django_assert_num_queries(0):
        assert refused("hx_live_" + "0" * 38) == "credential.unknown"


@pytest.mark.django_db
def test_its_use_is_noted_once_a_minute() -> None:
    lumen = cast.lumen()
    issued = issue(lumen, lumen.integrator)

    def used_after(seconds: int) -> Any:
        actor_for_key(issued.key, now=cast.NOW + timedelta(seconds=seconds))
        return Credential.objects.get().last_used_at

    assert used_after(0) == cast.NOW
    assert used_after(59) == cast.NOW
    assert used_after(60) == cast.NOW + timedelta(seconds=60)


@pytest.mark.django_db
def test_a_scope_that_no_longer_exists_or_is_forbidden_now_gives_nothing() -> None:
    lumen = cast.lumen()
    issued = issue(lumen, lumen.integrator)
    Credential.objects.update(scopes=["list.view", "list.burn", "submission.approve"])
    assert actor_for_key(issued.key, now=cast.NOW).permissions == {Permission.LIST_VIEW}


@pytest.mark.django_db
def test_a_refusal_never_repeats_the_key() -> None:
    key = new_key("live")
    with pytest.raises(Refusal) as refusal:
        actor_for_key(key, now=cast.NOW)
    assert key not in str(vars(refusal.value))
