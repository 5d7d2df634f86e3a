"""Clears what this machine keeps of withdrawn releases for faster reading; every machine does it for itself.

A marker on the machine says up to which erasure it is clean, so that a look costs one query and one file.
"""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path
from typing import Final

from django.conf import settings

from hashsets.blobs.current import blob_store
from hashsets.intake.models import Erasure
from hashsets.releases.erase import released_files
from hashsets.releases.models import Release

MARKER: Final = "erased-until"
NEVER: Final = "0001-01-01T00:00:00+00:00"


def differences_folder() -> Path:
    """Where the feed of changes keeps what it had to compute."""
    return Path(settings.HX_VAR) / "cache" / "changes"


def copies_due(now: datetime, limit: int) -> list[str]:
    """The moment up to which this machine is clean, if an erasure was completed since; else nothing."""
    completed = Erasure.objects.filter(completed_at__isnull=False).order_by("-completed_at")
    newest = completed.values_list("completed_at", flat=True).first()
    clean = _clean_until()
    return [clean] if newest is not None and newest > datetime.fromisoformat(clean) else []


def clear_copies(since: str) -> None:
    """Remove the copies of what was withdrawn by erasures completed after `since`, then move the marker."""
    newest = datetime.fromisoformat(since)
    for erasure in Erasure.objects.filter(completed_at__gt=newest).order_by("completed_at"):
        for key in released_files(erasure):
            blob_store().forget_local(key)
        _forget_differences(erasure)
        newest = erasure.completed_at or newest
    marker = _marker()
    marker.parent.mkdir(parents=True, exist_ok=True)
    draft = marker.with_name(f".{marker.name}.{os.getpid()}")
    draft.write_text(newest.isoformat())
    draft.replace(marker)


def _forget_differences(erasure: Erasure) -> None:
    folder = differences_folder()
    withdrawn = Release.objects.filter(hash_list_id=erasure.hash_list_id, number__lte=erasure.release)
    for sha256 in withdrawn.values_list("manifest_sha256", flat=True):
        for path in folder.glob(f"{sha256}-*.parquet"):
            path.unlink(missing_ok=True)


def _clean_until() -> str:
    try:
        return _marker().read_text()
    except FileNotFoundError:
        return NEVER


def _marker() -> Path:
    return Path(settings.HX_VAR) / "cache" / MARKER
