"""The conversation itself: what is asked again, what never is, and how much is read."""

from __future__ import annotations

import hashlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from exchange.client.fetch import HttpStatus, Session
from exchange.client.refusals import NetworkDown, WrongFile
from tests.exchange.client.exchange_server import KEY, ExchangeServer

WAITED: list[float] = []


@pytest.fixture
def session(exchange: ExchangeServer) -> Iterator[Session]:
    WAITED.clear()
    with Session(exchange.url, KEY, sleep=WAITED.append) as made:
        yield made


def test_patience_has_an_end_and_a_limit(session: Session, exchange: ExchangeServer) -> None:
    exchange.answers["api/v1/who"] = (503, b"")
    with pytest.raises(NetworkDown):
        session.json("GET", "api/v1/who")
    assert len(WAITED) == 4
    assert sorted(WAITED) == WAITED
    assert max(WAITED) < 10


def test_a_post_whose_answer_was_lost_is_not_sent_twice() -> None:
    """The exchange may have acted on it; only the caller knows whether twice is harmless."""
    received: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def hang_up_on_everyone() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    received.append(connection.recv(65536))

        threading.Thread(target=hang_up_on_everyone, daemon=True).start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with Session(url, KEY, sleep=WAITED.append) as session:
            with pytest.raises(NetworkDown):
                session.json("POST", "api/v1/endpoints", body={"url": "https://example"})
            assert len(received) == 1
            with pytest.raises(NetworkDown):
                session.json("POST", "api/v1/subscriptions", body={"list_id": "x"}, idempotent=True)
            assert len(received) == 6
        listener.shutdown(socket.SHUT_RDWR)


def test_a_small_document_is_read_up_to_its_limit(session: Session, exchange: ExchangeServer) -> None:
    exchange.answers["tuf/x"] = (200, b"0" * 100)
    assert session.file_bytes("tuf/x", limit=100) == b"0" * 100
    with pytest.raises(WrongFile, match="longer than"):
        session.file_bytes("tuf/x", limit=99)
    exchange.endless.add("tuf/endless")
    with pytest.raises(WrongFile, match="longer than"):
        session.file_bytes("tuf/endless", limit=10_000)


def test_a_missing_file_is_its_callers_to_explain(session: Session) -> None:
    with pytest.raises(HttpStatus) as missing:
        session.file_bytes("tuf/none", limit=10)
    assert missing.value.status == 404


@pytest.mark.parametrize("leftover", [b"", b"123", b"xyz", b"1234567890", b"0" * 50])
def test_whatever_an_earlier_attempt_left_the_file_is_whole(
    session: Session, exchange: ExchangeServer, tmp_path: Path, leftover: bytes
) -> None:
    content = b"1234567890"
    (exchange.served / "tuf").mkdir()
    (exchange.served / "tuf" / "file").write_bytes(content)
    (tmp_path / "file.partial").write_bytes(leftover)
    digest = hashlib.sha256(content).hexdigest()
    session.download("tuf/file", tmp_path / "file", length=10, sha256=digest, advance=lambda amount: None)
    assert (tmp_path / "file").read_bytes() == content
    assert not (tmp_path / "file.partial").exists()


def test_a_redirect_never_leads_from_https_to_http(session: Session, exchange: ExchangeServer) -> None:
    exchange.redirects["tuf/file"] = "http://storage.example/file"
    with pytest.raises(NetworkDown, match="unencrypted"):
        session.file_bytes("tuf/file", limit=10)


def test_redirects_in_a_circle_end(session: Session, exchange: ExchangeServer) -> None:
    exchange.redirects["tuf/file"] = f"{exchange.url}/tuf/file"
    with pytest.raises(NetworkDown, match="without end"):
        session.file_bytes("tuf/file", limit=10)
