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
PING_TYPE = "endpoint.ping"
TEST_TYPE = "release.test"


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
    replays: int = 0

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
        id=notice_id(endpoint_id, releases, replays=sum(one.replays for one in ordered[:fitting])),
        kind="release",
        body=body,
        releases=releases,
        urgent=any(one.urgent for one in ordered[:fitting]),
    )


def notice_id(endpoint_id: UUID, releases: dict[str, int], *, replays: int = 0) -> str:
    """`msg_<endpoint>_<digest>`: says whom it is for, and is the same for the same endpoint and releases.

    Told again by a replay it is another notice: receivers rightly do nothing upon an id that they have seen.
    """
    told = ",".join(f"{list_id}:{release}" for list_id, release in sorted(releases.items()))
    return _id(endpoint_id, f"{endpoint_id}|{told}" + (f"|{replays}" if replays else ""))


def challenge(endpoint_id: UUID, nonce: str, *, now: datetime) -> Notice:
    """The question that only the owner of the secret can answer; see `signature.challenge_answer`."""
    return Notice(
        id=_id(endpoint_id, nonce),
        kind="challenge",
        body=_body(CHALLENGE_TYPE, now, {"endpoint": str(endpoint_id), "nonce": nonce}),
        releases={},
    )


def ping(endpoint_id: UUID, nonce: str, *, now: datetime) -> Notice:
    """Asks for nothing but a 2xx; `nonce` tells one ping from the next."""
    body = _body(PING_TYPE, now, {"endpoint": str(endpoint_id)})
    return Notice(_id(endpoint_id, nonce), "ping", body, releases={})


def sample(endpoint_id: UUID, news: Sequence[News], nonce: str, *, now: datetime) -> Notice:
    """A notice to try a receiver with: all as in a real one but the type, which nobody acts upon."""
    fitting = list(news)
    while len(body := _body(TEST_TYPE, now, _facts(endpoint_id, fitting))) >= MAX_BODY:
        fitting.pop()
    return Notice(_id(endpoint_id, nonce), "test", body, releases={})


def _id(endpoint_id: UUID, told: str) -> str:
    digest = hashlib.sha256(told.encode()).digest()[:15]
    return f"msg_{endpoint_id.hex}_{base64.b32encode(digest).decode().lower()}"


def _facts(endpoint_id: UUID, news: Sequence[News]) -> dict[str, object]:
    return {"endpoint": str(endpoint_id), "lists": [one.as_json() for one in news]}


def _release_body(endpoint_id: UUID, news: Sequence[News]) -> bytes:
    """The time is that of the newest publication told of, and not of sending."""
    newest = max(one.published_at for one in news)
    return _body(RELEASE_TYPE, newest, _facts(endpoint_id, news))


def _body(kind: str, at: datetime, facts: dict[str, object]) -> bytes:
    timestamp = at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return json.dumps({"type": kind, "timestamp": timestamp, "data": facts}, separators=(",", ":")).encode()
