"""The sentences of refusals and problems, by code, where translators find them: a module per area.

The rooms below say these things in English, without Django. A test compares these tables with what they say,
so that a new code cannot reach people in the wrong language: add it here, run
`django-admin makemessages -l fr --no-location --no-wrap` in exchange/, translate it, and compile with
`django-admin compilemessages`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from exchange.web.phrases.account import ACCOUNT
from exchange.web.phrases.contribute import CONTRIBUTE
from exchange.web.phrases.flow import FLOW
from exchange.web.phrases.oversee import OVERSEE
from exchange.web.phrases.phrase import Phrase
from exchange.web.phrases.problems import PROBLEMS
from exchange.web.phrases.subscribe import SUBSCRIBE
from exchange.web.phrases.vetting import VETTING

__all__ = ["PROBLEMS", "REFUSALS", "Phrase"]

REFUSALS: Final[Mapping[str, Phrase]] = {**CONTRIBUTE, **FLOW, **ACCOUNT, **VETTING, **SUBSCRIBE, **OVERSEE}
