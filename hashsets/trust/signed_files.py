"""Rows of a repository: the lock, the newest file of a role, new files. Every use of them is inside a
transaction.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from datetime import datetime

from django.db import transaction
from django.db.models import OuterRef, QuerySet, Subquery

from accounts.errors import Conflict, Corrupt, NotFound
from hashsets.lists.models import HashList
from hashsets.trust.models import DIRECTORY, Repository, RoleName, SignedFile


def lock_repository(repository_id: str) -> Repository:
    """The repository's row, locked until the transaction ends; of a list, the list's row before it (lock
    order).

    Errors: NotFound `repository.not_found`.
    """
    require_transaction()
    if repository_id != DIRECTORY:
        HashList.objects.lock(repository_id)
    found = Repository.objects.select_for_update(no_key=True).filter(id=repository_id).first()
    if found is None:
        raise NotFound("This list has no repository yet.", code="repository.not_found")
    return found


def require_transaction() -> None:
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError("Versions are given out inside the transaction of the act that uses them.")


def newest(repository_id: str, role: RoleName) -> SignedFile | None:
    return SignedFile.objects.filter(repository_id=repository_id, role=role).order_by("-version").first()


def at_version(repository_id: str, role: RoleName, version: int) -> bytes:
    row = SignedFile.objects.get(repository_id=repository_id, role=role, version=version)
    return bytes(row.content)


def newest_of_each(repository_ids: Collection[str], role: RoleName) -> QuerySet[SignedFile]:
    """The newest file of a role, of each of these repositories that has one."""
    versions = SignedFile.objects.filter(repository_id=OuterRef("repository_id"), role=role)
    return SignedFile.objects.filter(
        repository_id__in=repository_ids,
        role=role,
        version=Subquery(versions.order_by("-version").values("version")[:1]),
    )


def newest_bytes(repository_id: str, role: RoleName) -> bytes:
    """Errors: Conflict `repository.awaits_officers` when there is none yet."""
    row = newest(repository_id, role)
    if row is None:
        raise Conflict(
            "This repository waits for the signatures of the exchange's officers.",
            code="repository.awaits_officers",
            advice="An officer signs at the next ceremony: manage.py ceremony export.",
        )
    return bytes(row.content)


def next_version(repository_id: str, role: RoleName) -> int:
    """One more than the highest version ever signed, files put aside after a restore included."""
    found = newest(repository_id, role)
    return 1 if found is None else found.version + 1


def keep(
    repository: Repository,
    role: RoleName,
    version: int,
    content: bytes,
    *,
    now: datetime,
    exported: bool = False,
) -> SignedFile:
    """Keep a signed file; the same bytes again are fine.

    Errors: Corrupt `repository.version_reused` when the version exists with other bytes.
    """
    row, created = SignedFile.objects.get_or_create(
        repository=repository,
        role=role,
        version=version,
        defaults={
            "content": content,
            "sha256": hashlib.sha256(content).hexdigest(),
            "created_at": now,
            "exported_at": now if exported else None,
        },
    )
    if not created and bytes(row.content) != content:
        raise Corrupt(
            f"Version {version} of '{role}' was given out already.", code="repository.version_reused"
        )
    return row
