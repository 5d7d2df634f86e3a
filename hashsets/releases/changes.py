"""What changed, release by release: every operation of every release, by (release, type, hash, item).

Read from segments, never from rows: a release's newest delta *is* its operations; where a release wrote a
fresh snapshot instead, they are the whole first snapshot, or the difference to the release before, kept in a
derived file that may be deleted at any time. A position is (release, operations of it already given): numbers
are given at commit under the list's lock, so nothing can ever appear before a position.

Where something had to vanish (`erase`) the feed begins anew: who has read nothing yet is told everything that
is left, as if added by that release; who has read before it is told to begin again, and never what was
erased.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow.parquet as pq

from accounts.errors import Conflict, Gone, Invalid
from hashsets.core.columns import NO_QUALITY, Op, Rows
from hashsets.core.hashtypes import HashType
from hashsets.core.keys import locate, order
from hashsets.core.manifest import TypeState
from hashsets.core.segment_writer import write_delta
from hashsets.core.state import State
from hashsets.lists.current import ListState, state_of_manifest
from hashsets.lists.models import HashList
from hashsets.releases.local_copies import clear_copies, copies_due, differences_folder
from hashsets.releases.models import Release

MOST_RELEASES: Final = 100  # looked at for one page: each costs two small files
OPERATIONS: Final = {Op.ADD: "add", Op.UPDATE: "update", Op.REMOVE: "remove"}


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """Before operation `at` (from 0) of `release`."""

    release: int = 1
    at: int = 0


@dataclass(frozen=True, slots=True)
class Change:
    """One operation. `item` 0 is none; after a removal only the key and the release are said."""

    release: int
    op: str
    hash_type: str
    hash: str
    item: int
    added: int | None = None
    classification: str | None = None
    quality: int | None = None
    labels: tuple[int, ...] = ()
    source_ref: str | None = None


@dataclass(frozen=True, slots=True)
class Changes:
    """Operations from a position on, where to go on, and the newest release that was looked at."""

    items: tuple[Change, ...]
    next: Position
    latest: int

    @property
    def more(self) -> bool:
        return self.next.release <= self.latest


@dataclass(frozen=True, slots=True)
class _Run:
    """Consecutive operations of one type in one file; `op` when the file, a snapshot's part, does not say."""

    kind: HashType
    path: Path
    op: Op | None = None


def changes_from(hash_list: HashList, position: Position, *, limit: int) -> Changes:
    """At most `limit` operations from `position` on, in releases that members can fetch.

    Errors: Gone `changes.withdrawn` when the list was erased in part since then; Conflict `changes.ahead` for
    a release that is not there; Invalid `changes.position`; Corrupt and
    NotFound when a stored file is damaged or gone.
    """
    waiting = Release.objects.filter(hash_list=hash_list, exported_at__isnull=True).order_by("number").first()
    latest = hash_list.latest_release if waiting is None else waiting.number - 1
    position = _after_withdrawal(hash_list, position)
    if position.release > latest + 1:
        raise Conflict("This position is ahead of the list.", code="changes.ahead", release=latest)
    found: list[Change] = []
    last = min(latest, position.release + MOST_RELEASES - 1)
    while position.release <= last and len(found) < limit:
        anew = position.release == hash_list.withdrawn_before
        operations = _Operations(hash_list.id, position.release, anew=anew)
        taken = operations.slice(position.at, position.at + limit - len(found))
        found.extend(taken)
        reached = position.at + len(taken)
        if position.at > operations.count:
            raise Invalid("There is no such position.", code="changes.position")
        done = reached == operations.count
        position = Position(position.release + 1) if done else Position(position.release, reached)
    return Changes(tuple(found), position, latest)


def _after_withdrawal(hash_list: HashList, position: Position) -> Position:
    """Where a reader goes on when what is before `withdrawn_before` is no longer told.

    That very release is told from its beginning only to who begins there: whoever has read everything before
    it would have to be told what was erased.
    """
    begin = hash_list.withdrawn_before
    for since in copies_due(datetime.now(UTC), 1) if begin else ():
        clear_copies(since)  # a machine that only serves has no station to do it
    if position == Position() and begin:
        return Position(begin)
    if position < Position(begin, 1):
        raise _withdrawn(begin)
    return position


def _withdrawn(begin: int) -> Gone:
    return Gone(
        "Something had to vanish from this list by law; what changed before is told no more.",
        code="changes.withdrawn",
        advice="Drop what you have of this list, then begin without a cursor.",
        release=begin,
    )


class _Operations:
    """What one release did, as a sequence; `anew`: all that it holds, as added by it."""

    def __init__(self, list_id: str, release: int, *, anew: bool = False) -> None:
        self.release = release
        self.after = _state_at(list_id, release)
        self.before = ListState() if anew else _state_at(list_id, release - 1, wanted_by=release)
        self.runs = list(self._runs())
        self.lengths = [_groups(run.path) for run in self.runs]

    @property
    def count(self) -> int:
        return sum(map(sum, self.lengths))

    def slice(self, start: int, stop: int) -> list[Change]:
        """Operations start..stop, decoding only the row groups that hold them."""
        found: list[Change] = []
        at = 0
        for run, groups in zip(self.runs, self.lengths, strict=True):
            for number, length in enumerate(groups):
                if at < stop and at + length > start:
                    rows = _read(run, number).slice(max(0, start - at), min(length, stop - at))
                    found.extend(self._told(run.kind, rows))
                at += length
        return found

    def _runs(self) -> Iterator[_Run]:
        manifest = self.after.manifest
        for typed in manifest.types if manifest else ():
            if typed.release != self.release:
                continue  # this release left the type alone
            state = self.after.of(typed.slug)
            if typed.chain:
                yield _Run(state.hash_type, _path(state.deltas[-1].source))
            elif self._is_first(typed):
                yield from (_Run(state.hash_type, _path(part.source), Op.ADD) for part in state.parts)
            else:
                yield _Run(state.hash_type, self._difference(typed, state))

    def _is_first(self, typed: TypeState) -> bool:
        known = self.before.manifest and self.before.manifest.type_state(typed.slug)
        return not known or known.count == 0

    def _difference(self, typed: TypeState, after: State) -> Path:
        """The operations of a release that wrote a fresh snapshot over an older one, as a delta file."""
        folder = differences_folder()
        kept = folder / f"{self.after.manifest_sha256}-{typed.slug}.parquet"
        if not kept.exists():
            folder.mkdir(parents=True, exist_ok=True)
            # Two workers may do this at once: each writes its own file, and both hold the same rows.
            with tempfile.TemporaryDirectory(dir=folder) as work:
                draft = Path(work) / "operations.parquet"
                write_delta(after.hash_type, self._differing(self.before.of(typed.slug), after), draft)
                draft.replace(kept)
        return kept

    def _differing(self, before: State, after: State) -> Iterator[Rows]:
        for stripe in max((after, before), key=lambda state: state.count).stripes():
            old, new = (state.rows_between(stripe.low, stripe.high) for state in (before, after))
            put = new.take(new.changed == self.release)
            put = put.with_op(np.where(put.added == self.release, Op.ADD, Op.UPDATE).astype(np.uint8))
            gone = old.take(locate(new.hash, new.item, old.hash, old.item) < 0).as_removals()
            rows = Rows.concat([put, gone])
            permutation = order(rows.hash, rows.item)
            if len(rows):
                yield rows if permutation is None else rows.take(permutation)

    def _told(self, kind: HashType, rows: Rows) -> Iterator[Change]:
        """Rows of operations as changes."""
        manifest = self.after.manifest
        names = dict(manifest.labels) if manifest else {}
        labels = None if rows.labels is None else rows.labels.to_pylist()
        references = None if rows.source_ref is None else rows.source_ref.to_pylist()
        for number in range(len(rows)):
            op = Op(int(rows.op[number])) if rows.op is not None else Op.ADD
            key = (self.release, OPERATIONS[op], kind.slug, kind.render(rows.hash[number].tobytes()))
            item = int(rows.item[number])
            if op is Op.REMOVE:
                yield Change(*key, item)
                continue
            quality = int(rows.quality[number])
            yield Change(
                *key,
                item,
                added=int(rows.added[number]),
                classification=names.get(int(rows.classification[number])),
                quality=None if quality == NO_QUALITY else quality,
                labels=() if labels is None else tuple(labels[number] or ()),
                source_ref=None if references is None else references[number],
            )


def _state_at(list_id: str, release: int, *, wanted_by: int = 0) -> ListState:
    if release == 0:
        return ListState()
    found = Release.objects.get(hash_list_id=list_id, number=release)
    if found.withdrawn_by is not None and found.withdrawn_by <= wanted_by:
        raise _withdrawn(wanted_by)  # published since this reader's list was looked up
    return state_of_manifest(list_id, release, found.manifest_sha256)


def _path(source: object) -> Path:
    if not isinstance(source, str | os.PathLike):
        raise TypeError("A stored segment lies in a file.")
    return Path(source)


def _groups(path: Path) -> Sequence[int]:
    """Rows of each row group, from the footer."""
    metadata = pq.read_metadata(path)
    return [metadata.row_group(number).num_rows for number in range(metadata.num_row_groups)]


def _read(run: _Run, group: int) -> Rows:
    with pq.ParquetFile(run.path) as file:
        rows = Rows.from_arrow(file.read_row_group(group, use_threads=False))
    return rows if run.op is None else rows.with_op(run.op)
