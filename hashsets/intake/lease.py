"""A worker's hold on a submission: extended while work goes on, lost when it does not."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import models

from hashsets.intake.models import Submission

LEASE: Final = timedelta(seconds=60)
EVERY: Final = 5.0  # seconds between two extensions: each is a write
# Sorting and writing do not report; they are given the time that a slow disk and processor need for them.
ROWS_A_SECOND: Final = 100_000


class LeaseLost(Exception):
    """Another worker has the submission by now, or it was withdrawn: stop and leave no trace."""


@dataclass(slots=True)
class Lease:
    """`until` is also the token: only who knows it can extend the lease or settle the submission."""

    submission_id: UUID
    until: datetime
    _now: datetime
    _started: float = field(default_factory=time.monotonic)
    _extended: float = field(default_factory=time.monotonic)

    @classmethod
    def take(cls, submission_id: UUID, *, now: datetime) -> Lease | None:
        until = now + LEASE
        if not Submission.objects.claim_for_validation(submission_id, now=now, lease_until=until):
            return None
        return cls(submission_id, until, now)

    def now(self) -> datetime:
        """The caller's `now`, moved on by the time that has passed since."""
        return self._now + timedelta(seconds=time.monotonic() - self._started)

    def held(self) -> models.QuerySet[Submission]:
        return Submission.objects.held(self.submission_id, self.until)

    def heartbeat(self, length: int) -> Callable[[int, int], None]:
        """To be called with rows and bytes read so far, out of `length` bytes. Raises LeaseLost."""

        def beat(rows: int, bytes_read: int) -> None:
            if time.monotonic() - self._extended >= EVERY:
                self.extend(rows, expected=rows * length // max(bytes_read, 1))

        return beat

    def extend(self, rows: int, *, expected: int) -> None:
        """Show progress and stay in possession. Errors: LeaseLost."""
        until = self.now() + LEASE + timedelta(seconds=rows / ROWS_A_SECOND)
        if not self.held().update(lease_until=until, rows_done=rows, rows_expected=expected):
            raise LeaseLost
        self.until = until
        self._extended = time.monotonic()
