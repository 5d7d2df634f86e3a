"""What lies in an officers' folder, read once into memory, and the history that it claims. Pure.

    to-sign/<repository>.<version>.<role>.json     the canonical bytes to sign
    in-force/<repository>.<version>.<role>.json    every root and the newest targets that officers have signed
    signatures/                                    where signatures go

A folder travels, and who fills it may lie. So each file is read exactly once, what is shown and what is
signed are the same bytes, and a history counts only when each root follows from the one before. No link in
it is followed, on neither side: a signature, or a cleaning up, would reach whatever the link points to.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, Root, Targets

from accounts.errors import Corrupt
from hashsets.trust import metadata

REQUESTS: Final = "to-sign"
IN_FORCE: Final = "in-force"
SIGNATURES: Final = "signatures"
MAX_FILE_BYTES: Final = 1_000_000
_MAX_FILES: Final = 200_000
_NAME: Final = re.compile(
    r"(?P<repository>directory|[a-z2-7]{26})\.(?P<version>[1-9][0-9]{0,8})\.(?P<role>root|targets)\.json"
)


@dataclass(frozen=True, slots=True)
class Name:
    """What a file is called: `<repository>.<version>.<role>`."""

    repository: str
    version: int
    role: str

    def __str__(self) -> str:
        return f"{self.repository}.{self.version}.{self.role}"


@dataclass(slots=True)
class History:
    """The roots of a repository that are in force one after another, and its newest targets. `first` is the
    file of the first root, byte for byte.
    """

    first: bytes = b""
    roots: list[Metadata[Root]] = field(default_factory=list)
    targets: Metadata[Targets] | None = None


@dataclass(frozen=True, slots=True)
class Carried:
    """A folder's requests in the order of their names, and the histories by repository."""

    requests: tuple[tuple[Name, bytes], ...]
    histories: dict[str, History]

    def history(self, repository: str) -> History:
        return self.histories.get(repository, History())


def read_folder(folder: Path) -> Carried:
    """Everything that waits, and the histories, each verified in itself.

    Errors: Corrupt `ceremony.file` for a file that does not belong there, `ceremony.history` for roots that
    do not follow from each other or targets that they did not sign, `metadata.…`.
    """
    in_force, requests, _ = (place(folder, name) for name in (IN_FORCE, REQUESTS, SIGNATURES))
    histories: dict[str, History] = {}
    for name, content in sorted(_files(in_force), key=lambda one: one[0].version):
        history = histories.setdefault(name.repository, History())
        if name.role == "root":
            _append(history, name, metadata.read(content, Root))
            history.first = history.first or content
        else:
            history.targets = metadata.read(content, Targets)
            if history.targets.signed.version != name.version:
                raise _does_not_follow(name)
    for repository, history in histories.items():
        _check_targets(repository, history)
    return Carried(tuple(_files(requests)), histories)


def place(folder: Path, name: str) -> Path:
    """One of the folders inside a carried folder, there or not.

    Errors: Corrupt `ceremony.file` for a link.
    """
    path = folder / name
    if path.is_symlink():
        raise Corrupt(
            f"{name!r} is a link, where a carried folder holds a folder.",
            code="ceremony.file",
            advice="Use an empty folder, and ask whoever had this one before you.",
        )
    return path


def write_anew(path: Path, content: bytes) -> None:
    """Write a file in the place of whatever has its name, a link included."""
    path.unlink(missing_ok=True)
    with path.open("xb") as file:
        file.write(content)


def _append(history: History, name: Name, root: Metadata[Root]) -> None:
    """The next root: version by version from the first, signed by its own rule and by the one before."""
    try:
        for delegator in (*history.roots[-1:], root):
            delegator.signed.verify_delegate("root", root.signed_bytes, root.signatures)
    except (RepositoryError, ValueError) as error:
        raise _does_not_follow(name) from error
    if not root.signed.version == name.version == len(history.roots) + 1:
        raise _does_not_follow(name)
    history.roots.append(root)


def _check_targets(repository: str, history: History) -> None:
    if history.targets is None or not history.roots:
        raise Corrupt(
            f"The folder does not hold all that is in force for {repository}.", code="ceremony.history"
        )
    targets = history.targets
    try:
        history.roots[-1].signed.verify_delegate("targets", targets.signed_bytes, targets.signatures)
    except (RepositoryError, ValueError) as error:
        raise _does_not_follow(Name(repository, targets.signed.version, "targets")) from error


def _files(folder: Path) -> Iterator[tuple[Name, bytes]]:
    paths = sorted(folder.iterdir()) if folder.is_dir() else []
    if len(paths) > _MAX_FILES:
        raise Corrupt(f"More than {_MAX_FILES} files lie in {folder.name}.", code="ceremony.file")
    for path in paths:
        match = _NAME.fullmatch(path.name)
        if match is None or path.is_symlink() or not path.is_file():
            raise Corrupt(
                f"{path.name!r} in {folder.name} is no file of a ceremony.",
                code="ceremony.file",
                advice="Take the folder anew from the exchange, and sign nothing of this one.",
            )
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
        if len(content) > MAX_FILE_BYTES:
            raise Corrupt(f"{path.name} is too large for a file of a ceremony.", code="ceremony.file")
        yield Name(match["repository"], int(match["version"]), match["role"]), content


def _does_not_follow(name: Name) -> Corrupt:
    return Corrupt(
        f"{name}, which the folder calls signed, does not follow from what was before it.",
        code="ceremony.history",
        advice="Sign nothing of this folder. Ask the other officers and the operator, by another way.",
    )
