"""Removals and re-classifications cannot be cut, timed or queued so that one person's yes is enough."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

import pytest

from accounts.mail.models import OutgoingMail
from hashsets.intake.models import Submission, SubmissionState
from hashsets.intake.validate import validate_submission
from hashsets.intake.withdraw import withdraw_submission
from hashsets.releases import holds
from hashsets.releases.approve import return_submission
from hashsets.releases.build import build_draft
from hashsets.releases.carry import carry_approvals
from hashsets.releases.models import Approval, Draft, DraftState, Release
from hashsets.releases.publish import publish_draft
from tests import cast
from tests.hashsets.releases.world import (
    NOW,
    World,
    agree_as,
    approve_as,
    csv_of,
    harbor_world,
    sha256,
)

pytestmark = pytest.mark.django_db

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
MASS, VAST, CHANGE, EMPTIES = holds.MASS_REMOVAL, holds.VAST_REMOVAL, holds.VAST_CHANGE, holds.EMPTIES


def classified(numbers: Iterable[int], label: str) -> str:
    return "sha256,classification\n" + "".join(f"{sha256(number)},{label}\n" for number in numbers)


def rated(numbers: Iterable[int], quality: int) -> str:
    return "sha256,quality\n" + "".join(f"{sha256(number)},{quality}\n" for number in numbers)


def list_of(size: int, *, label: str = "A1", hours_ago: float = 48) -> World:
    """A list with one release of `size` entries."""
    world = harbor_world(scheme="ncmec")
    came_out(world.release(classified(range(size), label)), hours_ago=hours_ago)
    return world


def came_out(release: Release, *, hours_ago: float) -> None:
    Release.objects.filter(id=release.id).update(published_at=NOW - hours_ago * HOUR)


def removal(world: World, numbers: Iterable[int], *, urgent: bool = False, step: int = 0) -> Submission:
    now = NOW + timedelta(seconds=step)
    return world.stage(csv_of(numbers), mode="remove", urgent=urgent, now=now)


def update(world: World, csv: str) -> Submission:
    return world.stage(csv, mode="update")


def holds_at(world: World, submission: Submission) -> list[str]:
    """What the first approver meets."""
    held = world.approve(submission)
    assert (held.state == SubmissionState.STAGED) == bool(held.holds)
    return list(held.holds)


# What counts


def test_re_classifying_a_whole_list_takes_two_people_and_the_exchange() -> None:
    world, host = list_of(1_000), cast.operator(now=NOW)
    held = world.approve(update(world, classified(range(1_000), "B2")))
    assert (held.state, held.reclassified, held.holds) == (SubmissionState.STAGED, 1_000, [MASS, VAST])
    assert approve_as(held, world.crew.second_approver).state == SubmissionState.STAGED
    assert agree_as(held, host.admin).state == SubmissionState.APPROVED


def test_a_replacement_without_classifications_takes_them_all_away() -> None:
    world = list_of(100)
    assert holds_at(world, world.stage(csv_of(range(100)), mode="replace")) == [MASS, VAST]


def test_giving_classifications_where_there_were_none_loses_nothing() -> None:
    world = list_of(100, label="")
    given = update(world, classified(range(20), "A1"))
    assert (given.updates, given.reclassified) == (20, 0)
    assert holds_at(world, given) == []


SHARES = [
    (400, 20, []),
    (400, 21, [MASS]),
    (100, 20, [MASS]),
    (100, 21, [MASS, VAST]),
    (40, 10, []),
    (40, 11, [MASS, VAST]),
]


@pytest.mark.parametrize(("size", "lost", "codes"), SHARES)
def test_the_limits_of_removals(size: int, lost: int, codes: list[str]) -> None:
    world = list_of(size)
    assert holds_at(world, removal(world, range(lost))) == codes


@pytest.mark.parametrize(("size", "lost", "codes"), SHARES)
def test_the_limits_of_re_classifications_are_the_same(size: int, lost: int, codes: list[str]) -> None:
    world = list_of(size)
    assert holds_at(world, update(world, classified(range(lost), "A2"))) == codes


@pytest.mark.parametrize(
    ("size", "touched", "codes"), [(100, 20, []), (100, 21, [CHANGE]), (40, 10, []), (40, 11, [CHANGE])]
)
def test_the_limits_of_other_updates(size: int, touched: int, codes: list[str]) -> None:
    world = list_of(size)
    held = world.approve(update(world, rated(range(touched), 80)))
    assert held.holds == codes
    assert (held.further_approvals, held.exchange_must_agree) == (len(codes), False)


def test_updates_and_removals_are_counted_together() -> None:
    world = list_of(100)
    assert holds_at(world, removal(world, range(10))) == []
    assert holds_at(world, update(world, rated(range(10, 20), 80))) == []
    assert holds_at(world, update(world, rated([20], 80))) == [CHANGE]


def test_removals_and_re_classifications_are_counted_together() -> None:
    world = list_of(200)
    assert holds_at(world, removal(world, range(5))) == []
    assert holds_at(world, update(world, classified(range(5, 10), "A2"))) == []
    assert holds_at(world, update(world, classified([10], "A2"))) == [MASS]


def test_what_loses_nothing_is_not_held_for_what_others_lose() -> None:
    world = list_of(100)
    assert world.approve_wholly(removal(world, range(11))).holds == [MASS]
    assert holds_at(world, update(world, rated([50], 80))) == []
    assert holds_at(world, removal(world, [51])) == [MASS]


def test_additions_and_first_releases_have_rules_of_their_own() -> None:
    world = harbor_world(scheme="ncmec")
    assert holds_at(world, world.stage(classified(range(500), "A1"))) == []
    world = list_of(100)
    world.approve(update(world, rated(range(21), 80)))
    assert holds_at(world, world.stage(csv_of(range(900, 950)))) == []


def test_rows_of_an_older_version_count_with_all_of_their_updates() -> None:
    world = list_of(400)
    submission = update(world, rated(range(21), 80))
    Submission.objects.filter(id=submission.id).update(reclassified=None)
    assert holds_at(world, submission) == [MASS]

    world = list_of(400)
    release = world.release(rated(range(20), 80), mode="update")
    assert release.reclassified == 0
    came_out(release, hours_ago=1)
    Release.objects.filter(id=release.id).update(reclassified=None)
    assert holds_at(world, removal(world, [30])) == [MASS]


def test_a_release_counts_with_what_it_re_classified() -> None:
    world = list_of(400)
    release = world.release(classified(range(20), "A2"), mode="update")
    assert (release.updates, release.reclassified) == (20, 20)
    came_out(release, hours_ago=1)
    assert holds_at(world, removal(world, [30])) == [MASS]


# Twenty-four hours


def test_the_window_is_twenty_four_hours_to_the_second() -> None:
    world = list_of(1_000)
    release = world.release(csv_of(range(50)), mode="remove")
    Release.objects.filter(id=release.id).update(published_at=NOW - DAY)
    submission = removal(world, range(50, 97))  # 47 of the 950 of then
    assert holds.holds_of(submission, world.fresh(), now=NOW).codes == ()
    one_more = removal(world, range(50, 98))
    assert holds.holds_of(one_more, world.fresh(), now=NOW).codes == (MASS,), "48 of 950, not of 1,000"
    Release.objects.filter(id=release.id).update(published_at=NOW - DAY + timedelta(seconds=1))
    assert holds.holds_of(submission, world.fresh(), now=NOW).codes == (MASS,)  # 97 of the 1,000 of then


def test_what_is_being_signed_counts() -> None:
    world = list_of(1_000)
    draft = build_draft(world.approve(removal(world, range(49))).id, now=NOW)
    assert draft is not None and draft.state == DraftState.OPEN
    assert Submission.objects.get(id=draft.submission_id).state == SubmissionState.DRAFTED
    assert holds_at(world, removal(world, range(49, 98))) == [MASS]


@pytest.mark.parametrize("state", [SubmissionState.RECEIVED, SubmissionState.VALIDATING])
def test_what_is_being_staged_again_counts(state: SubmissionState) -> None:
    world = list_of(1_000)
    first = staged_again(world, range(49))
    Submission.objects.filter(id=first.id).update(state=state)
    assert holds_at(world, removal(world, range(49, 98))) == [MASS]


def test_what_was_staged_again_counts_until_its_approvals_are_carried() -> None:
    world = list_of(1_000)
    first = staged_again(world, range(49))
    assert validate_submission(first.id, now=NOW)
    first.refresh_from_db()
    assert (first.state, first.base_release) == (SubmissionState.STAGED, 2)
    assert Approval.objects.live().get(submission=first).base_release == 1
    assert holds_at(world, removal(world, range(49, 98))) == [MASS]
    assert carry_approvals(first, now=NOW).state == SubmissionState.APPROVED


def test_carrying_an_approval_asks_anew_what_is_unusual() -> None:
    world = list_of(1_000)
    first = staged_again(world, range(49))
    other = world.approve(removal(world, range(49, 98)))
    assert approve_as(other, world.crew.second_approver).state == SubmissionState.APPROVED
    assert validate_submission(first.id, now=NOW)
    OutgoingMail.objects.all().delete()

    carried = carry_approvals(first, now=NOW)
    assert (carried.state, carried.holds) == (SubmissionState.STAGED, [MASS])
    waits_for = set(OutgoingMail.objects.values_list("address", flat=True))
    assert world.crew.second_approver.user.email in waits_for
    assert carry_approvals(first, now=NOW).state == SubmissionState.STAGED
    assert build_draft(first.id, now=NOW) is None
    assert approve_as(carried, world.crew.second_approver).state == SubmissionState.APPROVED


def test_carrying_an_approval_asks_the_exchange_where_it_has_become_vast() -> None:
    world, host = list_of(100), cast.operator(now=NOW)
    first = staged_again(world, range(4))
    other = world.approve_wholly(removal(world, range(10, 27)))
    assert (other.state, other.holds) == (SubmissionState.APPROVED, [MASS, VAST])
    assert validate_submission(first.id, now=NOW)
    OutgoingMail.objects.all().delete()
    carried = carry_approvals(first, now=NOW)
    assert (carried.state, carried.holds) == (SubmissionState.STAGED, [MASS, VAST])
    assert host.admin.user.email in set(OutgoingMail.objects.values_list("address", flat=True))
    assert approve_as(carried, world.crew.second_approver).state == SubmissionState.STAGED
    assert agree_as(carried, host.admin).state == SubmissionState.APPROVED


def test_a_hold_that_was_there_at_approval_stays_when_it_is_carried() -> None:
    world = list_of(100)
    held = world.approve(removal(world, range(11)))
    assert held.holds == [MASS]
    release = world.release(csv_of(range(500, 900)), now=NOW + timedelta(seconds=1))
    came_out(release, hours_ago=30)  # against the larger list it would be nothing
    Submission.objects.filter(id=held.id).update(state=SubmissionState.RECEIVED)
    assert validate_submission(held.id, now=NOW)
    carried = carry_approvals(held, now=NOW)
    assert (carried.state, carried.holds, carried.further_approvals) == (SubmissionState.STAGED, [MASS], 1)


def test_another_effect_after_staging_is_judged_afresh() -> None:
    world = list_of(100)
    held = world.approve(removal(world, range(11)))
    assert held.holds == [MASS]
    release = world.release(csv_of(range(3)), mode="remove", now=NOW + timedelta(seconds=1))
    came_out(release, hours_ago=30)
    Submission.objects.filter(id=held.id).update(state=SubmissionState.RECEIVED)
    assert validate_submission(held.id, now=NOW)
    carried = carry_approvals(held, now=NOW)
    assert not Approval.objects.live().filter(submission=held).exists()
    assert (carried.removals, carried.holds, carried.further_approvals) == (8, [], 0)


def test_a_hold_of_the_first_approval_stays_with_the_second() -> None:
    world, host = list_of(100), cast.operator(now=NOW)
    other = world.approve(removal(world, range(4)))
    held = world.approve(removal(world, range(10, 27)))
    assert held.holds == [MASS, VAST]
    return_submission(other.id, reason="A slip.", actor=world.crew.approver.actor, now=NOW)
    assert holds.holds_of(held, world.fresh(), now=NOW).codes == (MASS,), "alone it would be less"
    second = approve_as(held, world.crew.second_approver)
    assert (second.state, second.holds) == (SubmissionState.STAGED, [MASS, VAST])
    assert agree_as(held, host.admin).state == SubmissionState.APPROVED


def test_what_is_returned_or_withdrawn_counts_no_more() -> None:
    world = list_of(1_000)
    returned = world.approve(removal(world, range(49)))
    return_submission(returned.id, reason="A slip.", actor=world.crew.approver.actor, now=NOW)
    withdrawn = staged_again(world, range(49, 98))
    withdraw_submission(withdrawn.id, actor=world.crew.contributor.actor, now=NOW)
    assert Approval.objects.live().filter(submission=withdrawn).exists()
    assert holds_at(world, removal(world, range(98, 147))) == []


def test_what_nobody_has_approved_does_not_count_while_it_is_checked_again() -> None:
    world = list_of(1_000)
    again = removal(world, range(49))
    Submission.objects.filter(id=again.id).update(state=SubmissionState.RECEIVED)
    assert holds_at(world, removal(world, range(49, 98))) == []


# Emergencies


def test_an_urgent_removal_that_empties_a_list_is_held() -> None:
    world = list_of(90)
    assert holds_at(world, removal(world, range(90), urgent=True)) == [EMPTIES]
    assert holds_at(world, removal(world, range(89), urgent=True)) == []


def test_urgent_removals_that_empty_a_list_together_are_held() -> None:
    world = list_of(90)
    assert holds_at(world, removal(world, range(60), urgent=True)) == []
    assert holds_at(world, removal(world, range(60, 90), urgent=True)) == [EMPTIES]


def test_additions_that_may_yet_be_taken_back_do_not_keep_a_list_from_being_emptied() -> None:
    world = list_of(10)
    world.approve(world.stage(csv_of(range(100, 105))))
    assert holds_at(world, removal(world, range(10))) == [EMPTIES]


def test_a_replacement_that_waits_does_not_hold_up_an_urgent_removal() -> None:
    world = list_of(40)
    waits = world.approve_wholly(world.stage(classified(range(100, 140), "A1"), mode="replace"))
    assert (waits.state, waits.adds, waits.removals) == (SubmissionState.APPROVED, 40, 40)
    assert holds_at(world, removal(world, [0], urgent=True)) == []


def test_a_replacement_that_waits_counts_with_what_it_leaves() -> None:
    world = list_of(40)
    waits = world.approve_wholly(world.stage(classified(range(100, 110), "A1"), mode="replace"))
    assert (waits.state, waits.adds, waits.removals) == (SubmissionState.APPROVED, 10, 40)
    assert holds_at(world, removal(world, range(10), urgent=True)) == [EMPTIES]
    assert holds_at(world, removal(world, range(9), urgent=True)) == []


@pytest.mark.parametrize(("removed", "codes"), [(100, []), (101, [MASS, VAST])])
def test_a_hundred_a_day_are_an_emergency(removed: int, codes: list[str]) -> None:
    world = list_of(400)
    assert holds_at(world, removal(world, range(removed), urgent=True)) == codes


@pytest.mark.parametrize(("more", "codes"), [(40, []), (41, [MASS, VAST])])
def test_emergencies_of_a_day_are_counted_together(more: int, codes: list[str]) -> None:
    world = list_of(400)
    release = world.release(csv_of(range(60)), mode="remove", urgent=True)
    came_out(release, hours_ago=23)
    assert holds_at(world, removal(world, range(60, 60 + more), urgent=True)) == codes


def test_an_urgent_update_is_no_emergency() -> None:
    world = list_of(100)
    urgent = world.stage(classified(range(11), "A2"), mode="update", urgent=True)
    assert holds_at(world, urgent) == [MASS]


# Additions


@pytest.mark.parametrize(("ago", "codes"), [(DAY * 30, []), (DAY * 30 - HOUR, [holds.MANY_ADDITIONS])])
def test_the_habit_is_that_of_thirty_days(ago: timedelta, codes: list[str]) -> None:
    world = harbor_world()
    for step in range(5):
        world.release(csv_of(range(10 * step, 10 * step + 10)))
    Release.objects.update(published_at=NOW - ago)
    assert holds_at(world, world.stage(csv_of(range(1_000, 1_101)))) == codes


def staged_again(world: World, numbers: Iterable[int]) -> Submission:
    """An approved removal whose list has moved on before it was built."""
    submission = world.approve(removal(world, numbers, step=5))
    assert (submission.state, submission.holds) == (SubmissionState.APPROVED, [])
    draft = world.draft(csv_of([5_000]))
    release = publish_draft(world.sign(draft).id, now=NOW)
    assert release is not None
    assert build_draft(submission.id, now=NOW) is None
    submission.refresh_from_db()
    assert submission.state == SubmissionState.RECEIVED
    assert not Draft.objects.live().exists()
    return submission
