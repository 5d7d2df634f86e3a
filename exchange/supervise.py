"""A small supervisor: starts named processes, restarts what dies, leaves no orphan when it is killed itself.

It exists so that the demo and the tests run the very processes of production (gunicorn, Celery workers) on a
machine that has only Python. Production has systemd or Kubernetes for the same job. No Django is needed here.

What dies with whom:
- A child dies: it is started again after a short, growing pause.
- SIGTERM or SIGINT reaches the supervisor: every child is asked to end, and after a grace period made to.
- SIGKILL reaches the supervisor: nothing of ours runs any more in it, so a *warden* does the work: a tiny
  process that holds the other end of a pipe, learns every child's number through it, and at its end kills
  their process groups. On Linux the kernel also signals the children at once (PR_SET_PDEATHSIG).
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import IO

_PR_SET_PDEATHSIG = 1
# Loaded before any fork: loading it between fork and exec could wait for a lock that no thread will release.
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None
_FIRST_PAUSE = 0.2
_LONGEST_PAUSE = 10.0
_LIVED_WELL_SECONDS = 10.0
_TICK = 0.05


@dataclass(frozen=True, slots=True)
class Process:
    """What to run under a name; `env` is laid over the supervisor's own environment."""

    name: str
    argv: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)


def die_with_parent() -> None:
    """Ask the kernel (Linux) to end this process with the one that started it; call between fork and exec."""
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


class _Child:
    """One supervised process with its log and the memory of how often it died lately."""

    def __init__(self, process: Process, log_path: Path, run_path: Path, *, console: bool) -> None:
        self.process = process
        self._log_path = log_path
        self._pid_path = run_path
        self._console = console
        self._running: subprocess.Popen[bytes] | None = None
        self._started_at = 0.0
        self._pause = _FIRST_PAUSE
        self.start_at = 0.0

    @property
    def pid(self) -> int | None:
        return self._running.pid if self._running else None

    def start(self) -> int:
        """Start it in a session of its own, so that its whole family can be ended by one signal."""
        self._running = subprocess.Popen(
            list(self.process.argv),
            env={**os.environ, **self.process.env},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=die_with_parent,
        )
        self._started_at = time.monotonic()
        # Complete before it is visible: whoever reads the number never sees half of it.
        draft = self._pid_path.with_suffix(".draft")
        draft.write_text(f"{self._running.pid}\n")
        draft.replace(self._pid_path)
        assert self._running.stdout is not None  # noqa: S101  (PIPE above)
        threading.Thread(target=self._copy_lines, args=(self._running.stdout,), daemon=True).start()
        return self._running.pid

    def _copy_lines(self, source: IO[bytes]) -> None:
        with self._log_path.open("ab") as log, source:
            for line in source:
                log.write(line)
                log.flush()
                if self._console:
                    text = f"{self.process.name:<12} | {line.decode('utf-8', 'replace').rstrip()}\n"
                    sys.stdout.write(text)
                    sys.stdout.flush()

    def has_ended(self) -> bool:
        """Say whether it was running and has ended; then the next start is due after a pause."""
        if self._running is None or self._running.poll() is None:
            return False
        lived = time.monotonic() - self._started_at
        self._pause = _FIRST_PAUSE if lived > _LIVED_WELL_SECONDS else min(self._pause * 2, _LONGEST_PAUSE)
        self.start_at = time.monotonic() + self._pause
        return True

    def bury(self) -> int:
        """Forget the ended process and end what it left behind in its group; returns its exit code."""
        assert self._running is not None  # noqa: S101  (only called after has_ended)
        code = self._running.returncode
        self.signal_group(signal.SIGKILL)
        self._running = None
        self._pid_path.unlink(missing_ok=True)
        return code

    def is_running(self) -> bool:
        return self._running is not None and self._running.poll() is None

    def ask_to_end(self) -> None:
        if self._running is not None:
            with contextlib.suppress(ProcessLookupError):
                self._running.terminate()

    def signal_group(self, number: signal.Signals) -> None:
        if self._running is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._running.pid, number)


class Supervisor:
    """Keeps a set of processes running until it is told to stop; see the module's first lines."""

    def __init__(
        self, processes: Sequence[Process], *, var: Path, console: bool = False, grace_seconds: float = 15.0
    ) -> None:
        for folder in ("log", "run"):
            (var / folder).mkdir(parents=True, exist_ok=True)
        self._children = [
            _Child(each, var / "log" / f"{each.name}.log", var / "run" / f"{each.name}.pid", console=console)
            for each in processes
        ]
        self._console = console
        self._grace_seconds = grace_seconds
        self._stopping = False
        self._warden: subprocess.Popen[bytes] | None = None

    def stop(self) -> None:
        """Make `run` end soon; safe in a signal handler and from another thread.

        No Event: its lock may be held by the very wait that the signal interrupts.
        """
        self._stopping = True

    def run(self) -> None:
        """Start everything and watch over it; returns after `stop`, SIGTERM or SIGINT, with nothing running.

        Must be called in the main thread: the kernel ties PR_SET_PDEATHSIG to the thread that forked.
        """
        before = {
            number: signal.signal(number, self._on_signal) for number in (signal.SIGTERM, signal.SIGINT)
        }
        try:
            while not self._stopping:
                self._tend()
                time.sleep(_TICK)
        finally:
            self._end_all()
            for number, handler in before.items():
                signal.signal(number, handler)

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self.stop()

    def _tend(self) -> None:
        if self._warden is None or self._warden.poll() is not None:
            self._start_warden()
        for child in self._children:
            if child.has_ended():
                pid, code = child.pid, child.bury()
                self._tell_warden(f"-{pid}")
                self._say(f"{child.process.name} ended ({code}); starting it again")
            if child.pid is None and time.monotonic() >= child.start_at:
                self._tell_warden(f"+{child.start()}")

    def _start_warden(self) -> None:
        # -I -S: no user site, no editable-install hooks: it must start at once and depend on nothing.
        self._warden = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _WARDEN],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,  # or whoever reads our output would wait for the warden's end too
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        for child in self._children:
            if child.pid is not None:
                self._tell_warden(f"+{child.pid}")

    def _tell_warden(self, line: str) -> None:
        if self._warden is not None and self._warden.stdin is not None:
            with contextlib.suppress(BrokenPipeError):  # it died this moment; the next round starts another
                self._warden.stdin.write(line.encode() + b"\n")
                self._warden.stdin.flush()

    def _end_all(self) -> None:
        for child in self._children:
            child.ask_to_end()
        deadline = time.monotonic() + self._grace_seconds
        while any(child.is_running() for child in self._children) and time.monotonic() < deadline:
            time.sleep(_TICK)
        for child in self._children:
            if child.is_running():
                self._say(f"{child.process.name} did not end in time and was killed")
            child.signal_group(signal.SIGKILL)
            if child.pid is not None:
                while child.is_running():
                    time.sleep(_TICK)
                child.bury()
        if self._warden is not None:
            if self._warden.stdin is not None:
                with contextlib.suppress(BrokenPipeError):
                    self._warden.stdin.close()
            self._warden.wait(timeout=10)

    def _say(self, sentence: str) -> None:
        if self._console:
            sys.stdout.write(f"{'supervisor':<12} | {sentence}\n")
            sys.stdout.flush()


# The warden's whole program. Its standard input ends when the supervisor ends, however it ended; whoever is
# then still listed is asked to end and, five seconds later, killed with its whole process group.
_WARDEN = """
import os, signal, sys, time
signal.signal(signal.SIGINT, signal.SIG_IGN)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
alive = set()
for line in sys.stdin:
    (alive.add if line[0] == "+" else alive.discard)(int(line[1:]))
def tell(number):
    for pid in list(alive):
        try:
            os.killpg(pid, number)
        except (ProcessLookupError, PermissionError):
            alive.discard(pid)
tell(signal.SIGTERM)
deadline = time.monotonic() + 5
while alive and time.monotonic() < deadline:
    time.sleep(0.05)
    tell(0)
tell(signal.SIGKILL)
"""
