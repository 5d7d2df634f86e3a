"""One's own account: sessions that end, passwords that change, links that work once."""

from __future__ import annotations

import re
from datetime import timedelta
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.contrib.sessions.models import Session
from django.core import mail
from django.test import Client
from django.utils import timezone

from accounts.audit.models import AuditEvent
from accounts.factors.models import PasswordReset
from accounts.factors.password import RESET_LASTS, ask_reset
from accounts.identity.models import User
from accounts.membership.register import suspend_organisation
from exchange.http.acting import PRESENT_KEY
from exchange.mail.send import mail_due, send_mail
from exchange.web.models import OpenSession
from tests import cast
from tests.exchange.web.stage import signed_in

pytestmark = pytest.mark.django_db

NEW = "quiet-lantern-over-the-marsh"


def text_of(answer: Any) -> str:
    content: bytes = answer.content
    return content.decode()


def is_in(client: Client) -> bool:
    return client.get("/account").status_code == HTTPStatus.OK


def letters() -> list[Any]:
    """What the mail server would have now."""
    mail.outbox.clear()
    now = timezone.now()
    for mail_id in mail_due(now, 50):
        send_mail(mail_id, now=now)
    return list(mail.outbox)


def link_in(letter: Any) -> str:
    found = re.search(r"https?://\S+", letter.body)
    assert found is not None, letter.body
    return urlsplit(found[0]).path


def test_the_account_tells_who_one_is_and_what_one_may_do() -> None:
    page = text_of(signed_in(cast.harbor().admin.user).get("/account"))
    for words in ("Ada of Harbor", "ada.of.harbor@example.org", "Admin", "App that shows codes", "Passkeys"):
        assert words in page


def test_name_and_language_are_changed() -> None:
    someone = cast.harbor().viewer.user
    client = signed_in(someone)
    answer = client.post("/account/profile", {"name": "Véra Śmith", "language": "fr"})
    assert answer.headers["Location"] == "/account"
    assert 'lang="fr"' in text_of(client.get("/account"))
    someone.refresh_from_db()
    assert (someone.name, someone.language) == ("Véra Śmith", "fr")
    wrong = client.post("/account/profile", {"name": " ", "language": "xx"})
    assert wrong.status_code == HTTPStatus.BAD_REQUEST


def test_sessions_are_listed_and_ended_one_by_one_and_all_at_once() -> None:
    someone = cast.harbor().viewer.user
    here, there, elsewhere = signed_in(someone), signed_in(someone), signed_in(someone)
    page = text_of(here.get("/account/sessions"))
    assert page.count("<tr>") == 4
    assert page.count("This one") == 1
    one = OpenSession.objects.get(session_key=there.session.session_key)
    assert here.post(f"/account/sessions/{one.id}/end").headers["Location"] == "/account/sessions"
    assert (is_in(here), is_in(there), is_in(elsewhere)) == (True, False, True)
    fourth = signed_in(someone)
    here.post("/account/sessions/end-others")
    assert (is_in(here), is_in(elsewhere), is_in(fourth)) == (True, False, False)
    assert Session.objects.filter(session_key=elsewhere.session.session_key).count() == 0
    assert AuditEvent.objects.latest("number").action == "session.ended"


def test_nobody_ends_the_session_of_another() -> None:
    stranger, harbor = signed_in(cast.stranger().user), signed_in(cast.harbor().viewer.user)
    theirs = OpenSession.objects.get(session_key=harbor.session.session_key)
    assert stranger.post(f"/account/sessions/{theirs.id}/end").status_code == HTTPStatus.NOT_FOUND
    assert is_in(harbor)


def test_suspension_kills_a_live_session_and_its_entry() -> None:
    harbor, operator = cast.harbor(), cast.operator()
    client = signed_in(harbor.viewer.user)
    suspend_organisation(harbor.organisation, reason="Incident", actor=operator.admin.actor, now=cast.NOW)
    assert not is_in(client)


def test_a_changed_password_ends_every_other_session_and_is_told() -> None:
    someone = cast.harbor().viewer.user
    here, there = signed_in(someone), signed_in(someone)
    wrong = here.post("/account/password", {"current": "not mine at all", "password": NEW})
    assert wrong.status_code == HTTPStatus.BAD_REQUEST
    assert "This is not your present password." in text_of(wrong)
    weak = here.post("/account/password", {"current": cast.PASSWORD, "password": "password1234"})
    assert weak.status_code == HTTPStatus.BAD_REQUEST
    assert "too common" in text_of(weak) or "too short" in text_of(weak)
    assert "password1234" not in text_of(weak)
    changed = here.post("/account/password", {"current": cast.PASSWORD, "password": NEW})
    assert changed.headers["Location"] == "/account"
    assert (is_in(here), is_in(there)) == (True, False)
    assert Client().post("/sign-in", {"email": someone.email, "password": cast.PASSWORD}).status_code == 400
    assert Client().post("/sign-in", {"email": someone.email, "password": NEW}).status_code == 302
    assert [letter.to for letter in letters()] == [[someone.email]]


@pytest.mark.parametrize(
    "password", ["", "short", "startfinding", "password1234", "vera.of.harbor@example.org", "x" * 2_000]
)
def test_weak_passwords_are_refused(password: str) -> None:
    client = signed_in(cast.harbor().viewer.user)
    answer = client.post("/account/password", {"current": cast.PASSWORD, "password": password})
    assert answer.status_code == HTTPStatus.BAD_REQUEST


@pytest.mark.parametrize("address", ["/account/password", "/account/recovery-codes", "/account/passkeys/new"])
def test_changes_of_how_one_signs_in_need_presence(address: str) -> None:
    client = signed_in(cast.harbor().viewer.user)
    session = client.session
    session[PRESENT_KEY] = 0
    session.save()
    for answer in (client.get(address), client.post(address, {"password": NEW})):
        assert answer.headers["Location"].startswith("/confirm-presence?next=")


def test_a_forgotten_password_is_replaced_by_a_mailed_link_once_and_the_second_step_stays() -> None:
    someone = cast.harbor().viewer.user
    old = signed_in(someone)
    client = Client()
    sent = client.post("/sign-in/forgotten", {"email": someone.email.upper()})
    assert sent.status_code == HTTPStatus.OK
    [letter] = letters()
    link = link_in(letter)
    token = link.rpartition("/")[2]
    assert token not in str(list(PasswordReset.objects.values()))
    assert client.get(link).headers["Location"] == "/sign-in/new-password"
    assert token not in text_of(client.get("/sign-in/new-password"))
    assert client.post("/sign-in/new-password", {"password": "short"}).status_code == HTTPStatus.BAD_REQUEST
    done = client.post("/sign-in/new-password", {"password": NEW})
    assert done.headers["Location"] == "/sign-in/code", "the mailbox is no second step"
    assert not is_in(client)
    assert not is_in(old)
    other = Client()
    other.get(link)
    assert other.get("/sign-in/new-password").status_code == HTTPStatus.NOT_FOUND
    assert other.post("/sign-in/new-password", {"password": NEW}).status_code == HTTPStatus.NOT_FOUND
    assert client.post("/sign-in/code", {"code": cast.fresh_code(someone)}).status_code == 302
    assert is_in(client)


def test_asking_for_a_link_tells_nobody_who_is_here_and_is_bounded() -> None:
    someone = cast.harbor().viewer.user
    pages = [
        text_of(Client().post("/sign-in/forgotten", {"email": email}))
        for email in (someone.email, "nobody@example.org")
    ]
    assert pages[0].split("<main")[1].split("csrf")[0] == pages[1].split("<main")[1].split("csrf")[0]
    for _ in range(10):
        ask_reset(someone.email, now=timezone.now())
    assert len(letters()) == 3
    User.objects.filter(id=someone.id).update(is_active=False)
    ask_reset(someone.email, now=timezone.now() + RESET_LASTS * 2)
    assert PasswordReset.objects.count() == 3


def test_a_link_ends_after_an_hour() -> None:
    someone = cast.harbor().viewer.user
    ask_reset(someone.email, now=timezone.now() - RESET_LASTS - timedelta(seconds=1))
    assert letters() == [], "and a letter that is too old is not sent"
    PasswordReset.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    client = Client()
    client.get("/sign-in/new-password/" + "0" * 48)
    assert client.get("/sign-in/new-password").status_code == HTTPStatus.NOT_FOUND


@pytest.mark.parametrize("token", ["x", "0" * 48, "%00", "..", "é" * 30])
def test_links_that_were_never_sent_open_nothing(token: str) -> None:
    client = Client()
    assert client.get(f"/sign-in/new-password/{token}", follow=True).status_code == HTTPStatus.NOT_FOUND
    assert client.get(f"/invitations/{token}", follow=True).status_code == HTTPStatus.NOT_FOUND
