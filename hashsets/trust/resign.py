"""Renews the online signatures of every repository, every six hours, so that a freeze shows within a day.

(1) Compare with the exported files: after a restore nothing may be signed before that. (2) Under the lock:
ask the officers for new roots and targets in good time (the demo's officer signs at once), sign a timestamp,
and a snapshot when half of its life is over. (3) After the commit, write the files out.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.db.models import Q
from tuf.api.metadata import Targets

from hashsets.trust import directory, lifetimes, metadata, officers, signed_files
from hashsets.trust.export import export_repository
from hashsets.trust.models import DIRECTORY, Repository
from hashsets.trust.online import OnlineFiles, published_file, sign_online
from hashsets.trust.restore import compare_with_export

log = logging.getLogger(__name__)

RETRY_AFTER: Final = timedelta(minutes=5)


def due_repositories(now: datetime, limit: int) -> list[str]:
    """Open repositories whose online keys must sign again; the directory also when its catalogue has
    changed.
    """
    due = list(
        Repository.objects.filter(Q(resign_at__lte=now), timestamp_version__gte=1)
        .order_by("resign_at")
        .values_list("id", flat=True)[:limit]
    )
    if len(due) < limit and DIRECTORY not in due and _directory_wants_refresh(now):
        due.append(DIRECTORY)
    return due


def resign_repository(repository_id: str, *, now: datetime) -> OnlineFiles:
    """Sign again and write out. Any number of processes may do it; each gives out versions of its own.

    Errors: NotFound `repository.not_found`; Conflict `repository.awaits_officers`; Corrupt of
    `compare_with_export` and `sign_online`. After an error it is due again in five minutes, so that one
    broken repository does not keep the others waiting.
    """
    try:
        compare_with_export(repository_id, now=now)
        if repository_id == DIRECTORY:
            directory.refresh_directory(now)
        with transaction.atomic():
            row = signed_files.lock_repository(repository_id)
            officers.request_renewals(row, now=now)
            officers.sign_in_demo(row, now=now)
            files = sign_online(row, list_bytes=None, now=now)
    except Exception:
        Repository.objects.filter(id=repository_id).update(resign_at=now + RETRY_AFTER)
        log.exception("repository.resign_failed", extra={"repository": repository_id})
        raise
    export_repository(repository_id, now=now)
    _warn_of_age(repository_id, now=now)
    return files


def overdue_repositories(now: datetime) -> list[str]:
    """Open repositories with less than half of a timestamp's life left: an alarm, long before members
    notice.
    """
    return list(
        Repository.objects.filter(
            timestamp_version__gte=1, timestamp_expires_at__lt=now + timedelta(hours=12)
        )
        .order_by("timestamp_expires_at")
        .values_list("id", flat=True)
    )


@dataclass(frozen=True, slots=True)
class Ageing:
    """A list whose publisher must sign again, or release, before `expires`."""

    list_id: str
    expires: datetime


def ageing_lists(now: datetime) -> list[Ageing]:
    """Published lists whose publisher's signature ends within 90 days, the nearest end first.

    Neither the online key nor the officers can help then: an expired list stops every client.
    """
    found = []
    for row in Repository.objects.filter(timestamp_version__gte=1).exclude(id=DIRECTORY).order_by("id"):
        published = published_file(row)
        if published is None:
            continue
        expires = metadata.read(published.content, Targets).signed.expires
        if expires <= now + lifetimes.RENEW_WITHIN:
            found.append(Ageing(row.id, expires))
    return sorted(found, key=lambda one: (one.expires, one.list_id))


def _warn_of_age(repository_id: str, *, now: datetime) -> None:
    """Say it at every renewal of the timestamp, four times a day, until the publisher has signed again."""
    row = Repository.objects.get(id=repository_id)
    published = None if repository_id == DIRECTORY else published_file(row)
    if published is None:
        return
    expires = metadata.read(published.content, Targets).signed.expires
    if expires <= now + lifetimes.RENEW_WITHIN:
        log.warning(
            "repository.list_ageing",
            extra={"repository": repository_id, "days_left": max(0, (expires - now).days)},
        )


def _directory_wants_refresh(now: datetime) -> bool:
    row = Repository.objects.filter(id=DIRECTORY).first()
    if row is None or not row.is_open or row.resign_at is None:
        return False
    # A failed attempt leaves `resign_at` this near: wait for it instead of failing at every look.
    return row.resign_at - now > RETRY_AFTER and directory.is_stale(now)
