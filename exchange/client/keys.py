"""Signing keys on the publisher's own machine: made here, kept here; only public halves and signatures leave.

A key file is PKCS#8 in PEM, encrypted with a passphrase, so that `openssl` reads it too. What may sign is an
Ed25519 or ECDSA P-256 key: stock TUF clients understand no more.
"""

from __future__ import annotations

import os
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from exchange.client.durable import sync_folder
from exchange.client.fetch import Session
from exchange.client.lean import load_tuf
from exchange.client.refusals import NetworkDown, UnsupportedFormat, Usage

__all__ = [
    "FileSigner",
    "HeldKey",
    "PublicHalf",
    "Signer",
    "held_keys",
    "is_encrypted",
    "open_key_file",
    "own_organisation",
    "pem_of",
    "possession_statement",
    "public_half_in",
    "public_half_of",
    "register",
    "write_new_key",
]

SHORTEST_PASSPHRASE: Final = 12
OWNER_ONLY: Final = 0o600
_MAX_KEY_FILE: Final = 20_000

PublicKey = Ed25519PublicKey | EllipticCurvePublicKey


@dataclass(frozen=True, slots=True)
class PublicHalf:
    """A public key as TUF metadata carries it; `keyid` is what people compare."""

    keyid: str
    keytype: str
    scheme: str
    public: str


class Signer(Protocol):
    """Something that holds a private half: a key file or a token."""

    @property
    def public(self) -> PublicHalf: ...

    def sign(self, payload: bytes) -> str:
        """The signature in hex: 64 bytes for Ed25519, DER for ECDSA with SHA-256."""


@dataclass(frozen=True, slots=True)
class FileSigner:
    """An unlocked key file."""

    private: Ed25519PrivateKey | EllipticCurvePrivateKey

    @property
    def public(self) -> PublicHalf:
        return public_half_of(self.private.public_key())

    def sign(self, payload: bytes) -> str:
        load_tuf()
        from securesystemslib.signer import CryptoSigner

        return str(CryptoSigner(self.private).sign(payload).signature)


@dataclass(frozen=True, slots=True)
class HeldKey:
    """A key that the exchange knows of this organisation."""

    id: str
    name: str
    keyid: str
    scheme: str
    custody: str
    status: str


def public_half_of(key: PublicKey) -> PublicHalf:
    load_tuf()
    from securesystemslib.signer import SSlibKey

    found = SSlibKey.from_crypto(key)
    return PublicHalf(found.keyid, found.keytype, found.scheme, str(found.keyval["public"]))


def write_new_key(path: Path, *, p256: bool, passphrase: str) -> PublicHalf:
    """Make a key at `path`, readable to its owner only. Never replaces a file: a lost key cannot be made
    again.

    Usage `key.passphrase`, `key.file_exists`.
    """
    if len(passphrase) < SHORTEST_PASSPHRASE:
        raise Usage(
            f"A passphrase has at least {SHORTEST_PASSPHRASE} characters.",
            code="key.passphrase",
            advice="Whoever copies the file can try passphrases for as long as they like.",
        )
    private = generate_private_key(SECP256R1()) if p256 else Ed25519PrivateKey.generate()
    pem = private.private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(passphrase.encode())
    )
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY)
    except FileExistsError:
        raise Usage(f"{path} exists already.", code="key.file_exists", field="file") from None
    with os.fdopen(descriptor, "wb") as file:
        file.write(pem)
        file.flush()
        os.fsync(file.fileno())
    sync_folder(path.resolve().parent)
    return public_half_of(private.public_key())


def is_encrypted(path: Path) -> bool:
    """Whether opening this key file asks for a passphrase."""
    return b"ENCRYPTED" in _pem(path)


def open_key_file(path: Path, passphrase: str | None) -> FileSigner:
    """The key in a PEM file. Usage `key.malformed`, `key.file_readable`; UnsupportedFormat
    `key.unsupported`."""
    if path.stat().st_mode & 0o077:
        raise Usage(
            f"Others on this machine can read {path}.",
            code="key.file_readable",
            advice=f"chmod 600 {path}; when others may have read it, make a new key and revoke this one.",
        )
    try:
        private = load_pem_private_key(_pem(path), passphrase.encode() if passphrase else None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise Usage(
            "This is not a private key in PEM form, or the passphrase is wrong.", code="key.malformed"
        ) from error
    if isinstance(private, Ed25519PrivateKey):
        return FileSigner(private)
    if isinstance(private, EllipticCurvePrivateKey) and isinstance(private.curve, SECP256R1):
        return FileSigner(private)
    raise _unsupported()


def public_half_in(path: Path) -> PublicHalf:
    """The public half in a PEM file of its own, such as `openssl pkey -pubout` writes."""
    try:
        key = load_pem_public_key(_pem(path))
    except (ValueError, UnsupportedAlgorithm) as error:
        raise Usage("This is not a public key in PEM form.", code="key.malformed") from error
    if isinstance(key, Ed25519PublicKey):
        return public_half_of(key)
    if isinstance(key, EllipticCurvePublicKey) and isinstance(key.curve, SECP256R1):
        return public_half_of(key)
    raise _unsupported()


def pem_of(public: PublicHalf) -> bytes:
    """The public half as a PEM file."""
    if public.keytype != "ed25519":
        return public.public.encode()
    key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(public.public))
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def possession_statement(organisation_id: str, keyid: str) -> bytes:
    """What the private half signs to prove that it is there. The same bytes as the exchange computes
    (`accounts.signing_keys.possession`), for one organisation and one key."""
    return f"hash-exchange key registration 1\n{organisation_id}\n{keyid}\n".encode()


def own_organisation(session: Session) -> str:
    """The id of the organisation that this credential acts for."""
    said = session.json("GET", "api/v1/who")
    try:
        return str(uuid.UUID(str(said["organisation_id"])))
    except (TypeError, KeyError, ValueError) as error:
        raise _strange() from error


def register(session: Session, public: PublicHalf, *, name: str, proof: str) -> HeldKey:
    """Tell the exchange of a key; `proof` is the signature (hex) over `possession_statement`."""
    said = session.json(
        "POST",
        "api/v1/keys/own",
        body={
            "name": name,
            "keytype": public.keytype,
            "scheme": public.scheme,
            "public": public.public,
            "proof": proof,
        },
    )
    return _held_from(said)


def held_keys(session: Session) -> list[HeldKey]:
    """The organisation's keys, as the exchange knows them."""
    found: list[HeldKey] = []
    query: dict[str, str | int | bool] = {"limit": 200}
    while True:
        page = session.json("GET", "api/v1/keys", query=query)
        if not isinstance(page, dict) or not isinstance(page.get("items"), list):
            raise _strange()
        found += [_held_from(item) for item in page["items"]]
        if not page.get("next"):
            return found
        query["cursor"] = str(page["next"])


def _held_from(said: Any) -> HeldKey:
    if not isinstance(said, dict):
        raise _strange()
    names = ("id", "name", "keyid", "scheme", "custody", "status")
    return HeldKey(*(str(said.get(name, "")) for name in names))


def _pem(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_MAX_KEY_FILE)


def _unsupported() -> UnsupportedFormat:
    return UnsupportedFormat(
        "This kind of key cannot sign a list.", code="key.unsupported", advice="Use Ed25519 or ECDSA P-256."
    )


def _strange() -> NetworkDown:
    return NetworkDown(
        "The exchange's answer is not what a Hash Exchange says.", code="network.not_an_exchange"
    )
