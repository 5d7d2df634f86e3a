"""The headers of a notice, after Standard Webhooks: what is signed, with what, in which order. Pure.

Both signatures are always sent: stock libraries know `v1` (HMAC-SHA256) and skip `v1a` (Ed25519), and
refuse a header that holds `v1a` alone. Whoever keeps no secret verifies `v1a` with the exchange's public key.
https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable, Sequence
from typing import TypeAlias

NoticeSigner: TypeAlias = Callable[[bytes], bytes]
"""Signs with the exchange's push key, which only `hashsets.trust` opens
(`hashsets.trust.push_key.notice_signer`)."""


def signed_content(notice_id: str, timestamp: int, body: bytes) -> bytes:
    return f"{notice_id}.{timestamp}.".encode() + body


def signed_headers(
    notice_id: str, timestamp: int, body: bytes, *, secrets: Sequence[bytes], signer: NoticeSigner
) -> dict[str, str]:
    """Return the three headers; `timestamp` is in seconds since 1970 and fresh for each attempt.

    `secrets` are the endpoint's, the current one first and the previous one after it during a rotation. The
    signatures are parted by exactly one space: stock libraries split on it.
    """
    content = signed_content(notice_id, timestamp, body)
    signatures = [f"v1,{_base64(hmac.digest(secret, content, hashlib.sha256))}" for secret in secrets]
    signatures.append(f"v1a,{_base64(signer(content))}")
    return {
        "webhook-id": notice_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(signatures),
    }


def challenge_answer(secret: bytes, nonce: str) -> str:
    """What a challenged endpoint answers: HMAC-SHA256 over the nonce with its secret, in lower-case
    hexadecimal."""
    return hmac.digest(secret, nonce.encode(), hashlib.sha256).hex()


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
