"""No marker hash, key or token in a log line or an error page, after a run over all routes."""

from __future__ import annotations

import hashlib
import io
import json
import logging
import logging.config
import re
from collections.abc import Iterator

import pytest
from django.conf import settings
from django.test import Client

from exchange.logs import logging_config
from tests import cast
from tests.exchange.api.conftest import MEMBER_SCOPES, Asker, Private, key_of
from tests.exchange.api.matrix import MATRIX
from tests.hashsets.releases.world import NOW, csv_of, sha256

MARKER = hashlib.sha256(b"the marker of the tests").hexdigest()
MARKER_MD5 = hashlib.md5(b"the marker of the tests", usedforsecurity=False).hexdigest()
TOKEN = "whsec_" + "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo0MTIzNDU="
UNISSUED = "hx_live_" + "Zz9" * 12 + "Qq"


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """Every line that the exchange would write, from the most talkative level up, in its own format."""
    written = io.StringIO()
    config = logging_config(level="DEBUG", human=False)
    made = logging.config.DictConfigurator(config)
    pen = logging.StreamHandler(written)
    pen.setFormatter(made.configure_formatter(config["formatters"]["line"]))
    root, level = logging.getLogger(), logging.getLogger().level
    root.addHandler(pen)
    root.setLevel(logging.DEBUG)
    yield written
    root.removeHandler(pen)
    root.setLevel(level)


def hostile_bodies() -> Iterator[bytes]:
    for secret in (MARKER, MARKER_MD5, TOKEN, UNISSUED):
        yield json.dumps({secret: 1}).encode()
        yield json.dumps({"list_id": secret, "state_root": secret, "url": secret, "name": secret}).encode()
        yield json.dumps({"hash_types": [secret], "mode": secret, "audience": secret}).encode()
        yield f'{{"{secret}": 1, "{secret}": 2}}'.encode()
        yield f"sha256\n{secret}\n".encode()


def addresses(route: str) -> Iterator[str]:
    for name in (MARKER, MARKER_MD5, UNISSUED):
        path = re.sub(r"<str:\w+>", name, route)
        path = re.sub(r"<uuid:\w+>", "00000000-0000-4000-8000-000000000000", path)
        path = re.sub(r"<int:\w+>", "7", path)
        yield f"/api/v1/{path}?cursor={name}&limit={name}&mode={name}&note={name}&since={name}"


def test_nothing_secret_is_written_or_shown_back(private: Private, lines: io.StringIO) -> None:
    keys = [private.member.key, private.publisher.key, UNISSUED]
    secrets = [*keys, MARKER, MARKER_MD5, TOKEN]
    client, asked = Client(raise_request_exception=False), 0
    for method, route in MATRIX:
        for path, key in zip(addresses(route), keys, strict=True):
            for body in [b""] if method == "GET" else hostile_bodies():
                answer = client.generic(
                    method,
                    path,
                    body,
                    content_type="application/json",
                    headers={"Authorization": f"Bearer {key}", "Idempotency-Key": f"{TOKEN}-{asked}"},
                )
                asked += 1
                assert answer.status_code < 500, (method, route)
                text = answer.content.decode("utf-8", "replace") + str(dict(answer.headers))
                if answer.status_code >= 400:
                    shown = [secret for secret in secrets if secret in text]
                    assert shown == [], (method, route, answer.content)
    assert asked > 1_000
    written = lines.getvalue()
    assert written.count("\n") > 100
    assert [secret for secret in secrets if secret in written] == []


def test_an_error_that_nobody_expected_writes_and_shows_nothing_secret(
    private: Private, lines: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(*_: object, **__: object) -> None:
        raise RuntimeError(f"no idea what to do with {MARKER} and {private.member.key}")

    monkeypatch.setattr("exchange.api.v1.sharing.subscribe", breaks)
    answer = Client(raise_request_exception=False).post(
        f"/api/v1/subscriptions?x={MARKER}",
        data={"list_id": MARKER[:26]},
        content_type="application/json",
        headers={"Authorization": f"Bearer {private.member.key}"},
    )
    assert (answer.status_code, answer.json()["code"]) == (500, "server_error")
    written = lines.getvalue() + answer.content.decode()
    assert "RuntimeError" in written
    assert MARKER not in written
    assert private.member.key not in written


def test_a_whole_release_leaves_no_hash_in_the_log(private: Private, lines: io.StringIO) -> None:
    private.world.release(csv_of(range(90, 93)))
    feed = Asker(key_of(cast.harbor(now=NOW), MEMBER_SCOPES).key)
    page = feed("get", f"/api/v1/lists/{private.hash_list.id}/changes?since=1").json()
    assert sha256(90) in {item["hash"] for item in page["items"]}
    assert sha256(90) not in page["next"]
    assert [number for number in range(90, 93) if sha256(number) in lines.getvalue()] == []
    assert settings.DEBUG is False
