"""Letters about endpoints that cannot be reached and deliveries that wait."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from exchange.mail.letters.letter import Letter

PUSH: Final[Mapping[str, Letter]] = {}
