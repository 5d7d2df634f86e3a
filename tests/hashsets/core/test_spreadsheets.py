"""What a spreadsheet would run is text in every table that we hand out, and other text stays as it is."""

from __future__ import annotations

import unicodedata

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashsets.core.spreadsheets import safe_cell, safe_texts

SIGNS = "=+-@＝＋－＠﹦﹢﹣﹫⁼⁺⁻₌₊₋﬩\u2212"


@pytest.mark.parametrize("sign", SIGNS)
@pytest.mark.parametrize("before", ["", " ", "\u00a0", "\u3000", "\ufeff", "\u200b", "\u200f", "\u2028 "])
def test_a_formula_gets_an_apostrophe_whatever_stands_before_it_unseen(sign: str, before: str) -> None:
    assert safe_cell(f"{before}{sign}1+1") == f"'{before}{sign}1+1"


def test_every_sign_that_unicode_takes_for_one_of_them_is_known() -> None:
    """By compatibility or by width: what a program folds together before it looks."""
    alike = {
        chr(code)
        for code in range(0x110000)
        if unicodedata.normalize("NFKC", chr(code)) in ("=", "+", "-", "@")
    }
    assert alike <= set(SIGNS)


def test_every_sign_that_is_not_seen_is_passed_over() -> None:
    """Spaces of all kinds, and format characters of the basic plane that programs drop."""
    kinds = {"Zs", "Zl", "Zp", "Cf"}
    unseen = [chr(code) for code in range(0x10000) if unicodedata.category(chr(code)) in kinds]
    visible = set("\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\ufff9\ufffa\ufffb")
    missed = [sign for sign in unseen if sign not in visible and safe_cell(f"{sign}=1") != f"'{sign}=1"]
    assert missed == []


@pytest.mark.parametrize("control", [chr(code) for code in (*range(0x20), *range(0x7F, 0xA0))])
def test_a_cell_never_begins_with_a_control_character(control: str) -> None:
    assert safe_cell(f"{control}x") == f"'{control}x"


@pytest.mark.parametrize("mark", [";", "\t", "\r", "\n"])
def test_a_cell_that_begins_where_another_program_splits_is_guarded_too(mark: str) -> None:
    assert safe_cell(f"a{mark}=1{mark} ＋2") == f"a{mark}'=1{mark}' ＋2"
    assert safe_cell(f"a{mark}b") == f"a{mark}b"


@pytest.mark.parametrize(
    "text",
    ["", "a=1", "a-b", "vera@example.org", "2026-11-30", "A1;Local", "–", "https://a.b/?c=d", "x + y", "'=1"],
)
def test_ordinary_text_stays_as_it_is(text: str) -> None:
    assert safe_cell(text) == text


@given(
    st.lists(st.none() | st.text(alphabet=SIGNS + "ab; \t\n\u200b'\x00", max_size=8) | st.text(max_size=8))
)
def test_a_column_is_guarded_as_its_cells_are(texts: list[str | None]) -> None:
    guarded = safe_texts(pa.array(texts, pa.string())).to_pylist()
    assert guarded == [None if text is None else safe_cell(text) for text in texts]
    for text in filter(None, guarded):
        assert safe_cell(text) == text, "once is enough"
