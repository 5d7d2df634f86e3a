"""A Django view that receives notices of a Hash Exchange. Copy this file; it needs Django and `cryptography`.

    # settings.py
    HASH_EXCHANGE = {
        "SECRETS": ["whsec_…"],             # of the endpoint; the old and the new one during a rotation
        "PUSH_KEY": "whpk_…",               # of the exchange
        "ENDPOINT": "6b1f5d1e-…",           # the endpoint's id
        "ON_NEWS": "moderation.hashes.on_news",  # called with [{"list_id": …, "release": …, "urgent": …}, …]
    }
    # urls.py
    path("hooks/hash-exchange", hash_exchange_receiver.receive)

The replay memory is Django's default cache: give several processes one that they share.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.module_loading import import_string
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

MAX_BODY = 16_384  # notices have 4 KB; with small deltas in them, which one has to ask for, up to this
TOLERANCE_SECONDS = 300
_NONCE = re.compile(r"[0-9a-f]{64}")
_LIST_ID = re.compile(r"[a-z2-7]{26}")


class Refused(Exception):
    """`status` is the answer: 400 or 401. The reason is for the log, not for whoever asks."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


@csrf_exempt
@require_POST
def receive(request: HttpRequest) -> HttpResponse:
    """Verify, act once, answer. 204: known; 200: a challenge, answered; 400, 401: refused; 500: again."""
    terms = settings.HASH_EXCHANGE
    body = request.read(MAX_BODY + 1)
    try:
        notice_id, document = verified(
            request.headers,
            body,
            secrets=terms["SECRETS"],
            push_key=terms["PUSH_KEY"],
            endpoint=terms["ENDPOINT"],
            now=time.time(),
        )
    except Refused as refusal:
        return HttpResponse(status=refusal.status)
    if document["type"] == "endpoint.challenge":
        return JsonResponse({"answer": challenge_answer(terms["SECRETS"], document["data"])})
    key = f"hash-exchange-notice:{notice_id}"
    if cache.get(key) is None:
        if document["type"] == "release.published":
            on_news: Callable[[list[dict[str, Any]]], object] = import_string(terms["ON_NEWS"])
            on_news(document["data"]["lists"])
        # Only now: a notice that could not be acted upon must come again.
        cache.set(key, 1, timeout=2 * TOLERANCE_SECONDS)
    return HttpResponse(status=204)


def verified(
    headers: Mapping[str, str],
    body: bytes,
    *,
    secrets: Sequence[str],
    push_key: str,
    endpoint: str,
    now: float,
) -> tuple[str, dict[str, Any]]:
    """The id and the JSON of a notice that the exchange sent, now, to this endpoint. Raises Refused."""
    if len(body) > MAX_BODY:
        raise Refused(400, "too long")
    notice_id = headers.get("webhook-id", "")
    timestamp = headers.get("webhook-timestamp", "")
    if not 0 < len(notice_id) <= 128 or not re.fullmatch(r"[0-9]{1,12}", timestamp, re.ASCII):
        raise Refused(401, "headers")
    if abs(now - int(timestamp)) > TOLERANCE_SECONDS:
        raise Refused(401, "another time")
    content = f"{notice_id}.{timestamp}.".encode() + body
    given = _signatures(headers.get("webhook-signature", ""))
    mine = [hmac.digest(_decoded(secret, "whsec_"), content, hashlib.sha256) for secret in secrets]
    by_secret = any(hmac.compare_digest(one, other) for one in mine for other in given["v1"])
    key = Ed25519PublicKey.from_public_bytes(_decoded(push_key, "whpk_"))
    by_key = any(_fits(key, signature, content) for signature in given["v1a"])
    if not (by_secret and by_key):
        raise Refused(401, "signature")
    document = _parsed(body)
    if document["data"].get("endpoint") != endpoint or endpoint.replace("-", "") not in notice_id:
        raise Refused(401, "another endpoint")
    return notice_id, document


def challenge_answer(secrets: Sequence[str], said: Mapping[str, Any]) -> str:
    """HMAC-SHA256 of the nonce. Its form is checked, so that nothing else can be signed by asking for it."""
    return hmac.new(_decoded(secrets[0], "whsec_"), said["nonce"].encode(), hashlib.sha256).hexdigest()


def _signatures(header: str) -> dict[str, list[bytes]]:
    found: dict[str, list[bytes]] = {"v1": [], "v1a": []}
    for one in header.split(" "):
        version, _, encoded = one.partition(",")
        if version in found:
            try:
                found[version].append(base64.b64decode(encoded, validate=True))
            except (binascii.Error, ValueError):
                continue
    return found


def _fits(key: Ed25519PublicKey, signature: bytes, content: bytes) -> bool:
    try:
        key.verify(signature, content)
    except InvalidSignature:
        return False
    return True


def _parsed(body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        raise Refused(400, "no JSON") from None
    if not isinstance(document, dict) or not isinstance(document.get("data"), dict):
        raise Refused(400, "form")
    said = document["data"]
    if document.get("type") == "endpoint.challenge" and not _NONCE.fullmatch(str(said.get("nonce"))):
        raise Refused(400, "nonce")
    if document.get("type") == "release.published":
        lists = said.get("lists")
        if not isinstance(lists, list) or not all(_is_news(one) for one in lists):
            raise Refused(400, "lists")
    return {"type": "", **document}


def _is_news(one: object) -> bool:
    return (
        isinstance(one, dict)
        and isinstance(one.get("list_id"), str)
        and _LIST_ID.fullmatch(one["list_id"]) is not None
        and type(one.get("release")) is int
        and one["release"] >= 1
    )


def _decoded(text: str, prefix: str) -> bytes:
    return base64.b64decode(text.removeprefix(prefix), validate=True)
