"""The arithmetic of the audit chain: one documented serialisation, one digest, and a streaming check of both.

Anyone can recompute it without this program. The digest of an event is the SHA-256, in lower-case hex, of the
UTF-8 bytes of a JSON object with exactly the members of `Link` (without `digest`) and `"format": 1`; members
sorted by name, no white space, non-ASCII characters escaped as `\\uXXXX`, and `at` written as
`2026-01-31T23:59:59.000000Z`. `previous_digest` is the digest of the event before; the first event names 64
zeros. Pure.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

GENESIS = "0" * 64
_FORMAT = 1


@dataclass(frozen=True, slots=True)
class Link:
    """One event as the digest sees it. `facts` are JSON values without floats."""

    number: int
    at: datetime
    action: str
    actor_kind: str
    actor_label: str
    person_id: str | None
    credential_id: str | None
    organisation_id: str | None
    subject_type: str
    subject_id: str
    facts: Mapping[str, Any]
    previous_digest: str
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Breach:
    """Where the chain does not hold: `code` is stable, `number` is the event at which it shows."""

    code: str
    number: int
    message: str


def canonical(link: Link) -> bytes:
    """The bytes that are digested."""
    members = {
        "format": _FORMAT,
        "number": link.number,
        "at": link.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "action": link.action,
        "actor_kind": link.actor_kind,
        "actor_label": link.actor_label,
        "person_id": link.person_id,
        "credential_id": link.credential_id,
        "organisation_id": link.organisation_id,
        "subject_type": link.subject_type,
        "subject_id": link.subject_id,
        "facts": link.facts,
        "previous_digest": link.previous_digest,
    }
    return json.dumps(members, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def digest_of(link: Link) -> str:
    """The digest of one event, hex."""
    return hashlib.sha256(canonical(link)).hexdigest()


class ChainCheck:
    """Walks the chain once in constant memory; `number` and `digest` are those of the last event seen."""

    def __init__(self) -> None:
        self.number = 0
        self.digest = GENESIS

    def breaches(self, links: Iterable[Link]) -> Iterator[Breach]:
        """Yield every breach in `links`, which must be in ascending order of number and start at the first.

        After a breach the walk goes on from what is stored, so that one changed event is one finding and not
        a thousand.
        """
        for link in links:
            expected = self.number + 1
            if link.number != expected:
                yield Breach("chain.gap", link.number, _gap(expected, link.number))
            elif link.previous_digest != self.digest:
                yield Breach(
                    "chain.broken_link",
                    link.number,
                    f"Event {link.number} does not follow event {self.number}.",
                )
            if digest_of(link) != link.digest:
                yield Breach(
                    "chain.changed",
                    link.number,
                    f"Event {link.number} was changed after it was recorded.",
                )
            self.number, self.digest = link.number, link.digest


def _gap(expected: int, found: int) -> str:
    if found == expected + 1:
        return f"Event {expected} is missing."
    return f"Events {expected} to {found - 1} are missing."
