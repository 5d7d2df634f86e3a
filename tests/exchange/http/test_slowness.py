"""A body that comes too slowly is told so by its name, whoever was reading it when it stopped."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any
from wsgiref.util import setup_testing_defaults

import pytest

from exchange.http.arriving import TooSlow
from exchange.http.requests import Gate
from hashsets.intake.models import Submission
from tests import cast
from tests.exchange.api.conftest import PUBLISHER_SCOPES, key_of
from tests.exchange.world import new_list
from tests.hashsets.releases.world import NOW

pytestmark = pytest.mark.django_db(transaction=True)


class Dripping(io.RawIOBase):
    """As gunicorn's: who asks for a number of bytes gets them all, or is told that they do not come."""

    def read(self, *_: Any) -> bytes:
        raise TooSlow("The body comes too slowly.")

    def readline(self, *_: Any) -> bytes:
        return self.read()


def send(path: str, **environ: Any) -> tuple[str, dict[str, str], bytes]:
    """Status, headers and body of a slow POST."""
    setup_testing_defaults(environ)
    environ |= {
        "REQUEST_METHOD": "POST",
        "CONTENT_LENGTH": "2000",
        "wsgi.input": Dripping(),
        "HTTP_HOST": "localhost",
    }
    environ["PATH_INFO"], _, environ["QUERY_STRING"] = path.partition("?")
    said: list[Any] = []

    def start(status: str, headers: list[tuple[str, str]], *_: Any) -> Callable[[bytes], object]:
        said.extend([status, dict(headers)])
        return said.append

    answer = Gate()(environ, start)
    try:
        return said[0], said[1], b"".join(answer)
    finally:
        answer.close()


def test_a_form_whose_token_never_came_is_not_called_a_form_without_one() -> None:
    status, headers, body = send(
        "/sign-in", HTTP_COOKIE="hx_csrf=" + "a" * 32, CONTENT_TYPE="application/x-www-form-urlencoded"
    )
    assert status == "408 Request Timeout"
    assert headers["Content-Type"] == "text/plain; charset=utf-8"
    assert "too slowly" in body.decode()
    assert "trop lentement" in body.decode()


def test_an_upload_that_stops_is_refused_with_a_problem_and_nothing_is_stored() -> None:
    crew = cast.harbor(now=NOW)
    key = key_of(crew, PUBLISHER_SCOPES).key
    path = f"/api/v1/lists/{new_list(crew).id}/submissions?mode=add"
    status, headers, body = send(path, HTTP_AUTHORIZATION=f"Bearer {key}", CONTENT_TYPE="text/csv")
    assert status == "408 Request Timeout", body
    assert headers["Content-Type"] == "application/problem+json"
    assert json.loads(body)["code"] == "request.too_slow"
    assert not Submission.objects.exists()
