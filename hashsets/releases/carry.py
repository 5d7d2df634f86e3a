"""After a change was staged again: approvals for the same change are carried over, others are void.

The approvers said yes to operations, on a base. When the list moved on and exactly the same operations
come out against the new base, their yes still means the same. A replacement is always approved again:
"the list is this from now on" means something else after every release. Lives above intake, which cannot
know of approvals.
"""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from hashsets.intake.models import Mode, Submission, SubmissionState
from hashsets.intake.tell import tell_approvers, tell_exchange
from hashsets.lists.models import HashList
from hashsets.releases.approve import hold, is_agreed, is_decided, settle_approved
from hashsets.releases.decisions import record_void, void_lapsed
from hashsets.releases.line import STATION
from hashsets.releases.models import Approval


def carry_approvals(submission: Submission, *, now: datetime) -> Submission:
    """Bind the live approvals of a staged submission to what it would do now, or void them. Idempotent.

    An approval is never rewritten: the old row is voided and a new one says the same about the new base,
    with the time at which the person decided.
    """
    with transaction.atomic():
        hash_list = HashList.objects.lock(submission.hash_list_id)
        current = Submission.objects.get(id=submission.id)
        if current.state != SubmissionState.STAGED:
            return current
        for approval in Approval.objects.live().filter(submission=current):
            if not approval.covers(current):
                _carry_or_void(approval, current, now)
        lapsed = void_lapsed(current, now=now)
        live = Approval.objects.live().filter(submission=current).order_by("-approved_at")
        newest = live.first()
        before = set(current.holds)
        if newest is not None or before:
            # What was approved meanwhile may make it unusual, together with this; holds of before stay.
            hold(current, hash_list, now=now)
        if newest is not None and is_decided(current, hash_list):
            settle_approved(current, decided_by_id=newest.approver_id, now=newest.approved_at)
        elif newest is not None:
            _tell_held(current, before, now=now)
        record_void(current, lapsed, actor=STATION, now=now)
    current.refresh_from_db()
    return current


def _tell_held(submission: Submission, before: set[str], *, now: datetime) -> None:
    """Those whose word it waits for now: for them it was decided until it was staged again."""
    if not before.issuperset(submission.holds):
        tell_approvers(submission, held=f"@{submission.base_release}", now=now)
    if submission.exchange_must_agree and not is_agreed(submission):
        tell_exchange(submission, now=now)


def _carry_or_void(approval: Approval, submission: Submission, now: datetime) -> None:
    same_change = (
        approval.upload_sha256 == submission.upload_sha256
        and approval.operations_digest == submission.operations_digest
        and submission.mode != Mode.REPLACE
    )
    Approval.objects.filter(id=approval.id).update(void_at=now)
    if same_change:
        Approval.objects.create(
            submission=submission,
            organisation_id=approval.organisation_id,
            approver_id=approval.approver_id,
            submitter_id=approval.submitter_id,
            approved_at=approval.approved_at,
            upload_sha256=submission.upload_sha256,
            base_release=submission.base_release,
            operations_digest=submission.operations_digest,
        )
