"""Browsers that a person has signed in with before: a signed cookie says so, and opens nothing by itself.

Whoever comes with one has tries of their own (`exchange.web.tries`), so that strangers who guess at the
person from elsewhere do not lock them out (OWASP, "Slow Down Online Guessing Attacks with Device Cookies").
"""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import Final

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponseBase
from django.utils.crypto import salted_hmac

from accounts.identity.models import User

KEPT_FOR: Final = timedelta(days=180)
# People who share a browser each have a line in its cookie; who came longest ago is forgotten first.
MOST_PEOPLE: Final = 5
_SALT: Final = "exchange.web.known_devices"
_MARK: Final = "hx_known_device"


def cookie_name() -> str:
    return "hx_device" if settings.HX_DEMO else "__Host-hx_device"


def device_of(request: HttpRequest, email: str) -> str | None:
    """The id of this browser when the person of that address has signed in with it, else None."""
    return _devices(request).get(_digest(email))


def note_device(request: HttpRequest, user: User) -> None:
    """Remember, once the answer is sent, that this person signed in with this browser: under a fresh id, so
    that a cookie copied earlier uses up no tries of theirs.
    """
    known = {who: device for who, device in _devices(request).items() if who != _digest(user.email)}
    setattr(request, _MARK, {**known, _digest(user.email): secrets.token_hex(16)})


def set_cookie(request: HttpRequest, response: HttpResponseBase) -> None:
    """Give the answer the cookie, when somebody has signed in with this request."""
    devices: dict[str, str] | None = getattr(request, _MARK, None)
    if devices is None:
        return
    response.set_cookie(
        cookie_name(),
        signing.dumps(list(devices.items())[-MOST_PEOPLE:], salt=_SALT),
        max_age=KEPT_FOR,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def _devices(request: HttpRequest) -> dict[str, str]:
    sealed = request.COOKIES.get(cookie_name(), "")
    try:
        return dict(signing.loads(sealed, salt=_SALT, max_age=KEPT_FOR))
    except signing.BadSignature:
        return {}


def _digest(email: str) -> str:
    return salted_hmac(_SALT, email.strip().lower(), algorithm="sha256").hexdigest()[:32]
