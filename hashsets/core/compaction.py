"""When a snapshot is written anew, and how a chain of deltas is shortened."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from hashsets.core.segment import Segment, Written
from hashsets.core.state import State

__all__ = ["MAX_CHAIN", "MAX_SHARE_PERCENT", "compact", "merge_deltas", "snapshot_due"]

MAX_SHARE_PERCENT: Final = 25  # a member's catch-up is then at most ~1.25 snapshots
MAX_CHAIN: Final = 32  # each delta costs every reader a file, and targets metadata has a limit of 5 MB in stock clients


def snapshot_due(count: int, operations: int, chain: int) -> bool:
    """Whether the next release should rewrite the snapshot: `operations` since the last one, on a list of `count`
    entries, in `chain` deltas. The first release always does."""
    raise NotImplementedError


def compact(state: State, folder: Path) -> list[Written]:
    """A new snapshot of the whole state, in parts, streaming."""
    raise NotImplementedError


def merge_deltas(deltas: Sequence[Segment], path: Path) -> Written:
    """Several consecutive deltas as one with the same effect (an add that is later removed vanishes)."""
    raise NotImplementedError
