"""Who decided about a submission is asked again when it is used: at drafting, and at publishing.

A yes counts while whoever said it has the place and the role of then, two people stand behind it, and no
second step of theirs was taken away since. One that does not count any more stays in the record, void and
with the reason; the submission waits for somebody else, and the version number of a draft made from it is
spent.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final
from uuid import UUID

from accounts.audit.actions import Action
from accounts.audit.record import record
from accounts.dual_control.independence import Act, why_not_second
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
    gone = _void(
        [(one, one.approver_id, one.approved_at) for one in approvals],
        submission.organisation_id,
        approving(submission),
        now=now,
    )
    agreements = Agreement.objects.live().filter(submission=submission)
    operator = Organisation.objects.filter(kind=OrganisationKind.OPERATOR).first()
    if operator is None:
        return gone
    given = [(one, one.person_id, one.agreed_at) for one in agreements]
    return {**gone, **_void(given, operator.id, agreeing(submission), now=now)}


def _void(
    given: Iterable[tuple[Approval | Agreement, UUID, datetime]],
    organisation_id: UUID,
    act: Act,
    *,
    now: datetime,
) -> dict[UUID, str]:
    """Of what these people decided for the organisation, and when: void what counts no more."""
    gone: dict[UUID, str] = {}
    for row, person_id, since in given:
        reason = why_not_second(person_id, organisation_id, act, now=now, since=since)
        if reason:
            row.void_at, row.void_reason, gone[person_id] = now, reason, reason
            row.save(update_fields=["void_at", "void_reason"])
    return gone


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
