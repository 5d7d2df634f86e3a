"""A release as a member's stock TUF client gets it: nothing of ours but a fetcher that reads the blob
store.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tuf.api.exceptions import DownloadError, DownloadHTTPError, RepositoryError
from tuf.ngclient.config import UpdaterConfig
from tuf.ngclient.fetcher import FetcherInterface
from tuf.ngclient.updater import Updater

from accounts.errors import Corrupt, NotFound, Refusal
from hashsets.blobs import keys
from hashsets.blobs.store import CHUNK, BlobStore
from hashsets.trust.list_role import TargetFacts

SCHEME: Final = "blob:///"
MAX_ROOT_BYTES: Final = 512_000


class StoreFetcher(FetcherInterface):
    """Serves `blob:///<key>` from the blob store; what is not there is a 404, as over HTTP."""

    def __init__(self, store: BlobStore) -> None:
        self._store = store

    def _fetch(self, url: str) -> Iterator[bytes]:
        try:
            file = self._store.open(keys.checked(url.removeprefix(SCHEME)))
        except Refusal:
            raise DownloadHTTPError("not found", 404) from None
        with file:
            while piece := file.read(CHUNK):
                yield piece


def download_and_verify(store: BlobStore, list_id: str, targets: dict[str, TargetFacts]) -> int:
    """Start from the first root, refresh, and download every file of `targets`; returns the bytes
    downloaded.

    Errors: Corrupt `client.refused` with what the client said; `client.other_file` when it is led to
    other bytes.
    """
    with tempfile.TemporaryDirectory(prefix="verify-") as folder:
        try:
            return _download(store, list_id, targets, Path(folder))
        except (RepositoryError, DownloadError) as error:
            raise Corrupt(
                f"A stock client refuses this repository: {type(error).__name__}.", code="client.refused"
            ) from error
        except NotFound:
            raise Corrupt("The repository's first root is not in the store.", code="client.refused") from None


def _download(store: BlobStore, list_id: str, targets: dict[str, TargetFacts], folder: Path) -> int:
    base = f"{SCHEME}tuf/{list_id}"
    # Signed files are looked up by digest, so the largest release decides the limits, not the defaults.
    updater = Updater(
        metadata_dir=str(folder),
        metadata_base_url=f"{base}/metadata/",
        target_base_url=f"{base}/targets/",
        fetcher=StoreFetcher(store),
        config=UpdaterConfig(prefix_targets_with_hash=True),
        bootstrap=store.get_bytes(keys.metadata(list_id, "root", 1), limit=MAX_ROOT_BYTES),
    )
    updater.refresh()
    total = 0
    for path, facts in targets.items():
        named = updater.get_targetinfo(path)
        if named is None or named.length != facts.length or named.hashes.get("sha256") != facts.sha256:
            raise Corrupt(f"The signed metadata names other bytes for {path}.", code="client.other_file")
        updater.download_target(named, str(folder / "target"))
        (folder / "target").unlink()
        total += facts.length
    return total
