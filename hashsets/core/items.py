"""The number that groups the hashes of one media file within a list.

Derived, not assigned: two submissions that name the same item agree without a table, and the number says nothing about
the publisher's own key to anyone who does not know it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

__all__ = ["NO_ITEM", "item_number", "item_number_of_hash", "item_numbers"]

NO_ITEM = 0


def item_number(list_id: str, key: str) -> int:
    """1..2**63-1 for the publisher's own item key."""
    raise NotImplementedError


def item_number_of_hash(list_id: str, hashes: Mapping[str, bytes]) -> int:
    """1..2**63-1 from the strongest of a line's hashes (slug -> raw value); for lines without an item key."""
    raise NotImplementedError


def item_numbers(list_id: str, slug: str, values: Iterable[bytes | None]) -> NDArray[np.int64]:
    """A column of raw hashes of one type -> their item numbers; None -> NO_ITEM."""
    raise NotImplementedError
