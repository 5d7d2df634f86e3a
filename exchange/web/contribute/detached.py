"""Reads signatures that were made elsewhere, in whatever form the tool wrote them. Pure.

TUF metadata carries signatures as hex. `openssl` writes bytes, `hashx` prints hex, people paste base64.
"""

from __future__ import annotations

import binascii
import re
from typing import Final

from accounts.errors import Invalid

LONGEST: Final = 1_024  # bytes; the longest signature here, DER of P-256, has 72
_HEX: Final = re.compile(rb"(?:[0-9a-fA-F]{2}){8,256}")


def signature_hex(content: bytes) -> str:
    """The signature as hex. Errors: Invalid `signature.missing`, `signature.unreadable`."""
    if not content.strip():
        raise Invalid(
            "Choose the file with the signature, or paste it.", code="signature.missing", field="file"
        )
    if len(content) > LONGEST:
        raise _unreadable()
    text = b"".join(content.split())
    if _HEX.fullmatch(text):
        return text.decode().lower()
    if len(content) == 64 or content[:1] == b"\x30":  # Ed25519, or the DER of ECDSA
        return content.hex()
    try:
        decoded = binascii.a2b_base64(text, strict_mode=True)
    except binascii.Error:
        raise _unreadable() from None
    if not 8 <= len(decoded) <= 256:
        raise _unreadable()
    return decoded.hex()


def _unreadable() -> Invalid:
    return Invalid(
        "This does not look like a signature.",
        code="signature.unreadable",
        field="file",
        advice="It is a small file that openssl or hashx wrote, or the same as hexadecimal or base64 text.",
    )
