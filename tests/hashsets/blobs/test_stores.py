"""The folder and the bucket keep the same promises."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import UUID

import boto3
import pytest
from django.test import override_settings
from moto.server import ThreadedMotoServer
from mypy_boto3_s3 import S3Client

from accounts.errors import Corrupt, Invalid, NotFound, TooLarge
from hashsets.blobs import keys
from hashsets.blobs.bucket import BucketStore
from hashsets.blobs.current import blob_store
from hashsets.blobs.folder import FolderStore
from hashsets.blobs.store import BlobStore

MakeStore = Callable[[], BlobStore]


@pytest.fixture(scope="module")
def s3_address() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def s3(s3_address: str, monkeypatch: pytest.MonkeyPatch) -> S3Client:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    client = boto3.client("s3", endpoint_url=s3_address)
    for bucket in client.list_buckets()["Buckets"]:
        for item in client.list_objects_v2(Bucket=bucket["Name"]).get("Contents", []):
            client.delete_object(Bucket=bucket["Name"], Key=item["Key"])
    client.create_bucket(Bucket="hashes")
    return client


@pytest.fixture(params=["folder", "bucket"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> BlobStore:
    if request.param == "folder":
        return FolderStore(tmp_path / "store")
    return bucket_store(request.getfixturevalue("s3"), tmp_path)


def bucket_store(
    client: S3Client, folder: Path, *, part: int = 64 << 20, cache_bytes: int = 1 << 30
) -> BucketStore:
    return BucketStore(
        client,
        bucket="hashes",
        prefix="exchange/",
        cache=folder / "cache",
        cache_bytes=cache_bytes,
        part=part,
    )


def written(folder: Path, content: bytes) -> Path:
    path = folder / f"source-{len(list(folder.iterdir()))}"
    path.write_bytes(content)
    return path


def test_what_was_put_is_read_back_in_every_way(store: BlobStore, tmp_path: Path) -> None:
    store.put_file("uploads/aa/one", written(tmp_path, b"one"))
    store.put_bytes("uploads/aa/two", b"two")
    assert store.get_bytes("uploads/aa/one", limit=3) == b"one"
    with store.open("uploads/aa/two") as file:
        assert file.read() == b"two"
    assert store.local_path("uploads/aa/one").read_bytes() == b"one"
    assert (store.size("uploads/aa/one"), store.exists("uploads/aa/two")) == (3, True)


def test_the_same_bytes_again_are_fine(store: BlobStore, tmp_path: Path) -> None:
    for _ in range(2):
        store.put_bytes("leaves/x", b"same")
        store.put_file("leaves/x", written(tmp_path, b"same"))
    assert store.get_bytes("leaves/x", limit=10) == b"same"


def test_other_bytes_under_a_key_are_refused_and_change_nothing(store: BlobStore, tmp_path: Path) -> None:
    store.put_bytes("leaves/x", b"first")
    with pytest.raises(Corrupt, match="Another file is stored under this key") as refusal:
        store.put_bytes("leaves/x", b"other")
    assert refusal.value.code == "blob.overwritten"
    with pytest.raises(Corrupt):
        store.put_file("leaves/x", written(tmp_path, b"longer than the first"))
    assert store.get_bytes("leaves/x", limit=10) == b"first"


def test_a_missing_blob_is_not_found_whichever_way_it_is_asked_for(store: BlobStore) -> None:
    asked: list[Callable[[str], object]] = [
        store.open,
        store.local_path,
        store.size,
        lambda key: store.get_bytes(key, limit=1),
    ]
    for ask in asked:
        with pytest.raises(NotFound) as refusal:
            ask("uploads/aa/none")
        assert refusal.value.code == "blob.missing"
    assert not store.exists("uploads/aa/none")
    store.delete("uploads/aa/none")


def test_a_blob_beyond_the_limit_is_not_read(store: BlobStore) -> None:
    store.put_bytes("leaves/x", b"12345")
    with pytest.raises(TooLarge) as refusal:
        store.get_bytes("leaves/x", limit=4)
    assert refusal.value.facts == {"limit": 4}


def test_only_replacing_replaces(store: BlobStore) -> None:
    store.replace_bytes("tuf/a/metadata/timestamp.json", b"1")
    store.replace_bytes("tuf/a/metadata/timestamp.json", b"2")
    assert store.get_bytes("tuf/a/metadata/timestamp.json", limit=10) == b"2"


def test_a_deleted_blob_is_gone_and_may_come_back_with_other_bytes(store: BlobStore) -> None:
    store.put_bytes("staged/x", b"old")
    assert store.local_path("staged/x").read_bytes() == b"old"
    store.delete("staged/x")
    assert not store.exists("staged/x")
    store.put_bytes("staged/x", b"new")
    assert store.local_path("staged/x").read_bytes() == b"new"


@pytest.mark.parametrize(
    "key",
    [
        "",
        "/etc/passwd",
        "../up",
        "a/../b",
        "a//b",
        ".hidden",
        "a/.put-x",
        "a\\b",
        "a b",
        "a\n",
        "ä",
        "a/",
        "x" * 301,
    ],
)
def test_a_key_that_could_leave_the_store_is_refused(store: BlobStore, key: str) -> None:
    with pytest.raises(Invalid) as refusal:
        store.put_bytes(key, b"")
    assert refusal.value.code == "blob.key"
    with pytest.raises(Invalid):
        store.local_path(key)


def test_of_many_writers_of_one_key_all_succeed_or_all_but_one_are_refused(store: BlobStore) -> None:
    outcomes: list[str] = []

    def put(content: bytes) -> None:
        try:
            store.put_bytes("leaves/raced", content)
        except Corrupt:
            outcomes.append("refused")
        else:
            outcomes.append(content.decode())

    threads = [threading.Thread(target=put, args=(b"%d" % number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (winner,) = [outcome for outcome in outcomes if outcome != "refused"]
    assert store.get_bytes("leaves/raced", limit=10) == winner.encode()
    assert outcomes.count("refused") == 7


def test_a_folder_never_shows_an_unfinished_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = FolderStore(tmp_path / "store")

    def fail(path: Path, content: bytes) -> int:
        path.open("wb").close()
        raise OSError("disk full")

    monkeypatch.setattr(Path, "write_bytes", fail)
    with pytest.raises(OSError, match="disk full"):
        store.put_bytes("uploads/aa/x", b"content")
    assert not store.exists("uploads/aa/x")
    assert list((tmp_path / "store" / "uploads" / "aa").iterdir()) == []


def test_a_folder_links_instead_of_copying_and_makes_the_bytes_read_only(tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "store")
    source = written(tmp_path, b"large")
    store.put_file("uploads/aa/x", source)
    stored = store.local_path("uploads/aa/x")
    assert stored.samefile(source)
    assert stored.stat().st_mode & 0o222 == 0


def test_a_large_file_reaches_a_bucket_in_parts_and_is_still_create_only(
    s3: S3Client, tmp_path: Path
) -> None:
    store = bucket_store(s3, tmp_path, part=5 << 20)
    content = bytes(range(256)) * (12 << 12)
    store.put_file("uploads/aa/big", written(tmp_path, content))
    store.put_file("uploads/aa/big", written(tmp_path, content))
    with pytest.raises(Corrupt):
        store.put_file("uploads/aa/big", written(tmp_path, content[:-1] + b"!"))
    assert store.local_path("uploads/aa/big").read_bytes() == content
    assert s3.list_multipart_uploads(Bucket="hashes").get("Uploads", []) == []


def test_bytes_that_changed_in_the_bucket_are_never_handed_out(s3: S3Client, tmp_path: Path) -> None:
    store = bucket_store(s3, tmp_path)
    store.put_bytes("leaves/x", b"right")
    digest = s3.head_object(Bucket="hashes", Key="exchange/leaves/x")["Metadata"]
    s3.put_object(Bucket="hashes", Key="exchange/leaves/x", Body=b"wrong", Metadata=digest)
    for ask in (store.local_path, lambda key: store.get_bytes(key, limit=10)):
        with pytest.raises(Corrupt) as refusal:
            ask("leaves/x")
        assert refusal.value.code == "blob.damaged"
    assert [path for path in (tmp_path / "cache").rglob("*") if path.is_file()] == []


def test_the_cache_of_a_bucket_forgets_what_was_not_used_for_long(s3: S3Client, tmp_path: Path) -> None:
    import os

    store = bucket_store(s3, tmp_path, cache_bytes=10)
    for name in ("old", "recent", "new"):
        store.put_bytes(f"leaves/{name}", b"12345")
    old, recent = store.local_path("leaves/old"), store.local_path("leaves/recent")
    os.utime(old, (1, 1))
    store.local_path("leaves/new")
    assert (old.exists(), recent.exists()) == (False, True)
    assert store.local_path("leaves/old").read_bytes() == b"12345"


def test_the_installation_uses_the_bucket_that_its_settings_name(
    s3: S3Client, s3_address: str, tmp_path: Path
) -> None:
    with override_settings(BLOB_URL="s3://hashes/main", HX_S3_ENDPOINT=s3_address, HX_VAR=tmp_path):
        blob_store().put_bytes("leaves/x", b"x")
        assert blob_store() is blob_store()
    assert s3.head_object(Bucket="hashes", Key="main/leaves/x")["ContentLength"] == 1


def test_the_installation_uses_the_folder_that_its_settings_name(tmp_path: Path) -> None:
    with override_settings(BLOB_URL=str(tmp_path / "here")):
        blob_store().put_bytes("leaves/x", b"x")
    assert (tmp_path / "here" / "leaves" / "x").read_bytes() == b"x"


def test_keys_keep_what_is_derived_apart_from_what_is_evidence() -> None:
    submission = UUID("0123456789abcdef0123456789abcdef")
    assert keys.upload(submission) == f"uploads/01/{submission}"
    assert keys.target("list", "list/manifest.json", "ab") == "tuf/list/targets/list/ab.manifest.json"
    assert keys.metadata("list", "snapshot", 3) == "tuf/list/metadata/3.snapshot.json"
    assert keys.metadata("list", "timestamp", 9) == "tuf/list/metadata/timestamp.json"
    assert keys.leaves("list", "md5", "ab") == "leaves/list/md5-ab"
