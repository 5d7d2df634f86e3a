"""Settles a validated submission: its files stored first, then everything that people see, in one
transaction.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from django.db import transaction

from accounts.audit.actions import Action
from accounts.audit.record import record
from accounts.errors import Refusal
from accounts.identity.acting import system_actor
from hashsets.blobs import keys
from hashsets.blobs.current import blob_store
from hashsets.core.diff import DiffCounts
from hashsets.core.segment_writer import Written
from hashsets.intake.expire import forget_upload
from hashsets.intake.lease import Lease, LeaseLost
from hashsets.intake.models import StagedFile, Submission, SubmissionState
from hashsets.intake.problem_log import ProblemLog
from hashsets.intake.stage import Staged
from hashsets.intake.tell import tell_approvers, tell_submitter

PROBLEMS: Final = "problems"
VALIDATION = system_actor("validation")
# Bytes that were no list after all may be content; they are not kept for the usual 30 days.
_NO_LIST: Final = frozenset({"csv.nul", "csv.encoding", "gzip.damaged", "gzip.nested", "parquet.damaged"})


@dataclass(frozen=True, slots=True)
class StoredFile:
    name: str
    blob_key: str
    sha256: str
    length: int
    rows: int


def store_files(
    submission: Submission,
    base_release: int,
    written: Mapping[str, Written],
    log: ProblemLog,
    folder: Path,
) -> list[StoredFile]:
    """Put the staged operations and the problem report where their rows will say they are."""
    files = [
        _store(submission, base_release, slug, one.path, one.facts.sha256, one.facts.rows)
        for slug, one in sorted(written.items())
    ]
    if log.total:
        path = folder / "problems.jsonl.gz"
        rows = _write_problems(log, path)
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        files.append(_store(submission, base_release, PROBLEMS, path, digest, rows))
    return files


def _store(
    submission: Submission, base_release: int, name: str, path: Path, sha256: str, rows: int
) -> StoredFile:
    key = keys.staged(submission.id, name, base_release, sha256)
    length = path.stat().st_size
    blob_store().put_file(key, path)
    return StoredFile(name, key, sha256, length, rows)


def _write_problems(log: ProblemLog, path: Path) -> int:
    """JSON lines, gzip without a time stamp: a worker that starts over writes the same bytes."""
    rows = 0
    with gzip.GzipFile(path, "wb", mtime=0) as file:
        for problem in log.kept():
            file.write(json.dumps(asdict(problem), ensure_ascii=False).encode() + b"\n")
            rows += 1
    return rows


def settle_staged(
    submission: Submission, lease: Lease, staged: Staged, files: list[StoredFile], base_release: int
) -> bool:
    outcome = _counts(staged, staged.log) | {
        "base_release": base_release,
        "sample": staged.sample,
        "operations_digest": staged.digest,
    }
    facts = {
        "base_release": base_release,
        "operations_digest": staged.digest,
        **{
            name: outcome[name]
            for name in ("rows", "adds", "updates", "removals", "reclassified", "problems")
        },
    }
    _settle(submission, lease, SubmissionState.STAGED, outcome, files, Action.SUBMISSION_STAGED, facts)
    return True


def settle_refused(
    submission: Submission,
    lease: Lease,
    refusal: Refusal,
    staged: Staged | None,
    log: ProblemLog,
    files: list[StoredFile],
    base_release: int,
) -> bool:
    outcome = _counts(staged, log) | {
        "base_release": base_release,
        "sample": [],
        "operations_digest": "",
        "refused_code": refusal.code,
        "refused_message": " ".join(filter(None, (refusal.message, refusal.advice)))[:1_000],
        "decided_at": lease.now(),
    }
    facts = {"code": refusal.code, "problems": log.total}
    _settle(submission, lease, SubmissionState.REFUSED, outcome, files, Action.SUBMISSION_REFUSED, facts)
    if refusal.code in _NO_LIST:
        forget_upload(submission.id, now=lease.now())
    return True


def _counts(staged: Staged | None, log: ProblemLog) -> dict[str, Any]:
    """All the numbers, as columns of the submission; nothing is left over from an earlier staging."""
    per_type: Mapping[str, DiffCounts] = staged.per_type if staged else {}
    return {
        "rows": staged.rows if staged else 0,
        "rows_done": staged.rows if staged else 0,
        "rows_expected": staged.rows if staged else 0,
        "adds": sum(counts.adds for counts in per_type.values()),
        "updates": sum(counts.updates for counts in per_type.values()),
        "removals": sum(counts.removals for counts in per_type.values()),
        "reclassified": sum(counts.reclassified for counts in per_type.values()),
        "unchanged": staged.unchanged if staged else 0,
        "problems": log.total,
        "problem_counts": dict(sorted(log.counts.items())),
        "per_type": {slug: asdict(counts) for slug, counts in per_type.items()},
    }


def _settle(
    submission: Submission,
    lease: Lease,
    state: SubmissionState,
    outcome: Mapping[str, Any],
    files: list[StoredFile],
    action: Action,
    facts: Mapping[str, Any],
) -> None:
    """Errors: LeaseLost when another worker has the submission, or it was withdrawn meanwhile."""
    now = lease.now()
    with transaction.atomic():
        if not lease.held().update(state=state, lease_until=None, claims=0, **outcome):
            raise LeaseLost
        earlier = set(submission.staged_files.values_list("blob_key", flat=True))
        submission.staged_files.all().delete()
        StagedFile.objects.bulk_create(StagedFile(submission=submission, **asdict(file)) for file in files)
        record(
            action,
            actor=VALIDATION,
            subject_type="submission",
            subject_id=submission.id,
            organisation_id=submission.organisation_id,
            now=now,
            facts=facts,
        )
        submission.refresh_from_db()
        if state == SubmissionState.STAGED:
            tell_approvers(submission, now=now)
        else:
            tell_submitter(submission, "submission.refused", now=now)
    # After the commit, because until then the earlier staging is the one that counts.
    for key in earlier - {file.blob_key for file in files}:
        blob_store().delete(key)
