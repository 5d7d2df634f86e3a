"""Letters about notices that do not arrive."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from django.utils.translation import gettext_noop as _

from exchange.mail.letters.letter import Letter

_WATCHES = _("You get this because you look after notices at %(organisation)s.")
_RUNS = _("You get this because you run this exchange.")
_LOOK = _("Look at the endpoint")
_SYSTEM = _("Look at the exchange")

_SUBJECTS: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "push.failing_hour": (
        _("Notices have not reached %(host)s for an hour"),
        (_("We go on trying. Your lists can be fetched at any time, with or without a notice."),),
    ),
    "push.failing_day": (
        _("Notices have not reached %(host)s for a day"),
        (
            _("We go on trying every four hours. After five days we pause the endpoint and try once a day."),
            _("Your lists can be fetched at any time, with or without a notice."),
        ),
    ),
    "push.urgent": (
        _("An urgent release has not reached %(host)s"),
        (
            _("It was published two minutes ago. Your side has neither taken the notice nor confirmed it."),
            _("Fetch your lists now: the release is there."),
        ),
    ),
    "push.gone": (
        _("%(host)s says that it is gone, so we paused it"),
        (_("Nothing is sent there until somebody resumes it. What is owed stays owed."),),
    ),
    "push.paused": (
        _("We paused %(host)s after five days without an answer"),
        (_("We try it once a day. When it answers, notices go on by themselves."),),
    ),
    "push.resumed": (
        _("%(host)s answers again and gets notices"),
        (_("It was told of the newest releases of its lists."),),
    ),
}
_FOR_THE_OPERATOR: Final = (_("It is an endpoint of %(organisation)s, whose people were told as well."),)

PUSH: Final[Mapping[str, Letter]] = {
    **{kind: Letter(subject, says, _LOOK, _WATCHES) for kind, (subject, says) in _SUBJECTS.items()},
    **{
        f"{kind}_operator": Letter(subject, _FOR_THE_OPERATOR, _SYSTEM, _RUNS)
        for kind, (subject, _says) in _SUBJECTS.items()
    },
}
