"""Holds a draft against the signer's own file: what would be released, and is not what the organisation sent?

Compares hashes, type by type. Where this machine still has the release before (it keeps what it signed last),
the outcome is computed exactly; otherwise the release numbers of the entries say what is new, which proves
less: whoever builds the draft writes them.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from accounts.errors import Refusal
from exchange.client.refusals import UnsupportedFormat, WrongFile
from hashsets.core.hashtypes import HASH_TYPES, HashType, hash_type
from hashsets.core.state import State

__all__ = ["Compared", "compare", "read_copy"]

Hashes = NDArray[np.bytes_]

_DELIMITERS: Final = ",;\t"


@dataclass(frozen=True, slots=True)
class Compared:
    """`absent` hashes of the signer's file are not in the draft (or, when removing, still there): rows with
    problems, most often. `exact`: computed from the release before, not from what the draft says of itself.
    """

    hashes: int
    absent: int
    exact: bool


def read_copy(file: Path) -> dict[str, set[bytes]]:
    """The hashes in the signer's own CSV, by type; rows without a readable hash are left out, as the exchange
    leaves them out. UnsupportedFormat `copy.columns` when no column names a hash type."""
    with file.open(encoding="utf-8-sig", newline="") as lines:
        first = lines.readline()
        delimiter = max(_DELIMITERS, key=first.count)
        names = [name.strip().strip('"').lower() for name in first.strip().split(delimiter)]
        typed = {at: hash_type(name) for at, name in enumerate(names) if name in HASH_TYPES}
        long = ("type" in names and "hash" in names) and (names.index("type"), names.index("hash"))
        if not typed and not long:
            raise UnsupportedFormat(
                f"The first line of {file.name} names no type of hash.",
                code="copy.columns",
                advice="Give the CSV that was submitted, as it was submitted.",
            )
        found: dict[str, set[bytes]] = {}
        for cells in csv.reader(lines, delimiter=delimiter):
            for kind, cell in _cells(cells, typed, long):
                try:
                    found.setdefault(kind.slug, set()).add(kind.parse(cell))
                except Refusal:
                    continue
        return found


def _cells(
    cells: list[str], typed: Mapping[int, HashType], long: tuple[int, int] | bool
) -> Iterator[tuple[HashType, str]]:
    for at, kind in typed.items():
        if at < len(cells) and cells[at].strip():
            yield kind, cells[at]
    if isinstance(long, tuple) and max(long) < len(cells):
        kind_named = HASH_TYPES.get(cells[long[0]].strip().lower())
        if kind_named is not None:
            yield kind_named, cells[long[1]]


def compare(
    mode: str,
    sent: Mapping[str, set[bytes]],
    after: Mapping[str, State],
    before: Mapping[str, State] | None,
    *,
    release: int,
) -> Compared:
    """WrongFile `copy.not_ours` when the draft would do what the signer's file does not ask for."""
    if release == 1:
        before = {}
    absent = hashes = 0
    for slug in sorted({*after, *sent}):
        now, ours = _hashes(after.get(slug)), _array(sent.get(slug, set()))
        hashes += len(ours)
        absent += len(_common(ours, now)) if mode == "remove" else len(_without(ours, now))
        if mode == "replace":
            foreign = _without(now, ours)
        elif before is not None:
            foreign = _unasked(mode, _hashes(before.get(slug)), ours, now)
        else:
            touched = _hashes(after.get(slug), changed_in=release)
            foreign = touched if mode == "remove" else _without(touched, ours)
        if len(foreign):
            raise WrongFile(
                f"The draft changes {len(foreign):,} {slug} entries that your file does not name.",
                code="copy.not_ours",
                advice="Do not sign. Ask your colleagues what else was submitted, then the operator.",
                type=slug,
            )
    return Compared(hashes, absent, before is not None or mode == "replace")


def _unasked(mode: str, then: Hashes, ours: Hashes, now: Hashes) -> Hashes:
    """What was put in or taken out between two releases beyond what `ours` asks for."""
    came, went = _without(now, then), _without(then, now)
    if mode == "remove":
        return np.concatenate([came, _without(went, ours)])
    return np.concatenate([_without(came, ours), went])


def _hashes(state: State | None, *, changed_in: int | None = None) -> Hashes:
    if state is None:
        return np.empty(0, "S1")
    width = f"S{state.hash_type.bytes_wide}"
    found = [np.empty(0, width)]
    for rows in state.iter_batches():
        raw = rows.hash if changed_in is None else rows.hash[rows.changed == changed_in]
        found.append(np.ascontiguousarray(raw).view(width).reshape(-1))
    return np.unique(np.concatenate(found))


def _array(hashes: set[bytes]) -> Hashes:
    return np.unique(np.array(list(hashes))) if hashes else np.empty(0, "S1")


def _without(some: Hashes, others: Hashes) -> Hashes:
    return some[~np.isin(some, others)]


def _common(some: Hashes, others: Hashes) -> Hashes:
    return some[np.isin(some, others)]
