"""No hash value, key or token reaches a log line, whoever logs it and however."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import logging
import logging.config
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from django.db import IntegrityError
from django.test import Client, RequestFactory

from exchange.logs import CutLines, cut_secrets, logging_config
from tests import cast
from tests.exchange.web.stage import signed_in
from tests.services import ROOT

_RAW = {name: hashlib.new(name, b"marker").digest() for name in ("md5", "sha1", "sha256", "sha512")}
_PHOTODNA = bytes(range(144))
_MARKERS = {
    **{f"{name} hex": raw.hex() for name, raw in _RAW.items()},
    **{f"{name} HEX": raw.hex().upper() for name, raw in _RAW.items()},
    **{f"{name} base64": base64.b64encode(raw).decode() for name, raw in _RAW.items()},
    "photodna base64": base64.b64encode(_PHOTODNA).decode(),
    "photodna numbers": ",".join(str(byte) for byte in _PHOTODNA),
    "credential": "hx_live_" + "a1B2" * 10,
    "test credential": "hx_test_" + "a1B2" * 10,
    "bearer": "Bearer abcdefghijklmnop",
    "endpoint secret": "whsec_" + base64.b64encode(b"s" * 24).decode(),
}


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """The exchange's own log configuration, writing into memory."""
    before = logging.root.handlers[:], logging.root.level
    written = io.StringIO()
    config = logging_config(level="INFO", human=False)
    config["handlers"]["console"]["stream"] = written
    logging.config.dictConfig(config)
    yield written
    logging.root.handlers[:], _ = before
    logging.root.setLevel(before[1])


@pytest.mark.parametrize("name", _MARKERS)
def test_a_marker_never_survives_in_any_place_of_a_line(lines: io.StringIO, name: str) -> None:
    marker = _MARKERS[name]
    plain, structured = logging.getLogger("tests.marker"), structlog.get_logger("tests.marker")
    plain.warning("refused %s today", marker)
    plain.warning("refused", extra={"value": marker, "nested": {"list": [marker, (marker,)]}})
    structured.warning("refused", value=marker, nested=[{"deep": marker}])
    structured.warning(f"refused '{marker}'")
    try:
        raise ValueError(f"cannot parse {marker}")
    except ValueError:
        plain.exception("failed")
        structured.exception("failed")
    text = lines.getvalue()
    assert text.count("\n") == 6
    assert marker not in text
    assert all(json.loads(line)["level"] in ("warning", "error") for line in text.splitlines())


def test_ordinary_words_numbers_and_identifiers_stay_readable() -> None:
    kept = (
        "list mfzwizlomruxg5dfonuw63r release 14: 12,400 lines, +9,871 -12 in 1.25 s on 2026-11-21T22:31:00Z "
        "/api/v1/lists/mfzwizlomruxg5dfonuw63rr/submissions/31/approve "
        "request 5f0c2a1e-0f7b-4c55-9d43-8d3a1c9be3aa"
    )
    assert cut_secrets(kept) == kept


def test_fields_that_carry_secrets_by_name_are_cut_whatever_they_hold(lines: io.StringIO) -> None:
    structlog.get_logger("tests.marker").warning(
        "x", password="tiny", headers={"Authorization": "short", "a": "b"}
    )
    said = json.loads(lines.getvalue())
    assert said["password"] == "[cut]"
    assert said["headers"] == {"Authorization": "[cut]", "a": "b"}


TYPED = "the-words-of-a-person"


@pytest.mark.django_db
@pytest.mark.parametrize(
    "path", ["/lists", "/catalogue", "/nowhere", "/api/v1/lists", "/api/v1/nowhere", "/search"]
)
def test_what_people_typed_into_an_address_is_in_no_line(lines: io.StringIO, path: str) -> None:
    client = signed_in(cast.harbor().viewer.user)
    lines.truncate(0)
    for query in (f"note={TYPED}", f"q=o'hara+{TYPED}", f"?{TYPED}", f'a={TYPED}%0A&b="{TYPED}"'):
        client.get(f"{path}?{query}")
        client.post(f"{path}?{query}", {"note": TYPED, "q": TYPED})
    said = lines.getvalue()
    assert "request_finished" in said
    assert path in said
    assert TYPED not in said


@pytest.mark.django_db
def test_a_failure_says_where_and_not_what_was_typed(
    lines: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise IntegrityError(f"broken\nDETAIL:  Failing row contains (1, {TYPED}\n, {TYPED}).\n")

    monkeypatch.setattr("exchange.web.views.lists.catalogue", fail)
    client = Client(raise_request_exception=False)
    assert client.get(f"/lists?note={TYPED}").status_code == 500
    said = lines.getvalue()
    assert "GET /lists" in said
    assert "IntegrityError" in said
    assert TYPED not in said


@pytest.mark.django_db
def test_the_address_in_a_line_is_that_of_the_connection(lines: io.StringIO, settings: Any) -> None:
    names = (
        "X-Forwarded-For", "X-Real-IP", "Forwarded", "X-Client-IP", "CF-Connecting-IP", "True-Client-IP",
        "X-Cluster-Client-IP", "Client-IP", "Via", "X-Forwarded",
    )  # fmt: skip
    claimed = dict.fromkeys(names, "192.0.2.66")
    Client(REMOTE_ADDR="198.51.100.7").get("/lists", headers=claimed)
    said = lines.getvalue()
    assert "192.0.2.66" not in said
    assert {json.loads(line).get("ip") for line in said.splitlines()} == {"198.51.100.7"}
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    lines.truncate(0)
    lines.seek(0)
    through = {"X-Forwarded-For": "192.0.2.66, 203.0.113.9", "X-Forwarded-Proto": "https"}
    Client(REMOTE_ADDR="10.0.0.1").get("/lists", headers=through)
    assert {json.loads(line).get("ip") for line in lines.getvalue().splitlines()} == {"203.0.113.9"}
    assert "192.0.2.66" not in lines.getvalue()


def test_a_request_in_a_line_is_its_method_and_path(lines: io.StringIO) -> None:
    request = RequestFactory().get(f"/lists?q={TYPED}")
    logging.getLogger("tests.marker").warning("seen", extra={"request": request})
    structlog.get_logger("tests.marker").warning("seen", request=request, of=[request])
    assert lines.getvalue().count("GET /lists") == 3
    assert TYPED not in lines.getvalue()


def test_questions_and_addresses_without_a_query_stay_readable() -> None:
    kept = "Why? See https://hooks.example.org/a/b and /lists: 3 of 4 (who? you)"
    record = logging.LogRecord("x", logging.INFO, "", 0, kept, (), None)
    assert CutLines().format(record) == kept


BROKEN = """
import logging, runpy
from gunicorn.config import Config
from gunicorn.glogging import Logger
said = runpy.run_path("deploy/gunicorn.conf.py")
cfg = Config()
for name in cfg.settings:
    if name in said:
        cfg.set(name, said[name])
log = Logger(cfg)
try:
    raise ValueError("GET /search?q=typed-words")
except ValueError:
    log.exception("Error handling request %s", "/invitations/" + "0123abcd" * 6 + "?note=typed-words")
log.warning("Invalid request from ip=%s: %s", "198.51.100.7", "GET /a?typed-words HTTP/9")
"""


def test_the_server_that_is_deployed_says_as_little_about_requests_that_broke() -> None:
    ran = subprocess.run([sys.executable, "-c", BROKEN], cwd=ROOT, capture_output=True, text=True, check=True)
    said = ran.stdout + ran.stderr
    assert said.count("Error handling request /invitations/[hash cut]?[query cut]") == 1
    assert "198.51.100.7" in said
    assert "ValueError" in said
    assert "typed-words" not in said
    assert "0123abcd" not in said
