"""A publisher and its exchange in miniature: real segments, real manifests, real TUF metadata, written into a
folder.

Stands for the server where the member client alone is on trial. It signs whatever it is told to sign, wrong
things too, which the real server never would.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from securesystemslib.signer import CryptoSigner, Key
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

from hashsets.core.columns import Op, Rows
from hashsets.core.hashtypes import hash_type
from hashsets.core.manifest import Delta, Manifest, TypeState, delta_name, manifest_name, part_name
from hashsets.core.manifest import Snapshot as SnapshotOf
from hashsets.core.merkle import bits_for, leaves_of, type_root
from hashsets.core.segment import Kind, Segment
from hashsets.core.segment_writer import write_delta, write_snapshot
from hashsets.core.state import State, apply_delta

DAY = timedelta(days=1)
Signed = Root | Targets | Snapshot | Timestamp


def fresh_list_id() -> str:
    return "".join(secrets.choice("abcdefghijklmnopqrstuvwxyz234567") for _ in range(26))


def hashes(count: int, *, seed: int, width: int = 32) -> NDArray[np.uint8]:
    """Distinct hashes, ascending."""
    raw = np.random.default_rng(seed).integers(0, 256, (count, width), dtype=np.uint8)
    return raw[np.lexsort(raw.T[::-1])]


def rows(raw: NDArray[np.uint8], release: int, *, classification: int | NDArray[np.uint8] = 1) -> Rows:
    named = np.full(len(raw), classification, np.uint8) if isinstance(classification, int) else classification
    return Rows.keyed(raw, classification=named).released(added=release, changed=release)


def operations(
    added: Rows | None = None, updated: Rows | None = None, removed: NDArray[np.uint8] | None = None
) -> Rows:
    """One delta's rows, ascending, from what is added, updated and removed."""
    pieces = []
    if added is not None:
        pieces.append(added.with_op(Op.ADD))
    if updated is not None:
        pieces.append(updated.with_op(Op.UPDATE))
    if removed is not None:
        pieces.append(Rows.keyed(removed).with_op(Op.REMOVE))
    whole = Rows.concat(pieces)
    return whole.take(np.lexsort(whole.hash.T[::-1]))


@dataclass
class Officers:
    """Who signs roots; one group for the directory and all lists."""

    signers: list[CryptoSigner] = field(default_factory=lambda: [CryptoSigner.generate_ed25519()])
    threshold: int = 1


def metadata_bytes(signed: Signed, signers: Sequence[CryptoSigner]) -> bytes:
    document: Metadata[Any] = Metadata(signed)
    for signer in signers:
        document.sign(signer, append=True)
    return document.to_bytes()


def _fact(version: int, content: bytes) -> MetaFile:
    return MetaFile(version, len(content), {"sha256": hashlib.sha256(content).hexdigest()})


def root_bytes(
    repository_id: str,
    officers: Officers,
    online: CryptoSigner,
    *,
    version: int = 1,
    signers: Officers | None = None,
) -> bytes:
    by_officers = [signer.public_key.keyid for signer in officers.signers]
    root = Root(
        version=version,
        expires=datetime.now(UTC).replace(microsecond=0) + 365 * DAY,
        keys={signer.public_key.keyid: signer.public_key for signer in (*officers.signers, online)},
        roles={
            "root": Role(by_officers, officers.threshold),
            "targets": Role(by_officers, officers.threshold),
            "snapshot": Role([online.public_key.keyid], 1),
            "timestamp": Role([online.public_key.keyid], 1),
        },
        consistent_snapshot=True,
        unrecognized_fields={"x-repository": repository_id},
    )
    return metadata_bytes(root, (signers or officers).signers)


class Directory:
    """The exchange's own repository, with a push key."""

    def __init__(self, served: Path, officers: Officers, *, push_key: str = "") -> None:
        self.folder = served / "tuf" / "directory"
        self.officers = officers
        self.online = CryptoSigner.generate_ed25519()
        metadata = self.folder / "metadata"
        metadata.mkdir(parents=True)
        self.root = root_bytes("directory", officers, self.online)
        (metadata / "1.root.json").write_bytes(self.root)
        content = json.dumps({"format": 1, "keys": [{"scheme": "ed25519", "public": push_key}]}).encode()
        digest = hashlib.sha256(content).hexdigest()
        targets_folder = self.folder / "targets"
        targets_folder.mkdir()
        (targets_folder / f"{digest}.push-key.json").write_bytes(content)
        self.target = TargetFile(len(content), {"sha256": digest}, "push-key.json")
        self.version = 1
        self._sign()

    def rotate(self, officers: Officers) -> None:
        """The next root names other officers, who sign everything from now on."""
        self.version += 1
        both = Officers([*self.officers.signers, *officers.signers])
        root = root_bytes("directory", officers, self.online, version=self.version, signers=both)
        (self.folder / "metadata" / f"{self.version}.root.json").write_bytes(root)
        self.officers = officers
        self._sign()

    def _sign(self) -> None:
        later = datetime.now(UTC).replace(microsecond=0) + 30 * DAY
        number, metadata = self.version, self.folder / "metadata"
        named = Targets(number, expires=later, targets={"push-key.json": self.target})
        targets = metadata_bytes(named, self.officers.signers)
        meta = {"targets.json": _fact(number, targets)}
        snapshot = metadata_bytes(Snapshot(number, expires=later, meta=meta), [self.online])
        fact = _fact(number, snapshot)
        timestamp = metadata_bytes(Timestamp(number, expires=later, snapshot_meta=fact), [self.online])
        (metadata / f"{number}.targets.json").write_bytes(targets)
        (metadata / f"{number}.snapshot.json").write_bytes(snapshot)
        (metadata / "timestamp.json").write_bytes(timestamp)


class Publisher:
    """One list and its repository. `release` publishes; `sign_again` re-signs what is there, in any way
    asked for."""

    def __init__(
        self,
        served: Path,
        officers: Officers,
        work: Path,
        *,
        slugs: Sequence[str] = ("sha256",),
        signers: int = 1,
        threshold: int = 1,
        labels: tuple[tuple[int, str], ...] = (),
    ) -> None:
        self.labels = labels
        self.list_id = fresh_list_id()
        self.folder = served / "tuf" / self.list_id
        self.metadata = self.folder / "metadata"
        self.targets_folder = self.folder / "targets" / self.list_id
        for folder in (self.metadata, self.targets_folder):
            folder.mkdir(parents=True)
        self.work = work / self.list_id
        self.work.mkdir(parents=True)
        self.officers = officers
        self.online = CryptoSigner.generate_ed25519()
        self.signers = [CryptoSigner.generate_ed25519() for _ in range(signers)]
        self.threshold = threshold
        self.release_number = 0
        self.version = 0
        self.manifest: Manifest | None = None
        self.manifest_bytes = b""
        self.states = {slug: State(hash_type(slug)) for slug in slugs}
        self.files: dict[str, TargetFile] = {}
        self.root_version = 1
        (self.metadata / "1.root.json").write_bytes(root_bytes(self.list_id, officers, self.online))
        self.targets_version = 0
        self.sign_targets()
        self.list_bytes: bytes | None = None
        self.sign_online()

    def sign_targets(self) -> None:
        """The officers name the publisher's keys."""
        self.targets_version += 1
        self.targets = metadata_bytes(self._top_targets(self.list_id), self.officers.signers)
        (self.metadata / f"{self.targets_version}.targets.json").write_bytes(self.targets)

    def _top_targets(self, folder: str) -> Targets:
        keys: dict[str, Key] = {signer.public_key.keyid: signer.public_key for signer in self.signers}
        role = DelegatedRole("list", list(keys), self.threshold, terminating=True, paths=[f"{folder}/*"])
        return Targets(
            self.targets_version,
            expires=datetime.now(UTC).replace(microsecond=0) + 365 * DAY,
            delegations=Delegations(keys, {"list": role}),
        )

    def release(
        self,
        changes: Mapping[str, Rows],
        *,
        rewrite: bool = False,
        roots: Mapping[str, str] | None = None,
        rename: str | None = None,
    ) -> Manifest:
        """Publish the next release. `roots` claims wrong state roots, `rename` another list's id in the
        manifest."""
        self.release_number += 1
        types = tuple(
            self._next_state(slug, changes.get(slug), rewrite or self.release_number == 1)
            for slug in sorted(self.states)
        )
        if roots:
            types = tuple(replace(one, root=roots.get(one.slug, one.root)) for one in types)
        previous = hashlib.sha256(self.manifest_bytes).hexdigest() if self.manifest_bytes else ""
        self.manifest = Manifest(
            list_id=rename or self.list_id,
            title="Known files",
            release=self.release_number,
            previous=previous,
            prepared_at="2026-01-31T12:00:00Z",
            scheme="ncmec" if self.labels else "none",
            labels=self.labels,
            types=types,
        )
        self.publish_manifest(self.manifest.to_bytes())
        return self.manifest

    def publish_manifest(self, document: bytes) -> None:
        self.manifest_bytes = document
        self._store(manifest_name(self.list_id), document)
        self.sign_list()
        self.sign_online()

    def _next_state(self, slug: str, change: Rows | None, rewrite: bool) -> TypeState:
        kind, number = hash_type(slug), self.release_number
        state = self.states[slug]
        before = self.manifest.type_state(slug) if self.manifest else None
        chain = before.chain if before else ()
        if change is not None:
            delta = write_delta(kind, [change], self.work / f"{slug}-{number}.delta")
            state = apply_delta(state, delta.segment)
            if not rewrite:
                base = before.release if before else 0
                self._store(delta_name(self.list_id, slug, base, number), delta.path.read_bytes())
                chain = (*chain, Delta(base, number, delta.facts))
        snapshot = before.snapshot if before else SnapshotOf(number, ())
        if rewrite:
            folder = self.work / f"{slug}-{number}-{secrets.token_hex(4)}"
            folder.mkdir()
            written = write_snapshot(kind, state.iter_batches(), folder)
            for count, one in enumerate(written, start=1):
                self._store(part_name(self.list_id, slug, number, count), one.path.read_bytes())
            snapshot, chain = SnapshotOf(number, tuple(one.facts for one in written)), ()
            state = State(kind, tuple(Segment(kind, Kind.FULL, one.path, one.facts) for one in written))
        self.states[slug] = state
        bits = bits_for(state.count) if rewrite or before is None else before.bits
        leaves = leaves_of(state.iter_batches(), bits, kind.bytes_wide)
        return TypeState(slug, state.count, bits, type_root(leaves, state.count), snapshot, chain)

    def _store(self, name: str, content: bytes) -> None:
        digest = hashlib.sha256(content).hexdigest()
        base = name.partition("/")[2]
        (self.targets_folder / f"{digest}.{base}").write_bytes(content)
        self.files[name] = TargetFile(len(content), {"sha256": digest}, name)

    def served_file(self, name: str) -> Path:
        """Where a target lies, by its name without the list's id."""
        found = self.files[f"{self.list_id}/{name}"]
        return self.targets_folder / f"{found.hashes['sha256']}.{name}"

    def sign_list(
        self, *, signers: Sequence[CryptoSigner] | None = None, files: Mapping[str, TargetFile] | None = None
    ) -> None:
        """The publisher's next `list` version."""
        self.version += 1
        signed = Targets(
            self.version,
            expires=datetime.now(UTC).replace(microsecond=0) + 400 * DAY,
            targets=dict(self.files if files is None else files),
        )
        self.list_bytes = metadata_bytes(signed, self.signers if signers is None else signers)
        (self.metadata / f"{self.version}.list.json").write_bytes(self.list_bytes)

    def sign_online(
        self, *, expires: timedelta = DAY, signer: CryptoSigner | None = None, list_version: int | None = None
    ) -> None:
        """Snapshot and timestamp over what is there."""
        signer = signer or self.online
        number = 1 + max(
            (int(path.name.partition(".")[0]) for path in self.metadata.glob("*.snapshot.json")), default=0
        )
        now = datetime.now(UTC).replace(microsecond=0)
        meta = {"targets.json": _fact(self.targets_version, self.targets)}
        if self.list_bytes is not None:
            meta["list.json"] = _fact(list_version or self.version, self.list_bytes)
        snapshot = metadata_bytes(Snapshot(number, expires=now + 7 * DAY, meta=meta), [signer])
        timestamp = metadata_bytes(
            Timestamp(number, expires=now + expires, snapshot_meta=_fact(number, snapshot)), [signer]
        )
        (self.metadata / f"{number}.snapshot.json").write_bytes(snapshot)
        (self.metadata / "timestamp.json").write_bytes(timestamp)

    def rotate_root(self, officers: Officers, *, signers: Officers | None = None) -> None:
        """The next root, naming `officers`, signed by them and by those before, or by `signers` alone."""
        self.root_version += 1
        both = Officers([*self.officers.signers, *officers.signers])
        content = root_bytes(
            self.list_id, officers, self.online, version=self.root_version, signers=signers or both
        )
        (self.metadata / f"{self.root_version}.root.json").write_bytes(content)

    def replace_officers(self, officers: Officers) -> None:
        """Root and targets by new officers, and everything online signed again."""
        self.rotate_root(officers)
        self.officers = officers
        self.sign_targets()
        self.sign_online()

    def replace_online_key(self) -> None:
        """As after a theft: the officers name a new online key."""
        self.online = CryptoSigner.generate_ed25519()
        self.rotate_root(self.officers)
        self.sign_online()

    def keep(self, folder: Path) -> None:
        """Remember everything as served now."""
        shutil.copytree(self.folder, folder)

    def show(self, folder: Path) -> None:
        """Serve what is in `folder` instead, as a mirror under someone else's control would."""
        shutil.rmtree(self.folder)
        shutil.copytree(folder, self.folder)
