"""Whether the keys in TUF metadata are the keys that their ids say. Pure: a refusal or nothing comes out.

Stock TUF clients take any text as a key id, and count ids towards a threshold: so another public key behind a
known id looks like the known key, and one key under two ids counts as two signers. Here a key id is the
SHA-256 (hex) of the canonical JSON of the key, which is what securesystemslib computes, and a public key has
one form. Then equal ids mean equal keys, different ids different keys, and counting ids counts keys. Hold
every root and every targets file against this *before* anything believes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from securesystemslib.signer import Key, SSlibKey
from tuf.api.metadata import Root, Targets

from accounts.errors import Corrupt

ED25519: Final = ("ed25519", "ed25519")
ECDSA: Final = ("ecdsa", "ecdsa-sha2-nistp256")


def check_keys(signed: object) -> None:
    """Refuse a root or targets whose keys cannot be counted by their ids. Other metadata names no keys.

    Errors: Corrupt `metadata.key_kind`, `metadata.key_twice`, `metadata.key_id`, `metadata.key_missing`.
    """
    if isinstance(signed, Root):
        _check(signed.keys, ((name, role.keyids) for name, role in signed.roles.items()))
    elif isinstance(signed, Targets) and signed.delegations is not None:
        delegations = signed.delegations
        named = [(role.name, role.keyids) for role in (delegations.roles or {}).values()]
        if delegations.succinct_roles is not None:
            named.append(("the succinct roles", delegations.succinct_roles.keyids))
        _check(delegations.keys, named)


def canonical(key: Key) -> Key:
    """The same public key in its only form and under its own id.

    Errors: Corrupt `metadata.key_kind` for anything but a well-formed Ed25519 or ECDSA P-256 key.
    """
    public = key.keyval.get("public")
    if (key.keytype, key.scheme) not in (ED25519, ECDSA) or not isinstance(public, str):
        raise _unsupported(key.keyid)
    found = _canonical(key.keytype, public)
    if found is None:
        raise _unsupported(key.keyid)
    return found


def _check(keys: Mapping[str, Key], roles: Iterable[tuple[str, list[str]]]) -> None:
    own_ids: dict[str, str] = {}
    for keyid, key in keys.items():
        own = canonical(key)
        if own.keyid in own_ids:
            raise Corrupt(
                f"One key stands here as {_shown(own_ids[own.keyid])} and as {_shown(keyid)}: it would count "
                "as two.",
                code="metadata.key_twice",
                advice="Trust nothing of this, and tell the exchange's officers by another way.",
            )
        own_ids[own.keyid] = keyid
    for keyid, key in keys.items():
        own = canonical(key)
        if key.to_dict() != own.to_dict() or keyid != own.keyid:
            raise Corrupt(
                f"The key under the id {_shown(keyid)} is not the key of that id; its own is {own.keyid}.",
                code="metadata.key_id",
                advice="Trust nothing of this, and tell the exchange's officers by another way.",
            )
    for name, keyids in roles:
        if len(set(keyids)) != len(keyids):
            raise Corrupt(f"{_shown(name)} names a key id twice.", code="metadata.key_twice")
        if not set(keyids) <= set(keys):
            raise Corrupt(f"{_shown(name)} names a key that is not there.", code="metadata.key_missing")


@lru_cache(maxsize=1_024)
def _canonical(keytype: str, public: str) -> Key | None:
    try:
        if keytype == ED25519[0]:
            return SSlibKey.from_crypto(Ed25519PublicKey.from_public_bytes(bytes.fromhex(public)))
        loaded = load_pem_public_key(public.encode())
    except (ValueError, UnsupportedAlgorithm):
        return None
    # A point has several encodings and a PEM file many: what is loaded is written out anew.
    if isinstance(loaded, EllipticCurvePublicKey) and isinstance(loaded.curve, SECP256R1):
        return SSlibKey.from_crypto(loaded)
    return None


def _unsupported(keyid: str) -> Corrupt:
    return Corrupt(
        f"The key {_shown(keyid)} is neither Ed25519 nor ECDSA P-256 in a form that can be read.",
        code="metadata.key_kind",
        advice="No exchange issues such a key. Trust nothing of this, and tell the exchange's officers.",
    )


def _shown(name: str) -> str:
    """Whoever wrote the metadata chose this text; a terminal must not obey it."""
    return ascii(name[:64])
