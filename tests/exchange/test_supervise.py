"""The supervisor against real processes and real signals."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

_ROOT = Path(__file__).resolve().parents[2]
# A child that starts a grandchild, as gunicorn does, and notes both numbers.
_FAMILY = """
import pathlib, subprocess, sys, time
grandchild = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
pathlib.Path(sys.argv[1]).write_text(str(grandchild.pid))
print("family is up", flush=True)
time.sleep(600)
"""
_PROGRAM = """
import sys
from pathlib import Path
from exchange.supervise import Process, Supervisor
var = Path(sys.argv[1])
Supervisor(
    [
        Process("family", [sys.executable, "-c", sys.argv[2], str(var / "grandchild")]),
        Process("stubborn", [sys.executable, "-c", sys.argv[3]]),
    ],
    var=var, console=True, grace_seconds=1.0,
).run()
"""
_STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("stubborn is up", flush=True)
time.sleep(600)
"""


def wait_until(true: Callable[[], object], seconds: float = 15.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


class Watched:
    """A supervisor process under test and the numbers of its family."""

    def __init__(self, var: Path) -> None:
        self.var = var
        self.output = var / "console"
        with self.output.open("wb") as console:
            self.process = subprocess.Popen(
                [sys.executable, "-c", _PROGRAM, str(var), _FAMILY, _STUBBORN],
                cwd=_ROOT,
                stdout=console,
                stderr=subprocess.STDOUT,
            )
        wait_until(lambda: self.says("family is up") and self.says("stubborn is up"))

    def says(self, text: str) -> bool:
        return text in self.output.read_text()

    def pid(self, name: str) -> int:
        return int((self.var / "run" / f"{name}.pid").read_text())

    def grandchild(self) -> int:
        return int((self.var / "grandchild").read_text())

    def everyone(self) -> set[int]:
        return {self.pid("family"), self.pid("stubborn"), self.grandchild()}


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    stack = Watched(tmp_path)
    everyone = stack.everyone()
    yield stack
    stack.process.kill()
    stack.process.wait()
    for pid in everyone:
        if is_running(pid):
            os.kill(pid, signal.SIGKILL)


def test_it_starts_a_killed_child_again_and_ends_what_the_child_left_behind(watched: Watched) -> None:
    first, orphan = watched.pid("family"), watched.grandchild()
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: (watched.var / "run" / "family.pid").exists() and watched.pid("family") != first)
    wait_until(lambda: not is_running(orphan))
    wait_until(lambda: watched.grandchild() != orphan)
    assert is_running(watched.pid("family"))
    assert watched.says("family ended (-9); starting it again")


def test_no_process_survives_the_supervisors_own_sudden_death(watched: Watched) -> None:
    everyone = watched.everyone()
    watched.process.kill()
    watched.process.wait()
    wait_until(lambda: not any(is_running(pid) for pid in everyone))


def test_it_ends_everything_on_sigterm_even_what_does_not_listen(watched: Watched) -> None:
    everyone = watched.everyone()
    watched.process.terminate()
    assert watched.process.wait(timeout=15) == 0
    assert not any(is_running(pid) for pid in everyone)
    assert watched.says("stubborn did not end in time and was killed")
    assert not list((watched.var / "run").glob("*.pid"))


def test_each_childs_output_lands_in_its_own_log_and_prefixed_on_the_console(watched: Watched) -> None:
    assert (watched.var / "log" / "family.log").read_text() == "family is up\n"
    assert watched.says("family       | family is up")
