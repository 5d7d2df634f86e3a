"""One release with everything that its page says, and how far it has come: three levels, never mixed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from django.utils.functional import Promise
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from accounts.identity.acting import Actor
from accounts.signing_keys.models import Custody
from exchange.sharing.coverage import Coverage, Reach, coverage
from exchange.sharing.models import Confirmation, Fetch, Notified, Subscription
from exchange.web.list_facts import changes, type_title
from exchange.web.shown import digest, duration, instant, number, percent, short, size
from hashsets.lists.models import HashList
from hashsets.releases.models import DraftSignature, Release

MOST_LAGGARDS: Final = 100
NOTIFIED: Final = _("Notified")
FETCHED: Final = _("Fetched")
APPLIED: Final = _("Applied")
NOTIFIED_MEANS: Final = _("One of the member's endpoints took the notice. Nothing is in force yet.")
FETCHED_MEANS: Final = _("The member has downloaded the release.")
APPLIED_MEANS: Final = _("The member states that it applied the release, with the same state root as ours.")


@dataclass(frozen=True, slots=True)
class TypeCount:
    title: str
    entries: str


@dataclass(frozen=True, slots=True)
class ReleaseFacts:
    row: Release
    label: str
    published: SafeString
    entries: str
    changes: str
    per_type: tuple[TypeCount, ...]
    state_root: SafeString
    manifest: SafeString
    manifest_size: str
    delta_size: str
    snapshot_size: str
    signatures: tuple[Signature, ...]
    reference: str
    previous: int | None
    following: int | None


@dataclass(frozen=True, slots=True)
class Signature:
    key: str
    keyid: str
    hosted: bool
    at: SafeString


@dataclass(frozen=True, slots=True)
class Level:
    """One of the three levels. `width` is the bar's length in an SVG that is 100 wide, in ASCII digits."""

    name: Promise
    means: Promise
    tone: str
    members: int
    count: str
    share: str
    width: str
    to_50: str
    to_95: str
    to_100: str


@dataclass(frozen=True, slots=True)
class LaggardRow:
    name: str
    notified: bool
    fetched: bool
    applied_release: str
    endpoints: int
    last_error: str


@dataclass(frozen=True, slots=True)
class CoverageFacts:
    subscribers: int
    subscribers_label: str
    levels: tuple[Level, ...]
    mismatches: int
    laggards: tuple[LaggardRow, ...]
    laggards_left_out: int


@dataclass(frozen=True, slots=True)
class OwnStanding:
    """How far the reader's own organisation has come with this release; None: not yet."""

    notified: SafeString | None
    fetched: SafeString | None
    applied: SafeString | None
    mismatched: bool


def release_facts(hash_list: HashList, release: Release) -> ReleaseFacts:
    signatures = DraftSignature.objects.filter(draft_id=release.draft_id).select_related("signing_key")
    return ReleaseFacts(
        row=release,
        label=number(release.number),
        published=instant(release.published_at),
        entries=number(release.entries),
        changes=changes(release.adds, release.updates, release.removals),
        per_type=tuple(
            TypeCount(type_title(slug), number(count)) for slug, count in sorted(release.counts.items())
        ),
        state_root=digest(release.state_root),
        manifest=digest(release.manifest_sha256),
        manifest_size=size(release.manifest_length),
        delta_size=size(release.delta_length) if release.delta_length else "",
        snapshot_size=size(release.snapshot_length),
        signatures=tuple(
            Signature(
                key=one.signing_key.name,
                keyid=short(one.signing_key.keyid),
                hosted=one.signing_key.custody == Custody.HOSTED,
                at=instant(one.signed_at),
            )
            for one in signatures
        ),
        reference=release.submission.reference,
        previous=release.number - 1 if release.number > 1 else None,
        following=release.number + 1 if release.number < hash_list.latest_release else None,
    )


def coverage_facts(hash_list: HashList, release: Release, *, actor: Actor) -> CoverageFacts:
    """For the publisher and the operator. Errors: as `coverage`."""
    found = coverage(hash_list, release.number, actor=actor)
    shown = found.laggards[:MOST_LAGGARDS]
    missing = found.subscribers - found.applied.count
    return CoverageFacts(
        subscribers=found.subscribers,
        subscribers_label=number(found.subscribers),
        levels=_levels(found),
        mismatches=found.mismatches,
        laggards=tuple(
            LaggardRow(
                name=one.name,
                notified=one.notified,
                fetched=one.fetched,
                applied_release=number(one.applied_release) if one.applied_release else "",
                endpoints=one.endpoints,
                last_error=one.last_error,
            )
            for one in shown
        ),
        laggards_left_out=max(0, missing - len(shown)),
    )


def _levels(found: Coverage) -> tuple[Level, ...]:
    return (
        _level(NOTIFIED, NOTIFIED_MEANS, "notified", found.notified),
        _level(FETCHED, FETCHED_MEANS, "fetched", found.fetched),
        _level(APPLIED, APPLIED_MEANS, "applied", found.applied),
    )


def _level(name: Promise, means: Promise, tone: str, reach: Reach) -> Level:
    def _until(seconds: float | None) -> str:
        return "" if seconds is None else duration(seconds)

    return Level(
        name=name,
        means=means,
        tone=tone,
        members=reach.count,
        count=number(reach.count),
        share=percent(reach.share),
        width=f"{reach.share * 100:.2f}",
        to_50=_until(reach.seconds_to_50),
        to_95=_until(reach.seconds_to_95),
        to_100=_until(reach.seconds_to_100),
    )


def own_standing(hash_list: HashList, release: Release, *, actor: Actor) -> OwnStanding | None:
    """None for organisations that do not subscribe."""
    me = actor.organisation()
    following = Subscription.objects.filter(hash_list=hash_list, organisation_id=me, ended_at__isnull=True)
    if not following.exists():
        return None
    mine = {"hash_list": hash_list, "organisation_id": me, "release__gte": release.number}
    notified = Notified.objects.filter(**mine).order_by("notified_at").first()
    fetched = Fetch.objects.filter(**mine).order_by("fetched_at").first()
    applied = Confirmation.objects.filter(**mine, matches=True).order_by("received_at").first()
    wrong = Confirmation.objects.filter(
        hash_list=hash_list, organisation_id=me, release=release.number, matches=False
    )
    return OwnStanding(
        notified=instant(notified.notified_at) if notified else None,
        fetched=instant(fetched.fetched_at) if fetched else None,
        applied=instant(applied.received_at) if applied else None,
        mismatched=applied is None and wrong.exists(),
    )
