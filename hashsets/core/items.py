"""The number that groups the hashes of one media file within a list.

Derived, not assigned: two submissions that name the same item agree without a table, and the number says
nothing about the publisher's own key to anyone who does not know it. It is the first 63 bits of SHA-256 over

    "hash-exchange item 1\\n" || list id || 0x00 || "key:" || the publisher's key in UTF-8            or
    "hash-exchange item 1\\n" || list id || 0x00 || "hash:" || slug || ":" || raw value

where the value is the strongest of the line's hashes; 0 means "no item" and a digest of 63 zero bits becomes
1.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from accounts.errors import Invalid
from hashsets.core.hashtypes import hash_type

__all__ = ["NO_ITEM", "item_number", "item_number_of_hash", "item_numbers", "key_numbers"]

NO_ITEM: Final = 0
_DOMAIN: Final = b"hash-exchange item 1\n"


def item_number(list_id: str, key: str) -> int:
    """1..2**63-1 for the publisher's own item key."""
    return int(key_numbers(list_id, [key])[0])


def item_number_of_hash(list_id: str, hashes: Mapping[str, bytes]) -> int:
    """1..2**63-1 from the strongest of a line's hashes (slug -> raw value); for lines without an item key."""
    if not hashes:
        raise Invalid("A line without a hash has no item.", code="hash.missing", field="hash")
    slug = max(hashes, key=lambda slug: hash_type(slug).strength)
    return int(item_numbers(list_id, slug, [hashes[slug]])[0])


def item_numbers(list_id: str, slug: str, values: Iterable[bytes | None]) -> NDArray[np.int64]:
    """A column of raw hashes of one type -> their item numbers; None -> NO_ITEM."""
    return _numbers(list_id, b"hash:" + slug.encode() + b":", values)


def key_numbers(list_id: str, keys: Iterable[str | None]) -> NDArray[np.int64]:
    """A column of the publisher's item keys -> item numbers; None and "" -> NO_ITEM."""
    return _numbers(list_id, b"key:", (key.encode() if key else None for key in keys))


def _numbers(list_id: str, kind: bytes, values: Iterable[bytes | None]) -> NDArray[np.int64]:
    start = hashlib.sha256(_DOMAIN + list_id.encode() + b"\x00" + kind)
    heads = bytearray()
    for value in values:
        if value is None:
            heads += bytes(8)
            continue
        digest = start.copy()
        digest.update(value)
        head = digest.digest()[:8]
        heads += head if any(head) else b"\x00" * 7 + b"\x02"
    given = np.frombuffer(bytes(heads), ">u8").astype(np.uint64)
    numbers = (given >> np.uint64(1)).astype(np.int64)
    numbers[(numbers == 0) & (given != 0)] = 1
    return numbers
