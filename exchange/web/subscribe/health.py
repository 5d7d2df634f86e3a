"""How a member's systems keep up with the lists they follow, in words: what is so, and what to do about it.

Only a confirmation counts as applied. What the page says is drawn from the member's own rows: what it
fetched, what it confirmed, and how far its endpoints were told.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db.models import Max, OuterRef, Q, Subquery
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from accounts.identity.acting import Actor
from exchange.sharing.models import (
    Confirmation,
    EndpointCursor,
    EndpointState,
    Fetch,
    Subscription,
)
from exchange.web.list_facts import type_title
from exchange.web.parts import Tag, Tone
from exchange.web.shown import duration, instant, number
from hashsets.lists.models import HashList

LATE: Final = timedelta(hours=1)
STUCK: Final = timedelta(minutes=10)
SKEW: Final = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is noticed; `todo` says what to do, "" when there is nothing to do."""

    tone: Tone
    told: str
    todo: str = ""


@dataclass(frozen=True, slots=True)
class Health:
    """Where one subscription stands. Times are None while it never happened."""

    newest: int
    applied: int
    fetched: int
    applied_types: tuple[str, ...]
    last_fetch: SafeString | None
    last_confirmation: SafeString | None
    tag: Tag
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class _Known:
    """The rows behind one subscription."""

    row: HashList
    visible: bool
    applied: int
    mismatch: int
    last: Confirmation | None
    fetched: int
    fetched_at: datetime | None
    last_fetched_at: datetime | None
    told: tuple[int, ...]
    now: datetime


def health_of(subscriptions: Sequence[Subscription], *, actor: Actor, now: datetime) -> dict[str, Health]:
    """By list id, in a constant number of queries. The lists are loaded with the subscriptions."""
    lists = {one.hash_list_id: one.hash_list for one in subscriptions}
    ids, me = list(lists), actor.organisation()
    visible = set(HashList.objects.visible_to(actor).filter(id__in=ids).values_list("id", flat=True))
    mine = Confirmation.objects.filter(organisation_id=me, hash_list_id__in=ids)
    reached = {
        one["hash_list_id"]: one
        for one in mine.values("hash_list_id")
        .annotate(
            applied=Max("release", filter=Q(matches=True)), wrong=Max("release", filter=Q(matches=False))
        )
        .order_by()
    }
    newest = (
        mine.filter(hash_list_id=OuterRef("hash_list_id")).order_by("-received_at", "-id").values("id")[:1]
    )
    last = {row.hash_list_id: row for row in mine.filter(id=Subquery(newest))}
    fetches = Fetch.objects.filter(organisation_id=me, hash_list_id__in=ids)
    newest_fetch = {
        one["hash_list_id"]: one
        for one in fetches.values("hash_list_id")
        .annotate(release=Max("release"), at=Max("fetched_at"))
        .order_by()
    }
    confirmed = {row.release for row in last.values()}
    fetched_at = {
        (one.hash_list_id, one.release): one.fetched_at for one in fetches.filter(release__in=confirmed)
    }
    told = _told(me, ids)
    return {
        list_id: _health(
            _Known(
                row=lists[list_id],
                visible=list_id in visible,
                applied=reached[list_id]["applied"] or 0 if list_id in reached else 0,
                mismatch=reached[list_id]["wrong"] or 0 if list_id in reached else 0,
                last=last.get(list_id),
                fetched=newest_fetch[list_id]["release"] if list_id in newest_fetch else 0,
                fetched_at=fetched_at.get((list_id, last[list_id].release)) if list_id in last else None,
                last_fetched_at=newest_fetch[list_id]["at"] if list_id in newest_fetch else None,
                told=tuple(told[list_id]),
                now=now,
            )
        )
        for list_id in ids
    }


def _told(organisation_id: UUID, ids: Sequence[str]) -> dict[str, list[int]]:
    """By list, the release that each active endpoint was last told of."""
    told: dict[str, list[int]] = {list_id: [] for list_id in ids}
    cursors = EndpointCursor.objects.filter(
        endpoint__organisation_id=organisation_id,
        endpoint__state=EndpointState.ACTIVE,
        hash_list_id__in=ids,
    )
    for list_id, release in cursors.values_list("hash_list_id", "notified_release"):
        told[list_id].append(release)
    return told


def _health(known: _Known) -> Health:
    findings = tuple(
        finding
        for finding in (
            _out_of_sight(known), _mismatch(known), _behind(known), _unconfirmed(known), _stuck(known),
            _unusable_types(known), _skew(known),
        )
        if finding is not None
    )  # fmt: skip
    return Health(
        newest=known.row.latest_release,
        applied=known.applied,
        fetched=known.fetched,
        applied_types=tuple(type_title(slug) for slug in known.last.hash_types) if known.last else (),
        last_fetch=instant(known.last_fetched_at) if known.last_fetched_at else None,
        last_confirmation=instant(known.last.received_at) if known.last else None,
        tag=_tag(known, findings),
        findings=findings or (_in_step(known),),
    )


def _tag(known: _Known, findings: Sequence[Finding]) -> Tag:
    tones = {finding.tone for finding in findings}
    if "bad" in tones:
        return Tag(_("Needs you"), "bad")
    if "asks" in tones:
        return Tag(_("Behind"), "asks")
    if known.row.latest_release == 0:
        return Tag(_("No release yet"), "quiet")
    return Tag(_("In step"), "good")


def _in_step(known: _Known) -> Finding:
    if known.row.latest_release == 0:
        return Finding("quiet", _("The list has no release yet. There is nothing to do until the first one."))
    return Finding("good", _("Release %(n)s is applied, and is the newest.") % {"n": number(known.applied)})


def _out_of_sight(known: _Known) -> Finding | None:
    if known.visible:
        return None
    return Finding(
        "bad",
        _("The publisher no longer includes your organisation: nothing is served or sent to you."),
        _("Delete what you hold of this list, then end the subscription."),
    )


def _mismatch(known: _Known) -> Finding | None:
    if known.mismatch == 0 or known.mismatch < known.applied:
        return None
    if known.last is not None and known.last.matches and known.last.release >= known.mismatch:
        return None
    return Finding(
        "bad",
        _("For release %(n)s you confirmed a state that is not the published one.")
        % {"n": number(known.mismatch)},
        _("Run hashx verify on the folder of the list, then sync it again from scratch."),
    )


def _behind(known: _Known) -> Finding | None:
    row = known.row
    if not known.visible or known.applied >= row.latest_release or row.released_at is None:
        return None
    waited = known.now - row.released_at
    if waited < LATE:
        return Finding(
            "moving",
            _("Release %(n)s came %(ago)s ago and is not confirmed yet.")
            % {"n": number(row.latest_release), "ago": duration(waited.total_seconds())},
        )
    return Finding(
        "asks",
        _("The newest release is %(newest)s; you confirmed %(applied)s.")
        % {
            "newest": number(row.latest_release),
            "applied": number(known.applied) if known.applied else _("none"),
        },
        _("Run hashx sync, which verifies, applies and confirms; hashx doctor says what is in its way."),
    )


def _unconfirmed(known: _Known) -> Finding | None:
    if known.fetched <= known.applied or not known.visible:
        return None
    return Finding(
        "asks",
        _("Release %(n)s was fetched but never confirmed.") % {"n": number(known.fetched)},
        _("Check that the key may confirm releases, and look at what your client says after a sync."),
    )


def _stuck(known: _Known) -> Finding | None:
    row = known.row
    if not known.told or row.released_at is None or known.now - row.released_at < STUCK:
        return None
    if min(known.told) >= row.latest_release:
        return None
    return Finding(
        "asks",
        _("An endpoint was last told of release %(n)s.") % {"n": number(min(known.told))},
        _("Look at the endpoint: its last error says why notices do not arrive."),
    )


def _unusable_types(known: _Known) -> Finding | None:
    if known.last is None:
        return None
    left_out = [type_title(slug) for slug in known.row.hash_types if slug not in known.last.hash_types]
    if not left_out:
        return None
    return Finding(
        "quiet",
        _("Your client does not use: %(types)s.") % {"types": ", ".join(left_out)},
        _("That is fine if you match nothing of the kind. Otherwise set your client up for it."),
    )


def _skew(known: _Known) -> Finding | None:
    """Only what is certain: nobody applies after confirming, or before fetching."""
    if known.last is None:
        return None
    ahead = known.last.applied_at - known.last.received_at
    if ahead > SKEW:
        told = _("The clock of your machine is at least %(much)s ahead of ours.")
        return Finding(
            "quiet", told % {"much": duration(ahead.total_seconds())}, _("Have it follow a time server.")
        )
    behind = known.fetched_at - known.last.applied_at if known.fetched_at else timedelta(0)
    if behind > SKEW:
        told = _("The clock of your machine is at least %(much)s behind ours.")
        return Finding(
            "quiet", told % {"much": duration(behind.total_seconds())}, _("Have it follow a time server.")
        )
    return None
