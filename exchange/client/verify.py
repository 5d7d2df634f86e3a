"""Prove a folder of lists from nothing but its files: signatures, digests, order, counts and state roots.

Needs no network and no exchange; expiry is not looked at, since an old release is still what it was. A
signature that does not hold or a file that changed means that the folder is not what `hashx` wrote (19);
entries that are intact but do not add up to the signed root are named as such (15).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata

from accounts.errors import Corrupt, Refusal
from exchange.client.apply import known_type
from exchange.client.refusals import CorruptStore, RootMismatch, UnsupportedFormat, Usage
from exchange.client.store import ListStore, LocalRelease, LocalType, stores_in
from exchange.client.watch import Watch
from hashsets.core.foreign import check_segment
from hashsets.core.key_ids import check_keys
from hashsets.core.manifest import Manifest, TypeState, manifest_name
from hashsets.core.merkle import leaves_of, type_root
from hashsets.core.segment import Kind, Segment
from hashsets.core.state import State

__all__ = ["Verified", "check_quickly", "verify_folder", "verify_list"]


@dataclass(frozen=True, slots=True)
class Verified:
    """A list whose files are what its publisher signed."""

    list_id: str
    title: str
    release: int
    state_root: str
    count: int
    files: int
    length: int


def verify_folder(into: Path, *, watch: Watch) -> list[Verified]:
    """Every list in a folder, or the one list whose folder it is. Usage `store.empty` when there is none."""
    stores = stores_in(into)
    if not stores and (into / "current.json").exists():
        stores = [ListStore(into.resolve().parent, into.resolve().name)]
    if not stores:
        raise Usage(f"There is no synced list in {into}.", code="store.empty")
    return [verify_list(store, watch=watch) for store in stores]


def verify_list(store: ListStore, *, watch: Watch) -> Verified:
    """(1) the manifest is the one in the pointer and names this list, (2) the publisher vouches for it,
    (3) every file is whole and well formed, (4) the entries add up to the signed roots."""
    current = store.current()
    if current is None:
        raise CorruptStore(f"List {store.list_id} has no release in force.")
    manifest = _checked_manifest(current)
    _check_proof(current)
    parts = [part for held in current.types for part in held.parts]
    watch.begin("Verifying", sum(part.facts.length for part in parts))
    for state in manifest.types:
        held = current.of(state.slug)
        if held is None or (held.count, held.root) != (state.count, state.root):
            raise CorruptStore(f"The pointer does not agree with the manifest about {state.slug}.")
        _check_type(current, held, state, watch)
    return Verified(
        current.list_id,
        current.title,
        current.release,
        manifest.root,
        manifest.count,
        len(parts),
        sum(part.facts.length for part in parts),
    )


def check_quickly(store: ListStore) -> LocalRelease:
    """(1) and (2) of `verify_list`, and that every file is there in its full length; reads no entries."""
    current = store.current()
    if current is None:
        raise CorruptStore(f"List {store.list_id} has no release in force.")
    _checked_manifest(current)
    _check_proof(current)
    for part in (part for held in current.types for part in held.parts):
        path = current.folder / part.name
        if not path.is_file() or path.stat().st_size != part.facts.length:
            raise CorruptStore(f"{part.name} is missing or has another size than when it was written.")
    return current


def _checked_manifest(current: LocalRelease) -> Manifest:
    document = _read(current.folder / "manifest.json")
    if hashlib.sha256(document).hexdigest() != current.manifest_sha256:
        raise CorruptStore("The manifest is not the one that was applied.")
    try:
        manifest = Manifest.parse(document)
    except Refusal as error:
        raise UnsupportedFormat(
            f"The manifest cannot be read: {error.message}", code="format.manifest"
        ) from error
    if manifest.list_id != current.list_id or manifest.release != current.release:
        raise CorruptStore("The manifest is about another list or release than the pointer says.")
    if manifest.root != current.state_root:
        raise CorruptStore("The pointer names another state root than the manifest.")
    return manifest


def _check_proof(current: LocalRelease) -> None:
    """Officers' root, over the top-level targets, over the publisher's list.json, over the manifest's
    digest."""
    try:
        root, targets, listed = (
            _metadata(current.folder / "proof" / f"{role}.json") for role in ("root", "targets", "list")
        )
        for document in (root, targets, listed):
            check_keys(document.signed)
        root.signed.verify_delegate("root", root.signed_bytes, root.signatures)
        root.signed.verify_delegate("targets", targets.signed_bytes, targets.signatures)
        targets.signed.verify_delegate("list", listed.signed_bytes, listed.signatures)
        vouched = listed.signed.targets[manifest_name(current.list_id)].hashes["sha256"]
    except Corrupt as error:
        raise CorruptStore(
            f"The signatures kept with this release do not count: {error.message}", code=error.code
        ) from error
    except (RepositoryError, ValueError, KeyError, AttributeError, RecursionError) as error:
        raise CorruptStore("The signatures kept with this release do not hold.") from error
    if vouched != current.manifest_sha256:
        raise CorruptStore("The signatures kept with this release are over another manifest.")


def _check_type(current: LocalRelease, held: LocalType, signed: TypeState, watch: Watch) -> None:
    hash_type = known_type(held.slug)
    parts = []
    for part in held.parts:
        path = current.folder / part.name
        try:
            check_segment(path, hash_type, Kind.FULL, expected=part.facts)
        except (Refusal, OSError) as error:
            raise CorruptStore(f"{part.name} is not what was written: {error}") from error
        parts.append(Segment(hash_type, Kind.FULL, path, part.facts))
        watch.advance(part.facts.length)
    state = State(hash_type, tuple(parts))
    leaves = leaves_of(state.iter_batches(), signed.bits, hash_type.bytes_wide)
    if state.count != signed.count or type_root(leaves, state.count) != signed.root:
        raise RootMismatch(f"The {held.slug} entries do not add up to the signed state root.", type=held.slug)


def _metadata(path: Path) -> Metadata[Any]:
    return Metadata.from_bytes(_read(path))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CorruptStore(f"{path.name} is missing from a release.") from error
