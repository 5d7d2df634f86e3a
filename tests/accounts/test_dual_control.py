"""One person cannot be two: places, the rule of independence, and the proposals that carry what waits."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction

from accounts.arrangements.confirm import confirm_proposal
from accounts.audit.models import AuditEvent
from accounts.credentials.authenticate import actor_for_key
from accounts.credentials.format import LIVE
from accounts.credentials.issue import issue_credential
from accounts.dual_control.independence import Act, require_second, why_not_second
from accounts.dual_control.models import PROPOSAL_LASTS, Exemption, Proposal, ProposalKind, SecondStepReset
from accounts.dual_control.propose import Asked, end_proposal, open_proposals, propose
from accounts.errors import Conflict, NotAllowed, NotFound, Refusal
from accounts.identity.acting import Actor
from accounts.identity.models import ConfirmedAs, Membership, OrganisationKind, User
from accounts.identity.roles import Permission, Role
from accounts.mail.models import OutgoingMail
from accounts.membership.confirm import places_to_review, review_place
from accounts.membership.duty_contacts import add_duty_contact
from accounts.membership.members import add_member, change_roles, end_membership
from accounts.membership.register import create_organisation, create_user
from accounts.signing_keys.register import confirm_key, revoke_key
from accounts.standing.measures import carry_out, propose_measure
from accounts.standing.models import MeasureKind
from hashsets.trust.hosted import create_hosted_key
from tests import cast

pytestmark = pytest.mark.django_db

NOW = cast.NOW
APPROVE = Act(Permission.SUBMISSION_APPROVE, "submission.approve", "submission", "1")


def newcomer(email: str = "mailbox@example.org") -> User:
    return create_user(email=email, name="Mail Box", password=None, actor=cast.HOST, now=NOW)


def place_given(crew: cast.Crew, *roles: str, email: str = "mailbox@example.org") -> Membership:
    """A place that one admin gave to somebody new."""
    return add_member(newcomer(email), crew.organisation, roles=roles, actor=crew.admin.actor, now=NOW)


def the_proposal() -> Proposal:
    return Proposal.objects.get(state="proposed")


def refusal_of(actor: Actor, proposal: Proposal | None = None, **named: Any) -> str:
    with pytest.raises(Refusal) as refusal:
        confirm_proposal((proposal or the_proposal()).id, actor=actor, now=named.get("now", NOW))
    return refusal.value.code


def rights_of(place: Membership) -> frozenset[Permission]:
    return cast.acting(place.user, place.organisation).permissions


@pytest.mark.parametrize("role", ["contributor", "approver", "signer", "admin"])
def test_a_place_of_either_side_is_not_in_force_until_a_second_admin_confirms_it(role: str) -> None:
    harbor = cast.harbor()
    place = place_given(harbor, role)
    assert rights_of(place) == frozenset()
    assert Membership.objects.filter(id=place.id).with_role(Role(role)) == []
    confirm_proposal(the_proposal().id, actor=harbor.second_admin.actor, now=NOW)
    place.refresh_from_db()
    assert rights_of(place) >= {Permission.LIST_VIEW}
    assert (place.granted_by, place.confirmed_by) == (harbor.admin.user, harbor.second_admin.user)
    assert place.confirmed_as == ConfirmedAs.COLLEAGUE
    event = AuditEvent.objects.get(action="membership.confirmed")
    assert event.person_id == harbor.second_admin.user.id
    assert event.facts["granted_by"] == str(harbor.admin.user.id)


@pytest.mark.parametrize("role", ["viewer", "auditor", "integrator"])
def test_what_is_no_side_of_an_act_needs_nobody_else(role: str) -> None:
    place = place_given(cast.harbor(), role)
    assert Permission.LIST_VIEW in rights_of(place)


def test_every_admin_and_duty_contact_hears_of_a_place_that_waits() -> None:
    harbor = cast.harbor()
    add_duty_contact(
        name="Desk", email="desk@example.org", phone="+1 555 0100", language="fr",
        actor=harbor.admin.actor, now=NOW,
    )  # fmt: skip
    place_given(harbor, "approver")
    told = OutgoingMail.objects.filter(kind="account.proposal.place").values_list("address", flat=True)
    assert set(told) == {harbor.admin.user.email, harbor.second_admin.user.email, "desk@example.org"}


def test_nobody_confirms_whom_they_invited_nor_their_own_place() -> None:
    harbor = cast.harbor()
    place = place_given(harbor, "admin", "approver")
    assert refusal_of(harbor.admin.actor) == "proposal.second_person"
    own = cast.acting(place.user, harbor.organisation)
    assert refusal_of(own) in {"permission.missing", "proposal.own"}
    assert rights_of(place) == frozenset()


def test_an_admin_in_waiting_confirms_nobody() -> None:
    harbor = cast.harbor()
    mailbox = place_given(harbor, "admin")
    own = cast.acting(mailbox.user, harbor.organisation)
    second = add_member(
        newcomer("second@example.org"), harbor.organisation, roles=["approver"],
        actor=harbor.admin.actor, now=NOW,
    )  # fmt: skip
    waiting = Proposal.objects.get(subject_id=str(second.id))
    assert refusal_of(own, waiting) == "permission.missing"


def test_the_exchange_stands_in_only_where_there_is_no_second_admin() -> None:
    harbor, operator = cast.harbor(), cast.operator()
    place_given(harbor, "approver")
    assert refusal_of(operator.admin.actor) == "proposal.colleague_needed"
    end_membership(harbor.second_admin.user.memberships.get().id, actor=harbor.admin.actor, now=NOW)
    assert the_proposal() in open_proposals(operator.admin.actor, now=NOW)
    confirm_proposal(the_proposal().id, actor=operator.admin.actor, now=NOW)
    assert Membership.objects.get(user__email="mailbox@example.org").confirmed_as == ConfirmedAs.EXCHANGE


def test_somebody_of_the_staff_who_also_arranges_there_is_one_person() -> None:
    operator = cast.operator()
    small = cast.crew("Small", OrganisationKind.NGO, "CA")
    for other in (small.second_admin,):
        end_membership(other.user.memberships.get().id, actor=small.admin.actor, now=NOW)
    both = operator.admin.user
    add_member(both, small.organisation, roles=[Role.ADMIN], actor=cast.HOST, now=NOW)
    place = add_member(
        newcomer(), small.organisation, roles=["approver"],
        actor=cast.acting(both, small.organisation), now=NOW,
    )  # fmt: skip
    end_membership(small.admin.user.memberships.get().id, actor=cast.HOST, now=NOW)
    assert refusal_of(operator.admin.actor) == "proposal.second_person"
    confirm_proposal(the_proposal().id, actor=operator.second_admin.actor, now=NOW)
    place.refresh_from_db()
    assert place.confirmed_as == ConfirmedAs.EXCHANGE


def test_a_stranger_learns_of_no_proposal() -> None:
    harbor, stranger = cast.harbor(), cast.stranger()
    place_given(harbor, "approver")
    assert refusal_of(stranger.actor) == "proposal.not_found"
    with pytest.raises(NotFound):
        end_proposal(the_proposal().id, actor=stranger.actor, now=NOW)
    assert open_proposals(stranger.actor, now=NOW) == []


def test_a_proposal_whose_proposer_has_left_is_made_by_nobody() -> None:
    harbor = cast.harbor()
    third = add_member(
        newcomer("third@example.org"), harbor.organisation, roles=["admin"], actor=cast.HOST, now=NOW
    )
    place_given(harbor, "approver")
    end_membership(harbor.admin.user.memberships.get().id, actor=harbor.second_admin.actor, now=NOW)
    assert refusal_of(cast.acting(third.user, harbor.organisation)) == "proposal.proposer_gone"
    end_proposal(the_proposal().id, actor=harbor.second_admin.actor, now=NOW)
    assert not Proposal.objects.filter(state="proposed").exists()


def test_a_proposal_is_over_after_fourteen_days() -> None:
    harbor = cast.harbor()
    place_given(harbor, "approver")
    last = NOW + PROPOSAL_LASTS
    assert refusal_of(harbor.second_admin.actor, now=last) == "proposal.not_found"
    confirm_proposal(the_proposal().id, actor=harbor.second_admin.actor, now=last - timedelta(seconds=1))


def test_roles_taken_away_are_gone_at_once_and_new_ones_wait() -> None:
    harbor = cast.harbor()
    place = harbor.approver.user.memberships.get()
    change_roles(place.id, roles=["signer"], actor=harbor.admin.actor, now=NOW)
    assert rights_of(place) == frozenset(), "approving is gone, signing waits"
    change_roles(place.id, roles=["viewer"], actor=harbor.admin.actor, now=NOW)
    assert not Proposal.objects.filter(state="proposed").exists(), "nothing waits any more"
    change_roles(place.id, roles=["approver"], actor=harbor.second_admin.actor, now=NOW)
    assert refusal_of(harbor.second_admin.actor) == "proposal.second_person"
    confirm_proposal(the_proposal().id, actor=harbor.admin.actor, now=NOW)
    assert Permission.SUBMISSION_APPROVE in rights_of(place)


def test_confirming_what_was_changed_meanwhile_is_refused() -> None:
    harbor = cast.harbor()
    place = place_given(harbor, "approver")
    waiting = the_proposal()
    Membership.objects.filter(id=place.id).update(roles=["approver", "signer"])
    assert refusal_of(harbor.second_admin.actor, waiting) == "proposal.outdated"
    assert rights_of(place) == frozenset()


def test_staff_are_confirmed_by_another_of_the_staff() -> None:
    operator = cast.operator()
    place = add_member(
        newcomer(), operator.organisation, roles=[Role.EXCHANGE_ADMIN, Role.OFFICER],
        actor=operator.admin.actor, now=NOW,
    )  # fmt: skip
    actor = cast.acting(place.user, operator.organisation)
    assert not actor.is_over_exchange
    assert not actor.may(Permission.CEREMONY_RUN)
    assert refusal_of(operator.admin.actor) == "proposal.second_person"
    confirm_proposal(the_proposal().id, actor=operator.second_admin.actor, now=NOW)
    assert cast.acting(place.user, operator.organisation).is_over_exchange


def test_the_first_admin_appointed_by_one_of_the_staff_waits_for_another() -> None:
    operator = cast.operator()
    young = create_organisation(
        name="Young", kind="ngo", jurisdiction="CA", actor=operator.admin.actor, now=NOW
    )
    place = add_member(newcomer(), young, roles=["admin"], actor=operator.admin.actor, now=NOW)
    assert rights_of(place) == frozenset()
    assert refusal_of(operator.admin.actor) == "proposal.second_person"
    confirm_proposal(the_proposal().id, actor=operator.second_admin.actor, now=NOW)
    assert Permission.MEMBER_MANAGE in rights_of(place)


def test_the_host_confirms_where_nobody_else_can_and_is_recorded_as_such() -> None:
    operator = cast.operator()
    end_membership(operator.second_admin.user.memberships.get().id, actor=operator.admin.actor, now=NOW)
    add_member(
        newcomer(), operator.organisation, roles=[Role.EXCHANGE_ADMIN], actor=operator.admin.actor,
        now=NOW,
    )  # fmt: skip
    Proposal.objects.update(expires_at="2100-01-01T00:00:00Z")
    out = StringIO()
    call_command("confirm_person", "mailbox@example.org", stdout=out)
    assert "proposed by Olive Admin" in out.getvalue()
    assert Proposal.objects.get().state == "proposed", "shown, not done"
    call_command("confirm_person", "mailbox@example.org", "--yes", stdout=out)
    place = Membership.objects.get(user__email="mailbox@example.org")
    assert (place.confirmed_as, place.confirmed_by) == (ConfirmedAs.HOST, None)
    assert AuditEvent.objects.get(action="proposal.confirmed").facts["confirmed_as"] == "host"


def test_the_host_does_not_confirm_where_people_can() -> None:
    place_given(cast.harbor(), "approver")
    Proposal.objects.update(expires_at="2100-01-01T00:00:00Z")
    with pytest.raises(CommandError, match="There are people who can confirm this"):
        call_command("confirm_person", "mailbox@example.org", "--yes")


def test_an_unconfirmed_integrator_is_nobodys_second_person() -> None:
    harbor = cast.harbor()
    place = place_given(harbor, "integrator")
    act = Act(Permission.ENDPOINT_MANAGE, "endpoint.agree", "endpoint", "1")
    assert why_not_second(place.user_id, harbor.organisation.id, act, now=NOW) == "second_person.unconfirmed"
    confirm_proposal(the_proposal().id, actor=harbor.second_admin.actor, now=NOW)
    assert why_not_second(place.user_id, harbor.organisation.id, act, now=NOW) == ""


def test_whoever_left_or_lost_the_role_is_nobodys_second_person() -> None:
    harbor = cast.harbor()
    who, where = harbor.approver.user.id, harbor.organisation.id
    assert why_not_second(who, where, APPROVE, now=NOW) == ""
    place = harbor.approver.user.memberships.get()
    change_roles(place.id, roles=["viewer"], actor=harbor.admin.actor, now=NOW)
    assert why_not_second(who, where, APPROVE, now=NOW) == "second_person.left"
    assert why_not_second(who, cast.lumen().organisation.id, APPROVE, now=NOW) == "second_person.left"


def test_a_reset_makes_nobodys_second_person_for_72_hours_after_its_proof() -> None:
    harbor = cast.harbor()
    who, where = harbor.approver.user.id, harbor.organisation.id
    reset = SecondStepReset.objects.create(user_id=who, at=NOW)
    month = NOW + timedelta(days=30)
    assert why_not_second(who, where, APPROVE, now=month) == "second_person.after_reset", "never proven"
    SecondStepReset.objects.filter(id=reset.id).update(proven_at=NOW)
    last = NOW + timedelta(hours=72)
    assert why_not_second(who, where, APPROVE, now=last - timedelta(seconds=1)) == "second_person.after_reset"
    with pytest.raises(NotAllowed) as refusal:
        require_second(harbor.approver.actor, APPROVE, now=NOW)
    assert refusal.value.code == "second_person.after_reset"
    assert why_not_second(who, where, APPROVE, now=last) == ""


def test_an_exemption_is_for_one_act_about_one_thing() -> None:
    harbor, operator = cast.harbor(), cast.operator()
    who, where = harbor.approver.user.id, harbor.organisation.id
    SecondStepReset.objects.create(user_id=who, at=NOW, proven_at=NOW)
    Exemption.objects.create(
        user_id=who, act=APPROVE.name, subject_id="1", at=NOW,
        proposed_by=operator.admin.user, confirmed_by=operator.second_admin.user,
    )  # fmt: skip
    other = Act(APPROVE.permission, APPROVE.name, "submission", "2")
    assert why_not_second(who, where, APPROVE, now=NOW) == ""
    assert why_not_second(who, where, other, now=NOW) == "second_person.after_reset"


def test_places_from_before_the_rule_work_on_and_are_reviewed_by_somebody_else() -> None:
    harbor = cast.harbor()
    place = harbor.approver.user.memberships.get()
    own = harbor.admin.user.memberships.get()
    Membership.objects.filter(id__in=[place.id, own.id]).update(confirmed_as=ConfirmedAs.BEFORE)
    assert Permission.SUBMISSION_APPROVE in rights_of(place)
    assert {one.id for one in places_to_review(harbor.admin.actor)} == {place.id, own.id}
    with pytest.raises(NotAllowed) as refusal:
        review_place(own.id, actor=harbor.admin.actor, now=NOW)
    assert refusal.value.code == "membership.own"
    review_place(place.id, actor=harbor.admin.actor, now=NOW)
    assert AuditEvent.objects.latest("number").action == "membership.reviewed"
    with pytest.raises(NotFound):
        review_place(place.id, actor=harbor.admin.actor, now=NOW)


def test_the_database_itself_keeps_one_person_from_being_both() -> None:
    harbor = cast.harbor()
    place_given(harbor, "approver")
    for who in (harbor.admin.user, User.objects.get(email="mailbox@example.org")):
        with pytest.raises(IntegrityError), transaction.atomic():
            Proposal.objects.update(state="made", decided_by=who, decided_at=NOW)


def test_the_same_is_not_proposed_twice() -> None:
    harbor = cast.harbor()
    asked = Asked(ProposalKind.SECOND_STEP, "7", {}, person=harbor.viewer.user)
    propose(harbor.organisation, asked, actor=harbor.admin.actor, now=NOW)
    with pytest.raises(Conflict) as refusal:
        propose(harbor.organisation, asked, actor=harbor.second_admin.actor, now=NOW)
    assert refusal.value.code == "proposal.waits"
    propose(harbor.organisation, asked, actor=harbor.second_admin.actor, now=NOW + PROPOSAL_LASTS)


def test_a_key_of_a_place_that_one_person_gave_submits_and_signs_nothing() -> None:
    harbor = cast.harbor()
    place = place_given(harbor, "integrator", "contributor", "signer")
    integrator = cast.acting(place.user, harbor.organisation)
    wanted: dict[str, Any] = {
        "scopes": ["list.view", "submission.create"],
        "mode": LIVE,
        "expires_at": NOW + timedelta(days=9),
    }
    with pytest.raises(NotAllowed) as refusal:
        issue_credential(harbor.organisation, name="sync", actor=integrator, now=NOW, **wanted)
    assert refusal.value.code == "credential.scope_not_yours"
    confirm_proposal(the_proposal().id, actor=harbor.second_admin.actor, now=NOW)
    integrator = cast.acting(place.user, harbor.organisation)
    issued = issue_credential(harbor.organisation, name="sync", actor=integrator, now=NOW, **wanted)
    assert actor_for_key(issued.key, now=NOW).may(Permission.SUBMISSION_CREATE)
    Membership.objects.filter(id=place.id).update(confirmed_roles=[])
    left = actor_for_key(issued.key, now=NOW)
    assert (left.may(Permission.LIST_VIEW), left.may(Permission.SUBMISSION_CREATE)) == (True, False)


def test_a_key_of_somebody_who_has_left_is_confirmed_by_nobody() -> None:
    harbor = cast.harbor()
    key = create_hosted_key(harbor.organisation, name="Desk", actor=harbor.admin.actor, now=NOW)
    end_membership(harbor.admin.user.memberships.get().id, actor=harbor.second_admin.actor, now=NOW)
    with pytest.raises(Conflict) as refusal:
        confirm_key(key.id, actor=harbor.second_admin.actor, now=NOW)
    assert refusal.value.code == "key.registrar_gone"


def test_a_key_is_confirmed_by_nobody_soon_after_a_reset() -> None:
    harbor = cast.harbor()
    key = create_hosted_key(harbor.organisation, name="Desk", actor=harbor.admin.actor, now=NOW)
    SecondStepReset.objects.create(user=harbor.second_admin.user, at=NOW, proven_at=NOW)
    with pytest.raises(NotAllowed) as refusal:
        confirm_key(key.id, actor=harbor.second_admin.actor, now=NOW)
    assert refusal.value.code == "second_person.after_reset"


def test_a_measure_of_staff_who_have_left_is_carried_out_by_nobody() -> None:
    harbor, operator = cast.harbor(), cast.operator()
    measure = propose_measure(
        harbor.organisation.id, MeasureKind.EMERGENCY, reason="x", actor=operator.admin.actor, now=NOW
    )
    lifting = propose_measure(
        measure.organisation_id, MeasureKind.LIFTING, reason="x", actor=operator.admin.actor, now=NOW
    )
    end_membership(operator.admin.user.memberships.get().id, actor=operator.second_admin.actor, now=NOW)
    with pytest.raises(Conflict) as refusal:
        carry_out(lifting.id, actor=operator.second_admin.actor, now=NOW)
    assert refusal.value.code == "measure.proposer_gone"


def test_the_staff_stand_in_for_a_key_where_there_is_one_admin() -> None:
    harbor, operator = cast.harbor(), cast.operator()
    key = create_hosted_key(harbor.organisation, name="Desk", actor=harbor.admin.actor, now=NOW)
    waiting = the_proposal()
    assert waiting.about == "Desk"
    assert refusal_of(operator.admin.actor) == "proposal.colleague_needed"
    end_membership(harbor.second_admin.user.memberships.get().id, actor=harbor.admin.actor, now=NOW)
    assert refusal_of(harbor.admin.actor) == "proposal.second_person"
    confirm_proposal(waiting.id, actor=operator.admin.actor, now=NOW)
    key.refresh_from_db()
    assert (key.status, key.confirmed_by) == ("active", operator.admin.user)


def test_a_key_that_was_confirmed_or_revoked_waits_no_more() -> None:
    harbor = cast.harbor()
    for end in (confirm_key, revoke_key):
        key = create_hosted_key(harbor.organisation, name="Desk", actor=harbor.admin.actor, now=NOW)
        end(key.id, actor=harbor.second_admin.actor, now=NOW)
        assert not Proposal.objects.filter(state="proposed").exists()


def test_a_key_rests_on_the_role_by_which_it_was_issued() -> None:
    harbor = cast.harbor()
    place = harbor.contributor.user.memberships.get()
    change_roles(place.id, roles=["contributor", "integrator"], actor=harbor.admin.actor, now=NOW)
    integrator = cast.acting(harbor.contributor.user, harbor.organisation)
    wanted: dict[str, Any] = {"scopes": ["list.view", "submission.create"], "mode": LIVE}
    issued = issue_credential(
        harbor.organisation,
        name="sync",
        actor=integrator,
        now=NOW,
        expires_at=NOW + timedelta(days=9),
        **wanted,
    )
    assert not actor_for_key(issued.key, now=NOW).may(Permission.SUBMISSION_CREATE)
    confirm_proposal(the_proposal().id, actor=harbor.second_admin.actor, now=NOW)
    assert actor_for_key(issued.key, now=NOW).may(Permission.SUBMISSION_CREATE)
