"""The commands that found an exchange and its first members, run as an operator runs them."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from accounts.audit.models import AuditEvent
from accounts.audit.verify import verify_audit
from accounts.identity.models import Organisation, OrganisationKind, User
from accounts.identity.roles import Permission
from tests import cast

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _first_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HX_FIRST_PASSWORD", cast.PASSWORD)


def run(*words: str) -> str:
    out = StringIO()
    call_command(*words, stdout=out)
    return out.getvalue()


def found_operator(*more: str) -> str:
    return run(
        "create_operator",
        "Exchange Operator",
        "--jurisdiction=GB",
        "--admin=olive@example.org=Olive Admin",
        "--admin=oscar@example.org=Oscar Admin",
        *more,
    )


def test_the_operator_is_founded_with_two_admins_who_can_sign_in() -> None:
    assert "Created the operator Exchange Operator" in found_operator()
    organisation = Organisation.objects.get(kind=OrganisationKind.OPERATOR)
    for email in ("olive@example.org", "oscar@example.org"):
        user = User.objects.get(email=email)
        assert user.check_password(cast.PASSWORD)
        actor = cast.acting(user, organisation)
        assert actor.is_over_exchange
        assert not actor.may(Permission.CEREMONY_RUN)
    assert verify_audit().holds


def test_one_admin_alone_founds_no_exchange() -> None:
    with pytest.raises(CommandError, match="Name two admins"):
        run("create_operator", "Alone", "--jurisdiction=GB", "--admin=olive@example.org=Olive Admin")
    assert not Organisation.objects.exists()


def test_officers_are_appointed_when_asked_for() -> None:
    found_operator("--officers")
    organisation = Organisation.objects.get()
    assert cast.acting(User.objects.get(email="olive@example.org"), organisation).may(Permission.CEREMONY_RUN)


def test_an_exchange_has_one_operator() -> None:
    found_operator()
    with pytest.raises(CommandError, match="has an operator already"):
        found_operator()


def test_a_member_organisation_is_founded_with_its_admin() -> None:
    said = run(
        "create_organisation",
        "Harbor",
        "--kind=ngo",
        "--jurisdiction=CA",
        "--admin=ada@example.org=Ada Lind",
    )
    harbor = Organisation.objects.get(name="Harbor")
    assert str(harbor.id) in said
    assert cast.acting(User.objects.get(email="ada@example.org"), harbor).may(Permission.MEMBER_MANAGE)
    event = AuditEvent.objects.get(number=1)
    assert event.actor_label == "manage.py create_organisation"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--kind=ngo", "--jurisdiction=QQ", "--admin=a@example.org=Ada"], "not a country code"),
        (["--kind=ngo", "--jurisdiction=CA", "--admin=ada"], "EMAIL=NAME"),
        (["--kind=ngo", "--jurisdiction=CA", "--admin=ada=Ada"], "not an e-mail address"),
        (["--kind=operator", "--jurisdiction=CA", "--admin=a@example.org=Ada"], "invalid choice"),
    ],
)
def test_a_mistake_is_told_in_a_sentence_and_leaves_nothing_behind(words: list[str], said: str) -> None:
    with pytest.raises(CommandError, match=said):
        run("create_organisation", "Harbor", *words)
    assert not Organisation.objects.exists()
    assert not AuditEvent.objects.exists()


def test_without_a_terminal_and_a_password_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HX_FIRST_PASSWORD")
    monkeypatch.setattr("sys.stdin", StringIO(""))
    with pytest.raises(CommandError, match="HX_FIRST_PASSWORD"):
        found_operator()
    assert not Organisation.objects.exists()
