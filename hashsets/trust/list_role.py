"""The `list` role: what a publisher's officials sign. Pure: no keys, no clock, no database.

`list.json` names the manifest and every segment by length and SHA-256; signed by the publisher's own keys, it
is what makes a release theirs and not the exchange's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from tuf.api.metadata import Targets

from accounts.errors import Conflict, Corrupt, Invalid, TooLarge
from hashsets.trust import lifetimes, metadata
from hashsets.trust.metadata import TargetFacts

__all__ = ["TargetFacts", "assemble", "expiry", "prepare", "read_targets", "threshold", "valid_signatures"]

ROLE: Final = "list"
MAX_PART_BYTES: Final = 4_000_000
"""Below the 5 MB at which stock clients stop reading, with room for 32 signatures."""

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,149}")
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_MAX_INTEGER: Final = 2**53 - 1


def expiry(now: datetime) -> datetime:
    """When a list version prepared now must have been replaced by a newer one."""
    return lifetimes.expiry(now, lifetimes.LIST)


def prepare(list_id: str, *, version: int, expires: datetime, targets: Mapping[str, TargetFacts]) -> bytes:
    """Canonical bytes of the signed part of `list.json`. `targets` are by full path, `<list_id>/<name>`.

    Errors: Invalid `target.path`, `target.facts`; TooLarge `list.too_large`.
    """
    for path, facts in targets.items():
        folder, _, name = path.partition("/")
        if folder != list_id or not _NAME.fullmatch(name):
            raise Invalid("A target lies outside its list.", code="target.path")
        if not 0 <= facts.length <= _MAX_INTEGER or not _SHA256.fullmatch(facts.sha256):
            raise Invalid("A target has no proper length or digest.", code="target.facts")
    part = metadata.signed_bytes(metadata.delegated_part(version=version, expires=expires, targets=targets))
    if len(part) > MAX_PART_BYTES:
        raise TooLarge(
            f"The list's metadata is {len(part)} bytes; clients read {MAX_PART_BYTES} at most.",
            code="list.too_large",
            advice="Merge old deltas, or use larger parts.",
        )
    return part


def valid_signatures(delegation_bytes: bytes, signed_part: bytes, signatures: Mapping[str, str]) -> set[str]:
    """Ids of the entitled keys whose signature (hex) over `signed_part` is valid.

    `delegation_bytes` is the top-level targets file that names the publisher's keys.
    """
    delegator = metadata.read(delegation_bytes, Targets).signed
    return set(metadata.valid_signers(delegator, ROLE, signed_part, signatures))


def threshold(delegation_bytes: bytes) -> int:
    """How many signatures a list version needs."""
    return metadata.read(delegation_bytes, Targets).signed.get_delegated_role(ROLE).threshold


def keyids(delegation_bytes: bytes) -> set[str]:
    """The ids of the keys that may sign a list version."""
    return set(metadata.read(delegation_bytes, Targets).signed.get_delegated_role(ROLE).keyids)


def assemble(signed_part: bytes, signatures: Mapping[str, str]) -> bytes:
    """The whole `list.json`. The same input gives the same bytes."""
    metadata.read_part(signed_part, Targets)
    return metadata.assemble(signed_part, signatures)


def read_targets(list_bytes: bytes) -> dict[str, TargetFacts]:
    """What a `list.json` names, by path. Its signatures are not checked here."""
    listed = metadata.read(list_bytes, Targets).signed.targets
    return {path: TargetFacts(file.length, file.hashes["sha256"]) for path, file in listed.items()}


def check_scope(list_id: str, part: Targets) -> None:
    """Refuse a list version that names anything outside the list, or delegates further.

    Errors: Corrupt `target.path`.
    """
    if part.delegations is not None or any(
        path.partition("/")[0] != list_id or not _NAME.fullmatch(path.partition("/")[2])
        for path in part.targets
    ):
        raise Corrupt("This list version names files outside its list.", code="target.path")


def check_newer(part: Targets, *, given_out: int, published: int) -> None:
    """Refuse a version that was never drawn, or that is not newer than the published one.

    Errors: Conflict `list.version`.
    """
    if not published < part.version <= given_out:
        raise Conflict(f"Version {part.version} cannot follow version {published}.", code="list.version")
