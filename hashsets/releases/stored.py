"""Whether the files of a release are all in the store, whole: asked before anybody is told that the
release exists.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import BinaryIO, Final

from accounts.errors import Corrupt, NotFound
from hashsets.blobs import keys
from hashsets.blobs.store import BlobStore
from hashsets.core.manifest import MAX_MANIFEST_BYTES, Manifest, manifest_name
from hashsets.trust.list_role import TargetFacts

CHUNK: Final = 1 << 20


def check_stored(
    store: BlobStore,
    list_id: str,
    targets: Mapping[str, TargetFacts],
    *,
    known: Collection[str] = (),
) -> None:
    """Compare stored files with what a release names: all by length, those not in `known` (SHA-256) by
    content.

    `known` are files of earlier releases: they were read back when those were published and are never
    overwritten, so a small release does not read a large list. `verify_release` reads everything.

    Errors: Corrupt `target.missing`, `target.damaged`.
    """
    for path, facts in targets.items():
        key = keys.target(list_id, path, facts.sha256)
        try:
            if store.size(key) != facts.length:
                raise _damaged(path)
            if facts.sha256 in known:
                continue
            with store.open(key) as file:
                if _digest(file) != facts.sha256:
                    raise _damaged(path)
        except NotFound:
            raise _missing(path) from None


def read_manifest(store: BlobStore, list_id: str, sha256: str) -> tuple[Manifest, int]:
    """A stored manifest by its digest, and its length in bytes.

    Errors: Corrupt `target.missing`, `target.damaged`.
    """
    name = manifest_name(list_id)
    try:
        content = store.get_bytes(keys.target(list_id, name, sha256), limit=MAX_MANIFEST_BYTES)
    except NotFound:
        raise _missing(name) from None
    if hashlib.sha256(content).hexdigest() != sha256:
        raise _damaged(name)
    return Manifest.parse(content), len(content)


def digest_of_file(path: Path) -> str:
    """SHA-256 (hex) of a local file."""
    with path.open("rb") as file:
        return _digest(file)


def _digest(file: BinaryIO) -> str:
    digest = hashlib.sha256()
    while piece := file.read(CHUNK):
        digest.update(piece)
    return digest.hexdigest()


def _missing(path: str) -> Corrupt:
    return Corrupt(f"A file of the release is not in the store: {path}.", code="target.missing", path=path)


def _damaged(path: str) -> Corrupt:
    return Corrupt(
        f"A stored file of the release is not what was recorded: {path}.", code="target.damaged", path=path
    )
