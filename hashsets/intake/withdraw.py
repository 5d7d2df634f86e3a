"""A publisher takes a submission back before anything is signed."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import transaction

from accounts.audit.actions import Action
from accounts.audit.record import record
from accounts.errors import Conflict
from accounts.identity.acting import Actor
from accounts.identity.roles import Permission
from hashsets.intake.models import Submission, SubmissionState

# A drafted one is being signed: it is returned, which abandons the draft (hashsets.releases).
_WITHDRAWABLE = (
    SubmissionState.RECEIVED,
    SubmissionState.VALIDATING,
    SubmissionState.STAGED,
    SubmissionState.APPROVED,
)


def withdraw_submission(submission_id: UUID, *, actor: Actor, now: datetime) -> Submission:
    """Take it back; a worker that is at it notices at its next step. Withdrawing it again changes nothing.

    Errors: NotAllowed `permission.missing`; NotFound `submission.not_found`; Conflict
    `submission.being_signed`, `submission.decided`.
    """
    actor.require(Permission.SUBMISSION_CREATE)
    submission = Submission.objects.seen(submission_id, actor)
    with transaction.atomic():
        moved = Submission.objects.filter(id=submission.id, state__in=_WITHDRAWABLE).update(
            state=SubmissionState.WITHDRAWN,
            lease_until=None,
            decided_at=now,
            decided_by_id=actor.person_id,
        )
        submission.refresh_from_db()
        if not moved:
            return _already(submission)
        record(
            Action.SUBMISSION_WITHDRAWN,
            actor=actor,
            subject_type="submission",
            subject_id=submission.id,
            organisation_id=submission.organisation_id,
            now=now,
            facts={"list_id": submission.hash_list_id},
        )
    return submission


def _already(submission: Submission) -> Submission:
    if submission.state == SubmissionState.WITHDRAWN:
        return submission
    if submission.state == SubmissionState.DRAFTED:
        raise Conflict(
            "This submission is being signed.",
            code="submission.being_signed",
            advice="Return it instead; its draft is abandoned then.",
        )
    raise Conflict("This submission has been decided already.", code="submission.decided")
