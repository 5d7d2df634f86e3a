"""A verified list as one file in a format of the member's choice.

(1) prove the list's folder as `hashx verify` does, (2) render the chosen entries batch by batch, (3) replace
the file in one step. What is exported is derived: the signed segments stay, and the state root that is
confirmed is always that of the whole list, whatever was chosen here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from exchange.client.apply import known_type
from exchange.client.durable import replacing
from exchange.client.formats import Format
from exchange.client.refusals import CorruptStore, Usage
from exchange.client.rendering import SCHEMA, Names, render
from exchange.client.store import ListStore, LocalRelease, LocalType
from exchange.client.verify import verify_list
from exchange.client.watch import Watch
from exchange.client.writers import WRITERS
from hashsets.core.columns import Rows
from hashsets.core.hashtypes import HashType
from hashsets.core.manifest import Manifest
from hashsets.core.segment import Kind, Segment
from hashsets.core.state import State

__all__ = ["UNCLASSIFIED", "Choice", "Exported", "export_list", "held_state"]

UNCLASSIFIED: Final = "unclassified"

Mask = Callable[[Rows], NDArray[np.bool_]]


@dataclass(frozen=True, slots=True)
class Choice:
    """Which entries: empty means all. Classifications by name, `unclassified` for those without one."""

    types: frozenset[str] = frozenset()
    classifications: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written; `count` is what the whole list holds."""

    list_id: str
    title: str
    release: int
    state_root: str
    format: Format
    out: Path
    entries: int
    count: int
    types: tuple[str, ...]


def export_list(
    store: ListStore, format_: Format, files: Mapping[Path, Choice], *, watch: Watch
) -> list[Exported]:
    """Write the chosen entries of the release in force to each of `files`.

    Usage `export.*` for a choice that the list cannot serve; whatever `verify_list` refuses. A file is left
    as it was unless everything was written to it.
    """
    verify_list(store, watch=watch)
    current = store.current()
    if current is None:  # verified just now; somebody moved the folder away
        raise CorruptStore(f"List {store.list_id} has no release in force.")
    manifest = Manifest.parse((current.folder / "manifest.json").read_bytes())
    return [_Export(current, manifest, choice, format_).write(out, watch) for out, choice in files.items()]


class _Export:
    """One file to be."""

    def __init__(self, current: LocalRelease, manifest: Manifest, choice: Choice, format_: Format) -> None:
        self._current = current
        self._format = format_
        self._types = _chosen_types(current, choice, format_)
        self._mask = _mask_of(manifest, choice)
        self._names = Names(dict(manifest.labels))

    def write(self, out: Path, watch: Watch) -> Exported:
        watch.begin("Exporting", sum(held.count for held in self._types))
        entries = 0
        with replacing(out) as temporary:
            writer = WRITERS[self._format](temporary, SCHEMA, _facts(self._current))
            try:
                for kind, rows in _rows(self._current, self._types, watch):
                    kept = rows if self._mask is None else rows.take(self._mask(rows))
                    if len(kept):
                        entries += len(kept)
                        writer.write(render(kind, kept, self._names))
            finally:
                writer.close()
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
        )


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


def _mask_of(manifest: Manifest, choice: Choice) -> Mask | None:
    """Which rows are of the chosen classifications; None when all are."""
    if not choice.classifications:
        return None
    codes = {name: code for code, name in manifest.labels} | {UNCLASSIFIED: 0}
    if unknown := sorted(choice.classifications.difference(codes)):
        raise Usage(
            f"This list has no classification {', '.join(unknown)}.",
            code="export.unknown_classification",
            field="--classification",
            advice=f"It has: {', '.join(codes)}.",
        )
    wanted = np.zeros(256, bool)
    wanted[[codes[name] for name in choice.classifications]] = True
    return lambda rows: wanted[rows.classification]


def _facts(current: LocalRelease) -> dict[str, str]:
    return {
        "list_id": current.list_id,
        "title": current.title,
        "release": str(current.release),
        "state_root": current.state_root,
    }
