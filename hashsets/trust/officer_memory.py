"""What an officer keeps beside their key: what was in force when they last signed, and what they signed.

The folder that comes from the exchange chooses its own past; this does not.

    <key>.memory/in-force/<repository>.<role>.json     the newest root and targets that were seen in force
    <key>.memory/signed/<request>.json                 the exact bytes that this officer signed
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final, TypeVar

from tuf.api.metadata import Metadata, Root, Targets

from accounts.errors import Corrupt, Refusal
from hashsets.trust import metadata
from hashsets.trust.carried import Carried, Name

_SEEN: Final = "in-force"
_SIGNED: Final = "signed"

S = TypeVar("S", Root, Targets)


class Memory:
    """One officer's folder; absent until the first signature."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def is_empty(self) -> bool:
        return not self.folder.exists()

    def root(self, repository: str) -> Metadata[Root] | None:
        return self._seen(repository, "root", Root)

    def targets(self, repository: str) -> Metadata[Targets] | None:
        return self._seen(repository, "targets", Targets)

    def signed(self, name: Name) -> bytes | None:
        """What this officer signed under a name; None: nothing."""
        return self._read(self.folder / _SIGNED / f"{name}.json")

    def remember(self, carried: Carried) -> None:
        """Note what is in force and what is about to be signed. Call it before a signature leaves."""
        for name, part in carried.requests:
            self._write(self.folder / _SIGNED / f"{name}.json", part)
        for repository, history in carried.histories.items():
            if history.targets is not None:
                self._write(self._place(repository, "targets"), history.targets.to_bytes())
            self._write(self._place(repository, "root"), history.roots[-1].to_bytes())

    def _seen(self, repository: str, role: str, kind: type[S]) -> Metadata[S] | None:
        content = self._read(self._place(repository, role))
        if content is None:
            return None
        try:
            return metadata.read(content, kind)
        except Refusal as error:
            raise Corrupt(
                f"{self._place(repository, role)} is not what this tool wrote there.",
                code="ceremony.memory",
                advice="Bring it back from a copy; without it you would believe whatever the folder says.",
            ) from error

    def _place(self, repository: str, role: str) -> Path:
        return self.folder / _SEEN / f"{repository}.{role}.json"

    @staticmethod
    def _read(path: Path) -> bytes | None:
        try:
            return path.read_bytes()
        except FileNotFoundError:
            return None

    @staticmethod
    def _write(path: Path, content: bytes) -> None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        arriving = path.with_name(f"{path.name}.new")
        with arriving.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        arriving.replace(path)
