"""Public keys in TUF's form. Pure.

Only Ed25519 and ECDSA P-256: stock JavaScript clients refuse P-384, and RSA keys make every metadata file
larger. A key has exactly one key id here, computed from its canonical form; otherwise one key under two ids
would count twice towards a threshold.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from securesystemslib.signer import Key, SSlibKey

from accounts.errors import Invalid, Unsupported

MAX_KEYS: Final = 32
_ED25519: Final = ("ed25519", "ed25519")
_ECDSA: Final = ("ecdsa", "ecdsa-sha2-nistp256")


def key_from_pem(pem: bytes) -> Key:
    """A public key from a PEM SubjectPublicKeyInfo file.

    Errors: Invalid `key.malformed`, Unsupported `key.unsupported`.
    """
    try:
        loaded = load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise Invalid("This is not a public key in PEM form.", code="key.malformed") from error
    return _accepted(loaded)


def key_from_raw(public: bytes) -> Key:
    """An Ed25519 public key from its 32 bytes."""
    return _accepted(Ed25519PublicKey.from_public_bytes(public))


def key_of(*, keyid: str, keytype: str, scheme: str, public: str) -> Key:
    """A registered key, checked: of a kind that we take, in canonical form, and under its own id.

    Errors: Invalid `key.malformed`, `key.not_canonical`; Unsupported `key.unsupported`.
    """
    if (keytype, scheme) not in (_ED25519, _ECDSA):
        raise _unsupported()
    if keytype == _ECDSA[0]:
        key = key_from_pem(public.encode())
    else:
        try:
            key = key_from_raw(bytes.fromhex(public))
        except ValueError as error:
            raise Invalid(
                "This is not an Ed25519 public key of 64 hex digits.", code="key.malformed"
            ) from error
    if (key.keyid, key.keyval["public"], key.scheme) != (keyid, public, scheme):
        raise Invalid("This key is not in canonical form, or under another id.", code="key.not_canonical")
    return key


def check_threshold(keys: Sequence[Key], threshold: int) -> None:
    """Refuse a rule that cannot be met, or that counts one key twice.

    Errors: Invalid `threshold.out_of_range`, `key.repeated`, `key.too_many`.
    """
    if len({key.keyval["public"] for key in keys}) != len(keys):
        raise Invalid(
            "A key is named twice; every signature must come from another key.", code="key.repeated"
        )
    if len(keys) > MAX_KEYS:
        raise Invalid(f"At most {MAX_KEYS} keys may sign.", code="key.too_many")
    if not 1 <= threshold <= len(keys):
        raise Invalid(
            f"{threshold} signatures are asked for, but {len(keys)} keys may sign.",
            code="threshold.out_of_range",
            field="threshold",
        )


def _accepted(public: object) -> Key:
    if isinstance(public, Ed25519PublicKey) or (
        isinstance(public, EllipticCurvePublicKey) and isinstance(public.curve, SECP256R1)
    ):
        return SSlibKey.from_crypto(public)
    raise _unsupported()


def _unsupported() -> Unsupported:
    return Unsupported(
        "This kind of key is not taken.", code="key.unsupported", advice="Use Ed25519 or ECDSA P-256."
    )
