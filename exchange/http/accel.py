"""Leaves the sending of a stored file to the reverse proxy in front (nginx: X-Accel-Redirect).

The exchange decides who may read and says so in the headers; a worker thread is then free, however slow the
reader. Only whole files are handed over: parts and questions by entity tag are small answers of our own, and
both sides would have to agree on tags for them.
"""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from exchange.http.files import file_headers


def hands_over(request: HttpRequest) -> bool:
    """Whether the proxy shall send the whole file that is asked for."""
    asked = request.headers
    return (
        bool(settings.HX_ACCEL_LOCATION)
        and request.method == "GET"
        and "Range" not in asked
        and "If-None-Match" not in asked
    )


def handed_over(internal_path: str, *, etag: str, content_type: str, private: bool) -> HttpResponse:
    """The answer that the proxy completes. `internal_path` is the store's (`BlobStore.internal_path`)."""
    headers = file_headers(etag, private=private, immutable=True)
    headers["X-Accel-Redirect"] = f"{settings.HX_ACCEL_LOCATION}/{internal_path}"
    return HttpResponse(headers=headers, content_type=content_type)
