"""Public halves of the keys that publishers sign with; hosted private halves are in hashsets/trust."""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.db import models


class Custody(models.TextChoices):
    HOSTED = "hosted", "kept by the exchange"
    OWN = "own", "kept by the organisation"


class SigningKeyStatus(models.TextChoices):
    PENDING = "pending", "waits for a second person"
    ACTIVE = "active", "active"
    REVOKED = "revoked", "revoked"


KEY_MOVES: dict[str, frozenset[str]] = {
    SigningKeyStatus.PENDING: frozenset({SigningKeyStatus.ACTIVE, SigningKeyStatus.REVOKED}),
    SigningKeyStatus.ACTIVE: frozenset({SigningKeyStatus.REVOKED}),
    SigningKeyStatus.REVOKED: frozenset(),
}


class SigningKey(models.Model):
    """A public key of an organisation, in the form that TUF metadata carries."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organisation = models.ForeignKey(
        "accounts.Organisation", on_delete=models.PROTECT, related_name="signing_keys"
    )
    name = models.CharField(max_length=100)
    keyid = models.CharField(max_length=64, help_text="TUF key id, hex")
    keytype = models.CharField(max_length=16, help_text="ed25519 or ecdsa")
    scheme = models.CharField(max_length=32, help_text="ed25519 or ecdsa-sha2-nistp256")
    public = models.TextField(help_text="hex for Ed25519, PEM for ECDSA: TUF's keyval.public")
    custody = models.CharField(max_length=8, choices=Custody.choices)
    status = models.CharField(
        max_length=8, choices=SigningKeyStatus.choices, default=SigningKeyStatus.PENDING
    )
    registered_by = models.ForeignKey("accounts.User", on_delete=models.PROTECT, null=True, related_name="+")
    confirmed_by = models.ForeignKey("accounts.User", on_delete=models.PROTECT, null=True, related_name="+")
    created_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["organisation", "keyid"], name="signing_key_once_per_organisation"
            ),
            models.CheckConstraint(
                condition=models.Q(confirmed_by__isnull=True)
                | ~models.Q(confirmed_by=models.F("registered_by")),
                name="signing_key_two_persons",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.keyid[:8]}"
