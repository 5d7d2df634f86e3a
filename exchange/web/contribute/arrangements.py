"""What waits for a person besides submissions: keys, proposals, offers, and content to be signed again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.dual_control.propose import open_proposals
from accounts.identity.acting import Actor
from accounts.identity.roles import Permission
from accounts.membership.confirm import places_to_review
from hashsets.lists.models import HashList
from hashsets.trust.models import RoleName, TransferState
from hashsets.trust.transfer import transfers_of

MOST: Final = 10  # of each kind: more than these are found on the pages themselves
SECOND_PERSON: Final = _("Confirm or end what waits for a second person")
REVIEW: Final = _("Look at a place from before places were confirmed")
OFFERED: Final = _("Take over or decline a list")
AGAIN: Final = _("Sign again what is published")


@dataclass(frozen=True, slots=True)
class Arrangement:
    """`act` is what to do, `what` the key or list that it is about."""

    act: Promise
    what: str
    url: str


def arrangements_for(actor: Actor, *, now: datetime) -> list[Arrangement]:
    """One query for each kind that this person may do something about."""
    found = _second_person(actor, now=now)
    if actor.may(Permission.MEMBER_MANAGE):
        found += _places_before(actor)
    if actor.may(Permission.RELEASE_SIGN):
        found += _signed_again(actor)
    if actor.may(Permission.LIST_MANAGE):
        found += _offers(actor)
    return found


def _second_person(actor: Actor, *, now: datetime) -> list[Arrangement]:
    """Proposals about people that this person may decide about."""
    if not (actor.may(Permission.MEMBER_MANAGE) or actor.is_over_exchange):
        return []
    waiting = [
        one
        for one in open_proposals(actor, now=now)
        if actor.person_id not in (one.proposed_by_id, one.person_id)
    ]
    lists = HashList.objects.in_bulk([one.subject_id for one in waiting[:MOST]])
    return [
        Arrangement(
            SECOND_PERSON,
            lists[one.subject_id].title if one.subject_id in lists else one.about,
            reverse("web:proposals"),
        )
        for one in waiting[:MOST]
    ]


def _places_before(actor: Actor) -> list[Arrangement]:
    places = places_to_review(actor).exclude(user=actor.person_id).order_by("created_at", "id")[:MOST]
    return [Arrangement(REVIEW, str(one.user), reverse("web:person", args=[one.id])) for one in places]


def _signed_again(actor: Actor) -> list[Arrangement]:
    waiting = HashList.objects.owned_by(actor).filter(repository__awaited_files__role=RoleName.LIST)
    lists = waiting.order_by("title", "id")[:MOST]
    return [Arrangement(AGAIN, one.title, reverse("web:renewal", args=[one.id])) for one in lists]


def _offers(actor: Actor) -> list[Arrangement]:
    incoming = transfers_of(actor).filter(taker_id=actor.organisation(), state=TransferState.OFFERED)
    return [
        Arrangement(OFFERED, one.hash_list.title, reverse("web:accept-transfer", args=[one.id]))
        for one in incoming.order_by("created_at")[:MOST]
    ]
