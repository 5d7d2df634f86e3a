"""What is checked of whom: data that the exchange's people edit. A running case keeps the version it began
with.

Registry, sanctions and call-back items are recorded by a person and never clear themselves; two kinds of
items are read from the case itself: that the domain is proven, and that the applicant's mail is at that
domain.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Final, Literal, cast

from django.db import IntegrityError, transaction

from accounts.audit.actions import Action
from accounts.audit.record import record
from accounts.errors import Conflict, Invalid
from accounts.identity.acting import Actor
from accounts.identity.jurisdictions import known_jurisdiction
from accounts.vetting.models import Checklist, Track
from accounts.vetting.standard import STANDARD
from accounts.wording import one_line, paragraphs

By = Literal["person", "domain", "email"]
BY: Final[tuple[By, ...]] = ("person", "domain", "email")
EVIDENCE_LASTS_DAYS: Final = 398
MOST_ITEMS: Final = 30
_CODE = re.compile(r"[a-z][a-z0-9-]{1,39}")


@dataclass(frozen=True, slots=True)
class Item:
    """One thing to check. `by` says who finds out: a person, or the exchange from the case itself."""

    code: str
    title_en: str
    title_fr: str
    how_en: str = ""
    how_fr: str = ""
    by: By = "person"
    required: bool = True
    days: int = EVIDENCE_LASTS_DAYS


def items_of(checklist: Checklist) -> tuple[Item, ...]:
    """The items of a stored version, in order."""
    return tuple(Item(**stored) for stored in checklist.items)


def newest_checklist(track: str) -> Checklist | None:
    return Checklist.objects.filter(track=track).order_by("-version").first()


def current_items(track: str) -> tuple[tuple[Item, ...], int]:
    """What would be checked today, and its version; 0 is the one this software comes with."""
    newest = newest_checklist(track)
    return (items_of(newest), newest.version) if newest else (_standard(track), 0)


def checklist_for(answers: Mapping[str, str], *, now: datetime) -> Checklist:
    """The version that a case submitted now follows: of its kind, or of jurisdictions whose registers are
    not known. The software's own becomes version 1 when it is first needed.
    """
    track = Track(answers["kind"])
    chosen = _stored(track, now)
    if chosen.jurisdictions and answers["jurisdiction"] not in chosen.jurisdictions:
        chosen = _stored(Track.OTHER, now)
    return chosen


def change_checklist(
    track: str, items: Sequence[Item], *, jurisdictions: Iterable[str], seen_version: int, actor: Actor,
    now: datetime,
) -> Checklist:  # fmt: skip
    """Make the next version. `seen_version` is the one that was edited: two editors do not overwrite each
    other.

    Errors: NotAllowed `permission.missing`, `actor.person_needed`; Invalid `checklist.…`; Conflict
    `checklist.changed`.
    """
    actor.require_over_exchange()
    person = actor.person()
    if track not in Track.values:
        raise Invalid("There is no such checklist.", code="checklist.track", field="track")
    checked = _checked(items)
    known = sorted({known_jurisdiction(code, field="jurisdictions") for code in jurisdictions})
    changed = Conflict(
        "Somebody else has changed this checklist meanwhile.",
        code="checklist.changed",
        advice="Look at the newest version and make your change there.",
    )
    with transaction.atomic():
        newest = newest_checklist(track)
        if (newest.version if newest else 0) != seen_version:
            raise changed
        try:
            with transaction.atomic():
                made = Checklist.objects.create(
                    track=track,
                    version=max(seen_version, 1) + 1 if newest else 2,
                    items=[asdict(item) for item in checked],
                    jurisdictions=known,
                    made_at=now,
                    made_by_id=person,
                )
        except IntegrityError:
            raise changed from None
        record(
            Action.CHECKLIST_CHANGED,
            actor=actor,
            subject_type="checklist",
            subject_id=f"{track} {made.version}",
            organisation_id=actor.organisation_id,
            now=now,
            facts={"items": [item.code for item in checked], "jurisdictions": known},
        )
    return made


def _stored(track: str, now: datetime) -> Checklist:
    newest = newest_checklist(track)
    if newest is not None:
        return newest
    items = [asdict(item) for item in _standard(track)]
    made, _ = Checklist.objects.get_or_create(
        track=track, version=1, defaults={"items": items, "made_at": now}
    )
    return made


def _standard(track: str) -> tuple[Item, ...]:
    return tuple(
        Item(code, title_en, title_fr, how_en, how_fr, by=cast("By", by))
        for code, by, title_en, title_fr, how_en, how_fr in STANDARD[track]
    )


def _checked(items: Sequence[Item]) -> tuple[Item, ...]:
    if not 1 <= len(items) <= MOST_ITEMS:
        raise Invalid(f"A checklist has 1 to {MOST_ITEMS} items.", code="checklist.length", field="items")
    if len({item.code for item in items}) != len(items):
        raise Invalid("Two items have the same code.", code="checklist.twice", field="items")
    if not any(item.required for item in items):
        raise Invalid("At least one item has to be required.", code="checklist.nothing", field="items")
    return tuple(_checked_item(item) for item in items)


def _checked_item(item: Item) -> Item:
    if not _CODE.fullmatch(item.code) or item.by not in BY:
        raise Invalid(
            "An item's code has small letters, digits and dashes.", code="checklist.code", field="items"
        )
    if not 1 <= item.days <= EVIDENCE_LASTS_DAYS:
        raise Invalid(
            f"Evidence counts for 1 to {EVIDENCE_LASTS_DAYS} days.", code="checklist.days", field="items"
        )
    return Item(
        code=item.code,
        title_en=one_line(item.title_en, field="items", limit=200),
        title_fr=one_line(item.title_fr, field="items", limit=200),
        how_en=paragraphs(item.how_en, field="items", limit=1_000, required=False),
        how_fr=paragraphs(item.how_fr, field="items", limit=1_000, required=False),
        by=item.by,
        required=item.required,
        days=item.days,
    )
