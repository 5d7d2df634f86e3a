"""Guessing is slow, whichever process answers: every try is a row before anything is checked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.http import HttpRequest
from django.utils.crypto import salted_hmac

from accounts.errors import Throttled
from exchange.web.models import SignInTry

WINDOW: Final = timedelta(minutes=15)
# One person at one place mistypes a few times; one place may be a whole office; and one person is hardly
# tried from many places at once, yet no stranger who knows the address may lock them out: hence the height.
TRIES_HERE, TRIES_AT_PLACE, TRIES_FOR_PERSON = 5, 50, 100
# A code has six digits only, and whoever tries one has given the password: few tries, from whatever place.
TRIES_AT_CODE: Final = 10


@dataclass(frozen=True, slots=True)
class Guess:
    """Who is tried, from where; keyed digests both."""

    who: str
    place: str


def note_try(request: HttpRequest, who: str, *, now: datetime, for_person: int = TRIES_FOR_PERSON) -> Guess:
    """Count this try with those before it: parallel guesses all count each other.

    Errors: Throttled `sign_in.throttled`.
    """
    guess = Guess(who=_digest("who", who.strip().lower()), place=_digest("place", address_of(request)))
    SignInTry.objects.filter(at__lt=now - WINDOW).delete()
    SignInTry.objects.create(who=guess.who, place=guess.place, at=now)
    lately = SignInTry.objects.filter(at__gt=now - WINDOW)
    if (
        lately.filter(who=guess.who, place=guess.place).count() > TRIES_HERE
        or lately.filter(place=guess.place).count() > TRIES_AT_PLACE
        or lately.filter(who=guess.who).count() > for_person
    ):
        raise Throttled(
            "There were too many tries to sign in. Wait a quarter of an hour, then try again.",
            code="sign_in.throttled",
            retry_after=int(WINDOW.total_seconds()),
        )
    return guess


def forget_tries(*guesses: Guess) -> None:
    """After a success: what was mistyped before it no longer counts. Called in the success's transaction."""
    for guess in guesses:
        SignInTry.objects.filter(who=guess.who, place=guess.place).delete()


def guess_of(request: HttpRequest, who: str) -> Guess:
    """The same two digests without a try."""
    return Guess(who=_digest("who", who.strip().lower()), place=_digest("place", address_of(request)))


def address_of(request: HttpRequest) -> str:
    """The asker's network address; behind a proxy the one that our own proxy saw, which is the last."""
    forwarded = request.headers.get("X-Forwarded-For", "") if settings.SECURE_PROXY_SSL_HEADER else ""
    return forwarded.rpartition(",")[2].strip() or str(request.META.get("REMOTE_ADDR", ""))


def _digest(what: str, value: str) -> str:
    return salted_hmac(f"exchange.web.sign_in.{what}", value, algorithm="sha256").hexdigest()[:32]
