"""Letters about a person's account: invitations, second factors, sessions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from exchange.mail.letters.letter import Letter

ACCOUNT: Final[Mapping[str, Letter]] = {}
