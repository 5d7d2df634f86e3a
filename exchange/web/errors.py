"""What people see instead of a page: refusals and missing addresses, as pages for people and as problem
documents for programs.
"""

from __future__ import annotations

from http import HTTPStatus

import structlog
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template import TemplateDoesNotExist
from django.utils.translation import gettext as _

from exchange.http.problems import problem, wants_problem

log = structlog.get_logger(__name__)


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """400: the request could not be read at all."""
    return _answer(request, HTTPStatus.BAD_REQUEST, "request.malformed", _("This request cannot be read."))


def not_allowed(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """403."""
    return _answer(request, HTTPStatus.FORBIDDEN, "not_allowed", _("You are not allowed to do this."))


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """404: the same words for what does not exist and for what the asker may not know about."""
    return _answer(request, HTTPStatus.NOT_FOUND, "not_found", _("There is nothing at this address."))


def server_error(request: HttpRequest) -> HttpResponse:
    """500: never says what went wrong; the log does, under the same request id."""
    return _answer(
        request,
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "server_error",
        _("Something went wrong on our side. Nothing that was acknowledged is lost."),
    )


def _answer(request: HttpRequest, status: HTTPStatus, code: str, message: str) -> HttpResponse:
    if wants_problem(request):
        return problem(status, code=code, detail=message)
    try:
        return render(request, f"errors/{status.value}.html", {"message": message}, status=status.value)
    except TemplateDoesNotExist:
        return HttpResponse(message, status=status.value, content_type="text/plain; charset=utf-8")
