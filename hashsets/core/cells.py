"""From text cells to typed columns, a whole column at a time: what intake calls for every column beside the hash.

Each function takes an Arrow string column (nulls and blank cells mean "empty") and returns the values with a mask of the
rows that could not be read; the caller turns these into problems with the reason named in the docstring.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeAlias, TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from hashsets.core.columns import ArrowArray

__all__ = ["Cells", "classifications", "labels", "qualities", "source_refs"]

Values = TypeVar("Values")
Column: TypeAlias = "pa.Array[Any] | pa.ChunkedArray[Any]"


@dataclass(frozen=True, slots=True, eq=False)
class Cells(Generic[Values]):
    """`values` has a row per cell (the empty value where `ok` is False)."""

    values: Values
    ok: NDArray[np.bool_]


def classifications(column: Column, codes: Mapping[str, int]) -> Cells[NDArray[np.uint8]]:
    """Label -> the list's code (case and surrounding space ignored); empty -> 0. Bad: `classification.unknown`."""
    raise NotImplementedError


def qualities(column: Column) -> Cells[NDArray[np.uint8]]:
    """Whole numbers 0..100; empty -> NO_QUALITY. Bad: `quality.unreadable`."""
    raise NotImplementedError


def labels(column: Column, codes: Mapping[str, int]) -> Cells[ArrowArray | None]:
    """Labels separated by semicolons -> ascending list<uint16>; None when all are empty. Bad: `labels.unreadable`."""
    raise NotImplementedError


def source_refs(column: Column) -> Cells[ArrowArray | None]:
    """Printable text of at most 200 UTF-8 bytes; None when all are empty. Bad: `source_ref.unreadable`."""
    raise NotImplementedError
