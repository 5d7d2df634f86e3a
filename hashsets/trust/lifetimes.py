"""How long each signature is good for, and when it is renewed. The shorter a life, the sooner a freeze
shows.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

ROOT: Final = timedelta(days=365)
TARGETS: Final = timedelta(days=365)
LIST: Final = timedelta(days=400)
CATALOGUE: Final = timedelta(days=7)
SNAPSHOT: Final = timedelta(days=7)
TIMESTAMP: Final = timedelta(hours=24)

RESIGN_EVERY: Final = timedelta(hours=6)
"""A quarter of a timestamp's life: three failed rounds pass before a member sees an expired one."""

RENEW_WITHIN: Final = timedelta(days=90)
"""Roots and targets are put before the officers this long before they expire: gathering people takes
weeks.
"""


def expiry(now: datetime, life: timedelta) -> datetime:
    """The end of `life`, in whole seconds of UTC: the only form that TUF metadata carries."""
    if now.tzinfo is None:
        raise ValueError("`now` must be aware of its time zone.")
    return (now.astimezone(UTC) + life).replace(microsecond=0)


def past_half(expires: datetime, life: timedelta, now: datetime) -> bool:
    """Whether less than half of `life` is left before `expires`."""
    return expires - now < life / 2
