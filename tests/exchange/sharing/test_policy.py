"""A member's trust policy: kept, audited, and nobody else's to see or set."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from accounts.audit.models import AuditEvent
from accounts.errors import Invalid, NotAllowed, NotFound
from accounts.identity.acting import Actor
from exchange.sharing.models import Subscription
from exchange.sharing.policy import set_policy
from exchange.sharing.subscribe import subscribe, unsubscribe
from hashsets.lists.models import Audience, Classification
from tests import cast
from tests.cast import NOW
from tests.exchange.world import new_list

pytestmark = pytest.mark.django_db

LATER = NOW + timedelta(hours=1)
POLICY = {"classifications": ["A1", "unclassified"], "minimum_publishers": 2, "publisher_kinds": ["ngo"]}


@pytest.fixture
def subscription() -> Subscription:
    hash_list = new_list(cast.harbor())
    Classification.objects.create(hash_list=hash_list, code=1, label="A1")
    return subscribe(hash_list.id, actor=cast.lumen().integrator.actor, now=NOW)


def events() -> list[str]:
    return list(AuditEvent.objects.order_by("number").values_list("action", flat=True))


def test_a_new_subscription_asks_for_nothing(subscription: Subscription) -> None:
    assert subscription.policy == {}


def test_a_policy_is_kept_and_audited_once(subscription: Subscription) -> None:
    actor = cast.lumen().integrator.actor
    set_policy(subscription.id, policy=POLICY, actor=actor, now=LATER)
    assert Subscription.objects.get().policy == POLICY
    assert events()[-1] == "subscription.policy_set"
    before = events()
    set_policy(subscription.id, policy={**POLICY, "jurisdictions": []}, actor=actor, now=LATER)
    assert events() == before
    set_policy(subscription.id, policy={}, actor=actor, now=LATER)
    assert Subscription.objects.get().policy == {}


def test_a_label_that_the_list_does_not_have_is_refused(subscription: Subscription) -> None:
    with pytest.raises(Invalid) as refused:
        set_policy(
            subscription.id,
            policy={"classifications": ["A9"]},
            actor=cast.lumen().integrator.actor,
            now=LATER,
        )
    assert refused.value.code == "policy.unknown_classification"
    assert Subscription.objects.get().policy == {}


@pytest.mark.parametrize(
    ("who", "refusal"),
    [
        (lambda: cast.stranger().actor, NotFound),
        (lambda: cast.harbor().contributor.actor, NotAllowed),
        (lambda: cast.pixelhaus().integrator.actor, NotFound),
    ],
)
def test_nobody_else_sets_it(
    subscription: Subscription, who: Callable[[], Actor], refusal: type[Exception]
) -> None:
    with pytest.raises(refusal):
        set_policy(subscription.id, policy=POLICY, actor=who(), now=LATER)
    assert Subscription.objects.get().policy == {}


def test_an_ended_subscription_and_a_list_out_of_sight_take_none(subscription: Subscription) -> None:
    actor = cast.lumen().integrator.actor
    subscription.hash_list.audience = Audience.NAMED
    subscription.hash_list.save(update_fields=["audience"])
    with pytest.raises(NotFound) as hidden:
        set_policy(subscription.id, policy=POLICY, actor=actor, now=LATER)
    assert hidden.value.code == "list.not_found"
    unsubscribe(subscription.id, actor=actor, now=LATER)
    with pytest.raises(NotFound) as ended:
        set_policy(subscription.id, policy=POLICY, actor=actor, now=LATER)
    assert ended.value.code == "subscription.not_found"
