"""Members' servers and quick time-outs for the tests of push."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from exchange.push import schedule
from exchange.push.clock import RunningClock
from exchange.push.schedule import Lane, Timing
from tests.exchange.push.canary import Canary
from tests.exchange.push.receivers import Members, running_members


@pytest.fixture
def members() -> Iterator[Members]:
    with running_members() as running:
        yield running


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time-outs of 1.5 s, so that a test of a hanging endpoint need not last ten."""
    for lane in Lane:
        monkeypatch.setitem(schedule.TIMING, lane, Timing(1.5, 1.5, timedelta(seconds=30)))


@pytest.fixture
def frozen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs whose time stands still, however slow the machine is: for what depends on the calendar."""
    monkeypatch.setattr(RunningClock, "now", lambda clock: clock._start)


@pytest.fixture
def canary() -> Iterator[Canary]:
    bird = Canary()
    yield bird
    bird.close()
