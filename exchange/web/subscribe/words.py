"""The words of this area, in the reader's language: one table each."""

from __future__ import annotations

from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.identity.models import OrganisationKind
from accounts.identity.roles import Permission
from exchange.access.models import AccessState
from exchange.push.schedule import Outcome
from exchange.sharing.models import EndpointState
from exchange.web.parts import Tone
from exchange.web.words import Words
from hashsets.lists.models import Audience, Tlp

_E, _A, _O = EndpointState, AccessState, Outcome

TLP_MEANS: Final[Words] = {
    Tlp.CLEAR: _("may be passed on freely"),
    Tlp.GREEN: _("stays within the community of those who fight such content"),
    Tlp.AMBER: _("stays within your organisation and those who work for it, as far as they need it"),
    Tlp.AMBER_STRICT: _("stays within your organisation, as far as people need it"),
    Tlp.RED: _("stays with the people it was given to"),
}
AUDIENCE: Final[Words] = {
    Audience.PUBLIC: _("Public"),
    Audience.MEMBERS: _("All members"),
    Audience.KINDS: _("Members of some kinds"),
    Audience.NAMED: _("Named organisations"),
}
MEMBER_KIND: Final[Words] = {
    OrganisationKind.GOVERNMENT: _("Governments"),
    OrganisationKind.NGO: _("Non-governmental organisations"),
    OrganisationKind.COMPANY: _("Companies"),
    OrganisationKind.OPERATOR: _("The operator of this exchange"),
}
ACCESS: Final[Words] = {
    _A.OPEN: _("Waits for the publisher"),
    _A.AGREED: _("One person has agreed, a second must"),
    _A.GRANTED: _("Granted"),
    _A.DECLINED: _("Declined"),
    _A.WITHDRAWN: _("Withdrawn"),
    _A.REVOKED: _("Ended by the publisher"),
}
ACCESS_TONE: Final[dict[str, Tone]] = {
    _A.OPEN: "asks",
    _A.AGREED: "asks",
    _A.GRANTED: "good",
    _A.DECLINED: "bad",
    _A.WITHDRAWN: "quiet",
    _A.REVOKED: "bad",
}
SCOPE: Final[Words] = {
    Permission.LIST_VIEW: _("Read lists, releases and what this organisation follows"),
    Permission.SUBSCRIPTION_MANAGE: _("Follow lists, stop following them, set trust policies"),
    Permission.RELEASE_CONFIRM: _("Confirm what has been applied"),
    Permission.ENDPOINT_MANAGE: _("Register, test and close endpoints"),
    Permission.SUBMISSION_CREATE: _("Submit changes to this organisation's lists"),
    Permission.RELEASE_SIGN: _("Sign releases of this organisation's lists"),
    Permission.AUDIT_READ: _("Read this organisation's audit events"),
}
SCOPE_MEANS: Final[Words] = {
    Permission.LIST_VIEW: _("Every client needs it. It opens the lists that this organisation may see."),
    Permission.SUBSCRIPTION_MANAGE: _("For hashx subscribe. Leave it out where only syncing is done."),
    Permission.RELEASE_CONFIRM: _("For hashx sync, which tells the publisher how far you are."),
    Permission.ENDPOINT_MANAGE: _("For hashx listen, which registers itself."),
    Permission.SUBMISSION_CREATE: _("A person still has to approve each of them."),
    Permission.RELEASE_SIGN: _("Only for a machine that holds a signing key and that you trust as a signer."),
    Permission.AUDIT_READ: _("For a monitoring system that watches for surprises."),
}
ENDPOINT: Final[Words] = {
    _E.UNVERIFIED: _("Not proven yet"),
    _E.ACTIVE: _("Active"),
    _E.PAUSED: _("Paused"),
    _E.CLOSED: _("Closed"),
}
ENDPOINT_TONE: Final[dict[str, Tone]] = {
    _E.UNVERIFIED: "asks",
    _E.ACTIVE: "good",
    _E.PAUSED: "quiet",
    _E.CLOSED: "quiet",
}
OUTCOME: Final[Words] = {
    _O.DELIVERED: _("Taken"),
    _O.REFUSED: _("Refused"),
    _O.GONE: _("Gone"),
    _O.REDIRECTED: _("Redirected"),
    _O.THROTTLED: _("Too busy"),
    _O.TIMEOUT: _("No answer in time"),
    _O.UNREACHABLE: _("Not reached"),
    _O.TLS: _("TLS failed"),
    _O.BLOCKED: _("Address not allowed"),
    _O.UNSEALED: _("Not signed"),
}
OUTCOME_MEANS: Final[Words] = {
    _O.DELIVERED: _(
        "Your server answered with a status from 200 to 299. That says that the notice arrived, not that "
        "the release is applied."
    ),
    _O.REFUSED: _("Your server answered, but not with a status from 200 to 299. Look at its answer below."),
    _O.GONE: _("Your server answered 410, which pauses the endpoint until you resume it."),
    _O.REDIRECTED: _("Redirects are never followed: register the address that answers itself."),
    _O.THROTTLED: _("Your server asked for patience with 429 or 503; the next try waits a minute or more."),
    _O.TIMEOUT: _("Answer first and work later: a notice has ten seconds, an urgent one five."),
    _O.UNREACHABLE: _("No connection came about: check the name, the port and your firewall."),
    _O.TLS: _(
        "The certificate could not be verified. It must be valid for this host name, with its whole chain, "
        "from an authority that is generally known."
    ),
    _O.BLOCKED: _("The name leads to an address inside a private network, where nothing is ever sent."),
    _O.UNSEALED: _("The endpoint's secret could not be opened, so nothing was sent. Rotate the secret."),
}
NOTICE_KIND: Final[Words] = {
    "release": _("Release"),
    "challenge": _("Ownership challenge"),
    "ping": _("Ping"),
    "test": _("Test notice"),
    "resend": _("Sent again by hand"),
}
MODE: Final[dict[str, Promise]] = {"live": _("Live"), "test": _("Test: sandbox only")}
