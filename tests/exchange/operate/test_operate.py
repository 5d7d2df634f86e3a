"""What machines ask: alive, ready, figures, and where everything is."""

from __future__ import annotations

from contextlib import closing
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from exchange.stations import STATIONS
from exchange.wakeups import QUEUES
from hashsets.trust.directory import ensure_directory
from hashsets.trust.export import export_repository
from hashsets.trust.models import DIRECTORY, Repository
from tests import cast
from tests.exchange.world import endpoint_of, follow, new_list, publish


@pytest.fixture
def client(transactional_db: None) -> Client:
    return Client()


def test_it_is_alive_whatever_the_database_does() -> None:
    assert Client().get("/healthz").content == b"ok\n"


def test_it_is_ready_when_nothing_waits(client: Client) -> None:
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["ready"]) == (200, True)


def test_it_is_not_ready_when_a_notice_could_have_been_sent_long_ago(client: Client) -> None:
    hash_list, lumen, now = new_list(cast.harbor()), cast.lumen(), timezone.now()
    follow(lumen, hash_list, endpoint_of(lumen, "https://hooks.example/x", due_at=now - timedelta(minutes=5)))
    publish(hash_list, now=now - timedelta(minutes=5))
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["checks"]["push"]) == (503, False)


def test_it_is_not_ready_when_a_timestamp_has_expired(client: Client) -> None:
    Repository.objects.create(id="directory", timestamp_expires_at=timezone.now() - timedelta(minutes=1))
    assert client.get("/readyz").json()["checks"]["trust"] is False


def test_the_figures_are_there_for_loopback_and_for_nobody_else(client: Client) -> None:
    hash_list, lumen = new_list(cast.harbor()), cast.lumen()
    follow(lumen, hash_list, endpoint_of(lumen, "https://hooks.example/x"))
    publish(hash_list)
    text = client.get("/metrics").content.decode()
    assert "push_lag_releases 1.0" in text
    assert 'push_endpoints{state="active"} 1.0' in text
    assert client.get("/metrics", REMOTE_ADDR="192.0.2.1").status_code == 404


def test_a_token_opens_the_figures_from_elsewhere(client: Client, settings: Any) -> None:
    settings.HX_METRICS_TOKEN = "figures"
    far = Client(REMOTE_ADDR="192.0.2.1")
    assert far.get("/metrics", headers={"Authorization": "Bearer figures"}).status_code == 200
    assert far.get("/metrics", headers={"Authorization": "Bearer other"}).status_code == 404
    assert client.get("/metrics", REMOTE_ADDR="127.0.0.1").status_code == 404


def test_it_tells_what_to_pin(client: Client, settings: Any, tmp_path: Path) -> None:
    settings.BLOB_URL = str(tmp_path)
    before = client.get("/.well-known/hash-exchange.json").json()
    assert (before["directory_roots"], before["push"]["push_key"]) == ([], None)
    ensure_directory(timezone.now())
    signed = client.get("/.well-known/hash-exchange.json").json()
    assert signed["directory_roots"] == [], "a root that nobody can fetch yet"
    export_repository(DIRECTORY, now=timezone.now())
    told = client.get("/.well-known/hash-exchange.json").json()
    assert len(told["directory_roots"][0]["sha256"]) == 64
    assert told["push"]["push_key"].startswith("whpk_")


def test_it_names_whom_to_tell_of_a_hole(client: Client) -> None:
    text = client.get("/.well-known/security.txt").content.decode()
    assert text.startswith("Contact: ")
    assert "Expires: " in text


def test_what_browsers_and_robots_ask_by_themselves_is_answered(client: Client) -> None:
    """Password managers ask for the page that changes a password, browsers for a mark, robots for leave."""
    leaked = client.get("/.well-known/change-password")
    assert (leaked.status_code, leaked.headers["Location"]) == (HTTPStatus.FOUND, "/account/password")
    with closing(client.get("/favicon.ico", follow=True)) as mark:
        assert (mark.status_code, mark.headers["Content-Type"]) == (HTTPStatus.OK, "image/svg+xml")
    robots = client.get("/robots.txt").content.decode()
    assert robots.splitlines() == ["User-agent: *", "Allow: /$", "Disallow: /"]


def test_every_wake_up_reaches_the_queue_of_its_station() -> None:
    queues = {station.name: station.queue for station in STATIONS}
    assert {name: queues.get(name) for name in QUEUES} == dict(QUEUES)
    assert {follower for station in STATIONS for follower in station.then} <= set(QUEUES)
