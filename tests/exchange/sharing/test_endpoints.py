"""Registering endpoints and changing them. The ownership challenge is tested with push."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from django.test import override_settings

from accounts.audit.models import AuditEvent
from accounts.errors import Conflict, Corrupt, Invalid, NotAllowed, NotFound
from accounts.identity.acting import Actor
from exchange.sharing import endpoints, secrets
from exchange.sharing.endpoints import (
    MAX_ENDPOINTS,
    change_url,
    close_endpoint,
    pause_endpoint,
    register_endpoint,
    resume_endpoint,
    rotate_secret,
)
from exchange.sharing.models import Endpoint, EndpointCursor, EndpointState, PauseReason
from tests import cast
from tests.cast import NOW
from tests.exchange.world import endpoint_of, follow, new_list

pytestmark = pytest.mark.django_db

URL = "https://hooks.example.org/notices"


def last_event() -> AuditEvent:
    return AuditEvent.objects.latest("number")


def test_a_new_endpoint_is_unproven_and_its_secret_is_shown_once() -> None:
    lumen = cast.lumen()
    made = register_endpoint(
        url="https://Hooks.example.org:8443/n?key=1",
        description="main",
        actor=lumen.integrator.actor,
        now=NOW,
    )
    endpoint = Endpoint.objects.get()
    raw = base64.b64decode(made.secret.removeprefix("whsec_"))
    assert (endpoint.state, endpoint.host) == (EndpointState.UNVERIFIED, "hooks.example.org:8443")
    assert len(raw) == 32
    assert secrets.current_secret(endpoint) == raw
    assert made.secret not in repr(made)
    assert made.secret.removeprefix("whsec_") not in endpoint.sealed_secret
    assert (last_event().action, last_event().facts) == (
        "endpoint.registered",
        {"host": "hooks.example.org:8443"},
    )


@override_settings(HX_LOOPBACK_ENDPOINTS=False)
def test_outside_the_demo_loopback_is_refused() -> None:
    with pytest.raises(Invalid) as refused:
        register_endpoint(
            url="https://127.0.0.1/", description="", actor=cast.lumen().integrator.actor, now=NOW
        )
    assert refused.value.code == "endpoint.address"
    assert not Endpoint.objects.exists()


def test_an_organisation_has_a_limited_number_of_open_endpoints() -> None:
    lumen = cast.lumen()
    for number in range(MAX_ENDPOINTS):
        endpoint_of(lumen, f"https://e{number}.example.org/")
    with pytest.raises(Conflict) as refused:
        register_endpoint(url=URL, description="", actor=lumen.integrator.actor, now=NOW)
    assert refused.value.code == "endpoint.too_many"
    close_endpoint(Endpoint.objects.all()[0].id, actor=lumen.integrator.actor, now=NOW)
    assert (
        register_endpoint(url=URL, description="", actor=lumen.integrator.actor, now=NOW).endpoint.url == URL
    )


def test_a_changed_url_must_be_proven_again() -> None:
    lumen = cast.lumen()
    endpoint = endpoint_of(lumen, URL)
    moved = change_url(endpoint.id, url="https://new.example.org/", actor=lumen.integrator.actor, now=NOW)
    assert (moved.state, moved.verified_at, moved.host) == (
        EndpointState.UNVERIFIED,
        None,
        "new.example.org:443",
    )
    assert not Endpoint.objects.deliverable().exists()


def test_a_rotated_secret_overlaps_with_the_old_one_for_a_day() -> None:
    lumen = cast.lumen()
    endpoint = endpoint_of(lumen, URL, secret=b"1" * 32)
    made = rotate_secret(endpoint.id, actor=lumen.integrator.actor, now=NOW)
    new = base64.b64decode(made.secret.removeprefix("whsec_"))
    row = Endpoint.objects.get()
    assert secrets.valid_secrets(row, now=NOW + timedelta(hours=23)) == (new, b"1" * 32)
    assert secrets.valid_secrets(row, now=NOW + timedelta(hours=24)) == (new,)
    assert last_event().action == "endpoint.secret_rotated"


def test_a_sealed_secret_does_not_open_for_another_endpoint() -> None:
    lumen = cast.lumen()
    first, second = endpoint_of(lumen, URL), endpoint_of(lumen, "https://b.example.org/")
    second.sealed_secret = first.sealed_secret
    with pytest.raises(Corrupt):
        secrets.current_secret(second)


def test_pausing_and_resuming_keep_the_cursor() -> None:
    lumen, hash_list = cast.lumen(), new_list(cast.harbor())
    endpoint = endpoint_of(lumen, URL, failures=7, due_at=NOW + timedelta(hours=4))
    follow(lumen, hash_list, endpoint, told=3)
    paused = pause_endpoint(endpoint.id, actor=lumen.integrator.actor, now=NOW)
    assert (paused.state, paused.paused_reason) == (EndpointState.PAUSED, PauseReason.ASKED)
    assert not Endpoint.objects.deliverable().exists()
    resumed = resume_endpoint(endpoint.id, actor=lumen.integrator.actor, now=NOW)
    assert (resumed.state, resumed.due_at, resumed.failures) == (EndpointState.ACTIVE, NOW, 0)
    assert EndpointCursor.objects.get().notified_release == 3


def test_a_closed_endpoint_stays_closed_and_its_secret_is_gone() -> None:
    lumen = cast.lumen()
    endpoint = endpoint_of(lumen, URL)
    follow(lumen, new_list(cast.harbor()), endpoint)
    closed = close_endpoint(endpoint.id, actor=lumen.integrator.actor, now=NOW)
    assert (closed.state, closed.sealed_secret) == (EndpointState.CLOSED, "")
    assert not EndpointCursor.objects.exists()
    for act in (resume_endpoint, pause_endpoint, close_endpoint, rotate_secret):
        with pytest.raises(Conflict):
            act(endpoint.id, actor=lumen.integrator.actor, now=NOW)
    with pytest.raises(Conflict):
        change_url(endpoint.id, url=URL, actor=lumen.integrator.actor, now=NOW)


def test_an_unproven_endpoint_cannot_be_resumed_into_use() -> None:
    lumen = cast.lumen()
    endpoint = endpoint_of(lumen, URL, state=EndpointState.UNVERIFIED)
    with pytest.raises(Conflict) as refused:
        resume_endpoint(endpoint.id, actor=lumen.integrator.actor, now=NOW)
    assert refused.value.code == "endpoint.state"


Act = Callable[[UUID, Actor], object]
ACTS: dict[str, Act] = {
    "change_url": lambda key, actor: change_url(key, url=URL, actor=actor, now=NOW),
    "rotate_secret": lambda key, actor: rotate_secret(key, actor=actor, now=NOW),
    "pause": lambda key, actor: pause_endpoint(key, actor=actor, now=NOW),
    "resume": lambda key, actor: resume_endpoint(key, actor=actor, now=NOW),
    "close": lambda key, actor: close_endpoint(key, actor=actor, now=NOW),
    "seen": lambda key, actor: endpoints.seen(key, actor=actor),
}


@pytest.mark.parametrize("name", ACTS)
def test_a_stranger_finds_no_endpoint_of_others(name: str) -> None:
    endpoint = endpoint_of(cast.lumen(), URL)
    before = Endpoint.objects.values().get()
    for key in (endpoint.id, uuid4()):
        with pytest.raises(NotFound) as refused:
            ACTS[name](key, cast.stranger().actor)
        assert (refused.value.code, refused.value.message) == (
            "endpoint.not_found",
            "There is no such endpoint.",
        )
    assert Endpoint.objects.values().get() == before


@pytest.mark.parametrize("name", sorted(set(ACTS) - {"seen"}))
def test_changing_an_endpoint_needs_the_right_to(name: str) -> None:
    lumen = cast.lumen()
    endpoint = endpoint_of(lumen, URL)
    with pytest.raises(NotAllowed) as refused:
        ACTS[name](endpoint.id, lumen.viewer.actor)
    assert refused.value.code == "permission.missing"


def test_registering_needs_the_right_to() -> None:
    with pytest.raises(NotAllowed):
        register_endpoint(url=URL, description="", actor=cast.lumen().viewer.actor, now=NOW)
