"""Words for roles, rights and proofs: what each lets a person do, plainly."""

from __future__ import annotations

from typing import Final

from django.utils.translation import gettext_lazy as _

from accounts.identity.acting import Actor
from accounts.identity.models import ConfirmedAs, Membership
from accounts.identity.roles import Role
from exchange.web.words import Words, word

ROLE: Final[Words] = {
    Role.ADMIN: _("Admin"),
    Role.CONTRIBUTOR: _("Contributor"),
    Role.APPROVER: _("Approver"),
    Role.SIGNER: _("Signer"),
    Role.INTEGRATOR: _("Integrator"),
    Role.VIEWER: _("Viewer"),
    Role.AUDITOR: _("Auditor"),
    Role.EXCHANGE_ADMIN: _("Exchange admin"),
    Role.OFFICER: _("Officer"),
}
ROLE_MEANS: Final[Words] = {
    Role.ADMIN: _("Arranges people, lists, keys and credentials. Cannot submit, approve or sign."),
    Role.CONTRIBUTOR: _("Uploads changes to the organisation’s lists."),
    Role.APPROVER: _("Approves or returns what somebody else has uploaded."),
    Role.SIGNER: _("Signs approved changes, so that they are published."),
    Role.INTEGRATOR: _("Connects machines: subscriptions, endpoints and credentials."),
    Role.VIEWER: _("Reads what the organisation may see, and changes nothing."),
    Role.AUDITOR: _("Reads everything, the record of who did what included, and changes nothing."),
    Role.EXCHANGE_ADMIN: _("Vets, suspends and looks after the members of this exchange."),
    Role.OFFICER: _("Holds a root key of this exchange and signs in ceremonies."),
}
HOW: Final[Words] = {
    "app": _("Password and app"),
    "passkey": _("Passkey"),
    "recovery": _("Password and recovery code"),
    "sign-on": _("Single sign-on"),
}
CONFIRMED_AS: Final[Words] = {
    ConfirmedAs.COLLEAGUE: _("by a second admin"),
    ConfirmedAs.EXCHANGE: _("by one of the exchange’s staff"),
    ConfirmedAs.HOST: _("on the exchange’s host"),
    ConfirmedAs.DECISION: _("by the two who decided the application"),
    ConfirmedAs.BEFORE: _("given before places were confirmed"),
}


def unconfirmed_roles(actor: Actor) -> list[str]:
    """The actor's own roles that wait for a second person, in words."""
    place = (
        Membership.objects.current()
        .filter(user_id=actor.person(), organisation_id=actor.organisation())
        .first()
    )
    return [word(ROLE, role) for role in place.unconfirmed_roles] if place is not None else []
