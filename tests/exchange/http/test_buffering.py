"""The web processes' worker in a real gunicorn: who is slow holds nobody up but themselves.

A socket's time-out of 20 seconds stands for "never": gunicorn's own worker keeps them waiting for ever.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import resource
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.deploy.test_receivers import free_port, wait_for
from tests.services import ROOT

THREADS = 4
CONNECTIONS = 60
LARGE = os.urandom(3_000_000)
NEVER = 20.0

SMALL_FORM = b"POST /read HTTP/1.1\r\nHost: a\r\nContent-Length: 2000\r\n\r\nabc"
LARGE_FILE = b"POST /read HTTP/1.1\r\nHost: a\r\nContent-Length: 3000000\r\n\r\nabc"
HALF_A_HEAD = b"GET /leave HTTP/1.1\r\nHost: a\r\nX-A: "
CHUNKS = b"POST /read HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5"


@dataclass
class Web:
    port: int
    process: subprocess.Popen[bytes]
    open: list[socket.socket] = field(default_factory=list)

    def connect(self, first: bytes = b"") -> socket.socket:
        made = socket.create_connection(("127.0.0.1", self.port), timeout=NEVER)
        self.open.append(made)
        made.sendall(first)
        return made

    def ask(self, request: bytes) -> bytes:
        """The whole answer to a request on a connection of its own."""
        return to_the_end(self.connect(request))

    def workers(self) -> list[str]:
        """The numbers of gunicorn's worker processes."""
        return Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()

    def is_answering(self) -> bool:
        return self.ask(b"GET /leave HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").endswith(b"left")


def to_the_end(sock: socket.socket) -> bytes:
    """All that comes until the other side closes. A reset, which a flood may bring, ends it too."""
    parts = []
    with contextlib.suppress(ConnectionResetError):
        while part := sock.recv(65_536):
            parts.append(part)
    return b"".join(parts)


@pytest.fixture
def patience() -> float:
    return 600.0


@pytest.fixture
def web(tmp_path: Path, patience: float) -> Iterator[Web]:
    """gunicorn with four threads, two of which may read slow bodies."""
    port = free_port()
    (tmp_path / "conf.py").write_text(
        "from exchange.http import buffering\n"
        f"buffering.PATIENCE = buffering.REQUEST_SECONDS = buffering.PLACE_SECONDS = {patience}\n"
        "worker_class = 'exchange.http.buffering.BufferingWorker'\n"
        f"bind, workers, threads = '127.0.0.1:{port}', 1, {THREADS}\n"
        f"worker_connections, graceful_timeout, control_socket_disable = {CONNECTIONS}, 10, True\n"
    )
    command = [
        sys.executable,
        "-m",
        "gunicorn",
        "-c",
        str(tmp_path / "conf.py"),
        "tests.exchange.http.body_reader",
    ]
    process = subprocess.Popen(command, cwd=ROOT)
    made = Web(port, process)
    try:
        wait_for(port)
        yield made
    finally:
        for one in made.open:
            one.close()
        process.kill()
        process.wait(timeout=20)


@pytest.mark.parametrize("beginning", [SMALL_FORM, LARGE_FILE, HALF_A_HEAD, CHUNKS, b""])
def test_however_many_are_slow_the_others_are_answered(web: Web, beginning: bytes) -> None:
    for _ in range(5 * THREADS):
        web.connect(beginning)
    for _ in range(3):
        assert web.is_answering()


def test_with_no_room_left_whoever_has_waited_longest_gives_way(web: Web) -> None:
    slow = [web.connect(SMALL_FORM) for _ in range(2 * CONNECTIONS)]
    assert web.is_answering()
    assert to_the_end(slow[0]) == b""


def test_without_a_free_descriptor_whoever_has_waited_longest_gives_way(web: Web) -> None:
    assert web.is_answering()
    (worker,) = web.workers()
    used = len(list(Path(f"/proc/{worker}/fd").iterdir()))
    resource.prlimit(int(worker), resource.RLIMIT_NOFILE, (used + 10, used + 10))
    for _ in range(30):
        web.connect(SMALL_FORM)
    assert web.is_answering()
    assert web.workers() == [worker]


def test_half_of_the_threads_read_slow_bodies_and_a_place_that_gets_free_is_taken(web: Web) -> None:
    beginning, rest = LARGE_FILE, LARGE[3:]
    first, second, third = (web.connect(beginning) for _ in range(3))
    third.settimeout(0.5)
    with pytest.raises(TimeoutError):
        third.sendall(rest * 3)  # nobody takes it: more than the kernel keeps stays with the sender
    first.close()
    fourth = web.connect(beginning.replace(b"Host: a", b"Connection: close"))
    second.sendall(rest)
    assert second.recv(1) == b"H"
    third.close()
    fourth.sendall(rest)
    assert to_the_end(fourth).endswith(hashlib.sha256(b"abc" + rest).hexdigest().encode())


class TestInAHurry:
    """With a patience of a moment."""

    @pytest.fixture
    def patience(self) -> float:
        return 1.0

    def test_whoever_is_too_slow_is_told_so(self, web: Web) -> None:
        answer = web.ask(SMALL_FORM)
        assert answer.startswith(b"HTTP/1.1 408 Request Timeout")
        assert b"trop lentement" in answer
        answer = web.ask(SMALL_FORM.replace(b"/read", b"/api/v1/lists"))
        assert b'"code": "request.too_slow"' in answer
        assert web.ask(HALF_A_HEAD).startswith(b"HTTP/1.1 408")
        assert web.ask(LARGE_FILE).endswith(b"TooSlow")  # what the application is told in its thread

    def test_a_body_that_finds_no_place_may_come_again(self, web: Web) -> None:
        with contextlib.ExitStack() as dripping:
            for _ in range(THREADS // 2):
                dripping.enter_context(Dripping(web.connect(LARGE_FILE)))
            answer = web.ask(LARGE_FILE)
        assert answer.startswith(b"HTTP/1.1 503 Service Unavailable")
        assert b"Retry-After: 5" in answer
        assert web.is_answering()

    def test_who_says_nothing_hears_nothing(self, web: Web) -> None:
        assert web.ask(b"") == b""


class Dripping:
    """Keeps a body coming just above the floor."""

    def __init__(self, sock: socket.socket) -> None:
        self._program = subprocess.Popen(
            [sys.executable, "-c", _DRIP, str(sock.fileno())], pass_fds=[sock.fileno()]
        )

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        self._program.kill()
        self._program.wait()


_DRIP = """
import socket, sys, time
sock = socket.socket(fileno=int(sys.argv[1]))
for _ in range(400):
    sock.sendall(b"x" * 1_000)
    time.sleep(0.05)
"""


def test_a_request_in_many_pieces_is_read_as_one(web: Web) -> None:
    body = os.urandom(5_000)
    request = b"POST /read HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 5000\r\n\r\n" + body
    sock = web.connect()
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for at in range(0, len(request), 97):
        sock.sendall(request[at : at + 97])
    assert to_the_end(sock).endswith(hashlib.sha256(body).hexdigest().encode())


def test_large_files_and_chunks_and_those_who_ask_first_are_read_whole(web: Web) -> None:
    digest = hashlib.sha256(LARGE).hexdigest().encode()
    head = b"POST /read HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
    assert web.ask(head + b"Content-Length: 3000000\r\n\r\n" + LARGE).endswith(digest)
    chunk = b"%x\r\n%b\r\n" % (len(LARGE), LARGE)
    assert web.ask(head + b"Transfer-Encoding: chunked\r\n\r\n" + chunk + b"0\r\n\r\n").endswith(digest)
    sock = web.connect(head + b"Expect: 100-continue\r\nContent-Length: 3000000\r\n\r\n")
    assert sock.recv(65_536) == b"HTTP/1.1 100 Continue\r\n\r\n"
    sock.sendall(LARGE)
    assert to_the_end(sock).endswith(digest)


def test_a_connection_is_used_again_and_requests_that_came_together_are_all_answered(web: Web) -> None:
    form = b"POST /leave HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"
    last = b"POST /read HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 3\r\n\r\nab"
    sock = web.connect(form)
    first = b""
    while not first.endswith(b"left"):
        first += sock.recv(65_536)
    sock.sendall(form + form + last)
    sock.sendall(b"c")
    answers = to_the_end(sock)
    assert answers.count(b"left") == 2
    assert answers.endswith(hashlib.sha256(b"abc").hexdigest().encode())


def test_what_is_left_of_a_body_ends_the_connection_and_the_answer_arrives(web: Web) -> None:
    sock = web.connect(LARGE_FILE.replace(b"/read", b"/leave"))
    assert to_the_end(sock).endswith(b"left")


def test_two_lengths_smuggle_nothing_and_wait_for_nothing(web: Web) -> None:
    for fields in (
        b"Content-Length: 3\r\nContent-Length: 30\r\n",
        b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
        b"Content-Length: 3\r\nTransfer-Encoding : chunked\r\n",
        b"Content-Length: 3\r\n Transfer-Encoding: chunked\r\n",
    ):
        answer = web.ask(b"POST /read HTTP/1.1\r\nHost: a\r\n" + fields + b"\r\nabc")
        assert answer.startswith(b"HTTP/1.1 400"), fields


def test_it_ends_when_it_is_asked_to_with_slow_ones_at_the_door(web: Web) -> None:
    for beginning in (SMALL_FORM, LARGE_FILE, HALF_A_HEAD, b""):
        web.connect(beginning)
    assert web.is_answering()
    web.process.send_signal(signal.SIGTERM)
    assert web.process.wait(timeout=60) == 0
