"""No session row holds in clear what somebody typed or was shown in confidence: it is a row like others."""

from __future__ import annotations

import json
import re
import time
from datetime import timedelta
from http import HTTPStatus
from typing import Any, Final

import pytest
from django.contrib.sessions.models import Session
from django.core import mail
from django.db import transaction
from django.test import Client, RequestFactory
from django.utils import timezone

from accounts.factors import totp
from accounts.factors.recovery import HOW_MANY
from accounts.identity.models import User
from accounts.sealing.sealing import Keyring
from exchange.http.acting import PRESENCE_LASTS, PRESENT_KEY
from exchange.sign_on.provider import Errand, kept, taken_up
from exchange.web.unsent import UNSENT_KEY, keep_unsent, take_unsent
from tests import cast
from tests.exchange.web.account.test_account import letters, link_in, text_of
from tests.exchange.web.account.test_people import NEW, invited
from tests.exchange.web.account.test_second_step import totp_seed_in
from tests.exchange.web.matrix import PERSON, declared, pages
from tests.exchange.web.stage import signed_in
from tests.exchange.web.test_permission_matrix import path_of

pytestmark = pytest.mark.django_db(transaction=True)

MARKER: Final = "quiet-lantern-over-the-marsh"
FIELDS: Final = dict.fromkeys(
    ("password", "secret", "client_id", "issuer", "reason", "note", "title", "name", "code", "public"), MARKER
)


def kept_rows() -> list[str]:
    """Every session as whoever has a copy of the database reads it."""
    return [json.dumps(row.get_decoded()) for row in Session.objects.all()]


def away(client: Client) -> None:
    """As if a quarter of an hour had passed since the last proof."""
    session = client.session
    session[PRESENT_KEY] = time.time() - 2 * PRESENCE_LASTS.total_seconds()
    session.save()


def test_no_form_that_waits_for_presence_lies_in_a_session_in_clear() -> None:
    """Every page that asks for presence, each filled in by somebody who may send it."""
    harbor, operator, tried = cast.harbor(), cast.operator(), 0
    people = [
        harbor.admin,
        harbor.approver,
        harbor.signer,
        harbor.integrator,
        operator.admin,
        operator.officer,
    ]
    clients, asked = [signed_in(one.user) for one in people], declared()
    for name, route, _page in pages():
        if not asked[name].get("POST", "").startswith(PERSON):
            continue
        for client in clients:
            away(client)
            with transaction.atomic():
                answer = client.post(path_of(route), FIELDS)
                if answer.headers.get("Location", "").startswith("/confirm-presence"):
                    assert UNSENT_KEY in client.session, route
                    assert not [row for row in kept_rows() if MARKER in row], route
                    tried += 1
                    break
                transaction.set_rollback(True)
        else:
            pytest.fail(f"nobody of these people may send the form at {route}")
    assert tried > 30


def request_of(user: User, fields: dict[str, str]) -> Any:
    request: Any = RequestFactory().post("/", fields)
    request.user, request.session = user, {}
    return request


def test_what_was_typed_comes_back_once_to_its_form_in_time_and_to_nobody_else(settings: Any) -> None:
    harbor, now = cast.harbor(), timezone.now()

    def typed() -> Any:
        request = request_of(harbor.admin.user, {"reason": "A clé.", "csrfmiddlewaretoken": "x"})
        keep_unsent(request, back="/a", now=now)
        return request

    request = typed()
    assert take_unsent(request, back="/a", now=now) == {"reason": "A clé."}
    assert take_unsent(request, back="/a", now=now) == {}
    assert take_unsent(typed(), back="/b", now=now) == {}
    in_time, late = now + PRESENCE_LASTS, now + PRESENCE_LASTS + timedelta(seconds=1)
    assert take_unsent(typed(), back="/a", now=in_time) == {"reason": "A clé."}
    assert take_unsent(typed(), back="/a", now=late) == {}
    request = typed()
    request.user = harbor.viewer.user
    assert take_unsent(request, back="/a", now=now) == {}
    request = typed()
    settings.HX_SECRETS_KEYS = Keyring((("other", b"1" * 32),)).keys
    assert take_unsent(request, back="/a", now=now) == {}, "its key has gone: as if it had not been kept"
    request.session[UNSENT_KEY] = {"back": "/a", "fields": {"reason": "as an earlier release kept it"}}
    assert take_unsent(request, back="/a", now=now) == {}


def test_signing_up_and_in_leaves_no_secret_in_a_session() -> None:
    """A person from the invitation on: its token, password, seed of the app, recovery codes, reset link."""
    client = invited(cast.harbor())
    secrets = [link_in(letter).rpartition("/")[2] for letter in mail.outbox]
    assert client.post("/invitations", NEW).status_code == HTTPStatus.FOUND
    seed = totp_seed_in(text_of(client.get("/sign-in/set-up/app")))
    code = totp.code_at(seed, totp.step_at(timezone.now()))
    shown = text_of(client.post("/sign-in/set-up/app", {"code": code}))
    codes = re.findall(r"<li><code>([^<]+)</code>", shown)
    assert len(codes) == HOW_MANY
    spelled = totp.spelled(seed)
    secrets += [NEW["password"], seed.hex(), spelled, spelled.replace(" ", ""), *codes]
    other = Client()
    other.post("/sign-in/forgotten", {"email": "nina.new@example.org"})
    link = link_in(letters()[-1])
    assert other.get(link).status_code == HTTPStatus.FOUND
    secrets.append(link.rpartition("/")[2])
    rows = kept_rows()
    assert len(rows) >= 2
    for secret in secrets:
        assert secret
        assert not [row for row in rows if secret in row], "a secret lies in a session"


def test_what_proves_a_return_from_the_provider_is_sealed(settings: Any) -> None:
    errand = Errand("5" * 32, "the-state", "the-nonce", "the-verifier", "/lists", 1.0)
    sealed = kept(errand)
    assert not [part for part in ("the-state", "the-nonce", "the-verifier") if part in sealed]
    assert taken_up(sealed) == errand
    for nothing in (None, "", "x", {"state": "as an earlier release kept it"}):
        assert taken_up(nothing) is None
    settings.HX_SECRETS_KEYS = Keyring((("other", b"1" * 32),)).keys
    assert taken_up(sealed) is None
