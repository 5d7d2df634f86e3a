"""The second step: nothing answers before it, each code counts once, and a lost phone is no lost account."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from datetime import timedelta
from http import HTTPStatus
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from accounts.audit.models import AuditEvent
from accounts.factors import totp
from accounts.factors.code_app import prove_code, seed_of, set_up_code_app
from accounts.factors.models import CodeApp, RecoveryCode
from accounts.factors.recovery import HOW_MANY, issue_recovery_codes, use_recovery_code
from accounts.identity.acting import person_alone
from accounts.identity.models import User
from exchange.web.halfway import HALFWAY_KEY, LASTS
from exchange.web.tries import TRIES_AT_CODE, TRIES_HERE
from tests import cast
from tests.exchange.web.stage import signed_in

pytestmark = pytest.mark.django_db(transaction=True)


def text_of(answer: Any) -> str:
    content: bytes = answer.content
    return content.decode()


def halfway(user: User) -> Client:
    client = Client()
    answer = client.post("/sign-in", {"email": user.email, "password": cast.PASSWORD})
    assert answer.status_code == HTTPStatus.FOUND
    return client


def app_of(user: User) -> bytes:
    cast.fresh_code(user)  # sets one up
    return seed_of(CodeApp.objects.get(user=user))


def test_the_vectors_of_the_standard_come_out() -> None:
    """RFC 6238, appendix B, SHA-1, shortened from eight digits to six."""
    seed = b"12345678901234567890"
    told = {59: "287082", 1111111109: "081804", 1234567890: "005924", 20000000000: "353130"}
    assert {at: totp.code_at(seed, at // 30) for at in told} == told


@pytest.mark.parametrize(
    "address", ["/", "/lists", "/account", "/organisation", "/account/app", "/api/v1/who"]
)
def test_a_password_alone_opens_nothing(address: str) -> None:
    someone = cast.harbor().admin.user
    app_of(someone)
    client = halfway(someone)
    answer = client.get(address)
    assert someone.name not in text_of(answer)
    assert "_auth_user_id" not in client.session
    if answer.status_code == HTTPStatus.FOUND:
        assert answer.headers["Location"].startswith("/sign-in/code")


def test_a_person_without_a_second_step_is_led_to_set_one_up_and_to_nothing_else() -> None:
    someone = cast.harbor().viewer.user
    client = halfway(someone)
    assert client.get("/account").headers["Location"].startswith("/sign-in/set-up")
    assert client.get("/sign-in/code").headers["Location"].startswith("/sign-in/set-up")
    page = text_of(client.get("/sign-in/set-up/app?next=/lists"))
    seed = totp_seed_in(page)
    assert client.post("/sign-in/set-up/app", {"code": "000000"}).status_code == HTTPStatus.BAD_REQUEST
    assert totp_seed_in(text_of(client.get("/sign-in/set-up/app"))) == seed, "the picture stays the same"
    code = totp.code_at(seed, totp.step_at(timezone.now()))
    done = client.post("/sign-in/set-up/app", {"code": code, "next": "/lists"})
    assert done.status_code == HTTPStatus.OK
    codes = re.findall(r"<li><code>([a-z0-9-]+)</code>", text_of(done))
    assert len(codes) == HOW_MANY
    assert 'href="/lists"' in text_of(done)
    assert someone.name in text_of(client.get("/lists"))
    assert codes[0] not in str(list(RecoveryCode.objects.values())), "kept as digests"
    assert seed.hex() not in str(list(CodeApp.objects.values())), "sealed at rest"
    # One of them lets the person in again, once.
    for status in (HTTPStatus.FOUND, HTTPStatus.BAD_REQUEST):
        again = halfway(someone)
        assert again.post("/sign-in/recovery", {"code": codes[3].upper()}).status_code == status


def totp_seed_in(page: str) -> bytes:
    import base64

    key = re.search(r'<code class="digest">([A-Z2-7 ]+)</code>', page)
    assert key is not None
    text = key[1].replace(" ", "")
    return base64.b32decode(text + "=" * (-len(text) % 8))


def test_nobody_with_a_password_alone_replaces_the_second_step() -> None:
    someone = cast.harbor().viewer.user
    client = halfway(someone)
    page = text_of(client.get("/sign-in/set-up/app"))
    app_of(someone)  # meanwhile the real person sets theirs up
    code = totp.code_at(totp_seed_in(page), totp.step_at(timezone.now()))
    answer = client.post("/sign-in/set-up/app", {"code": code})
    assert answer.headers["Location"].startswith("/sign-in/code")
    assert "_auth_user_id" not in client.session


@pytest.mark.parametrize(
    "spell",
    [
        str,
        lambda code: f" {code[:3]} {code[3:]} ",
        lambda code: f"{code[:3]}-{code[3:]}",
        lambda code: "".join(chr(0xFF10 + int(digit)) for digit in code),
        lambda code: "".join(chr(0x0660 + int(digit)) for digit in code),
        lambda code: "\u2003".join(code),
    ],
)
def test_a_used_code_is_refused_in_every_spelling(spell: Callable[[str], str]) -> None:
    someone = cast.harbor().viewer.user
    code = cast.fresh_code(someone)
    assert prove_code(someone, spell(code), now=timezone.now()), "each spelling is taken, once"
    for again in (code, f"{code[:2]} {code[2:]}", "".join(chr(0xFF10 + int(digit)) for digit in code)):
        assert not prove_code(someone, again, now=timezone.now())


def test_an_earlier_code_is_refused_after_a_later_one() -> None:
    someone, now = cast.harbor().viewer.user, timezone.now()
    seed = app_of(someone)
    steps = [totp.step_at(now) + drift for drift in (1, 0, -1)]
    assert [prove_code(someone, totp.code_at(seed, step), now=now) for step in steps] == [True, False, False]
    assert not prove_code(someone, totp.code_at(seed, steps[0] + 1), now=now), "nor one of the future"


@pytest.mark.parametrize("kind", ["app", "recovery"])
def test_of_two_uses_at_once_one_wins(kind: str) -> None:
    someone = cast.harbor().viewer.user
    code = cast.fresh_code(someone)
    paper = issue_recovery_codes(someone, actor=person_alone(someone), now=timezone.now())[0]
    start, answers = threading.Barrier(4), list[bool]()

    def use() -> None:
        try:
            start.wait()
            now = timezone.now()
            answers.append(
                prove_code(someone, code, now=now)
                if kind == "app"
                else use_recovery_code(someone, paper, now=now)
            )
        finally:
            connection.close()

    threads = [threading.Thread(target=use) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [False, False, False, True]


def test_codes_cannot_be_guessed() -> None:
    someone = cast.harbor().viewer.user
    code = cast.fresh_code(someone)
    client = halfway(someone)
    for _ in range(TRIES_HERE):
        assert client.post("/sign-in/code", {"code": "123456"}).status_code == HTTPStatus.BAD_REQUEST
    stopped = client.post("/sign-in/code", {"code": code})
    assert stopped.status_code == HTTPStatus.TOO_MANY_REQUESTS
    assert TRIES_AT_CODE < 20, "also from many places at once"
    failed = AuditEvent.objects.filter(action="sign_in.failed").latest("number")
    assert (failed.subject_id, failed.facts) == (str(someone.id), {"second_step": True})


@pytest.mark.parametrize(
    "code", ["", "0" * 5_000, "\x00", "１２３", "١٢٣٤٥٦", "²³¹", "💥" * 40, "\u202e123456"]
)
def test_strange_codes_are_only_wrong(code: str) -> None:
    someone = cast.harbor().viewer.user
    app_of(someone)
    for page in ("/sign-in/code", "/sign-in/recovery"):
        assert halfway(someone).post(page, {"code": code}).status_code == HTTPStatus.BAD_REQUEST


def test_the_first_step_does_not_last() -> None:
    someone = cast.harbor().viewer.user
    app_of(someone)
    client = halfway(someone)
    session = client.session
    kept = session[HALFWAY_KEY]
    session[HALFWAY_KEY] = {**kept, "at": kept["at"] - LASTS.total_seconds() - 1}
    session.save()
    answer = client.post("/sign-in/code", {"code": cast.fresh_code(someone)})
    assert answer.headers["Location"] == "/sign-in"


def test_the_first_step_ends_with_the_password_it_was_made_with() -> None:
    someone = cast.harbor().viewer.user
    app_of(someone)
    client = halfway(someone)
    User.objects.filter(id=someone.id).update(session_epoch=5)
    answer = client.post("/sign-in/code", {"code": cast.fresh_code(someone)})
    assert answer.headers["Location"] == "/sign-in"


def test_somebody_else_may_sign_in_from_the_second_step() -> None:
    someone = cast.harbor().viewer.user
    app_of(someone)
    client = halfway(someone)
    client.post("/sign-out")
    assert client.get("/sign-in/code").headers["Location"] == "/sign-in"


def test_the_demo_shows_the_code_and_nothing_else_does(settings: Any) -> None:
    someone = cast.harbor().viewer.user
    code = cast.fresh_code(someone)
    assert code in text_of(halfway(someone).get("/sign-in/code"))
    settings.HX_DEMO_CODES = False
    page = text_of(halfway(someone).get("/sign-in/code"))
    assert code not in page
    assert "sample person" not in page


def test_an_app_is_replaced_with_presence_only_and_the_old_codes_end() -> None:
    someone = cast.harbor().viewer.user
    client = signed_in(someone)
    old = seed_of(CodeApp.objects.get(user=someone))
    page = text_of(client.get("/account/app"))
    now = timezone.now()
    done = client.post("/account/app", {"code": totp.code_at(totp_seed_in(page), totp.step_at(now))})
    assert done.headers["Location"] == "/account"
    assert not prove_code(someone, totp.code_at(old, totp.step_at(now) + 1), now=now)
    session = client.session
    session["hx_present_at"] = 0
    session.save()
    assert client.get("/account/app").headers["Location"].startswith("/confirm-presence")


def test_new_recovery_codes_end_the_old_ones() -> None:
    someone = cast.harbor().viewer.user
    client = signed_in(someone)
    old = issue_recovery_codes(someone, actor=person_alone(someone), now=timezone.now())
    assert client.post("/account/recovery-codes").status_code == HTTPStatus.OK
    assert not use_recovery_code(someone, old[0], now=timezone.now())
    assert RecoveryCode.objects.filter(user=someone, used_at=None).count() == HOW_MANY


def test_a_first_app_is_one_of_its_own_time() -> None:
    someone, now = cast.harbor().viewer.user, timezone.now()
    seed = totp.fresh_seed()
    stale = totp.code_at(seed, totp.step_at(now - timedelta(minutes=5)))
    with pytest.raises(Exception, match="not the code"):
        set_up_code_app(someone, seed, code=stale, actor=person_alone(someone), now=now)
