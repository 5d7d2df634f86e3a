"""Who subscribes to which list, where they are notified, what they fetched and what they confirmed."""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.db import models


class Subscription(models.Model):
    """A member follows a list. Ended, never deleted."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organisation = models.ForeignKey(
        "accounts.Organisation", on_delete=models.PROTECT, related_name="subscriptions"
    )
    hash_list = models.ForeignKey("hashsets.HashList", on_delete=models.PROTECT, related_name="subscriptions")
    created_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["organisation", "hash_list"],
                condition=models.Q(ended_at__isnull=True),
                name="subscription_current_once",
            )
        ]

    def __str__(self) -> str:
        return f"{self.organisation_id} follows {self.hash_list_id}"


class EndpointState(models.TextChoices):
    UNVERIFIED = "unverified", "ownership not proven yet"
    ACTIVE = "active", "active"
    PAUSED = "paused", "paused"
    CLOSED = "closed", "closed"


class Endpoint(models.Model):
    """A URL of a member that notices are posted to. The columns from `due_at` on are the push engine's."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organisation = models.ForeignKey(
        "accounts.Organisation", on_delete=models.PROTECT, related_name="endpoints"
    )
    url = models.CharField(max_length=2_000)
    host = models.CharField(max_length=300, help_text="host and port in lower case: fairness is per host")
    description = models.CharField(max_length=300, blank=True)
    state = models.CharField(max_length=12, choices=EndpointState.choices, default=EndpointState.UNVERIFIED)
    sealed_secret = models.TextField(
        help_text="AES-GCM, see accounts.sealing; associated data is this row's id"
    )
    sealed_previous_secret = models.TextField(blank=True)
    previous_secret_until = models.DateTimeField(null=True)
    created_at = models.DateTimeField()
    verified_at = models.DateTimeField(null=True)
    paused_reason = models.CharField(max_length=64, blank=True)

    due_at = models.DateTimeField(help_text="not before this (back-off)")
    lease_until = models.DateTimeField(null=True)
    failures = models.PositiveIntegerField(default=0, help_text="in a row")
    failing_since = models.DateTimeField(null=True)
    last_success_at = models.DateTimeField(null=True)
    last_error = models.CharField(max_length=300, blank=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["organisation", "-created_at"], name="endpoint_by_organisation"),
            models.Index(fields=["due_at"], condition=models.Q(state="active"), name="endpoint_due"),
        ]

    def __str__(self) -> str:
        return self.url


class EndpointCursor(models.Model):
    """How far an endpoint has been told about a list. Work exists wherever this is behind the list."""

    endpoint = models.ForeignKey(Endpoint, on_delete=models.CASCADE, related_name="cursors")
    hash_list = models.ForeignKey("hashsets.HashList", on_delete=models.PROTECT, related_name="cursors")
    notified_release = models.PositiveIntegerField(default=0)
    notified_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["endpoint", "hash_list"], name="endpoint_cursor_once")
        ]

    def __str__(self) -> str:
        return f"{self.endpoint_id} at {self.notified_release}"


class Fetch(models.Model):
    """The download log: a member fetched the manifest of this release (level *fetched*)."""

    organisation = models.ForeignKey("accounts.Organisation", on_delete=models.PROTECT, related_name="+")
    hash_list = models.ForeignKey("hashsets.HashList", on_delete=models.PROTECT, related_name="fetches")
    release = models.PositiveIntegerField()
    fetched_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organisation", "hash_list", "release"], name="fetch_once")
        ]

    def __str__(self) -> str:
        return f"{self.organisation_id} fetched {self.release}"


class Confirmation(models.Model):
    """A member's statement: applied release N with state root R (level *applied*)."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organisation = models.ForeignKey("accounts.Organisation", on_delete=models.PROTECT, related_name="+")
    hash_list = models.ForeignKey("hashsets.HashList", on_delete=models.PROTECT, related_name="confirmations")
    release = models.PositiveIntegerField()
    state_root = models.CharField(max_length=64)
    hash_types = models.JSONField(help_text="the types applied")
    matches = models.BooleanField(help_text="the root equals the release's; false is an alarm")
    applied_at = models.DateTimeField(help_text="by the member's clock")
    received_at = models.DateTimeField()
    credential_id = models.UUIDField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["organisation", "hash_list", "release", "state_root"], name="confirmation_once"
            )
        ]
        indexes: ClassVar = [models.Index(fields=["hash_list", "release"], name="confirmation_by_release")]

    def __str__(self) -> str:
        return f"{self.organisation_id} applied {self.release}"
