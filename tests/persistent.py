"""A publisher's program that loses nothing: it asks where its submissions are, does what is next, asks again.

It holds on to what the exchange acknowledged and to nothing else. An upload without an answer is sent again;
what an earlier try may have left is never approved, so it never becomes a release.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, cast

import httpx
import pyarrow.parquet as parquet

from accounts.identity.roles import Role
from exchange.demo.people import Person, Phone, Unexpected
from exchange.demo.world import World

PATIENCE_SECONDS: Final = 240.0
PAUSE_SECONDS: Final = 0.05
# Who approves must have proven presence a few minutes ago.
FRESH_SECONDS: Final = 240.0


def drawn_hashes(count: int, *, seed: str) -> list[str]:
    """`count` SHA-256 values that no file has."""
    return [hashlib.sha256(f"{seed}/{number}".encode()).hexdigest() for number in range(count)]


def as_csv(hashes: Sequence[str]) -> bytes:
    lines = ["sha256,classification", *(f"{value},source" for value in hashes)]
    return ("\n".join(lines) + "\n").encode()


@dataclass(frozen=True, slots=True)
class Asked:
    """One request: what for, how long until its end, and how it ended (0: the connection broke)."""

    what: str
    seconds: float
    status: int


@dataclass
class Publisher:
    """Harbor's program and Harbor's approver in one: uploads, approves, signs, until it is published."""

    base_url: str
    world: World
    asked: list[Asked] = field(default_factory=list)

    def __post_init__(self) -> None:
        key = {"Authorization": f"Bearer {self.world.publisher_key}"}
        self._api = httpx.Client(base_url=self.base_url, headers=key, timeout=30)
        self._sign_in()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._api.close()
        self._approver.__exit__()

    def send(
        self, hashes: Sequence[str], *, urgent: bool = False, halfway: Callable[[], object] | None = None
    ) -> str:
        """Upload until it is acknowledged; returns the submission's id. `halfway` is called once, when half
        of the file is on its way."""
        content = as_csv(hashes)
        address = f"/api/v1/lists/{self.world.list_id}/submissions"
        deadline = time.monotonic() + PATIENCE_SECONDS
        pending = halfway
        while time.monotonic() < deadline:
            body, pending = _body(content, pending), None
            answer = self._request(
                "POST",
                address,
                params={"mode": "add", "urgent": str(urgent).lower()},
                content=body,
                headers={"Content-Type": "text/csv", "Content-Length": str(len(content))},
            )
            if answer is not None and answer.status_code == 202:
                return str(answer.json()["id"])
            if answer is not None and answer.status_code < 500:
                raise Unexpected(f"the upload answered {answer.status_code}: {answer.text}")
            time.sleep(PAUSE_SECONDS)
        raise Unexpected("no upload was acknowledged")

    def wait_for(self, state: str, submission: str) -> None:
        """Do what is next until the submission has come at least as far as `state`."""
        self._press_on([submission], _FROM[state])

    def publish(self, *submissions: str) -> None:
        """Do what is next, for each, until all of them are published."""
        self._press_on(list(submissions), _FROM["published"])

    def state(self, submission: str) -> str:
        """Where it is; an empty string when nobody answers now."""
        answer = self._request("GET", f"/api/v1/submissions/{submission}")
        return str(answer.json()["state"]) if answer is not None and answer.status_code == 200 else ""

    def releases(self) -> list[dict[str, Any]]:
        """Every release of the list, oldest first, page after page."""
        found: list[dict[str, Any]] = []
        cursor: str | None = ""
        while cursor is not None:
            query = {"cursor": cursor} if cursor else {}
            answer = self._api.get(f"/api/v1/lists/{self.world.list_id}/releases", params=query)
            answer.raise_for_status()
            found += answer.json()["items"]
            cursor = answer.json()["next"]
        return found[::-1]

    def _press_on(self, submissions: Sequence[str], goal: frozenset[str]) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        states: dict[str, str] = {}
        while time.monotonic() < deadline:
            states = {each: self._do_what_is_next(each, goal) for each in submissions}
            if all(state in goal for state in states.values()):
                return
            time.sleep(PAUSE_SECONDS)
        raise Unexpected(f"after {PATIENCE_SECONDS:g} s the submissions are: {states}")

    def _do_what_is_next(self, submission: str, goal: frozenset[str]) -> str:
        state = self.state(submission)
        if state in goal or not state:
            return state
        if state in ("refused", "returned", "withdrawn"):
            raise Unexpected(f"the submission is {state}")
        if state == "staged":
            self._approve(submission)
        elif state == "drafted":
            self._sign(submission)
        return state

    def _approve(self, submission: str) -> None:
        """Press the button. If the answer is lost, or the page changed meanwhile, the next look tells."""
        began = time.monotonic()
        try:
            if began - self._signed_in > FRESH_SECONDS:
                self._approver.__exit__()
                self._sign_in()
            self._approver.press(f"/submissions/{submission}", f"/submissions/{submission}/approve")
            status = 200
        except httpx.TransportError:
            status = 0
        except Unexpected:
            status = 409
        self.asked.append(Asked("approve", time.monotonic() - began, status))

    def _sign_in(self) -> None:
        approver = self.world.person("Harbor", Role.APPROVER)
        before: Person | None = getattr(self, "_approver", None)
        self._approver = Person(
            self.base_url,
            email=approver.email,
            password=self.world.password,
            phone=Phone(approver.seed),
        )
        if before is not None:
            before.__exit__()
        self._signed_in = time.monotonic()

    def _sign(self, submission: str) -> None:
        """Sign what is open. An answer that gets lost does no harm: the same key signs the same bytes."""
        address = f"/api/v1/submissions/{submission}/signatures"
        draft = self._request("GET", address)
        if draft is not None and draft.status_code == 200 and draft.json()["state"] == "open":
            self._request("POST", address, json={"hosted": True})

    def _request(self, method: str, address: str, **options: Any) -> httpx.Response | None:
        """The answer, None when the connection broke: then nobody knows what came of it."""
        began = time.monotonic()
        try:
            answer = self._api.request(method, address, **options)
        except httpx.TransportError:
            answer = None
        status = answer.status_code if answer is not None else 0
        self.asked.append(Asked(f"{method} {address}", time.monotonic() - began, status))
        return answer


_ORDER: Final = ("received", "validating", "staged", "approved", "drafted", "published")
_FROM: Final = {state: frozenset(_ORDER[place:]) for place, state in enumerate(_ORDER)}


def _body(content: bytes, halfway: Callable[[], object] | None) -> bytes | Iterator[bytes]:
    if halfway is None:
        return content

    def pieces() -> Iterator[bytes]:
        middle = len(content) // 2
        yield content[:middle]
        halfway()
        yield content[middle:]

    return pieces()


def hashes_in(store: Path, list_id: str) -> set[str]:
    """The SHA-256 values of the newest release that a member's folder holds."""
    folder = store / list_id
    current = json.loads((folder / "current.json").read_text())["folder"]
    parts = sorted((folder / "releases" / current / "sha256").glob("*.parquet"))
    values = [cast(list[bytes], parquet.read_table(part)["hash"].to_pylist()) for part in parts]
    return {value.hex() for part in values for value in part}
