"""What hostile people type is shown, kept, exported and mailed as text; what is secret is on no page."""

from __future__ import annotations

import csv
import html
import io
import json
from typing import Any

import pytest
from django.utils import timezone

from accounts.credentials.issue import issue_credential
from accounts.factors import totp
from accounts.factors.code_app import seed_of
from accounts.factors.models import CodeApp
from accounts.factors.recovery import issue_recovery_codes
from accounts.identity.acting import person_alone
from accounts.mail.models import OutgoingMail
from accounts.sealing.keyring import current_keyring
from accounts.sealing.sealing import unseal
from exchange.mail.letters import LETTERS
from exchange.mail.render import rendered
from exchange.sharing import secrets
from exchange.sharing.models import Endpoint
from tests import cast
from tests.exchange.web.account.test_account import letters
from tests.exchange.web.walks.planted import WORDS, Marked, plant
from tests.exchange.web.walks.scenery import PROVIDER_SECRET, Scenery
from tests.exchange.web.walks.visits import stops
from tests.hashsets.releases.world import NOW, sha256

pytestmark = pytest.mark.django_db

RUNS = ("=", "+", "-", "@", "\t", "\r", "\n")
HTML, CSV = "text/html; charset=utf-8", "text/csv; charset=utf-8"


@pytest.mark.parametrize("careless", [f"<p>{WORDS}y></p>", f'<a title="{WORDS}">', f"<a title='{WORDS}'>"])
def test_a_page_that_let_it_live_would_be_noticed(careless: str) -> None:
    assert Marked(careless).alive


@pytest.mark.parametrize(
    ("page", "loose"),
    [
        ("<p>{}</p>", False),
        ("<p>By <bdi>{}</bdi>, today</p>", False),
        ("<dl><dt>Who</dt><dd><a href='/'>{}</a></dd></dl>", False),
        ("<p>By {}</p>", True),
        ("<p>{}<span>, today</span></p>", True),
        ("<li><a href='/'>{}</a> today<p>and more</p></li>", True),
    ],
)
def test_a_text_that_shares_its_line_would_be_noticed(page: str, loose: bool) -> None:
    assert bool(Marked(page.format(html.escape(f"{WORDS}12WW"))).loose) is loose


def content_of(answer: Any) -> str:
    body = b"".join(answer.streaming_content) if answer.streaming else answer.content
    return body.decode("utf-8", "replace")


def test_what_people_type_is_text_on_every_page_and_in_every_export(scenery: Scenery) -> None:
    plant()
    alive, loose, run, silent, seen = [], [], [], [], 0
    for stop in stops(scenery):
        answer = scenery.browser(stop.who).get(stop.address)
        assert answer.status_code == stop.status, (str(stop), answer.status_code)
        content, kind = content_of(answer), answer.headers["Content-Type"]
        if kind == CSV:
            cells = [cell for row in csv.reader(io.StringIO(content.lstrip("\ufeff"))) for cell in row]
            run += [(str(stop), cell) for cell in cells if cell.startswith(RUNS)]
            silent += [str(stop)] * (not any(WORDS in cell for cell in cells))
        elif kind == HTML:
            marked = Marked(content)
            alive += [(str(stop), element) for element in marked.alive]
            loose += [(str(stop), text) for text in marked.loose]
            seen += marked.shown > 0
        else:
            assert kind in ("application/json", "application/octet-stream"), (str(stop), kind)
    assert alive == []
    assert loose == []
    assert run == []
    assert silent == []
    assert seen > 100


class Hostile(dict[str, str]):
    """Whatever fact a letter asks for is a text that ends its header and opens an element."""

    def __missing__(self, name: str) -> str:
        return f"{WORDS}\r\nBcc: everybody@example.org"


@pytest.mark.parametrize("language", ["en", "fr"])
def test_what_people_type_is_text_in_every_letter(language: str) -> None:
    shown = 0
    for kind in LETTERS:
        letter = rendered(kind, facts=Hostile(), path=f'/x"{WORDS}', language=language)
        assert len(letter.subject.splitlines()) == 1, kind
        marked = Marked(letter.html)
        assert marked.alive == [], kind
        shown += marked.shown > 0
    assert shown > len(LETTERS) / 2


def tokens() -> dict[str, str]:
    """What the one-time links of the letters that are owed carry, by the letter's kind."""
    found = {}
    for mail in OutgoingMail.objects.exclude(sealed_path=""):
        path = unseal(mail.sealed_path, keyring=current_keyring(), context=mail.context).decode()
        if mail.kind in ("account.invitation", "account.password_reset", "vetting.code"):
            found[path.rpartition("#")[2].rpartition("/")[2]] = mail.kind
    return found


def planted_secrets(scenery: Scenery) -> list[str]:
    lumen, user, now = cast.lumen(now=NOW), scenery.people["harbor"], timezone.now()
    issued = issue_credential(
        lumen.organisation, name="Marked", scopes=["list.view"], mode="live",
        expires_at=NOW.replace(year=NOW.year + 1), actor=lumen.integrator.actor, now=now,
    )  # fmt: skip
    seeds = [totp.spelled(seed_of(app)) for app in CodeApp.objects.all()]
    seeds += [seed.replace(" ", "") for seed in seeds]
    endpoint = Endpoint.objects.get(id=scenery.known["endpoint_id"])
    spoken = [secrets.shown(one) for one in secrets.valid_secrets(endpoint, now=now)]
    codes = issue_recovery_codes(user, actor=person_alone(user), now=now)
    return [issued.key, *seeds, *spoken, *codes, PROVIDER_SECRET, cast.PASSWORD]


def test_no_page_shows_a_hash_a_key_or_a_token(scenery: Scenery) -> None:
    """Digests of public files and ids of keys are no entries: none of the marked values is one of them."""
    one_time = tokens()
    assert set(one_time.values()) == {"account.invitation", "account.password_reset", "vetting.code"}
    hashes = [
        sha256(number) for number in (*range(60), *range(60, 100), *range(170, 173), *range(300, 303), 900)
    ]
    secret = [*planted_secrets(scenery), *one_time, *(one[:17] for one in hashes)]
    shown = []
    for stop in stops(scenery):
        answer = scenery.browser(stop.who).get(stop.address)
        text = content_of(answer).replace("<wbr>", "") + json.dumps(dict(answer.headers))
        shown += [(str(stop), one) for one in secret if one in text]
    assert shown == []
    for letter in letters():
        written = letter.body + letter.alternatives[0][0] + letter.subject
        held = [one for one in secret if one in written]
        assert len(held) <= 1
        assert not held or held[0] in one_time, letter.subject
