"""Reads public keys as TUF carries them, and checks that whoever registers one holds its private half. Pure.

The proof is a signature over `possession_statement`, which names the organisation: a proof that was given for
one organisation is worth nothing in another.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key
from securesystemslib.formats import encode_canonical

from accounts.errors import Invalid

# P-256 and not P-384, because stock JavaScript TUF clients refuse the latter.
SCHEMES: Final = {"ed25519": "ed25519", "ecdsa": "ecdsa-sha2-nistp256"}
_MAX_PEM = 1_000  # a P-256 key takes 178 characters
_ED25519_HEX = re.compile(r"[0-9a-f]{64}")
_SIGNATURE_HEX = re.compile(r"(?:[0-9a-f]{2}){8,80}")


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A public key that was read and found sound."""

    keyid: str
    keytype: str
    scheme: str
    public: str
    verifier: Ed25519PublicKey | EllipticCurvePublicKey


def read_public_key(*, keytype: str, scheme: str, public: str) -> PublicKey:
    """Read a key in the form of TUF's `keyval.public`: hex for Ed25519, PEM for ECDSA.

    Every way of writing the same ECDSA key (line ends, a compressed point) gives one canonical text and one
    key id; otherwise one key could be registered twice and count twice.
    Errors: Invalid `key.type`, `key.malformed`.
    """
    if SCHEMES.get(keytype) != scheme:
        raise Invalid(
            "Keys are Ed25519 (ed25519) or ECDSA on P-256 (ecdsa-sha2-nistp256).",
            code="key.type",
            field="scheme",
        )
    verifier: Ed25519PublicKey | EllipticCurvePublicKey
    if keytype == "ed25519":
        verifier = _ed25519(public)
    else:
        verifier = _ecdsa(public)
        public = verifier.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    return PublicKey(
        keyid=keyid_of(keytype=keytype, scheme=scheme, public=public),
        keytype=keytype,
        scheme=scheme,
        public=public,
        verifier=verifier,
    )


def keyid_of(*, keytype: str, scheme: str, public: str) -> str:
    """The TUF key id: SHA-256 of the key's canonical JSON, hex."""
    canonical = encode_canonical({"keytype": keytype, "scheme": scheme, "keyval": {"public": public}})
    return hashlib.sha256(str(canonical).encode()).hexdigest()


def possession_statement(organisation_id: UUID, keyid: str) -> bytes:
    """The bytes to sign with the private half when registering the key `keyid` for an organisation."""
    return f"hash-exchange key registration 1\n{organisation_id}\n{keyid}\n".encode()


def check_possession(key: PublicKey, proof: str, *, organisation_id: UUID) -> None:
    """Check `proof`, a hex signature (DER for ECDSA) over the statement. Errors: Invalid `key.proof`."""
    statement = possession_statement(organisation_id, key.keyid)
    refusal = Invalid(
        "The proof of possession is not a signature by this key over the registration statement.",
        code="key.proof",
        field="proof",
    )
    if not _SIGNATURE_HEX.fullmatch(proof):
        raise refusal
    try:
        if isinstance(key.verifier, Ed25519PublicKey):
            key.verifier.verify(bytes.fromhex(proof), statement)
        else:
            key.verifier.verify(bytes.fromhex(proof), statement, ECDSA(SHA256()))
    except InvalidSignature:
        raise refusal from None


def _ed25519(public: str) -> Ed25519PublicKey:
    if not _ED25519_HEX.fullmatch(public):
        raise _malformed("An Ed25519 public key is 64 lower-case hex digits.")
    return Ed25519PublicKey.from_public_bytes(bytes.fromhex(public))


def _ecdsa(public: str) -> EllipticCurvePublicKey:
    if len(public) > _MAX_PEM or not public.isascii():
        raise _malformed("An ECDSA public key is a short PEM block.")
    try:
        key = load_pem_public_key(public.encode())
    except (ValueError, UnsupportedAlgorithm):
        raise _malformed("This is not a PEM block of a public key.") from None
    if not isinstance(key, EllipticCurvePublicKey) or not isinstance(key.curve, SECP256R1):
        raise _malformed("An ECDSA key must be on the curve P-256.")
    return key


def _malformed(message: str) -> Invalid:
    return Invalid(message, code="key.malformed", field="public")
