"""Everybody who is about while things break: contributors, an approver, one with two hats, a stranger, a
reader with a stock TUF client. Each is a thread that does its round again and again and notes what it saw.
"""

from __future__ import annotations

import contextlib
import hashlib
import random
import re
import threading
import time
import uuid
import weakref
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import httpx
import psycopg2
from tuf.api.exceptions import DownloadError, DownloadHTTPError, RepositoryError
from tuf.ngclient.config import UpdaterConfig
from tuf.ngclient.fetcher import FetcherInterface
from tuf.ngclient.updater import Updater

from exchange.demo.people import Person, Phone, Unexpected
from exchange.demo.world import World
from hashsets.core.manifest import Manifest, manifest_name
from tests.faults.history import History
from tests.faults.world import PRIVATE_TITLE, Crowd
from tests.persistent import as_csv, drawn_hashes
from tests.stack import Stack

PATIENCE_SECONDS: Final = 300.0
FRESH_SECONDS: Final = 200.0  # who approves must have proven presence a few minutes ago
_ANSWERED: Final = re.compile(r"answered (\d{3})")


class Walker:
    """Goes its round until told to stop; the round that it is in it finishes."""

    pause = 0.2

    def __init__(self, name: str) -> None:
        self.name = name
        self.over = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._walk, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Let it finish; raises what it raised."""
        self.over.set()
        self._thread.join(PATIENCE_SECONDS + 30)
        assert not self._thread.is_alive(), f"{self.name} does not come to an end"
        if self._error is not None:
            raise self._error

    def round(self) -> None:
        raise NotImplementedError

    def _walk(self) -> None:
        try:
            while not self.over.is_set():
                self.round()
                self.over.wait(self.pause)
        except BaseException as error:
            self._error = error


class Api:
    """Calls of somebody with a key, each noted with its answer."""

    def __init__(self, base_url: str, key: str, who: str, history: History) -> None:
        self._http = httpx.Client(
            base_url=base_url, headers={"Authorization": f"Bearer {key}"} if key else {}, timeout=30
        )
        weakref.finalize(self, self._http.close)
        self._who, self._history = who, history

    def __call__(self, method: str, path: str, **options: Any) -> httpx.Response | None:
        """The answer, None when the connection broke."""
        began = time.monotonic()
        try:
            answer = self._http.request(method, path, **options)
        except httpx.TransportError as error:
            self._note(method, path, 0, began, type(error).__name__)
            return None
        self._note(method, path, answer.status_code, began, answer.text if answer.status_code >= 400 else "")
        return answer

    def _note(self, method: str, path: str, status: int, began: float, said: str) -> None:
        seconds = round(time.monotonic() - began, 3)
        self._history.note(
            "asked",
            who=self._who,
            method=method,
            path=path,
            status=status,
            seconds=seconds,
            said=said[:2_000],
        )


class Desk:
    """What waits for the approver."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[str, None] = {}

    def put(self, submission: str) -> None:
        with self._lock:
            self._waiting[submission] = None

    def take(self) -> list[str]:
        with self._lock:
            taken, self._waiting = list(self._waiting), {}
            return taken


_MOST_REMOVED = 30
"""A contributor's, all urgent: together they stay under what another approver, who is not here, must see."""


class Contributor(Walker):
    """Adds hashes to one list and sometimes removes some of its own, one submission after the other, each
    sent again until it is acknowledged, and followed until it is published."""

    def __init__(
        self, name: str, list_id: str, *, submit: Api, sign: Api, desk: Desk, history: History, seed: str
    ) -> None:
        super().__init__(name)
        self.list_id, self.content = list_id, set[str]()
        self._submit, self._sign, self._desk, self._history = submit, sign, desk, history
        self._draw = random.Random(seed)
        self._made = self._removed = 0

    def round(self) -> None:
        may_remove = len(self.content) > 40 and self._removed < _MOST_REMOVED
        mode = "remove" if may_remove and self._draw.random() < 0.2 else "add"
        self._made += 1
        hashes = (
            self._draw.sample(sorted(self.content), 2)
            if mode == "remove"
            else drawn_hashes(self._draw.randint(5, 40), seed=f"{self.list_id}/{self.name}/{self._made}")
        )
        submission = self._send(hashes, mode)
        self._follow(submission)
        self._removed += 2 * (mode == "remove")
        self.content = self.content - set(hashes) if mode == "remove" else self.content | set(hashes)

    def staged(self, submission: str) -> None:
        self._desk.put(submission)

    def _send(self, hashes: list[str], mode: str) -> str:
        content = as_csv(hashes) if mode == "add" else ("\n".join(["sha256", *hashes]) + "\n").encode()
        note, key = f"{self.name} {self._made}", str(uuid.uuid4())
        urgent = str(mode == "remove" or self._draw.random() < 0.25).lower()
        for _ in _patiently(f"the acknowledgement of {note}"):
            answer = self._submit(
                "POST",
                f"/api/v1/lists/{self.list_id}/submissions",
                params={"mode": mode, "note": note, "urgent": urgent},
                content=content,
                headers={"Content-Type": "text/csv", "Idempotency-Key": key},
            )
            if answer is not None and answer.status_code == 202:
                break
            if answer is not None and answer.status_code < 500 and answer.status_code != 409:
                raise Unexpected(f"the upload answered {answer.status_code}: {answer.text}")
        assert answer is not None
        self._history.note(
            "acknowledged",
            submission=str(answer.json()["id"]),
            list=self.list_id,
            note=note,
            mode=mode,
            sha256=hashlib.sha256(content).hexdigest(),
        )
        return str(answer.json()["id"])

    def _follow(self, submission: str) -> None:
        for _ in _patiently(f"the publication of {submission}"):
            answer = self._submit("GET", f"/api/v1/submissions/{submission}")
            state = answer.json()["state"] if answer is not None and answer.status_code == 200 else ""
            if state == "published":
                return
            if state in ("refused", "returned", "withdrawn"):
                raise Unexpected(f"{submission} is {state}")
            if state == "staged":
                self.staged(submission)
            elif state == "drafted":
                self._sign("POST", f"/api/v1/submissions/{submission}/signatures", json={"hosted": True})


class Approver(Walker):
    """Harbor's second person, at the pages."""

    def __init__(self, base_url: str, world: World, email: str, seed: str, desk: Desk, history: History):
        super().__init__("approver")
        self._base_url, self._world, self._email, self._seed = base_url, world, email, seed
        self._desk, self._history = desk, history
        self._person: Person | None = None
        self._since = 0.0

    def round(self) -> None:
        for submission in self._desk.take():
            self.approve(submission)

    def approve(self, submission: str, *, note: str = "approval") -> int:
        """Press the button; if that fails, whoever wants it asks again. The status, 0 without an answer."""
        began, status, said = time.monotonic(), 0, ""
        try:
            page, act = f"/submissions/{submission}", f"/submissions/{submission}/approve"
            self._at_work().press(page, act)
            status = 200
        except httpx.TransportError as error:
            said = type(error).__name__
        except Unexpected as error:
            said = str(error)
            found = _ANSWERED.search(said)
            status = int(found.group(1)) if found else 0
        seconds = round(time.monotonic() - began, 3)
        self._history.note(note, submission=submission, status=status, seconds=seconds, said=said)
        return status

    def _at_work(self) -> Person:
        if self._person is None or time.monotonic() - self._since > FRESH_SECONDS:
            phone = Phone(self._seed)
            before = self._person
            self._person = Person(
                self._base_url, email=self._email, password=self._world.password, phone=phone
            )
            weakref.finalize(self, self._person.__exit__)
            if before is not None:
                before.__exit__()
            self._since = time.monotonic()
        return self._person


class TwoHats(Contributor):
    """May submit and may approve: tries to approve what she has sent, once each, before the approver does."""

    pause = 5.0

    def __init__(self, *arguments: Any, herself: Approver, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._herself = herself
        self._tried: set[str] = set()

    def staged(self, submission: str) -> None:
        if submission not in self._tried:
            if not self._herself.approve(submission, note="self-approval"):
                return  # nobody answered: she tries again
            self._tried.add(submission)
        super().staged(submission)


class Stranger(Walker):
    """A member that the private list is not for, and somebody without any key."""

    def __init__(self, base_url: str, crowd: Crowd, history: History) -> None:
        super().__init__("stranger")
        self._crowd, self._history = crowd, history
        keys = {"stranger": crowd.stranger, "nobody": ""}
        self._apis = {who: Api(base_url, key, who, history) for who, key in keys.items()}

    def round(self) -> None:
        private = self._crowd.private
        hidden = (
            f"/api/v1/lists/{private}",
            f"/api/v1/lists/{private}/releases",
            f"/api/v1/lists/{private}/submissions",
            f"/tuf/{private}/metadata/timestamp.json",
            f"/tuf/{private}/metadata/1.root.json",
        )
        for who, api in self._apis.items():
            for path in (*hidden, "/api/v1/lists", "/lists"):
                answer = api("GET", path)
                if answer is not None:
                    self._look(who, path, answer, hidden=path in hidden)
        answer = self._apis["stranger"]("POST", "/api/v1/subscriptions", json={"list_id": private})
        if answer is not None:
            self._look("stranger", "/api/v1/subscriptions", answer, hidden=True)
        self.over.wait(1)

    def _look(self, who: str, path: str, answer: httpx.Response, *, hidden: bool) -> None:
        """The id is in what they asked for; it must be in no answer, nor the title."""
        marked = PRIVATE_TITLE in answer.text or self._crowd.private in answer.text
        self._history.note(
            "stranger", who=who, path=path, status=answer.status_code, hidden=hidden, marked=marked
        )


class Away(Exception):
    """The exchange could not answer now; says nothing about what it holds."""


class HttpFetcher(FetcherInterface):
    """What a stock client asks for, with a member's key."""

    def __init__(self, base_url: str, key: str) -> None:
        self._http = httpx.Client(headers={"Authorization": f"Bearer {key}"}, timeout=30)
        weakref.finalize(self, self._http.close)
        self.base = base_url

    def _fetch(self, url: str) -> Iterator[bytes]:
        try:
            answer = self._http.get(url)
        except httpx.TransportError as error:
            raise Away(str(error)) from None
        if answer.status_code >= 500:
            raise Away(f"{url} answered {answer.status_code}")
        if answer.status_code != 200:
            raise DownloadHTTPError(f"{url} answered {answer.status_code}", answer.status_code)
        yield answer.content


class Reader(Walker):
    """A stock TUF client that keeps what it trusts: downloads the newest release of each list, every file."""

    def __init__(
        self, stack: Stack, key: str, lists: tuple[str, ...], folder: Path, history: History
    ) -> None:
        super().__init__("reader")
        self._fetcher, self._lists, self._history = HttpFetcher(stack.base_url, key), lists, history
        self._blobs, self._folder = stack.var / "blobs", folder
        self._seen: dict[str, str] = {}

    def round(self) -> None:
        for list_id in self._lists:
            try:
                self._read(list_id)
            except Away:
                continue
            except (RepositoryError, DownloadError) as error:
                unborn = list_id not in self._seen and _says_nothing_is_released(error)
                if not unborn and not _caused_by_absence(error):
                    why = f"{type(error).__name__}: {error}"[:300]
                    self._history.note("unreadable", list=list_id, why=why)
        self.over.wait(0.5)

    def _read(self, list_id: str) -> None:
        folder = self._folder / list_id
        folder.mkdir(parents=True, exist_ok=True)
        base = f"{self._fetcher.base}/tuf/{list_id}"
        updater = Updater(
            metadata_dir=str(folder),
            metadata_base_url=f"{base}/metadata/",
            target_base_url=f"{base}/targets/",
            fetcher=self._fetcher,
            config=UpdaterConfig(prefix_targets_with_hash=True),
            bootstrap=(self._blobs / f"tuf/{list_id}/metadata/1.root.json").read_bytes(),
        )
        updater.refresh()
        info = updater.get_targetinfo(manifest_name(list_id))
        if info is None or self._seen.get(list_id) == info.hashes["sha256"]:
            return
        content = Path(updater.download_target(info, str(folder / "manifest"))).read_bytes()
        manifest = Manifest.parse(content)
        files = [(name, *self._file(updater, name, facts.sha256, folder)) for name, facts in manifest.files()]
        digest = hashlib.sha256(content).hexdigest()
        self._history.note(
            "read", reader=self.name, list=list_id, release=manifest.release, manifest=digest, files=files
        )
        self._seen[list_id] = digest

    def _file(self, updater: Updater, name: str, sha256: str, folder: Path) -> tuple[str, str]:
        info = updater.get_targetinfo(name)
        if info is None:
            return sha256, ""
        path = Path(updater.download_target(info, str(folder / "file")))
        got = hashlib.sha256(path.read_bytes()).hexdigest()
        path.unlink()
        return sha256, got


def _says_nothing_is_released(error: BaseException) -> bool:
    """Before its first release a list has a root and targets, and no `list` role yet."""
    absent = isinstance(error, DownloadHTTPError) and error.status_code == 404
    return absent or "Role list was delegated but is not part of snapshot" in str(error)


def _caused_by_absence(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, Away):
            return True
        error = error.__cause__ or error.__context__
    return False


class Witness(Walker):
    """Somebody who copies the head of the audit chain to where nobody of the exchange can write."""

    pause = 1.0

    def __init__(self, stack: Stack, history: History) -> None:
        super().__init__("witness")
        self._stack, self._history = stack, history

    def round(self) -> None:
        with contextlib.suppress(psycopg2.Error), self._stack.rows() as ask:
            for number, digest in ask("SELECT number, digest FROM accounts_audithead"):
                if number:
                    self._history.note("head", number=number, digest=digest)


def _patiently(what: str) -> Iterator[None]:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        yield
        time.sleep(0.2)
    raise Unexpected(f"{what} did not come within {PATIENCE_SECONDS:g} s")


def keys_of(world: World, crowd: Crowd) -> Mapping[str, str]:
    """Every key there is, by whose it is."""
    return {
        "publisher": world.publisher_key,
        "lumen": world.member_key,
        "pixelhaus": world.pixelhaus_key,
        "stranger": crowd.stranger,
        "two hats": crowd.two_hats_key,
        **{f"member {number}": key for number, key in enumerate(crowd.members)},
    }
