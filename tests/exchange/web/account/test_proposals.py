"""One person tries to be two through the pages: each try is refused with its code, and recorded."""

from __future__ import annotations

from http import HTTPStatus

import pytest
from django.test import Client

from accounts.audit.models import AuditEvent
from accounts.dual_control.models import Proposal
from accounts.identity.models import Membership
from accounts.identity.roles import Role
from accounts.membership.members import add_member, end_membership
from accounts.membership.register import create_user
from tests import cast
from tests.exchange.web.account.test_account import text_of
from tests.exchange.web.account.test_people import GUEST, NEW, invited
from tests.exchange.web.stage import signed_in

pytestmark = pytest.mark.django_db(transaction=True)


def mailbox_of(crew: cast.Crew, *roles: str) -> Membership:
    """An admin has invited a second mailbox of their own and accepted there."""
    client = invited(crew, roles=roles)
    client.post("/invitations", {**NEW, "password": cast.PASSWORD})
    return Membership.objects.get(user__email=GUEST)


def confirm(client: Client) -> tuple[int, str]:
    waiting = Proposal.objects.get(state="proposed")
    answer = client.post(f"/organisation/proposals/{waiting.id}/confirm")
    return answer.status_code, text_of(answer)


def test_an_admin_who_invites_a_mailbox_of_their_own_is_still_one_person() -> None:
    harbor = cast.harbor()
    place = mailbox_of(harbor, "approver", "signer", "admin")
    mailbox = signed_in(place.user)
    assert mailbox.get("/organisation/people").status_code == HTTPStatus.FORBIDDEN
    status, said = confirm(signed_in(harbor.admin.user))
    assert status == HTTPStatus.FORBIDDEN
    assert "Whoever proposed this does not confirm it" in said
    refused = AuditEvent.objects.latest("number")
    assert (refused.action, refused.facts["code"]) == ("second_person.refused", "proposal.second_person")
    assert refused.person_id == harbor.admin.user.id
    status, _said = confirm(mailbox)
    assert status == HTTPStatus.FORBIDDEN
    place.refresh_from_db()
    assert place.roles_in_force == []
    status, _said = confirm(signed_in(harbor.second_admin.user))
    assert status == HTTPStatus.FOUND
    place.refresh_from_db()
    assert place.roles_in_force == ["admin", "approver", "signer"]


def test_a_staff_admin_who_invites_a_mailbox_of_their_own_runs_no_exchange_as_it() -> None:
    operator = cast.operator()
    mailbox = create_user(email=GUEST, name="Mail Box", password=cast.PASSWORD, actor=cast.HOST, now=cast.NOW)
    add_member(
        mailbox, operator.organisation, roles=[Role.EXCHANGE_ADMIN, Role.OFFICER],
        actor=operator.admin.actor, now=cast.NOW,
    )  # fmt: skip
    Proposal.objects.update(expires_at="2100-01-01T00:00:00Z")
    client = signed_in(mailbox)
    assert client.get("/applications").status_code == HTTPStatus.FORBIDDEN
    assert client.get("/ceremonies").status_code == HTTPStatus.FORBIDDEN
    assert confirm(signed_in(operator.admin.user))[0] == HTTPStatus.FORBIDDEN
    assert confirm(signed_in(operator.second_admin.user))[0] == HTTPStatus.FOUND
    assert client.get("/applications").status_code == HTTPStatus.OK


def test_what_waits_is_shown_to_whoever_may_confirm_it_and_to_nobody_else() -> None:
    harbor = cast.harbor()
    mailbox_of(harbor, "approver")
    other = signed_in(harbor.second_admin.user)
    assert "Confirm or end what waits for a second person" in text_of(other.get("/"))
    page = text_of(other.get("/organisation/proposals"))
    for words in ("Nina New", GUEST, "Approver", "Proposed by", "Ada of Harbor"):
        assert words in page
    own = text_of(signed_in(harbor.admin.user).get("/organisation/proposals"))
    assert "Somebody else confirms this." in own
    for user in (harbor.approver.user, harbor.viewer.user):
        assert signed_in(user).get("/organisation/proposals").status_code == HTTPStatus.FORBIDDEN
    stranger = signed_in(cast.stranger().user)
    assert GUEST not in text_of(stranger.get("/organisation/proposals"))
    waiting = Proposal.objects.get()
    for act in ("confirm", "end"):
        answer = stranger.post(f"/organisation/proposals/{waiting.id}/{act}")
        assert answer.status_code == HTTPStatus.NOT_FOUND


def test_a_declined_place_stays_without_its_roles() -> None:
    harbor = cast.harbor()
    place = mailbox_of(harbor, "approver", "viewer")
    waiting = Proposal.objects.get()
    answer = signed_in(harbor.second_admin.user).post(f"/organisation/proposals/{waiting.id}/end")
    assert answer.status_code == HTTPStatus.FOUND
    place.refresh_from_db()
    assert place.roles_in_force == ["viewer"]
    page = text_of(signed_in(harbor.admin.user).get(f"/organisation/people/{place.id}"))
    assert "Not in force yet: Approver." in page


def test_where_there_is_one_admin_the_staff_see_the_proposal_and_stand_in() -> None:
    harbor, operator = cast.harbor(), cast.operator()
    end_membership(harbor.second_admin.user.memberships.get().id, actor=harbor.admin.actor, now=cast.NOW)
    place = mailbox_of(harbor, "approver")
    staff = signed_in(operator.second_admin.user)
    page = text_of(staff.get("/organisation/proposals"))
    assert "Harbor" in page
    assert GUEST in page
    assert confirm(staff)[0] == HTTPStatus.FOUND
    place.refresh_from_db()
    assert place.confirmed_as == "exchange"


def test_an_older_place_is_reviewed_on_its_page() -> None:
    harbor = cast.harbor()
    place = harbor.approver.user.memberships.get()
    Membership.objects.filter(id=place.id).update(confirmed_as="before")
    client = signed_in(harbor.admin.user)
    assert "Look at a place from before places were confirmed" in text_of(client.get("/"))
    assert "To be reviewed" in text_of(client.get("/organisation/people"))
    assert client.post(f"/organisation/people/{place.id}/review").status_code == HTTPStatus.FOUND
    place.refresh_from_db()
    assert (place.confirmed_as, place.confirmed_by) == ("colleague", harbor.admin.user)
