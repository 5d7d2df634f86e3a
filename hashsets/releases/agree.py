"""The exchange's word on a submission that its publisher cannot let through alone.

An exchange admin sees how many entries would be added and removed and why it is held, never the entries. They
agree to one effect: a submission that is staged again with another effect needs their word again.
"""

from __future__ import annotations

import uuid
from datetime import datetime

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from accounts.audit.actions import Action
from accounts.audit.record import record
from accounts.dual_control.independence import require_second
from accounts.dual_control.refused import noted
from accounts.errors import Conflict, NotFound
from accounts.identity.acting import Actor
from hashsets.intake.models import Submission, SubmissionState
from hashsets.lists.models import HashList
from hashsets.releases.approve import is_agreed, is_decided, settle_approved
from hashsets.releases.decisions import agreeing, check_shown, record_void, void_lapsed
from hashsets.releases.models import Agreement, Approval


def awaiting_agreement(actor: Actor) -> QuerySet[Submission]:
    """Held submissions that wait for the exchange. Errors: NotAllowed `permission.missing`."""
    actor.require_over_exchange()
    agreed = Agreement.objects.live().filter(
        submission=OuterRef("pk"), operations_digest=OuterRef("operations_digest")
    )
    return Submission.objects.filter(
        ~Exists(agreed), state=SubmissionState.STAGED, exchange_must_agree=True
    ).select_related("hash_list", "organisation")


def agree_to_submission(
    submission_id: uuid.UUID, *, operations_digest: str, actor: Actor, now: datetime
) -> Submission:
    """Say yes for the exchange to what a held submission would do now.

    `operations_digest` is what the admin was shown.

    Errors: NotAllowed `actor.person_needed`, `permission.missing`; NotFound `submission.not_found` unless it
    is held for the exchange; Invalid `approval.digest_missing`; Conflict `agreement.own_submission`,
    `agreement.also_approved`, `agreement.already`, `approval.changed`.
    """
    actor.require_over_exchange()
    person_id = actor.person()
    list_id = Submission.objects.filter(id=submission_id).values_list("hash_list_id", flat=True).first()
    if list_id is None:
        raise _not_found()
    with transaction.atomic():
        hash_list = HashList.objects.lock(list_id)
        submission = Submission.objects.get(id=submission_id)
        if submission.state != SubmissionState.STAGED or not submission.exchange_must_agree:
            raise _not_found()
        lapsed = void_lapsed(submission, now=now)
        _check_is_someone_else(submission, person_id, actor=actor)
        check_shown(submission, operations_digest)
        require_second(actor, agreeing(submission), now=now)
        Agreement.objects.create(
            submission=submission,
            organisation_id=submission.organisation_id,
            person_id=person_id,
            submitter_id=submission.submitted_by_id,
            agreed_at=now,
            operations_digest=submission.operations_digest,
        )
        newest = Approval.objects.live().filter(submission=submission).order_by("-approved_at").first()
        if newest is not None and is_decided(submission, hash_list):
            settle_approved(submission, decided_by_id=newest.approver_id, now=now)
        record_void(submission, lapsed, actor=actor, now=now)
        record(
            Action.SUBMISSION_AGREED,
            actor=actor,
            subject_type="submission",
            subject_id=submission.id,
            organisation_id=submission.organisation_id,
            now=now,
            facts={
                "list_id": list_id,
                "operations_digest": submission.operations_digest,
                "holds": submission.holds,
            },
        )
    submission.refresh_from_db()
    return submission


def _check_is_someone_else(submission: Submission, person_id: uuid.UUID, *, actor: Actor) -> None:
    if is_agreed(submission):
        raise Conflict("The exchange has agreed to this already.", code="agreement.already")
    refusal = None
    if person_id == submission.submitted_by_id:
        refusal = Conflict("You submitted this yourself.", code="agreement.own_submission")
    elif Approval.objects.live().filter(submission=submission, approver_id=person_id).exists():
        refusal = Conflict("You approved this for its publisher.", code="agreement.also_approved")
    if refusal is not None:
        raise noted(refusal, actor=actor, subject_type="submission", subject_id=submission.id)


def _not_found() -> NotFound:
    return NotFound("There is no such submission.", code="submission.not_found")
