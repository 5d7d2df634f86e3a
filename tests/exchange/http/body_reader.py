"""A WSGI application that says what it read; for a real gunicorn with the exchange's worker."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from typing import Any


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """/read: the body's digest; /leave: the body is not looked at."""
    said = b"left"
    if environ["PATH_INFO"] == "/read":
        try:
            said = hashlib.sha256(environ["wsgi.input"].read()).hexdigest().encode()
        except TimeoutError as slow:
            said = type(slow).__name__.encode()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(said)))])
    return [said]
