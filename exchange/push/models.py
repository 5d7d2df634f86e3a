"""The attempt log: append-only, one row for each try to deliver a notice."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from accounts.errors import NotFound
from accounts.identity.acting import Actor


class AttemptQuerySet(models.QuerySet["Attempt"]):
    def of(self, actor: Actor) -> AttemptQuerySet:
        return self.filter(organisation_id=actor.organisation())

    def seen(self, attempt_id: int, actor: Actor) -> Attempt:
        """One attempt of the actor's own organisation. Errors: NotFound `attempt.not_found`."""
        # An id beyond what the column holds must not reach PostgreSQL.
        found = self.of(actor).filter(id=attempt_id).first() if attempt_id < 2**63 else None
        if found is None:
            raise NotFound("There is no such attempt.", code="attempt.not_found")
        return found


class Attempt(models.Model):
    """One POST to one endpoint. `releases` is {list id: release} as told in the notice."""

    endpoint = models.ForeignKey("exchange.Endpoint", on_delete=models.PROTECT, related_name="attempts")
    organisation = models.ForeignKey("accounts.Organisation", on_delete=models.PROTECT, related_name="+")
    notice_id = models.CharField(max_length=64, help_text="webhook-id, stable across tries")
    kind = models.CharField(max_length=16, help_text="release, challenge, ping, test or resend")
    urgent = models.BooleanField(default=False)
    releases = models.JSONField(default=dict)
    started_at = models.DateTimeField()
    duration_ms = models.PositiveIntegerField()
    outcome = models.CharField(
        max_length=24, help_text="delivered, refused, timeout, unreachable, blocked, …"
    )
    status = models.PositiveSmallIntegerField(null=True, help_text="HTTP status, if an answer came")
    request_body = models.TextField(blank=True)  # without bytes of deltas: they hold hashes in full
    response_head = models.TextField(blank=True, help_text="first bytes of the answer, at most 1 KB kept")
    error = models.CharField(max_length=300, blank=True)

    objects = AttemptQuerySet.as_manager()

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["endpoint", "-id"], name="attempt_by_endpoint"),
            models.Index(fields=["organisation", "-id"], name="attempt_by_organisation"),
        ]

    def __str__(self) -> str:
        return f"{self.notice_id} {self.outcome}"
