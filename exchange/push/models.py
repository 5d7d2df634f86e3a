"""The attempt log: append-only, one row for each try to deliver a notice."""

from __future__ import annotations

from typing import ClassVar

from django.db import models


class Attempt(models.Model):
    """One POST to one endpoint. `releases` is {list id: release} as told in the notice."""

    endpoint = models.ForeignKey("exchange.Endpoint", on_delete=models.PROTECT, related_name="attempts")
    organisation = models.ForeignKey("accounts.Organisation", on_delete=models.PROTECT, related_name="+")
    notice_id = models.CharField(max_length=64, help_text="webhook-id, stable across tries")
    kind = models.CharField(max_length=16, help_text="release, challenge or test")
    urgent = models.BooleanField(default=False)
    releases = models.JSONField(default=dict)
    started_at = models.DateTimeField()
    duration_ms = models.PositiveIntegerField()
    outcome = models.CharField(
        max_length=24, help_text="delivered, refused, timeout, unreachable, blocked, …"
    )
    status = models.PositiveSmallIntegerField(null=True, help_text="HTTP status, if an answer came")
    request_body = models.TextField(blank=True)
    response_head = models.TextField(blank=True, help_text="first bytes of the answer, at most 1 KB kept")
    error = models.CharField(max_length=300, blank=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["endpoint", "-id"], name="attempt_by_endpoint"),
            models.Index(fields=["organisation", "-id"], name="attempt_by_organisation"),
        ]

    def __str__(self) -> str:
        return f"{self.notice_id} {self.outcome}"
