"""Members' machines: `hashx listen` as a process that can be killed; endpoints that only count notices."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx

from exchange.demo.member import settle
from exchange.demo.people import Machine
from exchange.supervise import die_with_parent
from tests.persistent import hashes_in
from tests.services import ROOT, Receiver, end, free_port


class Listener:
    """A member that applies: its machine, its process, and what it told line by line."""

    def __init__(
        self, name: str, folder: Path, *, base_url: str, key: str, fingerprint: str, lists: Sequence[str]
    ) -> None:
        self.name, self.lists = name, tuple(lists)
        self.machine = Machine(folder)
        self._log = folder / "listen.jsonl"
        self.port = free_port()
        settle(self.machine, base_url=base_url, key=key, fingerprint=fingerprint, list_id=None)
        for list_id in lists:
            self.machine.hashx("subscribe", list_id)
        self.start()

    def start(self) -> None:
        """On the same port as before: the exchange knows the address."""
        argv = self.machine.argv(
            "listen", *self.lists, "--port", str(self.port), "--into", str(self.machine.lists), "--json"
        )
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                argv,
                cwd=ROOT,
                env={**os.environ, **self.machine.env},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=die_with_parent,
            )

    def tend(self) -> None:
        """What a service unit does: start it again when it gave up because the exchange was away."""
        if self._process.poll() is not None:
            self.start()

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def hang(self) -> None:
        """Take connections and answer none."""
        self._process.send_signal(signal.SIGSTOP)

    def heal(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        if self._process.poll() is None:
            self.heal()
        end(self._process, signal.SIGTERM)

    def told(self, event: str) -> list[dict[str, Any]]:
        """Its events of one kind, oldest first; a line that a kill cut short is left out."""
        found = []
        for line in self._log.read_text(errors="replace").splitlines():
            try:
                document = json.loads(line)
            except ValueError:
                continue
            if isinstance(document, dict) and document.get("event") == event:
                found.append(document)
        return found

    def applied(self) -> list[dict[str, Any]]:
        """Every release that it put in force, in order."""
        return [one for one in self.told("synced") if one.get("changed")]

    def state(self, list_id: str) -> tuple[int, str]:
        """Release and root in force here; (0, "") before the first."""
        file = self.machine.lists / list_id / "current.json"
        if not file.exists():
            return 0, ""
        current = json.loads(file.read_text())
        return int(current["release"]), str(current["state_root"])

    def hashes(self, list_id: str) -> set[str]:
        return hashes_in(self.machine.lists, list_id) if self.state(list_id)[0] else set()


def endpoint_of(receiver: Receiver, *, base_url: str, key: str, lists: Sequence[str]) -> str:
    """Register and prove a receiver that only counts, and subscribe to `lists`; returns its id."""
    with httpx.Client(base_url=base_url, headers={"Authorization": f"Bearer {key}"}, timeout=30) as api:
        made = api.post("/api/v1/endpoints", json={"url": receiver.url})
        assert made.status_code == 201, made.text
        receiver.set_secret(made.json()["secret"])
        proven = api.post(f"/api/v1/endpoints/{made.json()['id']}/verify")
        assert proven.status_code == 200, proven.text
        for list_id in lists:
            subscribed = api.post("/api/v1/subscriptions", json={"list_id": list_id})
            assert subscribed.status_code == 201, subscribed.text
        return str(made.json()["id"])
