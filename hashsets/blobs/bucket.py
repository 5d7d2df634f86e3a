"""Blobs in an S3-compatible bucket: for more than one host, with the bucket's own durability.

Create-only is the bucket's conditional write (`If-None-Match: *`), so two writers cannot both win. The
SHA-256 of every blob is kept in its metadata and checked whenever the blob is brought to this machine.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final
from urllib.parse import urlsplit

from botocore.exceptions import ClientError

from accounts.errors import Corrupt
from hashsets.blobs import keys
from hashsets.blobs.store import CHUNK, missing, overwritten, too_large

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef, GetObjectOutputTypeDef

PART: Final = 64 << 20  # above this a file goes up in parts; S3 takes at most 10,000 of them
_ATTEMPTS: Final = 5
_HANDED_OVER: Final = 60  # seconds: the proxy asks at once
_ABSENT: Final = frozenset({"404", "NoSuchKey", "NotFound"})
_TAKEN: Final = frozenset({"412", "PreconditionFailed"})
_RACING: Final = frozenset({"409", "ConditionalRequestConflict"})


class BucketStore:
    """A `BlobStore` under `prefix` of one bucket. `cache` keeps verified downloads, up to about
    `cache_bytes`.
    """

    def __init__(
        self, client: S3Client, *, bucket: str, prefix: str, cache: Path, cache_bytes: int, part: int = PART
    ) -> None:
        self._client = client
        self._bucket = bucket
        self._prefix = prefix.strip("/")
        self._cache = cache
        self._cache_bytes = cache_bytes
        self._part = part

    def put_file(self, key: str, path: Path) -> None:
        digest = _digest_of(path)
        if path.stat().st_size > self._part:
            self._create(key, digest, lambda: self._put_parts(key, path, digest))
            return
        with path.open("rb") as file:
            self._create(key, digest, lambda: self._put(key, file, digest, {"IfNoneMatch": "*"}))

    def put_bytes(self, key: str, content: bytes) -> None:
        digest = hashlib.sha256(content).hexdigest()
        self._create(key, digest, lambda: self._put(key, content, digest, {"IfNoneMatch": "*"}))

    def replace_bytes(self, key: str, content: bytes) -> None:
        self._put(key, content, hashlib.sha256(content).hexdigest(), {})

    def get_bytes(self, key: str, *, limit: int) -> bytes:
        with self._absent_is_missing():
            answer = self._client.get_object(Bucket=self._bucket, Key=self._name(key))
        with contextlib.closing(answer["Body"]) as body:
            if answer["ContentLength"] > limit:
                raise too_large(limit)
            content = body.read()
        if hashlib.sha256(content).hexdigest() != _stated_digest(answer["Metadata"]):
            raise _damaged()
        return content

    def open(self, key: str) -> BinaryIO:
        return self.local_path(key).open("rb")

    def local_path(self, key: str) -> Path:
        kept = self._cache / keys.checked(key)
        if not kept.is_file():
            self._download(key, kept)
        os.utime(kept)  # the cache forgets what was not asked for longest
        return kept

    def internal_path(self, key: str) -> str:
        """`bucket/key?signature`: the proxy asks the bucket with a signature that is good for a minute."""
        signed = self._client.generate_presigned_url(
            "get_object", {"Bucket": self._bucket, "Key": self._name(key)}, ExpiresIn=_HANDED_OVER
        )
        parts = urlsplit(signed)
        return f"{parts.path.lstrip('/')}?{parts.query}"

    def size(self, key: str) -> int:
        with self._absent_is_missing():
            return self._client.head_object(Bucket=self._bucket, Key=self._name(key))["ContentLength"]

    def exists(self, key: str) -> bool:
        return self._stored_digest(key) is not None

    def delete(self, key: str) -> None:
        self._client.delete_object(Bucket=self._bucket, Key=self._name(key))
        self.forget_local(key)

    def keys_under(self, folder: str) -> list[str]:
        start = self._name(folder) + "/"
        cut = len(start) - len(folder) - 1
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=start)
        return sorted(found["Key"][cut:] for page in pages for found in page.get("Contents", ()))

    def forget_local(self, key: str) -> None:
        (self._cache / keys.checked(key)).unlink(missing_ok=True)

    def _name(self, key: str) -> str:
        return f"{self._prefix}/{keys.checked(key)}" if self._prefix else keys.checked(key)

    def _create(self, key: str, digest: str, write: Callable[[], None]) -> None:
        """Run `write`, a conditional put. Losing to the same content is success; a racing writer is waited
        for.
        """
        for attempt in range(_ATTEMPTS):
            try:
                write()
            except ClientError as error:
                code = _code(error)
                if code in _RACING and attempt < _ATTEMPTS - 1:
                    time.sleep(0.1 * 2**attempt)
                    continue
                if code not in _TAKEN:
                    raise
                if self._stored_digest(key) != digest:
                    raise overwritten() from None
            return

    def _put(self, key: str, content: bytes | BinaryIO, digest: str, condition: Mapping[str, Any]) -> None:
        if not isinstance(content, bytes):
            content.seek(0)
        self._client.put_object(
            Bucket=self._bucket,
            Key=self._name(key),
            Body=content,
            Metadata={"sha256": digest},
            ChecksumSHA256=base64.b64encode(bytes.fromhex(digest)).decode(),
            **condition,
        )

    def _put_parts(self, key: str, path: Path, digest: str) -> None:
        bucket, name = self._bucket, self._name(key)
        started = self._client.create_multipart_upload(Bucket=bucket, Key=name, Metadata={"sha256": digest})
        upload = started["UploadId"]
        try:
            parts = list(self._upload_parts(name, upload, path))
            self._client.complete_multipart_upload(
                Bucket=bucket, Key=name, UploadId=upload, MultipartUpload={"Parts": parts}, IfNoneMatch="*"
            )
        except BaseException:
            # Unfinished parts cost money and are invisible: nobody else would ever remove them.
            with contextlib.suppress(ClientError):
                self._client.abort_multipart_upload(Bucket=bucket, Key=name, UploadId=upload)
            raise

    def _upload_parts(self, name: str, upload: str, path: Path) -> Iterator[CompletedPartTypeDef]:
        with path.open("rb") as file:
            number = 1
            while piece := file.read(self._part):
                answer = self._client.upload_part(
                    Bucket=self._bucket, Key=name, UploadId=upload, PartNumber=number, Body=piece
                )
                yield {"ETag": answer["ETag"], "PartNumber": number}
                number += 1

    def _stored_digest(self, key: str) -> str | None:
        try:
            answer = self._client.head_object(Bucket=self._bucket, Key=self._name(key))
        except ClientError as error:
            if _code(error) in _ABSENT:
                return None
            raise
        return _stated_digest(answer["Metadata"])

    def _download(self, key: str, kept: Path) -> None:
        with self._absent_is_missing():
            answer = self._client.get_object(Bucket=self._bucket, Key=self._name(key))
        kept.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        self._make_room(answer["ContentLength"])
        descriptor, name = tempfile.mkstemp(dir=kept.parent, prefix=".get-")
        draft = Path(name)
        try:
            with os.fdopen(descriptor, "wb") as file:
                digest = _copy(answer, file)
            if digest != _stated_digest(answer["Metadata"]):
                raise _damaged()
            draft.replace(kept)
        finally:
            draft.unlink(missing_ok=True)

    def _make_room(self, wanted: int) -> None:
        """Forget what was used longest ago until `wanted` bytes fit; a path handed out within the hour
        stays.
        """
        kept = []
        for path in self._cache.rglob("*"):
            # Another worker may have removed it since it was listed.
            with contextlib.suppress(FileNotFoundError):
                facts = path.stat()
                if path.is_file():
                    kept.append((facts.st_mtime, facts.st_size, path))
        total = sum(size for _, size, _ in kept) + wanted
        for used_at, size, path in sorted(kept, key=lambda entry: entry[0]):
            if total <= self._cache_bytes or used_at > time.time() - 3600:
                return
            path.unlink(missing_ok=True)
            total -= size

    @contextlib.contextmanager
    def _absent_is_missing(self) -> Iterator[None]:
        try:
            yield
        except ClientError as error:
            if _code(error) in _ABSENT:
                raise missing() from None
            raise


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def _stated_digest(metadata: Mapping[str, str]) -> str:
    return metadata.get("sha256", "")


def _damaged() -> Corrupt:
    return Corrupt("The stored file does not have the digest that was recorded with it.", code="blob.damaged")


def _digest_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _copy(answer: GetObjectOutputTypeDef, file: BinaryIO) -> str:
    digest = hashlib.sha256()
    with contextlib.closing(answer["Body"]) as body:
        for piece in body.iter_chunks(CHUNK):
            digest.update(piece)
            file.write(piece)
    return digest.hexdigest()
