"""What an API key looks like: `hx_live_` or `hx_test_`, 32 random base62 characters, 6 of checksum.

The prefix lets scanners of public code find a leaked key; the checksum lets them, and us, tell a key from a
look-alike without asking a database. Pure.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import string
import zlib

BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase
LIVE, TEST = MODES = ("live", "test")
_RANDOM_LENGTH = 32  # 190 bits: guessing is hopeless, so a plain digest of the key is enough at rest
_CHECKSUM_LENGTH = 6  # 62**6 > 2**32, so every CRC-32 fits
_HINT_LENGTH = 12
_FORM = re.compile(r"hx_(?:live|test)_[0-9A-Za-z]{38}")


def new_key(mode: str) -> str:
    """A fresh key for `mode`, "live" or "test"."""
    if mode not in MODES:
        raise ValueError("The mode of a key is live or test.")
    body = f"hx_{mode}_" + "".join(secrets.choice(BASE62) for _ in range(_RANDOM_LENGTH))
    return body + checksum(body)


def is_well_formed(key: str) -> bool:
    """Whether `key` has the form and its checksum is right: no statement about whether it was ever issued."""
    if not _FORM.fullmatch(key):
        return False
    return checksum(key[:-_CHECKSUM_LENGTH]) == key[-_CHECKSUM_LENGTH:]


def checksum(body: str) -> str:
    """CRC-32 of prefix and random part, in base62 with leading zeros."""
    rest = zlib.crc32(body.encode())
    digits = ""
    for _ in range(_CHECKSUM_LENGTH):
        rest, digit = divmod(rest, 62)
        digits = BASE62[digit] + digits
    return digits


def digest_of(key: str) -> str:
    """What is stored instead of the key: its SHA-256, hex."""
    return hashlib.sha256(key.encode()).hexdigest()


def hint_of(key: str) -> str:
    """The beginning of the key, by which its owner recognises it in a list."""
    return key[:_HINT_LENGTH]
