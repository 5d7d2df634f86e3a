"""Letters about applications, membership and duty contacts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from exchange.mail.letters.letter import Letter

VETTING: Final[Mapping[str, Letter]] = {}
