"""What every member agrees to, in versions: a new one asks every organisation's admin again, with time to
read it.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from django.db import IntegrityError, transaction

from accounts.audit.actions import Action
from accounts.audit.record import record
from accounts.errors import Conflict, Invalid, NotAllowed
from accounts.identity.acting import Actor
from accounts.identity.roles import Permission
from accounts.membership.models import Acceptance, Agreement
from accounts.wording import paragraphs

GRACE_DAYS: Final = 30
LONGEST_GRACE_DAYS: Final = 180


def publish_agreement(
    *,
    text_en: str,
    text_fr: str,
    changes_en: str,
    changes_fr: str,
    grace_days: int,
    actor: Actor,
    now: datetime,
) -> Agreement:
    """Publish the next version, by a person of the exchange; it never changes again.

    Errors: NotAllowed `permission.missing`, `actor.person_needed`; Invalid on a field; Conflict
    `agreement.exists`.
    """
    actor.require_over_exchange()
    person = actor.person()
    if not 7 <= grace_days <= LONGEST_GRACE_DAYS:
        raise Invalid(
            f"Members have 7 to {LONGEST_GRACE_DAYS} days to accept.",
            code="agreement.grace",
            field="grace_days",
        )
    newest = Agreement.objects.newest()
    made = Agreement(
        version=(newest.version if newest else 0) + 1,
        text_en=paragraphs(text_en, field="text_en", limit=20_000),
        text_fr=paragraphs(text_fr, field="text_fr", limit=20_000),
        changes_en=paragraphs(changes_en, field="changes_en", limit=2_000, required=newest is not None),
        changes_fr=paragraphs(changes_fr, field="changes_fr", limit=2_000, required=newest is not None),
        published_at=now,
        published_by_id=person,
        accept_until=now + timedelta(days=grace_days),
    )
    with transaction.atomic():
        try:
            with transaction.atomic():
                made.save(force_insert=True)
        except IntegrityError:
            raise Conflict(
                "A version was published meanwhile.", code="agreement.exists", advice="Look at it first."
            ) from None
        record(
            Action.AGREEMENT_PUBLISHED,
            actor=actor,
            subject_type="agreement",
            subject_id=made.version,
            organisation_id=actor.organisation_id,
            now=now,
            facts={"version": made.version, "grace_days": grace_days},
        )
    return made


def accept_agreement(version: int, *, actor: Actor, now: datetime) -> Acceptance:
    """Accept the newest version for the actor's organisation; the caller then refreshes its standing.

    Errors: NotAllowed `permission.missing`, `actor.person_needed`; Conflict `agreement.not_newest`,
    `agreement.accepted`.
    """
    actor.require(Permission.MEMBER_MANAGE)
    person = actor.person()
    if actor.is_operator:
        raise NotAllowed("Members accept the agreement, not the operator.", code="agreement.operator")
    with transaction.atomic():
        newest = Agreement.objects.newest()
        if newest is None or newest.version != version:
            raise Conflict(
                "This is not the newest version any more.",
                code="agreement.not_newest",
                advice="Read the newest one and accept that.",
            )
        try:
            with transaction.atomic():
                acceptance = Acceptance.objects.create(
                    agreement=newest,
                    organisation_id=actor.organisation(),
                    accepted_by_id=person,
                    accepted_at=now,
                )
        except IntegrityError:
            raise Conflict("Your organisation has accepted it already.", code="agreement.accepted") from None
        record(
            Action.AGREEMENT_ACCEPTED,
            actor=actor,
            subject_type="agreement",
            subject_id=version,
            organisation_id=actor.organisation(),
            now=now,
        )
    return acceptance
