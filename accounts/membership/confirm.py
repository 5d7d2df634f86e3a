"""A second person stands behind a place, without which its roles that take two people are not in force.

Places from before this rule go on working; an admin looks at each of them once (`review_place`).
"""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet

from accounts.audit.actions import Action
from accounts.audit.record import record
from accounts.dual_control.independence import Act, require_second
from accounts.dual_control.models import Proposal
from accounts.dual_control.propose import make
from accounts.dual_control.refused import noted
from accounts.errors import Conflict, NotAllowed, NotFound
from accounts.identity.acting import Actor
from accounts.identity.models import ConfirmedAs, Membership, Organisation
from accounts.identity.roles import CONFIRMED_ROLES, Permission
from accounts.mail.queue import queue_mail


def confirm_place(proposal: Proposal, *, actor: Actor, now: datetime) -> Membership:
    """Put the roles that wait in force. In the caller's transaction.

    Errors: those of `accounts.dual_control.propose.make`; Conflict `proposal.outdated` when the place is not
    the one that was proposed any more.
    """
    Organisation.objects.lock(proposal.organisation_id)
    as_what = make(proposal, actor=actor, now=now)
    living = Membership.objects.filter(id=int(proposal.subject_id), ended_at__isnull=True)
    place = living.select_related("user", "organisation").first()
    if place is None or list(place.roles) != list(proposal.asked["roles"]):
        raise Conflict(
            "The place has changed since this was proposed.",
            code="proposal.outdated",
            advice="Look at the person's roles; they are proposed anew when they are saved.",
        )
    place.confirmed_roles = [name for name in place.roles if name in set(CONFIRMED_ROLES)]
    place.confirmed_by_id, place.confirmed_at, place.confirmed_as = proposal.decided_by_id, now, as_what
    place.save(update_fields=["confirmed_roles", "confirmed_by", "confirmed_at", "confirmed_as"])
    queue_mail(
        "account.place_confirmed",
        to=place.user,
        facts={"organisation": place.organisation.name},
        path="/",
        now=now,
    )
    record(
        Action.MEMBERSHIP_CONFIRMED,
        actor=actor,
        subject_type="membership",
        subject_id=place.id,
        organisation_id=place.organisation_id,
        now=now,
        facts={
            "user_id": place.user_id,
            "roles": list(place.roles),
            "granted_by": place.granted_by_id,
            "confirmed_as": as_what.value,
        },
    )
    return place


def places_to_review(actor: Actor) -> QuerySet[Membership]:
    """Living places of the actor's organisation from before places were confirmed."""
    own = Membership.objects.filter(organisation_id=actor.organisation(), ended_at__isnull=True)
    return own.filter(confirmed_as=ConfirmedAs.BEFORE).select_related("user")


def review_place(membership_id: int, *, actor: Actor, now: datetime) -> Membership:
    """Say that a place from before the rule is right. Somebody else than its person does.

    Errors: NotFound `membership.not_found`; NotAllowed `permission.missing`, `actor.person_needed`,
    `membership.own`, `second_person.…`.
    """
    place = places_to_review(actor).filter(id=membership_id).first()
    if place is None:
        raise NotFound("There is no such membership.", code="membership.not_found")
    act = Act(Permission.MEMBER_MANAGE, "membership.review", "membership", str(membership_id))
    person = require_second(actor, act, now=now)
    if person == place.user_id:
        own = NotAllowed(
            "Nobody reviews their own place.", code="membership.own", advice="Ask another admin."
        )
        raise noted(own, actor=actor, subject_type="membership", subject_id=membership_id)
    with transaction.atomic():
        before = Membership.objects.filter(
            id=place.id, confirmed_as=ConfirmedAs.BEFORE, ended_at__isnull=True
        )
        if not before.update(confirmed_as=ConfirmedAs.COLLEAGUE, confirmed_by_id=person, confirmed_at=now):
            raise NotFound("There is no such membership.", code="membership.not_found")
        record(
            Action.MEMBERSHIP_REVIEWED,
            actor=actor,
            subject_type="membership",
            subject_id=place.id,
            organisation_id=place.organisation_id,
            now=now,
            facts={"user_id": place.user_id, "roles": list(place.roles)},
        )
    place.refresh_from_db()
    return place
