"""What a list holds now: its newest release's manifest and the segments that it names, ready to read.

Here and not in `releases`, because intake compares submissions with it and may not look upwards.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from accounts.errors import Conflict, Corrupt
from hashsets.blobs import keys
from hashsets.blobs.current import blob_store
from hashsets.core.hashtypes import hash_type
from hashsets.core.manifest import MAX_MANIFEST_BYTES, Manifest, manifest_name
from hashsets.core.state import State
from hashsets.lists.models import HashList


@dataclass(frozen=True, slots=True)
class ListState:
    """The content of one release. Without a manifest nothing has been released yet, and every type is
    empty.
    """

    release: int = 0
    manifest: Manifest | None = None
    manifest_sha256: str = ""
    states: Mapping[str, State] = field(default_factory=dict)

    def of(self, slug: str) -> State:
        """The state of one hash type; empty when the release does not have it."""
        return self.states.get(slug) or State(hash_type(slug))


def current_state(list_id: str, release: int) -> ListState:
    """The state at `release`, which must still be the list's newest.

    Errors: Conflict `list.moved_on` when another release came in between; Corrupt as `state_of_manifest`.
    """
    hash_list = HashList.objects.get(id=list_id)
    if hash_list.latest_release != release:
        raise Conflict(
            "The list has a newer release than the one asked for.",
            code="list.moved_on",
            release=hash_list.latest_release,
        )
    return newest_state(hash_list)


def newest_state(hash_list: HashList) -> ListState:
    """The state at the release that this row names."""
    if hash_list.latest_release == 0:
        return ListState()
    return state_of_manifest(hash_list.id, hash_list.latest_release, hash_list.latest_manifest_sha256)


def state_of_manifest(list_id: str, release: int, manifest_sha256: str) -> ListState:
    """The state of any release, by the digest that was recorded for its manifest.

    Errors: NotFound `blob.missing`; Corrupt `manifest.damaged`, `segment.damaged`. Segments were verified
    when they were stored; here only their length is compared, so that a small change does not read a large
    list.
    """
    store = blob_store()
    content = store.get_bytes(
        keys.target(list_id, manifest_name(list_id), manifest_sha256), limit=MAX_MANIFEST_BYTES
    )
    if hashlib.sha256(content).hexdigest() != manifest_sha256:
        raise _damaged()
    manifest = Manifest.parse(content)
    if manifest.list_id != list_id or manifest.release != release:
        raise _damaged()
    files = dict(manifest.files())

    def source_of(name: str) -> Path:
        path = store.local_path(keys.target(list_id, name, files[name].sha256))
        if path.stat().st_size != files[name].length:
            raise Corrupt("A stored segment does not have its recorded length.", code="segment.damaged")
        return path

    states = {typed.slug: manifest.open(typed.slug, source_of) for typed in manifest.types}
    return ListState(release, manifest, manifest_sha256, states)


def _damaged() -> Corrupt:
    return Corrupt("The stored manifest is not the one that was recorded.", code="manifest.damaged")
