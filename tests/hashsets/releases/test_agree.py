"""The exchange's own word is a third person's, about one effect."""

from __future__ import annotations

from datetime import timedelta

import pytest

from accounts.errors import Conflict
from accounts.identity.roles import Role
from accounts.membership.members import add_member
from hashsets.intake.models import Submission, SubmissionState
from hashsets.intake.validate import validate_submission
from hashsets.releases import holds
from hashsets.releases.agree import agree_to_submission, awaiting_agreement
from hashsets.releases.carry import carry_approvals
from hashsets.releases.models import Agreement, Approval, Release
from tests import cast
from tests.hashsets.releases.world import (
    NOW,
    World,
    agree_as,
    approve_as,
    csv_of,
    harbor_world,
    validated,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    """A list of a hundred entries that has been there for two days."""
    world = harbor_world()
    world.release(csv_of(range(100)))
    Release.objects.update(published_at=NOW - timedelta(hours=48))
    return world


@pytest.fixture
def host() -> cast.OperatorCrew:
    return cast.operator(now=NOW)


def of_harbor_too(world: World, person: cast.Person, role: Role) -> cast.Person:
    """The same human being in their place at the publisher."""
    add_member(person.user, world.crew.organisation, roles=[role], actor=cast.HOST, now=NOW)
    return cast.Person(person.user, cast.acting(person.user, world.crew.organisation))


def test_whoever_agreed_for_the_exchange_does_not_approve_as_well(
    world: World, host: cast.OperatorCrew
) -> None:
    held = world.approve(world.stage(csv_of(range(25)), mode="remove"))
    both = of_harbor_too(world, host.admin, Role.APPROVER)
    agree_as(held, host.admin)
    with pytest.raises(Conflict) as refused:
        approve_as(held, both)
    assert refused.value.code == "approval.also_agreed"
    assert approve_as(held, world.crew.second_approver).state == SubmissionState.APPROVED


def test_whoever_approved_does_not_agree_for_the_exchange_as_well(
    world: World, host: cast.OperatorCrew
) -> None:
    held = world.approve(world.stage(csv_of(range(25)), mode="remove"))
    approve_as(held, of_harbor_too(world, host.admin, Role.APPROVER))
    with pytest.raises(Conflict) as refused:
        agree_as(held, host.admin)
    assert refused.value.code == "agreement.also_approved"
    assert not Agreement.objects.exists()
    assert agree_as(held, host.second_admin).state == SubmissionState.APPROVED


def test_nobody_agrees_to_what_they_submitted(world: World, host: cast.OperatorCrew) -> None:
    both = of_harbor_too(world, host.admin, Role.CONTRIBUTOR)
    held = world.approve(validated(world.submit(csv_of(range(25)), mode="remove", by=both)))
    with pytest.raises(Conflict) as refused:
        agree_as(held, host.admin)
    assert refused.value.code == "agreement.own_submission"
    assert agree_as(held, host.second_admin).state == SubmissionState.STAGED


def test_agreeing_to_something_else_than_what_was_shown_is_refused(
    world: World, host: cast.OperatorCrew
) -> None:
    held = world.approve(world.stage(csv_of(range(25)), mode="remove"))
    for shown, code in (("", "approval.digest_missing"), ("0" * 64, "approval.changed")):
        with pytest.raises(Exception) as refused:
            agree_to_submission(held.id, operations_digest=shown, actor=host.admin.actor, now=NOW)
        assert getattr(refused.value, "code", "") == code
    assert not Agreement.objects.exists()


def test_a_word_about_an_earlier_effect_does_not_count(world: World, host: cast.OperatorCrew) -> None:
    held = world.approve(world.stage(csv_of(range(30)), mode="remove"))
    assert agree_as(held, host.admin).state == SubmissionState.STAGED
    release = world.release(csv_of(range(3)), mode="remove", now=NOW + timedelta(seconds=1))
    Release.objects.filter(id=release.id).update(published_at=NOW - timedelta(hours=30))
    Submission.objects.filter(id=held.id).update(state=SubmissionState.RECEIVED)
    assert validate_submission(held.id, now=NOW)
    held.refresh_from_db()
    carry_approvals(held, now=NOW)
    assert held.removals == 27
    assert not Approval.objects.live().filter(submission=held).exists()

    assert holds.VAST_REMOVAL in world.approve(held).holds
    assert approve_as(held, world.crew.second_approver).state == SubmissionState.STAGED
    assert [row.id for row in awaiting_agreement(host.admin.actor)] == [held.id]
    assert agree_as(held, host.second_admin).state == SubmissionState.APPROVED
