"""What the data plane asks of any store of files: create-only, durable before it returns, read back as
written.
"""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO, Final, Protocol

from accounts.errors import Corrupt, NotFound, TooLarge

CHUNK: Final = 1 << 20


class BlobStore(Protocol):
    """A folder or a bucket. Every key is checked (`keys.checked`); every missing key is NotFound
    `blob.missing`.

    A put is create-only: the same bytes again are fine (a rerun after a crash), other bytes under the same
    key are Corrupt `blob.overwritten` and change nothing. When a put returns, the bytes survive a power cut.
    """

    def put_file(self, key: str, path: Path) -> None:
        """Store a complete file. It may be linked rather than copied: `path` must never be changed
        afterwards.
        """

    def put_bytes(self, key: str, content: bytes) -> None: ...

    def replace_bytes(self, key: str, content: bytes) -> None:
        """Overwrite atomically; readers see the old or the new bytes. For `timestamp.json` alone."""

    def get_bytes(self, key: str, *, limit: int) -> bytes:
        """The whole blob. Errors: TooLarge `blob.too_large` beyond `limit` bytes, without reading it."""

    def open(self, key: str) -> BinaryIO:
        """A seekable reader; the caller closes it."""

    def local_path(self, key: str) -> Path:
        """A file on this machine with the blob's bytes, for readers that need random access. Never change
        it.
        """

    def internal_path(self, key: str) -> str:
        """Where a reverse proxy that stands before this store finds the blob: a path without a leading
        slash, with a query if it needs one. The blob may be missing.
        """

    def size(self, key: str) -> int: ...

    def exists(self, key: str) -> bool: ...

    def delete(self, key: str) -> None:
        """Remove it; a missing key is fine."""

    def keys_under(self, folder: str) -> list[str]:
        """The keys `folder/…`, ascending, complete ones alone: for clearing out, never for reading."""

    def forget_local(self, key: str) -> None:
        """Remove what this machine keeps beside the store itself for faster reading."""


def missing() -> NotFound:
    return NotFound("This file is not in the store.", code="blob.missing")


def overwritten() -> Corrupt:
    return Corrupt(
        "Another file is stored under this key; nothing was changed.",
        code="blob.overwritten",
        advice="Compare the store with the records before anything else is published.",
    )


def too_large(limit: int) -> TooLarge:
    return TooLarge(f"This file is larger than {limit} bytes.", code="blob.too_large", limit=limit)
