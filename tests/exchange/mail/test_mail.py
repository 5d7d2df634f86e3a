"""Letters: owed as rows, sent in the reader's language, never lost while the mail server is away."""

from __future__ import annotations

import ast
import re
import smtplib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core import mail as outbox
from django.core.mail.backends.base import BaseEmailBackend
from django.core.mail.message import EmailMessage
from django.core.management import call_command
from django.db import transaction
from pytest_django import Settings

from accounts.errors import Invalid
from accounts.identity.models import User
from accounts.mail.models import LEASE, OutgoingMail
from accounts.mail.queue import USEFUL_FOR, queue_mail
from exchange.mail.letters import LETTERS
from exchange.mail.render import rendered
from exchange.mail.send import KEPT_FOR, MOST_TRIES, forget_mail, forgetting_due, mail_due, send_mail
from exchange.stations import run_due
from tests import cast
from tests.hashsets.releases.world import NOW

pytestmark = pytest.mark.django_db

_ROOT = Path(__file__).resolve().parents[3]
TOKEN = "/invitations/Zm9yIHlvdXIgZXllcyBvbmx5"


def a_letter(to: User | str = "ada@example.org", **options: Any) -> OutgoingMail:
    before = set(OutgoingMail.objects.values_list("id", flat=True))
    queue_mail("oversee.try", to=to, facts={"where": "this host"}, path=TOKEN, now=NOW, **options)
    return OutgoingMail.objects.exclude(id__in=before).get()


def said(message: Any) -> str:
    html = next(part for part, kind in message.alternatives if kind == "text/html")
    return f"{message.subject}\n{message.body}\n{html}"


def test_a_letter_is_sent_once_in_text_and_html_and_then_forgets_its_link() -> None:
    letter = a_letter()
    assert TOKEN not in str(OutgoingMail.objects.filter(id=letter.id).values())
    assert run_due(["data"], clock=lambda: NOW) > 0
    assert run_due(["data"], clock=lambda: NOW) >= 0
    [message] = outbox.outbox
    assert isinstance(message, EmailMessage)
    assert message.to == ["ada@example.org"]
    assert said(message).count(f"http://127.0.0.1:8000{TOKEN}") == 4
    assert message.extra_headers["Message-ID"].startswith(f"<{letter.id}@")
    letter.refresh_from_db()
    assert (letter.state, letter.facts, letter.sealed_path) == ("sent", {}, "")


def test_a_person_is_written_to_in_their_own_language() -> None:
    user = cast.northland(now=NOW).admin.user
    User.objects.filter(id=user.id).update(language="fr")
    user.refresh_from_db()
    a_letter(user)
    send_mail(mail_due(NOW, 1)[0], now=NOW)
    assert "Le courrier de cette plateforme arrive" in outbox.outbox[0].subject
    assert '<html lang="fr">' in said(outbox.outbox[0])


def test_a_letter_dies_with_the_act_that_was_rolled_back() -> None:
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        a_letter()
        _ = 1 / 0
    assert not OutgoingMail.objects.exists()


def test_what_must_not_be_said_twice_is_said_once() -> None:
    for _ in range(3):
        queue_mail("oversee.try", to="a@example.org", facts={"where": "x"}, once="review:1:30d", now=NOW)
    queue_mail("oversee.try", to="a@example.org", facts={"where": "x"}, once="review:1:7d", now=NOW)
    assert OutgoingMail.objects.count() == 2


@pytest.mark.parametrize("fact", ["ab" * 32, "hx_live_" + "A" * 32])
def test_neither_a_hash_nor_a_key_gets_into_a_letter(fact: str) -> None:
    with pytest.raises(Invalid, match="hash value, a key or a token"):
        queue_mail("oversee.try", to="a@example.org", facts={"where": fact}, now=NOW)


def test_a_name_with_html_or_a_line_break_breaks_neither_the_page_nor_the_header() -> None:
    letter = rendered("oversee.try", facts={"where": "<b>x</b>\r\nBcc: y"}, path="/", language="en")
    assert "&lt;b&gt;" in letter.html
    assert "<b>x" not in letter.html
    assert "\n" not in letter.subject


class Away(BaseEmailBackend):
    """A mail server that does not answer, or answers and refuses."""

    opened = 0
    refuses = False

    def open(self) -> bool:
        type(self).opened += 1
        if not type(self).refuses:
            raise ConnectionRefusedError
        return True

    def send_messages(self, email_messages: Any) -> int:
        raise smtplib.SMTPRecipientsRefused({})


@pytest.fixture
def away(settings: Settings) -> Iterator[type[Away]]:
    settings.EMAIL_BACKEND = f"{__name__}.Away"
    Away.opened, Away.refuses = 0, False
    yield Away


def test_a_server_that_is_away_is_asked_once_and_nothing_is_lost(
    away: type[Away], settings: Settings
) -> None:
    for _ in range(30):
        a_letter()
    run_due(["data"], clock=lambda: NOW)
    assert away.opened == 1
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    run_due(["data"], clock=lambda: NOW + timedelta(minutes=2))
    assert len(outbox.outbox) == 30
    assert set(OutgoingMail.objects.values_list("state", flat=True)) == {"sent"}


def test_a_letter_that_is_refused_again_and_again_is_given_up_and_shows(away: type[Away]) -> None:
    away.refuses = True
    letter, now = a_letter(), NOW
    for _ in range(MOST_TRIES):
        send_mail(letter.id, now=now)
        now += timedelta(hours=3)
    letter.refresh_from_db()
    assert (letter.state, letter.tries) == ("refused", MOST_TRIES)


def test_a_letter_that_is_in_somebodys_hands_is_left_alone_until_the_lease_ends() -> None:
    letter = a_letter()
    assert OutgoingMail.objects.claim(letter.id, now=NOW) is not None
    send_mail(letter.id, now=NOW)
    assert outbox.outbox == []
    send_mail(letter.id, now=NOW + LEASE)
    assert len(outbox.outbox) == 1


def test_nothing_is_sent_to_whoever_left_nor_when_it_is_of_no_use_any_more() -> None:
    user = cast.harbor(now=NOW).viewer.user
    gone, late = a_letter(user), a_letter()
    User.objects.filter(id=user.id).update(is_active=False)
    send_mail(gone.id, now=NOW)
    send_mail(late.id, now=NOW + USEFUL_FOR)
    assert outbox.outbox == []
    assert [(row.state, row.facts) for row in OutgoingMail.objects.all()] == [("lapsed", {})] * 2


def test_addresses_are_forgotten_after_their_time() -> None:
    letter = a_letter()
    send_mail(letter.id, now=NOW)
    later = NOW + KEPT_FOR + timedelta(seconds=1)
    assert forgetting_due(NOW + KEPT_FOR, 20) == []
    assert forgetting_due(later, 20) == ["mail"]
    forget_mail("mail", now=later)
    assert not OutgoingMail.objects.exists()


def test_an_operator_can_see_whether_mail_arrives() -> None:
    call_command("try_mail", "ops@example.org", "--language", "fr", verbosity=0)
    assert OutgoingMail.objects.get().language == "fr"


def test_every_letter_that_is_queued_has_words_and_every_letter_renders_in_both_languages() -> None:
    queued = set()
    for floor in ("accounts", "hashsets", "exchange"):
        for file in (_ROOT / floor).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text())):
                if (
                    isinstance(node, ast.Call)
                    and getattr(node.func, "id", "") == "queue_mail"
                    and isinstance(node.args[0], ast.Constant)
                ):
                    queued.add(node.args[0].value)
    assert queued - set(LETTERS) == set()
    for kind, letter in LETTERS.items():
        names = set(re.findall(r"%\((\w+)\)", " ".join((letter.subject, letter.why, *letter.says))))
        for language in ("en", "fr"):
            shown = rendered(kind, facts=dict.fromkeys(names, "7"), path="/", language=language)
            assert "%(" not in shown.subject + shown.text + shown.html
