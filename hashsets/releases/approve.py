"""The second person's decision: approve a staged change, or return it with a reason.

An approval is bound to one file, one base and one effect, and it is given by a person, never by a
credential, and never by whoever submitted (the issuer of a credential counts as its submitter).
"""

from __future__ import annotations

import uuid
from datetime import datetime

from django.db import IntegrityError, transaction

from accounts.audit.actions import Action
from accounts.audit.record import record
from accounts.dual_control.independence import require_second
from accounts.dual_control.refused import noted
from accounts.errors import Conflict, Invalid
from accounts.identity.acting import Actor
from accounts.identity.roles import Permission
from hashsets.intake.models import Mode, Submission, SubmissionState
from hashsets.intake.tell import tell_exchange, tell_submitter
from hashsets.lists.models import HashList, ListStatus
from hashsets.releases.abandon import abandon_drafts_of
from hashsets.releases.decisions import approving, check_shown, record_void, void_lapsed
from hashsets.releases.holds import Holds, holds_of
from hashsets.releases.models import Agreement, Approval

MAX_REASON = 1_000
RETURNABLE = (SubmissionState.STAGED, SubmissionState.APPROVED, SubmissionState.DRAFTED)


def approve_submission(
    submission_id: uuid.UUID, *, operations_digest: str, actor: Actor, now: datetime
) -> Submission:
    """Say yes to what the submission would do now; with enough approvals it is built.

    What is far from the list's habit is held (`holds`): it takes one approver more, and the exchange's own
    word for the worst of it.

    `operations_digest` is what the approver was shown: the change may have been staged again since.

    Errors: NotFound `submission.not_found`; NotAllowed `actor.person_needed`, `permission.missing`;
    Invalid `approval.digest_missing`; Conflict `approval.own_submission`, `approval.not_staged`,
    `approval.changed`, `approval.base_moved`, `approval.already`, `approval.nothing`,
    `approval.also_agreed`, `list.closed`.
    """
    seen = Submission.objects.seen(submission_id, actor)
    person_id = _approver(actor)
    if person_id == seen.submitted_by_id:
        own = Conflict(
            "You cannot approve a submission of your own.",
            code="approval.own_submission",
            advice="Ask another approver. Whoever issued a credential counts as its submitter.",
        )
        raise noted(own, actor=actor, subject_type="submission", subject_id=submission_id)
    require_second(actor, approving(seen), now=now)
    with transaction.atomic():
        hash_list = HashList.objects.lock(seen.hash_list_id)
        submission = Submission.objects.get(id=submission_id)
        _check_approvable(submission, hash_list, operations_digest)
        lapsed = void_lapsed(submission, now=now)
        _check_has_not_agreed(submission, person_id, actor=actor)
        hold(submission, hash_list, now=now)
        _add_approval(submission, person_id, now=now)
        if is_decided(submission, hash_list):
            settle_approved(submission, decided_by_id=person_id, now=now)
        record_void(submission, lapsed, actor=actor, now=now)
        record(
            Action.SUBMISSION_APPROVED,
            actor=actor,
            subject_type="submission",
            subject_id=submission.id,
            organisation_id=submission.organisation_id,
            now=now,
            facts={
                "list_id": hash_list.id,
                "upload_sha256": submission.upload_sha256,
                "base_release": submission.base_release,
                "operations_digest": submission.operations_digest,
                "approvals": Approval.objects.live().filter(submission=submission).count(),
                "approvals_required": hash_list.approvals_required + submission.further_approvals,
                "holds": submission.holds,
            },
        )
        if submission.exchange_must_agree and not is_agreed(submission):
            tell_exchange(submission, now=now)
    submission.refresh_from_db()
    return submission


def return_submission(submission_id: uuid.UUID, *, reason: str, actor: Actor, now: datetime) -> Submission:
    """Send a submission back to its contributor; a draft made from it is abandoned. Possible until it is
    published.

    Errors: NotFound `submission.not_found`; NotAllowed `actor.person_needed`, `permission.missing`;
    Invalid `return.reason`; Conflict `return.not_possible`.
    """
    seen = Submission.objects.seen(submission_id, actor)
    person_id = _approver(actor)
    reason = reason.strip()
    if not reason or len(reason) > MAX_REASON:
        raise Invalid(
            f"Give a reason of 1 to {MAX_REASON} characters: the contributor reads it.",
            code="return.reason",
            field="reason",
        )
    with transaction.atomic():
        HashList.objects.lock(seen.hash_list_id)
        moved = Submission.objects.filter(id=submission_id, state__in=RETURNABLE).update(
            state=SubmissionState.RETURNED,
            decided_at=now,
            decided_by_id=person_id,
            decision_reason=reason,
            lease_until=None,
        )
        if not moved:
            raise Conflict(
                "This submission can no longer be returned, or not yet.",
                code="return.not_possible",
                advice="A submission is returned between its validation and its publication.",
            )
        Approval.objects.live().filter(submission_id=submission_id).update(void_at=now)
        abandon_drafts_of(submission_id)
        record(
            Action.SUBMISSION_RETURNED,
            actor=actor,
            subject_type="submission",
            subject_id=submission_id,
            organisation_id=seen.organisation_id,
            now=now,
            facts={"list_id": seen.hash_list_id},
        )
        tell_submitter(seen, "submission.returned", now=now)
    seen.refresh_from_db()
    return seen


def settle_approved(submission: Submission, *, decided_by_id: uuid.UUID | None, now: datetime) -> None:
    """Staged -> approved. The caller holds the list's lock.

    Errors: Conflict `approval.not_staged`.
    """
    moved = Submission.objects.filter(id=submission.id, state=SubmissionState.STAGED).update(
        state=SubmissionState.APPROVED, decided_at=now, decided_by_id=decided_by_id, lease_until=None
    )
    if not moved:
        raise _not_staged()


def wait_again(submission: Submission, hash_list: HashList) -> bool:
    """Approved -> staged, unless everybody whose yes it needs has still said it. The caller holds the list's
    lock, and has voided what counts no more; no draft is made from the submission.
    """
    if is_decided(submission, hash_list):
        return False
    Submission.objects.filter(id=submission.id, state=SubmissionState.APPROVED).update(
        state=SubmissionState.STAGED, decided_at=None, decided_by=None
    )
    return True


def is_decided(submission: Submission, hash_list: HashList) -> bool:
    """Whether everybody whose yes it needs has said it about what it would do now."""
    given = Approval.objects.live().filter(submission=submission).count()
    if given < hash_list.approvals_required + submission.further_approvals:
        return False
    return not submission.exchange_must_agree or is_agreed(submission)


def is_agreed(submission: Submission) -> bool:
    """Whether the exchange has agreed to what the submission would do now."""
    agreements = Agreement.objects.live().filter(submission=submission)
    return agreements.filter(operations_digest=submission.operations_digest).exists()


def hold(submission: Submission, hash_list: HashList, *, now: datetime) -> None:
    """Work out anew what is unusual, and keep it. The caller holds the list's lock."""
    found = standing_holds(submission, hash_list, now=now)
    submission.holds = list(found.codes)
    submission.further_approvals = found.further_approvals
    submission.exchange_must_agree = found.exchange_must_agree
    Submission.objects.filter(id=submission.id).update(
        holds=submission.holds,
        further_approvals=submission.further_approvals,
        exchange_must_agree=submission.exchange_must_agree,
    )


def standing_holds(submission: Submission, hash_list: HashList, *, now: datetime) -> Holds:
    """What is unusual now; a hold that was there with the first approval stays with the second."""
    found = holds_of(submission, hash_list, now=now)
    if Approval.objects.live().filter(submission=submission).exists():
        return Holds(tuple(sorted({*found.codes, *submission.holds})))
    return found


def _check_has_not_agreed(submission: Submission, person_id: uuid.UUID, *, actor: Actor) -> None:
    """Whoever agreed for the exchange is not one of the publisher's approvers too."""
    if Agreement.objects.live().filter(submission=submission, person_id=person_id).exists():
        also = Conflict(
            "You agreed to this for the exchange, so somebody else has to approve it.",
            code="approval.also_agreed",
        )
        raise noted(also, actor=actor, subject_type="submission", subject_id=submission.id)


def _approver(actor: Actor) -> uuid.UUID:
    """The person who decides. Errors: NotAllowed `actor.person_needed`, `permission.missing`."""
    person_id = actor.person()
    actor.require(Permission.SUBMISSION_APPROVE)
    return person_id


def _check_approvable(submission: Submission, hash_list: HashList, shown: str) -> None:
    if hash_list.status != ListStatus.ACTIVE:
        raise Conflict("This list is closed.", code="list.closed")
    if submission.state != SubmissionState.STAGED:
        raise _not_staged()
    changes = submission.adds + submission.updates + submission.removals
    if not changes and not submission.is_erasure:
        raise Conflict(
            "Nothing would change: all of its rows were set aside.",
            code="approval.nothing",
            advice="Decide about these rows first, or return the submission.",
        )
    check_shown(submission, shown)
    # A replacement means "the list is this from now on": its effect is only known against the newest
    # release. Other modes may wait in line on an older base: their approval is carried when the same
    # operations come out.
    if submission.mode == Mode.REPLACE and submission.base_release != hash_list.latest_release:
        raise Conflict(
            f"The list has moved on to release {hash_list.latest_release} since this was compared with it.",
            code="approval.base_moved",
            advice="It is being compared again; look at the new result in a moment.",
            latest_release=hash_list.latest_release,
        )


def _add_approval(submission: Submission, approver_id: uuid.UUID, *, now: datetime) -> None:
    try:
        with transaction.atomic():
            Approval.objects.create(
                submission=submission,
                organisation_id=submission.organisation_id,
                approver_id=approver_id,
                submitter_id=submission.submitted_by_id,
                approved_at=now,
                upload_sha256=submission.upload_sha256,
                base_release=submission.base_release,
                operations_digest=submission.operations_digest,
            )
    except IntegrityError:
        raise Conflict(
            "You have approved this already; it needs someone else as well.", code="approval.already"
        ) from None


def _not_staged() -> Conflict:
    return Conflict(
        "This submission is not waiting for approval.",
        code="approval.not_staged",
        advice="Reload it: it may still be validated, or someone may have decided already.",
    )
