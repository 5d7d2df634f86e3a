"""The exchange's public key for notices, from the signed directory."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from exchange.client.refusals import UnsupportedFormat

if TYPE_CHECKING:
    from exchange.client.trust import Directory

__all__ = ["push_key"]

TARGET: Final = "push-key.json"
MAX_LENGTH: Final = 16_384


def push_key(directory: Directory) -> str | None:
    """`whpk_…`; None while the directory names none. UnsupportedFormat `format.push_key`."""
    content = directory.target_bytes(TARGET, limit=MAX_LENGTH)
    if content is None:
        return None
    try:
        keys = [key for key in json.loads(content)["keys"] if key["scheme"] == "ed25519"]
        return str(keys[0]["public"])
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise UnsupportedFormat("The exchange's push key cannot be read.", code="format.push_key") from error
