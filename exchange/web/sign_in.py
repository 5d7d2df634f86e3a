"""Signing in and out, and proving again that it is you. One answer for every wrong combination.

A second factor is asked for from the next version on; until then the password is the only proof.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.contrib.auth import authenticate, login, logout
from django.db import transaction
from django.http import HttpRequest
from django.utils.crypto import salted_hmac

from accounts.audit.actions import Action
from accounts.audit.record import record
from accounts.errors import Throttled, Unauthenticated
from accounts.identity.acting import Actor, ActorKind, system_actor
from accounts.identity.models import User
from exchange.http.acting import ORGANISATION_KEY, mark_present
from exchange.web.models import SignInTry

WINDOW: Final = timedelta(minutes=15)
# One person at one place mistypes a few times; one place may be a whole office; and one person is hardly
# tried from many places at once, yet no stranger who knows the address may lock them out: hence the height.
TRIES_HERE, TRIES_AT_PLACE, TRIES_FOR_PERSON = 5, 50, 100
# Longer than any real one; hashing a megabyte of password would cost us and not the guesser.
LONGEST_EMAIL, LONGEST_PASSWORD = 254, 1_000


@dataclass(frozen=True, slots=True)
class _Guess:
    who: str
    place: str


def sign_in(request: HttpRequest, *, email: str, password: str, now: datetime) -> User:
    """Start a session for the person. The order matters:

    (1) note the try and refuse when there were too many, before any password is hashed; (2) check, in the
    same time and with the same answer for an unknown address; (3) forget the tries and record the success;
    (4) a fresh session key, so that one planted earlier is worth nothing.

    Errors: Unauthenticated `sign_in.refused`; Throttled `sign_in.throttled`.
    """
    guess = _note_try(request, email, now=now)  # (1)
    user = _person_with(request, email, password)  # (2)
    if user is None:
        _record_failure(email, now=now)
        raise _refused()
    with transaction.atomic():  # (3)
        SignInTry.objects.filter(who=guess.who, place=guess.place).delete()
        _record(Action.SIGN_IN_SUCCEEDED, user, now=now, step_up=False)
    login(request, user)  # (4)
    request.session.pop(ORGANISATION_KEY, None)
    mark_present(request, now=now)
    return user


def confirm_presence(request: HttpRequest, *, password: str, now: datetime) -> None:
    """The signed-in person proves again that it is them.

    Errors: Unauthenticated `presence.refused`; Throttled `sign_in.throttled`.
    """
    refused = Unauthenticated("The password is wrong.", code="presence.refused", field="password")
    user = request.user
    if not isinstance(user, User):
        raise refused
    guess = _note_try(request, user.email, now=now)
    if _person_with(request, user.email, password) != user:
        _record_failure(user.email, now=now)
        raise refused
    with transaction.atomic():
        SignInTry.objects.filter(who=guess.who, place=guess.place).delete()
        _record(Action.SIGN_IN_SUCCEEDED, user, now=now, step_up=True)
    request.session.cycle_key()
    mark_present(request, now=now)


def sign_out(request: HttpRequest, *, now: datetime) -> None:
    """End the session; harmless when there is none."""
    if isinstance(request.user, User):
        with transaction.atomic():
            _record(Action.SIGN_OUT, request.user, now=now)
    logout(request)


def _person_with(request: HttpRequest, email: str, password: str) -> User | None:
    # A NUL would be an error of the database and not a wrong address.
    if len(email) > LONGEST_EMAIL or len(password) > LONGEST_PASSWORD or "\x00" in email:
        return None
    found = authenticate(request, username=email, password=password)
    return found if isinstance(found, User) else None


def _note_try(request: HttpRequest, email: str, *, now: datetime) -> _Guess:
    """The try is a row before anything is checked: parallel guesses all count each other."""
    guess = _Guess(who=_digest("who", email.strip().lower()), place=_digest("place", address_of(request)))
    SignInTry.objects.filter(at__lt=now - WINDOW).delete()
    SignInTry.objects.create(who=guess.who, place=guess.place, at=now)
    lately = SignInTry.objects.filter(at__gt=now - WINDOW)
    if (
        lately.filter(who=guess.who, place=guess.place).count() > TRIES_HERE
        or lately.filter(place=guess.place).count() > TRIES_AT_PLACE
        or lately.filter(who=guess.who).count() > TRIES_FOR_PERSON
    ):
        raise Throttled(
            "There were too many tries to sign in. Wait a quarter of an hour, then try again.",
            code="sign_in.throttled",
            retry_after=int(WINDOW.total_seconds()),
        )
    return guess


def address_of(request: HttpRequest) -> str:
    """The asker's network address; behind a proxy the one that our own proxy saw, which is the last."""
    forwarded = request.headers.get("X-Forwarded-For", "") if settings.SECURE_PROXY_SSL_HEADER else ""
    return forwarded.rpartition(",")[2].strip() or str(request.META.get("REMOTE_ADDR", ""))


def _digest(what: str, value: str) -> str:
    return salted_hmac(f"exchange.web.sign_in.{what}", value, algorithm="sha256").hexdigest()[:32]


def _refused() -> Unauthenticated:
    return Unauthenticated(
        "The e-mail address or the password is wrong.", code="sign_in.refused", field="password"
    )


def _record_failure(email: str, *, now: datetime) -> None:
    """A failure is an event of the person whose address was tried; of nobody when there is no such person."""
    known = "\x00" not in email and User.objects.filter(email=email.strip().lower()).first()
    with transaction.atomic():
        record(
            Action.SIGN_IN_FAILED,
            actor=system_actor("sign-in page"),
            subject_type="user",
            subject_id=known.id if known else "unknown",
            organisation_id=None,
            now=now,
        )


def _record(action: Action, user: User, *, now: datetime, step_up: bool | None = None) -> None:
    """An event of the person, not of one organisation: which one they act for is chosen after signing in."""
    actor = Actor(
        kind=ActorKind.PERSON,
        organisation_id=None,
        organisation_kind=None,
        person_id=user.id,
        credential_id=None,
        label=str(user),
        permissions=frozenset(),
    )
    record(
        action,
        actor=actor,
        subject_type="user",
        subject_id=user.id,
        organisation_id=None,
        now=now,
        facts=None if step_up is None else {"step_up": step_up},
    )
