"""`hashx doctor`: every trouble is named, with what to do, and nothing is changed by looking."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from exchange.client import doctor
from exchange.client.home import Home, KnownEndpoint
from tests.exchange.client.conftest import Hashx, Ran
from tests.exchange.client.exchange_server import ExchangeServer
from tests.exchange.client.publisher import (
    Directory,
    Officers,
    Publisher,
    hashes,
    operations,
    root_bytes,
    rows,
)


@pytest.fixture
def applied(hashx: Hashx, publisher: Publisher) -> Publisher:
    publisher.release({"sha256": operations(rows(hashes(10, seed=1), 1))})
    assert hashx.sync().exit == 0
    return publisher


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as made:
        yield made


def examined(hashx: Hashx) -> Ran:
    return hashx.run("doctor", "--into", str(hashx.into))


def problems(ran: Ran) -> dict[str, tuple[str, int]]:
    return {one["subject"]: (one["code"], one["exit"]) for one in ran.document["findings"] if not one["well"]}


def test_a_member_in_order_is_told_so_and_nothing_is_touched(hashx: Hashx, applied: Publisher) -> None:
    before = hashx.fingerprint_of_applied(applied.list_id)
    trust = {path: path.read_bytes() for path in hashx.into.rglob("trust/*.json")}
    applied.sign_online()
    ran = examined(hashx)
    assert (ran.exit, ran.document["well"], problems(ran)) == (0, True, {}), ran.err
    assert {one["subject"].split()[0] for one in ran.document["findings"]} == {
        "settings", "disk", "store", "exchange", "clock", "key", "root", "list"
    }  # fmt: skip
    assert hashx.fingerprint_of_applied(applied.list_id) == before
    assert {path: path.read_bytes() for path in hashx.into.rglob("trust/*.json")} == trust


def test_without_settings_only_that_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ran = Hashx(tmp_path / "nowhere", tmp_path, monkeypatch).run("doctor")
    assert (ran.exit, problems(ran)) == (1, {"settings": ("home.not_initialised", 1)})
    assert "hashx init" in ran.document["findings"][0]["advice"]


def test_an_exchange_that_does_not_answer_is_one_problem_and_not_five(
    hashx: Hashx, exchange: ExchangeServer, applied: Publisher
) -> None:
    exchange.stop()
    ran = examined(hashx)
    assert (ran.exit, problems(ran)) == (2, {"exchange": ("network.unreachable", 2)})
    assert f"store {applied.list_id}" in {one["subject"] for one in ran.document["findings"]}


def test_a_stranger_at_the_address_is_not_an_exchange(hashx: Hashx, exchange: ExchangeServer) -> None:
    exchange.answers[".well-known/hash-exchange.json"] = (404, b"")
    assert problems(hashx.run("doctor")) == {"exchange": ("network.not_an_exchange", 2)}


@pytest.mark.parametrize(("minutes", "word"), [(6, "ahead of"), (-6, "behind")])
def test_a_clock_that_is_wrong(
    hashx: Hashx, monkeypatch: pytest.MonkeyPatch, minutes: int, word: str
) -> None:
    wrong = datetime.now(UTC) + timedelta(minutes=minutes)
    monkeypatch.setattr("exchange.client.commands.examining.clock", lambda: wrong)
    ran = hashx.run("doctor")
    assert problems(ran) == {"clock": ("doctor.clock", 1)}
    assert word in next(one["says"] for one in ran.document["findings"] if one["subject"] == "clock")


def test_a_key_that_is_refused_and_one_that_may_too_little(hashx: Hashx, exchange: ExchangeServer) -> None:
    exchange.permissions = ["list.view"]
    assert problems(hashx.run("doctor")) == {"key": ("doctor.scopes", 3)}
    exchange.answers["api/v1/who"] = (401, b'{"code": "credential.expired", "detail": "Expired."}')
    assert problems(hashx.run("doctor")) == {"key": ("credential.expired", 3)}


def test_another_root_at_the_exchange_is_worse_than_anything_else(
    hashx: Hashx, exchange: ExchangeServer, directory: Directory, applied: Publisher
) -> None:
    exchange.permissions = []
    other = root_bytes("directory", Officers(), directory.online)
    (directory.folder / "metadata" / "1.root.json").write_bytes(other)
    ran = examined(hashx)
    assert ran.exit == 10
    assert problems(ran) == {"key": ("doctor.scopes", 3), "root": ("root.not_pinned", 10)}


def test_a_list_that_is_no_longer_vouched_for(hashx: Hashx, applied: Publisher) -> None:
    applied.sign_online(expires=-timedelta(hours=1))
    ran = examined(hashx)
    assert (ran.exit, problems(ran)) == (12, {f"list {applied.list_id}": ("trust.expired", 12)})


def test_a_newer_release_is_advice_and_not_a_problem(hashx: Hashx, applied: Publisher) -> None:
    applied.release({"sha256": operations(rows(hashes(3, seed=2), 2))})
    ran = examined(hashx)
    assert ran.exit == 0
    assert [one["advice"] for one in ran.document["findings"] if one["advice"]] == ["Run `hashx sync`."]


def test_a_file_that_was_cut_short(hashx: Hashx, applied: Publisher) -> None:
    part = next(hashx.into.rglob("p0001.parquet"))
    part.write_bytes(part.read_bytes()[:-1])
    ran = examined(hashx)
    assert (ran.exit, problems(ran)) == (19, {f"store {applied.list_id}": ("store.corrupt", 19)})


def test_a_disk_that_is_nearly_full(
    hashx: Hashx, applied: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "ROOM_TO_WORK", 1 << 60)
    assert problems(examined(hashx)) == {"disk": ("doctor.disk", 1)}


def test_an_endpoint_as_the_exchange_and_as_this_machine_see_it(
    hashx: Hashx, exchange: ExchangeServer, listener: socket.socket
) -> None:
    url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
    Home(hashx.home).remember(KnownEndpoint("7", url, "whsec_x", verified=True))
    exchange.endpoint = {"id": "7", "url": url, "state": "active", "failures": 0, "last_error": ""}
    assert problems(hashx.run("doctor")) == {}
    exchange.endpoint |= {"failures": 3, "last_error": "connection refused"}
    ran = hashx.run("doctor")
    assert problems(ran) == {f"endpoint {url}": ("doctor.endpoint", 2)}
    assert "connection refused" in json.dumps(ran.document)
    assert "whsec_x" not in json.dumps(ran.document) + ran.err
    exchange.endpoint["failures"] = 0
    listener.close()
    assert problems(hashx.run("doctor")) == {f"endpoint {url}": ("doctor.endpoint", 2)}
