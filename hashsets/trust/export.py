"""Writes signed files out, so that clients find them. SQL is the truth; this may run any number of times.

Order: first root, targets, list or catalogue, snapshot, and **timestamp last**: replacing `timestamp.json` is
the moment at which clients see the new state. Everything before it is create-only and named by nobody yet; so
whoever dies between two steps leaves the old state complete. A root after the first comes even after the
timestamp: when the officers change, the newest targets already satisfy both roots, and the older targets only
the older root.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from django.db.models import Q
from tuf.api.metadata import Root, Timestamp

from accounts.errors import Conflict, Corrupt, NotFound
from hashsets.blobs import keys
from hashsets.blobs.current import blob_store
from hashsets.trust import metadata, signed_files
from hashsets.trust.metadata import MAX_METADATA_BYTES
from hashsets.trust.models import Repository, RoleName, SignedFile

LEASE: Final = timedelta(seconds=20)
MAX_VERSION: Final = 1_000_000_000
_ROUNDS: Final = 20
_ORDER: Final = {
    RoleName.TARGETS: 1,
    RoleName.LIST: 2,
    RoleName.CATALOGUE: 2,
    RoleName.SNAPSHOT: 3,
    RoleName.TIMESTAMP: 4,
}
_FIRST_ROOT: Final = 0
_LATER_ROOT: Final = 5


def exports_due(now: datetime, limit: int) -> list[str]:
    """Repositories with files that are signed but not written out, nobody being at it."""
    return list(
        Repository.objects.filter(
            _free(now), signed_files__exported_at__isnull=True, timestamp_version__gte=1
        )
        .order_by("id")
        .values_list("id", flat=True)
        .distinct()[:limit]
    )


def export_repository(repository_id: str, *, now: datetime) -> bool:
    """Write every file that is owed. Returns whether everything is out; False when another process is at it.

    Errors: Corrupt `blob.overwritten` when the store holds other bytes under a version that SQL gave out
    again, and Conflict `repository.export_ahead` when it holds a newer timestamp: both mean that SQL was
    restored from a backup. Nothing visible has changed then; see `hashsets.trust.restore`.
    """
    lease = now + LEASE
    claimed = Repository.objects.filter(_free(now), id=repository_id).update(lease_until=lease)
    if not claimed:
        return not _owed(repository_id)
    try:
        # Rounds, because someone may sign while we write: their export finds our lease and leaves it to us.
        for _ in range(_ROUNDS):
            owed = _owed(repository_id)
            if not owed:
                return True
            _write(repository_id, owed, now=now)
        return False
    except (Conflict, Corrupt):
        # The store knows more than SQL: signing again compares the two first, and heals what can be healed.
        Repository.objects.filter(id=repository_id).update(resign_at=now)
        raise
    finally:
        # Conditional: if our lease ran out, somebody else's stays untouched.
        Repository.objects.filter(id=repository_id, lease_until=lease).update(lease_until=None)


def exported_timestamp(repository_id: str) -> bytes | None:
    """`timestamp.json` as clients see it now, unverified; None when nothing was written yet."""
    try:
        return blob_store().get_bytes(
            keys.metadata(repository_id, RoleName.TIMESTAMP, 0), limit=MAX_METADATA_BYTES
        )
    except NotFound:
        return None


def exported_version(content: bytes | None, root: Root) -> int:
    """The version of an exported timestamp that the online key of `root` signed; 0 for anything else.

    A file that we did not sign, or signed with a key that was replaced, says nothing about which versions
    were used: it is simply overwritten.
    Errors: Corrupt `repository.fast_forward` for a version that only a thief of the key would sign.
    """
    if content is None:
        return 0
    try:
        timestamp = metadata.read(content, Timestamp)
    except Corrupt:
        return 0
    if not metadata.meets(root, "timestamp", timestamp.signed_bytes, metadata.signatures_of(timestamp)):
        return 0
    if timestamp.signed.version > MAX_VERSION:
        raise Corrupt(
            "The exported timestamp has a version that this exchange never gave out, signed with its key.",
            code="repository.fast_forward",
            advice="The online key was stolen: manage.py ceremony replace-online-keys.",
        )
    return timestamp.signed.version


def _owed(repository_id: str) -> list[SignedFile]:
    """What is not written out yet, in the order of writing. Of several timestamps only the newest counts."""
    rows = SignedFile.objects.filter(
        repository_id=repository_id, exported_at__isnull=True, repository__timestamp_version__gte=1
    )
    return sorted(rows, key=lambda row: (_rank(row), row.version))


def _rank(row: SignedFile) -> int:
    if row.role == RoleName.ROOT:
        return _FIRST_ROOT if row.version == 1 else _LATER_ROOT
    return _ORDER[RoleName(row.role)]


def _write(repository_id: str, owed: list[SignedFile], *, now: datetime) -> None:
    timestamps = [row for row in owed if row.role == RoleName.TIMESTAMP]
    for row in owed:
        if row.role != RoleName.TIMESTAMP:
            blob_store().put_bytes(keys.metadata(repository_id, row.role, row.version), bytes(row.content))
        elif row is timestamps[-1]:
            _replace_timestamp(repository_id, row)
    # Marked after all of them are written: a crash before this line costs a rewrite of the same bytes.
    SignedFile.objects.filter(id__in=[row.id for row in owed]).update(exported_at=now)


def _replace_timestamp(repository_id: str, row: SignedFile) -> None:
    current = exported_timestamp(repository_id)
    content = bytes(row.content)
    if current == content:
        return
    root = metadata.read(signed_files.newest_bytes(repository_id, RoleName.ROOT), Root).signed
    if exported_version(current, root) >= row.version:
        raise Conflict(
            "The exported timestamp is newer than the one in the database.",
            code="repository.export_ahead",
            advice="The database was restored from a backup: run manage.py resign.",
            repository=repository_id,
        )
    # The list is looked up once more: a process that slept through its lease must not write an old state.
    newest = signed_files.newest(repository_id, RoleName.TIMESTAMP)
    if newest is not None and newest.version > row.version:
        return
    blob_store().replace_bytes(keys.metadata(repository_id, RoleName.TIMESTAMP, row.version), content)


def _free(now: datetime) -> Q:
    return Q(lease_until__isnull=True) | Q(lease_until__lt=now)
