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
    "factor.own": Phrase(
        _("Change your own second step on your account’s page."), _("If you have lost it, ask another admin.")
    ),
    "factor.elsewhere": Phrase(
        _("This person belongs to another organisation too."), _("Ask the operator of this exchange.")
    ),
    "user.password_weak": Phrase(
        _("This password is too short, too common or too much like your name."),
        _("Use at least twelve characters, for example four words."),
    ),
    "user.email": Phrase(_("This is not an e-mail address.")),
    "user.email_taken": Phrase(_("A person with this e-mail address exists already.")),
    "user.language": Phrase(_("This language is not offered.")),
    "reset.gone": Phrase(
        _("This link has been used, or is too old."), _("Ask for a new one on the sign-in page.")
    ),
    "invitation.gone": Phrase(
        _("This invitation has been used or taken back, or is too old."),
        _("Ask whoever invited you for a new one."),
    ),
    "invitation.open": Phrase(
        _("This address has an open invitation already."), _("Take that one back first.")
    ),
    "invitation.not_found": Phrase(_("There is no such invitation.")),
    "invitation.other_person": Phrase(
        _("This invitation is for another e-mail address than yours."),
        _("Sign out, and sign in with the account of that address."),
    ),
    "membership.exists": Phrase(_("This person belongs to the organisation already.")),
    "membership.not_found": Phrase(_("There is no such membership.")),
    "membership.own": Phrase(_("Nobody changes their own roles."), _("Ask another admin.")),
    "membership.roles": Phrase(_("Choose one or more roles that exist in this kind of organisation.")),
    "membership.last_admin": Phrase(
        _("An organisation keeps at least one admin."), _("Make somebody else an admin first.")
    ),
    "sign_on.none": Phrase(
        _("No single sign-on covers this address."), _("Sign in with your password or a passkey.")
    ),
    "sign_on.nobody": Phrase(
        _("Your organisation’s sign-on did not say who you are here."),
        _("Ask an admin of your organisation to invite you, or sign in with your password."),
    ),
    "sign_on.away": Phrase(
        _("Your organisation’s sign-on cannot be reached."),
        _("Try again later, or sign in with your password."),
    ),
    "sign_on.refused": Phrase(
        _("What your organisation’s sign-on answered is not valid."),
        _("Try again, or sign in with your password."),
    ),
    "sign_on.issuer": Phrase(
        _("This is not the address of an identity provider that we can ask."),
        _("Give its issuer as it stands in the provider’s settings; it starts with https://."),
    ),
    "sign_on.secret": Phrase(_("Give the client’s secret.")),
    "sign_on.domains": Phrase(_("Name at least one domain.")),
    "sign_on.domain_unproven": Phrase(
        _("Your organisation has not proven that it controls this domain."),
        _("Prove the domain first, or ask the operator of this exchange."),
    ),
    "sign_on.domain_taken": Phrase(_("Another organisation’s sign-on covers this domain.")),
    "sign_on.not_found": Phrase(_("There is no single sign-on.")),
    "sign_on.changed": Phrase(
        _("The provider is no longer the one that you were shown."), _("Look at it again, then decide.")
    ),
    "sign_on.nothing_to_agree": Phrase(_("There is nothing to agree to.")),
    "factor.colleague_needed": Phrase(_("Another admin of the organisation can ask for this.")),
    "reset.person_left": Phrase(_("This person has left since.")),
    "proposal.not_now": Phrase(
        _("The organisation may not do this at the moment."),
        _("It is read-only, or under a condition: see its membership."),
    ),
    "reset.by_password": Phrase(
        _("Your second step was taken away, so only your password and your mailbox together prove you."),
        _("Sign in with your password. If it is lost too, ask an admin to invite you anew."),
    ),
    "reset.second_step_open": Phrase(
        _("Your second step was taken away, so your password cannot be replaced by a link now."),
        _("Sign in with the password that you had. If it is lost too, ask to be invited anew."),
    ),
    "reset.password_new": Phrase(
        _("A mailed link has lately set this password, so it proves nothing beside the mailbox."),
        _("Propose it anew three days after that."),
    ),
    "user.signed_out": Phrase(
        _("You have been signed out everywhere since you sent this, so nothing was changed."),
        _("Sign in again."),
    ),
    "user.password_wrong": Phrase(_("This is not your present password.")),
    "user.not_found": Phrase(_("There is no person with this e-mail address.")),
    "exemption.act": Phrase(_("There is no such act.")),
    "exemption.subject": Phrase(_("This is no id of ours.")),
    "exemption.not_needed": Phrase(_("Nothing keeps this person from acting.")),
    "exemption.exists": Phrase(_("This is allowed already.")),
    "sign_on.own_agreement": Phrase(
        _("Whoever arranged a sign-on does not agree to it for the exchange."),
        _("Ask somebody else of the exchange’s staff."),
    ),
    "key.registrar_gone": Phrase(
        _("Whoever registered this key could not register it any more."),
        _("Revoke it, and have somebody else register it again."),
    ),
    "measure.proposer_gone": Phrase(
        _("Whoever proposed this measure could not propose it any more."),
        _("Drop it, and propose it again if it is right."),
    ),
    "decision.proposer_gone": Phrase(
        _("Whoever proposed this decision could not propose it any more."),
        _("Give it back, and propose it again if it is right."),
    ),
    "second_person.left": Phrase(
        _("This person no longer has the role that this takes."), _("Ask somebody who has it.")
    ),
    "second_person.unconfirmed": Phrase(
        _("Only one person stands behind this place so far, so it cannot be the second side of an act."),
        _("A second admin confirms the place first."),
    ),
    "second_person.after_reset": Phrase(
        _("A second step that others took away makes a person nobody’s second person for 72 hours."),
        _("Ask somebody else, or have two of the exchange’s staff allow this one act."),
    ),
    "proposal.not_found": Phrase(_("There is no such proposal.")),
    "proposal.waits": Phrase(
        _("The same is proposed already and waits for a second person."), _("Make it or end it first.")
    ),
    "proposal.second_person": Phrase(
        _("Whoever proposed this does not confirm it."),
        _("Ask another admin; where there is none, one of the exchange’s staff."),
    ),
    "proposal.own": Phrase(_("Nobody confirms what is about themselves.")),
    "proposal.colleague_needed": Phrase(
        _("An admin of the organisation can confirm this, so the exchange does not.")
    ),
    "proposal.proposer_gone": Phrase(
        _("Whoever proposed this could not propose it any more."),
        _("End the proposal, and propose it again if it is right."),
    ),
    "proposal.outdated": Phrase(
        _("The place has changed since this was proposed."),
        _("Look at the person’s roles; they are proposed anew when they are saved."),
    ),
    "session.not_found": Phrase(_("There is no such session.")),
}
