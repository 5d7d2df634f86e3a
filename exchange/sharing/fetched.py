"""The download log: which member fetched which release (level *fetched*)."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from exchange.sharing.models import Fetch


def note_fetch(organisation_id: UUID, list_id: str, release: int, now: datetime) -> None:
    """Note that the manifest of `release` was fetched; only the first time counts. No audit: reading is no
    act."""
    Fetch.objects.bulk_create(
        [Fetch(organisation_id=organisation_id, hash_list_id=list_id, release=release, fetched_at=now)],
        ignore_conflicts=True,
    )
