"""Validates a received submission: reads it, gates it, compares it with the list, and stages what it would
do.

(1) Claim it by a conditional update with a lease, so that one worker has it and a dead one loses it. (2) Work
outside any transaction, extending the lease as rows go by; a worker that lost its lease stops. (3) Store the
staged files. (4) One transaction: the outcome, the rows of the files and the audit event, only while the
lease is still ours.

A crash anywhere leaves a lease that runs out; the next worker starts over and stores the same bytes under the
same keys. What refuses is the file's fault and decides the submission; any other failure is ours, and the
work is tried again when the lease has run out.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Final
from uuid import UUID

from django.conf import settings

from accounts.errors import Conflict, Invalid
from hashsets.blobs import keys
from hashsets.blobs.current import blob_store
from hashsets.core.diff import Mode
from hashsets.intake.benign import benign_corpus
from hashsets.intake.decode import Terms
from hashsets.intake.lease import Lease, LeaseLost
from hashsets.intake.models import Submission
from hashsets.intake.outcome import settle_refused, settle_staged, store_files
from hashsets.intake.quarantine import accepted_codes
from hashsets.intake.stage import Staging
from hashsets.lists.current import newest_state

# A submission that killed this many workers is refused, so that it cannot kill workers for ever.
MAX_CLAIMS: Final = 12
ABANDONED_AFTER: Final = 24 * 3600  # seconds; no validation takes nearly as long
# Refusals with other codes come from stored segments and manifests: no reason to decide a submission.
_THE_FILES_FAULT: Final = ("csv.", "json.", "lines.", "parquet.", "gzip.", "submission.", "list.closed")


def submissions_due(now: datetime, limit: int) -> list[UUID]:
    """Submissions that wait for a validation, urgent ones first, then as received."""
    waiting = Submission.objects.waiting(now).order_by("-urgent", "received_at", "id")
    return list(waiting.values_list("id", flat=True)[:limit])


def validate_submission(submission_id: UUID, *, now: datetime) -> bool:
    """Take the submission to `staged` or `refused`. False when there was nothing to do or another worker has
    it.

    Errors: Corrupt and NotFound `blob.missing` when stored files are not what they should be; OSError and the
    like. The submission stays claimed then, and is due again when the lease has run out.
    """
    lease = Lease.take(submission_id, now=now)  # (1)
    if lease is None:
        return False
    submission = Submission.objects.select_related("hash_list").get(id=submission_id)
    try:
        with _work_folder(submission_id) as folder:
            return _decide(submission, lease, folder)
    except LeaseLost:
        return False
    except FileNotFoundError:
        if lease.held().exists():
            raise
        return False  # whoever took the lease over cleared our folder away


def _decide(submission: Submission, lease: Lease, folder: Path) -> bool:
    hash_list = submission.hash_list
    base = newest_state(hash_list)
    terms = Terms(
        list_id=hash_list.id,
        mode=Mode(submission.mode),
        hash_types=tuple(hash_list.hash_types),
        classifications=dict(hash_list.classifications.values_list("label", "code")),
        stated_type=submission.hash_type,
        benign=benign_corpus(hash_list.hash_types),
        accepted=accepted_codes(submission),
    )
    staging = Staging(terms, base, folder=folder, heartbeat=lease.heartbeat(submission.upload_length))
    staged = None
    try:
        hash_list.require_active()
        _require_survivable(submission)
        with blob_store().open(keys.upload(submission.id)) as file:
            staged = staging.stage(file, sha256=submission.upload_sha256)  # (2)
        # Nothing may be left to remove and still be in files of earlier releases.
        if not submission.is_erasure:
            staged.check()
    except (Invalid, Conflict) as refusal:
        if not refusal.code.startswith(_THE_FILES_FAULT):
            raise
        files = store_files(submission, base.release, {}, staging.log, folder)
        return settle_refused(submission, lease, refusal, staged, staging.log, files, base.release)
    files = store_files(submission, base.release, staged.files, staging.log, folder)  # (3)
    return settle_staged(submission, lease, staged, files, base.release)  # (4)


def _require_survivable(submission: Submission) -> None:
    if submission.claims > MAX_CLAIMS:
        raise Invalid(
            "This upload could not be processed: the work on it was cut off again and again.",
            code="submission.not_processable",
            advice="Send it in smaller files, and tell the operator of this exchange.",
        )


@contextmanager
def _work_folder(submission_id: UUID) -> Iterator[Path]:
    """Scratch space, gone afterwards; what killed workers left goes first."""
    work = Path(settings.HX_VAR) / "work"
    work.mkdir(parents=True, exist_ok=True)
    for left in work.glob("validate-*"):
        # This submission's own, or so old that whoever was at it has lost every lease since.
        if left.name.startswith(f"validate-{submission_id}-") or _is_abandoned(left):
            shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=work, prefix=f"validate-{submission_id}-") as folder:
        yield Path(folder)


def _is_abandoned(folder: Path) -> bool:
    try:
        return time.time() - folder.stat().st_mtime > ABANDONED_AFTER
    except FileNotFoundError:  # its worker has just finished
        return False
