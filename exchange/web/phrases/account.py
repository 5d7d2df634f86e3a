"""Refusals met here. Signing in, second factors, sessions, invitations and the people of an organisation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from django.utils.translation import gettext_noop as _

from exchange.web.phrases.phrase import Phrase

ACCOUNT: Final[Mapping[str, Phrase]] = {
    "sign_in.first": Phrase(_("Sign in first.")),
    "sign_in.code": Phrase(_("This code is wrong, too old, or was used already.")),
    "presence.refused": Phrase(_("The password or the code is wrong, or the code was used already.")),
    "factor.code": Phrase(
        _("This is not the code that the app shows now."),
        _("Check that the clock of your phone is right, and type the newest code."),
    ),
    "factor.exists": Phrase(_("A second step is set up already."), _("Sign in again with it.")),
    "factor.last": Phrase(
        _("This is your only second step, and nobody acts without one."), _("Set up another one first.")
    ),
    "passkey.answer": Phrase(
        _("The passkey could not be made."),
        _("Try again; your device must ask for your fingerprint, face or PIN."),
    ),
    "passkey.known": Phrase(_("This passkey is known already.")),
    "passkey.too_many": Phrase(_("You have as many passkeys as are kept for one person.")),
    "passkey.not_found": Phrase(_("There is no such passkey.")),
    "passkey.refused": Phrase(_("This passkey did not prove who you are.")),
    "session.not_found": Phrase(_("There is no such session.")),
}
