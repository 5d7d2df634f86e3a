"""Signing in: one answer for all that is wrong, slow guessing, and proof of presence before deciding."""

from __future__ import annotations

from datetime import timedelta
from http import HTTPStatus
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.audit.models import AuditEvent
from accounts.identity.roles import Role
from accounts.membership.members import add_member, end_membership
from accounts.membership.register import suspend_organisation
from exchange.http.acting import PRESENCE_LASTS, PRESENT_KEY
from exchange.web.models import SignInTry
from exchange.web.tries import TRIES_HERE, WINDOW
from tests import cast
from tests.exchange.web import stage
from tests.exchange.web.stage import signed_in

pytestmark = pytest.mark.django_db


def enter(client: Client, email: str, password: str = cast.PASSWORD, **more: str) -> Any:
    return client.post("/sign-in", {"email": email, "password": password, **more})


def text_of(answer: Any) -> str:
    content: bytes = answer.content
    return content.decode()


def grow_old(client: Client) -> None:
    """The person signed in a while ago."""
    session = client.session
    session[PRESENT_KEY] = (timezone.now() - PRESENCE_LASTS - timedelta(seconds=1)).timestamp()
    session.save()


def test_a_person_signs_in_and_sees_who_they_are() -> None:
    someone = cast.harbor().approver.user
    page = text_of(signed_in(someone).get("/"))
    assert "Asha of Harbor" in page
    assert "Sign out" in page
    assert [event.action for event in AuditEvent.objects.filter(subject_id=someone.id).order_by("number")][
        -1:
    ] == ["sign_in.succeeded"]


def test_the_address_is_taken_in_any_case() -> None:
    assert enter(Client(), cast.harbor().viewer.user.email.upper()).status_code == HTTPStatus.FOUND


@pytest.mark.parametrize("password", ["wrong", "", "x" * 5_000, "\x00"])
def test_unknown_people_and_wrong_passwords_get_the_same_page(password: str) -> None:
    known = cast.harbor().viewer.user.email
    answers = [enter(Client(), email, password) for email in (known, "nobody@example.org")]
    assert {answer.status_code for answer in answers} == {HTTPStatus.BAD_REQUEST}
    pages = [
        text_of(answer).replace(known, "").replace("nobody@example.org", "").split("<main")[1].split("csrf")
        for answer in answers
    ]
    assert pages[0][0] == pages[1][0]
    assert "The e-mail address or the password is wrong." in pages[0][0]


@pytest.mark.parametrize(
    "email", ["", "a\x00b@example.org", "x" * 4_000, "'; DROP TABLE accounts_user;--", "\ud800"]
)
def test_strange_addresses_are_only_wrong(email: str) -> None:
    encoded = email.encode("utf-8", "surrogatepass").decode("latin-1")
    assert enter(Client(), encoded).status_code == HTTPStatus.BAD_REQUEST


def test_the_password_is_never_in_the_page() -> None:
    assert "hunter2-and-more" not in text_of(enter(Client(), "a@example.org", "hunter2-and-more"))


def test_a_failure_is_recorded_without_the_address() -> None:
    someone = cast.harbor().viewer.user
    enter(Client(), someone.email, "wrong")
    enter(Client(), "nobody@example.org", "wrong")
    known, unknown = AuditEvent.objects.filter(action="sign_in.failed").order_by("number")
    assert known.subject_id == str(someone.id)
    assert unknown.subject_id == "unknown"
    assert "nobody" not in str(list(AuditEvent.objects.values()))


def test_guessing_is_stopped_even_when_the_last_guess_is_right() -> None:
    email = cast.harbor().viewer.user.email
    for _ in range(TRIES_HERE):
        assert enter(Client(), email, "wrong").status_code == HTTPStatus.BAD_REQUEST
    stopped = enter(Client(), email)
    assert stopped.status_code == HTTPStatus.TOO_MANY_REQUESTS
    assert "quarter of an hour" in text_of(stopped)
    assert stopped.headers["Retry-After"] == "900"
    # Another person at the same place still may.
    assert enter(Client(), cast.harbor().signer.user.email).status_code == HTTPStatus.FOUND


def test_guessing_may_begin_again_after_a_while() -> None:
    email = cast.harbor().viewer.user.email
    for _ in range(TRIES_HERE + 1):
        enter(Client(), email, "wrong")
    SignInTry.objects.update(at=timezone.now() - WINDOW - timedelta(seconds=1))
    assert enter(Client(), email).status_code == HTTPStatus.FOUND


def test_a_success_forgets_the_mistakes_before_it() -> None:
    someone = cast.harbor().viewer.user
    for _ in range(3):
        for _ in range(TRIES_HERE - 1):
            enter(Client(), someone.email, "wrong")
        signed_in(someone)


def test_tries_say_nothing_about_people() -> None:
    enter(Client(), "somebody@example.org", "wrong")
    row = SignInTry.objects.values().get()
    assert "somebody" not in str(row)
    assert "127.0.0.1" not in str(row)


def test_a_session_that_was_planted_is_worth_nothing_afterwards() -> None:
    client = Client()
    client.get("/sign-in")
    session = client.session
    session["planted"] = True
    session.save()
    before = client.session.session_key
    someone = cast.harbor().viewer.user
    step = cast.second_step(someone)
    enter(client, someone.email)
    between = client.session.session_key
    client.post(step.page, {"code": step.code})
    assert len({before, between, client.session.session_key}) == 3
    assert "planted" not in client.session


def test_signing_out_ends_the_session_on_the_server_too() -> None:
    client = signed_in(cast.harbor().viewer.user)
    stolen = Client()
    stolen.cookies.load({name: morsel.value for name, morsel in client.cookies.items()})
    assert client.post("/sign-out").status_code == HTTPStatus.FOUND
    assert stolen.get("/lists").context["frame"] is None
    assert AuditEvent.objects.latest("number").action == "sign_out.done"


def test_signing_out_is_no_link() -> None:
    assert signed_in(cast.harbor().viewer.user).get("/sign-out").status_code == HTTPStatus.METHOD_NOT_ALLOWED


def test_a_form_without_its_token_does_nothing() -> None:
    client = Client(enforce_csrf_checks=True)
    answer = enter(client, cast.harbor().viewer.user.email)
    assert answer.status_code == HTTPStatus.FORBIDDEN
    assert "This form is too old" in text_of(answer)


@pytest.mark.parametrize(
    ("wished", "goes"),
    [
        ("/lists", "/lists"),
        ("/lists?cursor=a%20b", "/lists?cursor=a%20b"),
        ("https://evil.example/", "/"),
        ("//evil.example/", "/"),
        ("/\\evil.example", "/"),
        ("\\\\evil.example", "/"),
        ("javascript:alert(1)", "/"),
        ("/\t/evil.example", "/"),
        ("evil.example", "/"),
        ("", "/"),
        ("/" + "a" * 3_000, "/"),
    ],
)
def test_it_only_returns_to_addresses_of_its_own(wished: str, goes: str) -> None:
    answer = stage.enter(Client(), cast.harbor().viewer.user, next=wished)
    assert answer.headers["Location"] == goes


def test_a_page_that_needs_somebody_comes_back_after_signing_in() -> None:
    client = Client()
    answer = client.get("/submissions/00000000-0000-0000-0000-000000000000?x=1")
    assert answer.headers["Location"].startswith("/sign-in?next=%2Fsubmissions%2F")


def test_a_suspended_organisation_has_no_pages_left_at_once() -> None:
    harbor, operator = cast.harbor(), cast.operator()
    client = signed_in(harbor.approver.user)
    suspend_organisation(harbor.organisation, reason="Incident", actor=operator.admin.actor, now=cast.NOW)
    answer = client.get("/", follow=True)
    assert "Asha of Harbor" not in text_of(answer)
    assert answer.redirect_chain or "Sign in" in text_of(answer)


def test_a_person_who_left_is_told_that_no_right_is_left() -> None:
    harbor = cast.harbor()
    client = signed_in(harbor.viewer.user)
    membership = harbor.viewer.user.memberships.get()
    end_membership(membership.id, actor=harbor.admin.actor, now=cast.NOW)
    fresh = signed_in(harbor.viewer.user)
    assert "You act for no organisation now" in text_of(fresh.get("/", follow=True))
    assert "Your organisation" not in text_of(client.get("/", follow=True))


def test_a_person_of_two_organisations_chooses_and_may_change() -> None:
    harbor, lumen = cast.harbor(), cast.lumen()
    someone = harbor.viewer.user
    add_member(someone, lumen.organisation, roles=[Role.VIEWER], actor=cast.HOST, now=cast.NOW)
    client = signed_in(someone)
    asked = client.get("/lists?limit=5")
    assert asked.status_code == HTTPStatus.OK, "the public catalogue needs no choice"
    assert client.get("/").headers["Location"] == "/organisation"
    chosen = client.post("/organisation", {"organisation": str(lumen.organisation.id)})
    assert chosen.headers["Location"] == "/"
    page = text_of(client.get("/"))
    assert "<bdi>Lumen</bdi>" in page
    assert "Change" in page


def test_nobody_chooses_an_organisation_of_others() -> None:
    client = signed_in(cast.harbor().viewer.user)
    answer = client.post("/organisation", {"organisation": str(cast.lumen().organisation.id)})
    assert answer.status_code == HTTPStatus.NOT_FOUND
    assert "Lumen" not in text_of(answer)


def test_presence_is_asked_for_again_after_a_while_and_proven_by_password_and_code() -> None:
    someone = cast.harbor().approver.user
    client = signed_in(someone)
    grow_old(client)
    code = cast.fresh_code(someone)
    wrong = [("wrong", code), (cast.PASSWORD, "000 000"), (cast.PASSWORD, ""), ("", code)]
    for password, tried in wrong:
        answer = client.post("/confirm-presence", {"password": password, "code": tried, "next": "/lists"})
        assert answer.status_code == HTTPStatus.BAD_REQUEST
        assert "The password or the code is wrong" in text_of(answer)
    key = client.session.session_key
    typed = {"password": cast.PASSWORD, "code": code, "next": "/lists"}
    right = client.post("/confirm-presence", typed)
    assert right.headers["Location"] == "/lists"
    assert client.session.session_key != key
    event = AuditEvent.objects.latest("number")
    assert (event.action, event.facts) == ("sign_in.succeeded", {"step_up": True, "how": "app"})
    assert client.post("/confirm-presence", typed).status_code == HTTPStatus.BAD_REQUEST, "a code works once"


def test_presence_cannot_be_guessed_either() -> None:
    someone = cast.harbor().approver.user
    client = signed_in(someone)
    for _ in range(TRIES_HERE):
        client.post("/confirm-presence", {"password": "wrong"})
    right = {"password": cast.PASSWORD, "code": cast.fresh_code(someone)}
    stopped = client.post("/confirm-presence", right)
    assert stopped.status_code == HTTPStatus.TOO_MANY_REQUESTS


def test_nobody_confirms_the_presence_of_somebody_else() -> None:
    answer = Client().post("/confirm-presence", {"password": cast.PASSWORD})
    assert answer.headers["Location"].startswith("/sign-in")


def test_a_proxy_is_believed_only_when_the_operator_says_that_there_is_one(
    settings: Any, client: Client
) -> None:
    cast.harbor()
    headers = {"X-Forwarded-For": "198.51.100.7, 203.0.113.9"}
    client.post("/sign-in", {"email": "a@example.org", "password": "x"}, headers=headers)
    client.post("/sign-in", {"email": "a@example.org", "password": "x"})
    assert SignInTry.objects.values("place").distinct().count() == 1
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    client.post("/sign-in", {"email": "a@example.org", "password": "x"}, headers=headers)
    assert SignInTry.objects.values("place").distinct().count() == 2
