"""Letters about submissions: who gets one, when, in which words, and that none says too much."""

from __future__ import annotations

from uuid import UUID

import pytest

from accounts.mail.models import OutgoingMail
from accounts.membership.members import end_membership
from exchange.mail.letters import LETTERS
from hashsets.intake.models import Submission
from hashsets.intake.validate import validate_submission
from hashsets.releases.approve import return_submission
from tests import cast
from tests.hashsets.releases.world import NOW, World, approve_as, built, csv_of, harbor_world, sha256

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    return harbor_world(now=NOW)


def told() -> set[tuple[str, str]]:
    """(kind, reader's address) of every letter that is owed."""
    return set(OutgoingMail.objects.filter(kind__startswith="submission.").values_list("kind", "address"))


def test_approvers_are_told_of_a_change_that_waits_and_signers_of_a_release(world: World) -> None:
    crew = world.crew
    approvers = {crew.approver.user.email, crew.second_approver.user.email}
    submission = world.stage(csv_of(range(4)))
    assert told() == {("submission.to_approve", email) for email in approvers}
    approve_as(submission, crew.approver)
    built(submission, now=NOW)
    assert ("submission.to_sign", crew.signer.user.email) in told()
    assert len(told()) == 3


def test_an_urgent_change_says_so_in_its_subject(world: World) -> None:
    world.stage(csv_of(range(4)), urgent=True)
    assert {kind for kind, _ in told()} == {"submission.to_approve_urgent"}
    assert LETTERS["submission.to_approve_urgent"].subject.startswith("Urgent: ")


def test_nobody_is_told_the_same_twice_but_of_another_effect_again(world: World) -> None:
    submission = world.stage(csv_of(range(4)))
    before = OutgoingMail.objects.count()
    restaged(world, submission.id)
    assert OutgoingMail.objects.count() == before
    world.release(csv_of(range(2)))
    letters = OutgoingMail.objects.filter(kind="submission.to_approve")
    of_other = letters.count()
    restaged(world, submission.id)
    assert letters.count() == of_other + 2, "two of its entries are listed by now: the effect is another one"


def restaged(world: World, submission_id: UUID) -> None:
    """Checked once more, as when its list has moved on."""
    Submission.objects.filter(id=submission_id).update(state="received")
    assert validate_submission(submission_id, now=NOW)


def test_whoever_submitted_is_told_that_it_came_back_or_could_not_be_used(world: World) -> None:
    crew = world.crew
    returned = world.stage(csv_of(range(4)))
    return_submission(returned.id, reason="The second line.", actor=crew.approver.actor, now=NOW)
    refused = world.submit("sha256\nnot a hash\n")
    validate_submission(refused.id, now=NOW)
    email = crew.contributor.user.email
    assert {("submission.returned", email), ("submission.refused", email)} <= told()
    assert "The second line." not in str(list(OutgoingMail.objects.values("facts")))


def test_nobody_who_left_is_told(world: World) -> None:
    crew = world.crew
    end_membership(crew.second_approver.user.memberships.get().id, actor=crew.admin.actor, now=NOW)
    submission = world.stage(csv_of(range(4)))
    end_membership(crew.contributor.user.memberships.get().id, actor=crew.admin.actor, now=NOW)
    return_submission(submission.id, reason="No.", actor=crew.approver.actor, now=NOW)
    assert told() == {("submission.to_approve", crew.approver.user.email)}


def test_the_exchange_is_told_of_a_change_that_it_holds(world: World) -> None:
    operator = cast.operator(now=NOW)
    world.release(csv_of(range(2_000)))
    vast = world.stage(csv_of(range(1_900)), mode="remove")
    approve_as(vast, world.crew.approver)
    vast.refresh_from_db()
    assert vast.exchange_must_agree
    staff = {operator.admin.user.email, operator.second_admin.user.email}
    assert {email for kind, email in told() if kind == "submission.to_agree"} == staff


def test_a_letter_names_the_submission_and_nothing_that_is_in_it(world: World) -> None:
    submission = world.stage(csv_of(range(4)))
    for facts in OutgoingMail.objects.filter(kind__startswith="submission.").values_list("facts", flat=True):
        assert facts == {"reference": submission.reference, "organisation": "Harbor"}
        assert sha256(0) not in str(facts)
