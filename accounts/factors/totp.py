"""Codes that change every 30 seconds: HOTP over the clock (RFC 4226, RFC 6238). Pure."""

from __future__ import annotations

import base64
import hmac
import secrets
import unicodedata
from datetime import datetime
from typing import Final
from urllib.parse import quote, urlencode

STEP_SECONDS: Final = 30
DIGITS: Final = 6
SEED_BYTES: Final = 20
# One step either way: clocks of phones differ, and typing takes time (RFC 6238, section 5.2).
DRIFT_STEPS: Final = 1
_LONGEST_TYPED: Final = 64


def fresh_seed() -> bytes:
    return secrets.token_bytes(SEED_BYTES)


def spelled(seed: bytes) -> str:
    """The seed as people type it into an app: base32 in groups of four."""
    text = base64.b32encode(seed).decode().rstrip("=")
    return " ".join(text[start : start + 4] for start in range(0, len(text), 4))


def address_for_app(seed: bytes, *, account: str, issuer: str) -> str:
    """The `otpauth:` address that apps read from a picture."""
    label = quote(f"{issuer}:{account}", safe="")
    query = {"secret": base64.b32encode(seed).decode().rstrip("="), "issuer": issuer}
    return f"otpauth://totp/{label}?{urlencode(query, quote_via=quote)}"


def step_at(now: datetime) -> int:
    return int(now.timestamp()) // STEP_SECONDS


def code_at(seed: bytes, step: int) -> str:
    """The code of one step."""
    mac = hmac.digest(seed, step.to_bytes(8, "big"), "sha1")
    offset = mac[-1] & 0x0F
    number = int.from_bytes(mac[offset : offset + 4], "big") & 0x7FFF_FFFF
    return str(number % 10**DIGITS).zfill(DIGITS)


def step_of(seed: bytes, typed: str, *, now: datetime) -> int | None:
    """The step whose code was typed, within the drift; None when it is no code of now.

    Every step is compared, in constant time, so that the answer's time tells nothing.
    """
    code = plain(typed)
    found: int | None = None
    for step in range(step_at(now) - DRIFT_STEPS, step_at(now) + DRIFT_STEPS + 1):
        if hmac.compare_digest(code_at(seed, step).encode(), code.encode()):
            found = step
    return found


def plain(typed: str) -> str:
    """The one spelling of a typed code: digits of any script as ASCII, without spaces and dashes.

    Replays are refused by the step and not by the text, so a spelling cannot make an old code new.
    """
    kept = unicodedata.normalize("NFKC", typed[:_LONGEST_TYPED])
    return "".join(
        str(unicodedata.digit(character)) if character.isdigit() else character
        for character in kept
        if character.isalnum()
    )
