"""Believes a notice, or refuses it: the member's side of push. Pure; needs only `cryptography`.

A notice is a reason to look, nothing more: what is applied is decided by TUF. It is checked all the same,
so that nobody can make a member pull at will. In order, the cheapest first: (1) the three headers, (2) the
time, (3) the signatures, (4) the form, (5) the audience, (6) whether it was here before.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import re
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from accounts.errors import Conflict, Invalid, Unauthenticated

MAX_BODY: Final = 16_384
MAX_INLINE: Final = 8_192
"""Notices are thin (4 KB); a member who asked for it gets small deltas in them as well."""
TOLERANCE_SECONDS: Final = 300
RELEASE_TYPE: Final = "release.published"
CHALLENGE_TYPE: Final = "endpoint.challenge"
_TIMESTAMP = re.compile(r"[0-9]{1,12}")
_NONCE = re.compile(r"[0-9a-f]{64}")
_LIST_ID = re.compile(r"[a-z2-7]{26}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_MAX_SEEN = 10_000


@dataclass(frozen=True, slots=True)
class DeltaNews:
    """`sha256` is None when several files make up the delta: the manifest names them.

    `inline` is the file itself, where it came along and has this digest. It is no reason to believe anything:
    `sync` uses it when the publisher's signed metadata name the same digest, instead of a download.
    """

    base: int
    release: int
    length: int
    sha256: str | None
    inline: bytes | None = None


@dataclass(frozen=True, slots=True)
class ListNews:
    """One list that has moved: its newest release and the TUF versions that carry it (at least)."""

    list_id: str
    release: int
    urgent: bool
    manifest_sha256: str
    manifest_length: int
    timestamp_version: int
    snapshot_version: int
    delta: DeltaNews | None


@dataclass(frozen=True, slots=True)
class Notice:
    """A believed notice. `nonce` is set for a challenge, to be answered with `challenge_answer`."""

    id: str
    kind: str
    endpoint: str
    timestamp: int
    lists: tuple[ListNews, ...] = ()
    nonce: str | None = None


class SeenNotices:
    """Remembers ids for as long as their timestamps would be believed; older ones are refused by their time.

    A notice that the exchange sends again (it did not see our answer) has the same id: answer 2xx and do
    nothing.
    """

    def __init__(self, *, tolerance: int = TOLERANCE_SECONDS) -> None:
        self._keep = 2 * tolerance
        self._seen: OrderedDict[str, float] = OrderedDict()

    def __contains__(self, notice_id: str) -> bool:
        return notice_id in self._seen

    def remember(self, notice_id: str, *, now: float) -> None:
        """Call once the notice has been acted upon (or safely noted): then it need not come again."""
        while self._seen and (
            len(self._seen) >= _MAX_SEEN or next(iter(self._seen.values())) < now - self._keep
        ):
            self._seen.popitem(last=False)
        self._seen[notice_id] = now
        self._seen.move_to_end(notice_id)


@dataclass(frozen=True, slots=True)
class Trust:
    """What a receiver knows: its secrets (`whsec_…`, several during a rotation), the exchange's public push
    key (`whpk_…`), and the id of its endpoint. Whatever is given must fit: with both, both signatures are
    checked."""

    secrets: Sequence[str] = ()
    public_key: str | None = None
    endpoint: str | None = None
    tolerance: int = TOLERANCE_SECONDS

    def __post_init__(self) -> None:
        if not self.secrets and self.public_key is None:
            raise ValueError("A receiver needs a secret or the exchange's public key.")


def verify_notice(
    headers: Mapping[str, str], body: bytes, *, trust: Trust, now: float, seen: SeenNotices | None = None
) -> Notice:
    """Return what a POST says, once it is certain that the exchange said it, now, to this endpoint.

    `now` is in seconds since 1970. Errors: Unauthenticated `notice.no_headers`, `notice.stale`,
    `notice.bad_signature`, `notice.other_endpoint` (answer 401); Invalid `notice.malformed` (400); Conflict
    `notice.replayed` (answer 2xx and do nothing: it has been acted upon).
    """
    if len(body) > MAX_BODY:
        raise Invalid(f"A notice has {MAX_BODY} bytes at most.", code="notice.malformed")
    # (1) and (2)
    notice_id, timestamp, signatures = _headers(headers)
    if abs(now - timestamp) > trust.tolerance:
        raise Unauthenticated(
            "The notice is from another time.",
            code="notice.stale",
            advice="Check this machine's clock.",
        )
    # (3) Over the raw bytes, before anything reads them.
    content = f"{notice_id}.{timestamp}.".encode() + body
    _check_signatures(signatures, content, trust)
    # (4)
    notice = _parsed(notice_id, timestamp, body)
    # (5) The Ed25519 signature names no audience: the id and the body do.
    if trust.endpoint is not None and (
        notice.endpoint != trust.endpoint or trust.endpoint.replace("-", "") not in notice_id
    ):
        raise Unauthenticated("The notice is for another endpoint.", code="notice.other_endpoint")
    # (6)
    if seen is not None and notice_id in seen:
        raise Conflict("This notice was here before.", code="notice.replayed")
    return notice


def challenge_answer(secret: str, nonce: str) -> bytes:
    """The body with which to answer a challenge: JSON, {"answer": HMAC-SHA256 of the nonce, hexadecimal}.

    Errors: Invalid `notice.malformed` for a nonce of another form: answering it could sign something else.
    """
    if not _NONCE.fullmatch(nonce):
        raise _malformed("the nonce")
    answer = hmac.digest(_secret_bytes(secret), nonce.encode(), hashlib.sha256).hex()
    return json.dumps({"answer": answer}).encode()


def _headers(headers: Mapping[str, str]) -> tuple[str, int, list[str]]:
    """Errors: Unauthenticated `notice.no_headers`."""
    lower = {name.lower(): value for name, value in headers.items()}
    notice_id = lower.get("webhook-id", "")
    timestamp = lower.get("webhook-timestamp", "")
    signatures = lower.get("webhook-signature", "")
    if not notice_id or len(notice_id) > 128 or not _TIMESTAMP.fullmatch(timestamp) or not signatures:
        raise Unauthenticated("The headers of a notice are missing.", code="notice.no_headers")
    return notice_id, int(timestamp), signatures.split(" ")


def _check_signatures(signatures: Sequence[str], content: bytes, trust: Trust) -> None:
    """Errors: Unauthenticated `notice.bad_signature`."""
    given: dict[str, list[bytes]] = {"v1": [], "v1a": []}
    for one in signatures:
        version, _, encoded = one.partition(",")
        if version in given and (raw := _unbase64(encoded)) is not None:
            given[version].append(raw)
    fits = True
    if trust.secrets:
        expected = [hmac.digest(_secret_bytes(one), content, hashlib.sha256) for one in trust.secrets]
        fits &= any(hmac.compare_digest(mine, theirs) for mine in expected for theirs in given["v1"])
    if trust.public_key is not None:
        key = Ed25519PublicKey.from_public_bytes(_key_bytes(trust.public_key))
        fits &= any(_signed_by(key, signature, content) for signature in given["v1a"])
    if not fits:
        raise Unauthenticated("The notice was not signed by the exchange.", code="notice.bad_signature")


def _signed_by(key: Ed25519PublicKey, signature: bytes, content: bytes) -> bool:
    try:
        key.verify(signature, content)
    except InvalidSignature:
        return False
    return True


def _secret_bytes(secret: str) -> bytes:
    raw = _unbase64(secret.removeprefix("whsec_"))
    if not raw:
        raise ValueError("This is not an endpoint's secret (whsec_…).")
    return raw


def _key_bytes(public_key: str) -> bytes:
    raw = _unbase64(public_key.removeprefix("whpk_"))
    if raw is None or len(raw) != 32:
        raise ValueError("This is not the exchange's public push key (whpk_…).")
    return raw


def _unbase64(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None


def _parsed(notice_id: str, timestamp: int, body: bytes) -> Notice:
    """Errors: Invalid `notice.malformed`. Unknown fields are left alone, so that the exchange may add
    some."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        raise _malformed("the JSON") from None
    kind, facts = _member(document, "type", str), _member(document, "data", dict)
    endpoint = _member(facts, "endpoint", str)
    if kind == CHALLENGE_TYPE:
        nonce = _member(facts, "nonce", str)
        if not _NONCE.fullmatch(nonce):
            raise _malformed("the nonce")
        return Notice(notice_id, kind, endpoint, timestamp, nonce=nonce)
    if kind != RELEASE_TYPE:
        return Notice(notice_id, kind, endpoint, timestamp)
    lists = tuple(_list_news(one) for one in _member(facts, "lists", list))
    return Notice(notice_id, kind, endpoint, timestamp, lists=lists)


def _list_news(one: Any) -> ListNews:
    manifest, tuf = _member(one, "manifest", dict), _member(one, "tuf", dict)
    list_id = _member(one, "list_id", str)
    if not _LIST_ID.fullmatch(list_id):
        raise _malformed("a list's id")
    delta = one.get("delta")
    return ListNews(
        list_id=list_id,
        release=_count(one, "release"),
        urgent=_member(one, "urgent", bool),
        manifest_sha256=_digest(manifest),
        manifest_length=_count(manifest, "length"),
        timestamp_version=_count(tuf, "timestamp"),
        snapshot_version=_count(tuf, "snapshot"),
        delta=None if delta is None else _delta_news(delta),
    )


def _delta_news(delta: Any) -> DeltaNews:
    several = isinstance(delta, dict) and delta.get("sha256") is None
    sha256 = None if several else _digest(delta)
    return DeltaNews(
        base=_count(delta, "from"),
        release=_count(delta, "to"),
        length=_count(delta, "length"),
        sha256=sha256,
        inline=_inline(delta.get("inline"), sha256),
    )


def _inline(encoded: Any, sha256: str | None) -> bytes | None:
    """The file that came along; None when it is not what the notice says it is: then it is downloaded."""
    raw = _unbase64(encoded) if isinstance(encoded, str) else None
    if raw is None or len(raw) > MAX_INLINE or hashlib.sha256(raw).hexdigest() != sha256:
        return None
    return raw


def _member(document: Any, name: str, kind: type) -> Any:
    value = document.get(name) if isinstance(document, dict) else None
    if not isinstance(value, kind):
        raise _malformed(f"'{name}'")
    return value


def _count(document: Any, name: str) -> int:
    value = _member(document, name, int)
    if isinstance(value, bool) or not 0 <= value < 2**53:
        raise _malformed(f"'{name}'")
    return int(value)


def _digest(document: Any) -> str:
    value: str = _member(document, "sha256", str)
    if not _SHA256.fullmatch(value):
        raise _malformed("'sha256'")
    return value


def _malformed(what: str) -> Invalid:
    return Invalid(f"The notice is not of the agreed form: {what}.", code="notice.malformed")
