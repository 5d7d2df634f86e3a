"""The whole story by the real parts: upload, approve, sign, release, push, verify, apply, confirm; twice.

(1) Harbor's machine submits a file with `hashx`; a worker validates it.
(2) A second person opens the submission's page and approves it; nobody approves their own.
(3) A worker builds the draft; Harbor's credential has the hosted key sign it; a worker publishes the release.
(4) A worker pushes the notice; Lumen's `hashx listen` verifies it, syncs, recomputes the root, and confirms.
(5) The same again as release 2, which travels as a delta.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import httpx

from accounts.identity.roles import Role
from exchange.demo.people import Machine, Person, Phone, Unexpected
from exchange.demo.world import World

PATIENCE_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class Step:
    """One station, how long it took as somebody outside saw it, and what came of it."""

    name: str
    seconds: float
    outcome: str


@dataclass(frozen=True, slots=True)
class Arrived:
    """A release that the member applied: what both sides hold, and how it travelled."""

    number: int
    entries: int
    publisher_root: str
    member_root: str
    delta_bytes: int
    snapshot_bytes: int

    @property
    def delta_share(self) -> float:
        """The delta's size as a share of the snapshot's; 0 for a first release."""
        return self.delta_bytes / self.snapshot_bytes if self.snapshot_bytes else 0.0


class Journey:
    """Walks a submission from file to confirmation against a running exchange."""

    def __init__(
        self,
        base_url: str,
        world: World,
        *,
        publisher: Machine,
        tell: Callable[[Step], None] = lambda step: None,
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        self._base, self._world, self._publisher = base_url, world, publisher
        self._tell, self._patience = tell, patience
        self._as_publisher = _api(base_url, world.publisher_key)
        self._as_member = _api(base_url, world.member_key)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._as_publisher.close()
        self._as_member.close()

    def travel(self, file: Path, *, release: int, note: str) -> Arrived:
        """Take `file` (a complete state of the list) to `release` and wait for the member's confirmation."""
        submission = self._submit(file, note)
        self._approve(submission)
        self._sign(submission)
        published = self._published(release)
        confirmation = self._confirmed(release)
        if confirmation["state_root"] != published["state_root"]:
            raise Unexpected(f"the member's root of release {release} is not the publisher's")
        return Arrived(
            number=release,
            entries=published["entries"],
            publisher_root=published["state_root"],
            member_root=confirmation["state_root"],
            delta_bytes=published["delta_length"],
            snapshot_bytes=published["snapshot_length"],
        )

    def _submit(self, file: Path, note: str) -> str:
        with self._step("upload and validate") as outcome:
            arguments = ("submit", self._world.list_id, str(file), "--mode", "replace", "--note", note)
            told = self._publisher.hashx(*arguments)["submission"]
            counts = told["counts"]
            outcome.append(
                f"{told['reference']}: {counts['rows']:,} lines, {counts['problems']:,} refused, "
                f"+{counts['adds']:,} ~{counts['updates']:,} −{counts['removals']:,}"
            )
        return str(told["id"])

    def _approve(self, submission: str) -> None:
        with self._step("approve") as outcome:
            approver = self._world.person("Harbor", Role.APPROVER)
            with Person(
                self._base,
                email=approver.email,
                password=self._world.password,
                phone=Phone(approver.seed),
            ) as person:
                person.press(f"/submissions/{submission}", f"/submissions/{submission}/approve")
            outcome.append(f"by {approver.name}, in the browser")

    def _sign(self, submission: str) -> None:
        address = f"/api/v1/submissions/{submission}/signatures"
        with self._step("build the release") as outcome:
            draft = self._until(self._as_publisher, address, lambda told: told["state"] == "open", "a draft")
            outcome.append(f"draft of release {draft['release']}, list version {draft['list_version']}")
        with self._step("sign") as outcome:
            answer = self._as_publisher.post(address, json={"hosted": True})
            if answer.status_code != 201:
                raise Unexpected(f"signing answered {answer.status_code}: {answer.text}")
            outcome.append(f"with key {answer.json()['signatures'][0][:8]}… (hosted)")

    def _published(self, release: int) -> dict[str, Any]:
        with self._step("publish") as outcome:
            address = f"/api/v1/lists/{self._world.list_id}/releases/{release}"
            found = self._until(self._as_publisher, address, lambda told: True, f"release {release}")
            outcome.append(
                f"release {release}: {found['entries']:,} entries, root {found['state_root'][:12]}…"
            )
        return found

    def _confirmed(self, release: int) -> dict[str, Any]:
        def newest(told: dict[str, Any]) -> bool:
            return any(item["release"] == release for item in told["items"])

        with self._step("push, verify, apply, confirm") as outcome:
            address = f"/api/v1/lists/{self._world.list_id}/confirmations"
            told = self._until(self._as_member, address, newest, f"the confirmation of release {release}")
            found: dict[str, Any] = next(item for item in told["items"] if item["release"] == release)
            outcome.append(f"Lumen holds root {found['state_root'][:12]}…, {_same(found['matches'])}")
        return found

    def _until(
        self, api: httpx.Client, address: str, true: Callable[[dict[str, Any]], bool], what: str
    ) -> dict[str, Any]:
        """Ask until the answer is there and `true`; a 404 or a web server that restarts means: not yet."""
        deadline, last = time.monotonic() + self._patience, "nothing"
        while time.monotonic() < deadline:
            try:
                answer = api.get(address)
            except httpx.TransportError as error:
                last = type(error).__name__
            else:
                last = f"{answer.status_code} {answer.text[:300]}"
                if answer.status_code == 200:
                    told: dict[str, Any] = answer.json()
                    if true(told):
                        return told
            time.sleep(0.05)
        raise Unexpected(f"{what} did not come within {self._patience:g} s; the last answer was: {last}")

    @contextmanager
    def _step(self, name: str) -> Iterator[list[str]]:
        outcome: list[str] = []
        started = time.monotonic()
        yield outcome
        self._tell(Step(name, time.monotonic() - started, "; ".join(outcome)))


def _api(base_url: str, key: str) -> httpx.Client:
    return httpx.Client(base_url=base_url, headers={"Authorization": f"Bearer {key}"}, timeout=30)


def _same(matches: bool) -> str:
    return "the publisher's" if matches else "NOT the publisher's"
