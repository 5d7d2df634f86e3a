"""Guessing is slow, whichever process answers, and no stranger locks a person out by guessing.

Every try is a row before anything is checked, so that parallel guesses all count each other. In a quarter of
an hour:

- a browser that the person has signed in with has five tries of its own, whatever others do;
- from one IPv4 address or /64 of IPv6: five for one person, fifty in all (twice that per /56, four times per
  /48);
- once a hundred for one person came from anywhere: one from each address (/56: two, /48: four), instead of
  five. It is never none: somebody with a new browser in a new place still gets in with the right password.

Hence nobody guesses faster at one person than five times per address in a quarter of an hour for the first
hundred, and once per address from then on. The password is the first of two steps only; the codes of the
second have a total for all unknown browsers together, because six digits are few.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db.models import Count, Q
from django.http import HttpRequest
from django.utils.crypto import salted_hmac

from accounts.errors import Throttled
from exchange.http.origin import Network, address_of, networks_of
from exchange.web.known_devices import device_of
from exchange.web.models import SignInTry

WINDOW: Final = timedelta(minutes=15)
# One person at one place mistypes a few times; one place may be a whole office; and one person is hardly
# tried from many places at once.
TRIES_HERE, TRIES_AT_PLACE, TRIES_FOR_PERSON = 5, 50, 100
SLOWED_TRIES_HERE: Final = 1
# A code has six digits only, and whoever tries one has given the password: few tries, from whatever place.
TRIES_AT_CODE: Final = 10
_COLUMNS: Final = ("place", "wider", "widest")


@dataclass(frozen=True, slots=True)
class Guess:
    """Who is tried, from where: a browser of theirs, or networks, narrowest first. Keyed digests all."""

    who: str
    places: tuple[str, ...]
    at_known_device: bool = False


def note_try(
    request: HttpRequest,
    who: str,
    *,
    now: datetime,
    person: str | None = None,
    in_all: int | None = None,
) -> Guess:
    """Count this try at `who` with those before it. `person` is the e-mail address of whose known browsers
    have tries of their own (as `who`, unless said); `in_all` a total for all other browsers together.

    Errors: Throttled `sign_in.throttled`.
    """
    guess = guess_of(request, who, person=person)
    counts = _note(guess, now=now)
    if _is_too_much(guess, counts) or (
        in_all is not None and not guess.at_known_device and counts["at_who"] > in_all
    ):
        raise _too_many()
    return guess


def note_try_at_nobody(request: HttpRequest, who: str, *, now: datetime) -> Guess:
    """As `note_try`, for what cannot be guessed and names no person: only the places have limits.

    Errors: Throttled `sign_in.throttled`.
    """
    guess = Guess(_digest("who", who), _places(request))
    counts = _note(guess, now=now)
    if any(counts[f"in_{column}"] > TRIES_AT_PLACE * times for column, times in _limits_of(guess)):
        raise _too_many()
    return guess


def forget_tries(*guesses: Guess) -> None:
    """After a success: what was mistyped before it no longer counts. Called in the success's transaction."""
    for guess in guesses:
        SignInTry.objects.filter(who=guess.who, place=guess.places[0]).delete()


def guess_of(request: HttpRequest, who: str, *, person: str | None = None) -> Guess:
    """The same digests without a try."""
    wanted = _digest("who", who.strip().lower())
    device = device_of(request, who if person is None else person)
    if device is not None:
        return Guess(wanted, (_digest("device", device),), at_known_device=True)
    return Guess(wanted, _places(request))


def _note(guess: Guess, *, now: datetime) -> dict[str, int]:
    """Write the try down, and count what came lately: at `who`, and per network in all and at `who`."""
    SignInTry.objects.filter(at__lt=now - WINDOW).delete()
    where = dict(zip(_COLUMNS, guess.places, strict=False))
    SignInTry.objects.create(who=guess.who, at=now, **where)
    who, concerned = Q(who=guess.who), Q(who=guess.who)
    wanted = {"at_who": Count("id", filter=who)}
    for column, digest in where.items():
        here = Q(**{column: digest})
        concerned |= here
        wanted |= {
            f"in_{column}": Count("id", filter=here),
            f"at_who_in_{column}": Count("id", filter=who & here),
        }
    return SignInTry.objects.filter(concerned, at__gt=now - WINDOW).aggregate(**wanted)


def _is_too_much(guess: Guess, counts: dict[str, int]) -> bool:
    if guess.at_known_device:
        return counts["at_who_in_place"] > TRIES_HERE
    here = TRIES_HERE if counts["at_who"] <= TRIES_FOR_PERSON else SLOWED_TRIES_HERE
    return any(
        counts[f"at_who_in_{column}"] > here * times or counts[f"in_{column}"] > TRIES_AT_PLACE * times
        for column, times in _limits_of(guess)
    )


def _limits_of(guess: Guess) -> list[tuple[str, int]]:
    """(column, times) of each network of a guess: an IPv4 address is one, an IPv6 address is three."""
    return [(column, 2**power) for power, column in enumerate(_COLUMNS[: len(guess.places)])]


def _places(request: HttpRequest) -> tuple[str, ...]:
    networks: tuple[Network, ...] = networks_of(address_of(request))
    return tuple(_digest("place", network.name) for network in networks)


def _too_many() -> Throttled:
    return Throttled(
        "There were too many tries to sign in. Wait a quarter of an hour, then try again.",
        code="sign_in.throttled",
        retry_after=int(WINDOW.total_seconds()),
    )


def _digest(what: str, value: str) -> str:
    return salted_hmac(f"exchange.web.sign_in.{what}", value, algorithm="sha256").hexdigest()[:32]
