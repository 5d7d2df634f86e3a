"""Which second factors a person has: nobody acts without one, and nobody loses the last one."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from accounts.factors.models import CodeApp, Passkey, RecoveryCode


@dataclass(frozen=True, slots=True)
class Standing:
    """`codes_left` are the unused recovery codes; they are a way back, not a factor by themselves."""

    app: CodeApp | None
    passkeys: tuple[Passkey, ...]
    codes_left: int


def standing_of(user_id: UUID) -> Standing:
    return Standing(
        app=CodeApp.objects.filter(user_id=user_id).first(),
        passkeys=tuple(Passkey.objects.filter(user_id=user_id).order_by("created_at", "id")),
        codes_left=RecoveryCode.objects.filter(user_id=user_id, used_at__isnull=True).count(),
    )


def has_factor(user_id: UUID) -> bool:
    return (
        CodeApp.objects.filter(user_id=user_id).exists() or Passkey.objects.filter(user_id=user_id).exists()
    )
