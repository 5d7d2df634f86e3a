"""What surrounds every page: the areas of the exchange, who is signed in, and this one's name and look.

Navigation is data. A place is shown to whoever holds its right once its address exists; a page that is not
built yet is simply not named.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Final, Literal

from django.conf import settings
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.identity.acting import Actor
from accounts.identity.models import User
from accounts.identity.roles import Permission
from exchange.web.parts import Link, here

_P = Permission
For = Literal["everyone", "members", "operator"]


@dataclass(frozen=True, slots=True)
class Place:
    """One entry: `permissions` any of which opens it (none: every actor), and whose staff it is for."""

    label: Promise
    name: str
    permissions: tuple[Permission, ...] = ()
    whose: For = "everyone"

    def opens_to(self, actor: Actor) -> bool:
        if self.whose != "everyone" and actor.is_operator != (self.whose == "operator"):
            return False
        return not self.permissions or any(actor.may(one) for one in self.permissions)


ORGANISATION: Final[tuple[Place, ...]] = (
    Place(_("People"), "web:people", (_P.MEMBER_MANAGE, _P.AUDIT_READ)),
    Place(_("Waiting for a second person"), "web:proposals", (_P.MEMBER_MANAGE, _P.ORGANISATION_MANAGE)),
    Place(_("Credentials"), "web:credentials", (_P.CREDENTIAL_MANAGE,)),
    Place(_("Signing keys"), "web:keys", (_P.KEY_MANAGE, _P.RELEASE_SIGN)),
    Place(_("Agreements"), "web:agreements", whose="members"),
    Place(_("Duty contacts"), "web:duty-contacts", whose="members"),
    Place(_("Single sign-on"), "web:sign-on", (_P.MEMBER_MANAGE,)),
    Place(_("Membership"), "web:review", whose="members"),
    Place(_("Audit"), "web:audit", (_P.AUDIT_READ,), whose="members"),
)
PLACES: Final[tuple[Place, ...]] = (
    Place(_("What needs you"), "web:home"),
    Place(_("Lists"), "web:lists"),
    Place(_("Catalogue"), "web:catalogue", whose="members"),
    Place(_("Subscriptions"), "web:subscriptions", whose="members"),
    Place(_("Endpoints"), "web:endpoints", whose="members"),
    Place(_("Applications"), "web:applications", (_P.ORGANISATION_MANAGE,), whose="operator"),
    Place(_("Members"), "web:members", (_P.ORGANISATION_MANAGE,), whose="operator"),
    Place(_("Calendar"), "web:calendar", (_P.ORGANISATION_MANAGE,), whose="operator"),
    Place(_("Ceremonies"), "web:ceremonies", (_P.CEREMONY_RUN,), whose="operator"),
    Place(_("Audit"), "web:audit", (_P.AUDIT_READ,), whose="operator"),
    Place(_("System"), "web:system", (_P.SYSTEM_VIEW,), whose="operator"),
)
FOOT: Final[tuple[Place, ...]] = (
    Place(_("Public lists"), "web:lists"),
    Place(_("Public keys"), "web:public-keys"),
    Place(_("Status"), "web:status"),
    Place(_("Apply for membership"), "web:apply"),
    Place(_("API reference"), "api:docs"),
)


@dataclass(frozen=True, slots=True)
class Site:
    """This exchange's own name and stylesheet, set by whoever runs it."""

    name: str
    stylesheet: str
    foot: tuple[Link, ...]


@dataclass(frozen=True, slots=True)
class Frame:
    """Who is signed in, for whom they act, where they can go; `section` is the organisation's own pages."""

    person: str
    organisation: str | None
    can_switch: bool
    places: tuple[Link, ...] = ()
    section: tuple[Link, ...] = ()
    account: str = ""
    search: str = ""


def frame_of(
    request: HttpRequest, actor: Actor | None, *, organisation: str | None, can_switch: bool
) -> Frame | None:
    """The frame of a signed-in person's page, None for everybody else."""
    user = request.user
    if not isinstance(user, User):
        return None
    section = here(_open(ORGANISATION, actor), request.path)
    inside = any(link.here for link in section)
    places = list(here(_open(PLACES, actor), request.path))
    if section:
        at = 5 if len(places) > 5 and actor is not None and not actor.is_operator else len(places)
        places.insert(at, Link(_("Organisation"), section[0].url, inside))
    return Frame(
        person=str(user),
        organisation=organisation,
        can_switch=can_switch,
        places=tuple(places),
        section=section if inside else (),
        account=address("web:account"),
        search=address("web:search") if actor is not None else "",
    )


def site(request: HttpRequest) -> dict[str, Site]:
    """Context of every template, error pages included."""
    return {
        "site": Site(
            name=settings.HX_NAME,
            stylesheet=settings.HX_BRAND_STYLESHEET,
            foot=tuple(Link(place.label, address(place.name)) for place in FOOT if address(place.name)),
        )
    }


def _open(places: tuple[Place, ...], actor: Actor | None) -> list[Link]:
    if actor is None:
        return []
    return [
        Link(place.label, address(place.name))
        for place in places
        if place.opens_to(actor) and address(place.name)
    ]


def address_of(name: str, *identifiers: object) -> str:
    """The address of the page about one thing, "" while there is no such page."""
    try:
        return reverse(name, args=identifiers)
    except NoReverseMatch:
        return ""


@cache
def address(name: str) -> str:
    """The address of a page, "" while there is no such page."""
    try:
        return reverse(name)
    except NoReverseMatch:
        return ""
