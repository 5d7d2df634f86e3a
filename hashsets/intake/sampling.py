"""A few operations of each kind, for people to look at: hashes truncated, nothing else that identifies.
Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, TypedDict

import numpy as np

from hashsets.core.columns import Op, Rows
from hashsets.core.hashtypes import HashType

SAMPLE: Final = 20
# Removals first: they are what nobody notices when it is wrong.
_ORDER: Final = (Op.REMOVE, Op.UPDATE, Op.ADD)


class SampledOperation(TypedDict):
    type: str
    op: str
    hash: str
    classification: str


class Sampler:
    """Watches operations go by and remembers the first few of each kind and type."""

    def __init__(self, labels: Mapping[int, str]) -> None:
        self._labels = labels
        self._seen: dict[tuple[Op, str], list[SampledOperation]] = {}

    def watch(self, kind: HashType, batches: Iterable[Rows]) -> Iterator[Rows]:
        for rows in batches:
            for op in _ORDER:
                seen = self._seen.setdefault((op, kind.slug), [])
                if rows.op is not None and len(seen) < SAMPLE:
                    where = np.flatnonzero(rows.op == op)[: SAMPLE - len(seen)]
                    seen.extend(self._describe(kind, rows, op, row) for row in where.tolist())
            yield rows

    def sample(self) -> list[SampledOperation]:
        """At most 20, taking turns between kinds and types so that none is crowded out."""
        queues = [list(reversed(seen)) for _, seen in sorted(self._seen.items(), key=_rank) if seen]
        taken: list[SampledOperation] = []
        while queues and len(taken) < SAMPLE:
            for queue in queues:
                taken.append(queue.pop())
            queues = [queue for queue in queues if queue]
        return taken[:SAMPLE]

    def _describe(self, kind: HashType, rows: Rows, op: Op, row: int) -> SampledOperation:
        return SampledOperation(
            type=kind.slug,
            op=op.name.lower(),
            hash=kind.truncated(rows.hash[row].tobytes()),
            classification=self._labels.get(int(rows.classification[row]), ""),
        )


def _rank(entry: tuple[tuple[Op, str], list[SampledOperation]]) -> tuple[int, str]:
    (op, slug), _ = entry
    return _ORDER.index(op), slug
