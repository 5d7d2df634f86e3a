"""Who said yes is asked again when it is used: at drafting, at publishing, and by whoever decides next."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from accounts.arrangements.confirm import confirm_proposal
from accounts.audit.models import AuditEvent
from accounts.dual_control.models import Exemption, Proposal, SecondStepReset
from accounts.errors import NotAllowed
from accounts.identity.models import Membership, User
from accounts.identity.roles import Role
from accounts.mail.models import OutgoingMail
from accounts.membership.members import add_member, change_roles, end_membership
from hashsets.intake.models import Submission, SubmissionState
from hashsets.releases.agree import awaiting_agreement
from hashsets.releases.build import build_draft, submissions_due
from hashsets.releases.models import Agreement, Approval, Draft, DraftState, Release
from hashsets.releases.publish import drafts_due, publish_draft
from tests import cast
from tests.hashsets.releases.world import NOW, World, agree_as, approve_as, csv_of, harbor_world

pytestmark = pytest.mark.django_db(transaction=True)


def left(world: World, person: cast.Person) -> None:
    end_membership(person.user.memberships.get().id, actor=world.crew.second_admin.actor, now=NOW)


def lost_the_role(world: World, person: cast.Person) -> None:
    change_roles(
        person.user.memberships.get().id, roles=[Role.VIEWER], actor=world.crew.second_admin.actor, now=NOW
    )


def unconfirmed(world: World, person: cast.Person) -> None:
    person.user.memberships.update(confirmed_roles=[])


def reset(world: World, person: cast.Person) -> None:
    SecondStepReset.objects.create(user=person.user, at=NOW)


def inactive(world: World, person: cast.Person) -> None:
    User.objects.filter(id=person.user.id).update(is_active=False)


Happens = Callable[[World, cast.Person], None]
ENDS = [
    (left, "second_person.left"),
    (lost_the_role, "second_person.left"),
    (unconfirmed, "second_person.unconfirmed"),
    (reset, "second_person.after_reset"),
    (inactive, "second_person.left"),
]


@pytest.mark.parametrize(("happens", "reason"), ENDS)
def test_an_approval_that_counts_no_more_makes_no_draft(happens: Happens, reason: str) -> None:
    world = harbor_world()
    submission = world.approve(world.stage(csv_of([1])))
    happens(world, world.crew.approver)
    assert build_draft(submission.id, now=NOW) is None
    submission.refresh_from_db()
    assert (submission.state, submission.decided_by) == (SubmissionState.STAGED, None)
    void = Approval.objects.get()
    assert (void.void_at, void.void_reason) == (NOW, reason)
    event = AuditEvent.objects.get(action="decision.void")
    assert event.facts["decided_by"] == str(world.crew.approver.user.id)
    assert event.facts["reason"] == reason
    told = OutgoingMail.objects.filter(kind="submission.decision_void").values_list("address", flat=True)
    assert world.crew.second_approver.user.email in set(told)
    assert submissions_due(NOW, 10) == [], "it waits, and is not looked at again and again"
    again = approve_as(submission, world.crew.second_approver)
    assert again.state == SubmissionState.APPROVED
    assert build_draft(submission.id, now=NOW) is not None


def proven_long_ago(world: World, person: cast.Person) -> None:
    at = NOW + timedelta(hours=1)
    SecondStepReset.objects.create(user=person.user, at=at, proven_at=at)


def came_back(world: World, person: cast.Person) -> None:
    """The place ended; two people gave another one a day later."""
    left(world, person)
    admins, day = (world.crew.admin.actor, world.crew.second_admin.actor), NOW + timedelta(days=1)
    add_member(person.user, world.crew.organisation, roles=[Role.APPROVER], actor=admins[0], now=day)
    confirm_proposal(Proposal.objects.get(state="proposed").id, actor=admins[1], now=day)


@pytest.mark.parametrize(
    ("happens", "reason"),
    [(proven_long_ago, "second_person.after_reset"), (came_back, "second_person.left")],
)
def test_an_approval_of_before_counts_no_more_when_its_person_does_again(
    happens: Happens, reason: str
) -> None:
    """Nobody looked at the submission in between: whoever held the account then may have approved it."""
    world = harbor_world(approvals_required=2)
    submission = world.approve(world.stage(csv_of([1])))
    happens(world, world.crew.approver)
    later = NOW + timedelta(days=5)
    submission = approve_as(submission, world.crew.second_approver, now=later)
    assert submission.state == SubmissionState.STAGED
    assert Approval.objects.get(approver=world.crew.approver.user).void_reason == reason
    submission = approve_as(submission, world.crew.approver, now=later)
    assert submission.state == SubmissionState.APPROVED, "and they approve anew, as who they are now"


@pytest.mark.parametrize(("happens", "reason"), ENDS)
def test_a_signed_draft_of_an_approval_that_counts_no_more_is_given_up(happens: Happens, reason: str) -> None:
    world = harbor_world()
    draft = world.sign(world.draft(csv_of([1])))
    happens(world, world.crew.approver)
    assert publish_draft(draft.id, now=NOW) is None
    assert not Release.objects.exists()
    draft.refresh_from_db()
    assert draft.state == DraftState.ABANDONED
    submission = Submission.objects.get()
    assert submission.state == SubmissionState.STAGED
    assert Approval.objects.get().void_reason == reason
    assert AuditEvent.objects.get(action="draft.abandoned").facts["reason"] == "decisions"
    assert drafts_due(NOW, 10) == []
    spent = draft.list_version
    submission = approve_as(submission, world.crew.second_approver)
    second = world.sign(_built(submission))
    assert second.list_version > spent, "the version of the draft that was given up is spent"
    release = publish_draft(second.id, now=NOW)
    assert release is not None
    assert release.list_version == second.list_version


def test_more_had_approved_than_it_takes() -> None:
    world = harbor_world(approvals_required=2)
    submission = world.approve(world.stage(csv_of([1])))
    third = cast.person(world.crew.organisation, "Tess Third", (Role.APPROVER,))
    approve_as(submission, world.crew.second_approver)
    Approval.objects.create(
        submission=submission, organisation=world.crew.organisation, approver=third.user,
        submitter=submission.submitted_by, approved_at=NOW, upload_sha256=submission.upload_sha256,
        base_release=submission.base_release, operations_digest=submission.operations_digest,
    )  # fmt: skip
    left(world, world.crew.approver)
    draft = build_draft(submission.id, now=NOW)
    assert draft is not None, "two who count are left"
    assert AuditEvent.objects.filter(action="decision.void").count() == 1, "and who does not is on record"
    left(world, third)
    assert publish_draft(world.sign(draft).id, now=NOW) is None
    submission.refresh_from_db()
    assert submission.state == SubmissionState.STAGED
    assert Approval.objects.live().get().approver == world.crew.second_approver.user


def test_a_held_removal_counts_nobody_who_has_left() -> None:
    world = harbor_world()
    world.release(csv_of(range(200)))
    submission = world.approve(world.stage(csv_of(range(30)), mode="remove"))
    assert (submission.state, submission.further_approvals) == (SubmissionState.STAGED, 1)
    left(world, world.crew.approver)
    submission = approve_as(submission, world.crew.second_approver)
    assert submission.state == SubmissionState.STAGED, "one yes that counts, of two"


def test_an_agreement_of_staff_who_left_is_asked_for_again() -> None:
    world, operator = harbor_world(), cast.operator(now=NOW)
    world.release(csv_of(range(200)))
    submission = world.stage(csv_of(range(60)), mode="remove")
    submission = world.approve_wholly(submission)
    assert submission.state == SubmissionState.APPROVED
    end_membership(operator.admin.user.memberships.get().id, actor=operator.second_admin.actor, now=NOW)
    assert build_draft(submission.id, now=NOW) is None
    submission.refresh_from_db()
    assert submission.state == SubmissionState.STAGED
    assert Agreement.objects.get().void_reason == "second_person.left"
    assert list(awaiting_agreement(operator.second_admin.actor)) == [submission]
    submission = agree_as(submission, operator.second_admin)
    assert submission.state == SubmissionState.APPROVED


def test_whoever_lost_their_second_step_approves_and_agrees_to_nothing_for_three_days() -> None:
    world, operator = harbor_world(), cast.operator(now=NOW)
    submission = world.stage(csv_of([1]))
    SecondStepReset.objects.create(user=world.crew.approver.user, at=NOW, proven_at=NOW)
    with pytest.raises(NotAllowed) as refusal:
        world.approve(submission)
    assert refusal.value.code == "second_person.after_reset"
    Exemption.objects.create(
        user=world.crew.approver.user, act="submission.approve", subject_id=str(submission.id), at=NOW,
        proposed_by=operator.admin.user, confirmed_by=operator.second_admin.user,
    )  # fmt: skip
    assert world.approve(submission).state == SubmissionState.APPROVED
    assert build_draft(submission.id, now=NOW) is not None, "the exemption holds where the yes is used"
    other = world.stage(csv_of([2]))
    with pytest.raises(NotAllowed):
        world.approve(other)
    assert world.approve(other, now=NOW + timedelta(hours=72)).state == SubmissionState.APPROVED


def test_somebody_who_left_and_came_back_says_it_again() -> None:
    world = harbor_world()
    submission = world.approve(world.stage(csv_of([1])))
    person = world.crew.approver
    left(world, person)
    assert build_draft(submission.id, now=NOW) is None
    add_member(person.user, world.crew.organisation, roles=[Role.APPROVER], actor=cast.HOST, now=NOW)
    assert build_draft(submission.id, now=NOW) is None, "the old yes stays void"
    actor = cast.acting(person.user, world.crew.organisation)
    assert approve_as(submission, cast.Person(person.user, actor)).state == SubmissionState.APPROVED
    assert Membership.objects.filter(user=person.user).count() == 2


def _built(submission: Submission) -> Draft:
    draft = build_draft(submission.id, now=NOW)
    assert draft is not None
    return draft
