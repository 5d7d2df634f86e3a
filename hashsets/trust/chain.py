"""Verifies one consistent set of metadata from root to list, the way a client does. Pure.

Used before new signatures are kept, so that the exchange never commits what a client would refuse, and on
files found in the blob store after a restore, so that nothing is adopted that the exchange did not sign.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from tuf.api.exceptions import LengthOrHashMismatchError
from tuf.api.metadata import Metadata, MetaFile, Root, Snapshot, Targets, Timestamp

from accounts.errors import Corrupt
from hashsets.trust import metadata
from hashsets.trust.models import RoleName


@dataclass(frozen=True, slots=True)
class Files:
    """One state of a repository; `delegated` is None while nothing is published."""

    root: Metadata[Root]
    timestamp: bytes
    snapshot: bytes
    targets: bytes
    delegated: bytes | None


def verify(files: Files, *, role: RoleName, now: datetime | None) -> None:
    """Refuse a set that does not fit together. `now` None leaves expiry out (files of the past).

    Errors: Corrupt `chain.signature`, `chain.file`, `chain.version`, `chain.expired`.
    """
    root = files.root.signed
    _signed(root, RoleName.ROOT, files.root)
    timestamp = metadata.read(files.timestamp, Timestamp)
    _signed(root, RoleName.TIMESTAMP, timestamp)
    snapshot = metadata.read(files.snapshot, Snapshot)
    _named(timestamp.signed.snapshot_meta, files.snapshot, snapshot)
    _signed(root, RoleName.SNAPSHOT, snapshot)
    targets = metadata.read(files.targets, Targets)
    _named(snapshot.signed.meta.get("targets.json"), files.targets, targets)
    _signed(root, RoleName.TARGETS, targets)
    parts: list[Metadata[Root] | Metadata[Timestamp] | Metadata[Snapshot] | Metadata[Targets]]
    parts = [files.root, timestamp, snapshot, targets]
    if files.delegated is not None:
        delegated = metadata.read(files.delegated, Targets)
        _named(snapshot.signed.meta.get(f"{role.value}.json"), files.delegated, delegated)
        _signed(targets.signed, role, delegated)
        parts.append(delegated)
    if now is not None and any(part.signed.is_expired(now) for part in parts):
        raise Corrupt(
            "A file of this repository has expired.",
            code="chain.expired",
            advice="Roots and targets are renewed by the officers, the list by its publisher.",
        )


def _signed(
    delegator: Root | Targets,
    role: RoleName,
    file: Metadata[Root] | Metadata[Timestamp] | Metadata[Snapshot] | Metadata[Targets],
) -> None:
    given = {keyid: signature.signature for keyid, signature in file.signatures.items()}
    if not metadata.meets(delegator, role.value, file.signed_bytes, given):
        raise Corrupt(f"'{role.value}' is not signed by enough of its keys.", code="chain.signature")


def _named(facts: MetaFile | None, content: bytes, file: Metadata[Snapshot] | Metadata[Targets]) -> None:
    """Refuse a file that is not named by version, length and digest: a version alone is not enough."""
    if facts is None or facts.length is None or not facts.hashes:
        raise Corrupt("A file is not named by length and digest.", code="chain.file")
    try:
        facts.verify_length_and_hashes(content)
    except LengthOrHashMismatchError as error:
        raise Corrupt("A file is not the one that is named.", code="chain.file") from error
    if facts.version != file.signed.version:
        raise Corrupt("A file has another version than the one named.", code="chain.version")
