"""The member's copy of a list: one folder per list, one pointer file that says which release is in force.

    DIR/<list_id>/current.json                 the pointer, replaced in one step: the moment of applying
    DIR/<list_id>/releases/<n>-<token>/        an applied release, never changed afterwards
        manifest.json  proof/                  what the publisher signed, and the metadata that vouches for it
        <type>/p0001.parquet ...               all entries of a type, ascending, for anybody's tools
        leaves/<type>                          Merkle leaves; derived, may be deleted
    DIR/<list_id>/trust/                       TUF metadata that the next update continues from
    DIR/<list_id>/downloads/                   verified and half-finished downloads
    DIR/<list_id>/exports/                     files that `sync --format` derives; may be deleted
    DIR/<list_id>/standing.json                who publishes it, and the member's trust policy for it
    DIR/<list_id>/confirmed.json               what the exchange was last told

The release before the one in force stays for whoever is still reading it.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from exchange.client.durable import sync_file, sync_folder, write_durably
from exchange.client.refusals import CorruptStore, UnsupportedFormat, Usage
from hashsets.core.segment import SegmentFacts

__all__ = ["Confirmed", "ListStore", "LocalPart", "LocalRelease", "LocalType", "stores_in"]

FORMAT: Final = 1
LOCK_PATIENCE: Final = 120.0
_LIST_ID: Final = re.compile(r"[a-z2-7]{26}")


@dataclass(frozen=True, slots=True)
class LocalPart:
    """A file of entries, by its path inside the release's folder."""

    name: str
    facts: SegmentFacts


@dataclass(frozen=True, slots=True)
class LocalType:
    """All entries of one hash type."""

    slug: str
    count: int
    bits: int
    root: str
    parts: tuple[LocalPart, ...]


@dataclass(frozen=True, slots=True)
class LocalRelease:
    """A release in force on this machine."""

    list_id: str
    title: str
    release: int
    manifest_sha256: str
    state_root: str
    applied_at: str
    folder: Path
    previous: str
    types: tuple[LocalType, ...]

    def of(self, slug: str) -> LocalType | None:
        return next((held for held in self.types if held.slug == slug), None)

    @property
    def count(self) -> int:
        return sum(held.count for held in self.types)


@dataclass(frozen=True, slots=True)
class Confirmed:
    """The last statement that the exchange accepted."""

    release: int
    state_root: str


def stores_in(into: Path) -> list[ListStore]:
    """The lists under a folder, in order of their id."""
    if not into.is_dir():
        return []
    found = [path for path in sorted(into.iterdir()) if path.is_dir() and _LIST_ID.fullmatch(path.name)]
    return [ListStore(into, path.name) for path in found if (path / "current.json").exists()]


class ListStore:
    """One list's folder. Writing needs `locked()`; reading does not, because nothing in force ever
    changes."""

    def __init__(self, into: Path, list_id: str) -> None:
        if not _LIST_ID.fullmatch(list_id):
            raise Usage("This is not the id of a list.", code="list.bad_id", field="list")
        self.list_id = list_id
        self.folder = into / list_id
        self.trust = self.folder / "trust"
        self.downloads = self.folder / "downloads"
        self.exports = self.folder / "exports"
        self._releases = self.folder / "releases"
        self._pointer = self.folder / "current.json"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """One `hashx` at a time; the system lets go of the lock when a process dies. Usage `store.locked`."""
        self.folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.folder / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
        try:
            self._lock(descriptor)
            yield
        finally:
            os.close(descriptor)

    def _lock(self, descriptor: int) -> None:
        deadline = time.monotonic() + LOCK_PATIENCE
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise Usage(
                        "Another hashx has been working on this list for two minutes.", code="store.locked"
                    ) from None
                time.sleep(0.05)

    def current(self) -> LocalRelease | None:
        """The release in force, None before the first.

        CorruptStore when the pointer is unreadable or names a folder that is gone; the files themselves are
        not read here. UnsupportedFormat when a newer hashx wrote it.
        """
        try:
            content = self._pointer.read_bytes()
        except FileNotFoundError:
            return None
        try:
            document = json.loads(content)
            if document["format"] != FORMAT:
                raise UnsupportedFormat("A newer hashx wrote this folder.", code="store.newer_format")
            return self._release(document)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise CorruptStore(
                f"The pointer of list {self.list_id} is unreadable.",
                advice="Move the list's folder away and sync again.",
            ) from error

    def _release(self, document: dict[str, Any]) -> LocalRelease:
        folder = str(document["folder"])
        if document["list_id"] != self.list_id or not re.fullmatch(r"\d+-[0-9a-f]+", folder):
            raise ValueError("not this list's pointer")
        return LocalRelease(
            list_id=self.list_id,
            title=str(document["title"]),
            release=int(document["release"]),
            manifest_sha256=str(document["manifest_sha256"]),
            state_root=str(document["state_root"]),
            applied_at=str(document["applied_at"]),
            folder=self._releases / folder,
            previous=str(document["previous"]),
            types=tuple(_type_from(held) for held in document["types"]),
        )

    def incoming(self, release: int) -> Path:
        """An empty folder to build a release in; it is nothing until `put_in_force`."""
        folder = self._releases / f".{release}-{secrets.token_hex(4)}"
        folder.mkdir(parents=True)
        return folder

    def put_in_force(self, incoming: Path, built: LocalRelease, *, now: datetime) -> LocalRelease:
        """Make a built release the one in force.

        (1) its files and folders reach the disk, (2) it gets its name, (3) the pointer is replaced: before
        that step the old release is in force, after it the new one, and no crash leaves anything between.
        """
        for folder, _, files in os.walk(incoming, topdown=False):
            for name in files:
                sync_file(Path(folder, name))
            sync_folder(Path(folder))
        name = incoming.name.removeprefix(".")
        incoming.rename(self._releases / name)
        sync_folder(self._releases)
        document = {
            "format": FORMAT,
            "list_id": built.list_id,
            "title": built.title,
            "release": built.release,
            "folder": name,
            "previous": built.previous,
            "manifest_sha256": built.manifest_sha256,
            "state_root": built.state_root,
            "applied_at": now.isoformat(),
            "types": [_type_document(held) for held in built.types],
        }
        write_durably(self._pointer, json.dumps(document, indent=1).encode())
        return self._release(document)

    def tidy(self) -> None:
        """Remove what a crash or an older release left; never what is in force or was just before it."""
        current = self.current()
        keep = set() if current is None else {current.folder.name, current.previous}
        for folder in self._releases.iterdir() if self._releases.exists() else ():
            if folder.name not in keep:
                shutil.rmtree(folder, ignore_errors=True)
        for leftover in self.folder.glob(".current.json.*"):
            leftover.unlink(missing_ok=True)

    def forget_exports(self) -> None:
        """Remove what was made of the release in force: it held something that had to vanish."""
        shutil.rmtree(self.exports, ignore_errors=True)

    def export_is_of(self, name: str, made_of: str) -> bool:
        """Whether the export called `name` is there and was made of `made_of`, as told to `note_export`."""
        try:
            return (self.exports / name).is_file() and (
                self.exports / f".{name}.made-of"
            ).read_text() == made_of
        except OSError:
            return False

    def note_export(self, name: str, made_of: str) -> None:
        write_durably(self.exports / f".{name}.made-of", made_of.encode())

    def standing(self) -> bytes | None:
        """What was kept beside the signed files, see `standing`; None before the first time."""
        try:
            return (self.folder / "standing.json").read_bytes()
        except FileNotFoundError:
            return None

    def note_standing(self, content: bytes) -> None:
        write_durably(self.folder / "standing.json", content)

    def confirmed(self) -> Confirmed | None:
        try:
            document = json.loads((self.folder / "confirmed.json").read_bytes())
            return Confirmed(int(document["release"]), str(document["state_root"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None  # at worst the exchange is told again, which it takes for the same

    def note_confirmed(self, confirmed: Confirmed) -> None:
        write_durably(self.folder / "confirmed.json", json.dumps(asdict(confirmed)).encode())


def _type_document(held: LocalType) -> dict[str, object]:
    parts = [{"name": part.name, **asdict(part.facts)} for part in held.parts]
    return {"slug": held.slug, "count": held.count, "bits": held.bits, "root": held.root, "parts": parts}


def _type_from(document: dict[str, Any]) -> LocalType:
    return LocalType(
        slug=str(document["slug"]),
        count=int(document["count"]),
        bits=int(document["bits"]),
        root=str(document["root"]),
        parts=tuple(_part_from(part) for part in document["parts"]),
    )


def _part_from(document: dict[str, Any]) -> LocalPart:
    name = str(document["name"])
    if not re.fullmatch(r"[a-z0-9-]+/p\d+\.parquet", name):
        raise ValueError("a part outside its release")
    facts = SegmentFacts(
        sha256=str(document["sha256"]),
        length=int(document["length"]),
        rows=int(document["rows"]),
        first=str(document["first"]),
        last=str(document["last"]),
    )
    return LocalPart(name, facts)
