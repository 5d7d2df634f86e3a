"""What is remembered about calls of the API: answers that may be asked for again, and how many came."""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.db import models

from accounts.sealing.columns import SealedField


class RememberedCall(models.Model):
    """A state-changing call that carries an Idempotency-Key, and its answer once there is one.

    In SQL and not in a cache: a flushed cache must not turn a retry into a second act.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organisation = models.ForeignKey("accounts.Organisation", on_delete=models.PROTECT, related_name="+")
    key = models.CharField(max_length=255, help_text="as the caller chose it")
    token = models.UUIDField(default=uuid.uuid4, help_text="whose turn it is; changes when a lease runs out")
    lease_until = models.DateTimeField(help_text="until then a call without an answer is taken to be running")
    digest = models.CharField(
        max_length=64, blank=True, help_text="SHA-256 of method, address and body; empty while running"
    )
    status = models.PositiveSmallIntegerField(null=True, help_text="HTTP status of the answer; null = none")
    media_type = models.CharField(max_length=100, blank=True)
    sealed_body = SealedField(
        blank=True,
        bound_to="RememberedCall:{id}:body",
        help_text="AES-GCM: an answer may show a secret once",
    )
    kept_until = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organisation", "key"], name="remembered_call_once")
        ]
        indexes: ClassVar = [models.Index(fields=["kept_until"], name="remembered_call_by_age")]

    def __str__(self) -> str:
        return f"{self.organisation_id} {self.status or 'running'}"


class CallCount(models.Model):
    """How many calls somebody made in one window of time (a minute or a day)."""

    who = models.CharField(max_length=64, help_text="credential, person, or keyed digest of an address")
    window = models.CharField(max_length=6, choices=[("minute", "a minute"), ("day", "a day")])
    start = models.DateTimeField()
    calls = models.PositiveIntegerField(default=0)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["who", "window", "start"], name="call_count_once")
        ]
        indexes: ClassVar = [models.Index(fields=["start"], name="call_count_by_age")]

    def __str__(self) -> str:
        return f"{self.calls} in {self.window} {self.start:%Y-%m-%d %H:%M}"
