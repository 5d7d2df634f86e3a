"""A small exchange on loopback, a list with three releases to come, and `hashx` as a member runs it."""

from __future__ import annotations

import hashlib
import io
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from exchange.client import cli
from tests.exchange.client.exchange_server import KEY, ExchangeServer
from tests.exchange.client.publisher import Directory, Officers, Publisher


@dataclass(frozen=True, slots=True)
class Ran:
    """One run of `hashx --json`."""

    exit: int
    document: dict[str, Any]
    err: str

    @property
    def synced(self) -> dict[str, Any]:
        """The one list of a sync."""
        only: dict[str, Any] = self.document["lists"][0]
        return only


class Hashx:
    """Runs the command line in this process, with a home of its own."""

    def __init__(self, home: Path, into: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.home = home
        self.into = into
        self._monkeypatch = monkeypatch

    def run(self, *arguments: str) -> Ran:
        out, err = io.StringIO(), io.StringIO()
        with self._monkeypatch.context() as patched:
            patched.setenv("HASHX_HOME", str(self.home))
            patched.setenv("HASHX_TRACEBACK", "1")
            patched.setattr(sys, "argv", ["hashx", *arguments, "--json"])
            patched.setattr(sys, "stdout", out)
            patched.setattr(sys, "stderr", err)
            try:
                cli.main()
                code = 0
            except SystemExit as stop:
                code = int(stop.code or 0)
        said = out.getvalue()
        return Ran(code, json.loads(said) if said else {}, err.getvalue())

    def sync(self, *lists: str) -> Ran:
        return self.run("sync", *lists, "--into", str(self.into))

    def fingerprint_of_applied(self, list_id: str) -> str:
        """A digest of everything that is in force: any change of the applied state shows here."""
        digest = hashlib.sha256()
        folder = self.into / list_id
        for path in sorted(folder.rglob("*")):
            relative = path.relative_to(folder)
            if path.is_file() and relative.parts[0] in ("current.json", "releases"):
                digest.update(str(relative).encode() + path.read_bytes())
        return digest.hexdigest()


@pytest.fixture
def officers() -> Officers:
    return Officers()


@pytest.fixture
def exchange(tmp_path: Path) -> Iterator[ExchangeServer]:
    served = tmp_path / "served"
    served.mkdir()
    server = ExchangeServer(served)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def directory(exchange: ExchangeServer, officers: Officers) -> Directory:
    return Directory(exchange.served, officers)


@pytest.fixture
def publisher(
    exchange: ExchangeServer, officers: Officers, directory: Directory, tmp_path: Path
) -> Publisher:
    made = Publisher(exchange.served, officers, tmp_path / "work")
    show_in_catalogue(exchange, made)
    return made


def show_in_catalogue(
    exchange: ExchangeServer,
    publisher: Publisher,
    *,
    name: str = "Harbor",
    kind: str = "ngo",
    jurisdiction: str = "GB",
) -> None:
    """List it, and subscribe."""
    exchange.lists.append(
        {
            "id": publisher.list_id,
            "title": "Known files",
            "publisher": {"id": name, "name": name, "kind": kind, "jurisdiction": jurisdiction},
            "jurisdiction": jurisdiction,
            "tlp": "amber",
            "hash_types": ["sha256"],
            "latest_release": 1,
            "entries": 3,
        }
    )
    exchange.subscribed.add(publisher.list_id)


@pytest.fixture
def hashx(
    tmp_path: Path, exchange: ExchangeServer, directory: Directory, monkeypatch: pytest.MonkeyPatch
) -> Hashx:
    """A member that has run `hashx init`."""
    monkeypatch.setattr("exchange.client.fetch.FIRST_WAIT", 0.001)
    member = Hashx(tmp_path / "home", tmp_path / "lists", monkeypatch)
    pinned = hashlib.sha256(directory.root).hexdigest()
    ran = member.run("init", "--url", exchange.url, "--key", KEY, "--fingerprint", pinned)
    assert ran.exit == 0, ran.err
    return member
