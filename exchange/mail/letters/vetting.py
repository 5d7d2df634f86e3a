"""Letters about applications, membership and duty contacts. None says what a case is about."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from django.utils.translation import gettext_noop as _

from exchange.mail.letters.letter import Letter

_APPLICANT: Final = _("You get this because an application for membership was begun with this address.")
_ADMIN: Final = _("You get this because you are an admin of %(organisation)s.")
_STAFF: Final = _("You get this because you vet for this exchange.")

VETTING: Final[Mapping[str, Letter]] = {
    "vetting.code": Letter(
        _("Continue your application %(reference)s"),
        (
            _("Open the address below to continue. What stands behind the # is your code: keep this mail."),
            _("If the page does not fill in the code by itself, copy it there."),
        ),
        _("Continue the application"),
        _APPLICANT,
    ),
    "vetting.received": Letter(
        _("Your application %(reference)s has arrived"),
        (
            _("Thank you. Two people of this exchange will look at it."),
            _("You come back to it with the code that you were mailed when you began."),
        ),
        _("See how it stands"),
        _APPLICANT,
    ),
    "vetting.information": Letter(
        _("There is a message about %(reference)s"),
        (_("Please read it. While you are asked something, the clock stands still."),),
        _("Read the message"),
        _APPLICANT,
    ),
    "vetting.approved": Letter(
        _("Your application %(reference)s was approved"),
        (_("Your organisation is a member now. The page says how you sign in as its first admin."),),
        _("See what happens next"),
        _APPLICANT,
    ),
    "vetting.decided": Letter(
        _("There is a decision about %(reference)s"),
        (_("Please read it on the page."),),
        _("Read the decision"),
        _APPLICANT,
    ),
    "vetting.work": Letter(
        _("%(reference)s waits for you or a colleague"),
        (_("Something came in or was proposed in this case."),),
        _("Open the case"),
        _STAFF,
    ),
    "vetting.review_due": Letter(
        _("The review of %(organisation)s is due"),
        (
            _("%(days)s days are left. Look through what we know and hand the review in."),
            _("After that day your organisation can only read until the review is decided."),
        ),
        _("Go to the review"),
        _ADMIN,
    ),
    "vetting.read_only": Letter(
        _("%(organisation)s can only read for now"),
        (_("Something is overdue. What withdraws entries still reaches you. The page says what to do."),),
        _("See what is overdue"),
        _ADMIN,
    ),
    "vetting.agreement": Letter(
        _("A new version of the agreement asks for you"),
        (_("%(days)s days are left to accept it. After that your organisation can only read."),),
        _("Read the agreement"),
        _ADMIN,
    ),
    "vetting.contacts": Letter(
        _("Are your duty contacts still right?"),
        (_("Once a year somebody has to say so. In an emergency these are the people that are called."),),
        _("Check the duty contacts"),
        _ADMIN,
    ),
    "vetting.condition": Letter(
        _("A condition of your membership is due"),
        (_("The page says which, and by when."),),
        _("See the condition"),
        _ADMIN,
    ),
    "vetting.domain_lapsed": Letter(
        _("The proof of your domain is gone"),
        (_("For three nights it was not found. Please put it back, or tell us why it is gone."),),
        _("See what was looked for"),
        _ADMIN,
    ),
    "vetting.hearing": Letter(
        _("Your word is asked before a decision about %(organisation)s"),
        (_("A measure is intended. You may answer before it is decided."),),
        _("Read and answer"),
        _ADMIN,
    ),
    "vetting.suspended": Letter(
        _("%(organisation)s is suspended"),
        (
            _("Sessions and keys have stopped working, and nothing is pushed."),
            _("Answer to the people who run this exchange if you want to be heard."),
        ),
        "",
        _ADMIN,
    ),
    "vetting.lifted": Letter(
        _("The suspension of %(organisation)s is lifted"),
        (_("You can sign in again. Keys work until they expire."),),
        _("Sign in"),
        _ADMIN,
    ),
    "vetting.ended": Letter(
        _("The membership of %(organisation)s has ended"),
        (_("All access has ended. Lists that were not handed over are closed and stay readable."),),
        "",
        _ADMIN,
    ),
}
