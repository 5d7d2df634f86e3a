"""Nothing that a member registers makes the exchange knock inside its own walls, at no step of an endpoint's
life: not when it is registered, not when it is proven, not when notices are delivered."""

from __future__ import annotations

import socket
from typing import Any

import pytest
from pytest_django import Settings

from accounts.errors import Conflict, Invalid, Refusal
from exchange.push.by_hand import ping_endpoint
from exchange.push.challenge import verify_endpoint
from exchange.push.deliver import deliver_due
from exchange.push.models import Attempt
from exchange.push.schedule import Lane, Outcome
from exchange.sharing.endpoints import change_url, register_endpoint
from exchange.sharing.models import Endpoint, EndpointState
from tests import cast
from tests.cast import NOW
from tests.exchange.push.canary import HOSTILE_HOSTS, Canary
from tests.exchange.push.receivers import Members
from tests.exchange.world import SIGNER, endpoint_of, follow, new_list, publish

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("impatient")]


@pytest.fixture
def production(settings: Settings, canary: Canary) -> None:
    """Rules as outside the demo, and the canary's own port allowed: what stops a post must be the address."""
    settings.HX_LOOPBACK_ENDPOINTS = False
    settings.HX_ENDPOINT_PORTS = [443, canary.port]


@pytest.mark.usefixtures("production")
def test_no_hostile_address_is_reached_by_registering_and_proving_it(
    canary: Canary, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some are names like any other until they are dialled; those must fail there."""
    monkeypatch.setattr("exchange.push.challenge.MOST_PER_PERIOD", 1_000)
    actor, refused, dialled = cast.lumen().integrator.actor, 0, 0
    for host in HOSTILE_HOSTS:
        try:
            made = register_endpoint(
                url=f"https://{host}:{canary.port}/", description="", actor=actor, now=NOW
            ).endpoint
        except Invalid as refusal:
            assert refusal.field == "url"
            refused += 1
            continue
        with pytest.raises(Conflict):
            verify_endpoint(made.id, actor=actor, now=NOW, signer=SIGNER)
        dialled += 1
    assert (canary.visits, refused + dialled) == (0, len(HOSTILE_HOSTS))
    assert refused >= 45
    assert not Attempt.objects.filter(outcome=Outcome.DELIVERED).exists()


@pytest.mark.usefixtures("production")
@pytest.mark.parametrize("lane", list(Lane))
def test_no_hostile_address_is_reached_by_delivering_to_it(canary: Canary, lane: Lane) -> None:
    """As if it had got past every check before: a row that says it is proven."""
    hash_list = new_list(cast.harbor())
    for number, host in enumerate(HOSTILE_HOSTS):
        # The host column is the unit of fairness: distinct, so that all are tried.
        endpoint = endpoint_of(cast.lumen(), f"https://{host}:{canary.port}/")
        Endpoint.objects.filter(id=endpoint.id).update(host=f"h{number}")
        follow(cast.lumen(), hash_list, endpoint)
    publish(hash_list, urgent=lane is Lane.URGENT)
    attempts = deliver_due(lane=lane, now=NOW, signer=SIGNER).attempts
    assert sum(attempts.values()) >= len(HOSTILE_HOSTS) >= 45
    assert attempts[Outcome.BLOCKED] >= 40
    assert (attempts[Outcome.DELIVERED], canary.visits) == (0, 0)
    assert not [one for one in Attempt.objects.all() if "127.0.0.1" in one.error + one.response_head]


@pytest.mark.usefixtures("production")
def test_a_name_that_changes_its_address_is_followed_by_no_step(
    canary: Canary, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Harmless whenever it is asked first, inwards from then on: between two steps and within one."""
    real, asked = socket.getaddrinfo, list[str]()

    def flipping(host: str, port: int, *args: Any, **kwargs: Any) -> Any:
        if host != "flip.example.org":
            return real(host, port, *args, **kwargs)
        asked.append(host)
        # TEST-NET-1 stands for the outside, which the tests must not touch; it is refused as well.
        return real("192.0.2.1" if len(asked) == 1 else "127.0.0.1", port, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", flipping)
    actor, hash_list = cast.lumen().integrator.actor, new_list(cast.harbor())
    url = f"https://flip.example.org:{canary.port}/"
    endpoint = register_endpoint(url=url, description="", actor=actor, now=NOW).endpoint
    for _ in range(2):
        with pytest.raises(Conflict):
            verify_endpoint(endpoint.id, actor=actor, now=NOW, signer=SIGNER)
    Endpoint.objects.update(state=EndpointState.ACTIVE)
    follow(cast.lumen(), hash_list, endpoint)
    publish(hash_list, urgent=True)
    for lane in Lane:
        deliver_due(lane=lane, now=NOW, signer=SIGNER)
    assert ping_endpoint(endpoint.id, actor=actor, now=NOW, signer=SIGNER).outcome == Outcome.BLOCKED
    assert len(asked) >= 4
    assert {one.outcome for one in Attempt.objects.all()} == {Outcome.BLOCKED}
    assert canary.visits == 0


def test_a_redirect_to_loopback_is_not_followed_by_a_delivery(members: Members, canary: Canary) -> None:
    hash_list = new_list(cast.harbor())
    publish(hash_list)
    follow(cast.lumen(), hash_list, endpoint_of(cast.lumen(), members.url(f"redirect/{canary.port}")))
    assert deliver_due(lane="routine", now=NOW, signer=SIGNER).attempts == {Outcome.REDIRECTED: 1}
    assert canary.visits == 0


@pytest.mark.usefixtures("production")
def test_a_changed_url_is_checked_like_a_new_one(canary: Canary) -> None:
    endpoint = endpoint_of(cast.lumen(), "https://hooks.example.org/")
    for host in HOSTILE_HOSTS:
        try:
            change_url(
                endpoint.id,
                url=f"https://{host}:{canary.port}/",
                actor=cast.lumen().integrator.actor,
                now=NOW,
            )
        except Refusal:
            continue
        assert Endpoint.objects.get().state == EndpointState.UNVERIFIED
    assert canary.visits == 0
