"""The build station: an approved submission becomes a draft that waits for signatures.

(1) Settle a submission that was staged again: its approvals are carried or void. (2) Claim the list's one
draft, under the list's lock (`claim`). (3) Without lock or transaction: compute the release and store its
files (`compose`). (4) In one transaction: the draft is open, the submission drafted, the audit event
written. A builder that dies leaves a lease that runs out and files that the next builder finds stored.
"""

from __future__ import annotations

import tempfile
import time
import uuid
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q

from accounts.audit.actions import Action
from accounts.audit.record import record
from accounts.errors import Corrupt
from accounts.identity.models import OrganisationStatus
from hashsets.blobs.current import blob_store
from hashsets.core.hashtypes import hash_type
from hashsets.core.manifest import utc
from hashsets.core.segment import Kind, Segment
from hashsets.intake.models import Mode, StagedFile, Submission, SubmissionState
from hashsets.intake.tell import tell_signers
from hashsets.lists.current import current_state
from hashsets.lists.models import HashList, ListStatus
from hashsets.releases.abandon import abandon_draft, record_abandoned
from hashsets.releases.carry import carry_approvals
from hashsets.releases.claim import LeaseLost, Pulse, claim_draft, restage
from hashsets.releases.compose import Composed, ReleaseFacts, compose
from hashsets.releases.erase import erasing_of
from hashsets.releases.line import STATION
from hashsets.releases.models import LIVE_DRAFT_STATES, Approval, Draft, DraftState
from hashsets.releases.stored import digest_of_file
from hashsets.trust import list_role


def build_draft(submission_id: uuid.UUID, *, now: datetime) -> Draft | None:
    """Build the draft of an approved submission when it is its turn. Safe to call at any time, by anyone,
    twice.

    Errors: Corrupt or Conflict when stored files do not fit; the draft then waits for its lease and is
    tried again.
    """
    _settle_staged(submission_id, now=now)
    draft = claim_draft(submission_id, now=now)
    if draft is None:
        return None
    try:
        composed = _compose(draft, Pulse(draft, now, time.monotonic()))
    except LeaseLost:
        return None
    return _open(draft, composed, now=now)


def submissions_due(now: datetime, limit: int) -> list[uuid.UUID]:
    """Submissions that this station can do something about, oldest first: at most `limit`, several lists
    mixed.
    """
    due = Submission.objects.filter(
        hash_list__status=ListStatus.ACTIVE,
        hash_list__repository__timestamp_version__gte=1,
        organisation__status=OrganisationStatus.ACTIVE,
    ).filter(_ready_to_build(now) | _to_settle())
    return list(due.order_by("-urgent", "received_at", "id").values_list("id", flat=True)[:limit])


def _ready_to_build(now: datetime) -> Q:
    """Approved, and no draft of the list is in the way. Who is first in line is asked under the lock."""
    live = Draft.objects.filter(hash_list=OuterRef("hash_list"), state__in=LIVE_DRAFT_STATES)
    wanted = Q(state=DraftState.BUILDING, submission__state=SubmissionState.APPROVED) | Q(
        state__in=[DraftState.OPEN, DraftState.SIGNED], submission__state=SubmissionState.DRAFTED
    )
    at_work = live.filter(wanted).exclude(state=DraftState.BUILDING, lease_until__lte=now)
    not_for_urgent = at_work.filter(Q(submission__urgent=True) | Q(state=DraftState.SIGNED))
    # One per list: a long line behind one that is being staged again must not hide other lists.
    ahead = Submission.objects.filter(
        Q(urgent__gt=OuterRef("urgent"))
        | Q(urgent=OuterRef("urgent"), received_at__lt=OuterRef("received_at"))
        | Q(urgent=OuterRef("urgent"), received_at=OuterRef("received_at"), id__lt=OuterRef("id")),
        hash_list=OuterRef("hash_list"),
        state=SubmissionState.APPROVED,
    )
    return (
        Q(state=SubmissionState.APPROVED)
        & ~Q(Exists(ahead))
        & (~Q(Exists(at_work)) | (Q(urgent=True) & ~Q(Exists(not_for_urgent))))
    )


def _to_settle() -> Q:
    """Staged again with approvals of before, or a replacement that was compared with an older release."""
    stale = (
        Approval.objects.live()
        .filter(submission=OuterRef("pk"))
        .exclude(base_release=OuterRef("base_release"), operations_digest=OuterRef("operations_digest"))
    )
    return Q(state=SubmissionState.STAGED) & (
        Q(Exists(stale)) | (Q(mode=Mode.REPLACE) & ~Q(base_release=F("hash_list__latest_release")))
    )


def _settle_staged(submission_id: uuid.UUID, *, now: datetime) -> None:
    submission = Submission.objects.filter(id=submission_id, state=SubmissionState.STAGED).first()
    if submission is None:
        return
    submission = carry_approvals(submission, now=now)
    if submission.state != SubmissionState.STAGED or submission.mode != Mode.REPLACE:
        return
    with transaction.atomic():
        if HashList.objects.lock(submission.hash_list_id).latest_release != submission.base_release:
            restage(submission)


def _compose(draft: Draft, pulse: Pulse) -> Composed:
    hash_list = draft.hash_list
    work = Path(settings.HX_VAR) / "work"
    work.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="release-", dir=work) as folder:
        return compose(
            ReleaseFacts(
                list_id=hash_list.id,
                title=hash_list.title,
                release=draft.number,
                # The claim's time and not the builder's: whoever takes over writes the same bytes.
                prepared_at=utc(draft.created_at),
                scheme=hash_list.scheme,
                labels=tuple(hash_list.classifications.values_list("code", "label")),
                hash_types=tuple(sorted(hash_list.hash_types)),
            ),
            current_state(hash_list.id, draft.base_release),
            _staged_segments(draft.submission),
            folder=Path(folder),
            store=blob_store(),
            pulse=pulse,
            erasing=erasing_of(draft),
        )


def _staged_segments(submission: Submission) -> dict[str, Segment]:
    """The staged operations by hash type, each file checked against its row.

    Errors: NotFound `blob.missing`, Corrupt `staged.damaged`.
    """
    store = blob_store()
    segments = {}
    for row in StagedFile.objects.filter(submission=submission).exclude(name="problems"):
        path = store.local_path(row.blob_key)
        if digest_of_file(path) != row.sha256:
            raise Corrupt("A staged file is not the one that was approved.", code="staged.damaged")
        segments[row.name] = Segment(hash_type(row.name), Kind.DELTA, path)
    return segments


def _open(draft: Draft, composed: Composed, *, now: datetime) -> Draft | None:
    """Freeze what is to be signed. None when somebody else was faster or the submission is no longer
    wanted.
    """
    signed_part = list_role.prepare(
        draft.hash_list_id,
        version=draft.list_version,
        expires=list_role.expiry(draft.created_at),
        targets=composed.targets,
    )
    with transaction.atomic():
        HashList.objects.lock(draft.hash_list_id)
        opened = Draft.objects.filter(
            id=draft.id, state=DraftState.BUILDING, lease_until=draft.lease_until
        ).update(
            state=DraftState.OPEN,
            lease_until=None,
            opened_at=now,
            manifest_sha256=composed.sha256,
            manifest_length=len(composed.content),
            state_root=composed.manifest.root,
            signed_part=signed_part,
        )
        if not opened:
            return None
        draft.refresh_from_db()
        drafted = Submission.objects.filter(id=draft.submission_id, state=SubmissionState.APPROVED).update(
            state=SubmissionState.DRAFTED
        )
        if not drafted:
            abandon_draft(draft)
            record_abandoned(draft, reason="not_wanted", actor=STATION, now=now)
            return None
        _record_opened(draft, composed, now=now)
        tell_signers(draft.submission, release=draft.number, now=now)
    return draft


def _record_opened(draft: Draft, composed: Composed, *, now: datetime) -> None:
    record(
        Action.DRAFT_OPENED,
        actor=STATION,
        subject_type="draft",
        subject_id=draft.id,
        organisation_id=draft.organisation_id,
        now=now,
        facts={
            "list_id": draft.hash_list_id,
            "submission_id": draft.submission_id,
            "release": draft.number,
            "list_version": draft.list_version,
            "manifest_sha256": draft.manifest_sha256,
            "state_root": draft.state_root,
            "entries": composed.manifest.count,
        },
    )
