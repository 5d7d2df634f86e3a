"""Approving and returning: a second person, a person, and exactly this change."""

from __future__ import annotations

from datetime import timedelta

import pytest

from accounts.audit.models import AuditEvent
from accounts.credentials.authenticate import actor_for_key
from accounts.credentials.issue import issue_credential
from accounts.errors import Conflict, Invalid, NotAllowed, NotFound
from accounts.identity.roles import Permission, Role
from hashsets.intake.models import SubmissionState
from hashsets.releases.approve import approve_submission, return_submission
from hashsets.releases.build import build_draft
from hashsets.releases.models import Approval, Draft, DraftState
from hashsets.releases.publish import publish_draft
from hashsets.releases.sign import add_signature, sign_with_hosted_key
from tests import cast
from tests.hashsets.releases.world import NOW, approve_as, built, csv_of, harbor_world, validated

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_second_person_approves_what_is_staged() -> None:
    world = harbor_world()
    submission = world.approve(world.stage(csv_of(range(3))))
    assert submission.state == SubmissionState.APPROVED
    assert submission.decided_by_id == world.crew.approver.user.id
    approval = Approval.objects.get()
    assert approval.covers(submission)
    event = AuditEvent.objects.get(action="submission.approved")
    assert event.facts["operations_digest"] == submission.operations_digest


def test_nobody_approves_their_own_submission() -> None:
    world = harbor_world()
    both = cast.person(world.crew.organisation, "Bea Both", (Role.CONTRIBUTOR, Role.APPROVER))
    submission = world.submit(csv_of([1]), by=both)
    validated(submission)
    with pytest.raises(Conflict) as refused:
        approve_as(submission, both)
    assert refused.value.code == "approval.own_submission"
    assert not Approval.objects.exists()


def test_the_issuer_of_a_credential_counts_as_its_submitter() -> None:
    world = harbor_world()
    roles = (Role.ADMIN, Role.CONTRIBUTOR, Role.APPROVER)
    issuer = cast.person(world.crew.organisation, "Ines Issuer", roles)
    issued = issue_credential(
        world.crew.organisation,
        name="upload",
        scopes=[Permission.SUBMISSION_CREATE, Permission.LIST_VIEW],
        mode="live",
        expires_at=NOW + timedelta(days=30),
        actor=issuer.actor,
        now=NOW,
    )
    machine = cast.Person(user=issuer.user, actor=actor_for_key(issued.key, now=NOW))
    submission = world.submit(csv_of([1]), by=machine)
    validated(submission)
    with pytest.raises(Conflict) as refused:
        approve_as(submission, issuer)
    assert refused.value.code == "approval.own_submission"
    with pytest.raises(NotAllowed) as by_machine:
        approve_as(submission, machine)
    assert by_machine.value.code == "actor.person_needed"
    assert world.approve(submission).state == SubmissionState.APPROVED


def test_a_contributor_has_no_right_to_approve_or_return() -> None:
    world = harbor_world()
    submission = world.stage(csv_of([1]))
    actor = world.crew.second_contributor.actor
    with pytest.raises(NotAllowed):
        approve_as(submission, world.crew.second_contributor)
    with pytest.raises(NotAllowed):
        return_submission(submission.id, reason="no", actor=actor, now=NOW)


def test_a_stranger_finds_neither_submission_nor_draft() -> None:
    world = harbor_world()
    submission = world.stage(csv_of([1]))
    stranger = cast.stranger().actor
    with pytest.raises(NotFound):
        approve_submission(
            submission.id, operations_digest=submission.operations_digest, actor=stranger, now=NOW
        )
    with pytest.raises(NotFound):
        return_submission(submission.id, reason="no", actor=stranger, now=NOW)
    draft = built(world.approve(submission))
    with pytest.raises(NotFound):
        sign_with_hosted_key(draft.id, actor=stranger, now=NOW)
    with pytest.raises(NotFound):
        add_signature(draft.id, keyid="0" * 64, signature="00", actor=stranger, now=NOW)
    draft.refresh_from_db()
    assert draft.state == DraftState.OPEN


def test_one_person_approves_once() -> None:
    world = harbor_world(approvals_required=2)
    submission = world.approve(world.stage(csv_of([1])))
    assert submission.state == SubmissionState.STAGED
    with pytest.raises(Conflict) as refused:
        world.approve(submission)
    assert refused.value.code == "approval.already"
    second = approve_as(submission, world.crew.second_approver)
    assert second.state == SubmissionState.APPROVED
    assert Approval.objects.count() == 2


def test_an_approval_of_something_else_than_what_was_shown_is_refused() -> None:
    world = harbor_world()
    submission = world.stage(csv_of([1]))
    with pytest.raises(Conflict) as refused:
        approve_submission(
            submission.id, actor=world.crew.approver.actor, now=NOW, operations_digest="0" * 64
        )
    assert refused.value.code == "approval.changed"
    shown = submission.operations_digest
    approved = approve_submission(
        submission.id, actor=world.crew.approver.actor, now=NOW, operations_digest=shown
    )
    assert approved.state == SubmissionState.APPROVED


def test_an_approval_that_names_no_effect_is_refused() -> None:
    world = harbor_world()
    submission = world.stage(csv_of([1]))
    with pytest.raises(Invalid) as refused:
        approve_submission(submission.id, operations_digest="", actor=world.crew.approver.actor, now=NOW)
    assert refused.value.code == "approval.digest_missing"
    assert not Approval.objects.exists()


def test_a_replacement_is_not_approved_against_an_older_release() -> None:
    world = harbor_world()
    world.release(csv_of(range(3)))
    replacing = world.stage(csv_of(range(4)), mode="replace")
    world.release(csv_of([9]), now=NOW + timedelta(seconds=1))
    with pytest.raises(Conflict) as refused:
        world.approve(replacing)
    assert refused.value.code == "approval.base_moved"
    assert refused.value.facts["latest_release"] == 2
    assert not Approval.objects.filter(submission=replacing).exists()


def test_what_is_not_staged_cannot_be_approved() -> None:
    world = harbor_world()
    submission = world.submit(csv_of([1]))
    with pytest.raises(Conflict) as refused:
        world.approve(submission)
    assert refused.value.code == "approval.not_staged"


def test_a_returned_submission_says_why_and_its_draft_is_given_up() -> None:
    world = harbor_world()
    draft = world.draft(csv_of([1]))
    reason = "Wrong case number."
    returned = return_submission(
        draft.submission_id, reason=f" {reason} ", actor=world.crew.approver.actor, now=NOW
    )
    assert (returned.state, returned.decision_reason) == (SubmissionState.RETURNED, reason)
    draft.refresh_from_db()
    assert draft.state == DraftState.ABANDONED
    assert not Approval.objects.live().exists()
    with pytest.raises(Conflict):
        sign_with_hosted_key(draft.id, actor=world.crew.signer.actor, now=NOW)
    assert publish_draft(draft.id, now=NOW) is None


def test_a_returned_submission_makes_room_for_the_next() -> None:
    world = harbor_world()
    draft = world.draft(csv_of([1]))
    waiting = world.approve(world.stage(csv_of([2])))
    assert build_draft(waiting.id, now=NOW) is None
    return_submission(draft.submission_id, reason="no", actor=world.crew.approver.actor, now=NOW)
    following = built(waiting)
    assert following.list_version > draft.list_version, "a version is never used twice"


def test_a_signed_draft_can_still_be_returned() -> None:
    world = harbor_world()
    draft = world.sign(world.draft(csv_of([1])))
    return_submission(draft.submission_id, reason="no", actor=world.crew.approver.actor, now=NOW)
    assert publish_draft(draft.id, now=NOW) is None
    assert Draft.objects.get().state == DraftState.ABANDONED


@pytest.mark.parametrize("reason", ["", "   ", "x" * 1001])
def test_returning_needs_a_reason(reason: str) -> None:
    world = harbor_world()
    submission = world.stage(csv_of([1]))
    with pytest.raises(Invalid) as refused:
        return_submission(submission.id, reason=reason, actor=world.crew.approver.actor, now=NOW)
    assert refused.value.code == "return.reason"


def test_what_is_published_cannot_be_returned() -> None:
    world = harbor_world()
    release = world.release(csv_of([1]))
    with pytest.raises(Conflict) as refused:
        return_submission(release.submission_id, reason="no", actor=world.crew.approver.actor, now=NOW)
    assert refused.value.code == "return.not_possible"
