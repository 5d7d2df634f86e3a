"""How many independent publishers, from how many jurisdictions, list a hash: computed here, from what was
verified here.

The exchange could be asked, and would have to be believed. A member that syncs several lists has all it
takes: their entries, proven by their publishers' signatures. Equal means the same bytes: two perceptual
hashes of one picture that differ in a bit do not corroborate each other. Memory does not grow with the lists.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from exchange.client.standing import Publisher
from hashsets.core.columns import Rows
from hashsets.core.keys import spans
from hashsets.core.state import State

__all__ = ["Corroboration", "Witness"]

Mask = NDArray[np.bool_]
Counts = NDArray[np.uint32]


@dataclass(frozen=True, slots=True)
class Witness:
    """Another list that was verified, and whose voice it is."""

    publisher: Publisher
    states: dict[str, State]


@dataclass(frozen=True, slots=True)
class Corroboration:
    """The voices beside the publisher of the list in question, whose own other lists add nothing."""

    own: Publisher
    witnesses: Sequence[Witness]

    def counts(self, slug: str, rows: Rows) -> tuple[Counts, Counts]:
        """Per row: publishers and jurisdictions, the list's own included."""
        by_publisher: dict[str, Mask] = {}
        by_jurisdiction: dict[str, Mask] = {}
        for witness in self.witnesses:
            state = witness.states.get(slug)
            if state is None or witness.publisher.id == self.own.id:
                continue
            listed = _listed(state, rows.hash)
            for voices, name in (
                (by_publisher, witness.publisher.id),
                (by_jurisdiction, witness.publisher.jurisdiction),
            ):
                voices[name] = voices[name] | listed if name in voices else listed
        by_jurisdiction.pop(self.own.jurisdiction, None)
        return _sum(by_publisher, len(rows)), _sum(by_jurisdiction, len(rows))


def _listed(state: State, hashes: NDArray[np.uint8]) -> Mask:
    found = state.lookup(hashes)
    if not len(found):
        return np.zeros(len(hashes), bool)
    start, stop = spans(found.hash, hashes)
    listed: Mask = stop > start
    return listed


def _sum(voices: dict[str, Mask], count: int) -> Counts:
    total = np.ones(count, np.uint32)
    for mask in voices.values():
        total += mask
    return total
