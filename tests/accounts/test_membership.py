"""Organisations and people: who may arrange them, and that every right ends at once when it should."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth import get_user
from django.db import transaction
from django.http import HttpRequest
from django.test import Client

from accounts.audit.actions import Action
from accounts.audit.models import AuditEvent
from accounts.audit.verify import verify_audit
from accounts.errors import Conflict, Invalid, NotAllowed, NotFound, Refusal
from accounts.identity.acting import Actor, person_acting
from accounts.identity.models import Organisation, OrganisationStatus, User
from accounts.identity.roles import Permission, Role
from accounts.membership.members import add_member, change_roles, end_membership
from accounts.membership.register import (
    create_organisation,
    create_user,
    reinstate_organisation,
    suspend_organisation,
)
from tests import cast

pytestmark = pytest.mark.django_db


def new_user(email: str = "new@example.org") -> User:
    return create_user(email=email, name="Nia New", password=cast.PASSWORD, actor=cast.HOST, now=cast.NOW)


def new_organisation(actor: Actor, **changes: Any) -> Organisation:
    words: dict[str, Any] = {"name": "Tidewatch", "kind": "ngo", "jurisdiction": "gb", **changes}
    return create_organisation(**words, actor=actor, now=cast.NOW)


def code_of(refusal: pytest.ExceptionInfo[Refusal]) -> str:
    return refusal.value.code


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def is_signed_in(client: Client) -> bool:
    request = HttpRequest()
    request.session = client.session
    return bool(get_user(request).is_authenticated)


def test_an_exchange_admin_creates_an_organisation() -> None:
    operator = cast.operator()
    organisation = new_organisation(operator.admin.actor, name="  Tide\twatch ")
    assert (organisation.name, organisation.jurisdiction, organisation.is_active) == (
        "Tide watch",
        "GB",
        True,
    )
    event = AuditEvent.objects.get(subject_id=str(organisation.id))
    assert (event.action, event.person_id) == (Action.ORGANISATION_CREATED, operator.admin.user.id)


def test_nobody_else_does() -> None:
    harbor, stranger = cast.harbor(), cast.stranger()
    for actor in (stranger.actor, harbor.admin.actor, cast.operator().officer.actor):
        with pytest.raises(NotAllowed) as refusal:
            new_organisation(actor)
        assert code_of(refusal) == "permission.missing"
    assert not Organisation.objects.filter(name="Tidewatch").exists()


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"name": "  "}, "text.missing", "name"),
        ({"name": "x" * 301}, "text.too_long", "name"),
        ({"name": "nul\x00"}, "text.characters", "name"),
        ({"name": "half \ud800"}, "text.characters", "name"),
        ({"name": "abc\u202ecba"}, "text.characters", "name"),
        ({"name": "098f6bcd4621d373cade4e832627b4f6"}, "text.looks_like_hash", "name"),
        ({"kind": "club"}, "organisation.kind_unknown", "kind"),
        ({"jurisdiction": "XX"}, "jurisdiction.unknown", "jurisdiction"),
        ({"jurisdiction": "ＧＢ"}, "jurisdiction.unknown", "jurisdiction"),
        ({"status": "suspended"}, "organisation.status", "status"),
    ],
)
def test_it_refuses_an_organisation_that_says_nothing_usable(
    changes: dict[str, str], code: str, field: str
) -> None:
    with pytest.raises(Invalid) as refusal:
        new_organisation(cast.HOST, **changes)
    assert (refusal.value.code, refusal.value.field) == (code, field)


def test_two_organisations_cannot_share_a_name_in_any_case() -> None:
    new_organisation(cast.HOST)
    events = AuditEvent.objects.count()
    with pytest.raises(Conflict) as refusal:
        new_organisation(cast.HOST, name="TIDEWATCH")
    assert code_of(refusal) == "organisation.name_taken"
    assert AuditEvent.objects.count() == events


def test_an_address_has_one_spelling() -> None:
    user = new_user("  Nia@Example.ORG ")
    assert user.email == "nia@example.org"
    with pytest.raises(Conflict) as refusal:
        new_user("NIA@example.org")
    assert code_of(refusal) == "user.email_taken"
    assert User.objects.get_by_natural_key("NIA@example.org ") == user


@pytest.mark.parametrize(
    "email", ["", "nia", "nia@", "nia@example.org\nbcc:x@y.org", "n" * 250 + "@example.org"]
)
def test_it_refuses_what_is_no_address(email: str) -> None:
    with pytest.raises(Invalid) as refusal:
        new_user(email)
    assert code_of(refusal) == "user.email"


@pytest.mark.parametrize("password", ["short", "password1234", "nia-new@example.org"])
def test_it_refuses_a_weak_password_with_the_reason(password: str) -> None:
    with pytest.raises(Invalid) as refusal:
        create_user(
            email="nia-new@example.org", name="Nia New", password=password, actor=cast.HOST, now=cast.NOW
        )
    assert code_of(refusal) == "user.password_weak"
    assert len(refusal.value.message) > 20


def test_a_person_without_a_password_cannot_sign_in_by_one() -> None:
    user = create_user(email="sso@example.org", name="Sol", password=None, actor=cast.HOST, now=cast.NOW)
    assert not user.has_usable_password()
    assert not user.check_password("")


def test_only_admins_create_people() -> None:
    with pytest.raises(NotAllowed):
        create_user(
            email="x@example.org",
            name="X",
            password=None,
            actor=cast.harbor().contributor.actor,
            now=cast.NOW,
        )


def test_an_admin_adds_a_member_who_then_has_the_rights_of_their_roles() -> None:
    harbor = cast.harbor()
    user = new_user()
    assert person_acting(user, harbor.organisation) is None
    membership = add_member(
        user,
        harbor.organisation,
        roles=["auditor", "viewer", "auditor"],
        actor=harbor.admin.actor,
        now=cast.NOW,
    )
    assert membership.roles == ["viewer", "auditor"]
    assert cast.acting(user, harbor.organisation).permissions == {Permission.LIST_VIEW, Permission.AUDIT_READ}
    event = AuditEvent.objects.latest("number")
    assert event.action == Action.MEMBERSHIP_ADDED
    assert event.facts == {"user_id": str(user.id), "roles": ["viewer", "auditor"]}


def test_a_stranger_cannot_tell_that_an_organisation_exists() -> None:
    harbor, stranger = cast.harbor(), cast.stranger()
    with pytest.raises(NotFound) as refusal:
        add_member(stranger.user, harbor.organisation, roles=["admin"], actor=stranger.actor, now=cast.NOW)
    assert code_of(refusal) == "organisation.not_found"


def test_a_contributor_cannot_add_anybody() -> None:
    harbor = cast.harbor()
    with pytest.raises(NotAllowed) as refusal:
        add_member(
            new_user(), harbor.organisation, roles=["viewer"], actor=harbor.contributor.actor, now=cast.NOW
        )
    assert code_of(refusal) == "permission.missing"


@pytest.mark.parametrize("roles", [[], ["king"], ["viewer", "king"], ["exchange-admin"], ["officer"]])
def test_a_member_organisation_has_member_roles_only(roles: list[str]) -> None:
    harbor = cast.harbor()
    with pytest.raises(Invalid) as refusal:
        add_member(new_user(), harbor.organisation, roles=roles, actor=harbor.admin.actor, now=cast.NOW)
    assert code_of(refusal) == "membership.roles"


def test_an_exchange_admin_appoints_the_first_admin_and_nobody_else() -> None:
    operator = cast.operator()
    organisation = new_organisation(operator.admin.actor)
    first = new_user("first@example.org")
    with pytest.raises(NotAllowed) as refusal:
        add_member(first, organisation, roles=["approver"], actor=operator.admin.actor, now=cast.NOW)
    assert code_of(refusal) == "membership.first_admin_only"
    add_member(first, organisation, roles=["admin"], actor=operator.admin.actor, now=cast.NOW)
    with pytest.raises(NotAllowed) as refusal:
        add_member(
            new_user("second@example.org"),
            organisation,
            roles=["admin"],
            actor=operator.admin.actor,
            now=cast.NOW,
        )
    assert code_of(refusal) == "membership.first_admin_only"


def test_an_exchange_admin_cannot_appoint_themselves() -> None:
    operator = cast.operator()
    organisation = new_organisation(operator.admin.actor)
    with pytest.raises(NotAllowed) as refusal:
        add_member(
            operator.admin.user, organisation, roles=["admin"], actor=operator.admin.actor, now=cast.NOW
        )
    assert code_of(refusal) == "membership.own"


def test_nobody_belongs_to_an_organisation_twice() -> None:
    harbor = cast.harbor()
    with pytest.raises(Conflict) as refusal:
        add_member(
            harbor.viewer.user,
            harbor.organisation,
            roles=["approver"],
            actor=harbor.admin.actor,
            now=cast.NOW,
        )
    assert code_of(refusal) == "membership.exists"


def test_an_admin_changes_the_roles_of_others_but_not_their_own() -> None:
    harbor = cast.harbor()
    viewer = harbor.viewer.user.memberships.get()
    change_roles(viewer.id, roles=[Role.AUDITOR], actor=harbor.admin.actor, now=cast.NOW)
    assert cast.acting(harbor.viewer.user, harbor.organisation).may(Permission.AUDIT_READ)
    event = AuditEvent.objects.latest("number")
    assert (event.facts["roles_before"], event.facts["roles"]) == (["viewer"], ["auditor"])
    own = harbor.admin.user.memberships.get()
    with pytest.raises(NotAllowed) as refusal:
        change_roles(own.id, roles=["admin", "signer"], actor=harbor.admin.actor, now=cast.NOW)
    assert code_of(refusal) == "membership.own"


def test_strangers_and_colleagues_without_the_right_change_no_membership() -> None:
    harbor, stranger = cast.harbor(), cast.stranger()
    membership = harbor.viewer.user.memberships.get()
    with pytest.raises(NotFound):
        change_roles(membership.id, roles=["admin"], actor=stranger.actor, now=cast.NOW)
    with pytest.raises(NotFound):
        end_membership(membership.id, actor=stranger.actor, now=cast.NOW)
    with pytest.raises(NotFound):
        end_membership(membership.id, actor=cast.operator().admin.actor, now=cast.NOW)
    with pytest.raises(NotAllowed):
        end_membership(membership.id, actor=harbor.approver.actor, now=cast.NOW)
    membership.refresh_from_db()
    assert membership.roles == ["viewer"]
    assert membership.ended_at is None


def test_an_ended_membership_takes_every_right_and_session_with_it() -> None:
    harbor = cast.harbor()
    client, colleague = signed_in(harbor.signer.user), signed_in(harbor.viewer.user)
    assert is_signed_in(client)
    membership = harbor.signer.user.memberships.get()
    end_membership(membership.id, actor=harbor.admin.actor, now=cast.NOW)
    assert person_acting(harbor.signer.user, harbor.organisation) is None
    assert not is_signed_in(client)
    assert is_signed_in(colleague)
    with pytest.raises(NotFound):
        end_membership(membership.id, actor=harbor.admin.actor, now=cast.NOW)


def test_an_organisation_keeps_an_admin() -> None:
    harbor = cast.harbor()
    first, second = harbor.admin.user.memberships.get(), harbor.second_admin.user.memberships.get()
    end_membership(first.id, actor=harbor.second_admin.actor, now=cast.NOW)
    with pytest.raises(Conflict) as refusal:
        end_membership(second.id, actor=harbor.second_admin.actor, now=cast.NOW)
    assert code_of(refusal) == "membership.last_admin"
    with pytest.raises(Conflict):
        change_roles(second.id, roles=["viewer"], actor=cast.HOST, now=cast.NOW)
    second.refresh_from_db()
    assert (second.ended_at, second.roles) == (None, ["admin"])


def test_suspension_ends_every_session_and_right_of_an_organisation_at_once() -> None:
    harbor, lumen, operator = cast.harbor(), cast.lumen(), cast.operator()
    inside, outside = signed_in(harbor.admin.user), signed_in(lumen.admin.user)
    suspend_organisation(
        harbor.organisation, reason="A key was stolen.", actor=operator.admin.actor, now=cast.NOW
    )
    assert not is_signed_in(inside)
    assert person_acting(harbor.admin.user, harbor.organisation) is None
    assert is_signed_in(outside)
    event = AuditEvent.objects.latest("number")
    assert (event.action, event.facts) == (Action.ORGANISATION_SUSPENDED, {"reason": "A key was stolen."})


def test_a_reinstated_organisation_acts_again_but_old_sessions_stay_dead() -> None:
    harbor, operator = cast.harbor(), cast.operator()
    client = signed_in(harbor.admin.user)
    suspend_organisation(harbor.organisation, reason="check", actor=operator.admin.actor, now=cast.NOW)
    reinstate_organisation(harbor.organisation, actor=operator.second_admin.actor, now=cast.NOW)
    assert person_acting(harbor.admin.user, harbor.organisation) is not None
    assert not is_signed_in(client)
    harbor.admin.user.refresh_from_db()
    assert is_signed_in(signed_in(harbor.admin.user))


def test_suspension_is_for_exchange_admins_and_for_active_members() -> None:
    harbor, operator = cast.harbor(), cast.operator()
    for actor in (cast.stranger().actor, harbor.admin.actor, cast.lumen().admin.actor):
        with pytest.raises(NotAllowed):
            suspend_organisation(harbor.organisation, reason="spite", actor=actor, now=cast.NOW)
        with pytest.raises(NotAllowed):
            reinstate_organisation(harbor.organisation, actor=actor, now=cast.NOW)
    with pytest.raises(NotAllowed) as own:
        suspend_organisation(operator.organisation, reason="x", actor=operator.admin.actor, now=cast.NOW)
    assert code_of(own) == "organisation.operator"
    with pytest.raises(Conflict) as refusal:
        reinstate_organisation(harbor.organisation, actor=operator.admin.actor, now=cast.NOW)
    assert code_of(refusal) == "organisation.move"
    applicant = new_organisation(cast.HOST, status=OrganisationStatus.APPLICANT)
    with pytest.raises(Conflict):
        suspend_organisation(applicant, reason="x", actor=operator.admin.actor, now=cast.NOW)
    with pytest.raises(Conflict):
        reinstate_organisation(applicant, actor=operator.admin.actor, now=cast.NOW)


def test_an_applicant_has_people_who_cannot_act_yet() -> None:
    applicant = new_organisation(cast.HOST, status=OrganisationStatus.APPLICANT)
    user = new_user()
    add_member(user, applicant, roles=["admin"], actor=cast.HOST, now=cast.NOW)
    assert person_acting(user, applicant) is None


def test_a_role_that_was_removed_from_the_table_gives_nothing() -> None:
    harbor = cast.harbor()
    harbor.viewer.user.memberships.update(roles=["emperor"])
    assert cast.acting(harbor.viewer.user, harbor.organisation).permissions == frozenset()


def test_every_accepted_act_leaves_one_event_and_the_chain_holds() -> None:
    cast.harbor()
    cast.operator()
    people = User.objects.count()
    organisations = Organisation.objects.count()
    assert AuditEvent.objects.count() == organisations + 2 * people
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        new_user()
        raise ZeroDivisionError
    assert AuditEvent.objects.count() == organisations + 2 * people
    assert verify_audit().holds
