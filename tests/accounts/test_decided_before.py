"""What somebody decided before a reset, or before their place ended, stays without effect afterwards."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from accounts.arrangements.confirm import confirm_proposal
from accounts.dual_control.exempt import propose_exemption
from accounts.dual_control.independence import Act, why_not_second
from accounts.dual_control.models import Proposal, ProposalState, SecondStepReset
from accounts.errors import Refusal
from accounts.factors.forget import make_reset, propose_reset
from accounts.identity.models import Membership
from accounts.identity.roles import Permission, Role
from accounts.membership.members import add_member, change_roles, end_membership
from accounts.signing_keys.register import confirm_key
from accounts.standing.measures import carry_out, propose_measure
from accounts.standing.models import MeasureKind
from hashsets.trust.hosted import create_hosted_key
from tests import cast
from tests.cast import NOW

pytestmark = pytest.mark.django_db

LATER = NOW + timedelta(days=5)
Waits = Callable[[], object]


def code_of(act: Callable[[], object]) -> str:
    with pytest.raises(Refusal) as refusal:
        act()
    return refusal.value.code


def reset(person: cast.Person) -> None:
    """Taken away a minute later, and proven long before it is asked."""
    SecondStepReset.objects.create(
        user=person.user, at=NOW + timedelta(minutes=1), proven_at=NOW + timedelta(hours=1)
    )


def came_back(person: cast.Person) -> None:
    """The place ended, and two people gave another one with the same roles a day later."""
    place = person.user.memberships.get()
    Membership.objects.filter(id=place.id).update(ended_at=NOW + timedelta(minutes=1))
    Membership.objects.create(
        user=person.user, organisation=place.organisation, roles=place.roles,
        confirmed_roles=place.confirmed_roles, created_at=NOW + timedelta(days=1),
    )  # fmt: skip


def a_place() -> tuple[cast.Person, Waits, str]:
    harbor = cast.harbor()
    newcomer = cast.lumen().viewer.user
    add_member(newcomer, harbor.organisation, roles=["approver"], actor=harbor.admin.actor, now=NOW)
    waiting, second = Proposal.objects.get(), harbor.second_admin.actor
    confirm = lambda: confirm_proposal(waiting.id, actor=second, now=LATER)  # noqa: E731
    return harbor.admin, confirm, "proposal.proposer_gone"


def a_key() -> tuple[cast.Person, Waits, str]:
    harbor = cast.harbor()
    key = create_hosted_key(harbor.organisation, name="Desk", actor=harbor.admin.actor, now=NOW)
    confirm = lambda: confirm_key(key.id, actor=harbor.second_admin.actor, now=LATER)  # noqa: E731
    return harbor.admin, confirm, "key.registrar_gone"


def a_measure() -> tuple[cast.Person, Waits, str]:
    harbor, operator = cast.harbor(), cast.operator()
    staff, where = operator.admin.actor, harbor.organisation.id
    propose_measure(where, MeasureKind.EMERGENCY, reason="x", actor=staff, now=NOW)
    lifting = propose_measure(where, MeasureKind.LIFTING, reason="x", actor=staff, now=NOW)
    second = operator.second_admin.actor
    return operator.admin, lambda: carry_out(lifting.id, actor=second, now=LATER), "measure.proposer_gone"


@pytest.mark.parametrize("waits", [a_place, a_key, a_measure])
@pytest.mark.parametrize("happens", [reset, came_back])
def test_what_was_proposed_before_is_made_by_nobody(
    waits: Callable[[], tuple[cast.Person, Waits, str]], happens: Callable[[cast.Person], None]
) -> None:
    proposer, confirm, code = waits()
    happens(proposer)
    assert code_of(confirm) == code


@pytest.mark.parametrize("waits", [a_place, a_key, a_measure])
def test_what_was_proposed_after_it_is_made(waits: Callable[[], tuple[cast.Person, Waits, str]]) -> None:
    proposer, confirm, _code = waits()
    SecondStepReset.objects.create(
        user=proposer.user, at=NOW - timedelta(days=9), proven_at=NOW - timedelta(days=8)
    )
    confirm()


def test_an_exemption_ends_with_the_next_reset_and_can_be_given_again() -> None:
    harbor, operator = cast.harbor(), cast.operator()
    person = harbor.approver.user
    act = Act(Permission.SUBMISSION_APPROVE, "submission.approve", "submission", "7b1c")

    def allow() -> None:
        proposal = propose_exemption(
            email=person.email, act=act.name, subject_id="7b1c", note="Spoke.",
            actor=operator.admin.actor, now=LATER,
        )  # fmt: skip
        confirm_proposal(proposal.id, actor=operator.second_admin.actor, now=LATER)

    SecondStepReset.objects.create(user=person, at=LATER - timedelta(hours=2), proven_at=LATER)
    allow()
    assert why_not_second(person.id, harbor.organisation.id, act, now=LATER) == ""
    again = LATER + timedelta(hours=1)
    SecondStepReset.objects.create(user=person, at=again)
    assert why_not_second(person.id, harbor.organisation.id, act, now=again) == "second_person.after_reset"
    SecondStepReset.objects.filter(at=again).update(at=LATER - timedelta(seconds=1))
    assert code_of(allow) == "exemption.exists"
    Proposal.objects.filter(state="proposed").delete()
    SecondStepReset.objects.filter(at=LATER - timedelta(seconds=1)).update(at=LATER + timedelta(seconds=1))
    still_later = LATER + timedelta(minutes=1)
    proposal = propose_exemption(
        email=person.email, act=act.name, subject_id="7b1c", note="Spoke.",
        actor=operator.second_admin.actor, now=still_later,
    )  # fmt: skip
    confirm_proposal(proposal.id, actor=operator.admin.actor, now=still_later)
    assert why_not_second(person.id, harbor.organisation.id, act, now=still_later) == ""


def test_a_role_that_was_gone_waits_for_a_second_person_whatever_an_older_process_left() -> None:
    harbor = cast.harbor()
    place = harbor.approver.user.memberships.get()
    # A process of before the rule takes a role away, and knows no column of confirmed ones.
    Membership.objects.filter(id=place.id).update(roles=["viewer"])
    change_roles(place.id, roles=["approver"], actor=harbor.admin.actor, now=NOW)
    place.refresh_from_db()
    assert place.unconfirmed_roles == ["approver"]
    assert Proposal.objects.filter(kind="place", state="proposed").count() == 1


def test_a_reset_that_a_former_organisation_asked_for_is_in_nobodys_way() -> None:
    harbor, lumen = cast.harbor(), cast.lumen()
    person = harbor.viewer.user
    left_behind = propose_reset(person.memberships.get().id, actor=harbor.admin.actor, now=NOW)
    end_membership(person.memberships.get().id, actor=harbor.admin.actor, now=NOW)
    place = add_member(person, lumen.organisation, roles=[Role.VIEWER], actor=cast.HOST, now=NOW)
    asked = propose_reset(place.id, actor=lumen.admin.actor, now=NOW)
    left_behind.refresh_from_db()
    assert (left_behind.state, asked.organisation) == (ProposalState.ENDED, lumen.organisation)
    assert code_of(lambda: make_reset(left_behind, actor=harbor.second_admin.actor, now=NOW)).endswith(
        "found"
    )
