"""What people prove themselves with besides a password: an app that shows codes, passkeys, recovery codes."""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.db import models

from accounts.sealing.columns import SealedField


class CodeApp(models.Model):
    """The one app per person that shows a new code every 30 seconds (TOTP, RFC 6238)."""

    user = models.OneToOneField(
        "accounts.User", on_delete=models.PROTECT, primary_key=True, related_name="code_app"
    )
    sealed_seed = SealedField(bound_to="code-app:{id}:seed")
    # The step of the newest code taken. A code counts only when its step is later, decided by a conditional
    # update: of two uses of one code, in whatever process, one finds no row to change.
    last_step = models.BigIntegerField()
    created_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"the app of {self.user_id}"


class Passkey(models.Model):
    """A WebAuthn credential; the private half never leaves the person's device."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey("accounts.User", on_delete=models.PROTECT, related_name="passkeys")
    name = models.CharField(max_length=60)
    credential_id = models.CharField(max_length=1_400, unique=True, help_text="base64url")
    public_part = models.TextField(help_text="attested credential data, base64url")
    sign_count = models.BigIntegerField(default=0)
    created_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.name


class RecoveryCode(models.Model):
    """A code on paper for the day the phone is lost. It counts once: using it is a conditional update."""

    user = models.ForeignKey("accounts.User", on_delete=models.PROTECT, related_name="recovery_codes")
    digest = models.CharField(max_length=64, help_text="SHA-256 of the person and the code, hex")
    created_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["user", "digest"], name="recovery_code_once"),
        ]

    def __str__(self) -> str:
        return f"a recovery code of {self.user_id}"


class PasswordReset(models.Model):
    """A mailed link to a new password: one use, one hour. It replaces a password and never a second step."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey("accounts.User", on_delete=models.PROTECT, related_name="+")
    digest = models.CharField(max_length=64, unique=True, help_text="SHA-256 of the token, hex")
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["user", "created_at"], name="password_reset_by_user")]

    def __str__(self) -> str:
        return f"a password reset of {self.user_id}"
