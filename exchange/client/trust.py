"""Which bytes are a list's: The Update Framework, from the pinned directory root down to a target's digest.

A list's trust is updated on a working copy and kept only when it led to this list's manifest. A mirror that
shows another list's genuine metadata can therefore not leave anything behind that would later make this
member refuse the honest server; and newer roots of the same officers that name another list are refused at
the door, since by signatures alone they would pass.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tuf.api.exceptions import (
    DownloadError,
    DownloadHTTPError,
    DownloadLengthMismatchError,
    RepositoryError,
)
from tuf.api.metadata import Metadata, Snapshot, Targets
from tuf.ngclient import Updater, UpdaterConfig
from tuf.ngclient.fetcher import FetcherInterface

from accounts.errors import Corrupt
from exchange.client.durable import sync_file, sync_folder
from exchange.client.fetch import HttpStatus, Session
from exchange.client.refusals import (
    BadSignature,
    Forbidden,
    NetworkDown,
    Stop,
    UnsupportedFormat,
    WrongFile,
    WrongList,
)
from exchange.client.tuf_refusals import Fetched, names_another, refusal_of, refuse_wrong_keys, role_of
from hashsets.core.anchor import check_fingerprint, check_list_root
from hashsets.core.manifest import manifest_name

__all__ = ["DIRECTORY", "Directory", "ListTrust", "Target", "fetch_directory_root", "refusal_for_status"]

DIRECTORY: Final = "directory"
MAX_ROOT: Final = 512_000
MAX_ROOTS: Final = 256  # as many rotations as python-tuf follows
_WITHOUT_KEYS: Final = ("timestamp", "snapshot")
_KEEP_ORDER: Final = ("targets", "list", "catalogue", "snapshot", "timestamp")


@dataclass(frozen=True, slots=True)
class Target:
    """A file that the publisher vouches for, and where it is served."""

    name: str
    length: int
    sha256: str

    def path(self, repository_id: str) -> str:
        folder, slash, base = self.name.rpartition("/")
        return f"tuf/{repository_id}/targets/{folder}{slash}{self.sha256}.{base}"


class _Fetcher(FetcherInterface):
    """python-tuf's way to the network: our session, and a look at every file before it is believed."""

    def __init__(self, session: Session, repository_id: str) -> None:
        self._session = session
        self._repository_id = repository_id
        self.last: Fetched | None = None

    def download_bytes(self, url: str, max_length: int) -> bytes:
        self.last = Fetched(url, None)
        try:
            content = self._session.file_bytes(url.removeprefix(self._session.url), limit=max_length)
        except HttpStatus as answer:
            raise DownloadHTTPError(str(answer), answer.status) from answer
        except WrongFile as error:
            raise DownloadLengthMismatchError(error.message) from error
        self.last = Fetched(url, content)
        if role_of(url) == "root":
            self._check_root_names_us(content)
        if role_of(url) not in _WITHOUT_KEYS:
            refuse_wrong_keys(content)
        return content

    def _check_root_names_us(self, content: bytes) -> None:
        try:
            document = Metadata.from_bytes(content)
        except (RepositoryError, ValueError, RecursionError):
            return  # python-tuf will refuse it, with its own reason
        if names_another(document, self._repository_id):
            raise WrongList("The root that the exchange shows here belongs to another list.")

    def _fetch(self, url: str) -> Iterator[bytes]:
        # Not used by `download_bytes`; targets are fetched by `Session.download`, which can resume.
        yield self.download_bytes(url, MAX_ROOT)


@contextmanager
def _refusing_in_our_words(
    fetcher: _Fetcher, session: Session, work: Path, repository_id: str
) -> Iterator[None]:
    try:
        yield
    except (RepositoryError, DownloadError) as error:
        last = fetcher.last
        if isinstance(error, DownloadLengthMismatchError) and last is not None:
            last = _whole(session, last)
        refusal = refusal_of(error, last=last, trusted=work, repository_id=repository_id)
        if isinstance(refusal, BadSignature):
            refusal = _or_another_repository(fetcher, work, session, repository_id) or refusal
        raise refusal from error


def _whole(session: Session, last: Fetched) -> Fetched:
    """The file that was cut off at its announced length, for the sake of naming what it is."""
    try:
        limit = UpdaterConfig().targets_max_length
        return Fetched(last.url, session.file_bytes(last.url.removeprefix(session.url), limit=limit))
    except (HttpStatus, Stop):
        return last


def _or_another_repository(
    fetcher: _Fetcher, work: Path, session: Session, repository_id: str
) -> Stop | None:
    """The whole repository of another list in our list's place shows in the root that it serves."""
    try:
        version = Metadata.from_bytes((work / "root.json").read_bytes()).signed.version
        fetcher.download_bytes(f"{session.url}/tuf/{repository_id}/metadata/{version}.root.json", MAX_ROOT)
    except WrongList as wrong:
        return wrong
    except (Stop, DownloadError, RepositoryError, ValueError, OSError):
        return None
    return None


class _Repository:
    """A working copy of one repository's trusted metadata, and the updater that works on it."""

    def __init__(self, session: Session, repository_id: str, kept: Path) -> None:
        self._session = session
        self.repository_id = repository_id
        self._kept = kept
        self.work = kept.with_name(f"{kept.name}.new")
        self._fetcher = _Fetcher(session, repository_id)
        self._updater: Updater | None = None

    def open(self, bootstrap: bytes | None) -> None:
        """Start from `bootstrap`, or from the root that was kept."""
        shutil.rmtree(self.work, ignore_errors=True)
        if self._kept.exists():
            shutil.copytree(self._kept, self.work, symlinks=True)
        self.work.mkdir(parents=True, exist_ok=True)
        self._refuse_wrong_keys_kept(bootstrap)
        base = f"{self._session.url}/tuf/{self.repository_id}"
        self._updater = Updater(
            metadata_dir=str(self.work),
            metadata_base_url=f"{base}/metadata/",
            target_base_url=f"{base}/targets/",
            fetcher=self._fetcher,
            bootstrap=bootstrap,
        )

    def _refuse_wrong_keys_kept(self, bootstrap: bytes | None) -> None:
        """What was pinned, or kept by a release of this client that did not look, is held to the same."""
        if bootstrap is not None:
            refuse_wrong_keys(bootstrap)
        for path in sorted(self.work.rglob("*.json")):
            if path.stem not in _WITHOUT_KEYS:
                refuse_wrong_keys(path.read_bytes())

    def refresh(self) -> None:
        with self._in_our_words():
            self._opened.refresh()

    def target(self, name: str) -> Target | None:
        """What the metadata says about a target; None when nobody entitled vouches for it."""
        with self._in_our_words():
            found = self._opened.get_targetinfo(name)
        if found is None:
            return None
        if "sha256" not in found.hashes:
            raise UnsupportedFormat("A file is vouched for without a SHA-256.", code="format.no_sha256")
        return Target(name, found.length, found.hashes["sha256"])

    def keep(self) -> None:
        """Make the working copy the trusted one: roots first, the timestamp last, each file whole or not at
        all.

        A crash in between leaves files of two moments, of which python-tuf drops and fetches anew what does
        not fit.
        """
        history = self._kept / "root_history"
        history.mkdir(parents=True, exist_ok=True)
        for root in sorted((self.work / "root_history").glob("*.root.json")):
            _replace(root, history / root.name)
        for role in _KEEP_ORDER:
            if (self.work / f"{role}.json").exists():
                _replace(self.work / f"{role}.json", self._kept / f"{role}.json")
        (self.work / "root.json").replace(self._kept / "root.json")
        sync_folder(history)
        sync_folder(self._kept)
        self.discard()

    def discard(self) -> None:
        shutil.rmtree(self.work, ignore_errors=True)

    @property
    def _opened(self) -> Updater:
        if self._updater is None:
            raise RuntimeError("open() comes first")
        return self._updater

    def _in_our_words(self) -> AbstractContextManager[None]:
        return _refusing_in_our_words(self._fetcher, self._session, self.work, self.repository_id)


def _replace(source: Path, destination: Path) -> None:
    if destination.exists() and destination.read_bytes() == source.read_bytes():
        return
    sync_file(source)
    source.replace(destination)


class Directory:
    """The exchange's own repository, from the root whose fingerprint the member pinned."""

    def __init__(self, session: Session, kept: Path, pinned: bytes) -> None:
        self._session = session
        self._pinned = pinned
        self._repository = _Repository(session, DIRECTORY, kept)

    def newest_root(self) -> bytes:
        """The officers' current root, after a complete and unexpired update."""
        self._repository.open(self._pinned)
        try:
            self._repository.refresh()
            newest = (self._repository.work / "root.json").read_bytes()
            self._repository.keep()
        finally:
            self._repository.discard()
        return newest

    def target_bytes(self, name: str, *, limit: int) -> bytes | None:
        """A small file of the directory, verified; None when there is none."""
        found = self.target_file(name, limit=limit)
        return None if found is None else found[1]

    def target_file(self, name: str, *, limit: int) -> tuple[Target, bytes] | None:
        """The same, with where it is served."""
        self._repository.open(self._pinned)
        try:
            target = self._repository.target(name)
            if target is None:
                return None
            content = _verified_bytes(self._session, target, DIRECTORY, limit=limit)
            self._repository.keep()
        finally:
            self._repository.discard()
        return target, content


class ListTrust:
    """One list's repository. `update` fetches and verifies; `keep` remembers, once the manifest has been
    read."""

    def __init__(self, session: Session, list_id: str, kept: Path, directory: Directory) -> None:
        self._session = session
        self.list_id = list_id
        self._kept = kept
        self._directory = directory
        self._repository = _Repository(session, list_id, kept)

    @property
    def work(self) -> Path:
        """Where the metadata that verified lies until `keep` or `discard`."""
        return self._repository.work

    def update(self) -> Target | None:
        """The newest manifest as the publisher vouches for it; None: nothing has been released yet."""
        self._open()
        self._repository.refresh()
        if not self._has_release():
            return None
        manifest = self._repository.target(manifest_name(self.list_id))
        if manifest is None:
            raise WrongList("The publisher of this repository does not vouch for this list.")
        return manifest

    def target(self, name: str) -> Target:
        """A segment that the manifest names. WrongFile `file.not_vouched` when the publisher's metadata
        does not."""
        found = self._repository.target(name)
        if found is None:
            raise WrongFile("The manifest names a file that is not signed.", code="file.not_vouched")
        return found

    def manifest_bytes(self, target: Target, *, limit: int) -> bytes:
        return _verified_bytes(self._session, target, self.list_id, limit=limit)

    def keep(self) -> None:
        self._repository.keep()

    def discard(self) -> None:
        self._repository.discard()

    def _open(self) -> None:
        if (self._kept / "root.json").exists():
            try:
                self._repository.open(None)
                return
            except (RepositoryError, OSError):
                pass  # what was kept is damaged; the officers' signature on the served root is as good
        self._repository.open(self._anchored_root())

    def _anchored_root(self) -> bytes:
        """The list's newest root, if the officers of the pinned directory signed it."""
        newest = self._newest_served_root()
        try:
            check_list_root(self._directory.newest_root(), newest, list_id=self.list_id)
        except Corrupt as error:
            if error.code == "root.other_list":
                raise WrongList(error.message) from error
            raise BadSignature(error.message, code=error.code) from error
        return newest

    def _newest_served_root(self) -> bytes:
        newest: bytes | None = None
        for version in range(1, MAX_ROOTS + 1):
            try:
                newest = self._session.file_bytes(
                    f"tuf/{self.list_id}/metadata/{version}.root.json", limit=MAX_ROOT
                )
            except HttpStatus as answer:
                if answer.status in (403, 404) and newest is not None:
                    break
                error = DownloadHTTPError(str(answer), answer.status)
                last = Fetched(f"{version}.root.json", None)
                raise refusal_of(error, last=last, trusted=self.work, repository_id=self.list_id) from answer
        assert newest is not None  # noqa: S101 - the first turn gives one or raises
        return newest

    def _has_release(self) -> bool:
        """Before release 1 there is no `list.json`. The top-level targets must be about this list all the
        same."""
        targets = Metadata[Targets].from_bytes((self.work / "targets.json").read_bytes())
        if names_another(targets, self.list_id):
            raise WrongList("What the exchange shows here belongs to another list.")
        snapshot = Metadata[Snapshot].from_bytes((self.work / "snapshot.json").read_bytes())
        return "list.json" in snapshot.signed.meta


def fetch_directory_root(session: Session, fingerprint: str | None, root: bytes | None) -> bytes:
    """The first root of the exchange's directory: `root` as given, or as served when it has the fingerprint.

    Raises BadSignature `root.not_pinned`, NetworkDown `network.not_an_exchange`.
    """
    if root is None:
        try:
            root = session.file_bytes(f"tuf/{DIRECTORY}/metadata/1.root.json", limit=MAX_ROOT)
        except HttpStatus as answer:
            raise NetworkDown(
                "There is no Hash Exchange at this address.", code="network.not_an_exchange"
            ) from answer
    if fingerprint is not None:
        try:
            check_fingerprint(root, fingerprint)
        except Corrupt as error:
            raise BadSignature(error.message, code=error.code, advice=error.advice) from error
    return root


def _verified_bytes(session: Session, target: Target, repository_id: str, *, limit: int) -> bytes:
    """A small target, whole. Raises WrongFile."""
    if target.length > limit:
        raise WrongFile(f"A signed document is longer than {limit} bytes.", code="file.too_long")
    try:
        content = session.file_bytes(target.path(repository_id), limit=target.length)
    except HttpStatus as answer:
        raise refusal_for_status(answer) from answer
    if len(content) != target.length or hashlib.sha256(content).hexdigest() != target.sha256:
        raise WrongFile("A file is not the one that was signed: its length or SHA-256 differs.")
    return content


def refusal_for_status(answer: HttpStatus) -> Stop:
    """What it means that a file which the metadata names is not served."""
    if answer.status == 401:
        return Forbidden("The exchange does not accept this key.")
    return NetworkDown("The exchange withholds a file that is signed.", code="network.withheld")
