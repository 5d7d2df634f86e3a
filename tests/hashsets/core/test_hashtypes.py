"""Every accepted spelling of a hash gives the same bytes, and nothing else is taken."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.errors import Invalid
from hashsets.core.hashtypes import HASH_TYPES, Encoding, HashType, hash_type

TYPES = sorted(HASH_TYPES.values(), key=lambda kind: kind.slug)
kinds = st.sampled_from(TYPES)


def spellings(kind: HashType, raw: bytes) -> list[str]:
    """Every way in which `raw` may be written."""
    ways = {
        Encoding.HEX: [raw.hex(), raw.hex().upper(), raw.hex().capitalize()],
        Encoding.BASE64: [base64.b64encode(raw).decode()],
        Encoding.BASE32: [base64.b32encode(raw).decode(), base64.b32encode(raw).decode().lower()],
        Encoding.INTEGERS: [",".join(map(str, raw)), ", ".join(f"{octet:03d}" for octet in raw)],
    }
    return [text for encoding in kind.encodings for text in ways[encoding]]


@pytest.mark.parametrize("kind", TYPES, ids=lambda kind: kind.slug)
def test_examples_are_values_of_their_type(kind: HashType) -> None:
    values = {kind.parse(example) for example in kind.examples}
    assert len(values) == 1
    assert kind.render(values.pop()) in kind.examples


def test_it_reads_digests_as_their_algorithms_write_them() -> None:
    for name in ("md5", "sha1", "sha256", "sha512"):
        digest = hashlib.new(name, b"a file", usedforsecurity=False)
        assert hash_type(name).parse(digest.hexdigest()) == digest.digest()


@given(kind=kinds, data=st.data())
def test_every_spelling_gives_the_same_bytes(kind: HashType, data: st.DataObject) -> None:
    raw = data.draw(st.binary(min_size=kind.bytes_wide, max_size=kind.bytes_wide))
    for text in spellings(kind, raw):
        assert kind.parse(text) == raw
        assert kind.parse(f" \t{text}\r\n") == raw
    column = pa.array([*spellings(kind, raw), f" {raw.hex()} \n", None, "", raw.hex()[:-1]])
    decoded = kind.decode(column)
    expected = [*spellings(kind, raw), "padded"]
    assert decoded.ok.tolist() == [True] * len(expected) + [False] * 3
    assert {row.tobytes() for row in decoded.raw[decoded.ok]} == {raw}
    assert not decoded.raw[~decoded.ok].any()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text[:10] + "\n" + text[11:],
        lambda text: text[:10] + "\0" + text[11:],
        lambda text: text[:10] + " " + text[11:],
        lambda text: "0x" + text[2:],
        lambda text: text[:-1] + "g",
        lambda text: text[:-1] + "１",  # a full-width digit
        lambda text: text + "\x0b",
        lambda text: "\u00a0" + text,
        lambda text: text + "00",
        lambda text: text[:-2],
        lambda text: "",
        lambda text: text + "=",
        lambda text: "a" * 5000,
    ],
)
@pytest.mark.parametrize("kind", TYPES, ids=lambda kind: kind.slug)
def test_anything_else_is_refused_alike_one_by_one_and_by_the_column(
    kind: HashType, spoil: Callable[[str], str]
) -> None:
    text = bytes(range(1, kind.bytes_wide + 1)).hex()
    with pytest.raises(Invalid) as refused:
        kind.parse(spoil(text))
    assert refused.value.code == "hash.unreadable"
    assert not kind.decode(pa.array([spoil(text)])).ok.any()
    assert kind.decode(pa.array([text, spoil(text), text])).ok.tolist() == [True, False, True]


def test_a_refusal_does_not_repeat_the_value() -> None:
    with pytest.raises(Invalid) as refused:
        hash_type("md5").parse("deadbeef" * 4 + "x")
    assert "deadbeef" not in str(vars(refused.value))


def test_base64_with_loose_bits_is_a_second_spelling_and_refused() -> None:
    assert hash_type("md5").parse("AAAAAAAAAAAAAAAAAAAAAA==") == bytes(16)
    with pytest.raises(Invalid):
        hash_type("md5").parse("AAAAAAAAAAAAAAAAAAAAAB==")


def test_integers_above_a_byte_are_refused() -> None:
    with pytest.raises(Invalid):
        hash_type("photodna").parse(",".join(["256"] * 144))


@given(
    st.lists(st.one_of(st.none(), st.text(max_size=70), st.binary(max_size=34).map(bytes.hex)), max_size=40)
)
def test_a_column_reads_what_one_by_one_reads(texts: list[str | None]) -> None:
    kind = hash_type("sha256")
    chunks = pa.chunked_array(
        [pa.array(texts[:7], pa.string()), pa.array(texts[7:], pa.large_string()).cast(pa.string())]
    )
    decoded = kind.decode(chunks)
    for row, text in enumerate(texts):
        try:
            expected = kind.parse(text or "")
        except Invalid:
            expected = None
        assert (decoded.raw[row].tobytes() if decoded.ok[row] else None) == expected


def test_a_bad_row_spoils_only_itself_in_a_large_column() -> None:
    kind = hash_type("sha256")
    texts = [hashlib.sha256(str(number).encode()).hexdigest() for number in range(10_000)]
    texts[5000] = "z" * 64
    column = pa.array(texts).slice(17)
    decoded = kind.decode(column)
    assert (~decoded.ok).nonzero()[0].tolist() == [5000 - 17]
    assert decoded.raw[0].tobytes().hex() == texts[17]
    assert decoded.raw[-1].tobytes().hex() == texts[-1]


def test_a_page_shows_eight_characters() -> None:
    assert hash_type("sha1").truncated(b"\xab" * 20) == "abababab…"


def test_an_unknown_type_is_refused() -> None:
    with pytest.raises(Invalid) as refused:
        hash_type("md6")
    assert refused.value.code == "hash_type.unknown"
