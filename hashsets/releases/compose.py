"""The data work of a release: from a list's state and staged operations to files, roots and a manifest.

Works on files in a folder and the blob store; knows no rows and takes no lock. A small release reads one
row group per touched bucket and writes one small file per touched type; only when a snapshot is due is a
whole type read and written.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from accounts.errors import Conflict, Corrupt, NotFound
from hashsets.blobs import keys
from hashsets.blobs.store import BlobStore
from hashsets.core.columns import Op, Rows
from hashsets.core.compaction import MAX_CHAIN, merge_deltas, snapshot_due
from hashsets.core.hashtypes import hash_type
from hashsets.core.manifest import Delta, Manifest, Snapshot, TypeState, delta_name, manifest_name, part_name
from hashsets.core.merkle import bits_for, leaves_of
from hashsets.core.segment import Segment, SegmentFacts
from hashsets.core.segment_writer import Written, write_delta, write_snapshot
from hashsets.core.state import State, apply_delta, touched_leaves
from hashsets.core.withdrawal import Notice, Reason, Withdrawal, WithdrawnFacts, withdrawn_name
from hashsets.lists.current import ListState
from hashsets.releases.tree import MAX_STORED, Tree
from hashsets.trust.list_role import TargetFacts

Pulse = Callable[[], None]


@dataclass(frozen=True, slots=True)
class ReleaseFacts:
    """What a manifest says beside its entries. `prepared_at` is RFC 3339 in UTC, to the second."""

    list_id: str
    title: str
    release: int
    prepared_at: str
    scheme: str
    labels: tuple[tuple[int, str], ...]
    hash_types: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Erasing:
    """After this release nothing older is served: why, what was withdrawn `earlier`, and the SHA-256 of all
    files since then.
    """

    reason: Reason
    earlier: tuple[Withdrawal, ...]
    files: frozenset[str]

    def notice(self, list_id: str, release: int, kept: Collection[str]) -> Notice:
        """Without the digests in `kept`: what did not change may well be the same file under a new name."""
        first = self.earlier[-1].release if self.earlier else 1
        gone = tuple(sorted(self.files.difference(kept)))
        return Notice(list_id, (*self.earlier, Withdrawal(first, release, self.reason, gone)))


@dataclass(frozen=True, slots=True)
class Composed:
    """A release that is ready to be signed: everything that `targets` names is in the blob store."""

    manifest: Manifest
    content: bytes
    sha256: str
    targets: Mapping[str, TargetFacts]


def compose(
    facts: ReleaseFacts,
    base: ListState,
    staged: Mapping[str, Segment],
    *,
    folder: Path,
    store: BlobStore,
    pulse: Pulse,
    erasing: Erasing | None = None,
) -> Composed:
    """Apply `staged` (delta segments by hash type) to `base`, store the new files and the manifest.

    When `erasing`, every type is written afresh: no file of an earlier release is named any more, and what
    was removed is said by no file at all.

    The same arguments write the same bytes, so a builder that takes over from a dead one stores nothing
    twice.

    Errors: Conflict `delta.…` when the operations do not fit the base; Corrupt `blob.overwritten`.
    """
    types = []
    for slug in facts.hash_types:
        work = folder / slug
        work.mkdir()
        job = _TypeRelease(facts, slug, base, work, store, pulse)
        types.append(job.after(staged.get(slug), afresh=erasing is not None))
    withdrawn = None if base.manifest is None else base.manifest.withdrawn
    if erasing is not None:
        kept = {part.sha256 for state in types for part in state.snapshot.parts}
        withdrawn = _store_notice(erasing.notice(facts.list_id, facts.release, kept), store)
    manifest = Manifest(
        list_id=facts.list_id,
        title=facts.title,
        release=facts.release,
        previous=base.manifest_sha256,
        prepared_at=facts.prepared_at,
        scheme=facts.scheme,
        labels=facts.labels,
        types=tuple(types),
        withdrawn=withdrawn,
    )
    content = manifest.to_bytes()
    sha256 = hashlib.sha256(content).hexdigest()
    store.put_bytes(keys.target(facts.list_id, manifest_name(facts.list_id), sha256), content)
    return Composed(manifest, content, sha256, targets_of(manifest, sha256, len(content)))


def _store_notice(notice: Notice, store: BlobStore) -> WithdrawnFacts:
    content = notice.to_bytes()
    sha256 = hashlib.sha256(content).hexdigest()
    store.put_bytes(keys.target(notice.list_id, withdrawn_name(notice.list_id), sha256), content)
    return WithdrawnFacts(notice.before, len(content), sha256)


def targets_of(manifest: Manifest, sha256: str, length: int) -> dict[str, TargetFacts]:
    """Every file of a release by its TUF path: the manifest, the parts of the snapshots, the deltas, and the
    notice of what was withdrawn.
    """
    named = {manifest_name(manifest.list_id): TargetFacts(length, sha256)}
    if manifest.withdrawn is not None:
        facts = manifest.withdrawn
        named[withdrawn_name(manifest.list_id)] = TargetFacts(facts.length, facts.sha256)
    for path, segment in segments_of(manifest):
        named[path] = TargetFacts(segment.length, segment.sha256)
    return named


def segments_of(manifest: Manifest) -> Iterator[tuple[str, SegmentFacts]]:
    """The path and facts of every segment that a manifest names."""
    for state in manifest.types:
        for number, facts in enumerate(state.snapshot.parts, start=1):
            yield part_name(manifest.list_id, state.slug, state.snapshot.release, number), facts
        for delta in state.chain:
            yield delta_name(manifest.list_id, state.slug, delta.base, delta.release), delta.facts


class _TypeRelease:
    """One hash type's way into a release."""

    def __init__(
        self, facts: ReleaseFacts, slug: str, base: ListState, folder: Path, store: BlobStore, pulse: Pulse
    ) -> None:
        self.facts, self.slug, self.folder, self.store, self.pulse = facts, slug, folder, store, pulse
        self.hash_type = hash_type(slug)
        self.base = base.of(slug)
        self.before = None if base.manifest is None else base.manifest.type_state(slug)

    def after(self, staged: Segment | None, *, afresh: bool = False) -> TypeState:
        """The type's part of the manifest, with its files and leaves stored. `afresh`: in new files alone."""
        if afresh:
            return self._afresh(staged)
        if staged is None or staged.rows == 0:
            return self.before or self._with_snapshot(iter(()))
        if self.before is None or self.before.count == 0:
            # Nothing to apply to: the operations can only be first entries, and are the snapshot themselves.
            return self._with_snapshot(self._first_entries(staged))
        delta = write_delta(self.hash_type, self._numbered(staged), self.folder / "delta.parquet")
        state = apply_delta(self.base, delta.segment)
        operations = sum(link.facts.rows for link in self.before.chain) + delta.facts.rows
        if snapshot_due(state.count, operations, 1):
            return self._with_snapshot(state.iter_batches())
        return self._with_delta(self.before, state, delta)

    def _afresh(self, staged: Segment | None) -> TypeState:
        """A snapshot of what is left, whether this release changes the type or not."""
        state = self.base
        if staged is not None and staged.rows:
            delta = write_delta(self.hash_type, self._numbered(staged), self.folder / "delta.parquet")
            state = apply_delta(state, delta.segment)
        return self._with_snapshot(state.iter_batches())

    def _numbered(self, staged: Segment) -> Iterator[Rows]:
        """Staged operations with this release's number: new entries were added by it, updated ones keep
        when they were.
        """
        release = self.facts.release
        for rows in staged.batches():
            if rows.op is None:
                raise Corrupt("A staged file holds no operations.", code="staged.damaged")
            added = np.where(rows.op == Op.ADD, np.uint32(release), rows.added).astype(np.uint32)
            yield rows.released(added=added, changed=release)
            self.pulse()

    def _first_entries(self, staged: Segment) -> Iterator[Rows]:
        for rows in self._numbered(staged):
            if rows.op is None or not np.all(rows.op == Op.ADD):
                raise Conflict("There is no entry to update or remove.", code="delta.base_empty")
            yield rows.with_op(None)

    def _with_snapshot(self, batches: Iterator[Rows]) -> TypeState:
        """A fresh snapshot, no chain, and a tree of the size that fits, computed from the files as
        written.
        """
        parts = write_snapshot(self.hash_type, self._watched(batches), self.folder)
        whole = State(self.hash_type, tuple(part.segment for part in parts))
        bits = bits_for(whole.count)
        leaves = leaves_of(self._watched(whole.iter_batches()), bits, self.hash_type.bytes_wide)
        for number, part in enumerate(parts, start=1):
            self._keep(part_name(self.facts.list_id, self.slug, self.facts.release, number), part)
        snapshot = Snapshot(self.facts.release, tuple(part.facts for part in parts))
        root = self._rooted(Tree.over(leaves), whole.count)
        return TypeState(self.slug, whole.count, bits, root, snapshot)

    def _with_delta(self, before: TypeState, state: State, delta: Written) -> TypeState:
        """The base's snapshot and tree size, with one more delta and the touched leaves anew."""
        tree = self._tree_before(before)
        tree = tree.with_leaves(touched_leaves(tree.leaves, before.bits, state, delta.segment))
        base = before.release  # the last release that changed this type: its state was the same until now
        self._keep(delta_name(self.facts.list_id, self.slug, base, self.facts.release), delta)
        chain = (*before.chain, Delta(base, self.facts.release, delta.facts))
        if len(chain) > MAX_CHAIN:
            chain = self._shortened(chain, state)
        root = self._rooted(tree, state.count)
        return replace(before, count=state.count, root=root, chain=chain)

    def _shortened(self, chain: tuple[Delta, ...], state: State) -> tuple[Delta, ...]:
        """The older half of a long chain as one delta. Whoever is that far behind takes it, or the
        snapshot.
        """
        half = len(chain) // 2
        merged = merge_deltas(state.deltas[:half], self.folder / "merged.parquet")
        first, last = chain[0].base, chain[half - 1].release
        self._keep(delta_name(self.facts.list_id, self.slug, first, last), merged)
        return (Delta(first, last, merged.facts), *chain[half:])

    def _tree_before(self, before: TypeState) -> Tree:
        """The base's tree: stored, or computed from the base's entries when it was deleted or damaged."""
        try:
            stored = self.store.get_bytes(self._tree_key(before.root), limit=MAX_STORED)
        except NotFound:
            stored = b""
        tree = Tree.parse(stored, before.bits)
        if tree is not None and tree.root(before.count) == before.root:
            return tree
        return Tree.over(
            leaves_of(self._watched(self.base.iter_batches()), before.bits, self.hash_type.bytes_wide)
        )

    def _rooted(self, tree: Tree, count: int) -> str:
        root = tree.root(count)
        key, stored = self._tree_key(root), tree.to_bytes()
        try:
            self.store.put_bytes(key, stored)
        except Corrupt:
            # What lies there is damaged. A tree is derived and no evidence, so it may be replaced.
            self.store.delete(key)
            self.store.put_bytes(key, stored)
        self.pulse()
        return root

    def _watched(self, batches: Iterator[Rows]) -> Iterator[Rows]:
        for rows in batches:
            yield rows
            self.pulse()

    def _tree_key(self, root: str) -> str:
        return keys.leaves(self.facts.list_id, self.slug, root)

    def _keep(self, name: str, file: Written) -> None:
        self.store.put_file(keys.target(self.facts.list_id, name, file.facts.sha256), file.path)
        self.pulse()
