"""Giving up a live draft: its bytes are never published, its version number is never used again.

What was stored for it stays in the blob store: content-addressed files do no harm, and the next draft of
the same change finds most of them there.
"""

from __future__ import annotations

import uuid
from datetime import datetime

from accounts.audit.actions import Action
from accounts.audit.record import record
from accounts.identity.acting import Actor
from hashsets.intake.models import Submission, SubmissionState
from hashsets.releases.models import LIVE_DRAFT_STATES, Draft, DraftState


def abandon_draft(draft: Draft) -> bool:
    """Give up one live draft; a submission that waited for its signatures is approved again and stands in
    line.

    The caller holds the list's lock, and records the act (`record_abandoned`) or the larger one that it
    is part of.
    """
    moved = Draft.objects.filter(id=draft.id, state__in=LIVE_DRAFT_STATES).update(
        state=DraftState.ABANDONED, lease_until=None
    )
    if moved:
        Submission.objects.filter(id=draft.submission_id, state=SubmissionState.DRAFTED).update(
            state=SubmissionState.APPROVED
        )
    return bool(moved)


def abandon_drafts_of(submission_id: uuid.UUID) -> None:
    """Give up whatever was made from a submission that is no longer wanted. The caller holds the list's
    lock.
    """
    Draft.objects.filter(submission_id=submission_id, state__in=LIVE_DRAFT_STATES).update(
        state=DraftState.ABANDONED, lease_until=None
    )


def record_abandoned(draft: Draft, *, reason: str, actor: Actor, now: datetime) -> None:
    """One audit event for an abandoned draft. `reason` is one of a few fixed words, never free text."""
    record(
        Action.DRAFT_ABANDONED,
        actor=actor,
        subject_type="draft",
        subject_id=draft.id,
        organisation_id=draft.organisation_id,
        now=now,
        facts={
            "list_id": draft.hash_list_id,
            "submission_id": draft.submission_id,
            "list_version": draft.list_version,
            "reason": reason,
        },
    )
