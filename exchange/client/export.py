"""A verified list as one file in a format of the member's choice.

(1) prove the list's folder as `hashx verify` does, (2) render the chosen entries batch by batch, (3) replace
the file in one step. What is exported is derived: the signed segments stay, and the state root that is
confirmed is always that of the whole list, whatever was chosen here.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from exchange.client.apply import known_type
from exchange.client.corroboration import Corroboration, Witness
from exchange.client.durable import replacing
from exchange.client.formats import Format
from exchange.client.refusals import CorruptStore, Usage
from exchange.client.rendering import NOTED_SCHEMA, SCHEMA, Names, render
from exchange.client.sieve import Sieve
from exchange.client.standing import publisher_of, standing_of, stores_beside
from exchange.client.store import ListStore, LocalRelease, LocalType
from exchange.client.verify import verify_list
from exchange.client.watch import Watch
from exchange.client.writers import WRITERS
from hashsets.core.columns import Rows
from hashsets.core.hashtypes import HashType
from hashsets.core.manifest import Manifest
from hashsets.core.policy import UNCLASSIFIED_NAME, TrustPolicy
from hashsets.core.segment import Kind, Segment
from hashsets.core.state import State

__all__ = ["Choice", "Exported", "export_list", "held_state", "made_of", "sieve_of"]


@dataclass(frozen=True, slots=True)
class Choice:
    """Which entries: empty means all. Classifications by name, `unclassified` for those without one.

    `policy` None: the one kept with the list. `notes`: say of every entry how many publishers and
    jurisdictions list it.
    """

    types: frozenset[str] = frozenset()
    classifications: frozenset[str] = frozenset()
    policy: TrustPolicy | None = None
    notes: bool = False


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written; `count` is what the whole list holds. `left_out`: why the policy let nothing of the
    list through; `publishers`: how many of the written entries so many publishers list, when counted."""

    list_id: str
    title: str
    release: int
    state_root: str
    format: Format
    out: Path
    entries: int
    count: int
    types: tuple[str, ...]
    policy: dict[str, Any]
    left_out: str
    publishers: dict[int, int]


def export_list(
    store: ListStore, format_: Format, files: Mapping[Path, Choice], *, watch: Watch
) -> list[Exported]:
    """Write the chosen entries of the release in force to each of `files`.

    Usage `export.*` for a choice that the list cannot serve, `policy.unknown_publisher` for a policy that it
    cannot be held against; whatever `verify_list` refuses. A file is left as it was unless everything was
    written to it.
    """
    verify_list(store, watch=watch)
    current = store.current()
    if current is None:  # verified just now; somebody moved the folder away
        raise CorruptStore(f"List {store.list_id} has no release in force.")
    return [_Export(store, current, choice, format_, watch).write(out) for out, choice in files.items()]


class _Export:
    """One file to be."""

    def __init__(
        self, store: ListStore, current: LocalRelease, choice: Choice, format_: Format, watch: Watch
    ) -> None:
        manifest = Manifest.parse((current.folder / "manifest.json").read_bytes())
        self._current = current
        self._format = format_
        self._watch = watch
        self._types = _chosen_types(current, choice, format_)
        self._sieve = sieve_of(store, manifest, choice, watch=watch)
        self._names = Names(dict(manifest.labels))
        self._schema = SCHEMA if self._sieve.corroboration is None else NOTED_SCHEMA

    def write(self, out: Path) -> Exported:
        self._watch.begin("Exporting", sum(held.count for held in self._types))
        entries = 0
        with replacing(out) as temporary:
            writer = WRITERS[self._format](temporary, self._schema, self._facts())
            try:
                for kind, rows in _rows(self._current, self._types, self._watch):
                    passed = self._sieve.passed(kind.slug, rows)
                    if len(passed.rows):
                        entries += len(passed.rows)
                        writer.write(render(kind, passed.rows, self._names, passed.notes))
            finally:
                writer.close()
        return self._exported(out, entries)

    def _exported(self, out: Path, entries: int) -> Exported:
        return Exported(
            list_id=self._current.list_id,
            title=self._current.title,
            release=self._current.release,
            state_root=self._current.state_root,
            format=self._format,
            out=out,
            entries=entries,
            count=self._current.count,
            types=tuple(held.slug for held in self._types),
            policy=self._sieve.policy.document(),
            left_out=self._sieve.left_out,
            publishers=dict(sorted(self._sieve.tally.items())),
        )

    def _facts(self) -> dict[str, str]:
        return {
            "list_id": self._current.list_id,
            "title": self._current.title,
            "release": str(self._current.release),
            "state_root": self._current.state_root,
            "policy": json.dumps(self._sieve.policy.document()),
        }


def sieve_of(store: ListStore, manifest: Manifest, choice: Choice, *, watch: Watch) -> Sieve:
    """The choice and the policy, as they apply to one list. The lists that corroborate are verified first."""
    standing = standing_of(store)
    if choice.policy is None and store.standing() is None:
        # Not learned is not the same as none: what the policy keeps out must not slip through.
        raise Usage(
            f"The trust policy for list {store.list_id} is not known here.",
            code="policy.unknown",
            advice="Run `hashx sync`, or say --policy or --no-policy.",
        )
    policy = standing.policy if choice.policy is None else choice.policy
    sieve = Sieve(_codes(manifest, choice.classifications, policy), policy)
    if not policy.asks_who_publishes and not choice.notes:
        return sieve
    own = publisher_of(store, standing)
    sieve.left_out = policy.why_not(own.kind, own.jurisdiction)
    if (policy.asks_for_corroboration or choice.notes) and not sieve.left_out:
        sieve.corroboration = Corroboration(own, list(_witnesses(store, policy, watch)))
    return sieve


def made_of(store: ListStore, current: LocalRelease) -> str:
    """A digest of everything that an export without options depends on."""
    standing = standing_of(store)
    told: list[object] = [current.manifest_sha256, standing.policy.document(), repr(standing.publisher)]
    if standing.policy.asks_for_corroboration:
        for other in stores_beside(store):
            beside = other.current()
            told += [beside and beside.manifest_sha256, repr(standing_of(other).publisher)]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()


def _witnesses(store: ListStore, policy: TrustPolicy, watch: Watch) -> Iterator[Witness]:
    """Lists of publishers that the policy accepts; one whose publisher is not known has no voice."""
    for other in stores_beside(store):
        publisher = standing_of(other).publisher
        if publisher is None or policy.why_not(publisher.kind, publisher.jurisdiction):
            continue
        verify_list(other, watch=watch)
        current = other.current()
        if current is not None:
            yield Witness(publisher, {held.slug: held_state(current, held) for held in current.types})


def _codes(manifest: Manifest, classifications: frozenset[str], policy: TrustPolicy) -> frozenset[int] | None:
    """The codes that pass; None: all. A label of the policy that this list does not have matches nothing."""
    codes = {name: code for code, name in manifest.labels} | {UNCLASSIFIED_NAME: 0}
    if unknown := sorted(classifications.difference(codes)):
        raise Usage(
            f"This list has no classification {', '.join(unknown)}.",
            code="export.unknown_classification",
            field="--classification",
            advice=f"It has: {', '.join(codes)}.",
        )
    chosen = [names for names in (classifications, policy.classifications) if names]
    if not chosen:
        return None
    return frozenset(code for name, code in codes.items() if all(name in names for names in chosen))


def held_state(current: LocalRelease, held: LocalType) -> State:
    """The entries of one type as they lie in the folder."""
    kind = known_type(held.slug)
    parts = (Segment(kind, Kind.FULL, current.folder / part.name, part.facts) for part in held.parts)
    return State(kind, tuple(parts))


def _rows(
    current: LocalRelease, types: tuple[LocalType, ...], watch: Watch
) -> Iterator[tuple[HashType, Rows]]:
    for held in types:
        state = held_state(current, held)
        for rows in state.iter_batches():
            yield state.hash_type, rows
            watch.advance(len(rows))


def _chosen_types(current: LocalRelease, choice: Choice, format_: Format) -> tuple[LocalType, ...]:
    there = [held.slug for held in current.types]
    if unknown := sorted(choice.types.difference(there)):
        raise Usage(
            f"This list holds no hashes of type {', '.join(unknown)}.",
            code="export.unknown_type",
            field="--type",
            advice=f"It holds: {', '.join(there)}.",
        )
    chosen = tuple(held for held in current.types if not choice.types or held.slug in choice.types)
    if format_ is Format.TXT and len(chosen) > 1:
        raise Usage(
            "A text file has room for one hash type, or nobody could tell them apart.",
            code="export.one_type",
            field="--type",
            advice=f"Say which: --type {' or --type '.join(there)}.",
        )
    return chosen
