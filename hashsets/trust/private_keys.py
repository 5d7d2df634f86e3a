"""The only door to private keys: nothing else reads `PrivateKey` rows or sees a private byte.

Keys are made here, sealed at once, and opened for the moment of one signature. Callers name a key by its id
and the purpose they use it for; a key never signs for another purpose. An officer's key exists in the demo
alone.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings
from securesystemslib.signer import Key

from accounts.errors import Corrupt, NotAllowed, NotFound
from accounts.sealing.columns import context_of
from accounts.sealing.keyring import current_keyring
from accounts.sealing.sealing import seal, unseal
from hashsets.trust.keys import key_from_raw
from hashsets.trust.models import PrivateKey, PrivateKeyPurpose


def create_key(
    purpose: PrivateKeyPurpose,
    *,
    now: datetime,
    repository_id: str | None = None,
    organisation_id: uuid.UUID | None = None,
    waiting: bool = False,
) -> Key:
    """Make an Ed25519 key, keep it sealed, and return its public half. A `waiting` one signs nothing until
    `use_online_key`.

    Errors: NotAllowed `officer.demo_only` for an officer's key outside the demo.
    """
    _refuse_officer_outside_demo(purpose)
    private = Ed25519PrivateKey.generate()
    public = private.public_key().public_bytes_raw()
    key = key_from_raw(public)
    row_id = uuid.uuid4()
    PrivateKey.objects.create(
        id=row_id,
        purpose=purpose,
        keyid=key.keyid,
        public=public.hex(),
        repository_id=repository_id,
        organisation_id=organisation_id,
        sealed=seal(private.private_bytes_raw(), keyring=current_keyring(), context=_context(row_id)),
        created_at=now,
        retired_at=now if waiting else None,
    )
    return key


def use_online_key(repository_id: str, keyid: str, *, now: datetime) -> None:
    """Let the key that the repository's root names sign from now on, and no other."""
    keys = PrivateKey.objects.filter(purpose=PrivateKeyPurpose.ONLINE, repository_id=repository_id)
    keys.exclude(keyid=keyid).filter(retired_at__isnull=True).update(retired_at=now)
    keys.filter(keyid=keyid, retired_at__isnull=False).update(retired_at=None)


def sign_as(keyid: str, purpose: PrivateKeyPurpose, payload: bytes) -> str:
    """The signature (hex) of one key over `payload`.

    Errors: NotFound `private_key.not_found` for a key that is unknown, retired or meant for another purpose;
    Corrupt `private_key.mismatch`, or from `accounts.sealing`, when the stored key is not the one it claims
    to be.
    """
    return signer(keyid, purpose)(payload).hex()


def signer(keyid: str, purpose: PrivateKeyPurpose) -> Callable[[bytes], bytes]:
    """The same, opened once for many signatures in a row. Keep it no longer than the batch."""
    _refuse_officer_outside_demo(purpose)
    row = PrivateKey.objects.filter(keyid=keyid, purpose=purpose, retired_at__isnull=True).first()
    if row is None:
        raise NotFound("The exchange does not hold this private key.", code="private_key.not_found")
    opened = unseal(row.sealed, keyring=current_keyring(), context=_context(row.id))
    private = Ed25519PrivateKey.from_private_bytes(opened)
    if key_from_raw(private.public_key().public_bytes_raw()).keyid != keyid:
        raise Corrupt("A stored private key is not the one it claims to be.", code="private_key.mismatch")
    return private.sign


def public_half(
    purpose: PrivateKeyPurpose, *, repository_id: str | None = None, keyid: str | None = None
) -> Key | None:
    """The public half of the key in use for `purpose`, without opening it; None when there is none."""
    rows = PrivateKey.objects.filter(purpose=purpose, retired_at__isnull=True)
    if repository_id is not None:
        rows = rows.filter(repository_id=repository_id)
    if keyid is not None:
        rows = rows.filter(keyid=keyid)
    public = rows.values_list("public", flat=True).first()
    return None if public is None else key_from_raw(bytes.fromhex(public))


def _context(row_id: uuid.UUID) -> str:
    return context_of(PrivateKey, "sealed", row_id)


def _refuse_officer_outside_demo(purpose: PrivateKeyPurpose) -> None:
    if purpose == PrivateKeyPurpose.OFFICER and not settings.HX_DEMO:
        raise NotAllowed(
            "Officers' keys are never kept by the exchange outside the demo.",
            code="officer.demo_only",
            advice="Officers sign offline: manage.py ceremony export and import.",
        )
