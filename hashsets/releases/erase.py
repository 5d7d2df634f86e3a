"""Legal erasure: after a release from which something had to vanish, nothing older is served or kept.

The steps, each owed as a row until it is done, so that whoever dies is taken over from (`publish` has the
first three):
(1) Build: every type is written afresh and the notice names what goes (`erasing_of`), so the release stands
on files of its own. The publisher's keys sign the notice with it.
(2) Publish, in its one transaction: earlier releases are marked withdrawn, and proposals that were compared
with them are given back, since their files may hold the entry too (`begin_withdrawal`).
(3) Exported, so that no client is led to the older files any more: they are served no more
(`cut_serving`). Not before, or clients would stand before a hole.
(4) The station: delete files, trees, uploads, staged files and samples of everything before; what names the
erased entries themselves comes last, because until then it is what the rest is searched with
(`complete_erasure`).
(5) One event says that nothing is left.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import transaction
from django.db.models import F

from accounts.audit.actions import Action
from accounts.audit.record import record
from accounts.errors import NotFound
from accounts.identity.acting import system_actor
from hashsets.blobs import keys
from hashsets.blobs.current import blob_store
from hashsets.blobs.store import BlobStore
from hashsets.core.manifest import manifest_name
from hashsets.core.withdrawal import MAX_NOTICE_BYTES, Notice, Reason, withdrawn_name
from hashsets.intake.models import SUBMISSION_MOVES, Erasure, StagedFile, Submission, SubmissionState, Upload
from hashsets.intake.uploads import forget_upload_in_parts
from hashsets.lists.models import HashList
from hashsets.releases.compose import Erasing
from hashsets.releases.models import Approval, Draft, Release, TargetFile
from hashsets.releases.stored import read_manifest

STATION: Final = system_actor("erasure station")
GIVEN_BACK: Final = "The list was erased in part meanwhile, by law. Send what is still wanted again."
_DECIDED: Final = [state for state, moves in SUBMISSION_MOVES.items() if not moves]
_UNDECIDED: Final = [state for state, moves in SUBMISSION_MOVES.items() if moves]
_OF_RELEASE: Final = re.compile(r"\.(?:full-(?P<full>\d+)\.p\d+|delta-\d+-(?P<delta>\d+))\.parquet\Z")


def erasing_of(draft: Draft) -> Erasing | None:
    """What a draft that erases withdraws with everything else; None for any other."""
    erasure = Erasure.objects.filter(submission_id=draft.submission_id).first()
    if erasure is None:
        return None
    earlier = _notice_so_far(draft)
    since = earlier.before if earlier else 1
    files = TargetFile.objects.filter(
        hash_list_id=draft.hash_list_id, release__gte=since, release__lte=draft.base_release
    )
    return Erasing(
        reason=Reason(erasure.reason),
        earlier=earlier.withdrawals if earlier else (),
        files=frozenset(files.values_list("sha256", flat=True)),
    )


def begin_withdrawal(release: Release, *, now: datetime) -> None:
    """Step (2), in the transaction that publishes, under the list's lock; nothing for any other release."""
    erasure = Erasure.objects.filter(submission_id=release.submission_id).first()
    if erasure is None:
        return
    approvals = Approval.objects.live().filter(submission_id=release.submission_id).order_by("approved_at")
    Erasure.objects.filter(submission_id=erasure.submission_id).update(
        release=release.number, decided_by_id=approvals.values_list("approver_id", flat=True).first()
    )
    earlier = Release.objects.filter(hash_list_id=release.hash_list_id, number__lt=release.number)
    withdrawn = earlier.filter(withdrawn_by__isnull=True).update(withdrawn_by=release.number)
    waiting = Submission.objects.filter(hash_list_id=release.hash_list_id, state__in=_UNDECIDED)
    given_back = list(waiting.values_list("id", flat=True))
    Approval.objects.live().filter(submission_id__in=given_back).update(void_at=now)
    waiting.filter(id__in=given_back).update(
        state=SubmissionState.WITHDRAWN, decided_at=now, decision_reason=GIVEN_BACK, lease_until=None
    )
    record(
        Action.ERASURE_PUBLISHED,
        actor=STATION,
        subject_type="release",
        subject_id=f"{release.hash_list_id}/{release.number}",
        organisation_id=release.organisation_id,
        now=now,
        facts={
            "list_id": release.hash_list_id,
            "release": release.number,
            "submission_id": release.submission_id,
            "reason": erasure.reason,
            "releases_withdrawn": withdrawn,
            "submissions_given_back": len(given_back),
        },
    )


def cut_serving(release: Release) -> None:
    """Step (3), in the transaction that marks the release as exported."""
    if not Erasure.objects.filter(submission_id=release.submission_id).exists():
        return
    HashList.objects.lock(release.hash_list_id)
    HashList.objects.filter(id=release.hash_list_id, withdrawn_before__lt=release.number).update(
        withdrawn_before=release.number
    )


def is_withdrawn(hash_list: HashList, path: str, sha256: str) -> bool:
    """Whether a target file was served once and no longer is. One query, and none for most lists."""
    if not hash_list.withdrawn_before:
        return False
    files = TargetFile.objects.filter(hash_list=hash_list, path=path, sha256=sha256)
    return files.filter(release__lt=hash_list.withdrawn_before).exists()


def erasures_due(now: datetime, limit: int) -> list[UUID]:
    """Erasures whose release is out and that left something behind, oldest first."""
    due = Erasure.objects.filter(completed_at__isnull=True, hash_list__withdrawn_before__gte=F("release"))
    return list(due.order_by("asked_at").values_list("submission_id", flat=True)[:limit])


def complete_erasure(submission_id: UUID, *, now: datetime) -> bool:
    """Steps (4) and (5). Safe at any time, by anyone, twice; False when there is nothing to do.

    Errors: whatever the blob store says; the erasure stays owed then.
    """
    erasure = Erasure.objects.filter(submission_id=submission_id).select_related("hash_list").first()
    if erasure is None or erasure.release is None or erasure.completed_at is not None:
        return False
    if erasure.hash_list.withdrawn_before < erasure.release:
        return False
    store = blob_store()
    gone = 0
    for key in (*released_files(erasure), *_leftover_files(erasure, store), *_trees(erasure, store)):
        store.delete(key)
        gone += 1
    _forget_proposals(erasure, store, now=now)
    with transaction.atomic():
        done = Erasure.objects.filter(submission_id=submission_id, completed_at__isnull=True).update(
            completed_at=now
        )
        if not done:
            return False
        record(
            Action.ERASURE_COMPLETED,
            actor=STATION,
            subject_type="release",
            subject_id=f"{erasure.hash_list_id}/{erasure.release}",
            organisation_id=erasure.organisation_id,
            now=now,
            facts={"list_id": erasure.hash_list_id, "release": erasure.release, "files_deleted": gone},
        )
    return True


def _notice_so_far(draft: Draft) -> Notice | None:
    base = Release.objects.get(hash_list_id=draft.hash_list_id, number=draft.base_release)
    manifest, _ = read_manifest(blob_store(), draft.hash_list_id, base.manifest_sha256)
    if manifest.withdrawn is None:
        return None
    key = keys.target(draft.hash_list_id, withdrawn_name(draft.hash_list_id), manifest.withdrawn.sha256)
    return Notice.parse(blob_store().get_bytes(key, limit=MAX_NOTICE_BYTES))


def released_files(erasure: Erasure) -> Iterator[str]:
    """The key of every file that an erasure withdrew."""
    files = TargetFile.objects.filter(
        hash_list_id=erasure.hash_list_id, release__gte=_since(erasure), release__lt=erasure.release
    )
    for path, sha256 in files.values_list("path", "sha256"):
        yield keys.target(erasure.hash_list_id, path, sha256)


def _leftover_files(erasure: Erasure, store: BlobStore) -> Iterator[str]:
    """Files of drafts that were given up: stored, and named by no release."""
    list_id, release = erasure.hash_list_id, int(erasure.release or 0)
    kept = {
        keys.target(list_id, path, sha256)
        for path, sha256 in TargetFile.objects.filter(hash_list_id=list_id, release__gte=release).values_list(
            "path", "sha256"
        )
    }
    for key in store.keys_under(f"tuf/{list_id}/targets/{list_id}"):
        named = _OF_RELEASE.search(key)
        # By the number in its name, because the next release may just be being built.
        if named and int(named["full"] or named["delta"]) <= release and key not in kept:
            yield key
    since = max(0, _since(erasure) - 1)
    drafts = Draft.objects.filter(
        hash_list_id=list_id, base_release__gte=since, base_release__lt=release
    ).exclude(manifest_sha256="")
    for sha256 in drafts.values_list("manifest_sha256", flat=True):
        key = keys.target(list_id, manifest_name(list_id), sha256)
        if key not in kept:
            yield key


def _trees(erasure: Erasure, store: BlobStore) -> Iterator[str]:
    """Merkle trees of everything but the newest state. A builder that misses one computes it again."""
    list_id = erasure.hash_list_id
    newest, _ = read_manifest(store, list_id, HashList.objects.get(id=list_id).latest_manifest_sha256)
    kept = {keys.leaves(list_id, state.slug, state.root) for state in newest.types}
    yield from (key for key in store.keys_under(f"leaves/{list_id}") if key not in kept)


def _forget_proposals(erasure: Erasure, store: BlobStore, *, now: datetime) -> None:
    """Uploads, staged files, samples and quoting notes of every proposal up to this one, itself last."""
    decided = Submission.objects.filter(
        hash_list_id=erasure.hash_list_id, state__in=_DECIDED, received_at__lte=_published_at(erasure)
    )
    before = Release.objects.filter(hash_list_id=erasure.hash_list_id, number=_since(erasure)).first()
    if before is not None and before.number > 1:
        # What the erasure before this one has seen to; nothing of then was left undecided.
        decided = decided.filter(received_at__gte=before.published_at)
    _forget_quotes(erasure, store)
    others = decided.exclude(id=erasure.submission_id).values_list("id", flat=True)
    for submission_id in (*others.iterator(), erasure.submission_id):
        for key in store.keys_under(f"staged/{submission_id}"):
            store.delete(key)
        StagedFile.objects.filter(submission_id=submission_id).delete()
        if submission_id == erasure.submission_id:
            _forget_unfinished(erasure)
        store.delete(keys.upload(submission_id))
        forgotten = Submission.objects.filter(id=submission_id)
        forgotten.update(sample=[])
        forgotten.filter(upload_deleted_at__isnull=True).update(upload_deleted_at=now)


def _forget_quotes(erasure: Erasure, store: BlobStore) -> None:
    """Words of people in which an erased hash stands."""
    hashes = _erased(erasure, store)
    worded = Submission.objects.filter(hash_list_id=erasure.hash_list_id)
    for submission in worded.only("id", "note", "decision_reason").iterator():
        for field in ("note", "decision_reason"):
            said = getattr(submission, field).lower()
            if said and any(text in said for text in hashes):
                Submission.objects.filter(id=submission.id).update(**{field: ""})


def _erased(erasure: Erasure, store: BlobStore) -> set[str]:
    """The hashes in lower case; none when the file is gone, because then all of this was done before."""
    try:
        with store.open(keys.upload(erasure.submission_id)) as file:
            rows = list(csv.DictReader(file.read().decode().splitlines()))
    except NotFound:
        return set()
    return {row["hash"].lower() for row in rows}


def _forget_unfinished(erasure: Erasure) -> None:
    """Files that had begun to come in parts before; their senders begin again."""
    begun = Upload.objects.filter(
        hash_list_id=erasure.hash_list_id, submitted_at__isnull=True, created_at__lte=_published_at(erasure)
    )
    for upload_id in begun.values_list("id", flat=True):
        forget_upload_in_parts(upload_id)


def _since(erasure: Erasure) -> int:
    """The release of the erasure before this one: everything older is its concern. 1 for a list's first."""
    earlier = Erasure.objects.filter(hash_list_id=erasure.hash_list_id, release__lt=erasure.release)
    return earlier.order_by("-release").values_list("release", flat=True).first() or 1


def _published_at(erasure: Erasure) -> datetime:
    return Release.objects.get(submission_id=erasure.submission_id).published_at
