"""Deletes uploads that have done their work: 30 days after the decision, or at once when they were no text.

The row keeps the digest and the length for ever: what was approved can be proven, but no longer read here.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db.models.functions import Coalesce

from hashsets.blobs import keys
from hashsets.blobs.current import blob_store
from hashsets.intake.models import SUBMISSION_MOVES, Submission

KEPT_FOR: Final = timedelta(days=30)
_DECIDED: Final = [state for state, moves in SUBMISSION_MOVES.items() if not moves]


def uploads_due(now: datetime, limit: int) -> list[UUID]:
    """Submissions that were decided more than 30 days ago and still have their upload."""
    decided = Submission.objects.filter(state__in=_DECIDED, upload_deleted_at__isnull=True)
    aged = decided.annotate(since=Coalesce("decided_at", "received_at")).filter(since__lt=now - KEPT_FOR)
    return list(aged.order_by("since").values_list("id", flat=True)[:limit])


def forget_upload(submission_id: UUID, *, now: datetime) -> bool:
    """Delete the upload of a decided submission. False when there was nothing to forget.

    The row is marked first: should the process die in between, a file stays that no row promises, and never a
    row that promises a file which is gone.
    """
    marked = Submission.objects.filter(
        id=submission_id, state__in=_DECIDED, upload_deleted_at__isnull=True
    ).update(upload_deleted_at=now)
    if not marked:
        return False
    blob_store().delete(keys.upload(submission_id))
    return True
