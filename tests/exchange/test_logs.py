"""No hash value, key or token reaches a log line, whoever logs it and however."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import logging
import logging.config
from collections.abc import Iterator

import pytest
import structlog

from exchange.logs import cut_secrets, logging_config

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
