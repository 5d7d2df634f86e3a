"""What the log says of a request: who, from which address, which path. Nothing that people typed.

A query holds what somebody searched for, or a note; headers hold whatever a stranger writes there. The lines
themselves are the library's.
"""

from __future__ import annotations

from typing import Final

import structlog
from django.http import HttpRequest
from django_structlog.middlewares import RequestMiddleware

from exchange.http.origin import address_of

_LONGEST: Final = 200


class RequestLog(RequestMiddleware):
    """The library's middleware, without the query, and with the address that the connection comes from."""

    @classmethod
    def bind_ip(cls, request: HttpRequest) -> None:
        structlog.contextvars.bind_contextvars(ip=address_of(request)[:_LONGEST])

    @staticmethod
    def format_request(request: HttpRequest) -> str:
        return f"{request.method} {request.path}"[:_LONGEST]
