"""The parts that other tests stand on do what those tests assume."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import psycopg2
import pytest
import redis as redis_client

from tests.services import PostgreSQL, Receiver, Redis, wait_until


def test_a_committed_row_survives_an_immediate_restart_of_postgresql(durable_postgresql: PostgreSQL) -> None:
    url = durable_postgresql.new_database("survival")
    durable_postgresql.execute("CREATE TABLE kept (n int)", database="survival")
    durable_postgresql.execute("INSERT INTO kept VALUES (1)", database="survival")
    durable_postgresql.restart(mode="immediate")
    connection = psycopg2.connect(url)
    with connection.cursor() as cursor:
        cursor.execute("SELECT n, current_setting('fsync') FROM kept")
        assert cursor.fetchall() == [(1, "on")]
    connection.close()


def test_redis_can_be_flushed_hung_healed_and_killed(redis_server: Redis) -> None:
    with redis_client.Redis(port=redis_server.port, socket_timeout=0.3) as client:
        client.set("a", "1")
        redis_server.flush()
        assert client.get("a") is None
        redis_server.hang()
        with pytest.raises(redis_client.TimeoutError):
            client.ping()
        redis_server.heal()
    redis_server.kill()
    with redis_client.Redis(port=redis_server.port) as client, pytest.raises(redis_client.ConnectionError):
        client.ping()


def test_a_receiver_records_what_arrives_and_answers_as_told(new_receiver: Callable[..., Receiver]) -> None:
    receiver = new_receiver()
    assert httpx.post(receiver.url, json={"type": "release.published", "n": 1}).status_code == 204
    receiver.behave(status=503, headers={"retry-after": "7"}, body="later")
    answer = httpx.post(receiver.url, content=b"x", headers={"Webhook-Id": "m1"})
    assert (answer.status_code, answer.headers["retry-after"], answer.text) == (503, "7", "later")
    assert [each["body"] for each in receiver.requests()][1] == "x"
    assert receiver.requests()[1]["headers"]["webhook-id"] == "m1"  # type: ignore[index]
    receiver.behave(hang=True)
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(receiver.url, timeout=0.3)
    receiver.stop()
    receiver.behave()
    receiver.start()
    wait_until(lambda: httpx.post(receiver.url).status_code == 204)
