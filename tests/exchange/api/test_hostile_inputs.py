"""At least a hundred hostile requests over every route: no 5xx, a problem with a stable code, little work."""

from __future__ import annotations

import io
import json
import re
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_to_bytes
from wsgiref.util import setup_testing_defaults

import pytest
from django.conf import settings
from django.db import connection
from django.middleware.csrf import CSRF_SECRET_LENGTH
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.audit.models import AuditEvent
from exchange.http.acting import PRESENT_KEY
from exchange.http.requests import Gate
from exchange.sharing.models import Endpoint, Subscription
from hashsets.intake.models import Submission
from hashsets.lists.models import HashList
from tests import cast
from tests.exchange.api.conftest import Private
from tests.exchange.api.hostile import Hostile, corpus

CODE = re.compile(r"[a-z][a-z0-9_]*(?:\.[a-z0-9_]+)*")
MOST_QUERIES = 60


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back over WSGI, the way the server hears it."""

    status: int
    headers: dict[str, str]
    body: bytes


def signed_in(person: cast.Person) -> dict[str, str]:
    """The headers of somebody's browser: a session with a fresh step-up, and the CSRF token."""
    client = Client()
    client.force_login(person.user)
    session = client.session
    session[PRESENT_KEY] = time.time()
    session.save()
    token = "a" * CSRF_SECRET_LENGTH
    cookies = {settings.SESSION_COOKIE_NAME: session.session_key, settings.CSRF_COOKIE_NAME: token}
    return {
        "Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items()),
        "X-CSRFToken": token,
    }


def send(gate: Gate, hostile: Hostile, headers: dict[str, str], names: dict[str, str]) -> Answer:
    """Through the application as a server calls it: Django's test client would read requests otherwise."""
    address = hostile.path
    for name, value in names.items():
        address = address.replace(f"{{{name}}}", value)
    path, _, query = address.partition("?")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": hostile.method,
        "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
        "QUERY_STRING": query,
        "CONTENT_TYPE": hostile.media,
        "CONTENT_LENGTH": str(len(hostile.body)),
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": "127.0.0.1",
        "wsgi.input": io.BytesIO(hostile.body),
    }
    environ |= {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers.items()}
    setup_testing_defaults(environ)
    told: list[Any] = []

    def start(status: str, headers: list[tuple[str, str]], *_: Any) -> Any:
        told.extend((status, headers))

    result = gate(environ, start)
    body = b"".join(result)
    result.close()
    return Answer(int(told[0][:3]), dict(told[1]), body)


def wrongs(hostile: Hostile, answer: Answer, queries: int) -> list[str]:
    """What is not as it must be about one answer."""
    found = []
    if answer.status != hostile.status:
        found.append(f"status {answer.status} instead of {hostile.status}: {answer.body[:200]!r}")
    if queries > MOST_QUERIES:
        found.append(f"cost {queries} queries")
    if answer.status >= 400:
        if answer.headers.get("Content-Type") != "application/problem+json":
            return [*found, f"no problem document but {answer.headers.get('Content-Type')}"]
        code = json.loads(answer.body).get("code", "")
        if CODE.fullmatch(code) is None or json.loads(answer.body).get("status") != answer.status:
            found.append(f"no stable code: {code!r}")
        if hostile.code and code != hostile.code:
            found.append(f"code {code} instead of {hostile.code}")
    return found


def counted() -> tuple[int, ...]:
    """How many rows there are of everything that a request could make."""
    return tuple(
        model.objects.count() for model in (HashList, Subscription, Endpoint, Submission, AuditEvent)
    )


def test_there_are_enough_of_them_and_each_has_its_own_name() -> None:
    names = [hostile.name for hostile in corpus()]
    assert len(names) >= 200
    assert len(set(names)) == len(names)


def test_none_of_them_breaks_anything_or_changes_anything(
    private: Private, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "HX_LOOPBACK_ENDPOINTS", False)
    names = {
        "list": private.hash_list.id,
        "submission": str(private.release.submission_id),
    }
    asking = {
        "member": {"Authorization": f"Bearer {private.member.key}"},
        "publisher": {"Authorization": f"Bearer {private.publisher.key}"},
        "person": signed_in(private.world.crew.admin),
        "nobody": {},
    }
    gate, wrong = Gate(), {}
    send(gate, Hostile("a polite one", "GET", "/api/v1/lists", 200), {}, names)  # loads the routes
    before = counted()
    for hostile in corpus():
        with CaptureQueriesContext(connection) as captured:
            answer = send(gate, hostile, asking[hostile.who] | dict(hostile.headers), names)
        if found := wrongs(hostile, answer, len(captured)):
            wrong[hostile.name] = found
    assert not wrong, "\n".join(f"{name}: {'; '.join(found)}" for name, found in wrong.items())
    assert counted() == before
