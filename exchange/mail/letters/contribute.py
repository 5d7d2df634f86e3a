"""Letters about submissions: who is waited for, and what became of them. None says what is in one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from django.utils.translation import gettext_noop as _

from exchange.mail.letters.letter import Letter

_APPROVES: Final = _("You get this because you approve changes for %(organisation)s.")
_SUBMITTED: Final = _("You get this because you, or a key that you issued, submitted it.")
_TO_APPROVE: Final = (
    _("A change to a list of %(organisation)s has been checked and needs the word of another person."),
    _("Nothing reaches members before it is approved and signed."),
)
_LOOK: Final = _("Look at the change")

CONTRIBUTE: Final[Mapping[str, Letter]] = {
    "submission.to_approve": Letter(_("%(reference)s waits for approval"), _TO_APPROVE, _LOOK, _APPROVES),
    "submission.to_approve_urgent": Letter(
        _("Urgent: %(reference)s waits for approval"), _TO_APPROVE, _LOOK, _APPROVES
    ),
    "submission.to_sign": Letter(
        _("%(reference)s waits for a signature"),
        (
            _("A change to a list of %(organisation)s was approved, and its release is ready to be signed."),
            _("Members get it as soon as enough signatures are there."),
        ),
        _("See what is to be signed"),
        _("You get this because you sign for %(organisation)s."),
    ),
    "submission.to_agree": Letter(
        _("%(reference)s waits for the exchange"),
        (
            _("A change of %(organisation)s is far from what its list usually does, so it is held."),
            _("It goes on when somebody of the exchange agrees as well."),
        ),
        _("See what is held"),
        _("You get this because you run this exchange."),
    ),
    "submission.decision_void": Letter(
        _("%(reference)s waits for somebody else’s yes"),
        (
            _("Somebody who had said yes to a submission of %(organisation)s no longer counts."),
            _("Nothing is published by it. Look at the change and decide."),
        ),
        _LOOK,
        _APPROVES,
    ),
    "submission.returned": Letter(
        _("%(reference)s was returned to you"),
        (
            _("An approver of %(organisation)s has sent your submission back with a reason."),
            _("Mend it and submit again; what was published is as it was."),
        ),
        _("Read the reason"),
        _SUBMITTED,
    ),
    "submission.refused": Letter(
        _("%(reference)s could not be used"),
        (
            _("Your submission for %(organisation)s was checked, and it changes nothing."),
            _("The page says why, line by line where there are lines."),
        ),
        _("See what is wrong"),
        _SUBMITTED,
    ),
}
