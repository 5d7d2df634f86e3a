"""The one place where refusals become HTTP: RFC 9457 problem documents with stable codes."""

from __future__ import annotations

import errno
import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import structlog
from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, UnreadablePostError
from rest_framework import exceptions as drf

from accounts.errors import (
    Conflict,
    Corrupt,
    Gone,
    Invalid,
    NotAllowed,
    NotFound,
    Refusal,
    Throttled,
    TooLarge,
    Unauthenticated,
    Unsupported,
)
from exchange.logs import cut_secrets

log = structlog.get_logger(__name__)

CONTENT_TYPE = "application/problem+json"


class Unavailable(Refusal):
    """Something that the exchange stands on is away or full; the same call succeeds later."""

    default_code = "unavailable"


class NoRoom(Unavailable):
    """Nothing more can be stored."""

    default_code = "storage.full"


class Mismatched(Invalid):
    """Well formed, but it contradicts what was said before."""

    default_code = "mismatched"


# Most specific first: the first class that fits gives the status.
STATUS_OF: tuple[tuple[type[Refusal], HTTPStatus], ...] = (
    (TooLarge, HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
    (Unsupported, HTTPStatus.UNSUPPORTED_MEDIA_TYPE),
    (Mismatched, HTTPStatus.UNPROCESSABLE_ENTITY),
    (Invalid, HTTPStatus.BAD_REQUEST),
    (Unauthenticated, HTTPStatus.UNAUTHORIZED),
    (Gone, HTTPStatus.GONE),
    (NotFound, HTTPStatus.NOT_FOUND),
    (NotAllowed, HTTPStatus.FORBIDDEN),
    (Conflict, HTTPStatus.CONFLICT),
    (Throttled, HTTPStatus.TOO_MANY_REQUESTS),
    # Our own stored bytes are wrong: nothing the asker did, and trying again later may help.
    (Corrupt, HTTPStatus.SERVICE_UNAVAILABLE),
    (NoRoom, HTTPStatus.INSUFFICIENT_STORAGE),
    (Unavailable, HTTPStatus.SERVICE_UNAVAILABLE),
)


def status_of(refusal: Refusal) -> HTTPStatus:
    """The HTTP status for a refusal; an unmapped class is a bad request, never a server error."""
    return next((status for kind, status in STATUS_OF if isinstance(refusal, kind)), HTTPStatus.BAD_REQUEST)


def problem(
    status: HTTPStatus,
    *,
    code: str,
    detail: str,
    field: str | None = None,
    advice: str | None = None,
    errors: list[dict[str, str]] | None = None,
    facts: Mapping[str, Any] | None = None,
) -> HttpResponse:
    """A problem document. `type` is a relative reference that the API's error catalogue resolves.

    Words pass the filter of the log: a refusal may quote what it was sent, which may be a hash or a key.
    """
    body: dict[str, Any] = {
        "type": f"/api/v1/errors#{code}",
        "title": status.phrase,
        "status": status.value,
        "code": code,
        "detail": cut_secrets(detail),
    }
    quoted = [{name: cut_secrets(text) for name, text in error.items()} for error in errors or ()]
    for name, value in (
        ("field", cut_secrets(field or "")),
        ("advice", advice),
        ("errors", quoted),
        ("facts", dict(facts or {})),
    ):
        if value:
            body[name] = value
    response = HttpResponse(json.dumps(body), status=status.value, content_type=CONTENT_TYPE)
    response["Cache-Control"] = "no-store"
    if status is HTTPStatus.UNAUTHORIZED:
        response["WWW-Authenticate"] = 'Bearer realm="hash-exchange"'
    return response


def refused(refusal: Refusal) -> HttpResponse:
    """The answer to a refusal."""
    response = problem(
        status_of(refusal),
        code=refusal.code,
        detail=refusal.message,
        field=refusal.field,
        advice=refusal.advice,
        facts=refusal.facts,
    )
    if isinstance(refusal, Throttled) or "retry_after" in refusal.facts:
        response["Retry-After"] = str(refusal.facts.get("retry_after", 60))
    return response


def problem_response(exc: Exception, context: Mapping[str, Any]) -> HttpResponse | None:
    """REST framework's exception handler. None lets an unexpected exception become a logged 500."""
    if isinstance(exc, Refusal):
        return refused(exc)
    if isinstance(exc, drf.ValidationError):
        errors = list(_flatten(exc.get_full_details(), ""))
        first = (
            errors[0] if errors else {"field": "", "code": "invalid", "message": "The request is not valid."}
        )
        return problem(
            HTTPStatus.BAD_REQUEST,
            code="request.invalid",
            detail=f"{first['field']}: {first['message']}" if first["field"] else first["message"],
            field=first["field"] or None,
            errors=errors,
        )
    if isinstance(exc, Http404):
        return problem(HTTPStatus.NOT_FOUND, code="not_found", detail="There is nothing at this address.")
    if isinstance(exc, PermissionDenied):
        return problem(HTTPStatus.FORBIDDEN, code="not_allowed", detail="This is not allowed.")
    if isinstance(exc, RequestDataTooBig):
        return problem(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            code="request.too_large",
            detail="The request body is too large.",
        )
    if isinstance(exc, SuspiciousOperation):
        return problem(HTTPStatus.BAD_REQUEST, code="request.malformed", detail="The request is malformed.")
    if isinstance(exc, UnreadablePostError):
        # Nobody reads this answer, unless the body came too slowly: that is told in exchange.http.requests.
        return problem(
            HTTPStatus.BAD_REQUEST, code="request.broken_off", detail="The body ended before its end."
        )
    if isinstance(exc, drf.APIException):
        return _framework_problem(exc)
    return _trouble_of_ours(exc)


NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def _trouble_of_ours(exc: Exception) -> HttpResponse | None:
    """What will pass, said so that a program knows to come back; nothing of the call was done."""
    if isinstance(exc, OSError) and exc.errno in NO_ROOM:
        log.error("storage.full", error=exc.strerror, exc_info=exc)
        full = NoRoom(
            "The exchange has no room left to store this; nothing was changed.",
            code="storage.full",
            advice="Repeat the call later, with the same Idempotency-Key; the operator must make room.",
            retry_after=60,
        )
        return refused(full)
    if isinstance(exc, OperationalError | InterfaceError):
        log.error("database.away", error=type(exc).__name__, exc_info=exc)
        away = Unavailable(
            "The exchange's database does not answer at the moment.",
            code="database.away",
            advice="Repeat the call in a moment, with the same Idempotency-Key if it had one.",
            retry_after=2,
        )
        return refused(away)
    return None


_FRAMEWORK_CODES: tuple[tuple[type[drf.APIException], str], ...] = (
    (drf.ParseError, "request.malformed"),
    (drf.NotAuthenticated, "unauthenticated"),
    (drf.AuthenticationFailed, "unauthenticated"),
    (drf.PermissionDenied, "not_allowed"),
    (drf.NotFound, "not_found"),
    (drf.MethodNotAllowed, "method.not_allowed"),
    (drf.NotAcceptable, "response.not_acceptable"),
    (drf.UnsupportedMediaType, "request.unsupported_media_type"),
    (drf.Throttled, "throttled"),
)


def _framework_problem(exc: drf.APIException) -> HttpResponse | None:
    if exc.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return None
    code = next((code for kind, code in _FRAMEWORK_CODES if isinstance(exc, kind)), "request.refused")
    return problem(HTTPStatus(exc.status_code), code=code, detail=str(exc.detail))


def _flatten(details: Any, path: str) -> Any:
    """Walk REST framework's nested error details; yields {field, code, message} with dotted paths."""
    if isinstance(details, Mapping):
        if set(details) == {"message", "code"}:
            yield {"field": path, "code": str(details["code"]), "message": str(details["message"])}
            return
        for key, value in details.items():
            yield from _flatten(value, path if key == "non_field_errors" else f"{path}.{key}".lstrip("."))
    elif isinstance(details, list):
        for index, value in enumerate(details):
            nested = isinstance(value, Mapping) and set(value) != {"message", "code"}
            yield from _flatten(value, f"{path}[{index}]" if nested else path)


def wants_problem(request: HttpRequest) -> bool:
    """Programs get problem documents, people get pages."""
    return request.path.startswith(("/api/", "/tuf/", "/.well-known/"))
