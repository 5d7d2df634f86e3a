"""Which entries pass: the classifications asked for, then the member's trust policy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from exchange.client.corroboration import Corroboration
from hashsets.core.columns import Rows
from hashsets.core.policy import TrustPolicy

__all__ = ["Passed", "Sieve"]


@dataclass(frozen=True, slots=True)
class Passed:
    """The rows that passed, and the notes about each when they were counted."""

    rows: Rows
    notes: Mapping[str, NDArray[np.uint32]]


@dataclass(slots=True)
class Sieve:
    """`classifications` None: any; `left_out`: why nothing of the list passes, "" otherwise. `tally` counts
    what passed by its number of publishers."""

    classifications: Collection[int] | None = None
    policy: TrustPolicy = field(default_factory=TrustPolicy)
    left_out: str = ""
    corroboration: Corroboration | None = None
    tally: Counter[int] = field(default_factory=Counter)

    def passed(self, slug: str, rows: Rows) -> Passed:
        if self.left_out:
            return Passed(rows.slice(0, 0), {})
        if self.classifications is not None:
            wanted = np.zeros(256, bool)
            wanted[list(self.classifications)] = True
            rows = rows.take(wanted[rows.classification])
        if self.corroboration is None or not len(rows):
            return Passed(rows, {})
        publishers, jurisdictions = self.corroboration.counts(slug, rows)
        enough = (publishers >= self.policy.minimum_publishers) & (
            jurisdictions >= self.policy.minimum_jurisdictions
        )
        publishers, jurisdictions = publishers[enough], jurisdictions[enough]
        numbers, how_many = np.unique(publishers, return_counts=True)
        self.tally.update(dict(zip(numbers.tolist(), how_many.tolist(), strict=True)))
        return Passed(rows.take(enough), {"publishers": publishers, "jurisdictions": jurisdictions})
