"""What the exchange takes for a request: always UTF-8, whatever a stranger's Content-Type calls it.

Django decodes the query string in the character set that the request names, and only catches the codecs that
fail politely: `charset=hex` ends in a 500 before any middleware has run.

A body that came too slowly is answered here, whoever was reading it: the check of the form token would
otherwise call it a missing token, and a page would call it our mistake.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from http import HTTPStatus
from typing import Any

from django.core.handlers.wsgi import WSGIHandler, WSGIRequest
from django.http import HttpRequest, HttpResponse, HttpResponseBase, UnreadablePostError
from django.utils.http import parse_header_parameters
from django.views.decorators.csrf import csrf_exempt

from exchange.http.arriving import TooSlow
from exchange.http.problems import problem
from exchange.http.slowness import TOO_SLOW


class Utf8Request(WSGIRequest):
    """A request that is read as UTF-8. JSON is always UTF-8 (RFC 8259), and so are our pages' forms."""

    came_too_slowly = False

    def read(self, *args: Any, **kwargs: Any) -> bytes:
        return self._noting(super().read, *args, **kwargs)

    def readline(self, *args: Any, **kwargs: Any) -> bytes:
        return self._noting(super().readline, *args, **kwargs)

    def _noting(self, read: Callable[..., bytes], *args: Any, **kwargs: Any) -> bytes:
        try:
            return read(*args, **kwargs)
        except UnreadablePostError as broken:
            self.came_too_slowly = isinstance(broken.__cause__, TooSlow)
            raise

    def _set_content_type_params(self, meta: dict[str, Any]) -> None:
        try:
            self.content_type, self.content_params = parse_header_parameters(meta.get("CONTENT_TYPE", ""))
        except (LookupError, ValueError):
            # RFC 2231 lets a parameter name a character set of its own: nothing that we want to hear.
            self.content_type, self.content_params = "", {}


class Gate(WSGIHandler):
    """Django's WSGI application over such requests.

    An address with a NUL names nothing: PostgreSQL refuses to look for it with an error of its own.
    """

    request_class = Utf8Request

    def get_response(self, request: HttpRequest) -> HttpResponseBase:
        if "\x00" in request.path_info:
            return problem(HTTPStatus.NOT_FOUND, code="not_found", detail="There is nothing at this address.")
        response = super().get_response(request)
        if not getattr(request, "came_too_slowly", False):
            return response
        response.close()
        kind, content = TOO_SLOW.content(request.path_info)
        return HttpResponse(
            content, status=TOO_SLOW.status.value, content_type=kind, headers={"Cache-Control": "no-store"}
        )


def read_only(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """GET and HEAD for programs: all else is a problem document, not a page about a missing form token."""

    @csrf_exempt
    @wraps(view)
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.method in ("GET", "HEAD"):
            return view(request, *args, **kwargs)
        response = problem(
            HTTPStatus.METHOD_NOT_ALLOWED,
            code="method.not_allowed",
            detail="Files can be read here, and nothing else.",
        )
        response["Allow"] = "GET, HEAD"
        return response

    return answer
