"""Who is told that notices do not arrive, when, and that nobody is told twice."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import pytest

from accounts.identity.roles import Role
from accounts.mail.models import OutgoingMail
from accounts.membership.models import DutyContact
from exchange.mail.letters import LETTERS
from exchange.push.deliver import deliver_due
from exchange.push.schedule import Lane
from exchange.push.warn import warn, warnings_due
from exchange.sharing.models import Confirmation, Endpoint, EndpointState, PauseReason
from hashsets.lists.models import HashList
from tests import cast
from tests.cast import NOW
from tests.exchange.push.receivers import Members
from tests.exchange.world import SIGNER, digest, endpoint_of, follow, new_list, no_jitter, publish

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("impatient", "frozen")]


@pytest.fixture(autouse=True)
def staff() -> None:
    cast.person(cast.operator().organisation, "Olga", (Role.EXCHANGE_ADMIN,))


def failing(since: datetime | None, **columns: Any) -> tuple[HashList, Endpoint]:
    hash_list = new_list(cast.harbor())
    endpoint = endpoint_of(cast.lumen(), "https://hooks.example.org/?token=t", failing_since=since, **columns)
    publish(hash_list)
    follow(cast.lumen(), hash_list, endpoint)
    return hash_list, endpoint


def warn_all(now: datetime) -> None:
    for endpoint_id in warnings_due(now, 100):
        warn(endpoint_id, now=now)


def kinds() -> Counter[str]:
    return Counter(OutgoingMail.objects.exclude(kind__endswith="_operator").values_list("kind", flat=True))


def readers(kind: str) -> set[str]:
    return set(OutgoingMail.objects.filter(kind=kind).values_list("address", flat=True))


def test_after_an_hour_and_after_a_day_member_and_operator_are_told_once() -> None:
    failing(NOW)
    warn_all(NOW + timedelta(minutes=59))
    assert kinds() == {}
    for _ in range(2):
        warn_all(NOW + timedelta(minutes=60))
    lumen = cast.lumen()
    members = lumen.organisation.memberships.select_related("user")
    told = {one.user.email for one in members if {"admin", "integrator"} & set(one.roles)}
    assert lumen.viewer.user.email not in told
    assert kinds() == {"push.failing_hour": len(told)}
    assert readers("push.failing_hour") == told
    assert "olga@example.org" in readers("push.failing_hour_operator")
    for _ in range(2):
        warn_all(NOW + timedelta(hours=24))
    assert kinds()["push.failing_day"] == len(told)
    assert kinds()["push.failing_hour"] == len(told)


def test_after_days_without_a_worker_only_the_last_word_is_said() -> None:
    failing(NOW)
    warn_all(NOW + timedelta(days=2))
    warn_all(NOW + timedelta(days=2))
    assert set(kinds()) == {"push.failing_day"}


def test_a_success_in_between_begins_afresh(members: Members) -> None:
    _, endpoint = failing(NOW, warned=2, failures=5)
    Endpoint.objects.filter(id=endpoint.id).update(url=members.url("ok"))
    assert deliver_due(lane="routine", now=NOW, signer=SIGNER).delivered == 1
    assert Endpoint.objects.get().warned == 0


def test_who_is_owed_nothing_is_no_reason_to_write() -> None:
    _, endpoint = failing(NOW)
    endpoint.cursors.all().delete()
    assert warnings_due(NOW + timedelta(days=2), 10) == []


def test_an_urgent_release_unheard_for_two_minutes_goes_to_the_duty_contacts() -> None:
    hash_list, endpoint = failing(None)
    DutyContact.objects.create(
        organisation=cast.lumen().organisation, name="Desk", email="desk@lumen.example", language="fr",
        created_at=NOW, checked_at=NOW,
    )  # fmt: skip
    publish(hash_list, urgent=True)
    warn_all(NOW + timedelta(seconds=119))
    assert kinds() == {}
    for _ in range(2):
        warn_all(NOW + timedelta(seconds=120))
    assert readers("push.urgent") == {"desk@lumen.example"}
    assert OutgoingMail.objects.get(kind="push.urgent").language == "fr"
    publish(hash_list, urgent=True, now=NOW + timedelta(hours=1))
    warn_all(NOW + timedelta(hours=2))
    assert kinds()["push.urgent"] == 2
    assert endpoint.id not in warnings_due(NOW + timedelta(days=1), 10)


def test_without_duty_contacts_its_admins_hear_of_it() -> None:
    hash_list, _ = failing(None)
    publish(hash_list, urgent=True)
    warn_all(NOW + timedelta(minutes=2))
    assert cast.lumen().admin.user.email in readers("push.urgent")


def test_who_confirmed_without_a_notice_is_left_in_peace() -> None:
    hash_list, _ = failing(None)
    release = publish(hash_list, urgent=True)
    Confirmation.objects.create(
        organisation=cast.lumen().organisation, hash_list=hash_list, release=release.number,
        state_root=release.state_root, hash_types=["md5"], matches=True, applied_at=NOW, received_at=NOW,
    )  # fmt: skip
    warn_all(NOW + timedelta(minutes=5))
    assert kinds() == {}


@pytest.mark.parametrize(("behaviour", "kind"), [("status/410", "push.gone"), ("status/500", "push.paused")])
def test_a_pause_and_its_end_are_told(members: Members, behaviour: str, kind: str) -> None:
    _, endpoint = failing(NOW - timedelta(days=6), failures=9, warned=2)
    Endpoint.objects.filter(id=endpoint.id).update(url=members.url(behaviour))
    deliver_due(lane=Lane.ROUTINE, now=NOW, signer=SIGNER, draw=no_jitter)
    assert set(kinds()) == {kind}
    if kind == "push.paused":
        Endpoint.objects.filter(id=endpoint.id).update(url=members.url("ok"))
        deliver_due(lane=Lane.ROUTINE, now=NOW + timedelta(days=1), signer=SIGNER, draw=no_jitter)
        assert set(kinds()) == {kind, "push.resumed"}


@pytest.mark.parametrize("state", [EndpointState.CLOSED, EndpointState.UNVERIFIED])
def test_nothing_is_said_of_who_is_not_told_on_purpose(state: str) -> None:
    hash_list, _ = failing(NOW)
    publish(hash_list, urgent=True)
    Endpoint.objects.update(state=state)
    assert warnings_due(NOW + timedelta(days=2), 10) == []
    Endpoint.objects.update(state=EndpointState.PAUSED, paused_reason=PauseReason.ASKED)
    assert warnings_due(NOW + timedelta(days=2), 10) == []


def test_a_letter_names_the_host_and_no_more_of_the_url_or_the_list() -> None:
    hash_list, _ = failing(NOW)
    publish(hash_list, urgent=True)
    warn_all(NOW + timedelta(hours=1))
    for mail in OutgoingMail.objects.all():
        assert mail.kind in LETTERS
        assert set(mail.facts) == {"organisation", "host"}
        assert "token" not in str(mail.facts)
        assert digest("manifest", hash_list.id, 1) not in str(mail.facts)
