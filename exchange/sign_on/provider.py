"""OpenID Connect with one provider: where to send the person, and what the answer proves.

The authorization code flow with PKCE, state and nonce (OpenID Connect Core 1.0, section 3.1; RFC 7636). The
ID token is verified with the keys that the issuer publishes, whatever the token itself says about its keys.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode

import jwt
from django.conf import settings

from accounts.errors import Corrupt, Unauthenticated
from accounts.sealing.texts import open_text, seal_text
from accounts.sign_on.arrange import secret_of
from accounts.sign_on.models import SignOn
from accounts.sign_on.recognise import Statement
from exchange.sign_on.fetch import Unanswered, checked_issuer, fetch_json

ALGORITHMS: Final = ("RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA")
CLOCKS_DIFFER: Final = timedelta(seconds=60)
LASTS: Final = timedelta(minutes=10)
_KEPT: Final = "sign-on errand"


@dataclass(frozen=True, slots=True)
class Errand:
    """What the session remembers while the person is at the provider."""

    sign_on: str
    state: str
    nonce: str
    verifier: str
    next: str
    at: float


@dataclass(frozen=True, slots=True)
class Departure:
    """The address to go to, and what to remember until the person comes back."""

    address: str
    errand: Errand


def depart(sign_on: SignOn, *, email: str, back: str, then: str, now: datetime) -> Departure:
    """Errors: Unauthenticated `sign_on.away` when the provider cannot be asked."""
    told = _configuration(sign_on.issuer)
    verifier = secrets.token_urlsafe(48)
    errand = Errand(
        sign_on=str(sign_on.id),
        state=secrets.token_urlsafe(24),
        nonce=secrets.token_urlsafe(24),
        verifier=verifier,
        next=then,
        at=now.timestamp(),
    )
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=")
    query = {
        "response_type": "code",
        "scope": "openid email",
        "client_id": sign_on.client_id,
        "redirect_uri": back,
        "state": errand.state,
        "nonce": errand.nonce,
        "code_challenge": challenge.decode(),
        "code_challenge_method": "S256",
        "login_hint": email,
    }
    if sign_on.mfa_acr and sign_on.mfa_agreed_by_id is not None:
        query["acr_values"] = sign_on.mfa_acr
    endpoint = _endpoint(told, "authorization_endpoint")
    if not endpoint.startswith("https://") and not settings.HX_LOOPBACK_ENDPOINTS:
        raise _away()  # the browser goes there, with what it types
    return Departure(f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(query)}", errand)


def arrive(sign_on: SignOn, errand: Errand, *, code: str, back: str, now: datetime) -> Statement:
    """Exchange the code and verify what comes. Errors: Unauthenticated `sign_on.away`, `sign_on.refused`."""
    told = _configuration(sign_on.issuer)
    try:
        answer = fetch_json(
            _endpoint(told, "token_endpoint"),
            form={
                "grant_type": "authorization_code",
                "code": code,
                "redirect_uri": back,
                "code_verifier": errand.verifier,
            },
            basic=(sign_on.client_id, secret_of(sign_on)),
        )
        keys = fetch_json(_endpoint(told, "jwks_uri"))
    except Unanswered:
        raise _away() from None
    return _verified(str(answer.get("id_token", "")), keys, sign_on, errand, now=now)


def kept(errand: Errand) -> str:
    """The errand for the session, sealed: with its verifier a stolen code could be exchanged."""
    return seal_text(json.dumps(asdict(errand)), context=_KEPT)


def taken_up(sealed: object) -> Errand | None:
    """What `kept` gave; None for anything else, and when its key has gone."""
    try:
        return Errand(**json.loads(open_text(str(sealed), context=_KEPT)))
    except Corrupt:
        return None


def _verified(
    token: str, keys: dict[str, Any], sign_on: SignOn, errand: Errand, *, now: datetime
) -> Statement:
    try:
        header = jwt.get_unverified_header(token)
        key = _key(keys, header)
        claims = jwt.decode(
            token,
            key,
            algorithms=list(ALGORITHMS),
            audience=sign_on.client_id,
            issuer=sign_on.issuer,
            leeway=CLOCKS_DIFFER,
            options={"require": ["exp", "iat", "iss", "aud", "sub", "nonce"]},
        )
    except (jwt.PyJWTError, ValueError, TypeError, KeyError):
        raise _refused() from None
    several = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
    if several and claims.get("azp") != sign_on.client_id:
        raise _refused()
    if not secrets.compare_digest(str(claims["nonce"]).encode(), errand.nonce.encode()):
        raise _refused()
    vouched = claims.get("email_verified") is True
    return Statement(
        issuer=str(claims["iss"]),
        subject=_plain(claims["sub"], longest=255),
        email=_plain(claims.get("email", ""), longest=254).strip() if vouched else "",
        acr=_plain(claims.get("acr", ""), longest=255),
    )


def _plain(claim: object, *, longest: int) -> str:
    """A claim that is compared and kept, as it stands: cut short, two subjects could become one, and a NUL or
    half a surrogate pair is an error of the database.

    Errors: Unauthenticated `sign_on.refused`.
    """
    if not isinstance(claim, str) or len(claim) > longest or not claim.isprintable():
        raise _refused()
    return claim


def _key(keys: dict[str, Any], header: dict[str, Any]) -> jwt.PyJWK:
    """The issuer's key of that id; without an id its only one. Never a key that the token brings along."""
    ring = jwt.PyJWKSet.from_dict(keys).keys
    usable = [key for key in ring if key.public_key_use in (None, "sig")]
    named = [key for key in usable if key.key_id == header.get("kid")] if header.get("kid") else usable
    if len(named) != 1 or header.get("alg") not in ALGORITHMS:
        raise KeyError("no key")
    return named[0]


def _configuration(issuer: str) -> dict[str, Any]:
    """Errors: Unauthenticated `sign_on.away`, also when the document is another issuer's."""
    try:
        told = fetch_json(f"{checked_issuer(issuer).rstrip('/')}/.well-known/openid-configuration")
    except Unanswered:
        raise _away() from None
    if told.get("issuer") != issuer:
        raise _away()
    return told


def _endpoint(told: dict[str, Any], name: str) -> str:
    value = told.get(name)
    if not isinstance(value, str) or not value.startswith(("https://", "http://")):
        raise _away()
    return value


def _away() -> Unauthenticated:
    return Unauthenticated(
        "Your organisation's sign-on cannot be reached.",
        code="sign_on.away",
        advice="Try again later, or sign in with your password.",
    )


def _refused() -> Unauthenticated:
    return Unauthenticated(
        "What your organisation's sign-on answered is not valid.",
        code="sign_on.refused",
        advice="Try again, or sign in with your password.",
    )
