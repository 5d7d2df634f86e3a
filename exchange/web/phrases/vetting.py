"""Refusals met here. Applying for membership, and deciding on who is let in and who stays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from exchange.web.phrases.phrase import Phrase

VETTING: Final[Mapping[str, Phrase]] = {}
