"""Refusals met here. Signing in, second factors, sessions, invitations and the people of an organisation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from exchange.web.phrases.phrase import Phrase

ACCOUNT: Final[Mapping[str, Phrase]] = {}
