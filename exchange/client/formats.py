"""The formats that lists can be exported as; apart, because naming them should not load what writes them."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["Format"]


class Format(StrEnum):
    """`parquet` is also what the store itself is made of."""

    PARQUET = "parquet"
    CSV = "csv"
    SQLITE = "sqlite"
    TXT = "txt"
