"""Forgets answers after their day, and counts after theirs."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from exchange.calls.models import CallCount, RememberedCall

COUNTS_KEPT_FOR: Final = timedelta(days=2)


def forgetting_due(now: datetime, limit: int) -> list[str]:
    """The kinds of rows of which some are too old."""
    old = {
        "answers": RememberedCall.objects.filter(kept_until__lte=now),
        "counts": CallCount.objects.filter(start__lt=now - COUNTS_KEPT_FOR),
    }
    return [kind for kind, rows in old.items() if rows.exists()][:limit]


def forget(kind: str, *, now: datetime) -> None:
    """Delete the rows of a kind that are too old."""
    if kind == "answers":
        RememberedCall.objects.filter(kept_until__lte=now).delete()
    else:
        CallCount.objects.filter(start__lt=now - COUNTS_KEPT_FOR).delete()
