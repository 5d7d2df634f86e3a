"""Tokens of mailed links: long, random, kept as digests. Their form is one that logs cut out. Pure."""

from __future__ import annotations

import hashlib
import re
import secrets

_TOKEN = re.compile(r"[0-9a-f]{48}")


def fresh_token() -> str:
    """192 bits in hex: whatever prints an address by mistake, the log's filter takes this for a hash."""
    return secrets.token_hex(24)


def digest_of(token: str) -> str:
    """What is stored of a token; of one that is none of ours a digest that nothing has."""
    known = token if _TOKEN.fullmatch(token) else ""
    return hashlib.sha256(f"mailed link 1\n{known}".encode()).hexdigest()
