"""One draft per list, the others in line; what happens to approvals when the list moves on."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from accounts.audit.models import AuditEvent
from accounts.membership.register import suspend_organisation
from hashsets.intake.models import Submission, SubmissionState
from hashsets.intake.validate import submissions_due as validations_due
from hashsets.intake.validate import validate_submission
from hashsets.intake.withdraw import withdraw_submission
from hashsets.releases.build import build_draft, submissions_due
from hashsets.releases.carry import carry_approvals
from hashsets.releases.claim import LEASE, claim_draft
from hashsets.releases.compose import Composed, compose
from hashsets.releases.models import Approval, Draft, DraftState, Release
from hashsets.releases.publish import drafts_due, publish_draft
from hashsets.releases.verify import verify_release
from tests import cast
from tests.hashsets.releases.world import NOW, World, csv_of, harbor_world, world_of

pytestmark = pytest.mark.django_db(transaction=True)


def run_stations(world: World, *, rounds: int = 20) -> None:
    """Every station until nothing is due, signing what waits for it: as the poller does, with fresh
    signers.
    """
    for step in range(rounds):
        now = NOW + timedelta(seconds=step)
        worked = False
        for submission_id in validations_due(now, 20):
            worked |= bool(validate_submission(submission_id, now=now))
        for submission_id in submissions_due(now, 20):
            before = Submission.objects.get(id=submission_id).state
            build_draft(submission_id, now=now)
            worked |= Submission.objects.get(id=submission_id).state != before
        for draft in Draft.objects.filter(state=DraftState.OPEN):
            world.sign(draft, now=now)
            worked = True
        for draft_id in drafts_due(now, 20):
            worked |= publish_draft(draft_id, now=now) is not None
        if not worked:
            return
    raise AssertionError("the stations never came to rest")


def test_the_second_submission_waits_for_the_first() -> None:
    world = harbor_world()
    first = world.draft(csv_of([1]))
    second = world.approve(world.stage(csv_of([2]), now=NOW + timedelta(seconds=1)))
    assert build_draft(second.id, now=NOW) is None
    assert submissions_due(NOW, 10) == []
    publish_draft(world.sign(first).id, now=NOW)
    assert submissions_due(NOW, 10) == [second.id]


def test_a_waiting_add_is_staged_again_and_keeps_its_approval() -> None:
    world = harbor_world()
    first = world.draft(csv_of([1]))
    second = world.approve(world.stage(csv_of([2]), now=NOW + timedelta(seconds=1)))
    publish_draft(world.sign(first).id, now=NOW)

    assert build_draft(second.id, now=NOW) is None
    second.refresh_from_db()
    assert second.state == SubmissionState.RECEIVED
    run_stations(world)

    second.refresh_from_db()
    assert (second.state, second.base_release) == (SubmissionState.PUBLISHED, 1)
    old, new = Approval.objects.filter(submission=second).order_by("id")
    assert (old.base_release, old.void_at is None) == (0, False)
    assert (new.base_release, new.void_at, new.approved_at) == (1, None, old.approved_at)
    assert verify_release(world.fresh(), 2).ok


def test_when_other_operations_come_out_the_approval_is_void() -> None:
    world = harbor_world()
    first = world.draft(csv_of([1, 2]))
    second = world.approve(world.stage(csv_of([2, 3]), now=NOW + timedelta(seconds=1)))
    publish_draft(world.sign(first).id, now=NOW)
    run_stations(world)

    second.refresh_from_db()
    assert (second.state, second.adds) == (SubmissionState.STAGED, 1)
    assert not Approval.objects.live().filter(submission=second).exists()
    assert Release.objects.count() == 1
    world.approve(second)
    run_stations(world)
    assert world.fresh().latest_release == 2


def test_a_replacement_is_always_approved_again() -> None:
    world = harbor_world()
    first = world.draft(csv_of([1]))
    second = world.approve(world.stage(csv_of([5, 6]), mode="replace", now=NOW + timedelta(seconds=1)))
    publish_draft(world.sign(first).id, now=NOW)
    run_stations(world)

    second.refresh_from_db()
    assert (second.state, second.base_release, second.removals) == (SubmissionState.STAGED, 1, 1)
    assert not Approval.objects.live().filter(submission=second).exists()


def test_an_unapproved_replacement_is_compared_again_when_the_list_has_moved_on() -> None:
    world = harbor_world()
    waiting = world.stage(csv_of([5]), mode="replace")
    world.release(csv_of([1]), now=NOW + timedelta(seconds=1))
    assert submissions_due(NOW, 10) == [waiting.id]
    run_stations(world)
    waiting.refresh_from_db()
    assert (waiting.state, waiting.base_release, waiting.removals) == (SubmissionState.STAGED, 1, 1)


def test_carrying_twice_is_carrying_once() -> None:
    world = harbor_world(approvals_required=2)
    first = world.stage(csv_of([1]))
    world.approve(first)
    world_other = world.stage(csv_of([2]))
    world.approve(world_other)
    Submission.objects.filter(id=first.id).update(base_release=7)
    first.refresh_from_db()
    assert carry_approvals(first, now=NOW).state == SubmissionState.STAGED
    assert carry_approvals(first, now=NOW).state == SubmissionState.STAGED
    assert Approval.objects.filter(submission=first).count() == 2
    assert Approval.objects.live().filter(submission=first, base_release=7).count() == 1


def test_an_urgent_submission_cancels_an_open_draft_which_is_then_built_again() -> None:
    world = harbor_world()
    routine = world.draft(csv_of([1]))
    urgent = world.draft(csv_of([2]), urgent=True, now=NOW + timedelta(seconds=1))
    routine.refresh_from_db()
    assert routine.state == DraftState.ABANDONED
    assert Submission.objects.get(id=routine.submission_id).state == SubmissionState.APPROVED
    release = publish_draft(world.sign(urgent).id, now=NOW)
    assert release is not None and release.urgent
    assert world.fresh().urgent_release == 1

    run_stations(world)
    assert world.fresh().latest_release == 2
    assert world.fresh().urgent_release == 1
    versions = list(Draft.objects.order_by("created_at").values_list("list_version", flat=True))
    assert len(set(versions)) == len(versions)
    assert verify_release(world.fresh(), 2).ok


def test_an_urgent_submission_does_not_cancel_a_signed_or_an_urgent_draft() -> None:
    world = harbor_world()
    signed = world.sign(world.draft(csv_of([1])))
    urgent = world.approve(world.stage(csv_of([2]), urgent=True))
    assert build_draft(urgent.id, now=NOW) is None
    publish_draft(signed.id, now=NOW)
    run_stations(world)
    second = world.draft(csv_of([3]), urgent=True, now=NOW + timedelta(seconds=30))
    third = world.approve(world.stage(csv_of([4]), urgent=True, now=NOW + timedelta(seconds=31)))
    assert build_draft(third.id, now=NOW) is None
    second.refresh_from_db()
    assert second.state == DraftState.OPEN


def test_a_submission_that_is_withdrawn_while_it_is_built_makes_room() -> None:
    world = harbor_world()
    submission = world.approve(world.stage(csv_of([1])))
    draft = claim_draft(submission.id, now=NOW)
    assert draft is not None
    withdraw_submission(submission.id, actor=world.crew.contributor.actor, now=NOW)
    following = world.draft(csv_of([2]), now=NOW + timedelta(seconds=1))
    draft.refresh_from_db()
    assert (draft.state, following.state) == (DraftState.ABANDONED, DraftState.OPEN)


def test_a_builder_whose_submission_was_withdrawn_meanwhile_opens_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = harbor_world()
    submission = world.approve(world.stage(csv_of([1])))

    def withdrawn_during_the_work(*args: Any, **named: Any) -> Composed:
        withdraw_submission(submission.id, actor=world.crew.contributor.actor, now=NOW)
        return compose(*args, **named)

    monkeypatch.setattr("hashsets.releases.build.compose", withdrawn_during_the_work)
    assert build_draft(submission.id, now=NOW) is None
    submission.refresh_from_db()
    assert submission.state == SubmissionState.WITHDRAWN
    assert Draft.objects.get().state == DraftState.ABANDONED
    assert AuditEvent.objects.filter(action="draft.abandoned").count() == 1


def test_a_dead_builders_draft_is_taken_over_when_its_lease_runs_out() -> None:
    world = harbor_world()
    submission = world.approve(world.stage(csv_of(range(20))))
    dead = claim_draft(submission.id, now=NOW)
    assert dead is not None
    assert build_draft(submission.id, now=NOW + LEASE / 2) is None
    assert submissions_due(NOW + LEASE / 2, 10) == []
    later = NOW + LEASE * 2
    assert submissions_due(later, 10) == [submission.id]
    draft = build_draft(submission.id, now=later)
    assert draft is not None
    assert (draft.id, draft.list_version, draft.state) == (dead.id, dead.list_version, DraftState.OPEN)


def test_a_long_line_of_one_list_does_not_hide_another_list() -> None:
    busy = harbor_world()
    for number in range(5):
        busy.approve(busy.stage(csv_of([number]), now=NOW + timedelta(seconds=number)))
    quiet = world_of(cast.northland(), title="Another list")
    other = quiet.approve(quiet.stage(csv_of([9]), now=NOW + timedelta(minutes=1)))
    due = submissions_due(NOW, 2)
    assert other.id in due and len(due) == 2


def test_nothing_of_a_suspended_publisher_is_built_or_published() -> None:
    world = harbor_world()
    draft = world.sign(world.draft(csv_of([1])))
    waiting = world.approve(world.stage(csv_of([2])))
    suspend_organisation(
        world.crew.organisation, reason="Under investigation.", actor=cast.operator().admin.actor, now=NOW
    )
    assert drafts_due(NOW, 10) == []
    assert submissions_due(NOW, 10) == []
    assert publish_draft(draft.id, now=NOW) is None
    assert build_draft(waiting.id, now=NOW) is None
    assert world.fresh().latest_release == 0


def test_a_line_of_twenty_becomes_twenty_releases_in_order() -> None:
    world = harbor_world()
    submissions = [
        world.approve(world.stage(csv_of([number]), now=NOW + timedelta(milliseconds=number)))
        for number in range(20)
    ]
    run_stations(world, rounds=90)
    releases = list(Release.objects.order_by("number"))
    assert [release.number for release in releases] == list(range(1, 21))
    assert [release.submission_id for release in releases] == [submission.id for submission in submissions]
    report = verify_release(world.fresh(), 20)
    assert report.ok and report.entries == 20
