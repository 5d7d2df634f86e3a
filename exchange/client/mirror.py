"""A verified copy of lists, byte for byte as their publishers signed them, to be served on: see `serve`.

For a region whose machines should not all go far, or a network without a way out. A mirror is nothing that
anybody has to believe: it holds no key, and whoever syncs from it checks every signature again. What it has
verified itself only keeps it from spreading damage.

    DIR/tuf/<repository>/metadata, targets     what is served; the timestamp is replaced last
    DIR/answers.json                           the catalogue and the policies, as the exchange told them
    DIR/state/                                 trusted metadata that the next update continues from
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, Root

from accounts.errors import Refusal
from exchange.client import api
from exchange.client.durable import write_durably
from exchange.client.fetch import HttpStatus, Session
from exchange.client.push_key import TARGET as PUSH_KEY
from exchange.client.refusals import BadSignature, MixAndMatch, UnsupportedFormat, WrongList
from exchange.client.store import ListStore
from exchange.client.trust import DIRECTORY, MAX_ROOT, Directory, ListTrust, Target, refusal_for_status
from exchange.client.tuf_refusals import refuse_wrong_keys
from exchange.client.watch import Watch
from exchange.client.withdrawn import verified_notice
from hashsets.core.manifest import MAX_MANIFEST_BYTES, Manifest
from hashsets.core.withdrawal import withdrawn_name

__all__ = ["ANSWERS", "Mirrored", "mirror_directory", "mirror_list", "note_answers", "state_folder"]

ANSWERS: Final = "answers.json"
_DELEGATED: Final = ("targets", "list", "catalogue")
CATALOGUE: Final = "catalogue.json"
MAX_DOCUMENT: Final = 5_000_000


@dataclass(frozen=True, slots=True)
class Mirrored:
    """What an update of one list came to; `release` is None when nothing has been released yet."""

    list_id: str
    release: int | None
    downloaded: int


def state_folder(folder: Path) -> Path:
    return folder / "state"


def mirror_list(
    session: Session, folder: Path, list_id: str, directory: Directory, *, watch: Watch
) -> Mirrored:
    """(1) update trust on a working copy, (2) fetch and verify every file of the newest release, (3) show it.

    A refusal before (3) leaves what was served until now; a crash within (3) too, because files are named by
    version or digest and the timestamp, which leads to them, comes last.
    """
    store = ListStore(state_folder(folder), list_id)
    with store.locked():
        trust = ListTrust(session, list_id, store.trust, directory)
        try:
            vouched = trust.update()
            release, downloaded = None, 0
            if vouched is not None:
                release, downloaded = _mirror_files(session, folder, trust, vouched, watch)
            _show_metadata(session, folder, list_id, trust.work)
            if vouched is not None:
                _forget_withdrawn(folder, list_id, vouched)
            trust.keep()
        finally:
            trust.discard()
    return Mirrored(list_id, release, downloaded)


def mirror_directory(session: Session, folder: Path, directory: Directory, kept: Path) -> None:
    """The exchange's own repository, which readers of the mirror have pinned: its roots, its push key and
    its catalogue of public lists."""
    directory.newest_root()
    for name in (PUSH_KEY, CATALOGUE):
        found = directory.target_file(name, limit=MAX_DOCUMENT)
        if found is not None:
            target, content = found
            _write_once(folder / target.path(DIRECTORY), content)
    _show_metadata(session, folder, DIRECTORY, kept)


def note_answers(
    folder: Path, listed: Sequence[api.ListSummary], followed: Sequence[api.Subscription]
) -> None:
    """Keep what the exchange says of these lists, in the shape in which its API says it."""
    policies = [{"id": one.id, "list_id": one.list_id, "policy": one.policy.document()} for one in followed]
    document = {"lists": [_list_document(one) for one in listed], "subscriptions": policies}
    write_durably(folder / ANSWERS, json.dumps(document).encode())


def _list_document(one: api.ListSummary) -> dict[str, Any]:
    document = asdict(one)
    names = {"id": "publisher_id", "name": "publisher", "kind": "publisher_kind"}
    publisher = {name: document.pop(field) for name, field in names.items()}
    return {**document, "publisher": publisher}


def _mirror_files(
    session: Session, folder: Path, trust: ListTrust, vouched: Target, watch: Watch
) -> tuple[int, int]:
    document = trust.manifest_bytes(vouched, limit=MAX_MANIFEST_BYTES)
    try:
        manifest = Manifest.parse(document)
    except Refusal as error:
        raise UnsupportedFormat(
            f"The manifest cannot be read: {error.message}", code="format.manifest"
        ) from error
    if manifest.list_id != trust.list_id:
        raise WrongList("The manifest in this list's place is another list's.")
    wanted = []
    for name, facts in manifest.files():
        target = trust.target(name)
        if (target.length, target.sha256) != (facts.length, facts.sha256):
            raise MixAndMatch("The manifest and the signed metadata disagree about a file.")
        if not (folder / target.path(trust.list_id)).exists():
            wanted.append(target)
    if manifest.withdrawn is not None:
        notice = verified_notice(trust, manifest, manifest.withdrawn)
        target = trust.target(withdrawn_name(trust.list_id))
        _write_once(folder / target.path(trust.list_id), notice.to_bytes())
    watch.begin("Downloading", sum(target.length for target in wanted))
    for target in wanted:
        _fetch(session, folder, trust.list_id, target, watch)
    write_durably(folder / vouched.path(trust.list_id), document)
    return manifest.release, sum(target.length for target in wanted)


def _forget_withdrawn(folder: Path, list_id: str, vouched: Target) -> None:
    """What the publisher withdrew is not served on either; readers are led to the newest release by now."""
    manifest = Manifest.parse((folder / vouched.path(list_id)).read_bytes())
    if manifest.withdrawn is None:
        return
    served = folder / "tuf" / list_id / "targets" / list_id
    facts = manifest.withdrawn
    kept = {f"{facts.sha256}.withdrawn.json", Path(vouched.path(list_id)).name}
    kept |= {f"{segment.sha256}.{name.rpartition('/')[2]}" for name, segment in manifest.files()}
    for path in served.iterdir():
        if path.name not in kept:
            path.unlink()


def _fetch(session: Session, folder: Path, list_id: str, target: Target, watch: Watch) -> None:
    """A verified file at its served place; what is half here lies elsewhere, where nobody is served it."""
    path = target.path(list_id)
    arriving = ListStore(state_folder(folder), list_id).downloads / target.sha256
    arriving.parent.mkdir(parents=True, exist_ok=True)
    try:
        session.download(path, arriving, length=target.length, sha256=target.sha256, advance=watch.advance)
    except HttpStatus as answer:
        raise refusal_for_status(answer) from answer
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    arriving.replace(folder / path)


def _show_metadata(session: Session, folder: Path, repository_id: str, trusted: Path) -> None:
    """Serve the metadata in `trusted`, which verified: roots first, the timestamp last."""
    served = folder / "tuf" / repository_id / "metadata"
    newest = (trusted / "root.json").read_bytes()
    for version, root in _roots(session, repository_id, served, newest):
        _write_once(served / f"{version}.root.json", root)
    for role in (*_DELEGATED, "snapshot"):
        if (trusted / f"{role}.json").exists():
            content = (trusted / f"{role}.json").read_bytes()
            version = Metadata.from_bytes(content).signed.version
            _write_once(served / f"{version}.{role}.json", content)
    write_durably(served / "timestamp.json", (trusted / "timestamp.json").read_bytes())


def _roots(session: Session, repository_id: str, served: Path, newest: bytes) -> Iterator[tuple[int, bytes]]:
    """Every root up to the newest, each signed by the one before: clients may have pinned any of them."""
    last = Metadata[Root].from_bytes(newest).signed.version
    before: Metadata[Root] | None = None
    for version in range(1, last + 1):
        kept = served / f"{version}.root.json"
        if version == last:
            content = newest
        elif kept.exists():
            content = kept.read_bytes()
        else:
            content = _root_bytes(session, repository_id, version)
        try:
            root = Metadata[Root].from_bytes(content)
            if before is not None:
                before.signed.verify_delegate("root", root.signed_bytes, root.signatures)
        except (RepositoryError, ValueError) as error:
            raise BadSignature("The roots that the exchange shows do not follow from each other.") from error
        refuse_wrong_keys(content)
        before = root
        yield version, content


def _root_bytes(session: Session, repository_id: str, version: int) -> bytes:
    try:
        return session.file_bytes(f"tuf/{repository_id}/metadata/{version}.root.json", limit=MAX_ROOT)
    except HttpStatus as answer:
        raise refusal_for_status(answer) from answer


def _write_once(path: Path, content: bytes) -> None:
    """Versions never change; one that does would be the exchange's doing and is what its clients must
    see."""
    if not path.exists() or path.read_bytes() != content:
        write_durably(path, content)
