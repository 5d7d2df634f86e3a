"""How slowly a request may come: the rule alone, without sockets and clocks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.http.arriving import (
    FLOOR,
    LARGEST_COLLECTED,
    LARGEST_HEAD,
    PATIENCE,
    Arriving,
    Pace,
    Stage,
    TooSlow,
)

GET = b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"


def post(fields: bytes, body: bytes = b"") -> bytes:
    return b"POST /sign-in HTTP/1.1\r\nHost: a\r\n" + fields + b"\r\n" + body


@pytest.mark.parametrize(
    ("request_", "stage"),
    [
        (GET[:-1], Stage.COMING),
        (GET, Stage.WHOLE),
        (post(b"Content-Length: 3\r\n", b"ab"), Stage.COMING),
        (post(b"content-LENGTH : 3\r\n", b"abc"), Stage.WHOLE),
        (post(b"Content-Length: %d\r\n" % LARGEST_COLLECTED), Stage.COMING),
        (post(b"Content-Length: %d\r\n" % (LARGEST_COLLECTED + 1)), Stage.STREAMED),
        (post(b"Content-Length: " + b"9" * 5_000 + b"\r\n"), Stage.STREAMED),
        (post(b"Content-Length: 3\r\nContent-Length: 300\r\n", b"abc"), Stage.STREAMED),
        (post(b"Content-Length: -3\r\n"), Stage.STREAMED),
        (post(b"Transfer-Encoding: chunked\r\n"), Stage.STREAMED),
        (post(b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", b"abc"), Stage.STREAMED),
        (post(b"Content-Length: 3\r\nExpect: 100-continue\r\n"), Stage.STREAMED),
        (b"\r\n\r\n", Stage.UNREADABLE),
        (b"GET /" + b"a" * LARGEST_HEAD, Stage.UNREADABLE),
    ],
)
def test_it_knows_what_a_request_needs_next(request_: bytes, stage: Stage) -> None:
    assert Arriving().add(request_) is stage


@given(st.sampled_from([GET, post(b"Content-Length: 5\r\n", b"\r\n\r\na")]), st.data())
def test_it_finds_the_same_end_however_the_bytes_are_cut(whole: bytes, data: st.DataObject) -> None:
    arriving, rest, stages = Arriving(), whole, []
    while rest:
        cut = data.draw(st.integers(1, len(rest)))
        stages.append(arriving.add(rest[:cut]))
        rest = rest[cut:]
    assert stages == [Stage.COMING] * (len(stages) - 1) + [Stage.WHOLE]
    assert arriving.take() == whole


def test_it_says_how_much_of_a_body_is_missing_and_where_it_is_going() -> None:
    arriving = Arriving()
    arriving.add(post(b"Content-Length: 100000\r\n", b"abc"))
    assert (arriving.missing, arriving.target) == (99_997, "/sign-in")


def test_patience_ends_with_the_silence() -> None:
    pace = Pace()
    pace.waited(PATIENCE - 0.1)
    with pytest.raises(TooSlow):
        pace.waited(0.2)


def test_whoever_keeps_to_the_floor_is_waited_for_without_end() -> None:
    pace = Pace()
    for _ in range(10_000):
        pace.waited(1.0)
        pace.took(FLOOR)
    with pytest.raises(TooSlow):
        for _ in range(10_000):
            pace.waited(1.0)
            pace.took(FLOOR // 2)


def test_a_fast_beginning_buys_no_long_silence() -> None:
    pace = Pace()
    pace.took(FLOOR * 1_000_000)
    with pytest.raises(TooSlow):
        pace.waited(PATIENCE + 1)
