"""Who is asking: a credential (Bearer, Token or Basic) or a person's session. `request.auth` is the Actor."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Any, ClassVar

from django.http import HttpRequest
from django.utils import timezone
from rest_framework.authentication import BaseAuthentication
from rest_framework.authentication import SessionAuthentication as FrameworkSession
from rest_framework.request import Request

from accounts.credentials.authenticate import actor_for_key
from accounts.errors import Unauthenticated
from accounts.identity.acting import Actor
from exchange.http.acting import session_actor
from exchange.http.origin import address_of

# A key has 46 characters; anything much longer is noise that should not reach a digest.
LONGEST_HEADER = 512


@dataclass(frozen=True, slots=True)
class Principal:
    """What REST framework calls a user. Views read the Actor from `request.auth`."""

    actor: Actor
    is_authenticated: ClassVar[bool] = True
    is_active: ClassVar[bool] = True

    @property
    def pk(self) -> str:
        return str(self.actor.credential_id or self.actor.person_id)


def key_in(request: HttpRequest) -> str | None:
    """The credential's key in the Authorization header, or None when there is no such header.

    Errors: Unauthenticated `authorization.malformed`. Basic carries the key as its password: the clients of
    some dialects can send nothing else.
    """
    header: str | None = request.META.get("HTTP_AUTHORIZATION")
    if not header:
        return None
    scheme, _, value = header.partition(" ")
    value = value.strip()
    malformed = Unauthenticated(
        "The Authorization header cannot be read.",
        code="authorization.malformed",
        advice="Send 'Authorization: Bearer <key>'.",
    )
    if not value or len(header) > LONGEST_HEADER:
        raise malformed
    if scheme.lower() in ("bearer", "token"):
        return value
    if scheme.lower() == "basic":
        try:
            decoded = base64.b64decode(value, validate=True).decode("utf-8")
        except (binascii.Error, UnicodeDecodeError):
            raise malformed from None
        return decoded.partition(":")[2]
    raise malformed


def credential_actor(request: HttpRequest) -> Actor | None:
    """The actor behind the request's key, or None without one. Errors: Unauthenticated for a bad key."""
    key = key_in(request)
    return None if key is None else actor_for_key(key, now=timezone.now(), address=address_of(request))


class CredentialAuthentication(BaseAuthentication):
    """API credentials. A request that carries a key never falls back to a session."""

    def authenticate(self, request: Request) -> tuple[Principal, Actor] | None:
        actor = credential_actor(request._request)
        return None if actor is None else (Principal(actor), actor)

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="hash-exchange"'


class SessionAuthentication(FrameworkSession):
    """A person's session, with CSRF enforced. It carries the person's rights in the chosen organisation."""

    def authenticate(self, request: Request) -> tuple[Any, Any] | None:
        found = super().authenticate(request)
        if found is None:
            return None
        actor = session_actor(request._request)
        return None if actor is None else (Principal(actor), actor)
