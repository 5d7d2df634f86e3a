"""The cast itself: every other suite leans on it."""

from __future__ import annotations

import pytest

from accounts.audit.models import AuditEvent
from accounts.identity.roles import Permission
from tests import cast

pytestmark = pytest.mark.django_db


def test_everyone_of_harbor_has_the_rights_of_their_role_only() -> None:
    harbor = cast.harbor()
    assert harbor.contributor.actor.may(Permission.SUBMISSION_CREATE)
    assert not harbor.contributor.actor.may(Permission.SUBMISSION_APPROVE)
    assert harbor.approver.actor.may(Permission.SUBMISSION_APPROVE)
    assert harbor.signer.actor.may(Permission.RELEASE_SIGN)
    assert harbor.admin.actor.may(Permission.KEY_MANAGE)
    assert not harbor.admin.actor.may(Permission.SUBMISSION_CREATE)
    assert harbor.integrator.actor.may(Permission.ENDPOINT_MANAGE)
    assert harbor.viewer.actor.permissions == {Permission.LIST_VIEW}
    assert harbor.contributor.user.check_password(cast.PASSWORD)


def test_a_builder_called_twice_gives_the_same_people() -> None:
    first = cast.lumen()
    events = AuditEvent.objects.count()
    assert cast.lumen() == first
    assert AuditEvent.objects.count() == events


def test_the_operator_has_two_admins_over_the_exchange_and_an_officer() -> None:
    operator = cast.operator()
    assert operator.admin.actor.is_over_exchange
    assert operator.second_admin.actor.is_over_exchange
    assert operator.admin.user != operator.second_admin.user
    assert operator.officer.actor.may(Permission.CEREMONY_RUN)
    assert not operator.officer.actor.is_over_exchange


def test_the_stranger_has_every_member_right_but_at_home_only() -> None:
    stranger = cast.stranger()
    assert stranger.actor.may(Permission.SUBMISSION_APPROVE)
    assert stranger.actor.may(Permission.CREDENTIAL_MANAGE)
    assert stranger.actor.organisation_id == stranger.organisation.id
    assert not stranger.actor.is_over_exchange
