"""Signing with a key that never leaves its token (PKCS#11: smart cards, HSMs, softhsm2).

Needs the optional package `python-pkcs11` (`pip install hash-exchange[token]`) and the maker's module. The
token signs; what it is given to sign was read and recomputed before (`sign`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from exchange.client.keys import PublicHalf, public_half_of
from exchange.client.refusals import UnsupportedFormat, Usage

__all__ = ["TokenSigner", "open_token"]

_POINT_P256: Final = 65  # 04, x, y
_POINT_ED25519: Final = 32


@dataclass(frozen=True, slots=True)
class TokenSigner:
    """A key on a token whose session is open."""

    private: Any  # a key object of the library, of a class made for what the token can do
    public: PublicHalf

    def sign(self, payload: bytes) -> str:
        from pkcs11 import Mechanism

        if self.public.keytype == "ed25519":
            return bytes(self.private.sign(payload, mechanism=Mechanism.EDDSA)).hex()
        # Hashed here, not on the token: plain ECDSA is the one mechanism that every token has.
        raw = bytes(self.private.sign(hashlib.sha256(payload).digest(), mechanism=Mechanism.ECDSA))
        half = len(raw) // 2
        r, s = int.from_bytes(raw[:half]), int.from_bytes(raw[half:])
        return encode_dss_signature(r, s).hex()


@contextmanager
def open_token(module: Path, *, token: str, label: str, pin: str) -> Iterator[TokenSigner]:
    """The key `label` on the token `token`, for as long as the context lasts.

    UnsupportedFormat `token.library_missing`, `key.unsupported`; Usage `token.refused`, `token.not_found`.
    """
    try:
        import pkcs11
    except ImportError as error:
        raise UnsupportedFormat(
            "Tokens need the package python-pkcs11, which is not installed here.",
            code="token.library_missing",
            advice="pip install 'hash-exchange[token]'",
        ) from error
    try:
        with pkcs11.lib(str(module)).get_token(token_label=token).open(user_pin=pin) as session:
            yield _signer(session, label)
    except pkcs11.PKCS11Error as error:
        raise Usage(
            f"The token refuses: {type(error).__name__}.",
            code="token.refused",
            advice="Check --module, --token and the PIN; a wrong PIN too often locks the token.",
        ) from error
    except RuntimeError as error:
        raise Usage(f"This is no PKCS#11 module: {module}.", code="token.refused", field="module") from error


def _signer(session: Any, label: str) -> TokenSigner:
    from pkcs11 import Attribute, NoSuchKey, ObjectClass

    try:
        private = session.get_key(object_class=ObjectClass.PRIVATE_KEY, label=label)
        public = session.get_key(object_class=ObjectClass.PUBLIC_KEY, label=label)
    except NoSuchKey as error:
        raise Usage(
            f"There is no key pair called '{label}' on this token.", code="token.not_found", field="label"
        ) from error
    return TokenSigner(private, public_half_of(_public_key(bytes(public[Attribute.EC_POINT]))))


def _public_key(point: bytes) -> Ed25519PublicKey | EllipticCurvePublicKey:
    """A token gives the point in a DER octet string, some give it bare."""
    bare = point[2:] if len(point) > 2 and point[0] == 0x04 and point[1] == len(point) - 2 else point
    try:
        if len(bare) == _POINT_ED25519:
            return Ed25519PublicKey.from_public_bytes(bare)
        if len(bare) == _POINT_P256:
            return EllipticCurvePublicKey.from_encoded_point(SECP256R1(), bare)
    except ValueError:
        pass
    raise UnsupportedFormat(
        "This kind of key cannot sign a list.", code="key.unsupported", advice="Use Ed25519 or ECDSA P-256."
    )
