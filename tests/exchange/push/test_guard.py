"""What is dialled, how long and how much is read: a hostile endpoint gets nothing out of the exchange."""

from __future__ import annotations

import resource
import socket
import threading
import time
from contextlib import ExitStack
from typing import Any

import pytest

from exchange.push.schedule import Outcome
from exchange.push.transport import MAX_ANSWER, Answer, Post, guarded_socket
from exchange.push.window import Window
from exchange.sharing.addresses import AddressRules
from tests.exchange.push.canary import HOSTILE_HOSTS, Canary
from tests.exchange.push.receivers import Members

DEMO = AddressRules(ports=frozenset({443, 8443}), loopback=True)


def sent(*urls: str, rules: AddressRules, total: float = 5.0) -> list[Answer]:
    posts = [(url, Post(url, {"webhook-id": "msg_1"}, b"{}", connect=total, total=total)) for url in urls]
    answers: dict[str, Answer] = {}
    with Window[str](rules=rules) as window:
        window.submit(posts)
        while window.in_flight:
            answers |= dict(window.finished(wait=1.0))
    return [answers[url] for url in urls]


def test_no_hostile_url_reaches_a_canary(canary: Canary) -> None:
    """Even with the canary's port allowed: what stops them must be the address."""
    rules = AddressRules(ports=frozenset({443, canary.port}))
    urls = [f"http://{host}:{canary.port}/" for host in HOSTILE_HOSTS]
    answers = sent(*urls, rules=rules)
    assert len(set(urls)) >= 45
    assert canary.visits == 0
    assert not [url for url, answer in zip(urls, answers, strict=True) if answer.outcome is Outcome.DELIVERED]
    blocked = [answer for answer in answers if answer.outcome is Outcome.BLOCKED]
    assert len(blocked) >= 40
    assert {answer.error for answer in blocked} == {
        "The address of this endpoint is not one that notices are sent to."
    }


def test_the_canary_would_sing(canary: Canary) -> None:
    """The same requests with loopback allowed do arrive: the test above can fail."""
    sent(f"http://127.0.0.1:{canary.port}/", f"http://localhost:{canary.port}/", rules=DEMO)
    assert canary.visits >= 2


def test_loopback_is_not_dialled_on_any_port_that_is_not_allowed_elsewhere(canary: Canary) -> None:
    (answer,) = sent(f"http://192.168.0.1:{canary.port}/", rules=DEMO)
    assert answer.outcome is Outcome.BLOCKED


def test_a_redirect_to_loopback_is_not_followed(members: Members, canary: Canary) -> None:
    (answer,) = sent(members.url(f"redirect/{canary.port}"), rules=DEMO)
    assert (answer.outcome, answer.status) == (Outcome.REDIRECTED, 302)
    assert canary.visits == 0


def test_a_name_that_changes_its_address_is_not_followed_inwards(
    canary: Canary, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The name server of an attacker: harmless when asked first, inwards afterwards."""
    real, asked = socket.getaddrinfo, list[str]()

    def flipping(host: str, port: int, *args: Any, **kwargs: Any) -> Any:
        if host != "flip.example.org":
            return real(host, port, *args, **kwargs)
        asked.append(host)
        # TEST-NET-1 stands for the outside, which the tests must not touch; it is refused as well.
        return real("192.0.2.1" if len(asked) == 1 else "127.0.0.1", port, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", flipping)
    rules = AddressRules(ports=frozenset({canary.port}))
    answers = [sent(f"http://flip.example.org:{canary.port}/", rules=rules)[0] for _ in range(3)]
    assert [answer.outcome for answer in answers] == [Outcome.BLOCKED] * 3
    assert (len(asked), canary.visits) == (3, 0)


def test_a_name_with_a_good_and_a_bad_address_is_not_dialled_at_the_bad_one(
    canary: Canary, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = socket.getaddrinfo

    def both(host: str, port: int, *args: Any, **kwargs: Any) -> Any:
        return real("192.0.2.1", port, *args, **kwargs) + real("127.0.0.1", port, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", both)
    sent(f"http://two.example.org:{canary.port}/", rules=AddressRules(ports=frozenset({canary.port})))
    assert canary.visits == 0


def test_a_dripping_endpoint_holds_nothing_up(members: Members) -> None:
    (answer,) = sent(members.url("drip"), rules=DEMO)
    assert answer.outcome is Outcome.DELIVERED
    assert members.sent_whole == 0  # it drips on for minutes: nobody waited for its end


def test_an_endless_body_is_read_to_four_kilobytes_and_not_unpacked(members: Members) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    (answer,) = sent(members.url("endless"), rules=DEMO)
    assert answer.outcome is Outcome.DELIVERED
    assert len(answer.body) == MAX_ANSWER
    assert members.sent_whole == 0
    assert (
        resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000
    )  # KB; the body would be 262 MB


def test_a_hanging_endpoint_is_left_after_its_time(members: Members) -> None:
    (answer,) = sent(members.url("hang"), rules=DEMO, total=0.5)
    assert (answer.outcome, answer.error) == (Outcome.TIMEOUT, "No answer within 0.5 seconds.")
    assert members.sent_whole == 0


def test_many_silent_addresses_have_one_time_together(monkeypatch: pytest.MonkeyPatch) -> None:
    dialled: list[Any] = []

    def noted(family: int, address: Any, *, rules: AddressRules) -> socket.socket:
        dialled.append(address)
        return guarded_socket(family, address, rules=rules)

    monkeypatch.setattr("exchange.push.transport._ADDRESS_SECONDS", 0.2)
    monkeypatch.setattr("exchange.push.transport.guarded_socket", noted)
    with ExitStack() as kept:
        silent = kept.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(3):  # its queue is full: to whoever dials next it says nothing at all
            filler = kept.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(silent.getsockname())
        addresses = [(socket.AF_INET, silent.getsockname())] * 12
        monkeypatch.setattr("exchange.push.transport._look_up", lambda *_: addresses)
        (answer,) = sent("http://localhost/x", rules=DEMO, total=0.5)
    assert answer.outcome is Outcome.TIMEOUT
    assert 1 <= len(dialled) < 12


def test_headers_that_never_end_are_left_after_their_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def drip() -> None:
            visitor, _ = server.accept()
            with visitor:
                try:
                    visitor.sendall(b"HTTP/1.1 200 OK\r\n")
                    while True:
                        visitor.sendall(b"x: y\r\n")
                        time.sleep(0.01)
                except OSError:
                    return

        thread = threading.Thread(target=drip)
        thread.start()
        (answer,) = sent(f"http://127.0.0.1:{server.getsockname()[1]}/", rules=DEMO, total=1.0)
        thread.join(60)
        assert not thread.is_alive()  # it drips until its visitor has left
    assert answer.outcome in (Outcome.TIMEOUT, Outcome.UNREACHABLE)


def test_a_server_without_a_certificate_is_a_tls_failure(members: Members) -> None:
    (answer,) = sent(members.url("ok", scheme="https"), rules=DEMO)
    assert answer.outcome is Outcome.TLS
    assert not members.arrivals


def test_no_environment_proxy_is_used(
    members: Members, canary: Canary, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{canary.port}")
    (answer,) = sent(members.url("ok"), rules=DEMO)
    assert (answer.outcome, canary.visits) == (Outcome.DELIVERED, 0)


def test_nobody_listening_is_told_plainly() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    (answer,) = sent(f"http://127.0.0.1:{port}/", rules=DEMO)
    assert answer.outcome is Outcome.UNREACHABLE
    assert answer.error.startswith("Could not connect")


@pytest.mark.parametrize(
    "raw", [b"", b"SSH-2.0-x\r\n", b"HTTP/1.1 abc\r\n\r\n", b"\x00" * 100, b"HTTP/1.1 200 OK\r\n\xff"]
)
def test_what_is_not_http_is_a_failed_attempt_and_nothing_worse(raw: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer_raw() -> None:
            visitor, _ = server.accept()
            with visitor:
                visitor.recv(4_096)
                visitor.sendall(raw)

        thread = threading.Thread(target=answer_raw)
        thread.start()
        (answer,) = sent(f"http://127.0.0.1:{server.getsockname()[1]}/", rules=DEMO)
        thread.join(5)
    assert answer.outcome is Outcome.UNREACHABLE
    assert "\x00" not in answer.error
