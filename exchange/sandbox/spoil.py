"""The example of a bad signature: a genuine `timestamp.json`, every signature wrong by one digit. Pure."""

from __future__ import annotations

import json


def spoilt(timestamp: bytes) -> bytes:
    """The same metadata with every signature changed, so that no client that verifies accepts it."""
    document = json.loads(timestamp)
    for signature in document["signatures"]:
        first, rest = signature["sig"][:1], signature["sig"][1:]
        signature["sig"] = ("0" if first != "0" else "1") + rest
    return json.dumps(document, separators=(",", ":"), sort_keys=True).encode()
