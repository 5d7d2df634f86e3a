"""Second steps that others take away: by two, proven anew, and nobody's second person for three days."""

from __future__ import annotations

from datetime import datetime, timedelta
from http import HTTPStatus
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from accounts.arrangements.confirm import confirm_proposal
from accounts.audit.models import AuditEvent
from accounts.dual_control.exempt import propose_exemption
from accounts.dual_control.independence import Act, is_after_reset, why_not_second
from accounts.dual_control.models import Proposal, SecondStepReset
from accounts.dual_control.propose import end_proposal
from accounts.errors import Conflict, Invalid, NotAllowed, NotFound, Refusal
from accounts.factors import totp
from accounts.factors.forget import mark_proven, propose_reset
from accounts.factors.link_token import digest_of
from accounts.factors.models import CodeApp, Passkey, PasswordReset, RecoveryCode
from accounts.factors.password import ask_reset, use_reset
from accounts.identity.models import User
from accounts.identity.roles import Permission, Role
from accounts.mail.models import OutgoingMail
from accounts.membership.members import add_member, end_membership
from accounts.sealing.texts import open_text
from tests import cast
from tests.exchange.web.account.test_account import letters, link_in, text_of
from tests.exchange.web.stage import signed_in

pytestmark = pytest.mark.django_db(transaction=True)


def place_of(person: cast.Person) -> int:
    return person.user.memberships.get().id


def take_away(crew: cast.Crew, person: cast.Person, **named: Any) -> Proposal:
    """By both admins of the organisation, now."""
    now = timezone.now()
    proposal = propose_reset(place_of(person), actor=crew.admin.actor, now=now, **named)
    return confirm_proposal(proposal.id, actor=crew.second_admin.actor, now=now)


def with_password(user: User, password: str = cast.PASSWORD) -> Any:
    """A browser that has given the password, and where it was led."""
    client = Client()
    answer = client.post("/sign-in", {"email": user.email, "password": password})
    return client, answer.headers.get("Location", "")


def proof_letter(user: User) -> str:
    """Where the letter's link leads."""
    return link_in(next(one for one in letters() if one.to == [user.email] and "/sign-in/prove/" in one.body))


def new_app(client: Client, user: User) -> Any:
    page = text_of(client.get("/sign-in/set-up/app"))
    seed = bytes.fromhex(_seed_in(client, user))
    assert "app" in page
    return client.post("/sign-in/set-up/app", {"code": totp.code_at(seed, totp.step_at(timezone.now()))})


def _seed_in(client: Client, user: User) -> str:
    return open_text(client.session["hx_new_seed"]["sealed"], context=f"user:{user.id}:new-seed")


def test_one_admin_takes_no_second_step_away() -> None:
    harbor = cast.harbor()
    someone = harbor.viewer
    theirs = signed_in(someone.user)
    admin = signed_in(harbor.admin.user)
    assert admin.post(f"/organisation/people/{place_of(someone)}/second-step").status_code == HTTPStatus.FOUND
    assert CodeApp.objects.filter(user=someone.user).exists(), "nothing has changed yet"
    assert theirs.get("/account").status_code == HTTPStatus.OK
    waiting = Proposal.objects.get()
    own = admin.post(f"/organisation/proposals/{waiting.id}/confirm")
    assert own.status_code == HTTPStatus.FORBIDDEN
    refused = AuditEvent.objects.latest("number")
    assert (refused.action, refused.facts["code"]) == ("second_person.refused", "proposal.second_person")
    told = {address for letter in letters() for address in letter.to}
    assert {harbor.admin.user.email, harbor.second_admin.user.email} <= told
    other = signed_in(harbor.second_admin.user)
    assert other.post(f"/organisation/proposals/{waiting.id}/confirm").status_code == HTTPStatus.FOUND
    assert not CodeApp.objects.filter(user=someone.user).exists()
    assert theirs.get("/account").status_code == HTTPStatus.FOUND, "every session ends"
    event = AuditEvent.objects.get(action="factor.reset")
    assert event.facts["proposed_by"] == str(harbor.admin.user.id)
    assert event.facts["confirmed_by"] == str(harbor.second_admin.user.id)


def test_afterwards_the_password_of_before_and_the_mailbox_are_both_needed() -> None:
    harbor = cast.harbor()
    user = harbor.approver.user
    take_away(harbor, harbor.approver)
    client, led = with_password(user)
    assert led == "/sign-in/set-up"
    for page in ("/sign-in/set-up", "/sign-in/set-up/app", "/sign-in/set-up/passkey"):
        assert client.get(page).headers["Location"].startswith("/sign-in/prove"), "not by the password alone"
    assert client.post("/sign-in/set-up/app", {"code": "000000"}).headers["Location"] == "/sign-in/prove"
    assert "open the link of the letter" in text_of(client.get("/sign-in/prove"))
    link = proof_letter(user)
    stranger = Client()
    assert stranger.get(link).headers["Location"].startswith("/sign-in"), "the mailbox alone proves nothing"
    assert client.get(link).headers["Location"] == "/sign-in/set-up"
    assert client.get(link).status_code == HTTPStatus.NOT_FOUND, "it works once"
    done = new_app(client, user)
    assert done.status_code == HTTPStatus.OK
    assert "_auth_user_id" in client.session
    assert AuditEvent.objects.get(action="factor.reset_proven").person_id == user.id
    act = Act(Permission.SUBMISSION_APPROVE, "submission.approve", "submission", "1")
    proven = SecondStepReset.objects.get().proven_at
    assert proven is not None
    where = harbor.organisation.id
    last = proven + timedelta(hours=72)
    assert why_not_second(user.id, where, act, now=last - timedelta(seconds=1)) == "second_person.after_reset"
    assert why_not_second(user.id, where, act, now=last) == ""


def test_a_link_of_another_session_or_person_proves_nothing() -> None:
    harbor = cast.harbor()
    take_away(harbor, harbor.approver)
    take_away(harbor, harbor.signer)
    mine, _led = with_password(harbor.approver.user)
    mine.get("/sign-in/prove")
    theirs, _led = with_password(harbor.signer.user)
    theirs.get("/sign-in/prove")
    link = proof_letter(harbor.signer.user)
    assert mine.get(link).status_code == HTTPStatus.NOT_FOUND
    SecondStepReset.objects.update(link_expires_at=timezone.now())
    assert theirs.get(link).status_code == HTTPStatus.NOT_FOUND, "it has run out"


def test_a_mailed_password_link_is_no_way_round() -> None:
    harbor = cast.harbor()
    user = harbor.approver.user
    ask_reset(user.email, now=timezone.now())
    before = link_in(next(one for one in letters() if "/sign-in/new-password/" in one.body))
    take_away(harbor, harbor.approver)
    client = Client()
    client.get(before)
    assert client.get("/sign-in/new-password").status_code == HTTPStatus.NOT_FOUND, "open links have ended"
    Client().post("/sign-in/forgotten", {"email": user.email})
    assert not any("/sign-in/new-password/" in one.body for one in letters())


def test_a_link_that_was_opened_before_the_reset_sets_no_password_after_it() -> None:
    harbor = cast.harbor()
    user, now = harbor.approver.user, timezone.now()
    take_away(harbor, harbor.approver)
    PasswordReset.objects.create(
        user=user, digest=digest_of("t" * 43), created_at=now, expires_at=now + timedelta(hours=1)
    )
    with pytest.raises(Conflict) as refusal:
        use_reset(digest_of("t" * 43), "another-long-password-here", now=now)
    assert refusal.value.code == "reset.second_step_open"


def test_a_password_that_a_link_has_just_set_is_no_password_of_before() -> None:
    """Whoever reads the mailbox would hold both proofs, and need one careless colleague only."""
    harbor = cast.harbor()
    user, now = harbor.approver.user, timezone.now()

    def by_link(then: datetime) -> None:
        PasswordReset.objects.create(
            user=user, digest=digest_of("t" * 43), created_at=then, expires_at=then + timedelta(hours=1)
        )
        use_reset(digest_of("t" * 43), "mallory knows these words", now=then)

    proposal = propose_reset(place_of(harbor.approver), actor=harbor.admin.actor, now=now)
    by_link(now + timedelta(minutes=1))
    with pytest.raises(Conflict) as refusal:
        confirm_proposal(proposal.id, actor=harbor.second_admin.actor, now=now + timedelta(minutes=2))
    assert refusal.value.code == "reset.password_new"
    assert not SecondStepReset.objects.exists()
    end_proposal(proposal.id, actor=harbor.admin.actor, now=now)
    soon = now + timedelta(hours=71)
    with pytest.raises(Conflict) as refusal:
        propose_reset(place_of(harbor.approver), actor=harbor.admin.actor, now=soon)
    assert refusal.value.code == "reset.password_new"
    late = now + timedelta(hours=73)
    again = propose_reset(place_of(harbor.approver), actor=harbor.admin.actor, now=late)
    confirm_proposal(again.id, actor=harbor.second_admin.actor, now=late)
    assert SecondStepReset.objects.filter(user=user).exists()


def test_a_passkey_that_was_left_proves_by_itself() -> None:
    harbor = cast.harbor()
    user = harbor.approver.user
    signed_in(user)
    Passkey.objects.create(user=user, name="key", credential_id="c", public_part="p", created_at=cast.NOW)
    take_away(harbor, harbor.approver, leave_passkeys=True)
    assert Passkey.objects.filter(user=user).exists()
    assert not CodeApp.objects.filter(user=user).exists()
    assert not RecoveryCode.objects.filter(user=user, used_at__isnull=True).exists()
    _client, led = with_password(user)
    assert led == "/sign-in/code", "the passkey is asked for"
    mark_proven(user, how="passkey", now=timezone.now())
    assert SecondStepReset.objects.get().proven_at is not None
    take_away(harbor, harbor.approver)
    assert not Passkey.objects.filter(user=user).exists()


def test_who_may_ask_and_about_whom() -> None:
    harbor, stranger = cast.harbor(), cast.stranger()
    for actor, person, code in (
        (harbor.admin.actor, harbor.admin, "factor.own"),
        (harbor.approver.actor, harbor.viewer, "permission.missing"),
        (stranger.actor, harbor.viewer, "membership.not_found"),
        (cast.operator().admin.actor, harbor.viewer, "factor.colleague_needed"),
    ):
        with pytest.raises(Refusal) as refusal:
            propose_reset(place_of(person), note="called", actor=actor, now=cast.NOW)
        assert refusal.value.code == code
    add_member(harbor.signer.user, cast.lumen().organisation, roles=["viewer"], actor=cast.HOST, now=cast.NOW)
    guest = harbor.signer.user.memberships.get(organisation=harbor.organisation)
    with pytest.raises(NotAllowed) as elsewhere:
        propose_reset(guest.id, actor=harbor.admin.actor, now=cast.NOW)
    assert elsewhere.value.code == "factor.elsewhere"


def test_the_only_admin_is_helped_by_two_of_the_staff_after_a_call_back() -> None:
    harbor, operator = cast.harbor(), cast.operator()
    end_membership(place_of(harbor.second_admin), actor=harbor.admin.actor, now=cast.NOW)
    staff = signed_in(operator.admin.user)
    form = {"email": harbor.admin.user.email, "note": ""}
    assert staff.post("/organisation/proposals/second-step", form).status_code == HTTPStatus.BAD_REQUEST
    form["note"] = "Called back on the number of the application, 14:05."
    assert staff.post("/organisation/proposals/second-step", form).status_code == HTTPStatus.FOUND
    waiting = Proposal.objects.get()
    own = staff.post(f"/organisation/proposals/{waiting.id}/confirm")
    assert own.status_code == HTTPStatus.FORBIDDEN
    second = signed_in(operator.second_admin.user)
    assert "Called back on the number" in text_of(second.get("/organisation/proposals"))
    assert second.post(f"/organisation/proposals/{waiting.id}/confirm").status_code == HTTPStatus.FOUND
    assert is_after_reset(harbor.admin.user.id, now=timezone.now())


def test_the_last_of_the_staff_is_helped_by_the_host() -> None:
    operator = cast.operator()
    signed_in(operator.admin.user)
    signed_in(operator.second_admin.user)
    email = operator.admin.user.email
    with pytest.raises(CommandError, match="There are people who can ask for this"):
        call_command("confirm_person", email, "--reset-second-step", stdout=StringIO())
    end_membership(place_of(operator.second_admin), actor=operator.admin.actor, now=cast.NOW)
    call_command("confirm_person", email, "--reset-second-step", stdout=StringIO())
    event = AuditEvent.objects.get(action="factor.reset")
    assert (event.actor_label, event.facts["confirmed_as"]) == ("manage.py confirm_person", "host")
    assert not CodeApp.objects.filter(user=operator.admin.user).exists()


def test_two_of_the_staff_allow_one_act_soon_after_a_reset() -> None:
    harbor, operator = cast.harbor(), cast.operator()
    user, now = harbor.approver.user, timezone.now()
    form = {
        "email": user.email, "act": "submission.approve", "subject_id": "7b1c", "note": "Spoke to Asha.",
    }  # fmt: skip
    staff = signed_in(operator.admin.user)
    refused = staff.post("/organisation/proposals/exemption", form)
    assert "Nothing keeps this person from acting." in text_of(refused)
    take_away(harbor, harbor.approver)
    assert staff.post("/organisation/proposals/exemption", form).status_code == HTTPStatus.FOUND
    waiting = Proposal.objects.get(kind="exemption")
    assert staff.post(f"/organisation/proposals/{waiting.id}/confirm").status_code == HTTPStatus.FORBIDDEN
    with pytest.raises(NotAllowed) as by_host:
        confirm_proposal(waiting.id, actor=cast.HOST, now=now)
    assert by_host.value.code == "exemption.by_staff"
    second = signed_in(operator.second_admin.user)
    assert "Approve a submission" in text_of(second.get("/organisation/proposals"))
    assert second.post(f"/organisation/proposals/{waiting.id}/confirm").status_code == HTTPStatus.FOUND
    act = Act(Permission.SUBMISSION_APPROVE, "submission.approve", "submission", "7b1c")
    assert why_not_second(user.id, harbor.organisation.id, act, now=now) == ""
    event = AuditEvent.objects.get(action="second_person.exempted")
    assert event.facts["proposed_by"] == str(operator.admin.user.id)
    with pytest.raises(Conflict) as again:
        proposal = propose_exemption(**form, actor=operator.admin.actor, now=now)
        confirm_proposal(proposal.id, actor=operator.second_admin.actor, now=now)
    assert again.value.code == "exemption.exists"


@pytest.mark.parametrize(
    ("changed", "code", "kind"),
    [
        ({"act": "release.publish"}, "exemption.act", Invalid),
        ({"subject_id": "not an id"}, "exemption.subject", Invalid),
        ({"note": " "}, "text.missing", Invalid),
        ({"email": "nobody@example.org"}, "user.not_found", NotFound),
        ({"email": "a\x00b@example.org"}, "user.not_found", NotFound),
    ],
)
def test_an_exemption_that_says_nothing_is_refused(
    changed: dict[str, str], code: str, kind: type[Refusal]
) -> None:
    form = {"email": "x@example.org", "act": "submission.approve", "subject_id": "1", "note": "Spoke."}
    with pytest.raises(kind) as refusal:
        propose_exemption(**{**form, **changed}, actor=cast.operator().admin.actor, now=cast.NOW)
    assert refusal.value.code == code


def test_members_allow_no_exemption_and_take_no_step_away_as_staff() -> None:
    harbor = cast.harbor()
    client = signed_in(harbor.admin.user)
    for address in ("/organisation/proposals/exemption", "/organisation/proposals/second-step"):
        assert client.get(address).status_code == HTTPStatus.FORBIDDEN
        assert client.post(address, {}).status_code == HTTPStatus.FORBIDDEN
    assert Role.ADMIN in harbor.admin.user.memberships.get().roles


def test_whoever_lost_the_password_too_begins_anew_by_an_invitation() -> None:
    harbor = cast.harbor()
    user = harbor.approver.user
    signed_in(user)
    take_away(harbor, harbor.approver)
    admin = signed_in(harbor.admin.user)
    invite = {"email": user.email, "roles": ["approver"], "language": "en"}
    assert admin.post("/organisation/people/invite", invite).status_code == HTTPStatus.CONFLICT, "still here"
    admin.post(f"/organisation/people/{place_of(harbor.approver)}/end")
    admin.post("/organisation/people/invite", invite)
    client = Client()
    client.get(link_in(next(one for one in letters() if "/invitations/" in one.body)))
    assert "Choose a password" in text_of(client.get("/invitations"))
    answer = client.post("/invitations", {"name": "Asha", "password": "an-entirely-other-password"})
    assert answer.headers["Location"] == "/sign-in/set-up"
    assert new_app(client, user).status_code == HTTPStatus.OK
    assert "_auth_user_id" in client.session
    place = user.memberships.get(ended_at=None)
    assert place.roles_in_force == [], "the place waits for a second admin like any other"
    assert is_after_reset(user.id, now=timezone.now()), "and the reset counts for 72 hours"


def test_an_invitation_is_no_way_into_an_account_that_has_a_place() -> None:
    harbor, lumen = cast.harbor(), cast.lumen()
    user = harbor.approver.user
    take_away(harbor, harbor.approver)
    admin = signed_in(lumen.admin.user)
    invite = {"email": user.email, "roles": ["viewer"], "language": "en"}
    admin.post("/organisation/people/invite", invite)
    client = Client()
    client.get(link_in(next(one for one in letters() if "/invitations/" in one.body)))
    assert client.get("/invitations").headers["Location"].startswith("/sign-in")
    client.post("/invitations", {"name": "Asha", "password": "an-entirely-other-password"})
    user.refresh_from_db()
    assert user.check_password(cast.PASSWORD)
    assert not user.memberships.filter(organisation=lumen.organisation).exists()


def test_the_staff_help_where_the_other_admin_has_long_been_away() -> None:
    harbor, operator = cast.harbor(), cast.operator()
    later = cast.NOW + timedelta(days=15)
    with pytest.raises(NotAllowed) as refusal:
        propose_reset(place_of(harbor.admin), note="Called.", actor=operator.admin.actor, now=cast.NOW)
    assert refusal.value.code == "factor.colleague_needed"
    waiting = propose_reset(place_of(harbor.admin), note="Called.", actor=operator.admin.actor, now=later)
    told = OutgoingMail.objects.filter(kind="account.proposal.second-step").values_list("address", flat=True)
    assert harbor.second_admin.user.email in set(told), "who may then say that nothing is lost"
    confirm_proposal(waiting.id, actor=operator.second_admin.actor, now=later)
    assert is_after_reset(harbor.admin.user.id, now=later)


def test_whoever_submitted_lets_nobody_off_for_it() -> None:
    operator = cast.operator()
    harbor = cast.harbor()
    take_away(harbor, harbor.approver)
    now, who = timezone.now(), harbor.approver.user.id
    proposal = propose_exemption(
        email=harbor.approver.user.email, act="submission.approve", subject_id="7b1c", note="Spoke.",
        actor=operator.admin.actor, now=now,
    )  # fmt: skip
    confirm_proposal(proposal.id, actor=operator.second_admin.actor, now=now)
    for submitter in (operator.admin, operator.second_admin, harbor.contributor):
        act = Act(
            Permission.SUBMISSION_APPROVE, "submission.approve", "submission", "7b1c", submitter.user.id
        )
        reason = why_not_second(who, harbor.organisation.id, act, now=now)
        assert bool(reason) == (submitter is not harbor.contributor)
