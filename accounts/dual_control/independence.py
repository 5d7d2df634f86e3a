"""Whether one person may be the second of another: the one rule, asked by every act that takes two people.

B is independent of A unless what lets B act rests on A alone. What lets a person act is

(1) their place and the role in it: one that only its giver stands behind rests on the giver, and is nobody's
    second person (`Membership.confirms`);
(2) their organisation's sign-on: two people arrange one, always (`accounts.sign_on.arrange`), so it rests on
    nobody alone;
(3) their second step: when others took it away, the person proves who they are anew, and for 72 hours after
    that they are nobody's second person, whoever the others were.

A person counts once, whatever organisations they act for: persons are compared, never places or credentials.
The rule is asked when somebody decides and again when what they decided is used. What was decided before a
place ended, or before a second step was taken away, stays without effect when both are whole again: whoever
held either then may have decided it.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db.models import Max

from accounts.dual_control.models import RESET_COUNTS_FOR, Exemption, SecondStepReset
from accounts.dual_control.refused import noted
from accounts.errors import Conflict, NotAllowed
from accounts.identity.acting import Actor
from accounts.identity.models import Membership
from accounts.identity.roles import Permission, permissions_of

LEFT: Final = "second_person.left"
UNCONFIRMED: Final = "second_person.unconfirmed"
AFTER_RESET: Final = "second_person.after_reset"

_SENTENCES: Final = {
    LEFT: ("This person no longer has the role that this takes.", "Ask somebody who has it."),
    UNCONFIRMED: (
        "Only one person stands behind this place so far, so it cannot be the second side of an act.",
        "A second admin confirms the place first.",
    ),
    AFTER_RESET: (
        "A second step that others took away makes a person nobody's second person for 72 hours.",
        "Ask somebody else, or have two of the exchange's staff allow this one act.",
    ),
}


@dataclass(frozen=True, slots=True)
class Act:
    """An act that takes two people: the right it takes, its name, and the row that it is about."""

    permission: Permission
    name: str
    subject_type: str
    subject_id: str
    first: UUID | None = None
    """The first side, where there is one: who lets a second person off is neither of the two."""


def why_not_second(
    person_id: UUID, organisation_id: UUID, act: Act, *, now: datetime, since: datetime | None = None
) -> str:
    """Why this person, acting for this organisation, cannot be the second side of `act` now; "" if they can.

    `since` is when they decided, asked of what is used later: the place and the second step of then must be
    those of now. Who the *first* side is does not matter beyond being another person, which the caller
    compares: a place behind which only its giver stands is nobody's second person.
    """
    current = Membership.objects.current().filter(user_id=person_id, organisation_id=organisation_id)
    place = current.first()
    if place is None or act.permission not in permissions_of(place.roles):
        return LEFT
    if since is not None and place.created_at > since:
        return LEFT
    if not place.confirms(act.permission):
        return UNCONFIRMED
    if since is not None and SecondStepReset.objects.filter(user_id=person_id, at__gt=since).exists():
        return AFTER_RESET  # who is let off decides anew
    if is_after_reset(person_id, now=now) and not _is_exempt(person_id, act):
        return AFTER_RESET
    return ""


def require_second(actor: Actor, act: Act, *, now: datetime) -> UUID:
    """The person who acts, when they can be the second side of `act`.

    Errors: NotAllowed `actor.person_needed`, `permission.missing`, `second_person.unconfirmed`,
    `second_person.after_reset`, `second_person.left`.
    """
    person = actor.person()
    actor.require(act.permission)
    reason = why_not_second(person, actor.organisation(), act, now=now)
    if reason:
        message, advice = _SENTENCES[reason]
        raise noted(
            NotAllowed(message, code=reason, advice=advice),
            actor=actor,
            subject_type=act.subject_type,
            subject_id=act.subject_id,
        )
    return person


def is_after_reset(person_id: UUID, *, now: datetime) -> bool:
    """Whether the person's second step was taken away, and they have not proven themselves since, or did so
    less than 72 hours ago.
    """
    return person_id in people_after_reset([person_id], now=now)


def people_after_reset(person_ids: Collection[UUID], *, now: datetime) -> set[UUID]:
    """Which of these `is_after_reset` holds for, asked at once."""
    newest: dict[UUID, datetime | None] = {}
    for reset in SecondStepReset.objects.filter(user_id__in=person_ids).order_by("at", "id"):
        newest[reset.user_id] = reset.proven_at
    return {
        person_id for person_id, proven in newest.items() if proven is None or now < proven + RESET_COUNTS_FOR
    }


def newest_reset(person_id: UUID) -> datetime | None:
    """When others took the person's second step away the last time."""
    newest: datetime | None = SecondStepReset.objects.filter(user_id=person_id).aggregate(at=Max("at"))["at"]
    return newest


def _is_exempt(person_id: UUID, act: Act) -> bool:
    # What was allowed after one reset is not allowed after the next.
    given = Exemption.objects.filter(user_id=person_id, at__gte=newest_reset(person_id))
    named = given.filter(act=act.name, subject_id=act.subject_id)
    # Without a first side the filters leave nothing out.
    return named.exclude(proposed_by_id=act.first).exclude(confirmed_by_id=act.first).exists()


def require_still(
    person_id: UUID,
    organisation_id: UUID,
    act: Act,
    refusal: Conflict,
    *,
    actor: Actor,
    now: datetime,
    since: datetime,
) -> None:
    """Refuse in these words when whoever began something, `since` then, does not count any more. Errors:
    `refusal`.
    """
    if why_not_second(person_id, organisation_id, act, now=now, since=since):
        raise noted(refusal, actor=actor, subject_type=act.subject_type, subject_id=act.subject_id)
