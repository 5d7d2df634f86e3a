"""Letters to whoever runs the exchange."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from django.utils.translation import gettext_noop as _

from exchange.mail.letters.letter import Letter

OVERSEE: Final[Mapping[str, Letter]] = {
    "oversee.try": Letter(
        _("Mail from this exchange arrives"),
        (
            _("Somebody on %(where)s asked this exchange to send you a letter, to see whether mail arrives."),
            _("It does. Nothing else needs doing."),
        ),
        act=_("Open the exchange"),
        why=_("You receive this because your address was named on the exchange's host."),
    ),
}
