"""Addresses. Signing in, second factors, sessions, invitations and the people of an organisation."""

from __future__ import annotations

from django.urls import URLPattern, path

from exchange.web.account import (
    invitations,
    own,
    passkey_pages,
    passwords,
    people,
    proposals,
    second_step,
    sign_on,
)

_PERSON = "organisation/people/<int:membership_id>"

urlpatterns: list[URLPattern] = [
    path("sign-in/code", second_step.SecondStep.as_view(), name="second-step"),
    path("sign-in/recovery", second_step.RecoveryStep.as_view(), name="recovery-step"),
    path("sign-in/passkey", passkey_pages.PasskeySignIn.as_view(), name="passkey-sign-in"),
    path("sign-in/prove", second_step.ProveMailbox.as_view(), name="prove-mailbox"),
    path("sign-in/prove/<str:token>", second_step.UseProof.as_view(), name="use-proof"),
    path("sign-in/set-up", second_step.SetUp.as_view(), name="set-up"),
    path("sign-in/set-up/app", second_step.SetUpApp.as_view(), name="set-up-app"),
    path("sign-in/set-up/passkey", passkey_pages.SetUpPasskey.as_view(), name="set-up-passkey"),
    path("sign-in/organisation", sign_on.Leave.as_view(), name="sign-on-leave"),
    path("sign-in/organisation/back", sign_on.Return.as_view(), name="sign-on-return"),
    path("organisation/sign-on", sign_on.Settings.as_view(), name="sign-on"),
    path("organisation/sign-on/remove", sign_on.Remove.as_view(), name="sign-on-remove"),
    path("organisation/sign-on/<uuid:sign_on_id>/agree", sign_on.Agree.as_view(), name="sign-on-agree"),
    path("sign-in/forgotten", passwords.Forgotten.as_view(), name="forgotten"),
    path("sign-in/new-password/<str:token>", passwords.OpenReset.as_view(), name="open-reset"),
    path("sign-in/new-password", passwords.NewPassword.as_view(), name="new-password"),
    path("confirm-presence/passkey", passkey_pages.PasskeyPresence.as_view(), name="passkey-presence"),
    path("account", own.Account.as_view(), name="account"),
    path("account/profile", own.Profile.as_view(), name="profile"),
    path("account/password", passwords.ChangePassword.as_view(), name="password"),
    path("account/app", own.ReplaceApp.as_view(), name="account-app"),
    path("account/recovery-codes", own.RecoveryCodes.as_view(), name="recovery-codes"),
    path("account/passkeys/new", passkey_pages.AddPasskey.as_view(), name="add-passkey"),
    path("account/passkeys/<uuid:passkey_id>/remove", own.RemovePasskey.as_view(), name="remove-passkey"),
    path("account/sessions", own.Sessions.as_view(), name="sessions"),
    path("account/sessions/end-others", own.EndOthers.as_view(), name="end-others"),
    path("account/sessions/<uuid:session_id>/end", own.EndSession.as_view(), name="end-session"),
    path("invitations/<str:token>", invitations.OpenInvitation.as_view(), name="open-invitation"),
    path("invitations", invitations.AcceptInvitation.as_view(), name="invitation"),
    path("organisation/people", people.People.as_view(), name="people"),
    path("organisation/people/invite", people.Invite.as_view(), name="invite"),
    path(
        "organisation/people/invitations/<uuid:invitation_id>/revoke",
        people.RevokeInvitation.as_view(),
        name="revoke-invitation",
    ),
    path(_PERSON, people.OnePerson.as_view(), name="person"),
    path(f"{_PERSON}/end", people.EndMembership.as_view(), name="end-membership"),
    path(f"{_PERSON}/second-step", people.ProposeReset.as_view(), name="propose-reset"),
    path(f"{_PERSON}/review", people.ReviewPlace.as_view(), name="review-place"),
    path("organisation/proposals/second-step", proposals.AskReset.as_view(), name="ask-reset"),
    path("organisation/proposals/exemption", proposals.AskExemption.as_view(), name="ask-exemption"),
    path("organisation/proposals", proposals.Proposals.as_view(), name="proposals"),
    path(
        "organisation/proposals/<uuid:proposal_id>/confirm",
        proposals.ConfirmProposal.as_view(),
        name="confirm-proposal",
    ),
    path(
        "organisation/proposals/<uuid:proposal_id>/end", proposals.EndProposal.as_view(), name="end-proposal"
    ),
]
