"""Refusals met here. Catalogue, subscriptions, credentials and endpoints: what a member does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from exchange.web.phrases.phrase import Phrase

SUBSCRIBE: Final[Mapping[str, Phrase]] = {}
