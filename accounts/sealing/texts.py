"""Seals and opens a text with this installation's own keys: for callers that know a purpose and no row, as a
session does that keeps a secret until it has an owner.
"""

from __future__ import annotations

from accounts.errors import Corrupt
from accounts.sealing.keyring import current_keyring
from accounts.sealing.sealing import seal, unseal


def seal_text(text: str, *, context: str) -> str:
    """`text`, sealed with the current key. The same `context` opens it again."""
    return seal(text.encode(), keyring=current_keyring(), context=context)


def open_text(sealed: str, *, context: str) -> str:
    """What `seal_text` sealed. Errors: Corrupt `sealing.…` (see `unseal`)."""
    opened = unseal(sealed, keyring=current_keyring(), context=context)
    try:
        return opened.decode()
    except UnicodeDecodeError:
        raise Corrupt("A stored secret is no text.", code="sealing.malformed") from None
