"""`hashx listen`: notices over real HTTP, and the worker behind them."""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from exchange.client.listen import Receiver, Worker
from exchange.client.receive import Trust
from exchange.push.notice import Notice, challenge
from exchange.push.signature import challenge_answer, signed_headers
from tests.exchange.client.publisher import fresh_list_id

SECRET_BYTES = bytes(range(32))
SECRET = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
ENDPOINT = uuid.UUID(int=7)


class Told:
    """What a receiver handed on."""

    def __init__(self) -> None:
        self.lists: list[list[str]] = []
        self.events: list[str] = []

    def event(self, name: str, facts: Mapping[str, Any]) -> None:
        self.events.append(name)


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def receiver(told: Told) -> Iterator[Receiver]:
    made = Receiver("127.0.0.1", 0, on_lists=told.lists.append, tell=told.event)
    made.trust = Trust(secrets=[SECRET], endpoint=str(ENDPOINT))
    made.start()
    yield made
    made.stop()


def notice_of(list_id: str, release: int) -> Notice:
    one = {
        "list_id": list_id,
        "release": release,
        "urgent": False,
        "manifest": {"sha256": "ab" * 32, "length": 900},
        "tuf": {"timestamp": 3, "snapshot": 2},
        "delta": None,
    }
    body = {"type": "release.published", "timestamp": "2026-01-31T12:00:00Z"}
    document = json.dumps({**body, "data": {"endpoint": str(ENDPOINT), "lists": [one]}}).encode()
    return Notice(f"msg_{ENDPOINT.hex}_{list_id[:8]}{release}", "release", document, {list_id: release})


def post(receiver: Receiver, notice: Notice, *, secret: bytes = SECRET_BYTES, age: int = 0) -> httpx.Response:
    signer = Ed25519PrivateKey.generate()
    headers = signed_headers(
        notice.id, int(time.time()) - age, notice.body, secrets=[secret], signer=signer.sign
    )
    return httpx.post(
        f"http://127.0.0.1:{receiver.port}/", content=notice.body, headers=headers, trust_env=False
    )


def test_a_believed_notice_is_answered_and_handed_on(receiver: Receiver, told: Told) -> None:
    list_id = fresh_list_id()
    assert post(receiver, notice_of(list_id, 4)).status_code == 204
    assert told.lists == [[list_id]]


def test_the_same_notice_again_is_answered_and_not_acted_upon(receiver: Receiver, told: Told) -> None:
    notice = notice_of(fresh_list_id(), 4)
    assert [post(receiver, notice).status_code for _ in range(3)] == [204, 204, 204]
    assert len(told.lists) == 1


def test_a_notice_by_a_stranger_is_refused(receiver: Receiver, told: Told) -> None:
    assert post(receiver, notice_of(fresh_list_id(), 4), secret=b"x" * 32).status_code == 401
    assert post(receiver, notice_of(fresh_list_id(), 4), age=3600).status_code == 401
    assert told.lists == []


def test_the_ownership_challenge_is_answered(receiver: Receiver) -> None:
    nonce = "5a" * 32
    answer = post(receiver, challenge(ENDPOINT, nonce, now=datetime.now(UTC)))
    assert (answer.status_code, answer.json()) == (200, {"answer": challenge_answer(SECRET_BYTES, nonce)})


def test_before_it_knows_its_secret_it_believes_nobody(receiver: Receiver, told: Told) -> None:
    receiver.trust = None
    assert post(receiver, notice_of(fresh_list_id(), 4)).status_code == 503
    assert told.lists == []


def test_other_requests_are_refused_unread(receiver: Receiver) -> None:
    address = f"http://127.0.0.1:{receiver.port}/"
    assert httpx.get(address, trust_env=False).status_code == 501
    assert httpx.post(address, content=b"x" * 5000, trust_env=False).status_code == 413
    assert httpx.post(address, content=iter([b"x"]), trust_env=False).status_code == 411
    assert httpx.post(address, content=b"{}", trust_env=False).status_code == 401


def test_notices_that_come_while_it_works_become_one_sync() -> None:
    at_work, may_go_on, done = threading.Event(), threading.Event(), threading.Event()
    batches: list[list[str]] = []

    def sync(batch: list[str]) -> list[str]:
        batches.append(sorted(batch))
        if len(batches) == 1:
            at_work.set()
            may_go_on.wait(10)
        else:
            done.set()
        return []

    worker = Worker(sync, lambda: ["start"], poll=60)
    thread = threading.Thread(target=worker.run)
    thread.start()
    assert at_work.wait(10)
    for _ in range(50):
        worker.want(["a", "b"])
    may_go_on.set()
    assert done.wait(10)
    worker.stop()
    thread.join(10)
    assert batches == [["start"], ["a", "b"]]


def test_without_any_notice_it_looks_by_itself() -> None:
    batches: list[list[str]] = []

    def sync(batch: list[str]) -> list[str]:
        batches.append(batch)
        return []

    worker = Worker(sync, lambda: ["all"], poll=0.05)
    thread = threading.Thread(target=worker.run)
    thread.start()
    deadline = time.monotonic() + 10
    while len(batches) < 3 and time.monotonic() < deadline:
        time.sleep(0.01)
    worker.stop()
    thread.join(10)
    assert batches[:3] == [["all"]] * 3


def test_what_failed_for_want_of_a_network_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exchange.client.listen.RETRY_FIRST", 0.01)
    batches: list[list[str]] = []
    twice = threading.Event()

    def sync(batch: list[str]) -> list[str]:
        batches.append(batch)
        if len(batches) == 2:
            twice.set()
            return []
        return batch

    worker = Worker(sync, lambda: ["a"], poll=60)
    thread = threading.Thread(target=worker.run)
    thread.start()
    assert twice.wait(10)
    worker.stop()
    thread.join(10)
    assert batches[:2] == [["a"], ["a"]]
