"""`hashx sign`: read what a release would be, hold it against one's own copy, then sign exactly those bytes.

This machine remembers what it signed: it never signs an older version of a list, nor a release that does not
follow the one before it, whatever the exchange shows. What it signed last it keeps as its own copy of the
list.

    HOME/signing/<list_id>/signed.json      the last signature: version, release, manifest
    HOME/signing/<list_id>/<sha256>…        the files of that release
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from accounts.errors import Refusal
from exchange.client import api
from exchange.client.drafts import Draft, Recomputed, recompute
from exchange.client.durable import write_durably
from exchange.client.fetch import Session
from exchange.client.own_copy import Compared, compare, read_copy
from exchange.client.refusals import CorruptStore, RolledBack, WrongFile
from exchange.client.watch import Watch
from hashsets.core.manifest import Manifest
from hashsets.core.state import State

__all__ = ["Desk", "LastSigned", "Read", "is_list_id", "mode_of", "upload_signature"]

_LIST_ID: Final = re.compile(r"[a-z2-7]{26}")


@dataclass(frozen=True, slots=True)
class LastSigned:
    """What this machine signed last for a list."""

    version: int
    release: int
    manifest_sha256: str


@dataclass(frozen=True, slots=True)
class Read:
    """A draft that may be signed, and how it was held against the signer's copy (None: no file was given)."""

    found: Recomputed
    compared: Compared | None
    last: LastSigned | None


class Desk:
    """Where the signatures for one list are prepared on this machine."""

    def __init__(self, home: Path, list_id: str) -> None:
        self.folder = home / "signing" / list_id

    def read(self, session: Session, draft: Draft, *, mode: str, copy: Path | None, watch: Watch) -> Read:
        """Recompute the draft, and hold it against what was signed before and against `copy`.

        RolledBack `sign.older`; WrongFile `sign.does_not_follow`, `copy.not_ours`, and all of `recompute`.
        """
        last = self.last()
        found = recompute(session, draft, self.folder, watch=watch)
        _check_follows(found, last)
        compared = None
        if copy is not None:
            before = self._states_before(found.manifest, last)
            compared = compare(mode, read_copy(copy), found.states, before, release=draft.release)
        return Read(found, compared, last)

    def last(self) -> LastSigned | None:
        try:
            said = json.loads((self.folder / "signed.json").read_bytes())
            return LastSigned(int(said["version"]), int(said["release"]), str(said["manifest_sha256"]))
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError) as error:
            raise CorruptStore(f"{self.folder / 'signed.json'} is unreadable.") from error

    def remember(self, read: Read) -> None:
        """Note a signature, and keep the files of that release and of the one before it."""
        draft = read.found.draft
        document = {
            "version": read.found.version,
            "release": draft.release,
            "manifest_sha256": draft.manifest_sha256,
        }
        write_durably(self.folder / "signed.json", json.dumps(document).encode())
        kept = {path.name for path in read.found.files} | {f"{draft.manifest_sha256}.manifest.json"}
        if read.found.manifest.previous and not _withdraws_what_was_before(read.found):
            # The draft may be given up and built again on the same release: keep what it was compared with.
            kept |= self._files_of(read.found.manifest.previous)
        for path in self.folder.iterdir():
            if path.name not in kept | {"signed.json"} and not path.name.endswith(".partial"):
                path.unlink()

    def _states_before(self, manifest: Manifest, last: LastSigned | None) -> Mapping[str, State] | None:
        """The release that this one follows, from this machine's own files; None when they are not here."""
        before = self._kept_manifest(manifest.previous)
        if last is None or before is None or not self._files_of(manifest.previous):
            return None
        files = {path: self.folder / facts.sha256 for path, facts in before.files()}
        for path, facts in before.files():
            if hashlib.sha256(files[path].read_bytes()).hexdigest() != facts.sha256:
                raise CorruptStore("A file that was signed before has changed on this machine.")
        return {typed.slug: before.open(typed.slug, files.__getitem__) for typed in before.types}

    def _files_of(self, manifest_sha256: str) -> set[str]:
        """Names of a kept release's files; none unless all of them are here."""
        manifest = self._kept_manifest(manifest_sha256)
        if manifest is None:
            return set()
        names = {facts.sha256 for _, facts in manifest.files()}
        if not all((self.folder / name).exists() for name in names):
            return set()
        return names | {f"{manifest_sha256}.manifest.json"}

    def _kept_manifest(self, sha256: str) -> Manifest | None:
        path = self.folder / f"{sha256}.manifest.json"
        if not sha256 or not path.exists():
            return None
        document = path.read_bytes()
        if hashlib.sha256(document).hexdigest() != sha256:
            raise CorruptStore(f"{path} has changed on this machine.")
        try:
            return Manifest.parse(document)
        except Refusal as error:
            raise CorruptStore(f"{path} is unreadable.") from error


def upload_signature(session: Session, path: str, *, keyid: str, signature: str) -> dict[str, Any]:
    """Hand a signature in; the exchange keeps valid ones of entitled keys only, the same one twice as one."""
    said = session.json("POST", path, body={"keyid": keyid, "signature": signature}, idempotent=True)
    return said if isinstance(said, dict) else {}


def is_list_id(text: str) -> bool:
    """Whether this names a list and not a submission."""
    return _LIST_ID.fullmatch(text) is not None


def mode_of(session: Session, submission_id: str) -> str:
    """What the submission says that its file does; it only decides how the file is compared."""
    return api.submission(session, submission_id).mode


def _withdraws_what_was_before(found: Recomputed) -> bool:
    """Whether the files of the release before held something that has to vanish with this one."""
    withdrawn = found.manifest.withdrawn
    return withdrawn is not None and withdrawn.before == found.manifest.release


def _check_follows(found: Recomputed, last: LastSigned | None) -> None:
    if last is None:
        return
    draft, manifest = found.draft, found.manifest
    # One release less is what a renewal is after a signed draft was given up; anything older is not.
    if found.version < last.version or draft.release < last.release - 1:
        raise RolledBack(
            f"This is version {found.version} of the list; this machine has signed {last.version} already.",
            code="sign.older",
            advice="Do not sign. Ask the operator why an older version comes back.",
        )
    if draft.release == last.release + 1 and manifest.previous != last.manifest_sha256:
        raise WrongFile(
            f"This release does not follow the release {last.release} that this machine has signed.",
            code="sign.does_not_follow",
            advice="Another draft of it may have been published; compare with your colleagues, then remove "
            "the folder of this list under signing/ in hashx's home.",
        )
    if found.version == last.version and draft.manifest_sha256 != last.manifest_sha256:
        raise WrongFile("Two contents under one version.", code="sign.two_contents")
