"""What members state about the releases they applied, and how far a release has come."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Any

import pytest

from accounts.audit.models import AuditEvent
from accounts.errors import Conflict, Invalid, NotAllowed, NotFound
from accounts.identity.acting import Actor
from exchange.sharing.confirm import confirm_release
from exchange.sharing.coverage import coverage
from exchange.sharing.fetched import note_fetch
from exchange.sharing.models import Confirmation, Fetch, Notified
from hashsets.lists.models import Audience, HashList
from hashsets.releases.models import Release
from tests import cast
from tests.cast import NOW, Crew
from tests.exchange.world import digest, endpoint_of, follow, new_list, publish

pytestmark = pytest.mark.django_db


def stated(hash_list: HashList, published: Release, actor: Actor, **changed: Any) -> Confirmation:
    statement: dict[str, Any] = {
        "release": published.number,
        "state_root": published.state_root,
        "hash_types": ["sha256", "md5"],
        "applied_at": NOW,
        "actor": actor,
        "now": NOW,
    }
    return confirm_release(hash_list.id, **(statement | changed))


def test_a_confirmation_with_the_published_root_matches() -> None:
    lumen, hash_list = cast.lumen(), new_list(cast.harbor())
    release = publish(hash_list)
    follow(lumen, hash_list)
    confirmation = stated(hash_list, release, lumen.integrator.actor)
    event = AuditEvent.objects.latest("number")
    assert confirmation.matches
    assert confirmation.hash_types == ["md5", "sha256"]
    assert event.action == "confirmation.received"
    assert event.facts == {"release": 1, "state_root": release.state_root}


def test_the_same_statement_again_is_the_same_confirmation() -> None:
    lumen, hash_list = cast.lumen(), new_list(cast.harbor())
    release = publish(hash_list)
    follow(lumen, hash_list)
    first = stated(hash_list, release, lumen.integrator.actor)
    before = AuditEvent.objects.count()
    assert stated(hash_list, release, lumen.integrator.actor, now=NOW + timedelta(hours=1)) == first
    assert AuditEvent.objects.count() == before


def test_another_root_is_kept_and_raises_an_alarm(caplog: pytest.LogCaptureFixture) -> None:
    lumen, hash_list = cast.lumen(), new_list(cast.harbor())
    release = publish(hash_list)
    follow(lumen, hash_list)
    with caplog.at_level(logging.ERROR, logger="exchange.sharing.confirm"):
        confirmation = stated(hash_list, release, lumen.integrator.actor, state_root=digest("something else"))
    assert not confirmation.matches
    assert AuditEvent.objects.latest("number").action == "confirmation.mismatched"
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    seen = coverage(hash_list, 1, actor=cast.harbor().viewer.actor)
    assert (seen.applied.count, seen.mismatches) == (0, 1)


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"state_root": "zz"}, "confirmation.root"),
        ({"state_root": "A" * 64}, "confirmation.root"),
        ({"hash_types": []}, "confirmation.types"),
        ({"hash_types": ["sha256", "pdq"]}, "confirmation.types"),
        ({"applied_at": NOW.replace(tzinfo=None)}, "confirmation.time"),
        ({"applied_at": NOW + timedelta(hours=1)}, "confirmation.time"),
    ],
)
def test_a_statement_must_make_sense(changed: dict[str, Any], code: str) -> None:
    lumen, hash_list = cast.lumen(), new_list(cast.harbor())
    release = publish(hash_list)
    follow(lumen, hash_list)
    with pytest.raises(Invalid) as refused:
        stated(hash_list, release, lumen.integrator.actor, **changed)
    assert refused.value.code == code
    assert not Confirmation.objects.exists()


def test_only_what_exists_and_is_followed_can_be_confirmed() -> None:
    lumen, hash_list = cast.lumen(), new_list(cast.harbor())
    release = publish(hash_list)
    with pytest.raises(Conflict) as unsubscribed:
        stated(hash_list, release, lumen.integrator.actor)
    assert unsubscribed.value.code == "subscription.required"
    follow(lumen, hash_list)
    with pytest.raises(NotFound) as unpublished:
        stated(hash_list, release, lumen.integrator.actor, release=2)
    assert unpublished.value.code == "release.not_found"
    with pytest.raises(NotAllowed):
        stated(hash_list, release, lumen.viewer.actor)


def test_a_stranger_cannot_confirm_what_they_cannot_see() -> None:
    hidden = new_list(cast.harbor(), audience=Audience.NAMED)
    release = publish(hidden)
    follow(cast.stranger(), hidden)
    with pytest.raises(NotFound) as refused:
        stated(hidden, release, cast.stranger().actor)
    assert refused.value.code == "list.not_found"


def test_only_the_first_fetch_of_a_release_is_noted() -> None:
    lumen, hash_list = cast.lumen(), new_list(cast.harbor())
    publish(hash_list)
    for minutes in (1, 2):
        note_fetch(lumen.organisation.id, hash_list.id, 1, NOW + timedelta(minutes=minutes))
    assert Fetch.objects.get().fetched_at == NOW + timedelta(minutes=1)


def subscribers(number: int) -> list[Crew]:
    return [cast.crew(f"Member {index}", "company", "US") for index in range(number)]


def told(member: Crew, hash_list: HashList, release: int, at: datetime) -> None:
    Notified.objects.create(
        organisation=member.organisation, hash_list=hash_list, release=release, notified_at=at
    )


def test_the_levels_of_coverage_are_never_mixed() -> None:
    harbor, hash_list = cast.harbor(), new_list(cast.harbor())
    first, second = publish(hash_list), publish(hash_list)
    members = subscribers(4)
    for member in members:
        follow(member, hash_list)
    after = [NOW + timedelta(seconds=seconds) for seconds in (0, 1, 10, 100)]
    for member in members[:3]:
        told(member, hash_list, 1, after[1])
    told(members[0], hash_list, 2, after[2])
    note_fetch(members[0].organisation.id, hash_list.id, 2, after[2])
    note_fetch(members[3].organisation.id, hash_list.id, 1, after[3])
    # Applying release 2 says the same of release 1, and says nothing about notices or fetches.
    stated(hash_list, second, members[1].integrator.actor, now=after[3])
    one = coverage(hash_list, 1, actor=harbor.viewer.actor)
    two = coverage(hash_list, 2, actor=harbor.viewer.actor)
    assert one.subscribers == 4
    assert (one.notified.count, one.fetched.count, one.applied.count) == (3, 2, 1)
    assert (one.notified.share, one.notified.seconds_to_50, one.notified.seconds_to_95) == (0.75, 1.0, None)
    assert (one.fetched.seconds_to_50, one.fetched.seconds_to_100) == (100.0, None)
    assert (two.notified.count, two.fetched.count, two.applied.count) == (1, 1, 1)
    assert first.number == 1


def test_full_coverage_tells_when_the_last_one_came() -> None:
    harbor, hash_list = cast.harbor(), new_list(cast.harbor())
    release = publish(hash_list)
    for index, member in enumerate(subscribers(3), start=1):
        follow(member, hash_list)
        stated(hash_list, release, member.integrator.actor, now=NOW + timedelta(seconds=index))
    applied = coverage(hash_list, 1, actor=harbor.viewer.actor).applied
    assert (applied.share, applied.seconds_to_50, applied.seconds_to_95, applied.seconds_to_100) == (
        1.0,
        2.0,
        3.0,
        3.0,
    )


def test_the_clock_of_a_late_subscriber_starts_with_the_subscription() -> None:
    lumen, hash_list = cast.lumen(), new_list(cast.harbor())
    release = publish(hash_list)
    subscription = follow(lumen, hash_list)
    subscription.created_at = NOW + timedelta(days=90)
    subscription.save()
    stated(hash_list, release, lumen.integrator.actor, now=NOW + timedelta(days=90, seconds=7))
    assert coverage(hash_list, 1, actor=cast.harbor().viewer.actor).applied.seconds_to_100 == 7.0


def test_laggards_come_with_what_is_known_of_them() -> None:
    lumen, pixelhaus, hash_list = cast.lumen(), cast.pixelhaus(), new_list(cast.harbor())
    first = publish(hash_list)
    publish(hash_list)
    for member in (lumen, pixelhaus):
        follow(member, hash_list)
    endpoint_of(lumen, "https://a.example.org/")
    endpoint_of(lumen, "https://b.example.org/", failures=3, last_error="It answered 500.")
    stated(hash_list, first, pixelhaus.integrator.actor)
    told(lumen, hash_list, 2, NOW)
    one, two = coverage(hash_list, 2, actor=cast.harbor().viewer.actor).laggards
    assert (one.name, one.applied_release, one.notified, one.fetched) == ("Lumen", 0, True, False)
    assert (one.endpoints, one.last_error) == (2, "It answered 500.")
    assert (two.name, two.applied_release, two.endpoints, two.last_error) == ("Pixelhaus", 1, 0, "")


def test_who_left_or_was_suspended_is_no_subscriber_any_more() -> None:
    lumen, pixelhaus, hash_list = cast.lumen(), cast.pixelhaus(), new_list(cast.harbor())
    publish(hash_list)
    gone = follow(lumen, hash_list)
    gone.ended_at = NOW
    gone.save()
    follow(pixelhaus, hash_list)
    pixelhaus.organisation.status = "suspended"
    pixelhaus.organisation.save()
    seen = coverage(hash_list, 1, actor=cast.harbor().viewer.actor)
    assert (seen.subscribers, seen.applied.share, seen.applied.seconds_to_50) == (0, 0.0, None)


def test_coverage_is_for_the_publisher_and_the_operator() -> None:
    hash_list = new_list(cast.harbor())
    publish(hash_list)
    follow(cast.lumen(), hash_list)
    with pytest.raises(NotAllowed) as refused:
        coverage(hash_list, 1, actor=cast.lumen().viewer.actor)
    assert refused.value.code == "coverage.not_yours"
    assert coverage(hash_list, 1, actor=cast.operator().admin.actor).subscribers == 1
    with pytest.raises(NotFound):
        coverage(hash_list, 2, actor=cast.harbor().viewer.actor)
    hidden = new_list(cast.harbor(), audience=Audience.NAMED)
    publish(hidden)
    with pytest.raises(NotFound):
        coverage(hidden, 1, actor=cast.stranger().actor)
