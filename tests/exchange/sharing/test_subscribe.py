"""Following a list."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from itertools import product

import pytest
from django.db import connection

from accounts.audit.models import AuditEvent
from accounts.errors import Conflict, NotAllowed, NotFound, Refusal
from accounts.identity.acting import Actor
from accounts.identity.models import OrganisationKind
from exchange.sharing.endpoints import register_endpoint
from exchange.sharing.models import EndpointCursor, Subscription
from exchange.sharing.subscribe import subscribe, unsubscribe
from hashsets.lists.models import Audience, HashList, ListAudience, ListStatus
from tests import cast
from tests.cast import NOW
from tests.exchange.world import cursor_of, endpoint_of, follow, new_list, publish

pytestmark = pytest.mark.django_db


def events() -> list[str]:
    return list(AuditEvent.objects.order_by("number").values_list("action", flat=True))


def test_following_a_list_makes_every_endpoint_owed_its_newest_release() -> None:
    lumen, hash_list = cast.lumen(), new_list(cast.harbor())
    publish(hash_list)
    endpoints = [endpoint_of(lumen, f"https://{name}.example.org/") for name in ("a", "b")]
    endpoint_of(lumen, "https://closed.example.org/", state="closed")
    subscription = subscribe(hash_list.id, actor=lumen.integrator.actor, now=NOW)
    assert [cursor_of(endpoint, hash_list) for endpoint in endpoints] == [0, 0]
    assert EndpointCursor.objects.owed().count() == 2
    assert subscription.organisation == lumen.organisation
    assert events()[-1] == "subscription.started"


def test_following_a_list_twice_is_one_subscription_and_one_event() -> None:
    lumen, hash_list = cast.lumen(), new_list(cast.harbor())
    first = subscribe(hash_list.id, actor=lumen.integrator.actor, now=NOW)
    before = events()
    assert subscribe(hash_list.id, actor=lumen.admin.actor, now=NOW) == first
    assert events() == before


def test_an_endpoint_registered_later_is_owed_all_that_is_followed() -> None:
    lumen, hash_list = cast.lumen(), new_list(cast.harbor())
    subscribe(hash_list.id, actor=lumen.integrator.actor, now=NOW)
    made = register_endpoint(
        url="https://a.example.org/", description="", actor=lumen.integrator.actor, now=NOW
    )
    assert cursor_of(made.endpoint, hash_list) == 0


def test_a_list_out_of_sight_cannot_be_followed() -> None:
    hidden = new_list(cast.harbor(), audience=Audience.NAMED)
    for list_id in (hidden.id, "a" * 26):
        with pytest.raises(NotFound) as refused:
            subscribe(list_id, actor=cast.stranger().actor, now=NOW)
        assert (refused.value.code, refused.value.message) == ("list.not_found", "There is no such list.")
    assert not Subscription.objects.exists()


def test_a_closed_list_takes_no_new_subscribers() -> None:
    closed = new_list(cast.harbor(), status=ListStatus.CLOSED)
    with pytest.raises(Conflict) as refused:
        subscribe(closed.id, actor=cast.lumen().integrator.actor, now=NOW)
    assert refused.value.code == "list.closed"


def test_following_needs_the_right_to() -> None:
    lumen, hash_list = cast.lumen(), new_list(cast.harbor())
    subscription = follow(lumen, hash_list)
    with pytest.raises(NotAllowed) as refused:
        subscribe(hash_list.id, actor=lumen.viewer.actor, now=NOW)
    assert refused.value.code == "permission.missing"
    with pytest.raises(NotAllowed):
        unsubscribe(subscription.id, actor=lumen.viewer.actor, now=NOW)


def test_leaving_a_list_ends_what_is_owed_and_following_it_again_starts_afresh() -> None:
    lumen, hash_list = cast.lumen(), new_list(cast.harbor())
    publish(hash_list)
    endpoint = endpoint_of(lumen, "https://a.example.org/")
    subscription = follow(lumen, hash_list, endpoint, told=1)
    ended = unsubscribe(subscription.id, actor=lumen.integrator.actor, now=NOW)
    assert ended.ended_at == NOW
    assert not EndpointCursor.objects.exists()
    assert events()[-1] == "subscription.ended"
    with pytest.raises(NotFound):
        unsubscribe(subscription.id, actor=lumen.integrator.actor, now=NOW)
    again = subscribe(hash_list.id, actor=lumen.integrator.actor, now=NOW)
    assert again != subscription
    assert cursor_of(endpoint, hash_list) == 0


def test_a_list_can_be_left_when_it_is_out_of_sight() -> None:
    lumen, hidden = cast.lumen(), new_list(cast.harbor(), audience=Audience.NAMED)
    subscription = follow(lumen, hidden)
    assert unsubscribe(subscription.id, actor=lumen.integrator.actor, now=NOW).ended_at == NOW


def test_a_stranger_cannot_end_somebody_elses_subscription() -> None:
    subscription = follow(cast.lumen(), new_list(cast.harbor()))
    with pytest.raises(NotFound) as refused:
        unsubscribe(subscription.id, actor=cast.stranger().actor, now=NOW)
    assert refused.value.code == "subscription.not_found"
    subscription.refresh_from_db()
    assert subscription.ended_at is None


def test_the_debt_of_a_new_subscriber_begins_with_the_subscription() -> None:
    lumen, hash_list = cast.lumen(), new_list(cast.harbor())
    publish(hash_list)
    healthy = endpoint_of(lumen, "https://a.example.org/")
    failing = endpoint_of(lumen, "https://b.example.org/", due_at=NOW + timedelta(hours=4))
    later = NOW + timedelta(hours=1)
    subscribe(hash_list.id, actor=lumen.integrator.actor, now=later)
    healthy.refresh_from_db()
    failing.refresh_from_db()
    assert (healthy.due_at, failing.due_at) == (later, NOW + timedelta(hours=4))


def test_what_is_pushed_follows_the_same_rule_as_what_is_seen() -> None:
    """`audience_includes` and `HashListQuerySet.visible_to` over every audience and kind of organisation."""
    harbor, stranger = cast.harbor(), cast.stranger()
    everyone: list[cast.Crew | cast.Outsider] = [
        harbor,
        cast.northland(),
        cast.lumen(),
        cast.pixelhaus(),
        stranger,
    ]
    lists = [new_list(harbor, audience=audience) for audience in Audience.values]
    lists += [
        new_list(harbor, audience=Audience.KINDS, audience_kinds=kinds)
        for kinds in (",company,", ",government,ngo,", ",ngo,")
    ]
    named = new_list(harbor, audience=Audience.NAMED)
    ListAudience.objects.create(hash_list=named, organisation=cast.lumen().organisation)
    for member, hash_list in product(everyone, [*lists, named]):
        follow(member, hash_list)
    pushed = set(Subscription.objects.current().values_list("organisation_id", "hash_list_id"))
    seen = {
        (member.organisation.id, list_id)
        for member in everyone
        for list_id in HashList.objects.visible_to(_anybody_of(member)).values_list("id", flat=True)
    }
    assert pushed == seen
    assert 0 < len(pushed) < len(everyone) * len(lists)


def test_the_operator_is_reached_by_what_it_sees() -> None:
    operator, hidden = cast.operator(), new_list(cast.harbor(), audience=Audience.NAMED)
    Subscription.objects.create(organisation=operator.organisation, hash_list=hidden, created_at=NOW)
    assert operator.organisation.kind == OrganisationKind.OPERATOR
    assert Subscription.objects.current().count() == 1


def _anybody_of(member: cast.Crew | cast.Outsider) -> Actor:
    return member.actor if isinstance(member, cast.Outsider) else member.viewer.actor


@pytest.mark.django_db(transaction=True)
def test_subscribing_and_registering_at_once_leaves_no_endpoint_without_its_cursor() -> None:
    lumen = cast.lumen()
    lists = [new_list(cast.harbor(), f"List {number}") for number in range(4)]
    actor, refusals = lumen.integrator.actor, list[Refusal]()
    gate = threading.Barrier(8)

    def run(act: Callable[[], object]) -> None:
        gate.wait()
        try:
            act()
        except Refusal as refusal:
            refusals.append(refusal)
        finally:
            connection.close()

    acts: list[Callable[[], object]] = [partial(subscribe, one.id, actor=actor, now=NOW) for one in lists]
    acts += [
        partial(
            register_endpoint, url=f"https://e{number}.example.org/", description="", actor=actor, now=NOW
        )
        for number in range(4)
    ]
    threads = [threading.Thread(target=run, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert refusals == []
    assert EndpointCursor.objects.count() == 16
