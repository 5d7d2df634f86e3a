"""Refusals met here. Catalogue, subscriptions, credentials and endpoints: what a member does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from django.utils.translation import gettext_noop as _

from exchange.web.phrases.phrase import Phrase

SUBSCRIBE: Final[Mapping[str, Phrase]] = {
    # Lists on request
    "access.not_found": Phrase(_("There is no such request.")),
    "access.decided": Phrase(_("This request is decided already.")),
    "access.own_request": Phrase(_("You asked for this yourself, so others decide.")),
    "access.second_person": Phrase(
        _("You have agreed already. A second person of your organisation must agree as well.")
    ),
    "access.not_on_request": Phrase(_("Only a list for named organisations is given out on request.")),
    "access.not_active": Phrase(_("The organisation that asked is not active now.")),
    "access.not_granted": Phrase(_("This was not granted, or has ended already.")),
    # Subscriptions and trust policies
    "subscription.not_found": Phrase(_("There is no such subscription.")),
    "policy.malformed": Phrase(_("This cannot be read as a part of a trust policy."), "", True),
    "policy.unknown_kind": Phrase(_("There is no such kind of publisher.")),
    "policy.unknown_field": Phrase(_("This cannot be read as a part of a trust policy."), "", True),
    "policy.unknown_classification": Phrase(_("This list has no such classification."), "", True),
    "policy.impossible": Phrase(
        _("This policy asks for more jurisdictions than it accepts: nothing could ever pass.")
    ),
    # Credentials
    "credential.not_found": Phrase(_("There is no such credential.")),
    "credential.already_revoked": Phrase(_("This credential is revoked already.")),
    "credential.rolled_already": Phrase(_("This credential has a successor already.")),
    "credential.scopes_missing": Phrase(_("Choose at least one right."), plainer=True),
    "credential.scope_unknown": Phrase(_("There is no such right.")),
    "credential.scope_never": Phrase(_("A credential can never be given this right: it belongs to people.")),
    "credential.scope_not_yours": Phrase(
        _("You can give a credential only what you may do yourself."),
        _("Ask an admin of your organisation to issue this credential."),
    ),
    "credential.scope_not_in_test": Phrase(
        _("A test key reaches the sandbox lists only and cannot be given this right."),
        _("Take only reading, following and confirming, or issue a live key."),
        plainer=True,
    ),
    "credential.mode": Phrase(_("Say whether the key is live or for tests."), plainer=True),
    "credential.expiry": Phrase(_("Choose how long it is valid."), plainer=True),
    "credential.overlap": Phrase(_("Choose how long the old key stays valid."), plainer=True),
    "credential.network": Phrase(
        _("This is not a network that a credential can be limited to."),
        _("Write one address or network per line, such as 198.51.100.7 or 2001:db8:20::/48."),
        True,
    ),
    "credential.networks_many": Phrase(_("A credential names at most 20 networks.")),
    # Endpoints
    "endpoint.not_found": Phrase(_("There is no such endpoint.")),
    "endpoint.closed": Phrase(_("This endpoint is closed.")),
    "endpoint.state": Phrase(
        _("This is not possible in the state that the endpoint is in now."), plainer=True
    ),
    "endpoint.changed": Phrase(_("The endpoint was changed while it was asked. Try again.")),
    "endpoint.unproven": Phrase(
        _("Nothing is sent to an endpoint that is not proven to be yours."),
        _("Have it answer the challenge first."),
    ),
    "endpoint.too_many": Phrase(
        _("An organisation has at most 20 endpoints."), _("Close one that you no longer need.")
    ),
    "endpoint.challenge_failed": Phrase(
        _("The endpoint did not prove that it is yours."),
        _("Look at the last try below: it says what came back. The command hashx listen answers by itself."),
        True,
        plainer=True,
    ),
    "endpoint.challenged_too_often": Phrase(
        _("At most five challenges in ten minutes are sent for an organisation. Wait a little.")
    ),
    "endpoint.asked_too_often": Phrase(
        _("At most 20 notices by hand are sent for an organisation in ten minutes. Wait a little.")
    ),
    "replay.release": Phrase(_("Give the number of a release that this list has."), "", True),
    "attempt.not_found": Phrase(_("There is no such try.")),
    "attempt.not_resendable": Phrase(
        _("Only a notice of releases of lists that you still follow can be sent again."),
        _("Send a test notice instead."),
    ),
    # Addresses of endpoints
    "endpoint.url": Phrase(_("This is not an address that notices can be sent to."), plainer=True),
    "endpoint.scheme": Phrase(_("The address starts with https://.")),
    "endpoint.host": Phrase(_("The host of this address is neither a plain name nor a plain address.")),
    "endpoint.port": Phrase(_("Notices are sent to some ports only."), "", True),
    "endpoint.address": Phrase(_("Notices are sent to public addresses only."), "", True),
}
