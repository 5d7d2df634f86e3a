"""How many bytes an organisation may upload in a day (UTC): counted from the rows of what it uploaded, so
that nothing but the database has to survive for the count to hold.

A file in parts counts on the day it was begun, with the length that was stated; any other upload with the
bytes that came. What was refused while it came made no row and counts for nothing.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db.models import Sum

from accounts.errors import Throttled
from hashsets.intake.models import Submission, Upload

_DAY = timedelta(days=1)


def room_today(organisation_id: UUID, *, now: datetime) -> int:
    """Bytes that may still come today. Errors: Throttled `upload.quota` when there is no room at all."""
    room = _limit() - used_today(organisation_id, now=now)
    if room <= 0:
        raise over_quota(_limit() - room, now=now)
    return room


def require_room(organisation_id: UUID, length: int, *, now: datetime) -> None:
    """Errors: Throttled `upload.quota`. Holds against others only while the organisation's row is locked."""
    used = used_today(organisation_id, now=now)
    if used + length > _limit():
        raise over_quota(used, now=now)


def used_today(organisation_id: UUID, *, now: datetime) -> int:
    start = _midnight(now)
    begun = Upload.objects.filter(organisation_id=organisation_id)
    whole = Submission.objects.filter(
        organisation_id=organisation_id, received_at__gte=start, received_at__lt=start + _DAY
    ).exclude(id__in=begun.values("id"))
    today = begun.filter(created_at__gte=start, created_at__lt=start + _DAY)
    return int(whole.aggregate(n=Sum("upload_length"))["n"] or 0) + int(
        today.aggregate(n=Sum("length"))["n"] or 0
    )


def over_quota(used: int, *, now: datetime) -> Throttled:
    resets = _midnight(now) + _DAY
    return Throttled(
        f"Your organisation may upload {_limit()} bytes a day and has uploaded {used}.",
        code="upload.quota",
        advice="Go on after midnight UTC, or ask the operator for more.",
        limit=_limit(),
        used=used,
        resets_at=resets.isoformat(),
        retry_after=max(1, round((resets - now).total_seconds())),
    )


def _limit() -> int:
    return int(settings.HX_UPLOAD_BYTES_PER_DAY)


def _midnight(now: datetime) -> datetime:
    return now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
