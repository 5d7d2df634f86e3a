"""Refusals met here. What the people who run the exchange look at: audit, system, search."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from exchange.web.phrases.phrase import Phrase

OVERSEE: Final[Mapping[str, Phrase]] = {}
