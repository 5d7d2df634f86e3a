"""What the tests of the publisher's pages share: fields of a form, keys of one's own, who looks."""

from __future__ import annotations

import re
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    EllipticCurvePrivateKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.test import Client

from accounts.signing_keys.models import Custody, SigningKey
from accounts.signing_keys.possession import possession_statement
from accounts.signing_keys.register import confirm_key, register_public_key
from hashsets.lists.models import HashList
from hashsets.trust.custody import change_signers
from hashsets.trust.keys import key_from_pem
from tests import cast
from tests.hashsets.releases.world import NOW

NEW_LIST: dict[str, Any] = {
    "title": "Confirmed files",
    "description": "Two analysts have confirmed each.",
    "legal_basis": "Criminal Code s. 163.1",
    "purpose": "Prevent upload",
    "jurisdiction": "CA",
    "audience": "members",
    "tlp": "amber",
    "hash_types": ["sha256"],
    "scheme": "ncmec",
    "approvals_required": "1",
    "signature_threshold": "1",
}


def text_of(answer: Any) -> str:
    content: bytes = answer.content
    return re.sub(r"\s+", " ", content.decode())


def page(client: Client, address: str, status: int = 200) -> str:
    answer = client.get(address)
    assert answer.status_code == status, f"{address}: {answer.status_code} {text_of(answer)[-1500:]}"
    return text_of(answer)


def sent(client: Client, address: str, fields: dict[str, Any] | None = None, *, status: int = 302) -> Any:
    answer = client.post(address, fields or {})
    assert answer.status_code == status, f"{address}: {answer.status_code} {text_of(answer)[-1500:]}"
    return answer


def p256() -> EllipticCurvePrivateKey:
    return generate_private_key(SECP256R1())


def pem_of(private: EllipticCurvePrivateKey) -> str:
    return private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def signed_by(private: EllipticCurvePrivateKey, content: bytes) -> bytes:
    """DER, as openssl writes it."""
    return private.sign(content, ECDSA(SHA256()))


def own_key(crew: cast.Crew, private: EllipticCurvePrivateKey, *, name: str = "Token") -> SigningKey:
    """Registered by the signer, confirmed by an admin."""
    key = key_from_pem(pem_of(private).encode())
    proof = signed_by(private, possession_statement(crew.organisation.id, key.keyid)).hex()
    made = register_public_key(
        crew.organisation, name=name, keyid=key.keyid, keytype=key.keytype, scheme=key.scheme,
        public=key.keyval["public"], custody=Custody.OWN, proof=proof, actor=crew.signer.actor, now=NOW,
    )  # fmt: skip
    return confirm_key(made.id, actor=crew.admin.actor, now=NOW)


def signed_with_own(crew: cast.Crew, hash_list: HashList, *keys: SigningKey, threshold: int = 1) -> None:
    proposed = change_signers(
        hash_list, key_ids=[key.id for key in keys], threshold=threshold, actor=crew.admin.actor, now=NOW
    )
    if proposed is not None:
        cast.second(proposed, crew.second_admin.actor, now=NOW)
