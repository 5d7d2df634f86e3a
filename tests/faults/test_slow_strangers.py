"""Five hundred slow strangers each at nginx, at the web itself and at a member's receiver, for a minute: the
health page answers within a second all the while, and an urgent notice is taken.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

import pytest

from exchange.supervise import die_with_parent
from tests.deploy.proxied import proxied
from tests.faults.members import Listener
from tests.faults.test_durability import UNLIMITED
from tests.persistent import Publisher, drawn_hashes
from tests.services import ROOT, wait_until
from tests.stack import Stack
from tests.storyline import set_stage

pytestmark = [pytest.mark.faults, pytest.mark.slow, pytest.mark.xdist_group("stack")]

STRANGERS: Final = 500
SECONDS: Final = 60.0
LONGEST_ANSWER: Final = 1.0
PROBING_FROM: Final = ("127.0.99.9", 0)


def form(path: str, length: int, *fields: str) -> str:
    """The beginning of a POST that will never be whole, as a literal."""
    lines = (f"POST {path} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {length}", *fields)
    return repr(("\r\n".join(lines) + "\r\n\r\n").encode())


def beginnings(list_id: str, key: str) -> list[str]:
    upload = f"/api/v1/lists/{list_id}/submissions?mode=add"
    return [
        form(
            "/sign-in", 900, "Cookie: hx_csrf=" + "a" * 32, "Content-Type: application/x-www-form-urlencoded"
        ),
        form(
            "/sign-in",
            900_000,
            "Cookie: hx_csrf=" + "a" * 32,
            "Content-Type: application/x-www-form-urlencoded",
        ),
        form(upload, 8_000_000_000, "Content-Type: text/csv"),
        form(upload, 8_000_000_000, "Content-Type: text/csv", f"Authorization: Bearer {key}"),
        repr(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nX-A: "),
        repr(b""),
    ]


@contextlib.contextmanager
def dripping(port: int, *starts: str, tls: bool = False) -> Iterator[Callable[[], Mapping[str, int]]]:
    """Slow strangers at a port while the block runs; yields what waits for their end and tells of it."""
    switches = ["--tls"] if tls else []
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "tests.faults.dripping", *switches),
            *(str(port), str(STRANGERS), str(SECONDS), *starts),
        ],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=die_with_parent,
    )

    def ended() -> Mapping[str, int]:
        said, _ = process.communicate(timeout=SECONDS + 60)
        counts: dict[str, int] = json.loads(said)
        return counts

    try:
        yield ended
    finally:
        process.kill()
        process.communicate()


class Probe:
    """Somebody else, who asks the health page twice a second, each time on a connection of its own."""

    def __init__(self, port: int, *, trust: ssl.SSLContext | None = None) -> None:
        self.answers: list[tuple[float, object]] = []
        self._port, self._trust = port, trust
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._ask_again_and_again, daemon=True)

    def __enter__(self) -> Probe:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(timeout=60)

    def _ask_again_and_again(self) -> None:
        while not self._over.wait(0.5):
            began = time.monotonic()
            said: object
            try:
                said = self._ask()
            except (OSError, http.client.HTTPException) as trouble:
                said = repr(trouble)
            self.answers.append((round(time.monotonic() - began, 3), said))

    def _ask(self) -> int:
        where = ("127.0.0.1", self._port)
        web = (
            http.client.HTTPConnection(*where, timeout=30, source_address=PROBING_FROM)
            if self._trust is None
            else http.client.HTTPSConnection(
                *where, timeout=30, source_address=PROBING_FROM, context=self._trust
            )
        )
        with contextlib.closing(web):
            web.request("GET", "/healthz")
            return web.getresponse().status

    def require_quick_answers(self) -> None:
        assert len(self.answers) > SECONDS
        assert [one for one in self.answers if one[1] != 200] == []
        assert max(self.answers)[0] < LONGEST_ANSWER, sorted(self.answers)[-5:]


def test_slow_strangers_keep_nobody_else_waiting(
    new_stack: Callable[..., Stack], tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    stack = new_stack("production", **UNLIMITED)
    stage = set_stage(stack, tmp_path)
    list_id, key = stage.world.list_id, stage.world.publisher_key
    member = Listener(
        "lumen",
        tmp_path / "listening",
        base_url=stack.base_url,
        key=stage.world.member_key,
        fingerprint=stage.fingerprint,
        lists=(list_id,),
    )
    (tmp_path / "nginx").mkdir()
    starts = beginnings(list_id, key)
    with contextlib.ExitStack() as scene:
        scene.callback(member.stop)
        publisher = scene.enter_context(Publisher(stack.base_url, stage.world))
        publisher.publish(publisher.send(drawn_hashes(20, seed=f"{list_id}/1")))
        wait_until(
            lambda: member.state(list_id)[0] == 1, seconds=120, what="the first release at the member's"
        )
        proxy = scene.enter_context(proxied(f"127.0.0.1:{stack.port}", "", tmp_path / "nginx"))
        at_nginx = scene.enter_context(dripping(proxy.port, *starts, tls=True))
        at_web = scene.enter_context(dripping(stack.port, *starts))
        notice = form("/", 900, "webhook-id: msg_1")
        at_member = scene.enter_context(dripping(member.port, notice, repr(b"POST / HT"), repr(b"")))
        with Probe(proxy.port, trust=proxy.trust) as behind, Probe(stack.port) as direct:
            began = time.monotonic()
            time.sleep(SECONDS / 4)  # all of them have come
            publisher.publish(publisher.send(drawn_hashes(20, seed=f"{list_id}/2"), urgent=True))
            wait_until(lambda: told_of(member, list_id, 2), seconds=SECONDS / 2, what="the urgent notice")
            assert time.monotonic() - began < SECONDS, "they were gone when the notice came"
            ended = {"nginx": at_nginx(), "web": at_web(), "member": at_member()}
    record_property(
        "slow strangers: answers to them, and the longest waits of others",
        json.dumps([ended, max(behind.answers), max(direct.answers)]),
    )
    for name, counts in ended.items():
        assert counts["came"] >= STRANGERS, (name, counts)
    for probe in (behind, direct):
        probe.require_quick_answers()
    record_property("faults: connections of slow strangers", sum(one["came"] for one in ended.values()))


def told_of(member: Listener, list_id: str, release: int) -> bool:
    """Whether a notice of it was taken, not only its own look a minute later."""
    return any(one["lists"].get(list_id) == release for one in member.told("notice"))
