"""What a member's admins are told by letter because a day is near: reviews, agreements, contacts, conditions.

Each reminder has a name, such as "review:<organisation>:<day>:30"; the mail room says nothing twice, so the
clock may ask as often as it likes. Sent ones are left out here already, by the names of letters that exist.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import transaction

from accounts.domains.models import DomainProof, ProofState
from accounts.identity.models import Membership, Organisation, OrganisationKind, OrganisationStatus
from accounts.identity.roles import Role
from accounts.mail.models import OutgoingMail
from accounts.membership.models import Acceptance, Agreement, DutyContact
from accounts.standing.keep import tell_admins
from accounts.standing.models import Condition, Standing

REVIEW_DAYS: Final = (60, 30, 7)
_SOON: Final = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Reminder:
    """One letter per admin of an organisation; `days` are left until the day."""

    organisation_id: UUID
    kind: str
    name: str
    path: str
    days: int = 0


def reminders_due(now: datetime, limit: int) -> Sequence[Reminder]:
    """Reminders whose letter was never written."""
    wanted = list(_wanted(now))
    admins = _admins({one.organisation_id for one in wanted})
    names = {f"{one.name}:{user}" for one in wanted for user in admins.get(one.organisation_id, ())}
    said = set(OutgoingMail.objects.filter(once__in=names).values_list("once", flat=True))
    owed = [
        one
        for one in wanted
        if any(f"{one.name}:{user}" not in said for user in admins.get(one.organisation_id, ()))
    ]
    return owed[:limit]


def remind(reminder: Reminder, *, now: datetime) -> None:
    """Write the letters of one reminder."""
    organisation = Organisation.objects.get(id=reminder.organisation_id)
    with transaction.atomic():
        tell_admins(
            organisation,
            reminder.kind,
            path=reminder.path,
            facts={"days": reminder.days},
            once=reminder.name,
            now=now,
        )


def _wanted(now: datetime) -> Iterator[Reminder]:
    active = {"organisation__status": OrganisationStatus.ACTIVE}
    last = now + timedelta(days=REVIEW_DAYS[0])
    for standing in Standing.objects.filter(review_due_at__gt=now, review_due_at__lte=last, **active):
        left = standing.review_due_at - now
        days = min(one for one in REVIEW_DAYS if left <= timedelta(days=one))
        name = f"review:{standing.organisation_id}:{standing.review_due_at:%Y%m%d}:{days}"
        yield Reminder(
            standing.organisation_id, "vetting.review_due", name, "/organisation/review", left.days
        )
    unchecked = DutyContact.objects.due(now).order_by("organisation_id")
    for one in unchecked.values_list("organisation_id", flat=True).distinct():
        yield Reminder(one, "vetting.contacts", f"contacts:{one}:{now:%Y}", "/organisation/duty-contacts")
    conditions = Condition.objects.filter(met_at__isnull=True, due_at__lte=now + _SOON, **active)
    for condition in conditions.select_related("organisation"):
        if condition.organisation_id is not None:
            name = f"condition:{condition.id}"
            yield Reminder(condition.organisation_id, "vetting.condition", name, "/organisation/review")
    for proof in DomainProof.objects.filter(state=ProofState.LAPSED, **active):
        if proof.organisation_id is not None and proof.proven_at is not None:
            name = f"domain:{proof.id}:{proof.proven_at:%Y%m%d}"
            yield Reminder(proof.organisation_id, "vetting.domain_lapsed", name, "/organisation/review")
    yield from _unaccepted(now)


def _unaccepted(now: datetime) -> Iterator[Reminder]:
    newest = Agreement.objects.newest()
    if newest is None or now >= newest.accept_until:
        return
    accepted = Acceptance.objects.filter(agreement=newest).values("organisation_id")
    members = Organisation.objects.filter(status=OrganisationStatus.ACTIVE).exclude(id__in=accepted)
    left = (newest.accept_until - now).days
    for member in members.exclude(kind=OrganisationKind.OPERATOR):
        stage = "last" if left < 7 else "new"
        name = f"agreement:{newest.version}:{stage}:{member.id}"
        yield Reminder(member.id, "vetting.agreement", name, "/organisation/agreements", left)


def _admins(organisations: set[UUID]) -> dict[UUID, list[UUID]]:
    """The admins of each, in one query however many there are."""
    found: dict[UUID, list[UUID]] = {}
    living = Membership.objects.current().filter(organisation_id__in=organisations)
    for one in living.with_role(Role.ADMIN):
        found.setdefault(one.organisation_id, []).append(one.user_id)
    return found
