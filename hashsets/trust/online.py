"""Signs snapshot and timestamp with a repository's own online key, inside the transaction of whoever
publishes.

(1) Check the new list version, if there is one, against the publisher's delegation. (2) Choose the targets
version that the snapshot names. (3) Sign a snapshot when anything that it names has changed or half of its
life is over. (4) Sign a timestamp, always. (5) Verify the whole chain as a client would. (6) Keep the bytes
as rows. Nothing leaves the database here: `export` writes the files after the commit.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from tuf.api.metadata import Metadata, Root, Snapshot, Targets

from accounts.errors import Conflict, Corrupt
from hashsets.trust import chain, lifetimes, list_role, metadata, private_keys, signed_files
from hashsets.trust.metadata import MetaFacts
from hashsets.trust.models import PrivateKeyPurpose, Repository, RoleName


@dataclass(frozen=True, slots=True)
class OnlineFiles:
    """What the online key has just signed, and the versions that a client will end at."""

    snapshot: bytes
    timestamp: bytes
    root_version: int
    targets_version: int
    list_version: int
    """0 while nothing is published."""
    snapshot_version: int
    timestamp_version: int


def sign_online(repository: Repository, *, list_bytes: bytes | None, now: datetime) -> OnlineFiles:
    """Sign the repository's next timestamp, and its next snapshot where needed. `list_bytes` is the fully
    signed next version of the delegated role, or None to keep the published one.

    To be called under the list's lock. The row is read again: `repository` may be stale.
    Errors: Conflict `repository.awaits_officers`, `list.version`, `list.threshold_not_met`, `list.expired`;
    Corrupt `target.path`, or of `hashsets.trust.chain`.
    """
    signed_files.require_transaction()
    row = Repository.objects.select_for_update(no_key=True).get(id=repository.id)
    root = metadata.read(signed_files.newest_bytes(row.id, RoleName.ROOT), Root)
    before = _named_files(row)
    files = dict(before)
    role = row.delegated_role
    if list_bytes is not None:
        files[role] = _checked_list(row, list_bytes, published=before.get(role), now=now)
        signed_files.keep(row, role, files[role].version, list_bytes, now=now)
    # A new list version must satisfy the newest delegation: a key that was taken out signs nothing new.
    kept = before.get(RoleName.TARGETS) if list_bytes is None else None
    files[RoleName.TARGETS] = _targets_for(row, files.get(role), kept=kept)
    snapshot = None if files != before else _kept_snapshot(row, root.signed, now=now)
    if snapshot is None:
        snapshot = _sign_snapshot(row, root.signed, files, now=now)
    timestamp = _sign_timestamp(row, root.signed, snapshot, now=now)
    _verify(row, root, files, snapshot, timestamp, now=now)
    row.resign_at = now + lifetimes.RESIGN_EVERY
    row.save(
        update_fields=[
            "snapshot_version",
            "snapshot_expires_at",
            "timestamp_version",
            "timestamp_expires_at",
            "resign_at",
        ]
    )
    return OnlineFiles(
        snapshot=snapshot.content,
        timestamp=timestamp,
        root_version=root.signed.version,
        targets_version=files[RoleName.TARGETS].version,
        list_version=files[role].version if role in files else 0,
        snapshot_version=snapshot.version,
        timestamp_version=row.timestamp_version,
    )


def _verify(
    row: Repository,
    root: Metadata[Root],
    files: dict[RoleName, MetaFacts],
    snapshot: MetaFacts,
    timestamp: bytes,
    *,
    now: datetime,
) -> None:
    role = row.delegated_role
    delegated = files[role].content if role in files else None
    chain.verify(
        chain.Files(root, timestamp, snapshot.content, files[RoleName.TARGETS].content, delegated),
        role=role,
        now=now,
    )


def published_file(row: Repository) -> MetaFacts | None:
    """Version and bytes of the delegated role's file that the newest snapshot names; None before the
    first.
    """
    return _named_files(row).get(row.delegated_role)


def _named_files(row: Repository) -> dict[RoleName, MetaFacts]:
    """What the newest snapshot names, by role; empty before the first."""
    if row.snapshot_version == 0:
        return {}
    snapshot = metadata.read(
        signed_files.at_version(row.id, RoleName.SNAPSHOT, row.snapshot_version), Snapshot
    ).signed
    return {
        RoleName(name.removesuffix(".json")): MetaFacts(
            facts.version,
            signed_files.at_version(row.id, RoleName(name.removesuffix(".json")), facts.version),
        )
        for name, facts in snapshot.meta.items()
    }


def _checked_list(
    row: Repository, list_bytes: bytes, *, published: MetaFacts | None, now: datetime
) -> MetaFacts:
    part = metadata.read(list_bytes, Targets).signed
    list_role.check_newer(part, given_out=row.list_version, published=published.version if published else 0)
    if row.delegated_role == RoleName.LIST:
        list_role.check_scope(row.id, part)
    if part.is_expired(now):
        raise Conflict("This list version has expired before it was published.", code="list.expired")
    return MetaFacts(part.version, list_bytes)


def _targets_for(row: Repository, listed: MetaFacts | None, *, kept: MetaFacts | None) -> MetaFacts:
    """The newest targets, unless the delegated file does not satisfy them yet.

    New publisher keys take effect together with the first list version that they signed, under one snapshot:
    until then the previous delegation stays in force, so that nobody's client ever meets a list it must
    refuse.
    """
    newest = signed_files.newest_bytes(row.id, RoleName.TARGETS)
    targets = metadata.read(newest, Targets).signed
    if listed is None or _satisfies(targets, row.delegated_role, listed.content):
        return MetaFacts(targets.version, newest)
    if kept is not None and _satisfies(
        metadata.read(kept.content, Targets).signed, row.delegated_role, listed.content
    ):
        return kept
    raise Conflict(
        "This list version is not signed by enough of the publisher's keys.", code="list.threshold_not_met"
    )


def _satisfies(targets: Targets, role: RoleName, content: bytes) -> bool:
    listed = metadata.read(content, Targets)
    return metadata.meets(targets, role.value, listed.signed_bytes, metadata.signatures_of(listed))


def _kept_snapshot(row: Repository, root: Root, *, now: datetime) -> MetaFacts | None:
    """The newest snapshot while more than half of its life is left and its key is still the repository's."""
    expires = row.snapshot_expires_at
    if expires is None or lifetimes.past_half(expires, lifetimes.SNAPSHOT, now):
        return None
    content = signed_files.at_version(row.id, RoleName.SNAPSHOT, row.snapshot_version)
    signed = metadata.read(content, Snapshot)
    if not metadata.meets(root, "snapshot", signed.signed_bytes, metadata.signatures_of(signed)):
        return None
    return MetaFacts(row.snapshot_version, content)


def _sign_snapshot(
    row: Repository, root: Root, files: dict[RoleName, MetaFacts], *, now: datetime
) -> MetaFacts:
    row.snapshot_version = signed_files.next_version(row.id, RoleName.SNAPSHOT)
    row.snapshot_expires_at = lifetimes.expiry(now, lifetimes.SNAPSHOT)
    part = metadata.snapshot_part(
        version=row.snapshot_version,
        expires=row.snapshot_expires_at,
        files={role.value: facts for role, facts in files.items()},
    )
    content = _signed(row, root, RoleName.SNAPSHOT, metadata.signed_bytes(part))
    signed_files.keep(row, RoleName.SNAPSHOT, row.snapshot_version, content, now=now)
    return MetaFacts(row.snapshot_version, content)


def _sign_timestamp(row: Repository, root: Root, snapshot: MetaFacts, *, now: datetime) -> bytes:
    row.timestamp_version = signed_files.next_version(row.id, RoleName.TIMESTAMP)
    row.timestamp_expires_at = lifetimes.expiry(now, lifetimes.TIMESTAMP)
    part = metadata.timestamp_part(
        version=row.timestamp_version, expires=row.timestamp_expires_at, snapshot=snapshot
    )
    content = _signed(row, root, RoleName.TIMESTAMP, metadata.signed_bytes(part))
    signed_files.keep(row, RoleName.TIMESTAMP, row.timestamp_version, content, now=now)
    return content


def _signed(row: Repository, root: Root, role: RoleName, part: bytes) -> bytes:
    own = private_keys.public_half(PrivateKeyPurpose.ONLINE, repository_id=row.id)
    if own is None or own.keyid not in root.roles[role.value].keyids:
        raise Corrupt(
            "The online key of this repository is not the one that its root names.",
            code="repository.online_key",
        )
    return metadata.assemble(
        part, {own.keyid: private_keys.sign_as(own.keyid, PrivateKeyPurpose.ONLINE, part)}
    )
