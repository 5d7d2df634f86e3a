"""Rotating the keys for secrets at rest: every sealed value follows, whatever interrupts it, and no key is
dropped that something still needs.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from io import StringIO
from uuid import UUID

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import connection, models
from pytest_django import Settings

from accounts.audit.actions import Action
from accounts.audit.models import AuditEvent
from accounts.rotation.rotate import rotate_secrets, standing
from accounts.sealing.columns import SealedField, context_of
from accounts.sealing.places import sealed_places
from exchange.calls.models import RememberedCall
from exchange.calls.remember import Answer, claim, settle
from exchange.checks import secrets_can_be_opened
from exchange.sharing import secrets
from exchange.sharing.models import Endpoint
from hashsets.trust import private_keys, push_key
from hashsets.trust.models import PrivateKey, PrivateKeyPurpose
from tests import cast
from tests.exchange.world import endpoint_of
from tests.hashsets.releases.crash import killed_at

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
K1, K2 = ("k1", b"1" * 32), ("k2", b"2" * 32)
HINTS = re.compile(r"secret|seed|private|token|sealed|password|passphrase|api_?key")
"""Names under which a secret might be kept in clear."""
NO_SECRETS = {
    "accounts.User.password": "a slow hash",
    "accounts.DomainProof.token": "public, in a name server",
    "exchange.RememberedCall.token": "whose turn it is",
    "exchange.Endpoint.previous_secret_until": "a time",
}


def a_world() -> None:
    """One row in every place, sealed with the current key."""
    lumen = cast.lumen()
    push_key.ensure_key(NOW)
    endpoint = endpoint_of(lumen, "https://receiver.example/")
    endpoint.sealed_previous_secret = secrets.sealed_secret(
        b"before", endpoint_id=endpoint.id, field="previous_secret"
    )
    endpoint.previous_secret_until = NOW + timedelta(hours=1)
    endpoint.save()
    told = claim(lumen.organisation.id, "key-1", lease=timedelta(minutes=1), now=NOW)
    assert not isinstance(told, Answer)
    settle(told, Answer("0" * 64, 201, "application/json", b"{}"))


def everything_opens() -> None:
    """By the very functions that the exchange opens it with."""
    assert push_key.sign_notice(b"notice")
    for endpoint in Endpoint.objects.all():
        assert len(secrets.valid_secrets(endpoint, now=NOW)) == 2
    for call in RememberedCall.objects.all():
        kept = claim(call.organisation_id, call.key, lease=timedelta(minutes=1), now=NOW)
        assert isinstance(kept, Answer)
        assert kept.body == b"{}"


def rotated(settings: Settings) -> None:
    settings.HX_SECRETS_KEYS = (K2, K1)
    done = rotate_secrets(now=lambda: NOW)
    assert not done.refused


@pytest.mark.django_db
def test_every_secret_follows_to_the_new_key_and_the_old_one_may_go(settings: Settings) -> None:
    settings.HX_SECRETS_KEYS = (K1,)
    a_world()
    settings.HX_SECRETS_KEYS = (K2, K1)
    before = standing()
    assert (before.behind, before.missing, before.droppable) == (4, (), ())
    rotated(settings)
    after = standing()
    assert (after.behind, dict(after.needed), after.droppable) == (0, {"k2": 4}, ("k1",))
    settings.HX_SECRETS_KEYS = (K2,)
    everything_opens()


@pytest.mark.django_db
def test_a_second_run_changes_nothing_and_records_nothing(settings: Settings) -> None:
    settings.HX_SECRETS_KEYS = (K1,)
    a_world()
    rotated(settings)
    events = AuditEvent.objects.filter(action=Action.SECRETS_RESEALED)
    told = {event.facts["place"]: event.facts["values"] for event in events}
    assert told == {
        "exchange.Endpoint.sealed_secret": 1,
        "exchange.Endpoint.sealed_previous_secret": 1,
        "exchange.RememberedCall.sealed_body": 1,
        "hashsets.PrivateKey.sealed": 1,
    }
    kept = Endpoint.objects.values_list("sealed_secret", flat=True).get()
    rotated(settings)
    assert events.count() == 4
    assert Endpoint.objects.values_list("sealed_secret", flat=True).get() == kept


@pytest.mark.django_db
def test_batches_reach_every_row(settings: Settings) -> None:
    settings.HX_SECRETS_KEYS = (K1,)
    lumen = cast.lumen()
    for number in range(7):
        endpoint_of(lumen, f"https://receiver-{number}.example/")
    settings.HX_SECRETS_KEYS = (K2, K1)
    done = rotate_secrets(now=lambda: NOW, batch=3)
    assert done.resealed["exchange.Endpoint.sealed_secret"] == 7
    assert standing().behind == 0
    assert AuditEvent.objects.filter(action=Action.SECRETS_RESEALED).count() == 3


@pytest.mark.django_db
def test_a_value_that_does_not_open_is_told_and_left_and_stops_no_other(settings: Settings) -> None:
    settings.HX_SECRETS_KEYS = (K1,)
    a_world()
    endpoint = Endpoint.objects.get()
    damaged = secrets.sealed_secret(b"x", endpoint_id=UUID(int=0))
    Endpoint.objects.update(sealed_secret=damaged)
    settings.HX_SECRETS_KEYS = (K2, K1)
    done = rotate_secrets(now=lambda: NOW)
    assert done.refused == [f"exchange.Endpoint.sealed_secret {endpoint.id}: sealing.not_authentic"]
    assert Endpoint.objects.values_list("sealed_secret", flat=True).get() == damaged
    assert sum(done.resealed.values()) == 3
    assert dict(standing().needed) == {"k2": 3, "k1": 1}


@pytest.mark.django_db
def test_the_command_says_which_keys_are_still_needed(settings: Settings) -> None:
    settings.HX_SECRETS_KEYS = (K1,)
    a_world()
    settings.HX_SECRETS_KEYS = (K2, K1)
    with pytest.raises(CommandError, match=r"4 values need another key than 'k2'\. Drop none of: k1"):
        call_command("rotate_secrets", check=True, stdout=StringIO())
    out = StringIO()
    call_command("rotate_secrets", stdout=out)
    assert "Every secret is sealed with 'k2'.\nNo longer needed here: k1" in out.getvalue()
    assert "hashsets.PrivateKey.sealed: 1 sealed again" in out.getvalue()
    call_command("rotate_secrets", check=True, stdout=StringIO())


@pytest.mark.django_db
def test_a_key_that_was_dropped_too_early_stops_the_start(settings: Settings) -> None:
    settings.HX_SECRETS_KEYS = (K1,)
    a_world()
    settings.HX_SECRETS_KEYS = (K2,)
    (found,) = secrets_can_be_opened(databases=["default"])
    assert (found.id, found.is_serious()) == ("hx.E014", True)
    assert "k1" in found.msg
    with pytest.raises(CommandError):
        call_command("rotate_secrets", stdout=StringIO(), stderr=(told := StringIO()))
    assert "Needed, and not in HX_SECRETS_KEYS: k1" in told.getvalue()
    settings.HX_SECRETS_KEYS = (K2, K1)
    assert secrets_can_be_opened(databases=["default"]) == []


@pytest.mark.django_db
def test_the_start_before_the_first_migration_finds_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection.introspection, "table_names", lambda *_: [])
    monkeypatch.setattr(
        "accounts.sealing.places.Place.counts", lambda _self: pytest.fail("there is no table")
    )
    assert secrets_can_be_opened(databases=["default"]) == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("step", [9, pytest.param(1, marks=[pytest.mark.slow, pytest.mark.faults])])
def test_a_kill_at_any_moment_leaves_everything_readable(settings: Settings, step: int) -> None:
    settings.HX_SECRETS_KEYS = (K1,)
    a_world()
    events = AuditEvent.objects.filter(action=Action.SECRETS_RESEALED)
    moment = 0
    while True:
        settings.HX_SECRETS_KEYS = (K2, K1)
        before = events.count()
        if not killed_at(moment, lambda: rotate_secrets(now=lambda: NOW, batch=1)):
            break
        everything_opens()
        told = events.count() - before
        assert standing().needed["k2"] == told, "what was sealed again and what was audited are one"
        settings.HX_SECRETS_KEYS = (K1, K2)  # back to the start, for the next moment
        rotate_secrets(now=lambda: NOW)
        moment += step
    assert moment >= 40
    assert standing().behind == 0
    settings.HX_SECRETS_KEYS = (K2,)
    everything_opens()


@pytest.mark.django_db
def test_no_sealed_value_lies_outside_a_known_place(settings: Settings) -> None:
    """Looks at what is stored, not at names: any text of any table that begins as a sealed value does."""
    settings.HX_SECRETS_KEYS = (("marker-key", b"1" * 32),)
    a_world()
    private_keys.create_key(PrivateKeyPurpose.HOSTED, now=NOW, organisation_id=cast.harbor().organisation.id)
    found = set()
    for model in apps.get_models():
        for field in model._meta.concrete_fields:
            if isinstance(field, models.TextField | models.CharField | models.JSONField):
                values = map(str, model._base_manager.values_list(field.attname, flat=True))
                if any("marker-key:" in value for value in values):
                    found.add(f"{model._meta.label}.{field.name}")
    assert found == {place.name for place in sealed_places() if place.counts()}
    assert len(found) == 4


def test_no_column_is_named_like_a_secret_and_kept_in_clear() -> None:
    suspicious = {
        f"{model._meta.label}.{field.name}"
        for model in apps.get_models()
        for field in model._meta.concrete_fields
        if HINTS.search(field.name) and not isinstance(field, SealedField)
    }
    assert suspicious <= set(NO_SECRETS), "seal these, or say here why they are no secrets"


def test_a_column_that_is_not_sealed_has_no_context() -> None:
    with pytest.raises(TypeError, match="no sealed column"):
        context_of(PrivateKey, "public", UUID(int=1))
    with pytest.raises(ValueError, match="bound to its row"):
        SealedField(bound_to="everywhere")
