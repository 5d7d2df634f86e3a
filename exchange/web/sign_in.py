"""Signing in and out, and proving again that it is you. One answer for every wrong combination.

Two steps, always: a password (or an organisation's own sign-on), then a code of the app, a recovery code, or
in place of both a passkey, which only answers to the finger, face or PIN of its owner. Nobody is signed in
between the two (`exchange.web.halfway`).
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import datetime
from typing import Final

from django.contrib.auth import authenticate, logout
from django.db import transaction
from django.http import HttpRequest

from accounts.audit.actions import Action
from accounts.audit.facts import Fact
from accounts.audit.record import record
from accounts.errors import Unauthenticated
from accounts.factors.code_app import prove_code
from accounts.factors.forget import mark_proven
from accounts.factors.recovery import use_recovery_code
from accounts.identity.acting import person_alone, system_actor
from accounts.identity.models import User
from accounts.sign_on.models import SignOn
from exchange.web.halfway import Halfway, go_halfway, halfway
from exchange.web.models import OpenSession
from exchange.web.sessions import begin_session, renew_session
from exchange.web.tries import (
    TRIES_AT_CODE,
    Guess,
    forget_tries,
    guess_of,
    note_try,
    note_try_at_nobody,
)

# Longer than any real one; hashing a megabyte of password would cost us and not the guesser.
LONGEST_EMAIL: Final = 254
LONGEST_PASSWORD: Final = 1_000
_PASSKEY_TRIES: Final = "passkey"
Prove = Callable[[User], bool]


def give_password(request: HttpRequest, *, email: str, password: str, now: datetime) -> Halfway:
    """The first step. The order matters:

    (1) note the try and refuse when there were too many, before any password is hashed; (2) check, in the
    same time and with the same answer for an unknown address; (3) a fresh session that knows whose second
    step it awaits. The tries are forgotten only when the second step succeeds too.

    Errors: Unauthenticated `sign_in.refused`; Throttled `sign_in.throttled`.
    """
    note_try(request, email, now=now)  # (1)
    user = _person_with(request, email, password)  # (2)
    if user is None:
        _record_failure(email, now=now)
        raise Unauthenticated(
            "The e-mail address or the password is wrong.", code="sign_in.refused", field="password"
        )
    return go_halfway(request, user, how="password", now=now)  # (3)


def give_code(request: HttpRequest, *, code: str, now: datetime) -> User:
    """The second step by the app. Errors: Unauthenticated `sign_in.first`, `sign_in.code`; Throttled."""
    return _second_step(request, lambda user: prove_code(user, code, now=now), how="app", now=now)


def give_recovery_code(request: HttpRequest, *, code: str, now: datetime) -> User:
    """The second step by a code on paper, which is used up. Errors: as `give_code`."""
    return _second_step(request, lambda user: use_recovery_code(user, code, now=now), how="recovery", now=now)


def give_passkey(request: HttpRequest, prove: Callable[[], User], *, now: datetime) -> User:
    """Both steps at once. Nobody is known before: the tries are those of the place.

    Errors: Unauthenticated `passkey.refused`; Throttled `sign_in.throttled`.
    """
    guess = note_try_at_nobody(request, _PASSKEY_TRIES, now=now)
    try:
        user = prove()
    except Unauthenticated:
        _record_failure("", now=now, second=True)
        raise
    with transaction.atomic():
        forget_tries(guess)
    mark_proven(user, how="passkey", now=now)  # one that a reset has left
    finish(request, user, how="passkey", now=now)
    return user


def confirm_by_passkey(request: HttpRequest, prove: Callable[[], User], *, now: datetime) -> None:
    """The step-up by passkey. Errors: as `give_passkey`."""
    user = request.user
    if not isinstance(user, User):
        raise _not_present()
    _note_code_try(request, user, now=now)
    try:
        prove()
    except Unauthenticated:
        _record_failure(user.email, now=now)
        raise
    presence_confirmed(request, user, how="passkey", now=now)


def finish(
    request: HttpRequest, user: User, *, how: str, now: datetime, sign_on: SignOn | None = None
) -> None:
    """Both steps are done: forget the tries, record the success, begin the session. `sign_on` is the
    organisation's own that gave the first proof, or both: the record names who arranged it.
    """
    facts: dict[str, Fact] = {"step_up": False, "how": how}
    if sign_on is not None:
        facts |= {
            "sign_on": sign_on.id,
            "issuer": sign_on.issuer,
            "arranged_by": sign_on.set_by_id,
            "confirmed_by": sign_on.confirmed_by_id,
        }
    with transaction.atomic():
        forget_tries(guess_of(request, user.email), _code_guess(request, user))
        _record(Action.SIGN_IN_SUCCEEDED, user, now=now, facts=facts)
    begin_session(request, user, how=how, now=now)


def confirm_presence(request: HttpRequest, *, password: str, code: str, now: datetime) -> None:
    """The signed-in person proves again that it is them, by password and a fresh code of their app.

    A person who has no password, because their organisation's sign-on stands for it, gives the code alone.

    Errors: Unauthenticated `presence.refused`; Throttled `sign_in.throttled`.
    """
    user = request.user
    if not isinstance(user, User):
        raise _not_present()
    guess = note_try(request, user.email, now=now)
    _note_code_try(request, user, now=now)
    by_password = not user.has_usable_password() or _person_with(request, user.email, password) == user
    # The code is looked at only after the password: a wrong password must not use up a right code.
    if not (by_password and prove_code(user, code, now=now)):
        _record_failure(user.email, now=now)
        raise _not_present()
    presence_confirmed(request, user, how="app", now=now, guess=guess)


def presence_confirmed(
    request: HttpRequest, user: User, *, how: str, now: datetime, guess: Guess | None = None
) -> None:
    """Record the step-up and renew the session's key."""
    with transaction.atomic():
        forget_tries(guess or guess_of(request, user.email), _code_guess(request, user))
        _record(Action.SIGN_IN_SUCCEEDED, user, now=now, facts={"step_up": True, "how": how})
    renew_session(request, now=now)


def sign_out(request: HttpRequest, *, now: datetime) -> None:
    """End the session; harmless when there is none."""
    if isinstance(request.user, User):
        with transaction.atomic():
            OpenSession.objects.filter(session_key=request.session.session_key).delete()
            _record(Action.SIGN_OUT, request.user, now=now)
    logout(request)


def _second_step(request: HttpRequest, prove: Prove, *, how: str, now: datetime) -> User:
    half = halfway(request, now=now)
    user = half.user
    _note_code_try(request, user, now=now)
    if not prove(user):
        _record_failure(user.email, now=now, second=True)
        raise Unauthenticated(
            "This code is wrong, too old, or was used already.", code="sign_in.code", field="code"
        )
    finish(request, user, how=how, now=now, sign_on=sign_on_of(half))
    return user


def sign_on_of(half: Halfway) -> SignOn | None:
    """The sign-on that gave the first proof of this session, if one did and is there still."""
    return SignOn.objects.filter(id=uuid.UUID(half.sign_on)).first() if half.sign_on else None


def _note_code_try(request: HttpRequest, user: User, *, now: datetime) -> None:
    note_try(request, _code_tries(user), person=user.email, in_all=TRIES_AT_CODE, now=now)


def _code_guess(request: HttpRequest, user: User) -> Guess:
    return guess_of(request, _code_tries(user), person=user.email)


def _code_tries(user: User) -> str:
    return f"second step of {user.id}"


def _not_present() -> Unauthenticated:
    return Unauthenticated(
        "The password or the code is wrong, or the code was used already.",
        code="presence.refused",
        field="password",
    )


def _person_with(request: HttpRequest, email: str, password: str) -> User | None:
    # A NUL would be an error of the database and not a wrong address.
    if len(email) > LONGEST_EMAIL or len(password) > LONGEST_PASSWORD or "\x00" in email:
        return None
    found = authenticate(request, username=email, password=password)
    return found if isinstance(found, User) else None


def _record_failure(email: str, *, now: datetime, second: bool = False) -> None:
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
            facts={"second_step": True} if second else None,
        )


def _record(action: Action, user: User, *, now: datetime, facts: dict[str, Fact] | None = None) -> None:
    """An event of the person, not of one organisation: which one they act for is chosen after signing in."""
    record(
        action,
        actor=person_alone(user),
        subject_type="user",
        subject_id=user.id,
        organisation_id=None,
        now=now,
        facts=facts,
    )
