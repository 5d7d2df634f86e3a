"""Words that people type and others will read: names, titles, reasons. One rule for all of them.

Refused are characters that cannot be stored or that make a text look like another one, and anything that
looks like a hash value, because these words reach the audit chain, e-mails and pages. Pure.
"""

from __future__ import annotations

import re
import unicodedata

from accounts.errors import Invalid, TooLarge

_LOOKS_LIKE_A_HASH = re.compile(r"[0-9a-fA-F]{32,}")
_LOOKS_LIKE_A_SECRET = re.compile(r"hx_(?:live|test)_[0-9A-Za-z]{8}|whs(?:ec|k)_|PRIVATE KEY")
_REFUSED_CATEGORIES = frozenset({"Cc", "Cs", "Co", "Cn", "Zl", "Zp"})
_TURNS_TEXT_ROUND = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_SPACES = re.compile(r"\s+")


def one_line(text: str, *, field: str, limit: int, required: bool = True) -> str:
    """Return `text` in NFC, on one line, with single spaces and none at the ends.

    Errors: Invalid `text.missing`, `text.characters`, `text.looks_like_hash`; TooLarge `text.too_long`.
    """
    return _checked(_SPACES.sub(" ", _normal(text, field)).strip(), field, limit, required)


def paragraphs(text: str, *, field: str, limit: int, required: bool = True) -> str:
    """Return `text` in NFC with `\\n` between lines; otherwise as `one_line`."""
    lines = [_SPACES.sub(" ", line).strip() for line in _normal(text, field).splitlines()]
    return _checked("\n".join(lines).strip(), field, limit, required)


def _normal(text: str, field: str) -> str:
    # Checked before normalising, which is slow and lengthens: no field takes more than this.
    if len(text) > 20_000:
        raise TooLarge("This is too long.", code="text.too_long", field=field, limit=20_000)
    return unicodedata.normalize("NFC", text)


def _checked(text: str, field: str, limit: int, required: bool) -> str:
    if required and not text:
        raise Invalid("This may not be empty.", code="text.missing", field=field)
    if len(text) > limit:
        raise TooLarge(
            f"This has {len(text)} characters; {limit} are allowed.",
            code="text.too_long",
            field=field,
            limit=limit,
        )
    for character in text:
        if character == "\n":
            continue
        if unicodedata.category(character) in _REFUSED_CATEGORIES or character in _TURNS_TEXT_ROUND:
            raise Invalid(
                f"This holds the character U+{ord(character):04X}, which cannot be shown or stored.",
                code="text.characters",
                field=field,
                advice="Type the text again instead of pasting it.",
            )
    if _LOOKS_LIKE_A_HASH.search(text) or _LOOKS_LIKE_A_SECRET.search(text):
        raise Invalid(
            "This looks like a hash value, a key or a token, which may not appear in names and notes.",
            code="text.looks_like_hash",
            field=field,
            advice="Describe it in words; hash values belong in a submission only.",
        )
    return text
