"""Builds, writes and reads the metadata of one small TUF repository. Pure: no keys, no clock, no database.

What is signed is the canonical JSON of the *signed part*; the file around it is always written by `assemble`,
so that the same part and the same signatures give the same bytes on every run and in every version of the
libraries. Top-level roles of a list's repository: root and targets by the officers, snapshot and timestamp by
the repository's own online key. The one delegation restricts the publisher's keys to `<list_id>/*`: without
it one publisher's whole repository was accepted as another's at first contact.
"""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeVar

from securesystemslib.signer import Key, Signature
from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import (
    DelegatedRole,
    Delegations,
    Metadata,
    MetaFile,
    Role,
    Root,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)

from accounts.errors import Corrupt, Invalid
from hashsets.core.anchor import DEMO_OFFICERS, OFFICERS_FIELD, REPOSITORY_FIELD
from hashsets.core.key_ids import check_keys

S = TypeVar("S", Root, Targets, Snapshot, Timestamp)

PUBLISHER_FIELD: Final = "x-publisher"
"""Signed field of a list's top-level targets: who publishes, and who keeps the keys."""

MAX_METADATA_BYTES: Final = 5_000_000
"""Stock clients stop reading targets metadata at 5 MB."""


@dataclass(frozen=True, slots=True)
class OfficerSet:
    """Who signs roots and top-level targets, and how many of them must."""

    keys: tuple[Key, ...]
    threshold: int
    demo: bool = False


@dataclass(frozen=True, slots=True)
class PublisherFacts:
    """What the officers vouch for about a list's publisher. `key_custody` is "hosted" or "own"."""

    name: str
    kind: str
    jurisdiction: str
    key_custody: str


@dataclass(frozen=True, slots=True)
class TargetFacts:
    """Length in bytes and SHA-256 (hex) of a target file."""

    length: int
    sha256: str


@dataclass(frozen=True, slots=True)
class MetaFacts:
    """Version and exact bytes of a metadata file that snapshot or timestamp name."""

    version: int
    content: bytes


def root_part(
    repository_id: str, *, version: int, expires: datetime, officers: OfficerSet, online: Key
) -> Root:
    fields: dict[str, str] = {REPOSITORY_FIELD: repository_id}
    if officers.demo:
        fields[OFFICERS_FIELD] = DEMO_OFFICERS
    by_officers = sorted(key.keyid for key in officers.keys)
    return Root(
        version=version,
        expires=expires,
        keys={key.keyid: key for key in (*officers.keys, online)},
        roles={
            "root": Role(list(by_officers), officers.threshold),
            "targets": Role(list(by_officers), officers.threshold),
            "snapshot": Role([online.keyid], 1),
            "timestamp": Role([online.keyid], 1),
        },
        consistent_snapshot=True,
        unrecognized_fields=fields,
    )


def targets_part(
    *,
    version: int,
    expires: datetime,
    role: str,
    paths: Sequence[str],
    keys: Sequence[Key],
    threshold: int,
    publisher: PublisherFacts | None = None,
) -> Targets:
    """Top-level targets: no target of its own, one terminating delegation, and facts about the publisher.

    Errors: Invalid `publisher.unprintable`.
    """
    fields: dict[str, object] = {}
    if publisher is not None:
        fields[PUBLISHER_FIELD] = {
            "name": _plain(publisher.name),
            "kind": _plain(publisher.kind),
            "jurisdiction": _plain(publisher.jurisdiction),
            "key_custody": publisher.key_custody,
        }
    delegated = DelegatedRole(
        role, sorted(key.keyid for key in keys), threshold, terminating=True, paths=list(paths)
    )
    return Targets(
        version=version,
        expires=expires,
        targets={},
        delegations=Delegations({key.keyid: key for key in keys}, {role: delegated}),
        unrecognized_fields=fields,
    )


def delegated_part(*, version: int, expires: datetime, targets: Mapping[str, TargetFacts]) -> Targets:
    """Metadata of the delegated role: the target files by their path."""
    return Targets(
        version=version,
        expires=expires,
        targets={
            path: TargetFile(facts.length, {"sha256": facts.sha256}, path)
            for path, facts in sorted(targets.items())
        },
    )


def snapshot_part(*, version: int, expires: datetime, files: Mapping[str, MetaFacts]) -> Snapshot:
    """Names every targets file by version, length *and* digest.

    With versions alone, two validly signed contents of one version would both be accepted.
    """
    return Snapshot(
        version=version,
        expires=expires,
        meta={f"{role}.json": _meta(facts) for role, facts in sorted(files.items())},
    )


def timestamp_part(*, version: int, expires: datetime, snapshot: MetaFacts) -> Timestamp:
    return Timestamp(version=version, expires=expires, snapshot_meta=_meta(snapshot))


def _meta(facts: MetaFacts) -> MetaFile:
    digest = hashlib.sha256(facts.content).hexdigest()
    return MetaFile(facts.version, len(facts.content), {"sha256": digest})


def signed_bytes(part: S) -> bytes:
    """Canonical bytes of a signed part: exactly these are signed."""
    return Metadata(part).signed_bytes


def assemble(part: bytes, signatures: Mapping[str, str]) -> bytes:
    """The metadata file of a signed part: `signatures` are hex by key id. The same input gives the same
    bytes.

    Errors: Corrupt `metadata.not_canonical` when `part` is not what stock clients would verify.
    """
    listed = [{"keyid": keyid, "sig": signatures[keyid]} for keyid in sorted(signatures)]
    try:
        # Canonical JSON leaves control characters in strings bare (a PEM key has line ends), which JSON does
        # not allow: hence it is written anew instead of being embedded.
        signed = json.loads(part.decode(), strict=False)
    except (ValueError, RecursionError) as error:
        raise Corrupt("This is not TUF metadata.", code="metadata.malformed") from error
    content = json.dumps(
        {"signatures": listed, "signed": signed}, sort_keys=True, separators=(",", ":")
    ).encode()
    if _metadata(content).signed_bytes != part:
        raise Corrupt("This is not the canonical form of TUF metadata.", code="metadata.not_canonical")
    return content


def read(content: bytes, kind: type[S]) -> Metadata[S]:
    """Parse a metadata file of one kind, in which every key is the one that its id says.

    Errors: Corrupt `metadata.malformed`, and all of `check_keys`.
    """
    metadata = _metadata(content)
    if not isinstance(metadata.signed, kind):
        raise Corrupt("This metadata is of another role.", code="metadata.malformed")
    return metadata


def read_part(part: bytes, kind: type[S]) -> S:
    """Parse the canonical bytes of a signed part, and refuse any that are not canonical."""
    return read(assemble(part, {}), kind).signed


def valid_signers(
    delegator: Root | Targets, role: str, part: bytes, signatures: Mapping[str, str]
) -> frozenset[str]:
    """Ids of the keys of `role` whose signature over `part` is valid. Others are left out, whatever is
    wrong.

    Errors: Corrupt `metadata.no_delegation`, and all of `check_keys`: ids are counted, so they must be keys.
    """
    check_keys(delegator)
    given = {keyid: Signature(keyid, hex_) for keyid, hex_ in signatures.items()}
    try:
        return frozenset(delegator.get_verification_result(role, part, given).signed)
    except ValueError as error:
        raise Corrupt(f"Nobody is entitled to sign '{role}' here.", code="metadata.no_delegation") from error


def meets(delegator: Root | Targets, role: str, part: bytes, signatures: Mapping[str, str]) -> bool:
    """Whether enough keys of `role` signed `part`."""
    signers = valid_signers(delegator, role, part, signatures)
    return len(signers) >= delegator.get_delegated_role(role).threshold


def signatures_of(metadata: Metadata[S]) -> dict[str, str]:
    return {keyid: signature.signature for keyid, signature in metadata.signatures.items()}


def _metadata(content: bytes) -> Metadata[Any]:
    if len(content) > MAX_METADATA_BYTES:
        raise Corrupt(f"This metadata is larger than {MAX_METADATA_BYTES} bytes.", code="metadata.malformed")
    try:
        metadata = Metadata[Any].from_bytes(content)
    except (RepositoryError, ValueError, RecursionError) as error:
        raise Corrupt("This is not TUF metadata.", code="metadata.malformed") from error
    check_keys(metadata.signed)
    return metadata


def _plain(text: str) -> str:
    """`text` when every client can parse it and no terminal obeys it: canonical JSON leaves control
    characters bare.
    """
    if any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in text) or any(
        unicodedata.bidirectional(character)
        in ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")
        for character in text
    ):
        raise Invalid("This name contains characters that cannot be shown.", code="publisher.unprintable")
    return text
