"""Who decided about a submission is asked again when it is used: at drafting, and at publishing.

A yes counts while whoever said it still has the role, two people stand behind their place, and no second step
of theirs was taken away. One that does not count any more stays in the record, void and with the reason; the
submission waits for somebody else, and the version number of a draft made from it is spent.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final
from uuid import UUID

from accounts.audit.actions import Action
from accounts.audit.record import record
from accounts.dual_control.independence import Act, not_counting
from accounts.errors import Conflict, Invalid
from accounts.identity.acting import Actor
from accounts.identity.models import Organisation, OrganisationKind
from accounts.identity.roles import Permission
from hashsets.intake.models import Submission
from hashsets.intake.tell import tell_void
from hashsets.releases.models import Agreement, Approval

APPROVE: Final = "submission.approve"
AGREE: Final = "submission.agree"


def approving(submission: Submission) -> Act:
    """The act of approving this submission for its publisher."""
    first = submission.submitted_by_id
    return Act(Permission.SUBMISSION_APPROVE, APPROVE, "submission", str(submission.id), first)


def agreeing(submission: Submission) -> Act:
    """The act of agreeing to this submission for the exchange."""
    first = submission.submitted_by_id
    return Act(Permission.ORGANISATION_MANAGE, AGREE, "submission", str(submission.id), first)


def check_shown(submission: Submission, shown: str) -> None:
    """A yes is said to an effect that somebody has seen: `shown` is its digest, and must still be the one.

    Errors: Invalid `approval.digest_missing`; Conflict `approval.changed`.
    """
    if not shown:
        raise Invalid(
            "Say which change you were shown.",
            code="approval.digest_missing",
            field="operations_digest",
            advice="Send the operations_digest of the submission as you read it.",
        )
    if shown != submission.operations_digest:
        raise Conflict(
            "The change is no longer the one that you were shown.",
            code="approval.changed",
            advice="Look at it again, then decide.",
        )


def void_lapsed(submission: Submission, *, now: datetime) -> Mapping[UUID, str]:
    """Void every yes to `submission` that does not count any more; who said it, and why not. The caller holds
    the list's lock, and records what came of it with `record_void`.
    """
    approvals = Approval.objects.live().filter(submission=submission)
    gone = not_counting(
        list(approvals.values_list("approver_id", flat=True)),
        submission.organisation_id,
        approving(submission),
        now=now,
    )
    for person_id, reason in gone.items():
        approvals.filter(approver_id=person_id).update(void_at=now, void_reason=reason)
    return {**gone, **_void_agreements(submission, now=now)}


def record_void(submission: Submission, lapsed: Mapping[UUID, str], *, actor: Actor, now: datetime) -> None:
    """Tell whoever may decide, and record each yes that counts no more."""
    if not lapsed:
        return
    tell_void(submission, now=now)
    for person_id, reason in lapsed.items():
        record(
            Action.DECISION_VOID,
            actor=actor,
            subject_type="submission",
            subject_id=submission.id,
            organisation_id=submission.organisation_id,
            now=now,
            facts={"list_id": submission.hash_list_id, "decided_by": person_id, "reason": reason},
        )


def _void_agreements(submission: Submission, *, now: datetime) -> dict[UUID, str]:
    agreements = Agreement.objects.live().filter(submission=submission)
    people = list(agreements.values_list("person_id", flat=True))
    operator = Organisation.objects.filter(kind=OrganisationKind.OPERATOR).first()
    if not people or operator is None:
        return {}
    gone = not_counting(people, operator.id, agreeing(submission), now=now)
    for person_id, reason in gone.items():
        agreements.filter(person_id=person_id).update(void_at=now, void_reason=reason)
    return gone
