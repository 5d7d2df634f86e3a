"""Several stations at the same work at the same time: numbers stay gap-free, nothing is done twice."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable, Iterable
from datetime import timedelta
from functools import partial

import pytest
from django.db import connections

from accounts.audit.models import AuditEvent
from accounts.audit.verify import verify_audit
from accounts.errors import Refusal
from hashsets.intake.models import Submission, SubmissionState
from hashsets.intake.validate import submissions_due as validations_due
from hashsets.intake.validate import validate_submission
from hashsets.releases.approve import approve_submission
from hashsets.releases.build import build_draft, submissions_due
from hashsets.releases.models import Approval, Draft, DraftState, Release
from hashsets.releases.publish import drafts_due, publish_draft
from hashsets.releases.verify import verify_release
from tests.hashsets.releases.world import NOW, World, csv_of, harbor_world, world_of

pytestmark = pytest.mark.django_db(transaction=True)


def together(steps: Iterable[Callable[[], object]], *, patience: float = 60) -> list[BaseException]:
    """Run all at once, each in a thread with a connection of its own; returns what they raised."""
    steps = list(steps)
    barrier, raised = threading.Barrier(len(steps)), []

    def run(step: Callable[[], object]) -> None:
        try:
            barrier.wait(10)
            step()
        except BaseException as error:
            traceback.print_exc()  # the report of a failed test shows where
            raised.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(step,)) for step in steps]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(patience)
        assert not thread.is_alive()
    return raised


def test_two_publishers_of_one_draft_make_one_release() -> None:
    world = harbor_world()
    draft = world.sign(world.draft(csv_of(range(50))))
    assert together([lambda: publish_draft(draft.id, now=NOW)] * 4) == []
    assert Release.objects.count() == 1
    assert AuditEvent.objects.filter(action="release.published").count() == 1
    publish_draft(draft.id, now=NOW + timedelta(minutes=1))
    assert verify_release(world.fresh(), 1).ok


def test_two_builders_of_one_submission_make_one_draft() -> None:
    world = harbor_world()
    submission = world.approve(world.stage(csv_of(range(50))))
    assert together([lambda: build_draft(submission.id, now=NOW)] * 4) == []
    assert Draft.objects.count() == 1
    assert AuditEvent.objects.filter(action="draft.opened").count() == 1


def test_two_builders_of_two_submissions_make_one_draft() -> None:
    world = harbor_world()
    waiting = [world.approve(world.stage(csv_of([number]))) for number in range(2)]
    raised = together([lambda each=each: build_draft(each.id, now=NOW) for each in waiting])  # type: ignore[misc]
    assert raised == []
    assert Draft.objects.filter(state=DraftState.OPEN).count() == 1


def test_one_person_in_two_windows_approves_once() -> None:
    world = harbor_world(approvals_required=2)
    submission = world.stage(csv_of([1]))
    actor = world.crew.approver.actor
    shown = submission.operations_digest
    ask = partial(approve_submission, submission.id, operations_digest=shown, actor=actor, now=NOW)
    raised = together([ask] * 3)
    assert len(raised) == 2
    assert all(isinstance(error, Refusal) and error.code == "approval.already" for error in raised)
    assert Approval.objects.count() == 1


def test_a_signature_given_twice_at_once_is_kept_once() -> None:
    world = harbor_world()
    draft = world.draft(csv_of([1]))
    raised = together([lambda: world.sign(draft)] * 3)
    assert all(isinstance(error, Refusal) for error in raised)
    assert AuditEvent.objects.filter(action="draft.signed").count() == 1


def test_four_workers_on_two_lists_number_without_a_gap() -> None:
    world = harbor_world()
    other = world_of(world.crew, title="Second list")
    total = 6
    for each in (world, other):
        for number in range(total):
            each.approve(each.stage(csv_of([number]), now=NOW + timedelta(milliseconds=number)))
    raised = together([lambda: _work([world, other])] * 4)
    assert raised == []
    for each in (world, other):
        numbers = list(
            Release.objects.filter(hash_list=each.hash_list)
            .order_by("number")
            .values_list("number", flat=True)
        )
        assert numbers == list(range(1, total + 1))
        report = verify_release(each.fresh(), total)
        assert report.ok and report.entries == total, report.findings
    assert verify_audit().holds


def _work(worlds: list[World]) -> None:
    """A worker: all stations and every signer, until all is published. Losing a race is no error."""
    signers = {world.hash_list.id: world for world in worlds}
    for step in range(4_000):
        # Time runs fast here, so that a lease which its holder finished with late is seen as run out.
        now = NOW + timedelta(seconds=step)
        for submission_id in validations_due(now, 5):
            validate_submission(submission_id, now=now)
        for submission_id in submissions_due(now, 5):
            _unless_beaten(lambda: build_draft(submission_id, now=now))  # noqa: B023 - runs at once
        for draft in Draft.objects.filter(state=DraftState.OPEN):
            _unless_beaten(lambda: signers[draft.hash_list_id].sign(draft, now=now))  # noqa: B023
        for draft_id in drafts_due(now, 5):
            publish_draft(draft_id, now=now)
        if not Submission.objects.exclude(state=SubmissionState.PUBLISHED).exists():
            return
    raise AssertionError("not all was published")


def _unless_beaten(step: Callable[[], object]) -> None:
    try:
        step()
    except Refusal as refusal:
        assert refusal.code in ("draft.not_open", "list.moved_on"), refusal.code
