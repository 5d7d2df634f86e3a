"""Hash types: how each is written by those who send it, and the one form in which it is kept.

A value is stored as bytes and rendered per reader. Every accepted spelling has its own length within a type, so a value
can never be read two ways; the type itself is always stated, because SHA-256 and PDQ look alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

__all__ = ["HASH_TYPES", "Decoded", "Encoding", "HashType", "hash_type"]

Column: TypeAlias = "pa.Array[Any] | pa.ChunkedArray[Any]"


class Encoding(StrEnum):
    HEX = "hex"
    BASE64 = "base64"
    BASE32 = "base32"
    INTEGERS = "integers"


@dataclass(frozen=True, slots=True, eq=False)
class Decoded:
    """`raw` is uint8[n, width], zero where `ok` is False."""

    raw: NDArray[np.uint8]
    ok: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class HashType:
    """One kind of hash. `width` is in bytes (None: varies); `strength` ranks types as an item's identity."""

    slug: str
    title: str
    width: int | None
    encodings: tuple[Encoding, ...]
    examples: tuple[str, ...]
    strength: int
    perceptual: bool = False
    canonical: Encoding = Encoding.HEX

    @property
    def bytes_wide(self) -> int:
        """The width, for code that only works on fixed widths; raises Unsupported for the others."""
        raise NotImplementedError

    def parse(self, text: str) -> bytes:
        """One value in any accepted encoding, surrounding ASCII white space ignored; Invalid `hash.unreadable`."""
        raise NotImplementedError

    def render(self, raw: bytes) -> str:
        """The canonical text of a stored value."""
        raise NotImplementedError

    def truncated(self, raw: bytes) -> str:
        """The first 8 characters and an ellipsis: the most that a page, log or e-mail may show."""
        raise NotImplementedError

    def decode(self, column: Column) -> Decoded:
        """A whole column of text; never raises for what a cell says, but marks the row in `ok`."""
        raise NotImplementedError


HASH_TYPES: dict[str, HashType] = {}


def hash_type(slug: str) -> HashType:
    """The type called `slug`; Invalid `hash_type.unknown`."""
    raise NotImplementedError
