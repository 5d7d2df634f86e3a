"""Rows that would match innocent content wait for a second person's word."""

from __future__ import annotations

from typing import Any

import pytest

from accounts.audit.models import AuditEvent
from accounts.errors import Conflict, Invalid, NotAllowed, NotFound, Refusal
from accounts.identity.roles import Role
from hashsets.core.hashtypes import hash_type
from hashsets.intake.models import Submission, SubmissionState
from hashsets.intake.quarantine import decide_quarantine
from hashsets.intake.validate import validate_submission
from hashsets.lists.models import HashList
from tests import cast
from tests.hashsets.intake.given import sheet, staged
from tests.hashsets.lists.given import a_list

pytestmark = pytest.mark.django_db

GOOD = hash_type("pdq").examples[0]
FILE = sheet("pdq,quality", (GOOD, 100), (GOOD[::-1], 49), ("f" * 60 + "0000", 100), ("ffff0000" * 8, 20))


@pytest.fixture
def harbor() -> cast.Crew:
    return cast.harbor()


@pytest.fixture
def hash_list(harbor: cast.Crew) -> HashList:
    return a_list(harbor)


def decide(submission: Submission, actor: Any, **more: Any) -> Submission:
    said: dict[str, Any] = {"accept": True, "codes": (), "reason": "Looked at the source."} | more
    return decide_quarantine(submission.id, actor=actor, now=cast.NOW, **said)


def again(submission: Submission) -> Submission:
    validate_submission(submission.id, now=cast.NOW)
    submission.refresh_from_db()
    return submission


def test_rows_are_left_out_until_somebody_else_lets_them_in(harbor: cast.Crew, hash_list: HashList) -> None:
    submission = staged(harbor, hash_list, FILE)
    assert submission.adds == 1
    assert submission.set_aside == {"hash.low_quality": 1, "hash.unbalanced": 1, "hash.repetitive": 1}
    before = submission.operations_digest
    decided = decide(submission, harbor.approver.actor, codes=["hash.unbalanced", "hash.low_quality"])
    assert decided.state == SubmissionState.RECEIVED
    # The unbalanced row and the last one are repetitive too, which nobody accepted.
    assert (again(decided).adds, decided.set_aside) == (2, {"hash.repetitive": 2})
    assert decided.operations_digest != before
    event = AuditEvent.objects.get(action="submission.quarantine_decided")
    assert event.facts["rows"] == {"hash.low_quality": 1, "hash.unbalanced": 1}


def test_accepting_one_rule_leaves_the_others_in_force(harbor: cast.Crew, hash_list: HashList) -> None:
    submission = staged(harbor, hash_list, FILE)
    submission = again(decide(submission, harbor.approver.actor, codes=["hash.repetitive"]))
    assert submission.set_aside == {"hash.low_quality": 2, "hash.unbalanced": 1}
    assert submission.adds == 1


def test_refusing_keeps_them_out_and_stages_nothing_anew(harbor: cast.Crew, hash_list: HashList) -> None:
    submission = staged(harbor, hash_list, FILE)
    decided = decide(submission, harbor.approver.actor, accept=False)
    assert (decided.state, decided.adds) == (SubmissionState.STAGED, 1)
    with pytest.raises(Conflict) as refusal:
        decide(submission, harbor.second_approver.actor)
    assert refusal.value.code == "quarantine.nothing"


def test_a_submission_of_doubtful_rows_alone_waits_instead_of_being_refused(
    harbor: cast.Crew, hash_list: HashList
) -> None:
    submission = staged(harbor, hash_list, sheet("pdq,quality", (GOOD, 10)))
    assert (submission.state, submission.adds) == (SubmissionState.STAGED, 0)


def test_only_another_approver_of_the_publisher_decides(harbor: cast.Crew, hash_list: HashList) -> None:
    both = cast.person(harbor.organisation, "Both", (Role.CONTRIBUTOR, Role.APPROVER))
    submission = staged(harbor, hash_list, FILE, actor=both.actor)
    refused: list[tuple[Any, dict[str, Any], type[Refusal], str]] = [
        (both.actor, {}, Conflict, "quarantine.own_submission"),
        (harbor.contributor.actor, {}, NotAllowed, "permission.missing"),
        (harbor.admin.actor, {}, NotAllowed, "permission.missing"),
        (cast.stranger().actor, {}, NotFound, "submission.not_found"),
        (cast.HOST, {}, NotAllowed, "actor.no_organisation"),
        (harbor.approver.actor, {"codes": ["hash.benign"]}, Invalid, "quarantine.code"),
        (harbor.approver.actor, {"reason": " "}, Invalid, "text.missing"),
    ]
    for actor, more, refusal_class, code in refused:
        with pytest.raises(refusal_class) as refusal:
            decide(submission, actor, **more)
        assert refusal.value.code == code
    Submission.objects.update(state=SubmissionState.APPROVED)
    with pytest.raises(Conflict) as late:
        decide(submission, harbor.approver.actor)
    assert late.value.code == "quarantine.not_staged"
