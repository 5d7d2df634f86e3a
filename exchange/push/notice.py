"""What a notice says: thin JSON under 4 KB, the same bytes at every try. Pure.

Thin because bodies end up in receivers' logs, a pull can be audited, and a late thin notice is still true;
a forged one can only cause a pull, which TUF verifies. Where publisher and member both want it, the bytes of
small deltas travel along: they save a download and are believed no more than a downloaded file is.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from uuid import UUID

MAX_BODY = 4_096
"""Without the bytes of deltas."""
MAX_INLINE = 8_192
"""So many bytes of deltas may one notice carry, before base64."""
RELEASE_TYPE = "release.published"
CHALLENGE_TYPE = "endpoint.challenge"
PING_TYPE = "endpoint.ping"
TEST_TYPE = "release.test"


@dataclass(frozen=True, slots=True)
class Delta:
    """How to come from `base` (what the endpoint was last told of) to `release`: bytes of all files together.

    `sha256` names the file when it is exactly one; with several the manifest names them, and it is None.
    `inline` are the bytes of that one file, where they may travel in the notice.
    """

    base: int
    release: int
    length: int
    sha256: str | None
    inline: bytes | None = None

    def as_json(self) -> dict[str, object]:
        named: dict[str, object] = {
            "from": self.base,
            "to": self.release,
            "length": self.length,
            "sha256": self.sha256,
        }
        return named if self.inline is None else named | {"inline": base64.b64encode(self.inline).decode()}


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
        return {
            "list_id": self.list_id,
            "release": self.release,
            "urgent": self.urgent,
            "manifest": {"sha256": self.manifest_sha256, "length": self.manifest_length},
            "tuf": {"timestamp": self.timestamp_version, "snapshot": self.snapshot_version},
            "delta": self.delta and self.delta.as_json(),
        }

    def thin(self) -> News:
        """The same without the bytes of the delta."""
        return replace(self, delta=self.delta and replace(self.delta, inline=None))


@dataclass(frozen=True, slots=True)
class Notice:
    """A body with its id; `releases` is what a 2xx to it makes true: {list id: release}."""

    id: str
    kind: str
    body: bytes
    releases: dict[str, int]
    urgent: bool = False
    thin: bytes | None = None

    @property
    def logged(self) -> bytes:
        """The body as our log keeps it: without the bytes of deltas, which hold hashes in full."""
        return self.body if self.thin is None else self.thin


def compose(endpoint_id: UUID, news: Sequence[News]) -> Notice:
    """Return a notice of as much of `news` as fits, urgent lists first, then the longest waiting; the rest
    is next.

    Nothing in it depends on the time of the attempt: id and body stay the same at every retry.
    """
    if not news:
        raise ValueError("A notice tells of one list at least.")
    ordered = sorted(news, key=lambda one: (not one.urgent, one.published_at, one.list_id))
    told = [one.thin() for one in ordered]
    while len(thin := _release_body(endpoint_id, told)) >= MAX_BODY:
        told.pop()
    releases = {one.list_id: one.release for one in told}
    carrying = _with_deltas(ordered[: len(told)])
    inline = [one.list_id for one in carrying if one.delta and one.delta.inline is not None]
    return Notice(
        id=notice_id(endpoint_id, releases, replays=sum(one.replays for one in told), inline=inline),
        kind="release",
        body=_release_body(endpoint_id, carrying) if inline else thin,
        releases=releases,
        urgent=any(one.urgent for one in told),
        thin=thin if inline else None,
    )


def _with_deltas(news: Sequence[News]) -> list[News]:
    """`news` with the bytes of as many deltas, from the first on, as a notice may carry."""
    room, carrying = MAX_INLINE, []
    for one in news:
        length = len(one.delta.inline) if one.delta and one.delta.inline is not None else 0
        carrying.append(one if length <= room else one.thin())
        room -= length if length <= room else 0
    return carrying


def notice_id(
    endpoint_id: UUID, releases: dict[str, int], *, replays: int = 0, inline: Collection[str] = ()
) -> str:
    """`msg_<endpoint>_<digest>`: says whom it is for, and is the same for the same endpoint and releases.

    Told again by a replay it is another notice: receivers rightly do nothing upon an id that they have seen.
    With the deltas of other lists in it (`inline`) it is another one too: one id, one body.
    """
    told = ",".join(
        f"{list_id}:{release}" + ("+" if list_id in inline else "")
        for list_id, release in sorted(releases.items())
    )
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
