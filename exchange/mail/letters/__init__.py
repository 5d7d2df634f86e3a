"""What every letter says, by kind: one table per area of the exchange."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from exchange.mail.letters.account import ACCOUNT
from exchange.mail.letters.contribute import CONTRIBUTE
from exchange.mail.letters.letter import Letter
from exchange.mail.letters.oversee import OVERSEE
from exchange.mail.letters.push import PUSH
from exchange.mail.letters.vetting import VETTING

LETTERS: Final[Mapping[str, Letter]] = {**ACCOUNT, **VETTING, **CONTRIBUTE, **PUSH, **OVERSEE}

__all__ = ["LETTERS", "Letter"]
