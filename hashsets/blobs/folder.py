"""Blobs as files under one folder: the default, and enough for one host.

A file is complete and synced before its name exists, and a name is given by `link`, which refuses to
overwrite. The folder entry is synced too: without that a power cut may forget a file that was acknowledged.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

from hashsets.blobs import keys
from hashsets.blobs.store import CHUNK, missing, overwritten, too_large

_READ_ONLY: Final = 0o444
_TEMPORARY: Final = ".put-"  # keys never start with a dot, so an unfinished file is never served


class FolderStore:
    """A `BlobStore` in `root`, which is made when it is missing."""

    def __init__(self, root: Path) -> None:
        self._root = root
        root.mkdir(mode=0o750, parents=True, exist_ok=True)

    def put_file(self, key: str, path: Path) -> None:
        goal = self._goal(key)
        _sync(path)
        try:
            # No copy on the same file system; the read-only mode guards the shared bytes against a careless
            # caller.
            os.link(path, goal)
        except FileExistsError:
            self._accept_same(goal, path)
        except OSError:
            # Another file system, or one without hard links.
            with self._draft(goal) as draft:
                shutil.copyfile(path, draft)
                self._name(draft, goal)
        else:
            goal.chmod(_READ_ONLY)
        _sync(goal.parent)

    def put_bytes(self, key: str, content: bytes) -> None:
        goal = self._goal(key)
        with self._draft(goal) as draft:
            draft.write_bytes(content)
            self._name(draft, goal)
        _sync(goal.parent)

    def replace_bytes(self, key: str, content: bytes) -> None:
        goal = self._goal(key)
        with self._draft(goal) as draft:
            draft.write_bytes(content)
            draft.chmod(_READ_ONLY)
            _sync(draft)
            draft.replace(goal)
        _sync(goal.parent)

    def get_bytes(self, key: str, *, limit: int) -> bytes:
        with self.open(key) as file:
            content = file.read(limit + 1)
        if len(content) > limit:
            raise too_large(limit)
        return content

    def open(self, key: str) -> BinaryIO:
        try:
            return self._path(key).open("rb")
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            raise missing() from None

    def local_path(self, key: str) -> Path:
        path = self._path(key)
        if not path.is_file():
            raise missing()
        return path

    def internal_path(self, key: str) -> str:
        return keys.checked(key)

    def size(self, key: str) -> int:
        return self.local_path(key).stat().st_size

    def exists(self, key: str) -> bool:
        return self._path(key).is_file()

    def delete(self, key: str) -> None:
        path = self._path(key)
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
            _sync(path.parent)

    def keys_under(self, folder: str) -> list[str]:
        found = (path for path in self._path(folder).rglob("*") if path.is_file())
        return sorted(
            str(path.relative_to(self._root)) for path in found if not path.name.startswith(_TEMPORARY)
        )

    def forget_local(self, key: str) -> None:
        """Nothing is kept beside the store."""

    def _path(self, key: str) -> Path:
        return self._root / keys.checked(key)

    def _goal(self, key: str) -> Path:
        """Where `key` goes; its folders exist and are durable on return."""
        goal = self._path(key)
        fresh = [folder for folder in goal.parents if not folder.exists()]
        goal.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        for folder in fresh:
            _sync(folder.parent)
        return goal

    @contextlib.contextmanager
    def _draft(self, goal: Path) -> Iterator[Path]:
        """An empty file beside `goal` that is gone afterwards unless it was renamed."""
        descriptor, name = tempfile.mkstemp(dir=goal.parent, prefix=_TEMPORARY)
        os.close(descriptor)
        draft = Path(name)
        try:
            yield draft
        finally:
            draft.unlink(missing_ok=True)

    def _name(self, draft: Path, goal: Path) -> None:
        draft.chmod(_READ_ONLY)
        _sync(draft)
        try:
            os.link(draft, goal)
        except FileExistsError:
            self._accept_same(goal, draft)

    @staticmethod
    def _accept_same(stored: Path, offered: Path) -> None:
        if not _same_bytes(stored, offered):
            raise overwritten()


def _same_bytes(one: Path, other: Path) -> bool:
    if one.samefile(other):
        return True
    if one.stat().st_size != other.stat().st_size:
        return False
    with one.open("rb") as first, other.open("rb") as second:
        while piece := first.read(CHUNK):
            if piece != second.read(CHUNK):
                return False
    return True


def _sync(path: Path) -> None:
    """Flush a file or a folder to the disk itself."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
