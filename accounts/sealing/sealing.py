"""Seals small secrets at rest, so that a copy of the database alone gives away neither a key nor a shared
secret.

AES-256-GCM with a random 96-bit nonce. The *context* names the one row and field that the secret belongs to
and is authenticated with it: a sealed value that is moved to another row does not open. Pure: no settings, no
clock.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from accounts.errors import Corrupt

KEY_BYTES = 32
_NONCE_BYTES = 12
_TAG_BYTES = 16
_KEY_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")


@dataclass(frozen=True, slots=True)
class Keyring:
    """The keys for secrets at rest: the first seals, all of them open. Never printed."""

    keys: tuple[tuple[str, bytes], ...] = field(repr=False)

    def __post_init__(self) -> None:
        if not self.keys:
            raise ValueError("A keyring needs at least one key.")
        names = [name for name, _ in self.keys]
        if len(set(names)) != len(names):
            raise ValueError("The ids of a keyring's keys must differ.")
        for position, (name, key) in enumerate(self.keys, start=1):
            if not _KEY_ID.fullmatch(name) or len(key) != KEY_BYTES:
                raise ValueError(f"Key {position} of the keyring has a wrong id or is not {KEY_BYTES} bytes.")

    @classmethod
    def parse(cls, text: str) -> Keyring:
        """Read `id:base64-of-32-bytes[,…]`, the current key first.

        Errors: ValueError, which never repeats a part of a key.
        """
        keys: list[tuple[str, bytes]] = []
        for position, item in enumerate(filter(None, map(str.strip, text.split(","))), start=1):
            name, colon, encoded = item.partition(":")
            try:
                key = base64.b64decode(encoded, validate=True)
            except (binascii.Error, ValueError):
                key = b""
            if not colon or len(key) != KEY_BYTES:
                raise ValueError(f"Item {position} of the keyring is not id:base64 of {KEY_BYTES} bytes.")
            keys.append((name, key))
        return cls(tuple(keys))

    @property
    def current_id(self) -> str:
        return self.keys[0][0]

    def key(self, key_id: str) -> bytes | None:
        return dict(self.keys).get(key_id)


def seal(plaintext: bytes, *, keyring: Keyring, context: str) -> str:
    """Return `<key id>:<base64 of nonce, ciphertext and tag>`, sealed with the keyring's current key.

    `context` is `model:row id:field` and must be given again to open it.
    """
    key_id, key = keyring.keys[0]
    nonce = os.urandom(_NONCE_BYTES)
    body = nonce + AESGCM(key).encrypt(nonce, plaintext, _bound(key_id, context))
    return f"{key_id}:{base64.b64encode(body).decode()}"


def unseal(sealed: str, *, keyring: Keyring, context: str) -> bytes:
    """Open what `seal` returned.

    Errors: Corrupt `sealing.key_missing` when the keyring lacks the key, `sealing.malformed` when it is no
    sealed value, `sealing.not_authentic` when the value, the key or the context is not the one it was sealed
    with.
    """
    key_id, colon, encoded = sealed.partition(":")
    try:
        body = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        body = b""
    if not colon or not _KEY_ID.fullmatch(key_id) or len(body) < _NONCE_BYTES + _TAG_BYTES:
        raise Corrupt("A stored secret does not have the form of a sealed value.", code="sealing.malformed")
    key = keyring.key(key_id)
    if key is None:
        raise Corrupt(
            f"A stored secret is sealed with the key '{key_id}', which HX_SECRETS_KEYS does not hold.",
            code="sealing.key_missing",
            advice="Add that key after the current one, and start again.",
            key_id=key_id,
        )
    try:
        return AESGCM(key).decrypt(body[:_NONCE_BYTES], body[_NONCE_BYTES:], _bound(key_id, context))
    except InvalidTag:
        raise Corrupt(
            "A stored secret was changed, moved, or sealed with another key.", code="sealing.not_authentic"
        ) from None


def is_current(sealed: str, *, keyring: Keyring) -> bool:
    """Whether `sealed` uses the current key: false means it should be sealed again after a key rotation."""
    return sealed.startswith(f"{keyring.current_id}:")


def _bound(key_id: str, context: str) -> bytes:
    return f"hash-exchange sealed value 1\n{key_id}\n{context}".encode()
