"""The real processes together: they start, answer, poll, come back when killed, and leave nothing behind."""

from __future__ import annotations

import os
import signal
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from tests.services import wait_until
from tests.stack import NAMES, Stack

pytestmark = pytest.mark.faults


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def last_poll(stack: Stack, queue: str) -> float:
    path = stack.var / "run" / f"poller-{queue}"
    return path.stat().st_mtime if path.exists() else 0.0


def polls_again(stack: Stack) -> None:
    """Wait until every lane has completed a poll that began after now."""
    now = datetime.now(UTC).timestamp()
    for queue in ("data", "push", "push-urgent"):
        wait_until(lambda queue=queue: last_poll(stack, queue) > now, seconds=60, what=f"a poll of {queue}")  # type: ignore[misc]


def test_every_lane_polls_whatever_is_killed_and_without_any_broker(running_stack: Stack) -> None:
    assert set(running_stack.pids()) == set(NAMES)
    polls_again(running_stack)
    lose_the_broker(running_stack)
    for name in ("worker-push", "web"):
        running_stack.kill(name)
    wait_until(running_stack.is_healthy, what="the web's return")
    # The push worker now began its life with a dead broker: its poller must not wait for it.
    polls_again(running_stack)
    if running_stack.redis is not None:
        running_stack.redis.start()
    wait_until(lambda: is_ready(running_stack), what="readiness")


def lose_the_broker(stack: Stack) -> None:
    if stack.redis is not None:
        stack.redis.kill()
    else:  # the folder broker has no process that could die; it can lose its files
        for message in (stack.var / "broker").rglob("*.msg"):
            message.unlink(missing_ok=True)


def is_ready(stack: Stack) -> bool:
    return httpx.get(f"{stack.base_url}/readyz", timeout=10).status_code == 200


def test_nothing_survives_the_death_of_the_supervisor(running_stack: Stack) -> None:
    pids = running_stack.pids()
    assert running_stack.supervisor_pid is not None
    os.kill(running_stack.supervisor_pid, signal.SIGKILL)
    wait_until(lambda: not any(is_running(pid) for pid in pids.values()), what="the end of every process")
    running_stack.crash()  # buries the supervisor
    running_stack.start_processes()
    polls_again(running_stack)
