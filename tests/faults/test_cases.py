"""One thing breaks at a time, and the exchange goes on by itself when it is back: members that flap or are
down, all workers, Redis, the disk, the clock, the database of yesterday.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import resource
import signal
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from tests.conftest import lacking
from tests.faults import skewed
from tests.faults.members import Listener, endpoint_of
from tests.faults.test_durability import UNLIMITED
from tests.faults.world import Crowd, gather
from tests.persistent import Publisher, as_csv, drawn_hashes
from tests.services import Missing, Receiver, wait_until
from tests.stack import NAMES, Stack
from tests.storyline import Stage, set_stage

pytestmark = [pytest.mark.faults, pytest.mark.long, pytest.mark.xdist_group("stack")]

WORKERS: Final = tuple(name for name in NAMES if name != "web")
HEALING_SECONDS: Final = 60.0
RESUMING_SECONDS: Final = 30.0
LEASES_SECONDS: Final = 150.0


class Scene:
    """A running exchange on PostgreSQL with Redis, Harbor's publisher, and an endpoint that counts."""

    def __init__(self, stack: Stack, folder: Path, *, members: int = 0) -> None:
        self.stack, self.folder = stack, folder
        self.stage: Stage = set_stage(stack, folder)
        self.list_id = self.stage.world.list_id
        self.crowd: Crowd | None = gather(stack, lists=1, members=members) if members else None
        self.publisher = Publisher(stack.base_url, self.stage.world)
        weakref.finalize(self, self.publisher.close)
        self.released = 0

    def release(self) -> int:
        """From file to release; returns its number."""
        self.publisher.publish(self.publisher.send(self.fresh()))
        self.released += 1
        return self.released

    def fresh(self) -> list[str]:
        return drawn_hashes(20, seed=f"{self.list_id}/{self.released}/{time.monotonic_ns()}")

    def latest(self) -> int:
        with self.stack.rows() as ask:
            return int(dict(ask("SELECT id, latest_release FROM hashsets_hashlist"))[self.list_id])

    def one(self, query: str) -> Any:
        with self.stack.rows() as ask:
            return ask(query)[0][0]

    def listener(self, name: str, key: str) -> Listener:
        return Listener(
            name,
            self.folder / name,
            base_url=self.stack.base_url,
            key=key,
            fingerprint=self.stage.fingerprint,
            lists=(self.list_id,),
        )

    def counting(self) -> Receiver:
        receiver = Receiver(self.folder / "counting")
        key = self.stage.world.pixelhaus_key
        endpoint_of(receiver, base_url=self.stack.base_url, key=key, lists=(self.list_id,))
        return receiver

    def verify(self) -> None:
        self.stack.manage("verify_audit")
        self.stack.manage("verify_release", self.list_id, str(self.latest()))


def told_of(receiver: Receiver, release: int) -> bool:
    return any(f'"release":{release},' in str(body["body"]).replace(" ", "") for body in receiver.requests())


@contextlib.contextmanager
def flapping(listener: Listener) -> Iterator[None]:
    """Hangs for two seconds, answers for two, again and again."""
    over = threading.Event()

    def flap() -> None:
        while not over.is_set():
            listener.hang()
            over.wait(2)
            listener.heal()
            over.wait(2)

    thread = threading.Thread(target=flap, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def test_members_that_flap_or_were_down_have_the_newest_a_minute_after_they_heal(
    new_stack: Callable[..., Stack], tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """Five members; every release that one of them puts in force, it puts in force once."""
    scene = Scene(new_stack("production", **UNLIMITED), tmp_path, members=5)
    assert scene.crowd is not None
    listeners = [scene.listener(f"member-{n}", key) for n, key in enumerate(scene.crowd.members)]
    down, flaps, *_ = listeners
    try:
        scene.release()
        wait_until(lambda: all(at(one, scene) == 1 for one in listeners), seconds=120, what="the first sync")
        down.kill()
        with flapping(flaps):
            for _ in range(3):
                newest = scene.release()
        down.start()
        wait_until(
            lambda: all(at(one, scene) == newest for one in listeners),
            seconds=HEALING_SECONDS,
            what="everybody at the newest release",
        )
        applied = {one.name: [each["release"] for each in one.applied()] for one in listeners}
        assert all(sorted(set(numbers)) == numbers for numbers in applied.values()), applied
        content = {
            hashlib.sha256(repr(sorted(one.hashes(scene.list_id))).encode()).digest() for one in listeners
        }
        assert len(content) == 1
        record_property("faults: members that converge", len(listeners))
    finally:
        for one in listeners:
            one.stop()


def at(listener: Listener, scene: Scene) -> int:
    return listener.state(scene.list_id)[0]


@pytest.fixture
def scene(new_stack: Callable[..., Stack], tmp_path: Path) -> Scene:
    return Scene(new_stack("production", **UNLIMITED), tmp_path)


@contextlib.contextmanager
def nobody_restarts(stack: Stack) -> Iterator[None]:
    """In this block what was killed stays dead."""
    pid = stack.supervisor_pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def test_one_after_the_other_the_workers_redis_and_the_disk_fail_and_everything_goes_on(
    scene: Scene, record_property: Callable[[str, object], None]
) -> None:
    """In one running exchange: what heals by itself must do so again and again."""
    receiver = scene.counting()
    try:
        all_workers_are_killed(scene, receiver)
        redis_is_away(scene, receiver, seconds=20)
        the_disk_of_the_web_is_full(scene)
        the_disk_of_the_workers_is_full(scene, receiver)
        scene.verify()
    finally:
        receiver.stop()
    record_property("faults: single failures healed", 4)


def test_redis_may_be_away_for_ten_minutes(scene: Scene) -> None:
    receiver = scene.counting()
    try:
        redis_is_away(scene, receiver, seconds=600)
        scene.verify()
    finally:
        receiver.stop()


def all_workers_are_killed(scene: Scene, receiver: Receiver) -> None:
    """Owed notices are sent within 30 s of the restart, though nobody repeats what woke the dead."""
    with nobody_restarts(scene.stack):
        for name in ("worker-push", "worker-urgent"):
            scene.stack.cut(name)
        number = scene.release()
        scene.stack.cut("worker-data")
        time.sleep(3)
        assert not told_of(receiver, number), "nobody was there to tell"
    wait_until(lambda: told_of(receiver, number), seconds=RESUMING_SECONDS, what="the owed notice")


def redis_is_away(scene: Scene, receiver: Receiver, *, seconds: float) -> None:
    """Publishing, pulling and telling work without it, and with it again when it is back."""
    redis = scene.stack.redis
    assert redis is not None
    redis.kill()
    until = time.monotonic() + seconds
    while True:
        number = scene.release()
        wait_until(lambda: told_of(receiver, number), seconds=RESUMING_SECONDS, what="a notice")  # noqa: B023
        pull(scene)
        if time.monotonic() > until:
            break
        time.sleep(min(10.0, seconds / 4))
    redis.start()
    number = scene.release()
    wait_until(lambda: told_of(receiver, number), seconds=RESUMING_SECONDS, what="a notice, with Redis back")


def pull(scene: Scene) -> None:
    """Harbor reads back what it publishes; its key may not confirm anything."""
    into = str(scene.folder / "pulled")
    assert scene.stage.publisher.hashx("sync", scene.list_id, "--into", into, "--no-confirm")


@contextlib.contextmanager
def no_room_for(stack: Stack, name: str) -> Iterator[None]:
    """In this block no file of these processes can grow by a byte: what a full disk is to a program."""
    group = [pid for pid in stack.left_running() if _group_of(pid) == stack.pids()[name]]
    assert group
    unlimited = resource.RLIM_INFINITY
    for pid in group:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, unlimited))
    try:
        yield
    finally:
        for pid in group:
            with contextlib.suppress(ProcessLookupError):
                resource.prlimit(pid, resource.RLIMIT_FSIZE, (unlimited, unlimited))


def _group_of(pid: int) -> int:
    try:
        return os.getpgid(pid)
    except ProcessLookupError:  # it has just ended
        return 0


def the_disk_of_the_web_is_full(scene: Scene) -> None:
    """An upload is refused with words, leaves nothing, and is taken under the same key when there is room."""

    def upload() -> httpx.Response:
        with scene.stage.api(scene.stage.world.publisher_key) as api:
            return api.post(
                f"/api/v1/lists/{scene.list_id}/submissions",
                params={"mode": "add", "note": "no room"},
                content=content,
                headers={"Content-Type": "text/csv", "Idempotency-Key": "no-room"},
            )

    content, before = as_csv(scene.fresh()), files_of(scene)
    with no_room_for(scene.stack, "web"):
        answer = upload()
        assert (answer.status_code, answer.json()["code"]) == (507, "storage.full"), answer.text
        assert files_of(scene) == before
    assert scene.one("SELECT count(*) FROM hashsets_submission WHERE note = 'no room'") == 0
    taken = upload()
    assert taken.status_code == 202, taken.text
    assert scene.one("SELECT count(*) FROM hashsets_submission WHERE note = 'no room'") == 1
    scene.publisher.publish(taken.json()["id"])
    scene.released += 1


def files_of(scene: Scene) -> set[str]:
    """Every file of the store and of what is being received."""
    folders = (scene.stack.var / "blobs", scene.stack.var / "uploads")
    return {str(path) for folder in folders for path in folder.rglob("*") if path.is_file()}


def the_disk_of_the_workers_is_full(scene: Scene, receiver: Receiver) -> None:
    """The work fails and is tried again; when there is room it succeeds, and nothing was half done."""
    log = scene.stack.var / "log" / "worker-data.log"
    failures = log.read_text(errors="replace").count("station.work_failed")
    with no_room_for(scene.stack, "worker-data"):
        submission = scene.publisher.send(scene.fresh())
        wait_until(
            lambda: log.read_text(errors="replace").count("station.work_failed") > failures,
            seconds=60,
            what="the failure of a validation",
        )
        assert scene.publisher.state(submission) in ("received", "validating")
        assert scene.latest() == scene.released
    scene.publisher.publish(submission)
    scene.released += 1
    wait_until(lambda: told_of(receiver, scene.released), seconds=RESUMING_SECONDS, what="the notice")


def test_workers_whose_clocks_are_wrong_by_hours_keep_order_and_harm_nobody(
    scene: Scene, record_property: Callable[[str, object], None]
) -> None:
    """Two hours ahead, then two behind; the member, the web and PostgreSQL have the right time."""
    try:
        skewed.library()
    except Missing as missing:
        lacking(missing)
    stack, versions = scene.stack, []
    listener = scene.listener("lumen", scene.stage.world.member_key)
    scene.release()
    stack.program = "tests.faults.skewed"
    try:
        for skew in ("+7200", "-7200"):
            stack.stop()
            stack.env["SKEW"] = skew
            stack.start_processes()
            for _ in range(2):
                number = scene.release()
                versions.append(timestamp_of(scene))
            wait_until(lambda: at(listener, scene) == number, seconds=60, what="the member")  # noqa: B023
            lease = "SELECT max(lease_until) < now() + interval '5 minutes' FROM hashsets_submission"
            assert scene.one(lease) in (True, None), "a lease was written by a wrong clock"
            rightly = "SELECT bool_and(published_at BETWEEN now() - interval '1 hour' AND now())"
            assert scene.one(f"{rightly} FROM hashsets_release"), (
                "a release says that it was published at another time"
            )
    finally:
        listener.stop()
    assert [version for version, _ in versions] == sorted({version for version, _ in versions})
    ends = [expires for _, expires in versions]
    assert ends == sorted(ends), "a later timestamp expires before an earlier one"
    told = listener.told("synced")
    assert not [one for one in told if one.get("error")], told
    scene.verify()
    record_property("faults: releases under wrong clocks", len(versions))


def timestamp_of(scene: Scene) -> tuple[int, str]:
    """Version and expiry of the list's TUF timestamp as members see it now."""
    with scene.stage.api(scene.stage.world.member_key) as api:
        signed = api.get(f"/tuf/{scene.list_id}/metadata/timestamp.json").json()["signed"]
    return int(signed["version"]), str(signed["expires"])


def test_a_database_of_yesterday_gives_no_version_out_twice(
    scene: Scene, record_property: Callable[[str, object], None]
) -> None:
    """As the runbook says: everything stopped, the backup restored, `resign`, started; members notice
    nothing, and what they had already seen is never said otherwise."""
    stack, cluster = scene.stack, scene.stack.postgresql
    assert cluster is not None
    listener = scene.listener("lumen", scene.stage.world.member_key)
    try:
        scene.release()
        wait_until(lambda: at(listener, scene) == 1, seconds=120, what="the first sync")
        stack.stop()
        name = stack.database_url.rsplit("/", 1)[1]
        cluster.execute(f'CREATE DATABASE "{name}_backup" TEMPLATE "{name}"')
        stack.start_processes()
        scene.release()
        wait_until(lambda: at(listener, scene) == 2, seconds=120, what="release 2")
        seen, files = timestamp_of(scene), metadata_of(scene)
        stack.manage("verify_audit", "--export-head")  # workers do it every few seconds
        stack.stop()
        cluster.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
        cluster.execute(f'CREATE DATABASE "{name}" TEMPLATE "{name}_backup"')
        audit = stack.manage("verify_audit", check=False)
        assert audit.returncode != 0, "the exported heads are beyond the restored chain"
        stack.manage("resign")
        stack.start_processes()
        after = timestamp_of(scene)
        assert after[0] > seen[0], "a timestamp's version was given out twice"
        kept = {name: digest for name, digest in files.items() if name != "timestamp.json"}
        assert kept.items() <= metadata_of(scene).items(), "a file that was given out has changed"
        synced = listener.machine.hashx("sync", scene.list_id, "--into", str(listener.machine.lists))
        assert synced["lists"][0]["release"] == 2
        assert not [one for one in listener.told("synced") if one.get("error")]
    finally:
        listener.stop()
    record_property("faults: signed files that outlive a restore", len(files))


def metadata_of(scene: Scene) -> dict[str, str]:
    """Every signed file that was given out, by name, with the digest of its bytes."""
    folder = scene.stack.var / "blobs" / "tuf" / scene.list_id / "metadata"
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}
