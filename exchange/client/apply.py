"""From verified files to a new local state of one hash type, and the proof that it is the one that was
signed.

Nothing here touches the release in force: new files are written beside it, files that stay the same are hard
links. A delta costs what it touches: only parts with a changed entry are rewritten, only buckets with one are
hashed again.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from accounts.errors import Refusal
from exchange.client.plan import Needed, Transport, TypePlan
from exchange.client.refusals import CorruptStore, RootMismatch, UnsupportedFormat, WrongFile
from exchange.client.store import LocalPart, LocalRelease, LocalType
from hashsets.core.foreign import check_segment
from hashsets.core.hashtypes import HashType, hash_type
from hashsets.core.manifest import TypeState
from hashsets.core.merkle import leaves_of, type_root
from hashsets.core.segment import Kind, Segment
from hashsets.core.segment_writer import write_snapshot
from hashsets.core.state import State, apply_delta, touched_leaves

__all__ = ["build_type", "checked_segment", "known_type", "leaves_path", "part_paths"]

CHUNK: Final = 1024 * 1024


def known_type(slug: str) -> HashType:
    """UnsupportedFormat `format.hash_type` for a type that this version does not know."""
    try:
        return hash_type(slug)
    except Refusal as error:
        raise UnsupportedFormat(
            f"This version of hashx does not know the hash type '{slug}'.",
            code="format.hash_type",
            advice="Install a newer hashx.",
        ) from error


def leaves_path(folder: Path, slug: str) -> Path:
    return folder / "leaves" / slug


def part_paths(folder: Path, held: LocalType) -> list[Path]:
    return [folder / part.name for part in held.parts]


def checked_segment(path: Path, slug: str, kind: Kind, needed: Needed) -> Segment:
    """A downloaded segment, read strictly once. WrongFile or UnsupportedFormat: signed, but not what it
    should be."""
    try:
        facts = check_segment(path, known_type(slug), kind, expected=needed.facts)
    except Refusal as error:
        if error.code == "segment.mismatch":
            raise WrongFile("A file does not hold what the signed manifest says about it.") from error
        raise UnsupportedFormat(
            f"A signed file of type {slug} is not a segment that hashx can read: {error.message}",
            code="format.segment",
        ) from error
    return Segment(known_type(slug), kind, path, facts)


@dataclass(frozen=True, slots=True)
class _Range:
    """Neighbouring parts that are rewritten together, and the hashes low <= hash < high that belong to
    them."""

    low: bytes | None
    high: bytes | None
    parts: tuple[Segment, ...]


def build_type(
    plan: TypePlan, files: Mapping[str, Path], previous: LocalRelease | None, folder: Path
) -> LocalType:
    """Write one type of a new release into `folder`, and prove its root.

    `files` are the downloads by target name. Raises RootMismatch when the entries do not add up to the signed
    root, and whatever shows that the release in force is damaged (CorruptStore, or a refusal of the data
    plane): the caller then starts from the snapshot.
    """
    slug = plan.state.slug
    (folder / slug).mkdir(parents=True, exist_ok=True)
    if plan.transport is Transport.KEEP:
        return _kept(plan.state, _held(previous, slug), folder)
    if plan.transport is Transport.SNAPSHOT:
        parts = tuple(checked_segment(files[needed.name], slug, Kind.FULL, needed) for needed in plan.parts)
        leaves = None
    else:
        held = _held(previous, slug)
        parts = tuple(_local_segments(held, slug))
        leaves = _held_leaves(held, slug, plan.state.bits)
    deltas = [checked_segment(files[needed.name], slug, Kind.DELTA, needed) for needed in plan.deltas]
    state = State(known_type(slug), parts)
    for delta in deltas:
        state = apply_delta(state, delta)
    leaves = _leaves_after(state, deltas, leaves, plan.state.bits)
    _prove(plan.state, state, leaves)
    written = tuple(_rewrite(state, deltas, folder, slug, check=plan.transport is Transport.DELTAS))
    _store_leaves(folder, slug, leaves)
    return LocalType(slug, plan.state.count, plan.state.bits, plan.state.root, written)


def _prove(signed: TypeState, state: State, leaves: bytes) -> None:
    count = state.count
    if count != signed.count or type_root(leaves, count) != signed.root:
        raise RootMismatch(
            f"The {signed.slug} entries do not add up to the state root that the publisher signed.",
            advice="What you have applied stays in place. Tell the publisher and the operator.",
            type=signed.slug,
        )


def _leaves_after(state: State, deltas: Sequence[Segment], leaves: bytes | None, bits: int) -> bytes:
    if leaves is None:
        return leaves_of(state.iter_batches(), bits, state.hash_type.bytes_wide)
    for delta in deltas:
        leaves = touched_leaves(leaves, bits, state, delta)
    return leaves


def _held(previous: LocalRelease | None, slug: str) -> tuple[LocalRelease, LocalType]:
    held = previous.of(slug) if previous is not None else None
    if previous is None or held is None:
        raise CorruptStore("The release in force lacks a hash type that its manifest names.")
    return previous, held


def _kept(signed: TypeState, held: tuple[LocalRelease, LocalType], folder: Path) -> LocalType:
    release, local = held
    for part in local.parts:
        _check_size(release.folder / part.name, part)
        _link(release.folder / part.name, folder / part.name)
    leaves = leaves_path(release.folder, local.slug)
    if leaves.exists():
        _link(leaves, leaves_path(folder, local.slug))
    return LocalType(local.slug, signed.count, signed.bits, signed.root, local.parts)


def _local_segments(held: tuple[LocalRelease, LocalType], slug: str) -> Iterator[Segment]:
    release, local = held
    for part in local.parts:
        path = release.folder / part.name
        _check_size(path, part)
        yield Segment(known_type(slug), Kind.FULL, path, part.facts)


def _check_size(path: Path, part: LocalPart) -> None:
    if not path.is_file() or path.stat().st_size != part.facts.length:
        raise CorruptStore(f"{part.name} is missing or has another size than when it was written.")


def _held_leaves(held: tuple[LocalRelease, LocalType], slug: str, bits: int) -> bytes | None:
    """The leaves of the release in force; None when they are to be computed from its entries."""
    release, local = held
    if local.bits != bits:
        return None
    try:
        leaves = leaves_path(release.folder, slug).read_bytes()
    except FileNotFoundError:
        return None
    return leaves if len(leaves) == 32 << bits and type_root(leaves, local.count) == local.root else None


def _store_leaves(folder: Path, slug: str, leaves: bytes) -> None:
    path = leaves_path(folder, slug)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(leaves)


def _rewrite(
    state: State, deltas: Sequence[Segment], folder: Path, slug: str, *, check: bool
) -> Iterator[LocalPart]:
    """The state as parts without a chain, so that any tool reads it: parts that no delta touches are
    linked."""
    number = 0
    for stretch in _ranges(state.parts):
        if stretch.parts and not any(_touches(delta, stretch) for delta in deltas):
            sources = [(Path(str(part.source)), part.facts) for part in stretch.parts]
        else:
            if check:
                _check_digests(stretch.parts)
            rows = state.rows_between(stretch.low, stretch.high)
            fresh = folder / slug / f"new-{number:04d}"
            fresh.mkdir()
            written = write_snapshot(state.hash_type, [rows] if len(rows) else [], fresh)
            sources = [(one.path, one.facts) for one in written]
        for path, facts in sources:
            assert facts is not None  # noqa: S101 - every part here was given its facts
            number += 1
            name = f"{slug}/p{number:04d}.parquet"
            _link(path, folder / name)
            yield LocalPart(name, facts)
    for fresh in (folder / slug).glob("new-*"):
        shutil.rmtree(fresh)


def _ranges(parts: Sequence[Segment]) -> list[_Range]:
    """Cut the hashes at the first hash of each part; parts that share a hash (with several items) stay
    together."""
    groups: list[list[Segment]] = []
    for part in parts:
        if groups and groups[-1][-1].last >= part.first:
            groups[-1].append(part)
        else:
            groups.append([part])
    lows: list[bytes | None] = [None, *(group[0].first for group in groups[1:])]
    highs: list[bytes | None] = [*lows[1:], None]
    if not groups:
        return [_Range(None, None, ())]
    return [_Range(low, high, tuple(group)) for low, high, group in zip(lows, highs, groups, strict=True)]


def _touches(delta: Segment, stretch: _Range) -> bool:
    return delta.meets(stretch.low, stretch.high) and len(delta.between(stretch.low, stretch.high)) > 0


def _check_digests(parts: Sequence[Segment]) -> None:
    """A damaged file must not be rewritten into one that looks sound."""
    for part in parts:
        digest = hashlib.sha256()
        with Path(str(part.source)).open("rb") as file:
            while piece := file.read(CHUNK):
                digest.update(piece)
        if part.facts is None or digest.hexdigest() != part.facts.sha256:
            raise CorruptStore("A file of the release in force is not what was written.")


def _link(source: Path, destination: Path) -> None:
    """The same file under another name; a copy where the file system has no hard links."""
    destination.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, destination)
    except OSError:
        shutil.copyfile(source, destination)
