"""Ten codes on paper: the way back in when the phone is lost. Shown once, kept as digests, each used once."""

from __future__ import annotations

import hashlib
import secrets
import unicodedata
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import transaction

from accounts.audit.actions import Action
from accounts.audit.record import record
from accounts.factors.models import RecoveryCode
from accounts.identity.acting import Actor
from accounts.identity.models import User

HOW_MANY: Final = 10
# 80 bits from letters and digits that nobody confuses: no search through the stored digests can find one.
_ALPHABET: Final = "abcdefghjkmnpqrstuvwxyz23456789"
_GROUPS, _GROUP = 4, 4
_LONGEST_TYPED: Final = 64


def issue_recovery_codes(user: User, *, actor: Actor, now: datetime) -> tuple[str, ...]:
    """Ten new codes, which end all earlier ones. They are returned this once. Errors: Conflict
    `user.signed_out`.
    """
    codes = tuple(_fresh_code() for _ in range(HOW_MANY))
    with transaction.atomic():
        User.objects.hold(user)
        RecoveryCode.objects.filter(user=user, used_at__isnull=True).delete()
        RecoveryCode.objects.bulk_create(
            RecoveryCode(user=user, digest=_digest(user.id, code), created_at=now) for code in codes
        )
        record(
            Action.RECOVERY_CODES_ISSUED,
            actor=actor,
            subject_type="user",
            subject_id=user.id,
            organisation_id=None,
            now=now,
            facts={"codes": HOW_MANY},
        )
    return codes


def use_recovery_code(user: User, code: str, *, now: datetime) -> bool:
    """Whether `code` is one of the person's unused codes; it is used up by the answer."""
    unused = RecoveryCode.objects.filter(user=user, digest=_digest(user.id, code), used_at__isnull=True)
    return unused.update(used_at=now) == 1


def _fresh_code() -> str:
    groups = ("".join(secrets.choice(_ALPHABET) for _ in range(_GROUP)) for _ in range(_GROUPS))
    return "-".join(groups)


def _digest(user_id: UUID, typed: str) -> str:
    """Of the person too, so that equal codes of two people are not equal rows."""
    folded = unicodedata.normalize("NFKC", typed[:_LONGEST_TYPED]).casefold()
    code = "".join(character for character in folded if character.isalnum())
    return hashlib.sha256(f"recovery code 1\n{user_id}\n{code}".encode()).hexdigest()
