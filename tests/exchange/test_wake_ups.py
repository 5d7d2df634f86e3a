"""Wake-ups: sent after commit, never in the way, and never needed, because the poller finds what is due."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import redis as redis_client
from celery import Celery
from django.db import transaction
from pytest_django import Settings

from exchange import celery as wake_ups
from exchange.poller import Poller, heartbeat_ages
from tests.services import Redis, wait_until


def application(server: Redis) -> Celery:
    """A Celery application on this test's own Redis, with the time-outs of the exchange."""
    app = Celery("test", broker=server.url, set_as_current=False)
    app.conf.update(
        broker_transport_options={
            "socket_timeout": 1,
            "socket_connect_timeout": 1,
            "retry_on_timeout": False,
        },
        task_publish_retry=False,
    )
    return app


class Outbox(wake_ups.Nudger):
    """A nudger that tries again soon, so that a test need not wait."""

    SILENCE_SECONDS = 0.2
    QUEUE_LENGTH = 5


def queued(server: Redis, queue: str) -> int:
    with redis_client.Redis(port=server.port) as client:
        return int(client.llen(queue))


def test_a_nudge_reaches_its_queue(redis_server: Redis) -> None:
    outbox = Outbox(application(redis_server))
    outbox.send("exchange.push.tasks.deliver", ("routine",), "push")
    wait_until(lambda: queued(redis_server, "push") == 1)
    wait_until(lambda: (outbox.sent, outbox.dropped) == (1, 0))


@pytest.mark.faults
def test_a_hanging_broker_delays_nobody_and_costs_only_the_nudge(
    redis_server: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    app, senders = application(redis_server), set[int]()
    send_task = app.send_task

    def noted(*args: Any, **options: Any) -> Any:
        senders.add(threading.get_ident())
        return send_task(*args, **options)

    monkeypatch.setattr(app, "send_task", noted)
    outbox = Outbox(app)
    outbox.send("first", (), "data")
    wait_until(lambda: outbox.sent == 1)
    assert senders
    redis_server.hang()
    outbox.send("unlucky", (), "data")
    wait_until(lambda: outbox.dropped == 1, what="the end of a send to a hanging broker")
    for _ in range(50):
        outbox.send("more", (), "data")
    redis_server.heal()
    assert threading.get_ident() not in senders  # whoever sends never speaks to the broker, and cannot wait

    def arrives() -> bool:
        outbox.send("again", (), "push-urgent")
        return queued(redis_server, "push-urgent") > 0

    wait_until(arrives)


@pytest.mark.faults
def test_a_dead_broker_is_found_again_after_its_return(redis_server: Redis) -> None:
    outbox = Outbox(application(redis_server))
    redis_server.kill()
    outbox.send("lost", (), "data")
    wait_until(lambda: outbox.dropped == 1)
    redis_server.start()

    def arrives() -> bool:
        outbox.send("again", (), "data")
        return queued(redis_server, "data") > 0

    wait_until(arrives)


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the tasks that were handed to the background thread."""
    names: list[str] = []
    monkeypatch.setattr(
        wake_ups._nudger, "send", lambda name, args, queue: names.append(f"{queue}:{name}{args}")
    )
    return names


@pytest.mark.django_db(transaction=True)
def test_a_nudge_waits_for_the_commit_and_dies_with_a_rollback(said: list[str]) -> None:
    with transaction.atomic():
        wake_ups.nudge("a", 1, queue="push")
        assert said == []
    assert said == ["push:a(1,)"]
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        wake_ups.nudge("b", 2)
        _ = 1 / 0
    assert said == ["push:a(1,)"]
    wake_ups.nudge("c")
    assert said[1:] == ["data:c()"]


@pytest.fixture
def polled(settings: Settings, tmp_path: Path) -> Iterator[list[Sequence[str]]]:
    settings.HX_VAR = tmp_path
    yield []


@pytest.mark.django_db(transaction=True)
def test_the_poller_outlives_whatever_a_poll_raises_and_beats_only_when_one_succeeds(
    polled: list[Sequence[str]], caplog: pytest.LogCaptureFixture
) -> None:
    broken = True

    def run_due(queues: Sequence[str]) -> None:
        polled.append(queues)
        if broken:
            raise RuntimeError("the database is away")

    poller = Poller(["push"], seconds=0.01, run_due=run_due)
    poller.start()
    wait_until(lambda: len(polled) > 3)
    now = datetime.now(UTC)
    assert heartbeat_ages(now=now) == {"data": None, "push": None, "push-urgent": None}
    assert [record.message for record in caplog.records] == ["poll_failed"]  # not once per poll

    broken = False
    wait_until(lambda: heartbeat_ages(now=now)["push"] is not None)
    age = heartbeat_ages(now=datetime.now(UTC) + timedelta(seconds=60))["push"]
    assert age is not None
    assert 59 < age < 70
    poller.stop(wait_seconds=5)
    assert not poller.is_alive()
    assert set(map(tuple, polled)) == {("push",)}
