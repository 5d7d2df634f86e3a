"""`hashx listen`: notices over real HTTP, and the worker behind them."""

from __future__ import annotations

import base64
import hashlib
import json
import sys
import threading
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from types import FrameType
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from securesystemslib.signer import CryptoSigner

from accounts.errors import Refusal
from exchange.client.commands.listening import Listening
from exchange.client.commands.run import Run
from exchange.client.fetch import Session
from exchange.client.home import Home
from exchange.client.listen import TICK, Receiver, Worker
from exchange.client.plan import Transport
from exchange.client.receive import MAX_BODY, MAX_INLINE, ListNews, Trust, verify_notice
from exchange.client.refusals import BadSignature
from exchange.client.store import ListStore
from exchange.client.sync import Synced, sync_list
from exchange.client.watch import Quiet
from exchange.push.notice import Notice, challenge
from exchange.push.signature import challenge_answer, signed_headers
from tests.exchange.client.conftest import Hashx
from tests.exchange.client.exchange_server import KEY, ExchangeServer
from tests.exchange.client.publisher import Publisher, fresh_list_id, hashes, operations, rows

SECRET_BYTES = bytes(range(32))
SECRET = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
ENDPOINT = uuid.UUID(int=7)


class Told:
    """What a receiver handed on."""

    def __init__(self) -> None:
        self.lists: list[list[str]] = []
        self.news: list[ListNews] = []
        self.events: list[str] = []

    def hear(self, news: Sequence[ListNews]) -> None:
        self.lists.append([one.list_id for one in news])
        self.news += news

    def event(self, name: str, facts: Mapping[str, Any]) -> None:
        self.events.append(name)


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def receiver(told: Told) -> Iterator[Receiver]:
    made = Receiver("127.0.0.1", 0, on_news=told.hear, tell=told.event)
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
    assert httpx.post(address, content=b"x" * 20_000, trust_env=False).status_code == 413
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


def test_it_ends_at_whatever_moment_it_is_asked_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """As by a signal: in the thread that works, between any two lines of it, with or without the lock."""
    waits: list[float] = []

    class Watched(threading.Condition):
        def wait(self, timeout: float | None = None) -> bool:
            waits.append(float("inf") if timeout is None else timeout)
            return super().wait(0.001)

    for moment in range(1, 200):
        # For this one alone: the clock of the test's own time-out is a condition too.
        with monkeypatch.context() as patched:
            patched.setattr(threading, "Condition", Watched)
            worker = Worker(lambda _: [], lambda: ["a"], poll=60)
        lines = iter(range(moment))

        def at_a_line(
            frame: FrameType, *_: object, worker: Worker = worker, lines: Iterator[int] = lines
        ) -> Any:
            if frame.f_code.co_filename.endswith(("exchange/client/listen.py", "threading.py")):
                if next(lines, None) is None:
                    worker.stop()
                return at_a_line
            return None

        before = sys.gettrace()
        sys.settrace(at_a_line)
        try:
            worker.run()
        finally:
            sys.settrace(before)
    assert 0 < max(waits) <= TICK, "a request to end that came just before would wait as long"


def with_delta(publisher: Publisher, content: bytes, *, sha256: str = "") -> Notice:
    """The notice of release 2, which brings `content` along as its delta."""
    base = notice_of(publisher.list_id, 2)
    document = json.loads(base.body)
    document["data"]["lists"][0]["delta"] = {
        "from": 1, "to": 2, "length": len(content), "sha256": sha256 or hashlib.sha256(content).hexdigest(),
        "inline": base64.b64encode(content).decode(),
    }  # fmt: skip
    return Notice(base.id, "release", json.dumps(document).encode(), base.releases)


def test_bytes_that_are_not_what_the_notice_names_are_left_aside(receiver: Receiver, told: Told) -> None:
    list_id = fresh_list_id()
    document = json.loads(notice_of(list_id, 2).body)
    for number, inline in enumerate(["AAAA", "no base64!", 7, None, ["AAAA"], "A" * 15_000]):
        document["data"]["lists"][0]["delta"] = {
            "from": 1, "to": 2, "length": 3, "sha256": "ab" * 32, "inline": inline
        }  # fmt: skip
        notice = Notice(f"msg_{ENDPOINT.hex}_{number}", "release", json.dumps(document).encode(), {})
        if len(notice.body) <= MAX_BODY:
            assert post(receiver, notice).status_code == 204
    assert len(told.news) >= 5
    assert {one.delta.inline for one in told.news if one.delta} == {None}


class TwoReleases:
    """A member at release 1 of a list whose release 2 changes three hashes."""

    def __init__(self, hashx: Hashx, publisher: Publisher, exchange: ExchangeServer) -> None:
        publisher.release({"sha256": operations(rows(hashes(3_000, seed=1), 1))})
        assert hashx.sync().exit == 0
        publisher.release({"sha256": operations(rows(hashes(3, seed=2), 2))})
        self.hashx, self.publisher, self.exchange = hashx, publisher, exchange
        self.delta = publisher.served_file("sha256.delta-1-2.parquet").read_bytes()
        exchange.requests.clear()

    def sync(self, brought: bytes) -> Synced:
        """As `hashx listen` does after a notice."""
        home = Home(self.hashx.home)
        with Session(self.exchange.url, KEY) as session:
            return sync_list(
                session, ListStore(self.hashx.into, self.publisher.list_id), home.directory(session),
                watch=Quiet(), now=datetime.now(UTC), brought=brought,
            )  # fmt: skip

    def deltas_downloaded(self) -> list[str]:
        return [path for path in self.exchange.paths() if ".delta-" in path]


@pytest.fixture
def two(hashx: Hashx, publisher: Publisher, exchange: ExchangeServer) -> TwoReleases:
    return TwoReleases(hashx, publisher, exchange)


def test_a_delta_that_came_with_a_notice_is_applied_without_a_download(two: TwoReleases) -> None:
    assert len(two.delta) <= MAX_INLINE
    synced = two.sync(two.delta)
    assert (synced.release, synced.downloaded, two.deltas_downloaded()) == (2, 0, [])
    assert synced.transport == Transport.DELTAS
    assert two.publisher.manifest is not None
    assert synced.state_root == two.publisher.manifest.root
    assert two.hashx.run("verify", str(two.hashx.into)).exit == 0


def test_other_bytes_than_the_signed_ones_count_for_nothing(two: TwoReleases) -> None:
    """A forger of notices who even holds the push key gains a member nothing but a download of its own."""
    forged = bytearray(two.delta)
    forged[len(forged) // 2] ^= 1
    synced = two.sync(bytes(forged))
    assert (synced.release, synced.downloaded) == (2, len(two.delta))
    assert len(two.deltas_downloaded()) == 1
    assert two.hashx.run("verify", str(two.hashx.into)).exit == 0


def test_a_true_delta_is_not_applied_when_the_metadata_is_not(two: TwoReleases) -> None:
    """The bytes are the publisher's own; but nobody entitled says that they are the next release."""
    before = two.hashx.fingerprint_of_applied(two.publisher.list_id)
    two.publisher.sign_list(signers=[CryptoSigner.generate_ed25519()])
    two.publisher.sign_online()
    with pytest.raises(Refusal) as refused:
        two.sync(two.delta)
    assert isinstance(refused.value, BadSignature)
    assert two.hashx.fingerprint_of_applied(two.publisher.list_id) == before
    assert not list(two.hashx.into.rglob("downloads/*"))


def test_listening_applies_what_a_notice_brings(two: TwoReleases, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the POST to the release in force, over the command's own parts."""
    monkeypatch.setenv("HASHX_HOME", str(two.hashx.home))
    run = Run.of(two.hashx.home, as_json=True)
    with run.session() as session:
        listening = Listening(run, session, two.hashx.into, [two.publisher.list_id], poll=60)
        news = verify_notice(
            signed_headers(
                "msg_1", int(time.time()), with_delta(two.publisher, two.delta).body,
                secrets=[SECRET_BYTES], signer=Ed25519PrivateKey.generate().sign,
            ),
            with_delta(two.publisher, two.delta).body, trust=Trust(secrets=[SECRET]), now=time.time(),
        ).lists  # fmt: skip
        listening.hear(news)
        assert listening.sync([two.publisher.list_id]) == []
    assert two.deltas_downloaded() == []
    current = ListStore(two.hashx.into, two.publisher.list_id).current()
    assert current is not None
    assert current.release == 2
