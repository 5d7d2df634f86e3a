"""Reading what a receiver answers."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exchange.push.answers import MAX_ANSWER, MAX_HEAD, MAX_RAW, Head, body_of, split_head


def read(raw: bytes) -> tuple[int, bytes, bool]:
    found = split_head(raw)
    assert found is not None
    return found[0].status, *body_of(*found)


def test_the_head_and_a_body_of_stated_length() -> None:
    raw = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello and more"
    found = split_head(raw)
    assert found is not None
    assert found[0] == Head(200, "OK", {"content-type": "text/plain", "content-length": "5"})
    assert body_of(*found) == (b"hello", True)


def test_it_waits_for_what_is_missing() -> None:
    assert split_head(b"HTTP/1.1 200 OK\r\nContent-Le") is None
    assert read(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel") == (200, b"hel", False)
    assert read(b"HTTP/1.1 200 OK\r\n\r\nhel") == (200, b"hel", False)


def test_chunks_are_put_together() -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert read(head + b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n") == (200, b"abcde", True)
    assert read(head + b"3\r\nabc\r\n4\r\nde") == (200, b"abcde", False)
    assert read(head + b"3\r\nabc\r\n") == (200, b"abc", False)


def test_no_body_is_waited_for_where_there_is_none() -> None:
    assert read(b"HTTP/1.1 204 No Content\r\nContent-Length: 9\r\n\r\n") == (204, b"", True)
    assert read(b"HTTP/1.0 500\n\n") == (500, b"", False)


def test_an_interim_answer_is_not_the_answer() -> None:
    found = split_head(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n")
    assert found is not None
    assert found[0].is_interim
    assert read(found[1])[0] == 200


@pytest.mark.parametrize(
    "raw",
    [
        b"SSH-2.0-x\r\n\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/2 200\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA: b\r\n folded\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA b: c\r\n\r\n",
        b"x" * (MAX_HEAD + 1),
    ],
)
def test_what_is_no_http_is_refused(raw: bytes) -> None:
    with pytest.raises(ValueError, match="answer"):
        split_head(raw)


@pytest.mark.parametrize("length", ["-1", "1e3", "٣", "5, 5"])
def test_a_strange_length_is_refused(length: str) -> None:
    with pytest.raises(ValueError, match="length"):
        body_of(Head(200, "", {"content-length": length}), b"hello")


def test_nothing_is_read_beyond_the_bounds() -> None:
    body, complete = body_of(Head(200, "", {}), b"x" * 9_000)
    assert (len(body), complete) == (MAX_ANSWER, True)
    chunked = Head(200, "", {"transfer-encoding": "chunked"})
    one_by_one = b"1;" + b"e" * 200 + b"\r\nx\r\n"
    assert body_of(chunked, one_by_one * (MAX_RAW // 200)) == (b"x" * (MAX_RAW // 200), True)
    with pytest.raises(ValueError, match="chunks"):
        body_of(chunked, b"z" * 400)


@settings(max_examples=200)
@given(st.binary(max_size=200), st.binary(max_size=200))
def test_no_bytes_bring_it_down(first: bytes, second: bytes) -> None:
    for raw in (first, b"HTTP/1.1 200 OK\r\n" + first + b"\r\n\r\n" + second):
        with contextlib.suppress(ValueError):
            found = split_head(raw)
            assert found is None or len(body_of(*found)[0]) <= MAX_ANSWER
    with contextlib.suppress(ValueError):
        body_of(Head(200, "", {"transfer-encoding": "chunked"}), second)
