"""After a restore: compares SQL with what was exported, so that a used version is never given out again.

A backup of the database is older than the files that clients have seen. Whatever lies in the blob store
beyond SQL and carries our own signatures was given out, hence it is taken back into SQL; counters then go on
from there. For the content (releases) the newer `list.json` is evidence only: the manifest it names is newer
than the rows, which is logged as an error, and the operator restores the missing rows or publishes anew.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db import transaction
from tuf.api.metadata import Metadata, Root, Snapshot, Timestamp

from accounts.errors import Corrupt, NotFound
from hashsets.blobs import keys
from hashsets.blobs.current import blob_store
from hashsets.trust import chain, metadata, signed_files
from hashsets.trust.export import exported_timestamp, exported_version
from hashsets.trust.metadata import MAX_METADATA_BYTES
from hashsets.trust.models import Repository, RoleName, SignedFile
from hashsets.trust.online import published_file, sign_online

log = logging.getLogger(__name__)

LOST_DRAFTS: Final = 100
"""List versions left out after a restore: drafts signed outside may exist whose numbers the backup forgot."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """`ahead`: the exported files were newer and were taken back. `behind`: exported files were missing and
    are owed again."""

    ahead: bool
    behind: bool
    list_version: int


def compare_with_export(repository_id: str, *, now: datetime) -> Comparison:
    """Bring SQL to the exported state when that is newer, and owe again what the blob store has lost.

    Run before anything is signed after a start. Files are read before the lock, and checked again under it.
    Errors: Corrupt `repository.diverged` when both hold different contents for one version of root, targets
    or list; Corrupt `chain.…` when the exported files do not fit together. Nothing is changed then.
    """
    content = exported_timestamp(repository_id)
    root = _newest_exported_root(repository_id)
    version = exported_version(content, root.signed)
    row = Repository.objects.get(id=repository_id)
    if content is not None and version > 0 and _is_news(row, version, content):
        files = _exported_files(row, root, content)
        with transaction.atomic():
            row = signed_files.lock_repository(repository_id)
            if _is_news(row, version, content):
                _take_back(row, files, now=now)
                log.error(
                    "repository.restored",
                    extra={"repository": repository_id, "timestamp_version": version},
                )
                return Comparison(True, False, row.list_version)
    ours = SignedFile.objects.filter(repository_id=repository_id)
    behind = (
        version < row.timestamp_version
        and ours.filter(
            role=RoleName.TIMESTAMP, version=row.timestamp_version, exported_at__isnull=False
        ).exists()
    )
    if behind:
        # The blob store is the older one: writing everything again is harmless, files are create-only.
        # Snapshots and timestamps beyond the counters are those that an earlier restore has put aside.
        ours.exclude(role=RoleName.TIMESTAMP).exclude(
            role=RoleName.SNAPSHOT, version__gt=row.snapshot_version
        ).update(exported_at=None)
        ours.filter(role=RoleName.TIMESTAMP, version=row.timestamp_version).update(exported_at=None)
    return Comparison(False, behind, row.list_version)


def _is_news(row: Repository, version: int, content: bytes) -> bool:
    """Whether an exported timestamp of our own is one that SQL does not know."""
    if version > row.timestamp_version:
        return True
    known = SignedFile.objects.filter(repository=row, role=RoleName.TIMESTAMP, version=version).first()
    return known is None or bytes(known.content) != content


def _newest_exported_root(repository_id: str) -> Metadata[Root]:
    """Walk the exported roots from SQL's newest, as clients do: each must satisfy the one before and
    itself.
    """
    root = metadata.read(signed_files.newest_bytes(repository_id, RoleName.ROOT), Root)
    while True:
        try:
            content = _exported(repository_id, RoleName.ROOT, root.signed.version + 1)
        except NotFound:
            return root
        following = metadata.read(content, Root)
        given = metadata.signatures_of(following)
        for delegator in (root.signed, following.signed):
            if not metadata.meets(delegator, "root", following.signed_bytes, given):
                raise Corrupt("An exported root is not signed by the officers.", code="chain.signature")
        if following.signed.version != root.signed.version + 1:
            raise Corrupt("An exported root has another version than its name says.", code="chain.version")
        root = following


def _exported_files(
    row: Repository, root: Metadata[Root], timestamp: bytes
) -> dict[tuple[RoleName, int], bytes]:
    """The exported state, verified as a client would (but for expiry), by role and version."""
    role = row.delegated_role
    found = {(RoleName.TIMESTAMP, metadata.read(timestamp, Timestamp).signed.version): timestamp}
    version = metadata.read(timestamp, Timestamp).signed.snapshot_meta.version
    snapshot = found[RoleName.SNAPSHOT, version] = _exported(row.id, RoleName.SNAPSHOT, version)
    named = {
        RoleName(name.removesuffix(".json")): facts.version
        for name, facts in metadata.read(snapshot, Snapshot).signed.meta.items()
    }
    contents = {name: _exported(row.id, name, number) for name, number in named.items()}
    chain.verify(
        chain.Files(root, timestamp, snapshot, contents[RoleName.TARGETS], contents.get(role)),
        role=role,
        now=None,
    )
    for number in range(row.root_version + 1, root.signed.version + 1):
        found[RoleName.ROOT, number] = _exported(row.id, RoleName.ROOT, number)
    return found | {(name, named[name]): content for name, content in contents.items()}


def _exported(repository_id: str, role: RoleName, version: int) -> bytes:
    return blob_store().get_bytes(keys.metadata(repository_id, role, version), limit=MAX_METADATA_BYTES)


def _take_back(row: Repository, files: dict[tuple[RoleName, int], bytes], *, now: datetime) -> None:
    newest = dict(sorted(files, key=lambda item: item[1]))
    own = published_file(row)
    for (role, version), content in files.items():
        known = SignedFile.objects.filter(repository=row, role=role, version=version).first()
        if known is not None and bytes(known.content) != content:
            if role not in (RoleName.SNAPSHOT, RoleName.TIMESTAMP):
                raise Corrupt(
                    f"Version {version} of '{role}' exists with two contents.",
                    code="repository.diverged",
                    advice="Restore a newer backup, or ask the publisher to sign the next version.",
                )
            # Signed again after the restore and never exported (export refuses): clients have the other one.
            known.delete()
        signed_files.keep(row, role, version, content, now=now, exported=True)
    # Files that SQL signed on its own after the restore name an outdated state: they must never go out.
    SignedFile.objects.filter(
        repository=row, role__in=[RoleName.SNAPSHOT, RoleName.TIMESTAMP], exported_at__isnull=True
    ).update(exported_at=now)
    snapshot = metadata.read(files[RoleName.SNAPSHOT, newest[RoleName.SNAPSHOT]], Snapshot).signed
    row.root_version = max(row.root_version, newest.get(RoleName.ROOT, 0))
    row.targets_version = max(row.targets_version, newest[RoleName.TARGETS])
    row.list_version = max(row.list_version, newest.get(row.delegated_role, 0)) + LOST_DRAFTS
    row.snapshot_version = newest[RoleName.SNAPSHOT]
    row.snapshot_expires_at = snapshot.expires
    row.timestamp_version = newest[RoleName.TIMESTAMP]
    row.save()
    if own is not None and own.version > newest.get(row.delegated_role, 0):
        # Published after the restore, under a higher number than anything exported: it stays published.
        sign_online(row, list_bytes=own.content, now=now)
        row.refresh_from_db()
