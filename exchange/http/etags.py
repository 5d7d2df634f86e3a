"""Entity tags of JSON answers: whoever has the newest state already is told so in a few bytes (RFC 9110)."""

from __future__ import annotations

import hashlib
from http import HTTPStatus

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.http import parse_etags

LONGEST_HEADER = 4_096  # about 60 tags; a longer list of them is noise


def tagged(request: HttpRequest, response: HttpResponse) -> HttpResponseBase:
    """The rendered answer to a GET with its tag, or 304 when the asker named it.

    The tag is of the bytes: two askers who may see different things get different tags.
    """
    if response.status_code != HTTPStatus.OK:
        return response
    tag = f'W/"{hashlib.sha256(response.content).hexdigest()[:32]}"'
    known = request.headers.get("If-None-Match", "")
    if len(known) <= LONGEST_HEADER and {tag, tag.removeprefix("W/"), "*"} & set(parse_etags(known)):
        response = HttpResponse(status=HTTPStatus.NOT_MODIFIED)
        del response["Content-Type"]
    response["ETag"] = tag
    # What one asker sees is not for another: a cache between may keep it for nobody else, and must ask again.
    response["Cache-Control"] = "private, no-cache"
    response["Vary"] = "Authorization, Cookie, Accept"
    return response
