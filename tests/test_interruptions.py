"""Nothing is lost, whatever dies: kill -9 at chosen moments of the journey, Redis flushed, dead or hanging.

A moment is a row that says what is going on; a strike waits for it and kills within a millisecond or so.
Afterwards nobody repairs anything: the publisher's program asks again what it got no answer to, and the
exchange finds by itself what it owes. What must hold in the end is in `Scene.prove`.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Final, Self

import httpx
import pytest
import redis

from tests.persistent import Asked, Publisher, drawn_hashes, hashes_in
from tests.services import Receiver, wait_until
from tests.stack import NAMES, Stack
from tests.storyline import Stage, set_stage, stack_of

pytestmark = [pytest.mark.faults, pytest.mark.xdist_group("stack")]

# What makes a moment: a row that exists while this piece of work is going on, and no longer.
VALIDATING: Final = "SELECT 1 FROM hashsets_submission WHERE state = 'validating'"
BUILDING: Final = "SELECT 1 FROM hashsets_draft WHERE state = 'building'"
SIGNED: Final = "SELECT 1 FROM hashsets_draft WHERE state = 'signed'"

ENTRIES: Final = 40
SLOWEST_ANSWER: Final = 5.0
LEASES: Final = 150.0  # seconds in which every lease of a dead worker has run out and its work is done


class Strike:
    """Waits beside the test for a moment, and strikes. `landed`: the work was really cut off there."""

    def __init__(self, stack: Stack, moment: str, blow: Callable[[], object], *, patience: float = 120.0):
        self._stack, self._moment, self._blow, self._patience = stack, moment, blow, patience
        self._thread = threading.Thread(target=self._watch, name="strike", daemon=True)
        self._error: BaseException | None = None
        self._over = threading.Event()
        self.struck = self.landed = False

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self._over.set()
        self._thread.join()
        if self._error is not None and error is None:
            raise self._error

    def _watch(self) -> None:
        try:
            deadline = time.monotonic() + self._patience
            with self._stack.rows() as ask:
                while not ask(self._moment):
                    if self._over.wait(0.0005):
                        return
                    assert time.monotonic() < deadline, f"this moment did not come: {self._moment}"
                self.struck = True
                self._blow()
                self.landed = bool(ask(self._moment))
        except BaseException as error:
            self._error = error


@dataclass
class Scene:
    """A running exchange, a publisher that asks again, Lumen that listens, Pixelhaus that counts notices."""

    stage: Stage
    publisher: Publisher
    pixelhaus: Receiver
    sent: list[str] = field(default_factory=list)
    releases: int = 0

    @property
    def stack(self) -> Stack:
        return self.stage.stack

    def send(self, *, halfway: Callable[[], object] | None = None, urgent: bool = False) -> str:
        """Upload some more hashes; they make one more release."""
        hashes = drawn_hashes(ENTRIES, seed=f"{self.stage.world.list_id}/{self.releases}")
        submission = self.publisher.send(hashes, halfway=halfway, urgent=urgent)
        self.sent += hashes
        self.releases += 1
        return submission

    def notices(self, release: int) -> list[str]:
        """The ids of the notices of this release that reached Pixelhaus, oldest first."""
        return [
            str(notice["headers"]["webhook-id"])  # type: ignore[index]
            for notice in self.pixelhaus.requests()
            if f'"release":{release},' in str(notice["body"]).replace(" ", "")
        ]

    def was_notified(self) -> bool:
        """Whether Pixelhaus was told of the newest release and the exchange knows that it was."""
        with self.stack.rows() as ask:
            behind = ask(
                "SELECT 1 FROM exchange_endpointcursor c JOIN hashsets_hashlist l ON l.id = c.hash_list_id "
                "WHERE c.notified_release < l.latest_release"
            )
        return not behind and bool(self.notices(self.releases))

    def prove(self) -> None:
        """Everything that was acknowledged is released, once, told and applied; and all of it verifies."""
        newest = self._exactly_the_releases()
        wait_until(self.was_notified, seconds=LEASES, what=f"the notice of release {self.releases}")
        wait_until(lambda: self._confirmed(newest), seconds=LEASES, what="the member's confirmation")
        assert hashes_in(self.stage.member.lists, self.stage.world.list_id) == set(self.sent)
        self.stack.manage("verify_audit")
        self.stack.manage("verify_release", self.stage.world.list_id, str(self.releases))

    def _exactly_the_releases(self) -> dict[str, Any]:
        releases = self.publisher.releases()
        assert [each["number"] for each in releases] == list(range(1, self.releases + 1))
        assert [each["entries"] for each in releases] == [ENTRIES * n for n in range(1, self.releases + 1)]
        with self.stack.rows() as ask:
            told = ask("SELECT count(*) FROM accounts_auditevent WHERE action = 'release.published'")
        assert told == [(self.releases,)]
        return releases[-1]

    def _confirmed(self, newest: dict[str, Any]) -> bool:
        with self.stage.api(self.stage.world.member_key) as lumen, contextlib.suppress(httpx.TransportError):
            told = lumen.get(f"/api/v1/lists/{self.stage.world.list_id}/confirmations").json()["items"]
            return any(
                each["release"] == newest["number"]
                and each["matches"]
                and each["state_root"] == newest["state_root"]
                for each in told
            )
        return False


def settle_pixelhaus(stage: Stage, receiver: Receiver) -> None:
    """A second member, whose endpoint does nothing but remember what reached it."""
    with stage.api(stage.world.pixelhaus_key) as api:
        made = api.post("/api/v1/endpoints", json={"url": receiver.url})
        assert made.status_code == 201, made.text
        receiver.set_secret(made.json()["secret"])
        proven = api.post(f"/api/v1/endpoints/{made.json()['id']}/verify")
        assert proven.status_code == 200, proven.text
        subscribed = api.post("/api/v1/subscriptions", json={"list_id": stage.world.list_id})
        assert subscribed.status_code == 201, subscribed.text


@pytest.fixture(scope="module")
def scene(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """The kind of stack is the parameter; at the end nothing of it may be left running."""
    folder = tmp_path_factory.mktemp("interrupted")
    with stack_of(request.param, request, folder / "var") as stack:
        stage = set_stage(stack, folder)
        receiver = Receiver(folder / "pixelhaus")
        try:
            settle_pixelhaus(stage, receiver)
            with stage.listening(), Publisher(stack.base_url, stage.world) as publisher:
                yield Scene(stage, publisher, receiver)
        finally:
            receiver.stop()
    wait_until(lambda: not stack.left_running(), what="the end of every process of the stack")


def on(kind: str) -> pytest.MarkDecorator:
    """Run on a stack of this kind."""
    return pytest.mark.parametrize("scene", [kind], indirect=True)


@on("embedded")
def test_an_upload_that_dies_with_the_web_server_is_sent_again_and_counts_once(scene: Scene) -> None:
    submission = scene.send(halfway=lambda: scene.stack.cut("web"))
    scene.stack.cut("web")  # and once more, between the acknowledgement and everything else
    scene.publisher.publish(submission)
    broken = [asked for asked in scene.publisher.asked if asked.status == 0]
    assert broken, "no request was interrupted, so this test proved nothing"
    scene.prove()


@on("embedded")
def test_work_that_is_cut_off_in_the_middle_is_taken_up_again(scene: Scene) -> None:
    """The first submission waits for the lease of its dead validator, and others overtake it meanwhile."""
    with Strike(scene.stack, VALIDATING, lambda: scene.stack.cut("worker-data")) as validating:
        overtaken = scene.send()
    second = scene.send()
    scene.publisher.wait_for("staged", second)
    with Strike(scene.stack, BUILDING, lambda: scene.stack.cut("worker-data")) as building:
        scene.publisher.wait_for("approved", second)
    with Strike(scene.stack, SIGNED, lambda: scene.stack.cut("worker-data")) as signed:
        scene.publisher.publish(second)
    scene.publisher.publish(overtaken)
    landed = {"validating": validating.landed, "building": building.landed, "signed": signed.landed}
    assert any(landed.values()), landed
    scene.prove()


@on("embedded")
def test_a_notice_whose_sender_dies_before_the_answer_is_sent_again_under_the_same_name(scene: Scene) -> None:
    scene.pixelhaus.behave(delay=5)
    scene.publisher.publish(scene.send())
    wait_until(lambda: scene.notices(scene.releases), what="the notice")
    scene.stack.cut("worker-push")
    scene.pixelhaus.behave()
    scene.prove()
    notices = scene.notices(scene.releases)
    assert len(notices) == 2
    assert len(set(notices)) == 1


class Passers:
    """People who use the exchange while something hangs: pages, API and metadata, again and again."""

    def __init__(self, scene: Scene) -> None:
        list_id = scene.stage.world.list_id
        self._addresses = ("/sign-in", "/api/v1/who", f"/tuf/{list_id}/metadata/timestamp.json", "/readyz")
        self._api = scene.stage.api(scene.stage.world.pixelhaus_key)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._walk, daemon=True)
        self.asked: list[Asked] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()
        self._api.close()

    def _walk(self) -> None:
        while not self._over.wait(0.1):
            for address in self._addresses:
                began = time.monotonic()
                try:
                    status = self._api.get(address).status_code
                except httpx.TransportError:
                    status = 0
                self.asked.append(Asked(address, time.monotonic() - began, status))


@contextlib.contextmanager
def everybody_is_served(scene: Scene) -> Iterator[None]:
    """In this block no request fails, and none takes longer than people bear."""
    before = len(scene.publisher.asked)
    with Passers(scene) as passers:
        yield
    asked = [*passers.asked, *scene.publisher.asked[before:]]
    assert len(passers.asked) >= len(NAMES)
    assert max(asked, key=lambda each: each.seconds).seconds < SLOWEST_ANSWER
    # 404: a draft that is not there yet, or no longer.
    assert not [each for each in asked if each.status in (0, 500, 502, 503)]


@contextlib.contextmanager
def flushed_all_the_time(server: Any) -> Iterator[None]:
    over = threading.Event()

    def flush() -> None:
        while not over.wait(0.02):
            server.flush()

    thread = threading.Thread(target=flush, daemon=True)
    thread.start()
    yield
    over.set()
    thread.join()


@on("production")
def test_a_release_travels_while_redis_is_flushed_dead_or_hanging(scene: Scene) -> None:
    server = scene.stack.redis
    assert server is not None
    with everybody_is_served(scene), flushed_all_the_time(server):
        scene.publisher.publish(scene.send())
        wait_until(scene.was_notified, what="the notice, while Redis is flushed again and again")
    with everybody_is_served(scene):
        with Strike(scene.stack, SIGNED, server.kill) as killed:
            scene.publisher.publish(scene.send())
        wait_until(scene.was_notified, what="the notice, with Redis dead")
        scene.publisher.publish(scene.send(urgent=True))
        wait_until(scene.was_notified, what="the notice of an urgent release, with Redis dead")
    assert killed.struck
    server.start()
    wait_until(lambda: waiting_workers(scene) >= 3, seconds=60, what="the workers' return to Redis")
    server.hang()
    try:
        with everybody_is_served(scene):
            scene.publisher.publish(scene.send())
            wait_until(scene.was_notified, what="the notice, with Redis hanging")
    finally:
        server.heal()
    scene.prove()


def waiting_workers(scene: Scene) -> int:
    """How many workers wait at Redis for wake-ups."""
    assert scene.stack.redis is not None
    with redis.Redis(port=scene.stack.redis.port, socket_timeout=5) as client:
        return int(client.info("clients")["blocked_clients"])
