"""When a snapshot is written anew, and how a chain of deltas is shortened."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from accounts.errors import Conflict
from hashsets.core.columns import Op, Rows
from hashsets.core.keys import order, same_key_as_before
from hashsets.core.segment import Segment
from hashsets.core.segment_writer import Written, write_delta, write_snapshot
from hashsets.core.state import State

__all__ = ["MAX_CHAIN", "MAX_SHARE_PERCENT", "compact", "merge_deltas", "snapshot_due"]

MAX_SHARE_PERCENT: Final = 25  # a member's catch-up is then at most ~1.25 snapshots
MAX_CHAIN: Final = 32  # each delta costs every reader a file; stock clients stop at 5 MB of targets metadata


def snapshot_due(count: int, operations: int, chain: int) -> bool:
    """Whether this release should rewrite the snapshot: with it, `operations` rows in `chain` deltas stand
    over the last snapshot of a list that has `count` entries now."""
    return operations * 100 > count * MAX_SHARE_PERCENT or chain > MAX_CHAIN


def compact(state: State, folder: Path) -> list[Written]:
    """A new snapshot of the whole state, in parts, streaming."""
    return write_snapshot(state.hash_type, state.iter_batches(), folder)


def merge_deltas(deltas: Sequence[Segment], path: Path) -> Written:
    """Consecutive deltas, oldest first, as one with the same effect (an add that is later removed vanishes).

    Raises Conflict `delta.chain` when they do not follow one another."""
    return write_delta(deltas[0].hash_type, _merged(deltas), path)


def _merged(deltas: Sequence[Segment]) -> Iterator[Rows]:
    # As a chain without a snapshot the deltas cut the hash space into stripes of their own row groups.
    frame = State(deltas[0].hash_type, (), tuple(deltas))
    for stripe in frame.stripes():
        pieces = [delta.between(stripe.low, stripe.high) for delta in deltas]
        merged = _one_operation_each(Rows.concat(pieces))
        if len(merged):
            yield merged


def _one_operation_each(rows: Rows) -> Rows:
    """Per key the one operation that does what its operations in turn do."""
    permutation = order(rows.hash, rows.item)
    rows = rows if permutation is None else rows.take(permutation)
    assert rows.op is not None  # noqa: S101 - rows of deltas
    again = same_key_as_before(rows.hash, rows.item)
    if not again.any():
        return rows
    follows = again & ((rows.op == Op.ADD) != (_before(rows.op) == Op.REMOVE))
    if follows.any():
        raise Conflict("These deltas do not follow one another.", code="delta.chain")
    firsts = np.flatnonzero(~again)
    lasts = np.append(firsts[1:] - 1, len(rows) - 1)
    was_absent, is_gone = rows.op[firsts] == Op.ADD, rows.op[lasts] == Op.REMOVE
    op = np.where(was_absent, Op.ADD, np.where(is_gone, Op.REMOVE, Op.UPDATE)).astype(np.uint8)
    return rows.take(lasts).with_op(op).take(~(was_absent & is_gone))


def _before(op: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.concatenate([op[:1], op[:-1]])
