"""The publish station: a fully signed draft becomes the list's next release.

SQL rows are the truth, files are an export:
(1) Without a lock: the publisher's signatures, and every file of the release read back from the store.
(2) Under the list's lock, in one transaction: check again what may have changed, number = newest + 1,
sign snapshot and timestamp, and keep the three byte strings, the release, its files, the list's new
number and the audit event.
(3) Commit. From here on the release exists, whatever dies.
(4) Export `list`, `snapshot`, `timestamp`; replacing the timestamp is the moment at which clients see the
release.
(5) Mark it exported; if something had to vanish, earlier releases are served no more from here on
(`erase`). A process that dies before leaves a row that `drafts_due` finds; a rerun writes the same bytes.
"""

from __future__ import annotations

import logging
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.db.models import Q

from accounts.audit.actions import Action
from accounts.audit.record import record
from accounts.errors import Corrupt, NotFound, Refusal
from accounts.identity.models import OrganisationStatus
from hashsets.blobs.current import blob_store
from hashsets.core.manifest import Manifest
from hashsets.intake.models import Submission, SubmissionState
from hashsets.lists.models import HashList, ListStatus
from hashsets.releases.abandon import abandon_draft, record_abandoned
from hashsets.releases.approve import is_decided, wait_again
from hashsets.releases.compose import targets_of
from hashsets.releases.decisions import record_void, void_lapsed
from hashsets.releases.erase import begin_withdrawal, cut_serving
from hashsets.releases.line import STATION
from hashsets.releases.models import Draft, DraftState, Release, TargetFile
from hashsets.releases.sign import is_enough, signatures_of
from hashsets.releases.stored import check_stored, read_manifest
from hashsets.trust import list_role
from hashsets.trust.export import export_repository
from hashsets.trust.list_role import TargetFacts
from hashsets.trust.models import Repository
from hashsets.trust.online import OnlineFiles, sign_online
from hashsets.trust.repository import published_list_version

log = logging.getLogger(__name__)

RETRY_DAMAGED: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Checked:
    """What was read back before the lock: the manifest, every file that it names, and which of them are
    new.
    """

    manifest: Manifest
    targets: dict[str, TargetFacts]
    new: dict[str, TargetFacts]


def publish_draft(draft_id: uuid.UUID, *, now: datetime) -> Release | None:
    """Publish a signed draft, or finish what a dead process began. Safe to call at any time, by anyone,
    twice.

    None when it is not to be published: not signed yet, given up, its list closed, its publisher
    suspended. Errors: Corrupt `target.missing`, `target.damaged`; Conflict of the trust plane. Nothing is
    visible then.
    """
    draft = Draft.objects.filter(id=draft_id).select_related("hash_list", "submission").first()
    if draft is None:
        return None
    if draft.state == DraftState.SIGNED:
        try:
            checked = _read_back(draft)
        except (Corrupt, NotFound) as damage:
            _note_trouble(draft, damage, now=now)
            raise
        with transaction.atomic():
            _commit(draft.id, checked, now=now)
    release = Release.objects.filter(draft_id=draft_id).first()
    return None if release is None else _export(release, now=now)


def drafts_due(now: datetime, limit: int) -> list[uuid.UUID]:
    """Drafts that are signed, and published ones whose metadata is not out: oldest first."""
    due = Draft.objects.filter(
        Q(retry_at__isnull=True) | Q(retry_at__lte=now),
        Q(
            state=DraftState.SIGNED,
            hash_list__status=ListStatus.ACTIVE,
            organisation__status=OrganisationStatus.ACTIVE,
        )
        | Q(release__exported_at__isnull=True, release__isnull=False),
    )
    return list(due.order_by("-submission__urgent", "signed_at").values_list("id", flat=True)[:limit])


def _note_trouble(draft: Draft, damage: Refusal, *, now: datetime) -> None:
    """A row that an operator sees (`Draft.objects.stalled`), and an hour's rest between two attempts.

    The file may come back from a backup; then the next attempt publishes. Nobody else can help: the bytes
    were signed. Returning the submission gives the list free for the next one.
    """
    still_signed = Draft.objects.filter(id=draft.id, state=DraftState.SIGNED)
    still_signed.filter(troubled_at__isnull=True).update(troubled_at=now)
    still_signed.update(trouble=damage.code, retry_at=now + RETRY_DAMAGED)
    log.error("release %s of list %s cannot be published: %s", draft.number, draft.hash_list_id, damage.code)


def _read_back(draft: Draft) -> Checked:
    """Everything that the release names, as it lies in the store. Files of earlier releases by length
    only.
    """
    store, list_id = blob_store(), draft.hash_list_id
    manifest, length = read_manifest(store, list_id, draft.manifest_sha256)
    targets = targets_of(manifest, draft.manifest_sha256, length)
    known = set(
        TargetFile.objects.filter(hash_list_id=list_id, path__in=list(targets)).values_list(
            "sha256", flat=True
        )
    )
    check_stored(store, list_id, targets, known=known)
    new = {path: facts for path, facts in targets.items() if facts.sha256 not in known}
    return Checked(manifest, targets, new)


def _commit(draft_id: uuid.UUID, checked: Checked, *, now: datetime) -> None:
    """Steps (2) and (3): everything that makes the release exist, or nothing."""
    found = Draft.objects.select_related("submission").get(id=draft_id)
    hash_list = HashList.objects.lock(found.hash_list_id)
    draft = Draft.objects.select_related("submission").get(id=draft_id)
    if draft.state != DraftState.SIGNED or not _may_publish(hash_list):
        return
    reason = _outdated(draft, hash_list, now)
    lapsed = void_lapsed(draft.submission, now=now)
    if reason is None and lapsed and not is_decided(draft.submission, hash_list):
        reason = "decisions"
    if reason is not None:
        # The signed bytes can never be published; the submission stands in line again for a new draft, or
        # waits for others when somebody whose yes it needs counts no more.
        abandon_draft(draft)
        if lapsed:
            wait_again(draft.submission, hash_list)
        record_void(draft.submission, lapsed, actor=STATION, now=now)
        record_abandoned(draft, reason=reason, actor=STATION, now=now)
        return
    repository = Repository.objects.get(id=hash_list.id)
    list_bytes = list_role.assemble(bytes(draft.signed_part), signatures_of(draft))
    online = sign_online(repository, list_bytes=list_bytes, now=now)
    release = _create_release(draft, hash_list, checked, online, now=now)
    _move_on(draft, hash_list, release, now=now)
    begin_withdrawal(release, now=now)
    record_void(draft.submission, lapsed, actor=STATION, now=now)
    record(
        Action.RELEASE_PUBLISHED,
        actor=STATION,
        subject_type="release",
        subject_id=f"{hash_list.id}/{release.number}",
        organisation_id=hash_list.organisation_id,
        now=now,
        facts={
            "list_id": hash_list.id,
            "release": release.number,
            "submission_id": draft.submission_id,
            "draft_id": draft.id,
            "urgent": release.urgent,
            "manifest_sha256": release.manifest_sha256,
            "state_root": release.state_root,
            "entries": release.entries,
            "list_version": release.list_version,
            "timestamp_version": release.timestamp_version,
        },
    )


def _may_publish(hash_list: HashList) -> bool:
    return (
        hash_list.status == ListStatus.ACTIVE and hash_list.organisation.status == OrganisationStatus.ACTIVE
    )


def _outdated(draft: Draft, hash_list: HashList, now: datetime) -> str | None:
    """Why these signed bytes can no longer become a release; None when they can. Asked under the lock."""
    if draft.submission.state != SubmissionState.DRAFTED:
        return "not_wanted"
    if draft.base_release != hash_list.latest_release:
        return "base_moved"
    if draft.list_version <= published_list_version(hash_list.id):
        return "version_used"
    if list_role.expiry(draft.created_at) <= now:
        return "expired"
    if not is_enough(draft, signatures_of(draft)):
        return "signatures"
    return None


def _create_release(
    draft: Draft, hash_list: HashList, checked: Checked, online: OnlineFiles, *, now: datetime
) -> Release:
    manifest, submission = checked.manifest, draft.submission
    number = hash_list.latest_release + 1
    release = Release.objects.create(
        organisation_id=hash_list.organisation_id,
        hash_list=hash_list,
        number=number,
        draft=draft,
        submission=submission,
        urgent=submission.urgent,
        manifest_sha256=draft.manifest_sha256,
        manifest_length=draft.manifest_length,
        state_root=draft.state_root,
        entries=manifest.count,
        counts={state.slug: state.count for state in manifest.types},
        adds=submission.adds,
        updates=submission.updates,
        removals=submission.removals,
        reclassified=submission.reclassified,
        delta_length=sum(
            delta.facts.length for state in manifest.types for delta in state.chain if delta.release == number
        ),
        snapshot_length=sum(part.length for state in manifest.types for part in state.snapshot.parts),
        list_version=online.list_version,
        snapshot_version=online.snapshot_version,
        timestamp_version=online.timestamp_version,
        published_at=now,
    )
    TargetFile.objects.bulk_create(
        TargetFile(
            organisation_id=hash_list.organisation_id,
            hash_list=hash_list,
            path=path,
            sha256=facts.sha256,
            length=facts.length,
            release=number,
        )
        for path, facts in checked.new.items()
    )
    return release


def _move_on(draft: Draft, hash_list: HashList, release: Release, *, now: datetime) -> None:
    """The list names its new release; draft and submission are done."""
    HashList.objects.filter(id=hash_list.id).update(
        latest_release=release.number,
        urgent_release=release.number if release.urgent else hash_list.urgent_release,
        released_at=now,
        latest_manifest_sha256=release.manifest_sha256,
    )
    Draft.objects.filter(id=draft.id, state=DraftState.SIGNED).update(
        state=DraftState.PUBLISHED, trouble="", troubled_at=None, retry_at=None
    )
    Submission.objects.filter(id=draft.submission_id, state=SubmissionState.DRAFTED).update(
        state=SubmissionState.PUBLISHED
    )


def _export(release: Release, *, now: datetime) -> Release:
    """Steps (4) and (5). What fails here fails after the commit: the release exists, and the station
    comes back.
    """
    if release.exported_at is not None:
        return release
    try:
        complete = export_repository(release.hash_list_id, now=now)
    except Refusal as refusal:
        log.error(
            "release %s of list %s is not exported: %s", release.number, release.hash_list_id, refusal.code
        )
        return release
    if complete:
        with transaction.atomic():
            cut_serving(release)
            Release.objects.filter(id=release.id, exported_at__isnull=True).update(exported_at=now)
        release.refresh_from_db()
    return release
