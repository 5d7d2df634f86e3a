"""The secret that an endpoint shares with the exchange: made here, sealed at rest, shown once."""

from __future__ import annotations

import base64
import secrets
from datetime import datetime
from uuid import UUID

from accounts.sealing.columns import context_of
from accounts.sealing.keyring import current_keyring
from accounts.sealing.sealing import Keyring, seal, unseal
from exchange.sharing.models import Endpoint

PREFIX = "whsec_"
_BYTES = 32


def fresh_secret() -> bytes:
    return secrets.token_bytes(_BYTES)


def shown(secret: bytes) -> str:
    """The form of Standard Webhooks: `whsec_` and base64."""
    return PREFIX + base64.b64encode(secret).decode()


def sealed_secret(secret: bytes, *, endpoint_id: UUID, field: str = "secret") -> str:
    return seal(secret, keyring=current_keyring(), context=_context(endpoint_id, f"sealed_{field}"))


def current_secret(endpoint: Endpoint, *, keyring: Keyring | None = None) -> bytes:
    """Errors: Corrupt when the sealed value cannot be opened."""
    return unseal(
        endpoint.sealed_secret,
        keyring=keyring or current_keyring(),
        context=_context(endpoint.id, "sealed_secret"),
    )


def valid_secrets(endpoint: Endpoint, *, now: datetime, keyring: Keyring | None = None) -> tuple[bytes, ...]:
    """The secrets to sign with, the current one first; the previous one counts during its overlap.

    Errors: Corrupt when a sealed value cannot be opened.
    """
    keyring = keyring or current_keyring()
    current = current_secret(endpoint, keyring=keyring)
    until = endpoint.previous_secret_until
    if not endpoint.sealed_previous_secret or until is None or until <= now:
        return (current,)
    context = _context(endpoint.id, "sealed_previous_secret")
    return (current, unseal(endpoint.sealed_previous_secret, keyring=keyring, context=context))


def _context(endpoint_id: UUID, column: str) -> str:
    return context_of(Endpoint, column, endpoint_id)
