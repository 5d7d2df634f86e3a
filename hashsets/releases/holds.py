"""What makes a submission need more people than usual: mass removal or change, unusual additions, a lowered
guard.

A compromised account or a slip can empty a list or flood it; so what is far from the list's habit is held for
one further approver, and the worst of it for the exchange as well. Numbers are looked at over 24 hours with
everything that is on its way, so that ten small removals are as one large one. An update that takes a
classification away or gives another one counts like a removal: members filter by it, and lose the entry.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import Any, Final

from django.db.models import Exists, F, OuterRef, Q, QuerySet, Sum
from django.db.models.functions import Coalesce

from hashsets.intake.models import Erasure, Mode, Submission, SubmissionQuerySet, SubmissionState
from hashsets.intake.quarantine import accepted_codes
from hashsets.lists.models import HashList
from hashsets.releases.models import Approval, Release

WINDOW: Final = timedelta(hours=24)
REMOVAL_SHARE: Final = 5  # per cent of the list's size 24 hours ago: one further approver
REMOVAL_SHARE_FOR_EXCHANGE: Final = 20  # per cent: the exchange must agree as well
CHANGED_SHARE: Final = 20  # per cent updated or removed, whatever the update: one further approver
FEW_ENTRIES: Final = 10  # never held for their share
EMERGENCY_REMOVALS: Final = 100  # in 24 hours, urgently and by removals alone: not held
HABIT_WINDOW: Final = timedelta(days=30)
HABIT_FACTOR: Final = 10
FIRST_RELEASE_WITH_HABIT: Final = 6

MASS_REMOVAL: Final = "removal.mass"
VAST_REMOVAL: Final = "removal.vast"
VAST_CHANGE: Final = "change.vast"
EMPTIES: Final = "removal.empties_list"
MANY_ADDITIONS: Final = "addition.unusual"
NEW_TYPE: Final = "addition.new_type"
GUARD_LOWERED: Final = "quarantine.accepted"
MANY_ERASED: Final = "erasure.many"
_FOR_EXCHANGE: Final = frozenset({VAST_REMOVAL, GUARD_LOWERED, MANY_ERASED})
# Sums over rows of submissions or releases. Rows written by an older version do not say how many of their
# updates re-classified: all of them may have.
_REMOVED: Final = Sum("removals")
_SHRUNK: Final = Sum(F("removals") - F("adds"))
_LOST: Final = Sum(F("removals") + Coalesce(F("reclassified"), F("updates")))
_TOUCHED: Final = Sum(F("removals") + F("updates"))


@dataclass(frozen=True, slots=True)
class Holds:
    """Codes of what is unusual, sorted."""

    codes: tuple[str, ...] = ()

    @property
    def further_approvals(self) -> int:
        return 1 if self.codes else 0

    @property
    def exchange_must_agree(self) -> bool:
        return bool(_FOR_EXCHANGE.intersection(self.codes))


def holds_of(submission: Submission, hash_list: HashList, *, now: datetime) -> Holds:
    """What is unusual about a staged submission now. For a decision the caller holds the list's lock."""
    codes = {*_about_losses(submission, hash_list, now), *_about_additions(submission, hash_list, now)}
    if accepted_codes(submission):
        codes.add(GUARD_LOWERED)
    erasure = Erasure.objects.filter(submission=submission).first()
    if erasure is not None and erasure.entries > EMERGENCY_REMOVALS:
        # It takes the history with it, by which a large mistake or misuse could be told afterwards.
        codes.add(MANY_ERASED)
    return Holds(tuple(sorted(codes)))


def _about_losses(submission: Submission, hash_list: HashList, now: datetime) -> set[str]:
    """What members would lose, by removal or because they filter by classification; and what is touched."""
    if not submission.updates + submission.removals:
        return set()
    since = now - WINDOW
    recent = Release.objects.filter(hash_list=hash_list, published_at__gt=since)
    coming = _on_their_way(hash_list).exclude(id=submission.id)
    codes = {EMPTIES} if _empties(submission, hash_list, coming) else set()
    if _is_emergency(submission):
        urgent = _sum(recent.filter(submission__urgent=True, submission__mode=Mode.REMOVE), _REMOVED) + _sum(
            coming.filter(urgent=True, mode=Mode.REMOVE), _REMOVED
        )
        if urgent + submission.removals <= EMERGENCY_REMOVALS:
            return codes
    size = _size_at(hash_list, since)
    lost = _sum(recent, _LOST) + _sum(coming, _LOST) + submission.losses
    touched = _sum(recent, _TOUCHED) + _sum(coming, _TOUCHED) + submission.updates + submission.removals
    if submission.losses and _is_above(lost, REMOVAL_SHARE, size):
        codes.add(MASS_REMOVAL)
    if submission.losses and _is_above(lost, REMOVAL_SHARE_FOR_EXCHANGE, size):
        codes.add(VAST_REMOVAL)
    elif _is_above(touched, CHANGED_SHARE, size):
        codes.add(VAST_CHANGE)
    return codes


def _is_above(entries: int, share: int, size: int) -> bool:
    """Whether `entries` are more than `share` per cent of `size`, and more than a few."""
    return entries > FEW_ENTRIES and 100 * entries > share * size


def _on_their_way(hash_list: HashList) -> SubmissionQuerySet:
    """Changes of the list that enough people said yes to. One that is staged again because the list moved on
    has its approvals still; until they are carried or void it counts with the numbers of before.
    """
    given = Approval.objects.live().filter(submission=OuterRef("pk"))
    elsewhere = given.exclude(base_release=OuterRef("base_release"))
    return Submission.objects.filter(
        Q(state__in=(SubmissionState.APPROVED, SubmissionState.DRAFTED))
        | Q(Exists(given), state__in=(SubmissionState.RECEIVED, SubmissionState.VALIDATING))
        | Q(Exists(elsewhere), state=SubmissionState.STAGED),
        hash_list=hash_list,
    )


def _empties(submission: Submission, hash_list: HashList, coming: SubmissionQuerySet) -> bool:
    """Additions that are on their way do not help: until their release they may be taken back. Those of a
    replacement come with its own removals or not at all.
    """
    if not submission.removals:
        return False
    left = _newest_size(hash_list) - _sum(coming.filter(removals__gt=F("adds")), _SHRUNK)
    return left + submission.adds - submission.removals <= 0


def _is_emergency(submission: Submission) -> bool:
    return submission.urgent and submission.mode == Mode.REMOVE


def _about_additions(submission: Submission, hash_list: HashList, now: datetime) -> set[str]:
    if not submission.adds or not hash_list.latest_release:
        return set()  # the first release is unusual in every respect
    codes = set()
    releases = Release.objects.filter(hash_list=hash_list)
    for slug, counts in submission.per_type.items():
        if counts["adds"] and not releases.filter(**{f"counts__{slug}__gt": 0}).exists():
            codes.add(NEW_TYPE)
    if hash_list.latest_release + 1 >= FIRST_RELEASE_WITH_HABIT:
        habit = releases.filter(published_at__gt=now - HABIT_WINDOW, adds__gt=0)
        adds = list(habit.values_list("adds", flat=True))
        if adds and submission.adds > HABIT_FACTOR * median(adds):
            codes.add(MANY_ADDITIONS)
    return codes


def _size_at(hash_list: HashList, when: datetime) -> int:
    """Entries that the list had at `when`; of a list that is younger, those of its first release."""
    releases = Release.objects.filter(hash_list=hash_list)
    then = releases.filter(published_at__lte=when).order_by("-number").first()
    then = then or releases.order_by("number").first()
    return then.entries if then else 0


def _newest_size(hash_list: HashList) -> int:
    newest = Release.objects.filter(hash_list=hash_list, number=hash_list.latest_release).first()
    return newest.entries if newest else 0


def _sum(rows: QuerySet[Any], total: Sum) -> int:
    return int(rows.aggregate(total=total)["total"] or 0)
