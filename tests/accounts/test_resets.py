"""Who takes a second step away or lifts what follows it, who hears of it, and what a sign-on leaves."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.arrangements.confirm import confirm_proposal
from accounts.dual_control.exempt import propose_exemption
from accounts.dual_control.models import PROPOSAL_LASTS, Proposal, SecondStepReset
from accounts.dual_control.propose import forget_secret, lapsed_secrets
from accounts.errors import Invalid, NotAllowed, Refusal
from accounts.factors.forget import open_reset, propose_reset, reset_by_host
from accounts.identity.roles import Role
from accounts.mail.models import OutgoingMail
from accounts.membership.duty_contacts import add_duty_contact
from accounts.membership.members import add_member, end_membership
from accounts.sign_on.arrange import Wish, propose_sign_on, remove_sign_on
from exchange.stations import STATIONS
from tests import cast
from tests.cast import NOW
from tests.exchange.web.account.test_sign_on import prove

pytestmark = pytest.mark.django_db

WISH = Wish("https://idp.example", "client", "a secret", ("example.org",))


def place_of(person: cast.Person) -> int:
    return person.user.memberships.get(ended_at=None).id


def exemption(crew: cast.Crew, actor: cast.Person) -> Proposal:
    SecondStepReset.objects.create(user=crew.approver.user, at=NOW)
    return propose_exemption(
        email=crew.approver.user.email, act="submission.approve", subject_id="1", note="Spoke.",
        actor=actor.actor, now=NOW,
    )  # fmt: skip


def sign_on_proposed(crew: cast.Crew) -> Proposal:
    prove(crew.organisation)
    return propose_sign_on(crew.organisation, WISH, actor=crew.admin.actor, now=NOW)


def told_by(act: Callable[[], object]) -> dict[str, str]:
    """Addresses and kinds of the letters that `act` leaves."""
    OutgoingMail.objects.all().delete()
    act()
    return dict(OutgoingMail.objects.values_list("address", "kind"))


def duty_desk(crew: cast.Crew) -> None:
    add_duty_contact(
        name="Desk",
        email="desk@example.org",
        phone="+1 555 0100",
        language="fr",
        actor=crew.admin.actor,
        now=NOW,
    )


def test_an_exemption_is_confirmed_by_staff_and_not_by_who_only_arranges_the_operators_people() -> None:
    operator = cast.operator()
    clerk = cast.person(operator.organisation, "Otto Clerk", (Role.ADMIN,))
    waiting = exemption(cast.harbor(), operator.admin)
    with pytest.raises(NotAllowed) as refusal:
        confirm_proposal(waiting.id, actor=clerk.actor, now=NOW)
    assert refusal.value.code == "permission.missing"
    confirm_proposal(waiting.id, actor=operator.second_admin.actor, now=NOW)


@pytest.mark.parametrize("proposes", [True, False])
def test_staff_who_arrange_nobody_are_either_side_of_an_exemption(proposes: bool) -> None:
    operator = cast.operator()
    staff = cast.person(operator.organisation, "Ona Staff", (Role.EXCHANGE_ADMIN,))
    first, second = (staff, operator.admin) if proposes else (operator.admin, staff)
    waiting = exemption(cast.harbor(), first)
    assert confirm_proposal(waiting.id, actor=second.actor, now=NOW).state == "made"


def test_staff_who_arrange_nobody_ask_for_a_colleague_and_the_host_confirms() -> None:
    operator = cast.operator()
    staff = cast.person(operator.organisation, "Ona Staff", (Role.EXCHANGE_ADMIN,))
    end_membership(place_of(operator.second_admin), actor=operator.admin.actor, now=NOW)
    with pytest.raises(NotAllowed):
        reset_by_host(operator.admin.user, actor=cast.HOST, now=NOW)
    with pytest.raises(Invalid):
        propose_reset(place_of(operator.admin), actor=staff.actor, now=NOW)
    waiting = propose_reset(place_of(operator.admin), note="Called.", actor=staff.actor, now=NOW)
    confirm_proposal(waiting.id, actor=cast.HOST, now=NOW)
    assert open_reset(operator.admin.user) is not None


def test_an_admin_who_is_nobodys_second_person_keeps_the_staff_from_nothing() -> None:
    harbor, operator = cast.harbor(), cast.operator()
    SecondStepReset.objects.create(user=harbor.second_admin.user, at=NOW)
    waiting = propose_reset(place_of(harbor.admin), note="Called.", actor=operator.admin.actor, now=NOW)
    confirm_proposal(waiting.id, actor=operator.second_admin.actor, now=NOW)
    assert open_reset(harbor.admin.user) is not None


def test_a_person_of_two_organisations_is_reset_by_two_of_the_staff() -> None:
    harbor, operator = cast.harbor(), cast.operator()
    add_member(harbor.signer.user, cast.lumen().organisation, roles=["viewer"], actor=cast.HOST, now=NOW)
    guest = harbor.signer.user.memberships.get(organisation=harbor.organisation)
    waiting = propose_reset(guest.id, note="Called.", actor=operator.admin.actor, now=NOW)
    with pytest.raises(Refusal) as refusal:
        confirm_proposal(waiting.id, actor=harbor.admin.actor, now=NOW)
    assert refusal.value.code == "proposal.not_found"
    told = told_by(lambda: confirm_proposal(waiting.id, actor=operator.second_admin.actor, now=NOW))
    assert {harbor.admin.user.email, cast.lumen().admin.user.email} <= told.keys(), "both hear of it"


def test_whoever_joined_another_organisation_since_is_not_reset_by_one() -> None:
    harbor = cast.harbor()
    waiting = propose_reset(place_of(harbor.signer), actor=harbor.admin.actor, now=NOW)
    add_member(harbor.signer.user, cast.lumen().organisation, roles=["viewer"], actor=cast.HOST, now=NOW)
    with pytest.raises(NotAllowed) as refusal:
        confirm_proposal(waiting.id, actor=harbor.second_admin.actor, now=NOW)
    assert refusal.value.code == "factor.elsewhere"
    assert open_reset(harbor.signer.user) is None


def test_a_reset_is_told_to_the_person_all_admins_and_duty_contacts() -> None:
    harbor = cast.harbor()
    duty_desk(harbor)
    waiting = propose_reset(place_of(harbor.signer), actor=harbor.admin.actor, now=NOW)
    told = told_by(lambda: confirm_proposal(waiting.id, actor=harbor.second_admin.actor, now=NOW))
    others = (harbor.admin.user.email, harbor.second_admin.user.email, "desk@example.org")
    assert told == {
        harbor.signer.user.email: "account.second_step_ended",
        **dict.fromkeys(others, "account.second_step_reset"),
    }


def test_a_new_second_step_and_its_proof_are_one() -> None:
    someone = cast.harbor().viewer.user
    SecondStepReset.objects.create(user=someone, at=NOW)
    cast.fresh_code(someone)  # sets an app up, as the door does, and ends there
    reset = SecondStepReset.objects.get()
    assert reset.proven_at is not None
    assert reset.proven_at <= timezone.now()


def test_removing_a_sign_on_is_told_to_all_admins_and_duty_contacts() -> None:
    harbor = cast.harbor()
    duty_desk(harbor)
    confirm_proposal(sign_on_proposed(harbor).id, actor=harbor.second_admin.actor, now=NOW)
    told = told_by(lambda: remove_sign_on(harbor.organisation, actor=harbor.admin.actor, now=NOW))
    everybody = (harbor.admin.user.email, harbor.second_admin.user.email, "desk@example.org")
    assert told == dict.fromkeys(everybody, "account.sign_on_removed")


def test_a_kept_secret_is_shown_to_no_other_provider() -> None:
    harbor = cast.harbor()
    confirm_proposal(sign_on_proposed(harbor).id, actor=harbor.second_admin.actor, now=NOW)
    other = Wish("https://other.example", WISH.client_id, "", WISH.domains)
    with pytest.raises(Invalid) as refusal:
        propose_sign_on(harbor.organisation, other, actor=harbor.admin.actor, now=NOW)
    assert refusal.value.code == "sign_on.secret"
    kept = Wish(WISH.issuer, "another client", "", WISH.domains)
    propose_sign_on(harbor.organisation, kept, actor=harbor.admin.actor, now=NOW)


def test_the_secret_of_a_proposal_that_ran_out_is_forgotten() -> None:
    waiting = sign_on_proposed(cast.harbor())
    over = NOW + PROPOSAL_LASTS
    assert lapsed_secrets(over - timedelta(seconds=1), 5) == []
    forget_secret(waiting.id, now=over - timedelta(seconds=1))
    waiting.refresh_from_db()
    assert waiting.sealed_secret
    station = next(one for one in STATIONS if one.name == "forget-proposals")
    for key in station.due(over, 5):
        station.work(key, over)
    waiting.refresh_from_db()
    assert waiting.sealed_secret == ""
