"""Entries as text and numbers that any tool reads: canonical hashes, names instead of codes, safe cells.

A batch is rendered column by column over Arrow buffers; a row costs a fraction of a microsecond.
"""

from __future__ import annotations

import binascii
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from hashsets.core.arrays import ArrowArray, mask_array, numbers_array, numbers_of, offsets_of
from hashsets.core.columns import NO_QUALITY, Rows
from hashsets.core.hashtypes import Encoding, HashType
from hashsets.core.spreadsheets import safe_texts

__all__ = ["NOTED_SCHEMA", "SCHEMA", "Names", "render", "safe_cells"]

_FIELDS: Final[list[pa.Field[Any]]] = [
    pa.field("hash_type", pa.string(), nullable=False),
    pa.field("hash", pa.string(), nullable=False),
    pa.field("item", pa.int64()),
    pa.field("classification", pa.string()),
    pa.field("quality", pa.uint8()),
    pa.field("labels", pa.string()),
    pa.field("source_ref", pa.string()),
    pa.field("added", pa.uint32(), nullable=False),
    pa.field("changed", pa.uint32(), nullable=False),
]
SCHEMA: Final = pa.schema(_FIELDS)
# With how many independent publishers, of how many jurisdictions, list the hash: see `corroboration`.
_NOTES: Final[list[pa.Field[Any]]] = [
    pa.field("publishers", pa.uint32(), nullable=False),
    pa.field("jurisdictions", pa.uint32(), nullable=False),
]
NOTED_SCHEMA: Final = pa.schema([*_FIELDS, *_NOTES])

_BASE64_BLOCK: Final = 3  # bytes that make four characters: only whole blocks can be encoded all at once


@dataclass(frozen=True, slots=True)
class Names:
    """What the codes of one list mean; a code without a name is shown as `#7`, so that nothing is lost."""

    by_code: Mapping[int, str]

    def of(self, codes: NDArray[Any]) -> ArrowArray:
        """One text per code, null for 0 ("not classified")."""
        present = np.unique(codes)
        names = [None if code == 0 else self.by_code.get(code, f"#{code}") for code in present.tolist()]
        table: ArrowArray = pa.array(names, pa.string())
        return table.take(numbers_array(np.searchsorted(present, codes).astype(np.int64)))


def render(
    kind: HashType, rows: Rows, names: Names, notes: Mapping[str, NDArray[np.uint32]] | None = None
) -> pa.RecordBatch:
    """`rows` in the columns of SCHEMA; with `notes`, in those of NOTED_SCHEMA."""
    count = len(rows)
    columns: list[ArrowArray] = [
        pa.repeat(pa.scalar(kind.slug), count),
        _hash_text(kind, rows.hash),
        numbers_array(rows.item, rows.item == 0),
        names.of(rows.classification),
        numbers_array(rows.quality, rows.quality == NO_QUALITY),
        _label_text(rows, names),
        pa.nulls(count, pa.string()) if rows.source_ref is None else rows.source_ref,
        numbers_array(rows.added),
        numbers_array(rows.changed),
    ]
    if not notes:
        return pa.RecordBatch.from_arrays(columns, schema=SCHEMA)
    columns += [numbers_array(notes[field.name]) for field in _NOTES]
    return pa.RecordBatch.from_arrays(columns, schema=NOTED_SCHEMA)


def safe_cells(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Free text with an apostrophe before it where a spreadsheet would run it as a formula.

    Not hashes: the alphabet of base64 has a plus but nothing that could make a formula do harm, and a hash
    that is not what was signed would.
    """
    columns = []
    for field, column in zip(batch.schema, batch.columns, strict=True):
        free = pa.types.is_string(field.type) and field.name not in ("hash", "hash_type")
        columns.append(safe_texts(column) if free and column.null_count < len(column) else column)
    return pa.RecordBatch.from_arrays(columns, schema=batch.schema)


def _hash_text(kind: HashType, raw: NDArray[np.uint8]) -> ArrowArray:
    """Canonical text of a column of hashes."""
    count, width = raw.shape
    if not count:
        return pa.array([], pa.string())
    octets = np.ascontiguousarray(raw).tobytes()
    if kind.canonical is Encoding.HEX:
        text = binascii.hexlify(octets)
    elif width % _BASE64_BLOCK == 0:
        text = b64encode(octets)
    else:
        return pa.array([kind.render(row.tobytes()) for row in raw], pa.string())
    offsets: Any = np.arange(count + 1, dtype=np.int32) * np.int32(len(text) // count)
    return pa.StringArray.from_buffers(count, pa.py_buffer(offsets), pa.py_buffer(text))


def _label_text(rows: Rows, names: Names) -> ArrowArray:
    """Names separated by semicolons, null where an entry has none."""
    if rows.labels is None:
        return pa.nulls(len(rows), pa.string())
    offsets = offsets_of(rows.labels)
    named = names.of(numbers_of(rows.labels.values))
    joined: Any = pc.binary_join(pa.ListArray.from_arrays(numbers_array(offsets), named), ";")
    return pc.if_else(mask_array(np.diff(offsets) > 0), joined, pa.nulls(len(rows), pa.string()))
