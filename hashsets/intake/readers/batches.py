"""What every reader of uploads yields: columns of text with the line that each row stands on. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Protocol, TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

TextColumn: TypeAlias = "pa.Array[Any]"

FACTS: Final = ("item", "classification", "quality", "labels", "source_ref")


class Form(StrEnum):
    WIDE = "wide"  # a column per hash type, one item a line
    LONG = "long"  # columns `type` and `hash`, one hash a line


@dataclass(frozen=True, slots=True)
class Limits:
    """Budgets of one upload; each is far above what an honest file needs and bounds what a hostile one
    costs.
    """

    line_bytes: int = (
        16_384  # a line with every hash type, PhotoDNA as 144 numbers included, stays below 2,000
    )
    rows: int = 200_000_000


@dataclass(frozen=True, slots=True)
class Layout:
    """The columns of an upload by their normalised names, in the file's order."""

    form: Form
    columns: tuple[str, ...]

    @property
    def hash_types(self) -> tuple[str, ...]:
        """Slugs that have a column of their own; none in the long form."""
        return tuple(name for name in self.columns if name not in (*FACTS, "type", "hash"))

    @property
    def given(self) -> frozenset[str]:
        """The columns beside the hashes."""
        return frozenset(self.columns) & frozenset(FACTS)

    @property
    def has_hashes(self) -> bool:
        return self.form is Form.LONG or bool(self.hash_types)


@dataclass(frozen=True, slots=True)
class Fault:
    """Lines that are no rows at all, for the one reason `code`."""

    code: str
    lines: NDArray[np.uint32]


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Some consecutive rows. `lines` are physical lines of the file, from 1; `columns` never hold null."""

    lines: NDArray[np.uint32]
    columns: Mapping[str, TextColumn]
    faults: tuple[Fault, ...]
    bytes_read: int

    @property
    def rows(self) -> int:
        """Data rows met, readable or not."""
        return len(self.lines) + sum(len(fault.lines) for fault in self.faults)


class Reader(Protocol):
    """An opened upload whose header has been read."""

    layout: Layout

    def batches(self) -> Iterator[Batch]:
        """Once, in the order of the file. Errors: Invalid for what makes the rest of the file unreadable."""
