"""Guessing from one customer's whole network is one guesser's, and no stranger locks a person out."""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus
from itertools import count
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client, RequestFactory
from django.utils import timezone

from accounts.errors import Throttled
from exchange.web import known_devices
from exchange.web.models import SignInTry
from exchange.web.tries import (
    TRIES_AT_CODE,
    TRIES_AT_PLACE,
    TRIES_FOR_PERSON,
    TRIES_HERE,
    WINDOW,
    forget_tries,
    note_try,
    note_try_at_nobody,
)
from tests import cast
from tests.exchange.web.stage import enter

pytestmark = pytest.mark.django_db

VERA = "vera@example.org"


def at(address: str, cookies: dict[str, str] | None = None) -> Any:
    request = RequestFactory().get("/", REMOTE_ADDR=address)
    request.COOKIES.update(cookies or {})
    return request


def goes(address: str, who: str = VERA, **more: Any) -> bool:
    """Whether one more try at `who` from there is let through."""
    try:
        note_try(at(address), who, now=timezone.now(), **more)
    except Throttled:
        return False
    return True


def let_through(addresses: Iterator[str], who: Iterator[str] | str, *, tries: int) -> int:
    return sum(goes(next(addresses), who if isinstance(who, str) else next(who)) for _ in range(tries))


def hosts(prefix: str) -> Iterator[str]:
    """Addresses below an IPv6 prefix that ends with a colon, never the same twice."""
    return (f"{prefix}{number:x}" for number in count(1))


def people() -> Iterator[str]:
    return (f"person-{number}@example.org" for number in count())


def test_five_tries_at_one_person_from_one_address_and_no_sixth() -> None:
    assert [goes("198.51.100.7") for _ in range(TRIES_HERE + 2)] == [True] * TRIES_HERE + [False] * 2
    assert goes("198.51.100.8"), "the neighbour's address is another one"


def test_fifty_tries_from_one_address_at_whomever_and_no_fifty_first() -> None:
    names = people()
    assert let_through(iter(["198.51.100.7"] * 60), names, tries=TRIES_AT_PLACE) == TRIES_AT_PLACE
    assert not goes("198.51.100.7", next(names))
    assert goes("198.51.100.8", next(names))


@pytest.mark.parametrize(
    ("prefix", "here"),
    [("2001:db8:1:1::", 1), ("2001:db8:1:1{0:02x}::", 2), ("2001:db8:1:{0:x}00::", 4)],
    ids=["/64", "/56", "/48"],
)
def test_a_network_of_ipv6_is_one_guesser(prefix: str, here: int) -> None:
    """From a new /64 each time, where the network has several; each times the limit of one address."""

    def addresses() -> Iterator[str]:
        return (prefix.format(number % 200) + f"{number:x}" for number in count(1))

    assert let_through(addresses(), VERA, tries=TRIES_HERE * 4 + 5) == TRIES_HERE * here
    SignInTry.objects.all().delete()
    most = TRIES_AT_PLACE * here
    assert let_through(addresses(), people(), tries=most + 5) == most


def test_ipv4_that_comes_wrapped_in_ipv6_is_the_same_address() -> None:
    assert all(goes(address) for address in ("198.51.100.7", "::ffff:198.51.100.7", "::ffff:c633:6407"))
    assert SignInTry.objects.values("place").distinct().count() == 1
    assert let_through(iter(["::ffff:198.51.100.7"] * 9), VERA, tries=5) == TRIES_HERE - 3


def test_another_48_is_another_guesser() -> None:
    let_through(hosts("2001:db8:1:1::"), VERA, tries=30)
    assert goes("2001:db8:2:1::1")


def test_after_a_hundred_tries_at_a_person_each_place_has_one_and_never_none() -> None:
    places = (f"198.51.{number // 250}.{number % 250}" for number in count(1))
    assert let_through(places, VERA, tries=TRIES_FOR_PERSON - 2) == TRIES_FOR_PERSON - 2
    assert [goes("203.0.113.1") for _ in range(4)] == [True, True, False, False], "the hundredth, then one"
    assert [goes("203.0.113.2") for _ in range(3)] == [True, False, False]
    told = [goes(f"2001:db8:7:{number:x}00::1") for number in range(6)]
    assert told == [True] * 4 + [False] * 2, "a /48 has four"
    told = [goes(f"2001:db8:8:{number:x}::1") for number in range(6)]
    assert told == [True] * 2 + [False] * 4, "a /56 has two"
    assert goes("203.0.113.1", "otto@example.org"), "nobody else is slowed down"


def test_a_person_far_from_home_still_signs_in_while_strangers_guess_from_everywhere() -> None:
    someone = cast.harbor().viewer.user
    places = (f"10.{number // 250}.{number % 250}.1" for number in count(1))
    let_through(places, someone.email, tries=TRIES_FOR_PERSON * 3)
    new = Client(REMOTE_ADDR="203.0.113.77")
    assert enter(new, someone).status_code == HTTPStatus.FOUND


def test_a_known_browser_has_tries_of_its_own_whatever_strangers_do_beside_it() -> None:
    someone = cast.harbor().viewer.user
    home = Client(REMOTE_ADDR="198.51.100.7")
    enter(home, someone)
    home.post("/sign-out")
    # A neighbour behind the same address uses up all that it has, for this person and for everybody.
    let_through(iter(["198.51.100.7"] * 90), someone.email, tries=10)
    let_through(iter(["198.51.100.7"] * 90), people(), tries=80)
    stranger = Client(REMOTE_ADDR="198.51.100.7")
    wrong = {"email": someone.email, "password": "wrong"}
    assert stranger.post("/sign-in", wrong).status_code == HTTPStatus.TOO_MANY_REQUESTS
    assert enter(home, someone).status_code == HTTPStatus.FOUND


def test_a_known_browser_has_five_tries_as_well() -> None:
    someone = cast.harbor().viewer.user
    home = Client()
    enter(home, someone)
    home.post("/sign-out")
    wrong = {"email": someone.email, "password": "wrong"}
    told = [home.post("/sign-in", wrong).status_code for _ in range(TRIES_HERE + 1)]
    assert told == [HTTPStatus.BAD_REQUEST] * TRIES_HERE + [HTTPStatus.TOO_MANY_REQUESTS]


def test_a_browser_is_known_for_those_who_signed_in_with_it_alone() -> None:
    harbor = cast.harbor()
    home = Client()
    enter(home, harbor.viewer.user)
    other = {"email": harbor.signer.user.email, "password": "wrong"}
    for _ in range(TRIES_HERE):
        home.post("/sign-in", other)
    assert home.post("/sign-in", other).status_code == HTTPStatus.TOO_MANY_REQUESTS
    assert Client().post("/sign-in", other).status_code == HTTPStatus.TOO_MANY_REQUESTS, "one place, not two"


def cookie_after(user: Any, before: dict[str, str] | None = None) -> dict[str, str]:
    request, response = at("198.51.100.7", before), HttpResponse()
    known_devices.note_device(request, user)
    known_devices.set_cookie(request, response)
    return {name: morsel.value for name, morsel in response.cookies.items()}


def test_the_cookie_names_five_people_under_fresh_ids_and_opens_nothing() -> None:
    crew = cast.harbor()
    people = [crew.admin, crew.contributor, crew.approver, crew.signer, crew.viewer, crew.integrator]
    cookies: dict[str, str] = {}
    for one in people:
        cookies = cookie_after(one.user, cookies)
    known = [known_devices.device_of(at("", cookies), one.user.email) for one in people]
    assert [device is not None for device in known] == [False] + [True] * 5
    again = known_devices.device_of(at("", cookie_after(crew.viewer.user, cookies)), crew.viewer.user.email)
    assert again not in (None, *known)
    assert crew.viewer.user.email not in str(cookies)
    client = Client()
    client.cookies.load(cookies)
    assert client.get("/account").headers["Location"].startswith("/sign-in")


@pytest.mark.parametrize("spoil", [lambda text: text + "x", lambda text: "", lambda text: "a:b:c"])
def test_a_cookie_that_is_none_of_ours_makes_no_known_browser(spoil: Any) -> None:
    someone = cast.harbor().viewer.user
    ((name, value),) = cookie_after(someone).items()
    assert known_devices.device_of(at("", {name: value}), someone.email) is not None
    assert known_devices.device_of(at("", {name: spoil(value)}), someone.email) is None


def test_codes_have_a_total_over_all_places_that_a_known_browser_is_not_part_of() -> None:
    someone = cast.harbor().viewer.user
    places = (f"198.51.100.{number}" for number in count(1))
    told = [goes(next(places), "codes", person=someone.email, in_all=TRIES_AT_CODE) for _ in range(12)]
    assert told == [True] * TRIES_AT_CODE + [False] * 2
    request = at("198.51.100.99", cookie_after(someone))
    for _ in range(TRIES_HERE):
        note_try(request, "codes", person=someone.email, in_all=TRIES_AT_CODE, now=timezone.now())
    with pytest.raises(Throttled):
        note_try(request, "codes", person=someone.email, in_all=TRIES_AT_CODE, now=timezone.now())


def test_passkeys_are_limited_by_place_alone_so_that_nobody_uses_them_up_for_all() -> None:
    def passes(address: str) -> bool:
        try:
            note_try_at_nobody(at(address), "passkey", now=timezone.now())
        except Throttled:
            return False
        return True

    assert [passes("198.51.100.7") for _ in range(TRIES_AT_PLACE + 1)] == [True] * TRIES_AT_PLACE + [False]
    for number in range(TRIES_FOR_PERSON * 2):
        passes(f"10.0.{number // 250}.{number % 250}")
    assert [passes("203.0.113.1") for _ in range(9)] == [True] * 9


def test_a_success_forgets_what_was_mistyped_there_and_nowhere_else() -> None:
    here = [note_try(at("2001:db8:1:1::1"), VERA, now=timezone.now()) for _ in range(3)]
    goes("198.51.100.7")
    forget_tries(here[0])
    assert SignInTry.objects.count() == 1


def test_tries_are_forgotten_after_a_quarter_of_an_hour() -> None:
    now = timezone.now()
    for _ in range(TRIES_HERE):
        note_try(at("198.51.100.7"), VERA, now=now)
    with pytest.raises(Throttled):
        note_try(at("198.51.100.7"), VERA, now=now + WINDOW - (WINDOW / 900))
    note_try(at("198.51.100.7"), VERA, now=now + WINDOW * 3)
