"""The key that signs notices. Never a TUF key: a notice only makes a member look, TUF decides what is
believed.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import datetime
from typing import Final

from django.db import transaction
from securesystemslib.signer import Key

from accounts.errors import NotFound
from hashsets.trust import private_keys
from hashsets.trust.models import PrivateKeyPurpose

PUBLIC_PREFIX: Final = "whpk_"
"""How Standard Webhooks writes an Ed25519 public key: this, then base64 of its 32 bytes."""


def ensure_key(now: datetime) -> None:
    """Make the key unless there is one (the directory does this when it is opened)."""
    with transaction.atomic():
        if private_keys.public_half(PrivateKeyPurpose.PUSH) is None:
            private_keys.create_key(PrivateKeyPurpose.PUSH, now=now)


def public_key() -> str:
    """`whpk_…`. Errors: NotFound `push_key.not_found` before the directory is opened."""
    return PUBLIC_PREFIX + base64.b64encode(bytes.fromhex(_key().keyval["public"])).decode()


def sign_notice(message: bytes) -> bytes:
    """The 64 bytes of the signature over `message` (id, timestamp and body, as Standard Webhooks joins
    them).
    """
    return notice_signer()(message)


def notice_signer() -> Callable[[bytes], bytes]:
    """`sign_notice` for a batch: the key is opened once. Needs the database now, and not when it is
    called.
    """
    return private_keys.signer(_key().keyid, PrivateKeyPurpose.PUSH)


def _key() -> Key:
    key = private_keys.public_half(PrivateKeyPurpose.PUSH)
    if key is None:
        raise NotFound("There is no key for notices yet.", code="push_key.not_found")
    return key
