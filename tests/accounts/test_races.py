"""Two people at the same moment: what only one of them may do happens once, on real locks."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from django.db import connection

from accounts.audit.verify import verify_audit
from accounts.credentials.issue import issue_credential, revoke_credential
from accounts.errors import Conflict, NotAllowed, Refusal
from accounts.identity.models import Membership
from accounts.identity.roles import Role
from accounts.membership.members import add_member, end_membership
from accounts.membership.register import create_organisation, create_user
from tests import cast

pytestmark = pytest.mark.django_db(transaction=True)


def together(*acts: Callable[[], object]) -> list[Refusal | None]:
    """Run all acts at once, each in a thread with its own connection; give back what refused each of them."""
    outcomes: dict[int, Refusal | BaseException | None] = {}
    start = threading.Barrier(len(acts))

    def run(position: int, act: Callable[[], object]) -> None:
        try:
            start.wait(timeout=30)
            act()
            outcomes[position] = None
        except BaseException as failure:
            outcomes[position] = failure
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(acts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    refusals: list[Refusal | None] = []
    for position in range(len(acts)):
        outcome = outcomes[position]
        assert outcome is None or isinstance(outcome, Refusal), repr(outcome)
        refusals.append(outcome)
    return refusals


def test_two_admins_who_remove_each_other_leave_one_of_them() -> None:
    harbor = cast.harbor()
    first, second = harbor.admin.user.memberships.get(), harbor.second_admin.user.memberships.get()
    refusals = together(
        lambda: end_membership(first.id, actor=harbor.second_admin.actor, now=cast.NOW),
        lambda: end_membership(second.id, actor=harbor.admin.actor, now=cast.NOW),
    )
    assert [type(refusal) for refusal in refusals if refusal] == [Conflict]
    admins = Membership.objects.filter(organisation=harbor.organisation).current().with_role(Role.ADMIN)
    assert len(admins) == 1
    assert verify_audit().holds


def test_two_exchange_admins_appoint_one_first_admin() -> None:
    operator = cast.operator()
    organisation = create_organisation(
        name="Tidewatch", kind="ngo", jurisdiction="GB", actor=cast.HOST, now=cast.NOW
    )
    users = [
        create_user(email=f"{name}@example.org", name=name, password=None, actor=cast.HOST, now=cast.NOW)
        for name in ("one", "two")
    ]
    staff = (operator.admin.actor, operator.second_admin.actor)
    refusals = together(
        lambda: add_member(users[0], organisation, roles=["admin"], actor=staff[0], now=cast.NOW),
        lambda: add_member(users[1], organisation, roles=["admin"], actor=staff[1], now=cast.NOW),
    )
    assert [type(refusal) for refusal in refusals if refusal] == [NotAllowed]
    assert Membership.objects.filter(organisation=organisation).count() == 1


def test_a_credential_is_revoked_once() -> None:
    lumen = cast.lumen()
    issued = issue_credential(
        lumen.organisation,
        name="job",
        scopes=["list.view"],
        mode="live",
        expires_at=cast.NOW.replace(month=6),
        actor=lumen.admin.actor,
        now=cast.NOW,
    )

    def revoke() -> object:
        return revoke_credential(issued.credential.id, actor=lumen.admin.actor, now=cast.NOW)

    refusals = together(revoke, revoke, revoke, revoke)
    assert refusals.count(None) == 1
    assert verify_audit().holds
