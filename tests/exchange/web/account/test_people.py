"""The people of an organisation: asked in by letter, changed and ended by an admin who is not themselves."""

from __future__ import annotations

import threading
from datetime import timedelta
from http import HTTPStatus
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.audit.models import AuditEvent
from accounts.credentials.authenticate import actor_for_key
from accounts.errors import Refusal
from accounts.identity.models import Membership, User
from accounts.identity.roles import Role
from accounts.membership.invite import accept_as_new, invite
from accounts.membership.members import change_roles, end_membership
from accounts.membership.models import Invitation
from accounts.membership.register import suspend_organisation
from tests import cast
from tests.exchange.api.conftest import MEMBER_SCOPES, key_of
from tests.exchange.web.account.test_account import letters, link_in, text_of
from tests.exchange.web.stage import signed_in

pytestmark = pytest.mark.django_db(transaction=True)

GUEST = "nina.new@example.org"
NEW = {"name": "Nina New", "password": "quiet-lantern-over-the-marsh"}


def invited(crew: cast.Crew, *, email: str = GUEST, roles: tuple[str, ...] = ("contributor",)) -> Client:
    """A browser that has opened the mailed link."""
    admin = signed_in(crew.admin.user)
    sent = admin.post("/organisation/people/invite", {"email": email, "roles": roles, "language": "en"})
    assert sent.headers["Location"] == "/organisation/people", text_of(sent)
    client = Client()
    link = link_in(next(letter for letter in letters() if letter.to == [email]))
    assert client.get(link).headers["Location"] == "/invitations"
    return client


def test_an_admin_asks_somebody_in_who_becomes_a_person_with_these_roles() -> None:
    harbor = cast.harbor()
    client = invited(harbor, roles=("contributor", "auditor"))
    page = text_of(client.get("/invitations"))
    for words in ("Harbor", "Ada of Harbor", "Contributor", "Auditor", GUEST):
        assert words in page
    done = client.post("/invitations", NEW)
    assert done.headers["Location"] == "/sign-in/set-up", "a second step before anything else"
    membership = Membership.objects.get(user__email=GUEST)
    assert (membership.organisation, membership.roles) == (harbor.organisation, ["contributor", "auditor"])
    told = [event.action for event in AuditEvent.objects.order_by("-number")[:3]]
    assert told == ["invitation.accepted", "membership.added", "proposal.made"]
    assert client.get("/invitations").status_code == HTTPStatus.NOT_FOUND, "it works once"


def test_the_people_page_tells_roles_in_plain_words() -> None:
    harbor = cast.harbor()
    invited(harbor)
    page = text_of(signed_in(harbor.admin.user).get("/organisation/people"))
    for words in (
        "Ada of Harbor",
        "Asha of Harbor",
        GUEST,
        "Approves or returns",
        "Nobody changes their own",
    ):
        assert words in page
    auditor = text_of(signed_in(harbor.auditor.user).get("/organisation/people"))
    assert "Asha of Harbor" in auditor
    assert "Invite somebody" not in auditor
    for user in (harbor.viewer.user, harbor.contributor.user):
        assert signed_in(user).get("/organisation/people").status_code == HTTPStatus.FORBIDDEN


def test_strangers_learn_nothing_and_change_nothing() -> None:
    harbor, stranger = cast.harbor(), signed_in(cast.stranger().user)
    invited(harbor)
    theirs, open_one = harbor.viewer.user.memberships.get(), Invitation.objects.get()
    assert "Harbor" not in text_of(stranger.get("/organisation/people"))
    for address in (
        f"/organisation/people/{theirs.id}",
        f"/organisation/people/{theirs.id}/end",
        f"/organisation/people/{theirs.id}/second-step",
        f"/organisation/people/invitations/{open_one.id}/revoke",
    ):
        assert stranger.post(address, {"roles": ["admin"]}).status_code == HTTPStatus.NOT_FOUND
    assert stranger.get(f"/organisation/people/{theirs.id}").status_code == HTTPStatus.NOT_FOUND
    open_one.refresh_from_db()
    assert open_one.revoked_at is None


def test_somebody_who_is_here_already_signs_in_and_gets_another_place() -> None:
    harbor, lumen = cast.harbor(), cast.lumen()
    someone = lumen.viewer.user
    client = invited(harbor, email=someone.email)
    assert client.get("/invitations").headers["Location"] == "/sign-in?next=%2Finvitations"
    assert client.post("/invitations", NEW).headers["Location"].startswith("/sign-in")
    step = cast.second_step(someone)
    client.post("/sign-in", {"email": someone.email, "password": cast.PASSWORD, "next": "/invitations"})
    on = client.post(step.page, {"code": step.code, "next": "/invitations"})
    assert on.headers["Location"] == "/invitations"
    assert client.post("/invitations").headers["Location"] == "/organisation"
    assert someone.memberships.filter(organisation=harbor.organisation, ended_at=None).exists()


def test_an_invitation_is_for_its_address_alone() -> None:
    harbor, client = cast.harbor(), signed_in(cast.lumen().viewer.user)
    admin = signed_in(harbor.admin.user)
    admin.post("/organisation/people/invite", {"email": GUEST, "roles": ["viewer"], "language": "en"})
    client.get(link_in(letters()[-1]))
    assert client.post("/invitations").status_code == HTTPStatus.FORBIDDEN
    assert Membership.objects.filter(user=cast.lumen().viewer.user).count() == 1


@pytest.mark.parametrize("what", ["revoked", "expired", "inviter left", "inviter no admin", "suspended"])
def test_an_invitation_ends(what: str) -> None:
    harbor, operator = cast.harbor(), cast.operator()
    client = invited(harbor)
    one = Invitation.objects.get()
    if what == "revoked":
        other = signed_in(harbor.second_admin.user)
        other.post(f"/organisation/people/invitations/{one.id}/revoke")
    elif what == "expired":
        Invitation.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    elif what == "inviter left":
        end_membership(harbor.admin.user.memberships.get().id, actor=harbor.second_admin.actor, now=cast.NOW)
    elif what == "inviter no admin":
        mine = harbor.admin.user.memberships.get()
        change_roles(mine.id, roles=["viewer"], actor=harbor.second_admin.actor, now=cast.NOW)
    else:
        suspend_organisation(harbor.organisation, reason="x", actor=operator.admin.actor, now=cast.NOW)
    assert client.get("/invitations").status_code == HTTPStatus.NOT_FOUND
    assert client.post("/invitations", NEW).status_code == HTTPStatus.NOT_FOUND
    assert not User.objects.filter(email=GUEST).exists()


def test_of_two_acceptances_at_once_one_wins() -> None:
    harbor = cast.harbor()
    invited(harbor)
    digest, start = Invitation.objects.get().digest, threading.Barrier(3)
    told: list[str] = []

    def accept() -> None:
        try:
            start.wait()
            accept_as_new(digest, **NEW, language="en", now=timezone.now())
            told.append("in")
        except Refusal as refusal:
            told.append(refusal.code)
        finally:
            connection.close()

    threads = [threading.Thread(target=accept) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(told) == ["in", "invitation.gone", "invitation.gone"]
    assert Membership.objects.filter(user__email=GUEST).count() == 1


@pytest.mark.parametrize(
    ("email", "roles", "code"),
    [
        ("not an address", ["viewer"], "user.email"),
        (GUEST, [], "membership.roles"),
        (GUEST, ["exchange-admin"], "membership.roles"),
        (GUEST, ["viewer", "king"], "membership.roles"),
        ("vera.of.harbor@example.org", ["admin"], "membership.exists"),
        ("ada.of.harbor@example.org", ["signer"], "membership.own"),
    ],
)
def test_an_invitation_is_refused(email: str, roles: list[str], code: str) -> None:
    harbor = cast.harbor()
    with pytest.raises(Refusal) as refusal:
        invite(
            harbor.organisation,
            email=email,
            roles=roles,
            language="en",
            actor=harbor.admin.actor,
            now=cast.NOW,
        )
    assert refusal.value.code == code


def test_an_address_has_one_open_invitation() -> None:
    harbor = cast.harbor()
    invited(harbor)
    again = signed_in(harbor.second_admin.user).post(
        "/organisation/people/invite", {"email": GUEST.upper(), "roles": ["viewer"], "language": "fr"}
    )
    assert again.status_code == HTTPStatus.CONFLICT
    assert "open invitation" in text_of(again)
    assert GUEST.upper() in text_of(again), "what was typed is kept"


def test_roles_are_changed_by_another_and_never_by_oneself() -> None:
    harbor = cast.harbor()
    admin = signed_in(harbor.admin.user)
    theirs, own = harbor.viewer.user.memberships.get(), harbor.admin.user.memberships.get()
    admin.post(f"/organisation/people/{theirs.id}", {"roles": ["viewer", "signer"]})
    theirs.refresh_from_db()
    assert theirs.roles == ["signer", "viewer"]
    page = text_of(admin.get(f"/organisation/people/{own.id}"))
    assert "another admin changes them" in page
    refused = admin.post(f"/organisation/people/{own.id}", {"roles": ["admin", "approver", "signer"]})
    assert refused.status_code == HTTPStatus.FORBIDDEN
    own.refresh_from_db()
    assert own.roles == ["admin"]


def test_the_last_admin_stays() -> None:
    lumen = cast.lumen()
    admin, second = signed_in(lumen.admin.user), lumen.second_admin.user.memberships.get()
    admin.post(f"/organisation/people/{second.id}/end")
    own = lumen.admin.user.memberships.get()
    page = text_of(admin.get("/organisation/people"))
    assert "There is one admin only." in page
    assert "The only admin" in page
    assert admin.post(f"/organisation/people/{own.id}/end").status_code == HTTPStatus.CONFLICT
    own.refresh_from_db()
    assert own.ended_at is None


def test_leaving_ends_sessions_and_credentials_at_once() -> None:
    lumen = cast.lumen()
    gone = signed_in(lumen.integrator.user)
    key = key_of(lumen, MEMBER_SCOPES).key
    assert actor_for_key(key, now=cast.NOW).organisation_id == lumen.organisation.id
    place = lumen.integrator.user.memberships.get()
    admin = signed_in(lumen.admin.user)
    admin.post(f"/organisation/people/{place.id}/end")
    assert gone.get("/account").status_code == HTTPStatus.FOUND
    with pytest.raises(Refusal):
        actor_for_key(key, now=cast.NOW)


def test_the_people_page_asks_no_more_for_more_people() -> None:
    harbor = cast.harbor()
    client = signed_in(harbor.admin.user)
    found = []
    for count in (0, 8):
        for number in range(count):
            cast.person(harbor.organisation, f"Extra {number}", [Role.VIEWER])
        with CaptureQueriesContext(connection) as queries:
            assert client.get("/organisation/people").status_code == HTTPStatus.OK
        found.append(len(queries))
    assert found[0] == found[1]


def test_people_come_in_pages() -> None:
    harbor = cast.harbor()
    page: Any = signed_in(harbor.admin.user).get("/organisation/people?limit=4")
    assert 'rel="next"' in text_of(page)
