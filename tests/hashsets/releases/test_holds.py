"""What is far from a list's habit needs more people than usual."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import timedelta

import pytest

from accounts.audit.models import AuditEvent
from accounts.errors import Conflict, NotAllowed, NotFound
from hashsets.core.hashtypes import hash_type
from hashsets.intake.models import Submission, SubmissionState
from hashsets.intake.quarantine import decide_quarantine
from hashsets.intake.validate import validate_submission
from hashsets.releases import holds
from hashsets.releases.agree import agree_to_submission, awaiting_agreement
from hashsets.releases.build import build_draft
from hashsets.releases.models import Draft, DraftState, Release
from tests import cast
from tests.hashsets.releases.world import NOW, World, agree_as, approve_as, csv_of, harbor_world

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)
PDQ = hash_type("pdq").examples[0]


def released(world: World, numbers: Iterable[int], *, mode: str = "add", hours_ago: float = 48) -> Release:
    """A release that came out some time ago."""
    release = world.release(csv_of(numbers), mode=mode)
    Release.objects.filter(id=release.id).update(published_at=NOW - timedelta(hours=hours_ago))
    return release


def second(world: World, submission: Submission) -> Submission:
    return approve_as(submission, world.crew.second_approver)


def removal(world: World, numbers: Iterable[int], *, urgent: bool = False) -> Submission:
    return world.stage(csv_of(numbers), mode="remove", urgent=urgent)


def test_removing_six_in_a_hundred_needs_one_approver_more() -> None:
    world = harbor_world()
    released(world, range(300))
    at_once = world.approve(removal(world, range(15)))
    assert (at_once.state, at_once.holds) == (SubmissionState.APPROVED, [])
    Submission.objects.filter(id=at_once.id).update(state=SubmissionState.WITHDRAWN)
    held = world.approve(removal(world, range(18)))
    assert (held.state, held.holds) == (SubmissionState.STAGED, [holds.MASS_REMOVAL])
    with pytest.raises(Conflict) as refusal:
        world.approve(held)
    assert refusal.value.code == "approval.already"
    assert second(world, held).state == SubmissionState.APPROVED
    events = AuditEvent.objects.filter(action="submission.approved", subject_id=str(held.id))
    assert [event.facts["holds"] for event in events] == [[holds.MASS_REMOVAL]] * 2


def test_ten_removals_of_one_in_a_hundred_are_held_like_one_of_ten() -> None:
    world = harbor_world()
    released(world, range(1_000))
    states = []
    for step in range(10):
        submission = world.approve(removal(world, range(10 * step, 10 * step + 10)))
        states.append((submission.state, submission.holds))
        if submission.state == SubmissionState.STAGED:
            break
    # The sixth would bring it to 6 %; what is approved and not yet released counts as well.
    assert states[:5] == [(SubmissionState.APPROVED, [])] * 5
    assert states[5] == (SubmissionState.STAGED, [holds.MASS_REMOVAL])


def test_removals_of_the_day_before_yesterday_are_forgotten() -> None:
    world = harbor_world()
    released(world, range(1_000), hours_ago=72)
    released(world, range(50), mode="remove", hours_ago=25)
    assert world.approve(removal(world, range(50, 90))).state == SubmissionState.APPROVED


def test_a_vast_removal_needs_the_exchange_as_well() -> None:
    world, host = harbor_world(), cast.operator(now=NOW)
    released(world, range(100))
    held = world.approve(removal(world, range(25)))
    assert held.holds == [holds.MASS_REMOVAL, holds.VAST_REMOVAL]
    assert second(world, held).state == SubmissionState.STAGED
    assert [row.id for row in awaiting_agreement(host.admin.actor)] == [held.id]
    agreed = agree_as(held, host.admin)
    assert agreed.state == SubmissionState.APPROVED
    assert not awaiting_agreement(host.admin.actor)
    assert AuditEvent.objects.filter(action="submission.agreed").count() == 1


def test_the_exchange_may_agree_before_the_second_approver() -> None:
    world, host = harbor_world(), cast.operator(now=NOW)
    released(world, range(100))
    held = world.approve(removal(world, range(25)))
    assert agree_as(held, host.admin).state == SubmissionState.STAGED
    with pytest.raises(Conflict) as refusal:
        agree_as(held, host.second_admin)
    assert refusal.value.code == "agreement.already"
    assert second(world, held).state == SubmissionState.APPROVED


def test_nobody_but_the_exchange_agrees_and_only_where_it_is_asked() -> None:
    world, host = harbor_world(), cast.operator(now=NOW)
    released(world, range(100))
    held = world.approve(removal(world, range(25)))
    shown = held.operations_digest
    for person in (world.crew.admin.actor, host.officer.actor, cast.stranger(now=NOW).actor, cast.HOST):
        with pytest.raises(NotAllowed):
            agree_to_submission(held.id, operations_digest=shown, actor=person, now=NOW)
    usual = world.stage(csv_of(range(500, 510)))
    for submission_id in (usual.id, uuid.uuid4()):
        with pytest.raises(NotFound):
            agree_to_submission(submission_id, operations_digest=shown, actor=host.admin.actor, now=NOW)


def test_emptying_a_list_however_small_is_held() -> None:
    world = harbor_world()
    released(world, range(5))
    assert world.approve(removal(world, range(5))).holds == [holds.EMPTIES]
    one_left = world.approve(removal(world, range(4)))
    assert (one_left.state, one_left.holds) == (SubmissionState.APPROVED, [])


def test_an_emergency_withdrawal_of_a_hundred_is_not_held_and_a_hundred_and_one_are() -> None:
    world = harbor_world()
    released(world, range(400))
    held = world.approve(removal(world, range(101), urgent=True))
    assert held.holds == [holds.MASS_REMOVAL, holds.VAST_REMOVAL]
    Submission.objects.filter(id=held.id).update(state=SubmissionState.WITHDRAWN)
    first = world.approve(removal(world, range(100), urgent=True))
    assert (first.state, first.holds) == (SubmissionState.APPROVED, [])
    again = world.approve(removal(world, range(100, 130), urgent=True))
    assert again.state == SubmissionState.STAGED, "a hundred a day, not a hundred each"


def test_ten_times_the_usual_additions_are_held_from_the_sixth_release_on() -> None:
    world = harbor_world()
    for number in range(4):
        released(world, range(number * 10, number * 10 + 10), hours_ago=200 - number)
    early = world.approve(world.stage(csv_of(range(1_000, 1_200))))
    assert early.holds == []
    Submission.objects.filter(id=early.id).update(state=SubmissionState.WITHDRAWN)
    released(world, range(40, 50), hours_ago=100)
    assert world.approve(world.stage(csv_of(range(1_000, 1_100)))).holds == []
    held = world.approve(world.stage(csv_of(range(1_000, 1_101))))
    assert (held.state, held.holds) == (SubmissionState.STAGED, [holds.MANY_ADDITIONS])
    assert second(world, held).state == SubmissionState.APPROVED


def test_a_type_that_the_list_never_had_is_held_after_its_first_release() -> None:
    world = harbor_world(hash_types=("md5", "sha256"))
    first = world.approve(world.stage(csv_of(range(3))))
    assert first.holds == []
    Submission.objects.filter(id=first.id).update(state=SubmissionState.WITHDRAWN)
    released(world, range(3))
    held = world.approve(world.stage("md5\n" + "9e107d9d372bb6826bd81d3542a419d6\n"))
    assert (held.state, held.holds) == (SubmissionState.STAGED, [holds.NEW_TYPE])


def test_a_lowered_guard_needs_a_second_person_and_the_exchange() -> None:
    world, host = harbor_world(hash_types=("pdq",)), cast.operator(now=NOW)
    submission = world.stage(f"pdq,quality\n{PDQ},40\n")
    assert (submission.adds, submission.set_aside) == (0, {"hash.low_quality": 1})
    with pytest.raises(Conflict) as refusal:
        world.approve(submission)
    assert refusal.value.code == "approval.nothing"
    decide_quarantine(
        submission.id,
        accept=True,
        codes=(),
        reason="Checked at the source.",
        actor=world.crew.approver.actor,
        now=NOW,
    )
    validate_submission(submission.id, now=NOW)
    submission.refresh_from_db()
    held = world.approve(submission)
    assert (held.adds, held.holds) == (1, [holds.GUARD_LOWERED])
    assert second(world, held).state == SubmissionState.STAGED
    assert agree_as(held, host.admin).state == SubmissionState.APPROVED


def test_a_held_submission_is_released_like_any_other_in_the_end() -> None:
    world = harbor_world()
    released(world, range(300))
    held = world.approve(removal(world, range(18)))
    second(world, held)
    draft = build_draft(held.id, now=NOW)
    assert isinstance(draft, Draft)
    assert draft.state == DraftState.OPEN
