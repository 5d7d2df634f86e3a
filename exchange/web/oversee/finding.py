"""Finds what the reader may see, by name or by reference. Tables of thousands are looked through by name;
tables of millions are reached by identifier alone.
"""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass
from typing import Final

from django.db.models import Q
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.identity.acting import Actor
from accounts.identity.models import Organisation
from accounts.identity.roles import Permission
from exchange.web.frame import address_of
from exchange.web.shown import apart, instant, number
from exchange.web.words import KIND, STATE, word
from hashsets.intake.models import Submission
from hashsets.lists.models import HashList
from hashsets.releases.models import Release

MOST: Final = 25
_LIST_ID: Final = re.compile(r"\b[a-z2-7]{26}\b")
_REFERENCE: Final = re.compile(r"\A(?:[A-Za-z]{1,3}-)?([0-9A-Fa-f]{8})\Z")
_RELEASE: Final = re.compile(r"\A(.{1,300}?)\s+#?([1-9][0-9]{0,9})\Z")


@dataclass(frozen=True, slots=True)
class Hit:
    title: str
    url: str
    about: str


@dataclass(frozen=True, slots=True)
class Hits:
    kind: Promise
    hits: tuple[Hit, ...]
    more: bool


def find(text: str, actor: Actor) -> list[Hits]:
    """At most 25 of each kind; nothing for an empty question."""
    asked = " ".join("".join(one for one in text if one.isprintable()).split())[:200]
    if not asked:
        return []
    groups = (
        (gettext_lazy("Lists"), _lists(asked, actor)),
        (gettext_lazy("Releases"), _releases(asked, actor)),
        (gettext_lazy("Submissions"), _submissions(asked, actor)),
        (gettext_lazy("Organisations"), _organisations(asked, actor)),
    )
    return [Hits(kind, tuple(hits[:MOST]), len(hits) > MOST) for kind, hits in groups if hits]


def _lists(asked: str, actor: Actor) -> list[Hit]:
    named = Q(title__icontains=asked)
    if (told := _LIST_ID.search(asked)) is not None:
        named |= Q(id=told[0])
    rows = HashList.objects.visible_to(actor).filter(named).select_related("organisation")
    return [
        Hit(row.title, reverse("web:list", args=[row.id]), row.organisation.name)
        for row in rows.order_by("title", "id")[: MOST + 1]
    ]


def _releases(asked: str, actor: Actor) -> list[Hit]:
    """“<list> 12”: the list by name or identifier, and the number of the release."""
    told = _RELEASE.match(asked)
    if told is None:
        return []
    lists = HashList.objects.visible_to(actor).filter(Q(title__icontains=told[1]) | Q(id=told[1].lower()))
    rows = Release.objects.filter(hash_list__in=lists, number=int(told[2])).select_related("hash_list")
    return [
        Hit(
            _("%(list)s, release %(n)s") % {"list": apart(row.hash_list.title), "n": number(row.number)},
            reverse("web:release", args=[row.hash_list_id, row.number]),
            instant(row.published_at),
        )
        for row in rows.order_by("-published_at", "id")[: MOST + 1]
    ]


def _submissions(asked: str, actor: Actor) -> list[Hit]:
    """By reference (the first eight digits of the identifier) or by the identifier itself."""
    if not actor.may(Permission.LIST_VIEW):
        return []
    rows = Submission.objects.owned_by(actor).select_related("hash_list")
    if (told := _REFERENCE.match(asked)) is not None:
        low, high = (uuid.UUID(told[1] + end * 24) for end in ("0", "f"))
        rows = rows.filter(id__gte=low, id__lte=high)
    elif (known := _identifier(asked)) is not None:
        rows = rows.filter(id=known)
    else:
        return []
    return [
        Hit(
            row.reference,
            reverse("web:submission", args=[row.id]),
            f"{row.hash_list.title} · {word(STATE, row.state)}",
        )
        for row in rows.order_by("-received_at")[: MOST + 1]
    ]


def _organisations(asked: str, actor: Actor) -> list[Hit]:
    """Every one for the exchange's staff; for a member the publishers of lists it may see, and itself."""
    rows = Organisation.objects.filter(name__icontains=asked)
    if (known := _identifier(asked)) is not None:
        rows = Organisation.objects.filter(id=known)
    if not actor.is_over_exchange:
        seen = HashList.objects.visible_to(actor).values("organisation_id")
        rows = rows.filter(Q(id__in=seen) | Q(id=actor.organisation()))
    return [
        Hit(row.name, _home_of(row, actor), f"{word(KIND, row.kind)} · {row.jurisdiction}")
        for row in rows.order_by("name", "id")[: MOST + 1]
    ]


def _home_of(row: Organisation, actor: Actor) -> str:
    """Where more is said about it: its case for staff, nowhere yet for others."""
    return address_of("web:member", row.id) if actor.is_over_exchange else ""


def _identifier(asked: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(asked)
    except ValueError:
        return None
