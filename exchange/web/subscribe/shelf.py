"""The catalogue: lists that one may follow or ask for, as rows and facts that a page can show as they are.

Of a list on request only what its publisher states is here; what it holds is for those who may see it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db.models import (
    BooleanField,
    Count,
    Exists,
    ExpressionWrapper,
    Max,
    Min,
    OuterRef,
    Q,
    QuerySet,
    TextField,
)
from django.db.models.functions import Cast
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.identity.acting import Actor
from accounts.signing_keys.models import Custody, SigningKeyStatus
from exchange.access.models import AccessRequest
from exchange.sharing.models import Subscription
from exchange.web.list_facts import type_title
from exchange.web.parts import Tag
from exchange.web.shown import instant, number, size
from exchange.web.subscribe.words import ACCESS, ACCESS_TONE, AUDIENCE
from exchange.web.words import KIND, word
from hashsets.lists.models import HashList, ListSigningKey, ListStatus, Tlp
from hashsets.releases.models import Release

CADENCE_OVER: Final = timedelta(days=180)
_DAY: Final = 86_400.0


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody looks for; empty means anything."""

    text: str = ""
    kind: str = ""
    jurisdiction: str = ""
    hash_type: str = ""
    tlp: str = ""
    standing: str = ""


@dataclass(frozen=True, slots=True)
class ShelfRow:
    """One list of the catalogue. `seen` is False for a list on request: then nothing it holds is told."""

    row: HashList
    seen: bool
    own: bool
    kind: str
    tlp: str
    audience: str
    hash_types: str
    entries: str
    bytes: str
    cadence: str
    released: SafeString | None
    signers: str
    tags: tuple[Tag, ...]


def shelf(actor: Actor | None, wish: Wish | None = None) -> QuerySet[HashList]:
    """The lists that `actor` may see or find, narrowed down to the wish, each annotated with `seen`."""
    visible = HashList.objects.visible_to(actor).values("id")
    findable = HashList.objects.on_request_for(actor).values("id")
    rows = (
        HashList.objects.filter(Q(id__in=visible) | Q(id__in=findable))
        .select_related("organisation")
        .annotate(seen=ExpressionWrapper(Q(id__in=visible), output_field=BooleanField()))
    )
    return rows if wish is None else _narrowed(rows, wish, actor)


def _narrowed(rows: QuerySet[HashList], wish: Wish, actor: Actor | None) -> QuerySet[HashList]:
    for term in wish.text.split()[:8]:
        rows = rows.filter(
            Q(title__icontains=term)
            | Q(organisation__name__icontains=term)
            | Q(purpose__icontains=term)
            | Q(legal_basis__icontains=term)
        )
    if wish.kind:
        rows = rows.filter(organisation__kind=wish.kind)
    if wish.jurisdiction:
        rows = rows.filter(jurisdiction=wish.jurisdiction.upper())
    if wish.tlp:
        rows = rows.filter(tlp=wish.tlp)
    if wish.hash_type:
        # The array as text: JSON containment differs between the databases, a quoted slug does not.
        as_text = rows.annotate(types_text=Cast("hash_types", TextField()))
        rows = as_text.filter(types_text__contains=f'"{wish.hash_type}"')
    return _standing(rows, wish.standing, actor)


def _standing(rows: QuerySet[HashList], standing: str, actor: Actor | None) -> QuerySet[HashList]:
    if standing == "sandbox":
        return rows.exclude(sandbox="")
    if actor is None or actor.organisation_id is None:
        return rows
    mine = Subscription.objects.of(actor).filter(hash_list=OuterRef("pk"), ended_at__isnull=True)
    visible = HashList.objects.visible_to(actor).values("id")
    if standing == "followed":
        return rows.filter(Exists(mine))
    if standing == "open":
        foreign = rows.filter(id__in=visible, status=ListStatus.ACTIVE)
        return foreign.exclude(organisation_id=actor.organisation_id).exclude(Exists(mine))
    return rows.exclude(id__in=visible) if standing == "request" else rows


def shelf_rows(found: Iterable[HashList], actor: Actor | None, *, now: datetime) -> list[ShelfRow]:
    """Rows of `shelf` with what is known of each, in a constant number of queries."""
    rows = list(found)
    seen = [row.id for row in rows if row.seen]  # type: ignore[attr-defined]
    newest = _newest(seen)
    pace = cadences(seen, now=now)
    keys = _signers(seen)
    standing = _standings([row.id for row in rows], actor)
    return [
        ShelfRow(
            row=row,
            seen=bool(row.seen),  # type: ignore[attr-defined]
            own=actor is not None and row.organisation_id == actor.organisation_id,
            kind=word(KIND, row.organisation.kind),
            tlp=str(Tlp(row.tlp).label) if row.tlp in Tlp.values else row.tlp,
            audience=word(AUDIENCE, row.audience),
            hash_types=", ".join(type_title(slug) for slug in row.hash_types),
            entries=number(newest[row.id].entries) if row.id in newest else "",
            bytes=size(newest[row.id].snapshot_length) if row.id in newest else "",
            cadence=pace.get(row.id, ""),
            released=instant(row.released_at) if row.released_at and row.id in newest else None,
            signers=keys.get(row.id, ""),
            tags=_tags(row, standing, actor),
        )
        for row in rows
    ]


def _newest(ids: list[str]) -> dict[str, Release]:
    newest = Release.objects.filter(hash_list_id__in=ids).values("hash_list_id").annotate(at=Max("number"))
    wanted = Q()
    for one in newest:
        wanted |= Q(hash_list_id=one["hash_list_id"], number=one["at"])
    return {row.hash_list_id: row for row in Release.objects.filter(wanted)} if wanted else {}


def cadences(ids: list[str], *, now: datetime) -> dict[str, str]:
    """How often each list is released, in words, reckoned from its releases of the last half year."""
    counted = (
        Release.objects.filter(hash_list_id__in=ids, published_at__gt=now - CADENCE_OVER)
        .values("hash_list_id")
        .annotate(count=Count("id"), first=Min("published_at"), last=Max("published_at"))
        .order_by()
    )
    told = {
        one["hash_list_id"]: cadence(one["count"], (one["last"] - one["first"]).total_seconds())
        for one in counted
    }
    return {list_id: told.get(list_id) or _("Not within half a year") for list_id in ids}


def cadence(count: int, seconds: float) -> str:
    """`count` releases within `seconds` from the first to the last."""
    if count < 2:
        return _("Once within half a year")
    if seconds < _DAY:  # too little to say how the list usually goes
        return _("%(n)s releases, all within a day") % {"n": number(count)}
    gap = max(seconds, 1.0) / (count - 1)
    if gap < _DAY / 1.5:
        times = max(2, round(_DAY / gap))
        return ngettext("About %(n)s time a day", "About %(n)s times a day", times) % {"n": number(times)}
    for length, days, one, many in (
        (6, 1, _("About once a day"), _("About every %(n)s days")),
        (45, 7, _("About once a week"), _("About every %(n)s weeks")),
        (10_000, 30, _("About once a month"), _("About every %(n)s months")),
    ):
        if gap < length * _DAY:
            every = max(1, round(gap / (days * _DAY)))
            return one if every == 1 else many % {"n": number(every)}
    return ""


def _signers(ids: list[str]) -> dict[str, str]:
    hosted = Count("id", filter=Q(signing_key__custody=Custody.HOSTED))
    counted = (
        ListSigningKey.objects.filter(hash_list_id__in=ids, signing_key__status=SigningKeyStatus.ACTIVE)
        .values("hash_list_id", "hash_list__signature_threshold")
        .annotate(keys=Count("id"), hosted=hosted)
        .order_by()
    )
    return {
        one["hash_list_id"]: signers_told(one["keys"], one["hosted"], one["hash_list__signature_threshold"])
        for one in counted
    }


def signers_told(keys: int, hosted: int, threshold: int) -> str:
    """Who signs, and whether such a signature survives a compromise of the exchange."""
    if hosted:
        return _("One key, kept by the exchange for the publisher")
    told = _("%(needed)s of %(keys)s keys, kept by the publisher itself")
    return told % {"needed": number(threshold), "keys": number(keys)}


@dataclass(frozen=True, slots=True)
class _Standings:
    followed: frozenset[str]
    asked: Mapping[str, str]


def _standings(ids: list[str], actor: Actor | None) -> _Standings:
    if actor is None or actor.organisation_id is None:
        return _Standings(frozenset(), {})
    mine = Subscription.objects.of(actor).filter(hash_list_id__in=ids, ended_at__isnull=True)
    asked = AccessRequest.objects.made_by(actor).live().filter(hash_list_id__in=ids)
    return _Standings(
        frozenset(mine.values_list("hash_list_id", flat=True)),
        dict(asked.values_list("hash_list_id", "state")),
    )


def _tags(row: HashList, standing: _Standings, actor: Actor | None) -> tuple[Tag, ...]:
    tags: list[Tag] = []
    if row.sandbox:
        tags.append(Tag(_("Sandbox"), "moving"))
    if row.status == ListStatus.CLOSED:
        tags.append(Tag(_("Closed"), "quiet"))
    if actor is not None and row.organisation_id == actor.organisation_id:
        tags.append(Tag(_("Your own"), "quiet"))
    elif row.id in standing.followed:
        tags.append(Tag(_("You follow it"), "good"))
    elif row.id in standing.asked:
        state = standing.asked[row.id]
        tags.append(Tag(word(ACCESS, state), ACCESS_TONE[state]))
    elif not row.seen:  # type: ignore[attr-defined]
        tags.append(Tag(_("On request"), "asks"))
    return tuple(tags)
