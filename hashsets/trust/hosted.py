"""Hosted keys: the exchange keeps a publisher's key for an organisation that has no key custody of its own.

Said openly in the list's signed facts, because a signature by a hosted key does not survive a compromise of
the exchange. Two people of the organisation are needed all the same: one has it made, another confirms it.
"""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from accounts.errors import Conflict
from accounts.identity.acting import Actor
from accounts.identity.models import Organisation
from accounts.identity.roles import Permission
from accounts.signing_keys.models import Custody, SigningKey, SigningKeyStatus
from accounts.signing_keys.register import register_public_key
from hashsets.trust import private_keys
from hashsets.trust.models import PrivateKeyPurpose


def create_hosted_key(organisation: Organisation, *, name: str, actor: Actor, now: datetime) -> SigningKey:
    """Make a key, keep it sealed and register its public half; it waits for a second person's confirmation.

    Errors: NotFound `organisation.not_found`; NotAllowed `permission.missing`; and those of
    `register_public_key`.
    """
    actor.require_own(organisation.id)
    actor.require(Permission.KEY_MANAGE)
    with transaction.atomic():
        key = private_keys.create_key(PrivateKeyPurpose.HOSTED, organisation_id=organisation.id, now=now)
        return register_public_key(
            organisation,
            name=name,
            keyid=key.keyid,
            keytype=key.keytype,
            scheme=key.scheme,
            public=key.keyval["public"],
            custody=Custody.HOSTED,
            actor=actor,
            now=now,
        )


def sign_hosted(signing_key: SigningKey, signed_part: bytes) -> str:
    """The hosted key's signature (hex) over a draft's signed part. Who may ask for it is the caller's matter.

    Errors: Conflict `key.not_hosted`, `key.not_active`; NotFound `private_key.not_found`.
    """
    if signing_key.custody != Custody.HOSTED:
        raise Conflict("The organisation keeps this key itself and must sign with it.", code="key.not_hosted")
    if signing_key.status != SigningKeyStatus.ACTIVE:
        raise Conflict("This key is not active.", code="key.not_active")
    return private_keys.sign_as(signing_key.keyid, PrivateKeyPurpose.HOSTED, signed_part)
