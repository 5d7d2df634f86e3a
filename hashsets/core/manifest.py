"""The manifest: what a release consists of, as one signed JSON document.

Canonical bytes (keys sorted, no white space, UTF-8, integers below 2**53, no floats) and a strict parser: a
document that is not byte for byte what `to_bytes` would write is refused, so there is one reading of what was
signed. The shape is in `_document`; target names are made here and nowhere else.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any, Final

from accounts.errors import Invalid, Refusal, TooLarge
from hashsets.core.hashtypes import hash_type
from hashsets.core.merkle import MAX_BITS, Root, TypeRoot, list_root
from hashsets.core.reading import MAX_INTEGER, Reader
from hashsets.core.segment import Kind, Segment, SegmentFacts, Source
from hashsets.core.state import State
from hashsets.core.withdrawal import MAX_NOTICE_BYTES, WithdrawnFacts

__all__ = [
    "MAX_MANIFEST_BYTES",
    "Delta",
    "Manifest",
    "Snapshot",
    "TypeState",
    "delta_name",
    "manifest_name",
    "part_name",
    "utc",
]

MAX_MANIFEST_BYTES: Final = 5_000_000  # 10,000 parts; beyond it a list should be several lists
FORMAT: Final = "hash-exchange manifest 1"
_TIME: Final = "%Y-%m-%dT%H:%M:%SZ"
_HEX_64: Final = re.compile(r"[0-9a-f]{64}")
_LIST_ID: Final = re.compile(r"[a-z2-7]{26}")  # 128 random bits in base32
_BOUND: Final = re.compile(r"[0-9a-f]{8}")
_NO_BOUND: Final = re.compile(r"")
_SLUG: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The snapshot that a chain starts from; no parts when the list had no entries of the type at
    `release`."""

    release: int
    parts: tuple[SegmentFacts, ...]

    @property
    def rows(self) -> int:
        return sum(part.rows for part in self.parts)

    @property
    def length(self) -> int:
        """Bytes of all parts."""
        return sum(part.length for part in self.parts)


@dataclass(frozen=True, slots=True)
class Delta:
    """Operations from the state of release `base` to that of `release` (a merged delta spans several)."""

    base: int
    release: int
    facts: SegmentFacts


@dataclass(frozen=True, slots=True)
class TypeState:
    """One hash type of the list: `bits` is the k of its Merkle tree. `chain` leads from the snapshot to the
    last release that changed this type: each delta starts where the one before it (or the snapshot) ends."""

    slug: str
    count: int
    bits: int
    root: Root
    snapshot: Snapshot
    chain: tuple[Delta, ...] = ()

    @property
    def type_root(self) -> TypeRoot:
        return TypeRoot(self.slug, self.count, self.root)

    @property
    def release(self) -> int:
        """The last release that changed this type."""
        return self.chain[-1].release if self.chain else self.snapshot.release


@dataclass(frozen=True, slots=True)
class Manifest:
    """`previous` is the SHA-256 of the previous release's manifest ("" for release 1); `prepared_at` is RFC
    3339 in UTC to the second (2026-01-31T12:00:00Z, see `utc`); `labels` maps classification codes (1..255,
    ascending) to names; `types` ascend by slug. `withdrawn` is there once something had to vanish: nothing
    that the release consists of is older than that."""

    list_id: str
    title: str
    release: int
    previous: str
    prepared_at: str
    scheme: str
    labels: tuple[tuple[int, str], ...]
    types: tuple[TypeState, ...]
    withdrawn: WithdrawnFacts | None = None

    @property
    def count(self) -> int:
        """Entries over all types."""
        return sum(state.count for state in self.types)

    @property
    def root(self) -> Root:
        """R, from the types' roots; the document states it too and `parse` refuses a difference."""
        return list_root(state.type_root for state in self.types)

    def files(self) -> Iterator[tuple[str, SegmentFacts]]:
        """Target name and facts of every segment that the release consists of."""
        for state in self.types:
            yield from self._parts(state)
            yield from self._chain(state)

    def open(self, slug: str, source_of: Callable[[str], Source]) -> State:
        """The state of one hash type; `source_of` gives the verified file behind a target name."""
        kind = hash_type(slug)
        state = self.type_state(slug)
        if state is None:
            return State(kind)
        parts = (Segment(kind, Kind.FULL, source_of(name), facts) for name, facts in self._parts(state))
        deltas = (Segment(kind, Kind.DELTA, source_of(name), facts) for name, facts in self._chain(state))
        return State(kind, tuple(parts), tuple(deltas))

    def type_state(self, slug: str) -> TypeState | None:
        return next((state for state in self.types if state.slug == slug), None)

    def _parts(self, state: TypeState) -> Iterator[tuple[str, SegmentFacts]]:
        for number, part in enumerate(state.snapshot.parts, 1):
            yield part_name(self.list_id, state.slug, state.snapshot.release, number), part

    def _chain(self, state: TypeState) -> Iterator[tuple[str, SegmentFacts]]:
        for delta in state.chain:
            yield delta_name(self.list_id, state.slug, delta.base, delta.release), delta.facts

    def to_bytes(self) -> bytes:
        """The canonical document; Invalid `manifest.corrupt` when the parts contradict each other."""
        _check(self)
        return json.dumps(
            _document(self), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
        ).encode()

    @classmethod
    def parse(cls, document: bytes) -> Manifest:
        """Invalid `manifest.corrupt` for anything but a canonical and consistent manifest, TooLarge
        `manifest.too_large`."""
        if len(document) > MAX_MANIFEST_BYTES:
            raise TooLarge("A manifest has at most 5,000,000 bytes.", code="manifest.too_large")
        try:
            manifest = _read(Reader(json.loads(document.decode()), "manifest"))
            canonical = manifest.to_bytes()
        except Refusal as refusal:
            raise corrupt(refusal.message) from refusal
        except (ValueError, RecursionError) as broken:
            raise corrupt("This is not a JSON document.") from broken
        if canonical != document:
            raise corrupt("The manifest is not in canonical form.")
        return manifest


def corrupt(message: str) -> Invalid:
    return Invalid(message, code="manifest.corrupt")


def utc(moment: datetime) -> str:
    """How a manifest writes a time; `moment` must know its zone."""
    return moment.astimezone(UTC).strftime(_TIME)


def manifest_name(list_id: str) -> str:
    """The TUF target name of a list's manifest: fixed, because no TUF client can enumerate targets."""
    return f"{list_id}/manifest.json"


def part_name(list_id: str, slug: str, release: int, number: int) -> str:
    """The TUF target name of a snapshot part; `number` counts from 1."""
    return f"{list_id}/{slug}.full-{release}.p{number:02d}.parquet"


def delta_name(list_id: str, slug: str, base: int, release: int) -> str:
    """The TUF target name of a delta."""
    return f"{list_id}/{slug}.delta-{base}-{release}.parquet"


def _document(manifest: Manifest) -> dict[str, Any]:
    withdrawn = {} if manifest.withdrawn is None else {"withdrawn": asdict(manifest.withdrawn)}
    return {
        **withdrawn,
        "format": FORMAT,
        "list_id": manifest.list_id,
        "title": manifest.title,
        "release": manifest.release,
        "previous": manifest.previous,
        "prepared_at": manifest.prepared_at,
        "classification": {
            "scheme": manifest.scheme,
            "labels": [{"code": code, "name": name} for code, name in manifest.labels],
        },
        "count": manifest.count,
        "root": manifest.root,
        "types": [
            {
                "type": state.slug,
                "count": state.count,
                "bits": state.bits,
                "root": state.root,
                "snapshot": {
                    "release": state.snapshot.release,
                    "parts": [_facts(part) for part in state.snapshot.parts],
                },
                "chain": [
                    {
                        "from": delta.base,
                        "to": delta.release,
                        "adds": delta.facts.adds,
                        "updates": delta.facts.updates,
                        "removals": delta.facts.removals,
                        **_facts(delta.facts),
                    }
                    for delta in state.chain
                ],
            }
            for state in manifest.types
        ],
    }


def _facts(facts: SegmentFacts) -> dict[str, Any]:
    return {name: getattr(facts, name) for name in ("sha256", "length", "rows", "first", "last")}


def _read(document: Reader) -> Manifest:
    if document.get("format").text() != FORMAT:
        raise corrupt("This manifest is of another format.")
    classification = document.get("classification")
    return Manifest(
        list_id=document.get("list_id").text(),
        title=document.get("title").text(),
        release=document.get("release").integer(1),
        previous=document.get("previous").text(),
        prepared_at=document.get("prepared_at").text(),
        scheme=classification.get("scheme").text(),
        labels=tuple(
            (label.get("code").integer(1, 255), label.get("name").text())
            for label in classification.get("labels").items()
        ),
        types=tuple(_read_type(state) for state in document.get("types").items()),
        withdrawn=_read_withdrawn(document.get("withdrawn")) if document.has("withdrawn") else None,
    )


def _read_withdrawn(facts: Reader) -> WithdrawnFacts:
    return WithdrawnFacts(
        before=facts.get("before").integer(2),
        length=facts.get("length").integer(1, MAX_NOTICE_BYTES),
        sha256=facts.get("sha256").text(),
    )


def _read_type(state: Reader) -> TypeState:
    snapshot = state.get("snapshot")
    return TypeState(
        slug=state.get("type").text(),
        count=state.get("count").integer(),
        bits=state.get("bits").integer(0, MAX_BITS),
        root=state.get("root").text(),
        snapshot=Snapshot(
            release=snapshot.get("release").integer(1),
            parts=tuple(_read_facts(part) for part in snapshot.get("parts").items()),
        ),
        chain=tuple(
            Delta(
                base=delta.get("from").integer(1),
                release=delta.get("to").integer(2),
                facts=_read_facts(delta, operations=True),
            )
            for delta in state.get("chain").items()
        ),
    )


def _read_facts(facts: Reader, *, operations: bool = False) -> SegmentFacts:
    counts = ("adds", "updates", "removals") if operations else ()
    return SegmentFacts(
        sha256=facts.get("sha256").text(),
        length=facts.get("length").integer(1),
        rows=facts.get("rows").integer(),
        first=facts.get("first").text(),
        last=facts.get("last").text(),
        **{name: facts.get(name).integer() for name in counts},
    )


def _check(manifest: Manifest) -> None:
    """What the shape alone does not say; the same for what is written and what is read."""
    slugs = [state.slug for state in manifest.types]
    codes = [code for code, _ in manifest.labels]
    names = [name for _, name in manifest.labels]
    first = manifest.release == 1
    agreed = (
        (_LIST_ID.fullmatch(manifest.list_id), "the list id"),
        (0 < len(manifest.title) <= 300, "the title"),
        (manifest.release >= 1, "the release number"),
        (not manifest.previous if first else _HEX_64.fullmatch(manifest.previous), "the previous manifest"),
        (_is_time(manifest.prepared_at), "the time"),
        (_SLUG.fullmatch(manifest.scheme), "the classification scheme"),
        (codes == sorted(set(codes)) and all(0 < code < 256 for code in codes), "the classification codes"),
        (len(set(names)) == len(names) and all(0 < len(name) <= 100 for name in names), "the labels"),
        (slugs == sorted(set(slugs)) and all(map(_SLUG.fullmatch, slugs)), "the hash types"),
        (_nothing_withdrawn_is_named(manifest), "the notice of withdrawal"),
    )
    for fine, what in agreed:
        if not fine:
            raise corrupt(f"The manifest contradicts itself or is incomplete: {what}.")
    for state in manifest.types:
        _check_type(state, manifest.release)


def _nothing_withdrawn_is_named(manifest: Manifest) -> bool:
    facts = manifest.withdrawn
    if facts is None:
        return True
    return bool(
        2 <= facts.before <= manifest.release
        and _HEX_64.fullmatch(facts.sha256)
        and all(state.snapshot.release >= facts.before for state in manifest.types)
    )


def _check_type(state: TypeState, release: int) -> None:
    releases = [state.snapshot.release, *(delta.release for delta in state.chain)]
    growth = sum(delta.facts.adds - delta.facts.removals for delta in state.chain)
    parts, chain = state.snapshot.parts, [delta.facts for delta in state.chain]
    agreed = (
        (releases == sorted(set(releases)) and min(releases) >= 1 and releases[-1] <= release, "releases"),
        ([delta.base for delta in state.chain] == releases[:-1], "the chain"),
        (state.count == state.snapshot.rows + growth and state.count >= 0, "the count"),
        (0 <= state.bits <= MAX_BITS and _HEX_64.fullmatch(state.root), "the root"),
        (all(map(_are_facts, [*parts, *chain])), "the facts of a file"),
        (all(part.rows and not _operations(part) for part in parts), "a part"),
        (all(_operations(facts) == facts.rows for facts in chain), "the counts of a delta"),
        (all(one.last <= other.first for one, other in pairwise(parts)), "the order of parts"),
    )
    for fine, what in agreed:
        if not fine:
            raise corrupt(f"The manifest contradicts itself about {state.slug}: {what}.")


def _operations(facts: SegmentFacts) -> int:
    return facts.adds + facts.updates + facts.removals


def _are_facts(facts: SegmentFacts) -> bool:
    bounds = _BOUND if facts.rows else _NO_BOUND
    return bool(
        _HEX_64.fullmatch(facts.sha256)
        and bounds.fullmatch(facts.first)
        and bounds.fullmatch(facts.last)
        and facts.first <= facts.last
        and 0 < facts.length <= MAX_INTEGER
    )


def _is_time(text: str) -> bool:
    try:
        return datetime.strptime(text, _TIME).replace(tzinfo=UTC).strftime(_TIME) == text
    except ValueError:
        return False
