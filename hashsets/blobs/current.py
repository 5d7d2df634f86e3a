"""The blob store of this installation, from `BLOB_URL`."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings

from hashsets.blobs.folder import FolderStore
from hashsets.blobs.store import BlobStore


def blob_store() -> BlobStore:
    """`BLOB_URL`: a folder's path, or `s3://bucket/prefix` with `HX_S3_ENDPOINT` for anything but AWS.

    Credentials for S3 come from where AWS tools look for them (environment, file, instance role).
    """
    return _store(
        str(settings.BLOB_URL),
        str(getattr(settings, "HX_S3_ENDPOINT", "")),
        Path(settings.HX_VAR) / "cache" / "blobs",
        int(getattr(settings, "HX_BLOB_CACHE_BYTES", 20 << 30)),
    )


@lru_cache(maxsize=8)
def _store(url: str, endpoint: str, cache: Path, cache_bytes: int) -> BlobStore:
    # Keyed by the settings' values, so that a test's own settings get a store of their own.
    parts = urlsplit(url)
    if parts.scheme != "s3":
        return FolderStore(Path(url).resolve())
    # Imported here because a second of start-up and 60 MB are only worth it where a bucket is used.
    import boto3
    from botocore.config import Config

    from hashsets.blobs.bucket import BucketStore

    client = boto3.client(
        "s3",
        endpoint_url=endpoint or None,
        config=Config(
            connect_timeout=5,
            read_timeout=60,
            retries={"mode": "standard", "max_attempts": 4},
            s3={"addressing_style": "path" if endpoint else "auto"},
        ),
    )
    return BucketStore(client, bucket=parts.netloc, prefix=parts.path, cache=cache, cache_bytes=cache_bytes)
