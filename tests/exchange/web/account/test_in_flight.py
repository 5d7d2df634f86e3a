"""A request that came in before a reset was made, and ends after it, changes nothing and opens nothing."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import pytest
from django.utils import timezone

from accounts.errors import Conflict
from accounts.factors import password as passwords
from accounts.factors import totp
from accounts.factors.forget import open_reset
from accounts.factors.models import CodeApp, Passkey, RecoveryCode
from accounts.factors.passkeys import remove_passkey
from accounts.factors.recovery import issue_recovery_codes
from accounts.identity.acting import person_alone
from accounts.identity.models import User
from accounts.sealing.texts import open_text
from tests import cast
from tests.exchange.web.account.test_account import text_of
from tests.exchange.web.account.test_resets import take_away, with_password
from tests.exchange.web.stage import signed_in

pytestmark = pytest.mark.django_db(transaction=True)

THEIRS = "mallory knows these words"


def meanwhile(monkeypatch: pytest.MonkeyPatch, module: Any, name: str, act: Callable[[], object]) -> None:
    """`act` happens once, when `module.name` has just been called."""
    real = getattr(module, name)

    def slow(*named: Any, **more: Any) -> Any:
        monkeypatch.setattr(module, name, real)
        found = real(*named, **more)
        act()
        return found

    monkeypatch.setattr(module, name, slow)


def test_a_password_changed_meanwhile_is_not_kept_and_its_session_is_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    harbor = cast.harbor()
    person = harbor.approver.user
    thief = signed_in(person)
    meanwhile(monkeypatch, passwords, "set_password", lambda: take_away(harbor, harbor.approver))
    answer = thief.post("/account/password", {"current": cast.PASSWORD, "password": THEIRS})
    assert answer.status_code == HTTPStatus.CONFLICT
    assert "You have been signed out everywhere" in text_of(answer)
    assert thief.get("/account").status_code == HTTPStatus.FOUND
    assert with_password(person, THEIRS)[1] == "", "refused"
    assert with_password(person)[1] == "/sign-in/set-up", "the password of before is whole"


def test_the_session_of_a_changed_password_ends_with_a_reset_that_comes_right_after_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    harbor = cast.harbor()
    person = harbor.approver.user
    thief = signed_in(person)
    from exchange.web.account import passwords as page

    meanwhile(monkeypatch, page, "forget_tries", lambda: take_away(harbor, harbor.approver))
    answer = thief.post("/account/password", {"current": cast.PASSWORD, "password": THEIRS})
    assert answer.status_code == HTTPStatus.FOUND
    assert thief.get("/account").status_code == HTTPStatus.FOUND, "begun under the epoch of before"
    assert "/sign-in" in thief.get("/account").headers["Location"]


def test_an_app_set_up_meanwhile_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    harbor = cast.harbor()
    person = harbor.approver.user
    thief = signed_in(person)
    thief.get("/account/app")
    seed = bytes.fromhex(
        open_text(thief.session["hx_new_seed"]["sealed"], context=f"user:{person.id}:new-seed")
    )
    meanwhile(monkeypatch, totp, "step_of", lambda: take_away(harbor, harbor.approver))
    answer = thief.post("/account/app", {"code": totp.code_at(seed, totp.step_at(timezone.now()))})
    assert answer.status_code == HTTPStatus.CONFLICT
    assert not CodeApp.objects.filter(user=person).exists()
    assert open_reset(person) is not None


def test_passkeys_and_recovery_codes_neither() -> None:
    harbor = cast.harbor()
    person = harbor.approver.user
    signed_in(person)
    before = User.objects.get(id=person.id)
    now = timezone.now()
    kept = Passkey.objects.create(
        user=person, name="left", credential_id="c", public_part="p", sign_count=0, created_at=now
    )
    take_away(harbor, harbor.approver, leave_passkeys=True)
    for act in (
        lambda: issue_recovery_codes(before, actor=person_alone(before), now=now),
        lambda: remove_passkey(before, kept.id, actor=person_alone(before), now=now),
    ):
        with pytest.raises(Conflict) as refusal:
            act()
        assert refusal.value.code == "user.signed_out"
    assert not RecoveryCode.objects.filter(user=person, used_at=None).exists()
    assert Passkey.objects.filter(id=kept.id).exists()
