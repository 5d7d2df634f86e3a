"""Letters that are owed: rows until the mail server has taken them, so that none is lost while it is away."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import ClassVar, Final

from django.db import models
from django.db.models import Q

from accounts.sealing.columns import SealedField

LEASE: Final = timedelta(minutes=5)


class MailState(models.TextChoices):
    QUEUED = "queued", "queued"
    SENT = "sent", "sent"
    REFUSED = "refused", "refused"  # the mail server would not take it, again and again
    LAPSED = "lapsed", "lapsed"  # too old to be of use, or its reader is no longer a person here


class OutgoingMailQuerySet(models.QuerySet["OutgoingMail"]):
    def due(self, now: datetime) -> OutgoingMailQuerySet:
        """What waits to be sent and is in nobody's hands, the oldest first."""
        free = Q(lease_until__isnull=True) | Q(lease_until__lte=now)
        return self.filter(free, state=MailState.QUEUED, due_at__lte=now).order_by("due_at", "id")

    def claim(self, mail_id: uuid.UUID, *, now: datetime) -> OutgoingMail | None:
        """The letter, leased to the caller alone, or None when another worker was faster."""
        taken = self.due(now).filter(id=mail_id).order_by().update(lease_until=now + LEASE)
        return self.select_related("reader").get(id=mail_id) if taken else None


class OutgoingMail(models.Model):
    """One letter to one reader. Once it is sent its words and its link are gone; that it was sent stays."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=64)
    reader = models.ForeignKey(
        "accounts.User",
        on_delete=models.PROTECT,
        null=True,
        related_name="+",
        help_text="None: no person here yet",
    )
    address = models.EmailField(max_length=254, help_text="where it goes when there is no reader")
    language = models.CharField(max_length=2)
    facts = models.JSONField(default=dict, help_text="small values; never hash values, keys or tokens")
    sealed_path = SealedField(
        blank=True, bound_to="mail:{id}:path", help_text="it may hold a one-time token; empty: no path"
    )
    once = models.CharField(max_length=120, default="", help_text="what must not be said twice")
    state = models.CharField(max_length=8, choices=MailState.choices, default=MailState.QUEUED)
    tries = models.PositiveSmallIntegerField(default=0)
    queued_at = models.DateTimeField()
    due_at = models.DateTimeField()
    lapses_at = models.DateTimeField()
    lease_until = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    objects = OutgoingMailQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(state=MailState.QUEUED, ended_at__isnull=True)
                | (~Q(state=MailState.QUEUED) & Q(ended_at__isnull=False)),
                name="mail_ended_with_its_time",
            ),
            models.UniqueConstraint(fields=["once"], condition=~Q(once=""), name="mail_said_once"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["due_at"], condition=Q(state="queued"), name="mail_due"),
            models.Index(fields=["ended_at"], name="mail_by_end"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.state}"

    @property
    def context(self) -> str:
        """What its sealed path is bound to."""
        return f"mail:{self.id}:path"
