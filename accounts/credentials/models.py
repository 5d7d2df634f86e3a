"""API credentials: shown once, kept as a digest, scoped, expiring."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import ClassVar

from django.db import models


class CredentialQuerySet(models.QuerySet["Credential"]):
    def usable(self, now: datetime) -> CredentialQuerySet:
        return self.filter(revoked_at__isnull=True, expires_at__gt=now, organisation__status="active")


class Credential(models.Model):
    """A machine's way to act for an organisation. The secret itself is never stored."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organisation = models.ForeignKey(
        "accounts.Organisation", on_delete=models.PROTECT, related_name="credentials"
    )
    name = models.CharField(max_length=100)
    mode = models.CharField(max_length=4, choices=[("live", "live"), ("test", "test")], default="live")
    hint = models.CharField(max_length=16, help_text="first characters of the key, to recognise it by")
    digest = models.CharField(max_length=64, unique=True, help_text="SHA-256 of the whole key, hex")
    scopes = models.JSONField(default=list)
    issued_by = models.ForeignKey("accounts.User", on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)
    last_used_at = models.DateTimeField(null=True)
    networks = models.JSONField(
        default=list,
        db_default=models.Value([], output_field=models.JSONField()),
        help_text="where it may be used from, as CIDR networks; empty means anywhere",
    )
    rolled_from = models.ForeignKey(
        "accounts.Credential",
        on_delete=models.PROTECT,
        null=True,
        related_name="rolled_to",
        help_text="the credential that this one takes over from",
    )

    objects = CredentialQuerySet.as_manager()

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["organisation", "-created_at"], name="credential_by_organisation")
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.hint}…)"
