"""Byte ranges: what a resuming client relies on."""

from __future__ import annotations

import hashlib
import io

import pytest
from django.http import HttpResponseBase, StreamingHttpResponse
from django.test import RequestFactory

from exchange.http.files import file_response, parse_range

CONTENT = bytes(range(256)) * 10
TAG = hashlib.sha256(CONTENT).hexdigest()


def get(method: str = "get", **headers: str) -> HttpResponseBase:
    request = getattr(RequestFactory(), method)("/file", headers=headers)
    return file_response(
        request,
        io.BytesIO(CONTENT),
        length=len(CONTENT),
        etag=TAG,
        content_type="application/octet-stream",
        private=True,
    )


def body(response: HttpResponseBase) -> bytes:
    if isinstance(response, StreamingHttpResponse):
        return b"".join(response.streaming_content)  # type: ignore[arg-type]
    return response.content  # type: ignore[attr-defined, no-any-return]


def test_it_serves_the_whole_file_for_ever() -> None:
    response = get()
    assert response.status_code == 200
    assert body(response) == CONTENT
    assert response["Cache-Control"] == "private, max-age=31536000, immutable"
    assert response["Content-Length"] == str(len(CONTENT))


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [("bytes=0-0", 0, 0), ("bytes=100-", 100, 2559), ("bytes=-10", 2550, 2559), ("bytes=5-99999", 5, 2559)],
)
def test_it_serves_a_part(asked: str, first: int, last: int) -> None:
    response = get(Range=asked)
    assert response.status_code == 206
    assert response["Content-Range"] == f"bytes {first}-{last}/2560"
    assert body(response) == CONTENT[first : last + 1]


@pytest.mark.parametrize("asked", ["bytes=2560-", "bytes=-0", "bytes=99999-100000"])
def test_it_refuses_a_part_that_is_not_there(asked: str) -> None:
    response = get(Range=asked)
    assert response.status_code == 416
    assert response["Content-Range"] == "bytes */2560"


@pytest.mark.parametrize(
    "asked", ["bytes=0-1,5-6", "items=0-1", "bytes=-", "bytes=5-2", "bytes=²-", "bytes= 1-2"]
)
def test_it_ignores_a_range_it_does_not_understand(asked: str) -> None:
    assert parse_range(asked, 2560) is None


def test_a_part_of_another_version_is_not_glued_on() -> None:
    response = get(Range="bytes=100-", **{"If-Range": '"another"'})
    assert response.status_code == 200
    assert body(response) == CONTENT


def test_it_says_unchanged() -> None:
    response = get(**{"If-None-Match": f'"other", "{TAG}"'})
    assert response.status_code == 304
    assert body(response) == b""


def test_head_carries_the_length_and_no_body() -> None:
    response = get("head")
    assert response["Content-Length"] == "2560"
    assert body(response) == b""
