"""The end of a membership ends everything that the member held, in one transaction."""

from __future__ import annotations

import pytest

from accounts.credentials.authenticate import actor_for_key
from accounts.credentials.issue import issue_credential
from accounts.errors import Conflict, NotAllowed, NotFound, Unauthenticated
from accounts.identity.acting import person_acting
from accounts.identity.models import Organisation
from accounts.identity.roles import Permission
from accounts.standing.measures import propose_measure
from accounts.standing.models import Measure
from exchange.sharing import part
from exchange.sharing.endpoints import register_endpoint
from exchange.sharing.models import Endpoint, EndpointCursor, Subscription
from exchange.sharing.part import end_membership_of
from exchange.sharing.subscribe import subscribe
from hashsets.lists.models import HashList
from tests import cast
from tests.accounts.cases import days
from tests.cast import NOW
from tests.hashsets.releases.world import World, csv_of, world_of

pytestmark = pytest.mark.django_db


def ending(organisation: Organisation) -> Measure:
    return propose_measure(
        organisation.id, "offboarding", reason="It merged.", actor=cast.operator().admin.actor, now=NOW
    )


def harbor_with_everything() -> tuple[World, str]:
    """Harbor publishes, follows a list of Northland's, and has an endpoint and a key."""
    world = world_of(cast.harbor(), title="Own list", now=NOW)
    world.release(csv_of(range(3)))
    theirs = world_of(cast.northland(), title="Their list", now=NOW)
    integrator = cast.harbor().integrator.actor
    register_endpoint(url="https://hook.harbor.example/in", description="", actor=integrator, now=NOW)
    subscribe(theirs.hash_list.id, actor=integrator, now=NOW)
    key = issue_credential(
        cast.harbor().organisation, name="k", scopes=[Permission.LIST_VIEW], mode="live",
        expires_at=days(30), actor=integrator, now=NOW,
    ).key  # fmt: skip
    return world, key


def test_nothing_of_it_works_afterwards() -> None:
    world, key = harbor_with_everything()
    crew, harbor = cast.operator(), cast.harbor()
    measure = ending(harbor.organisation)
    with pytest.raises(NotAllowed):
        end_membership_of(measure.id, actor=crew.admin.actor, now=days(15))
    epoch = harbor.admin.user.session_epoch
    end_membership_of(measure.id, actor=crew.second_admin.actor, now=days(15))
    harbor.admin.user.refresh_from_db()
    assert harbor.admin.user.session_epoch == epoch + 1
    assert person_acting(harbor.admin.user, harbor.organisation) is None
    with pytest.raises(Unauthenticated):
        actor_for_key(key, now=days(15))
    assert Organisation.objects.get(id=harbor.organisation.id).status == "closed"
    assert set(harbor.organisation.signing_keys.values_list("status", flat=True)) == {"revoked"}
    assert set(Endpoint.objects.values_list("state", "sealed_secret")) == {("closed", "")}
    assert not Endpoint.objects.deliverable()
    assert not EndpointCursor.objects.exists()
    assert not Subscription.objects.filter(ended_at=None).exists()
    own = HashList.objects.get(id=world.hash_list.id)
    assert (own.status, own.latest_release) == ("closed", 1)  # what is published stays
    with pytest.raises(Conflict):
        end_membership_of(measure.id, actor=crew.second_admin.actor, now=days(15))


def test_it_happens_wholly_or_not_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    _, key = harbor_with_everything()
    measure = ending(cast.harbor().organisation)

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("the last step")

    monkeypatch.setattr(part, "record_done", fail)
    with pytest.raises(RuntimeError):
        end_membership_of(measure.id, actor=cast.operator().second_admin.actor, now=days(15))
    assert actor_for_key(key, now=NOW).organisation_id == cast.harbor().organisation.id
    assert Organisation.objects.get(name="Harbor").status == "active"
    assert Endpoint.objects.exclude(state="closed").count() == 1
    assert EndpointCursor.objects.count() == 1


def test_strangers_end_nobody() -> None:
    measure = ending(cast.lumen().organisation)
    for actor in (cast.stranger().actor, cast.lumen().admin.actor):
        with pytest.raises(NotFound):
            end_membership_of(measure.id, actor=actor, now=days(15))
