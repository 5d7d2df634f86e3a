"""What a notice says: thin JSON under 4 KB, the same bytes at every try. Pure.

Thin because bodies end up in receivers' logs, a pull can be audited, and a late thin notice is still true;
a forged one can only cause a pull, which TUF verifies.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

MAX_BODY = 4_096
RELEASE_TYPE = "release.published"
CHALLENGE_TYPE = "endpoint.challenge"


@dataclass(frozen=True, slots=True)
class Delta:
    """How to come from `base` (what the endpoint was last told of) to `release`: bytes of all files together.

    `sha256` names the file when it is exactly one; with several the manifest names them, and it is None.
    """

    base: int
    release: int
    length: int
    sha256: str | None


@dataclass(frozen=True, slots=True)
class News:
    """One list in a notice. Without a `delta` the snapshot is the way (first contact, or nothing to add
    up)."""

    list_id: str
    release: int
    urgent: bool
    published_at: datetime
    manifest_sha256: str
    manifest_length: int
    timestamp_version: int
    snapshot_version: int
    delta: Delta | None

    def as_json(self) -> dict[str, object]:
        delta = self.delta and {
            "from": self.delta.base,
            "to": self.delta.release,
            "length": self.delta.length,
            "sha256": self.delta.sha256,
        }
        return {
            "list_id": self.list_id,
            "release": self.release,
            "urgent": self.urgent,
            "manifest": {"sha256": self.manifest_sha256, "length": self.manifest_length},
            "tuf": {"timestamp": self.timestamp_version, "snapshot": self.snapshot_version},
            "delta": delta,
        }


@dataclass(frozen=True, slots=True)
class Notice:
    """A body with its id; `releases` is what a 2xx to it makes true: {list id: release}."""

    id: str
    kind: str
    body: bytes
    releases: dict[str, int]
    urgent: bool = False


def compose(endpoint_id: UUID, news: Sequence[News]) -> Notice:
    """Return a notice of as much of `news` as fits, urgent lists first, then the longest waiting; the rest
    is next.

    Nothing in it depends on the time of the attempt: id and body stay the same at every retry.
    """
    if not news:
        raise ValueError("A notice tells of one list at least.")
    ordered = sorted(news, key=lambda one: (not one.urgent, one.published_at, one.list_id))
    fitting = len(ordered)
    while len(body := _release_body(endpoint_id, ordered[:fitting])) >= MAX_BODY:
        fitting -= 1
    releases = {one.list_id: one.release for one in ordered[:fitting]}
    return Notice(
        id=notice_id(endpoint_id, releases),
        kind="release",
        body=body,
        releases=releases,
        urgent=any(one.urgent for one in ordered[:fitting]),
    )


def notice_id(endpoint_id: UUID, releases: dict[str, int]) -> str:
    """`msg_<endpoint>_<digest>`: says whom it is for, and is the same for the same endpoint and releases."""
    told = ",".join(f"{list_id}:{release}" for list_id, release in sorted(releases.items()))
    digest = hashlib.sha256(f"{endpoint_id}|{told}".encode()).digest()[:15]
    return f"msg_{endpoint_id.hex}_{base64.b32encode(digest).decode().lower()}"


def challenge(endpoint_id: UUID, nonce: str, *, now: datetime) -> Notice:
    """The question that only the owner of the secret can answer; see `signature.challenge_answer`."""
    digest = hashlib.sha256(nonce.encode()).digest()[:15]
    return Notice(
        id=f"msg_{endpoint_id.hex}_{base64.b32encode(digest).decode().lower()}",
        kind="challenge",
        body=_body(CHALLENGE_TYPE, now, {"endpoint": str(endpoint_id), "nonce": nonce}),
        releases={},
    )


def _release_body(endpoint_id: UUID, news: Sequence[News]) -> bytes:
    """The time is that of the newest publication told of, and not of sending."""
    newest = max(one.published_at for one in news)
    lists = [one.as_json() for one in news]
    return _body(RELEASE_TYPE, newest, {"endpoint": str(endpoint_id), "lists": lists})


def _body(kind: str, at: datetime, facts: dict[str, object]) -> bytes:
    timestamp = at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return json.dumps({"type": kind, "timestamp": timestamp, "data": facts}, separators=(",", ":")).encode()
