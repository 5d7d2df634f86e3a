"""Text for tables that people open in a spreadsheet, which runs what looks like a formula.

OWASP, "CSV Injection". Beyond its signs: their full-width forms, which programs set to Chinese, Japanese or
Korean take for the narrow ones; the other forms that Unicode calls compatible with them; and the minus sign
U+2212, which LibreOffice reads as one. Spaces and invisible signs before them do not count. A program that is
set to French or German splits lines at semicolons, wherever they stand: what follows one begins a cell too.
"""

from __future__ import annotations

import re
from typing import Final

import pyarrow.compute as pc

from hashsets.core.arrays import ArrowArray

_SIGNS: Final = r"=+\-@＝＋－＠﹦﹢﹣﹫⁼⁺⁻₌₊₋﬩" + "\u2212"
_UNSEEN: Final = (
    " \u00a0\u00ad\u061c\u1680\u180e\u2000-\u200f\u2028-\u202f\u205f-\u2064\u2066-\u206f\u3000\ufeff"
)
_CONTROLS: Final = r"\x00-\x1f\x7f-\x9f"
# Both for Python and for RE2, hence without look-ahead.
_BEGINS: Final = rf"(^|[;\t\r\n])([{_UNSEEN}]*[{_SIGNS}])"
_CONTROL_FIRST: Final = rf"^([{_CONTROLS}])"
_STEPS: Final = ((_BEGINS, r"\1'\2"), (_CONTROL_FIRST, r"'\1"))


def safe_cell(text: str) -> str:
    """`text` with an apostrophe wherever a spreadsheet would begin to run it."""
    for pattern, plain in _STEPS:
        text = re.sub(pattern, plain, text)
    return text


def safe_texts(texts: ArrowArray) -> ArrowArray:
    """As `safe_cell`, for a column of strings; nulls stay."""
    for pattern, plain in _STEPS:
        texts = pc.replace_substring_regex(texts, pattern=pattern, replacement=plain)
    return texts
