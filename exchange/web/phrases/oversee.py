"""Refusals met here. What the people who run the exchange look at: audit, system, search."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from django.utils.translation import gettext_noop as _

from exchange.web.phrases.phrase import Phrase

OVERSEE: Final[Mapping[str, Phrase]] = {
    "audit.no_event": Phrase(_("There is no such event.")),
    "audit.day": Phrase(_("This is not a day."), _("Write it as year, month and day, such as 2026-03-31.")),
    "audit.long_chain": Phrase(
        _("The chain is too long to recompute while you wait."),
        _("Run manage.py verify_audit on the exchange's host."),
    ),
}
