"""What a submission would change: operations between a list's state and the submitted rows, in one of four modes.

add      an entry that is there with the same facts is a counted no-op, with different facts a problem
update   an absent entry is a problem; a column that is not given keeps its value, an empty cell clears it
remove   an absent entry is counted; facts are ignored
replace  the submission is the whole list from now on

Work is proportional to the change for small submissions (only the row groups that can hold a key are read) and a
streaming merge for large ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from hashsets.core.columns import Rows
from hashsets.core.entries import Entries
from hashsets.core.reasons import Problems
from hashsets.core.state import State

__all__ = ["Comparison", "DiffCounts", "Mode", "compare", "operations_digest"]


class Mode(StrEnum):
    ADD = "add"
    UPDATE = "update"
    REMOVE = "remove"
    REPLACE = "replace"


@dataclass(frozen=True, slots=True)
class DiffCounts:
    """Operations, and rows that ask for nothing: `unchanged` (already so) and `absent` (removed but not there)."""

    adds: int = 0
    updates: int = 0
    removals: int = 0
    unchanged: int = 0
    absent: int = 0
    problems: int = 0

    @property
    def operations(self) -> int:
        return self.adds + self.updates + self.removals


class Comparison:
    """A diff in progress: iterate `batches()` once (for example into `write_delta`), then read `counts` and `problems`."""

    def batches(self) -> Iterator[Rows]:
        """Delta rows with `op`, ascending."""
        raise NotImplementedError

    @property
    def counts(self) -> DiffCounts:
        raise NotImplementedError

    @property
    def problems(self) -> Problems:
        raise NotImplementedError


def compare(state: State, incoming: Entries | Iterable[Entries], mode: Mode, *, release: int) -> Comparison:
    """`incoming` is sorted and unique (`Entries.sort`), or several such runs with ascending, disjoint hashes.
    `release` is the number that new and changed rows will carry."""
    raise NotImplementedError


def operations_digest(deltas: Mapping[str, Iterable[Rows]]) -> str:
    """SHA-256 (hex) over the operations per hash type slug: what an approval is bound to. The same operations give the
    same digest whatever the file encoding, the batch sizes and the release numbers in `added` and `changed`."""
    raise NotImplementedError
