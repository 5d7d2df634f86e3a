"""Being told again."""

from __future__ import annotations

from uuid import uuid4

import pytest

from accounts.audit.models import AuditEvent
from accounts.errors import Conflict, Invalid, NotAllowed, NotFound
from exchange.push.claim import endpoints_due
from exchange.push.fan_out import notices_for
from exchange.push.schedule import Lane
from exchange.sharing.models import Endpoint, EndpointCursor, EndpointState
from exchange.sharing.replay import replay_from
from hashsets.lists.models import HashList
from tests import cast
from tests.cast import NOW
from tests.exchange.world import cursor_of, endpoint_of, follow, new_list, publish

pytestmark = pytest.mark.django_db


def told(number: int, *, releases: int = 5) -> tuple[HashList, Endpoint]:
    hash_list, endpoint = new_list(cast.harbor()), endpoint_of(cast.lumen(), "https://hooks.example.org/")
    for _ in range(releases):
        publish(hash_list)
    follow(cast.lumen(), hash_list, endpoint, told=number)
    return hash_list, endpoint


def replay(endpoint: Endpoint, hash_list: HashList, release: int) -> EndpointCursor:
    return replay_from(
        endpoint.id, list_id=hash_list.id, release=release, actor=cast.lumen().integrator.actor, now=NOW
    )


def test_an_endpoint_is_told_again_from_a_release_on_under_another_id() -> None:
    hash_list, endpoint = told(4)
    first = notices_for([endpoint])[endpoint.id]
    EndpointCursor.objects.update(notified_release=5)
    assert notices_for([endpoint]) == {}
    assert replay(endpoint, hash_list, 3).notified_release == 2
    again = notices_for([endpoint])[endpoint.id]
    assert again.releases == first.releases == {hash_list.id: 5}
    assert b'"delta":{"from":2,"to":5' in again.body
    assert again.id != first.id
    event = AuditEvent.objects.latest("number")
    assert (event.action, event.facts) == ("endpoint.replayed", {"list": hash_list.id, "from": 3})
    assert endpoints_due(lane=Lane.ROUTINE, now=NOW, limit=5) == [endpoint.id]


def test_what_is_owed_anyway_is_left_alone() -> None:
    hash_list, endpoint = told(2)
    before = AuditEvent.objects.count()
    assert replay(endpoint, hash_list, 4).notified_release == 2
    assert (cursor_of(endpoint, hash_list), AuditEvent.objects.count()) == (2, before)


def test_an_urgent_release_is_not_urgent_a_second_time() -> None:
    hash_list, endpoint = told(0, releases=0)
    publish(hash_list, urgent=True)
    EndpointCursor.objects.update(notified_release=1)
    replay(endpoint, hash_list, 1)
    assert endpoints_due(lane=Lane.URGENT, now=NOW, limit=5) == []
    publish(hash_list, urgent=True)
    assert endpoints_due(lane=Lane.URGENT, now=NOW, limit=5) == [endpoint.id]


@pytest.mark.parametrize("release", [0, 6, -1])
def test_only_releases_that_are_can_be_told_of(release: int) -> None:
    hash_list, endpoint = told(5)
    with pytest.raises(Invalid) as refused:
        replay(endpoint, hash_list, release)
    assert (refused.value.code, refused.value.field) == ("replay.release", "release")


def test_a_list_that_is_not_followed_or_no_longer_seen_is_not_told_of() -> None:
    hash_list, endpoint = told(5)
    other = new_list(cast.harbor(), "Other")
    publish(other)
    with pytest.raises(NotFound) as refused:
        replay(endpoint, other, 1)
    assert refused.value.code == "list.not_found"
    HashList.objects.filter(id=hash_list.id).update(audience="named")
    with pytest.raises(NotFound):
        replay(endpoint, hash_list, 1)


def test_who_may_not_replays_nothing() -> None:
    hash_list, endpoint = told(5)
    for key in (endpoint.id, uuid4()):
        with pytest.raises(NotFound) as refused:
            replay_from(key, list_id=hash_list.id, release=1, actor=cast.stranger().actor, now=NOW)
        assert refused.value.code == "endpoint.not_found"
    with pytest.raises(NotAllowed):
        replay_from(endpoint.id, list_id=hash_list.id, release=1, actor=cast.lumen().viewer.actor, now=NOW)
    Endpoint.objects.update(state=EndpointState.CLOSED)
    with pytest.raises(Conflict):
        replay(endpoint, hash_list, 1)
    assert cursor_of(endpoint, hash_list) == 5
