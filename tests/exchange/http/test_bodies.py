"""Strict JSON from strangers: every refusal is a sentence, none is a crash."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rest_framework.exceptions import ParseError

from accounts.errors import Invalid, TooLarge
from exchange.http.bodies import LARGEST_JSON, StrictJSONParser, strict_json


def parse(raw: bytes) -> dict[str, object]:
    return StrictJSONParser().parse(io.BytesIO(raw))


def test_it_reads_an_object() -> None:
    assert parse(b'{"a": [1, {"b": null}], "c": "\xc3\xa9"}') == {"a": [1, {"b": None}], "c": "é"}


def test_an_empty_body_is_an_empty_object() -> None:
    assert parse(b"  ") == {}


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b'{"a": 1, "a": 2}', "appears twice"),
        (b'{"a": NaN}', "not JSON"),
        (b'{"a": -Infinity}', "not JSON"),
        (b'{"a": "\\u0000"}', "NUL"),
        (b'{"a\\u0000": 1}', "NUL"),
        (b'{"a": "\\ud800"}', "surrogate"),
        (b"\xff\xfe{}", "UTF-8"),
        (b'{"a": ', "line 1, column 7"),
        (b"{'a': 1}", "not valid JSON"),
        (b'{"a": ' + b"[" * 1_000 + b"]" * 1_000 + b"}", "nested too deeply"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"a": ' + b"[" * 40 + b"]" * 40 + b"}", "nested too deeply"),
        (b'{"a": ' + b"9" * 5_000 + b"}", "not valid JSON"),
    ],
)
def test_it_refuses_hostile_json_with_a_reason(raw: bytes, reason: str) -> None:
    with pytest.raises(ParseError, match=reason):
        parse(raw)


@pytest.mark.parametrize("raw", [b"[]", b"1", b'"text"', b"null", b"true"])
def test_it_refuses_what_is_not_an_object(raw: bytes) -> None:
    with pytest.raises(Invalid) as refused:
        parse(raw)
    assert refused.value.code == "request.not_an_object"


def test_it_refuses_a_body_beyond_the_cap_without_parsing_it() -> None:
    with pytest.raises(TooLarge) as refused:
        parse(b"[" * (LARGEST_JSON + 1))
    assert refused.value.code == "request.too_large"


@given(st.binary(max_size=300))
def test_garbage_raises_only_a_parse_error(raw: bytes) -> None:
    try:
        strict_json(raw)
    except ParseError as error:
        assert str(error.detail)
