"""What a member agreed to, and whom to call there at night."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import ClassVar, Final

from django.db import models

CHECK_EVERY: Final = timedelta(days=365)


class DutyContactQuerySet(models.QuerySet["DutyContact"]):
    def current(self) -> DutyContactQuerySet:
        """Contacts that are to be used, of organisations that are members."""
        return self.filter(ended_at__isnull=True, organisation__status="active")

    def due(self, now: datetime) -> DutyContactQuerySet:
        """Current ones that nobody has checked for a year."""
        return self.current().filter(checked_at__lte=now - CHECK_EVERY)


class DutyContact(models.Model):
    """Whom to reach at any hour about an urgent release or an incident. Ended, never deleted."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organisation = models.ForeignKey(
        "accounts.Organisation", on_delete=models.PROTECT, related_name="duty_contacts"
    )
    name = models.CharField(max_length=300, help_text="a person or, better, a desk")
    email = models.EmailField(max_length=254)
    phone = models.CharField(max_length=40, blank=True)
    language = models.CharField(max_length=2, default="en")
    created_at = models.DateTimeField()
    checked_at = models.DateTimeField(help_text="when an admin last said that this is right")
    ended_at = models.DateTimeField(null=True)

    objects = DutyContactQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["organisation", "email"],
                condition=models.Q(ended_at__isnull=True),
                name="duty_contact_once",
            )
        ]
        indexes: ClassVar = [models.Index(fields=["checked_at"], name="duty_contact_by_check")]

    def __str__(self) -> str:
        return self.name

    @property
    def check_due_at(self) -> datetime:
        return self.checked_at + CHECK_EVERY


class AgreementQuerySet(models.QuerySet["Agreement"]):
    def newest(self) -> Agreement | None:
        return self.order_by("-version").first()


class Agreement(models.Model):
    """One version of what every member agrees to. A published version never changes."""

    version = models.PositiveIntegerField(primary_key=True, help_text="1, 2, 3 …")
    text_en = models.TextField()
    text_fr = models.TextField()
    changes_en = models.TextField(blank=True, help_text="what is new, in a sentence or two")
    changes_fr = models.TextField(blank=True)
    published_at = models.DateTimeField()
    published_by = models.ForeignKey("accounts.User", on_delete=models.PROTECT, null=True, related_name="+")
    accept_until = models.DateTimeField(help_text="members that have not accepted are read-only from then on")

    objects = AgreementQuerySet.as_manager()

    def __str__(self) -> str:
        return f"agreement {self.version}"


class Acceptance(models.Model):
    """An organisation's admin accepted a version."""

    agreement = models.ForeignKey(Agreement, on_delete=models.PROTECT, related_name="acceptances")
    organisation = models.ForeignKey(
        "accounts.Organisation", on_delete=models.PROTECT, related_name="acceptances"
    )
    accepted_by = models.ForeignKey("accounts.User", on_delete=models.PROTECT, related_name="+")
    accepted_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organisation", "agreement"], name="acceptance_once")
        ]

    def __str__(self) -> str:
        return f"{self.organisation_id} accepted {self.agreement_id}"


class Invitation(models.Model):
    """Somebody asked in by e-mail. The token is in the letter alone; here is its digest."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organisation = models.ForeignKey(
        "accounts.Organisation", on_delete=models.PROTECT, related_name="invitations"
    )
    email = models.EmailField(max_length=254, help_text="lower case")
    roles = models.JSONField(default=list)
    language = models.CharField(max_length=2)
    digest = models.CharField(max_length=64, unique=True, help_text="SHA-256 of the token, hex")
    invited_by = models.ForeignKey("accounts.User", on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["organisation", "email"],
                condition=models.Q(accepted_at__isnull=True, revoked_at__isnull=True),
                name="invitation_open_once",
            )
        ]

    def __str__(self) -> str:
        return f"{self.email} to {self.organisation_id}"
