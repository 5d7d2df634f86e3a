"""Words that people type: kept as meant, refused when they hide or reveal something."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.errors import Invalid
from accounts.wording import one_line, paragraphs


def test_white_space_is_tidied_and_accents_are_kept() -> None:
    assert one_line("  Enquête\t no\u00a05\n", field="name", limit=50) == "Enquête no 5"
    assert one_line("e\u0301", field="name", limit=1) == "é"
    assert paragraphs(" one \r\n\r\n two\tthree ", field="note", limit=50) == "one\n\ntwo three"
    assert one_line("", field="note", limit=5, required=False) == ""


@given(st.text(max_size=200))
def test_whatever_is_typed_is_either_refused_or_fits_on_one_line(text: str) -> None:
    try:
        tidy = one_line(text, field="name", limit=100)
    except Invalid as refusal:
        assert refusal.field == "name"
    else:
        assert 0 < len(tidy) <= 100
        assert tidy.encode()
        assert len(tidy.splitlines()) == 1
        assert one_line(tidy, field="name", limit=100) == tidy


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "text.missing"),
        ("x" * 101, "text.too_long"),
        ("x" * 20_001, "text.too_long"),
        ("a\x1bb", "text.characters"),
        ("admin\u202etxt", "text.characters"),
        ("see 9f86d081884c7d659a2feaa0c55ad015", "text.looks_like_hash"),
        ("key hx_live_0123456789abcdef", "text.looks_like_hash"),
    ],
)
def test_it_refuses(text: str, code: str) -> None:
    with pytest.raises(Invalid) as refusal:
        one_line(text, field="name", limit=100)
    assert refusal.value.code == code
