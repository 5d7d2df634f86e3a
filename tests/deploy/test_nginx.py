"""nginx before the exchange, as deploy/nginx/exchange.conf sets it up: a real nginx, a real blob store."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import boto3
import httpx
import pytest
from django.test import Client
from moto.server import ThreadedMotoServer
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from hashsets.blobs.current import blob_store
from tests import cast
from tests.deploy.proxied import NGINX, Proxy, proxied
from tests.exchange.world import new_list

CONTENT = bytes(range(256)) * 12_000  # 3 MB: more than any buffer on the way
DIGEST = hashlib.sha256(CONTENT).hexdigest()
NAME = f"{DIGEST}.sha256.1.parquet"
PATH = f"/tuf/directory/targets/{NAME}"

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def folder_blobs(settings: Settings, tmp_path: Path) -> str:
    settings.BLOB_URL = str(tmp_path / "blobs")
    blob_store().put_bytes(f"tuf/directory/targets/{NAME}", CONTENT)
    conf = (NGINX / "blobs-folder.conf").read_text()
    assert "/var/lib/hash-exchange/blobs/tuf/" in conf
    return conf.replace("/var/lib/hash-exchange/blobs/tuf/", f"{tmp_path}/blobs/tuf/")


@pytest.fixture
def bucket_blobs(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    settings.HX_S3_ENDPOINT, settings.BLOB_URL = f"http://{host}:{port}", "s3://hash-exchange"
    settings.HX_VAR = tmp_path / "var"
    boto3.client("s3", endpoint_url=settings.HX_S3_ENDPOINT).create_bucket(Bucket="hash-exchange")
    blob_store().put_bytes(f"tuf/directory/targets/{NAME}", CONTENT)
    yield (NGINX / "blobs-bucket.conf").read_text().replace("store:9000", f"{host}:{port}")
    server.stop()


@pytest.fixture(params=["folder_blobs", "bucket_blobs"])
def proxy(
    request: pytest.FixtureRequest, live_server: LiveServer, settings: Settings, tmp_path: Path
) -> Iterator[Proxy]:
    settings.HX_ACCEL_LOCATION = "/_blobs"
    blobs = str(request.getfixturevalue(str(request.param)))
    with proxied(live_server.url.removeprefix("http://"), blobs, tmp_path) as made:
        yield made


def test_a_whole_file_is_sent_by_nginx_with_the_exchange_s_own_headers(proxy: Proxy) -> None:
    answer = proxy.get(PATH)
    assert answer.status_code == 200
    assert hashlib.sha256(answer.content).hexdigest() == DIGEST
    assert answer.headers.get_list("etag") == [f'"{DIGEST}"']
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["content-length"] == str(len(CONTENT))
    assert answer.headers["content-type"] == "application/vnd.apache.parquet"
    assert "last-modified" not in answer.headers
    assert not any("accel" in name or name.startswith("x-amz-meta") for name in answer.headers)


def test_parts_and_known_files_are_answered_as_without_nginx(proxy: Proxy) -> None:
    part = proxy.get(PATH, Range="bytes=1000-")
    assert (part.status_code, part.content) == (206, CONTENT[1000:])
    assert part.headers["content-range"] == f"bytes 1000-{len(CONTENT) - 1}/{len(CONTENT)}"
    assert proxy.get(PATH, **{"If-None-Match": f'"{DIGEST}"'}).status_code == 304
    assert proxy.client.head(proxy.url + PATH).headers["content-length"] == str(len(CONTENT))


def test_nobody_reaches_the_store_past_the_exchange(proxy: Proxy) -> None:
    hash_list = new_list(cast.harbor(), audience="invited")
    blob_store().put_bytes(f"tuf/{hash_list.id}/targets/{hash_list.id}/{NAME}", CONTENT)
    for path in (
        f"/tuf/{hash_list.id}/targets/{hash_list.id}/{NAME}",
        f"/_blobs/tuf/directory/targets/{NAME}",
        f"/_blobs/hash-exchange/tuf/directory/targets/{NAME}",
        f"/tuf/directory/targets/{'0' * 64}.absent.parquet",
        "/tuf/directory/targets/%2e%2e/%2e%2e/%2e%2e/uploads/x",
        "/metrics",
        "/readyz",
    ):
        assert proxy.get(path).status_code == 404, path


def test_plain_http_is_sent_to_https(proxy: Proxy) -> None:
    answer = httpx.get(f"{proxy.plain_url}/healthz")
    assert (answer.status_code, answer.headers["location"]) == (308, "https://127.0.0.1/healthz")
    assert proxy.get("/healthz").text == "ok\n"


def test_without_the_setting_the_exchange_sends_files_itself(folder_blobs: str, settings: Settings) -> None:
    settings.HX_ACCEL_LOCATION = ""
    answer = Client().get(PATH)
    assert "X-Accel-Redirect" not in answer
    assert b"".join(answer.streaming_content) == CONTENT  # type: ignore[attr-defined]


def test_with_it_only_a_whole_file_that_exists_is_handed_over(folder_blobs: str, settings: Settings) -> None:
    settings.HX_ACCEL_LOCATION = "/_blobs"
    client = Client()
    answer = client.get(PATH)
    assert answer["X-Accel-Redirect"] == f"/_blobs{PATH}"
    assert (answer.content, answer["ETag"]) == (b"", f'"{DIGEST}"')
    for other in (
        client.head(PATH),
        client.get(PATH, headers={"Range": "bytes=0-9"}),
        client.get(PATH, headers={"If-None-Match": '"x"'}),
        client.get(PATH.replace(DIGEST, "0" * 64)),
    ):
        assert "X-Accel-Redirect" not in other
        other.close()
