"""Letters about a person's account: invitations, second factors, sessions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from django.utils.translation import gettext_noop as _

from exchange.mail.letters.letter import Letter

ACCOUNT: Final[Mapping[str, Letter]] = {
    "account.invitation": Letter(
        _("%(organisation)s invites you to the hash exchange"),
        (
            _("An admin of %(organisation)s has invited you to act for it on this exchange."),
            _("The link works once, for %(days)s days."),
        ),
        _("Accept the invitation"),
        _("If you do not know %(organisation)s, leave this letter alone: nothing happens."),
    ),
    "account.place_confirmed": Letter(
        _("Your place at %(organisation)s is confirmed"),
        (_("Your roles at %(organisation)s are in force from now on."),),
        _("Go on"),
        _("You get this because you belong to %(organisation)s."),
    ),
    "account.second_step_asked": Letter(
        _("Somebody asks to take your second step away"),
        (
            _("%(who)s says that you have lost it. Somebody else confirms that."),
            _("If you have lost nothing, tell another admin and the operator of this exchange at once."),
        ),
    ),
    "account.proposal.place": Letter(
        _("A place at %(organisation)s waits for a second person"),
        (
            _("%(who)s gives %(whom)s a place at %(organisation)s with roles that take two people."),
            _("Until another admin confirms it, these roles are not in force. Confirm only people you know."),
        ),
        _("Look at what waits"),
        _("For admins and duty contacts of %(organisation)s, and for staff who stand in for them."),
    ),
    "account.proposal.sign-on": Letter(
        _("A change of single sign-on at %(organisation)s waits for a second person"),
        (
            _("%(who)s wishes to arrange by which provider the people of %(organisation)s sign in."),
            _("Whoever runs that provider can sign in as any of them. Another admin confirms or ends it."),
        ),
        _("Look at what waits"),
        _("For admins and duty contacts of %(organisation)s, and for staff who stand in for them."),
    ),
    "account.proposal.second-step": Letter(
        _("A second step at %(organisation)s is to be taken away"),
        (
            _("%(who)s asks to take the second step of %(whom)s away, because it is lost."),
            _("Call %(whom)s back on a number you know before you confirm it."),
        ),
        _("Look at what waits"),
        _("For admins and duty contacts of %(organisation)s, and for staff who stand in for them."),
    ),
    "account.proposal.exemption": Letter(
        _("An exception for one act waits for a second person"),
        (
            _("%(who)s wishes to let %(whom)s be the second person of one act soon after a reset."),
            _("Another one of the exchange’s staff confirms it, or ends it."),
        ),
        _("Look at what waits"),
        _("For admins and duty contacts of %(organisation)s, and for staff who stand in for them."),
    ),
    "account.proposal.key": Letter(
        _("A signing key of %(organisation)s waits for a second person"),
        (
            _("%(who)s has registered a key for %(organisation)s."),
            _("Until another admin confirms it, nothing is signed with it. Compare its id with its holder."),
        ),
        _("Look at what waits"),
        _("For admins and duty contacts of %(organisation)s, and for staff who stand in for them."),
    ),
    **dict.fromkeys(
        (
            "account.proposal.list-settings",
            "account.proposal.list-findable",
            "account.proposal.list-signers",
            "account.proposal.list-give",
            "account.proposal.list-take",
        ),
        Letter(
            _("Something about a list of %(organisation)s waits for a second person"),
            (
                _("%(who)s proposes what lets more people read a list, fewer decide, or others publish it."),
                _("Until another admin confirms it, nothing changes."),
            ),
            _("Look at what waits"),
            _("For admins and duty contacts of %(organisation)s, and for staff who stand in for them."),
        ),
    ),
    "account.password_reset": Letter(
        _("Choose a new password"),
        (
            _("Somebody, probably you, has asked for a new password for your account."),
            _("The link works once, for one hour. Your second step stays as it is."),
        ),
        _("Choose a new password"),
        _("If it was not you, leave this letter alone: your password stays as it is."),
    ),
    "account.password_changed": Letter(
        _("Your password was changed"),
        (
            _("The password of your account was changed, and all your sessions were ended."),
            _("If it was not you, tell an admin of your organisation at once."),
        ),
    ),
    "account.second_step_ended": Letter(
        _("Your second step was taken away"),
        (
            _("Two people have ended your second step because you had lost it."),
            _("Sign in with your present password; a letter proves your mailbox, and you set up a new one."),
            _("If you did not ask for this, tell an admin of your organisation at once."),
        ),
    ),
    "account.prove_mailbox": Letter(
        _("Prove your mailbox to set up a new second step"),
        (
            _("Your password was given on the sign-in page after your second step was taken away."),
            _("Open the link in the same browser. It works once, for one hour."),
        ),
        _("Go on"),
        _("If it was not you, tell an admin of your organisation at once: somebody knows your password."),
    ),
    "account.password_not_now": Letter(
        _("Your password cannot be replaced now"),
        (
            _("Somebody, probably you, has asked for a new password, but your second step was taken away."),
            _(
                "Until you have a new one your present password is needed. If it is lost too, an admin ends"
                " your place and invites you anew."
            ),
        ),
    ),
    "account.second_step_reset": Letter(
        _("A second step at %(organisation)s was taken away"),
        (
            _("Two people, or the host, have taken the lost second step of %(whom)s away."),
            _("If you know of no loss, speak to %(whom)s, and tell the operator of this exchange at once."),
        ),
        _("Look at the people"),
        _("For admins and duty contacts of %(organisation)s, and for staff who stand in for them."),
    ),
    "account.sign_on_removed": Letter(
        _("Single sign-on at %(organisation)s was removed"),
        (
            _("%(who)s has removed it: people of %(organisation)s sign in by themselves again."),
            _("If you know nothing of this, ask %(who)s why."),
        ),
        _("Look at the people"),
        _("For admins and duty contacts of %(organisation)s, and for staff who stand in for them."),
    ),
    "account.second_step_changed": Letter(
        _("Your second step was changed"),
        (
            _("An app or a passkey was added to your account or taken off it."),
            _("If it was not you, tell an admin of your organisation at once."),
        ),
    ),
}
