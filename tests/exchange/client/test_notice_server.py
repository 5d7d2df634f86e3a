"""`hashx listen` among slow strangers: who gets a place, and that a notice is taken while they drip."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Iterator, Mapping

import httpx
import pytest

from exchange.client import notice_server
from exchange.client.notice_server import NoticeServer, Places, network_of

EXCHANGE, STRANGER = "203.0.113.5", "198.51.100.7"


def test_an_ipv6_customer_is_one_address_and_a_mapped_one_is_its_ipv4_address() -> None:
    assert (
        network_of("2001:db8:1:2::5") == network_of("2001:db8:1:2:ffff::9") != network_of("2001:db8:1:3::5")
    )
    assert network_of("::ffff:192.0.2.1") == network_of("192.0.2.1") == "192.0.2.1"
    assert network_of("fe80::1%eth0") == network_of("fe80::2%eth1")


def test_of_one_address_the_ninth_takes_the_place_of_the_first() -> None:
    places = Places(most=100, kept=10, per_address=8)
    assert [places.come(number, STRANGER) for number in range(8)] == [None] * 8
    assert places.come(8, STRANGER) == 0
    assert places.come(9, EXCHANGE) is None
    assert len(places) == 9


def test_strangers_never_have_the_places_that_are_kept() -> None:
    places = Places(most=100, kept=10, per_address=8)
    left = [places.come(number, f"10.0.0.{number}") for number in range(200)]
    assert left == [None] * 90 + list(range(110))
    places.know(EXCHANGE)
    assert [places.come(1_000 + number, EXCHANGE) for number in range(10)] == [None] * 10
    assert places.come(2_000, EXCHANGE) == 110  # all are taken: a stranger goes before one of its own
    assert places.come(2_001, "10.9.9.9") == 111
    assert len(places) == 100


def test_with_a_proxy_before_it_whoever_has_taken_longest_goes() -> None:
    places = Places(most=20, kept=4, per_address=8)
    places.know("127.0.0.1")
    assert [places.come(number, "127.0.0.1") for number in range(20)] == [None] * 20
    assert [places.come(number, "127.0.0.1") for number in range(20, 23)] == [0, 1, 2]


def test_only_so_many_addresses_are_remembered() -> None:
    places = Places(most=1, kept=0, per_address=1)
    for number in range(notice_server.MOST_KNOWN + 1):
        places.know(f"10.0.0.{number}")
    places.come(1, "10.0.0.1")
    assert places.come(2, "10.0.0.0") == 1  # forgotten, hence a stranger, for whom a single place is there
    assert places.come(3, "10.0.0.16") == 2


def believe(headers: Mapping[str, str], body: bytes) -> tuple[int, bytes, bool]:
    if body == b"boom":
        raise ZeroDivisionError
    return 200, body.upper(), headers.get("Webhook-Id") == "msg_1"


@pytest.fixture
def server() -> Iterator[NoticeServer]:
    made = NoticeServer("127.0.0.1", 0, believe, places=Places(most=40, kept=4, per_address=8))
    made.start()
    yield made
    made.stop()


def drip(server: NoticeServer, beginning: bytes, *, address: str = "127.0.0.2") -> socket.socket:
    made = socket.create_connection(("127.0.0.1", server.port), timeout=20, source_address=(address, 0))
    made.sendall(beginning)
    return made


def tell(server: NoticeServer, body: bytes = b"news") -> httpx.Response:
    return httpx.post(f"http://127.0.0.1:{server.port}/", content=body, timeout=20, trust_env=False)


@pytest.mark.parametrize(
    "beginning",
    [b"", b"POST / HT", b"POST / HTTP/1.1\r\nContent-Length: 900\r\n\r\n{"],
    ids=["silent", "head", "body"],
)
def test_a_notice_is_taken_while_every_place_drips(server: NoticeServer, beginning: bytes) -> None:
    dripping = [drip(server, beginning, address=f"127.0.1.{1 + number % 200}") for number in range(300)]
    for _ in range(3):
        assert tell(server).content == b"NEWS"
    for one in dripping:
        one.close()


def test_a_whole_request_has_one_deadline_however_it_drips(
    server: NoticeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notice_server, "REQUEST_SECONDS", 0.5)
    with drip(server, b"POST / HTTP/1.1\r\nContent-Length: 900\r\n\r\n") as slow:
        slow.settimeout(0.05)
        for _ in range(400):
            with contextlib.suppress(TimeoutError):
                try:
                    slow.sendall(b"x")
                    ended = slow.recv(1) == b""
                except (ConnectionResetError, BrokenPipeError):
                    ended = True
                if ended:
                    return
    pytest.fail("it may drip for twenty seconds")


def test_what_goes_wrong_with_one_visitor_is_no_other_s_trouble(server: NoticeServer) -> None:
    assert tell(server, b"boom").status_code == 500
    for garbage in (
        b"\r\n\r\n",
        b"\x00\xff\r\n\r\n",
        b"POST\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: \xb2\r\n\r\n",
    ):
        with drip(server, garbage) as odd:
            assert odd.recv(4_096).startswith(b"HTTP/1.1 ")
    with drip(server, b"POST / HTTP/1.1\r\nX: " + b"a" * 40_000) as long:
        assert long.recv(4_096).startswith(b"HTTP/1.1 431")
    assert tell(server).content == b"NEWS"


def test_a_request_in_pieces_and_one_that_asks_first_are_answered(server: NoticeServer) -> None:
    with drip(server, b"POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n") as asking:
        assert asking.recv(4_096) == b"HTTP/1.1 100 Continue\r\n\r\n"
        for byte in b"news":
            asking.sendall(bytes([byte]))
            time.sleep(0.01)
        answer = b""
        while part := asking.recv(4_096):
            answer += part
    assert answer.endswith(b"\r\n\r\nNEWS")


def test_whoever_was_believed_keeps_a_place(server: NoticeServer) -> None:
    response = httpx.post(
        f"http://127.0.0.1:{server.port}/", content=b"news", headers={"webhook-id": "msg_0"}, trust_env=False
    )
    assert response.status_code == 200
    known = {"Webhook-Id": "msg_1"}
    httpx.post(f"http://127.0.0.1:{server.port}/", content=b"news", headers=known, trust_env=False)
    waiting = [drip(server, b"POST / HT", address="127.0.0.1") for _ in range(12)]
    strangers = [drip(server, b"POST / HT", address=f"127.0.1.{1 + number}") for number in range(100)]
    assert tell(server).content == b"NEWS"
    waiting[0].sendall(b"TP/1.1\r\nContent-Length: 2\r\n\r\nhi")
    assert waiting[0].recv(4_096).startswith(b"HTTP/1.1 200")
    for one in (*waiting, *strangers):
        one.close()
