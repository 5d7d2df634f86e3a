"""Keeps what a member may do in step with its conditions, its review and the agreement. One rule, many
callers.

The columns `blocked` and `read_only_since` of an organisation are what every right is computed with; nothing
but this module writes them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef, Q

from accounts.audit.actions import Action
from accounts.audit.record import record
from accounts.errors import NotFound
from accounts.identity.acting import Actor, system_actor
from accounts.identity.models import Membership, Organisation, OrganisationKind, OrganisationStatus, User
from accounts.identity.roles import Role
from accounts.mail.queue import queue_mail
from accounts.membership.models import Acceptance, Agreement
from accounts.standing.models import Condition, Standing
from accounts.wording import one_line

_CLOCK: Final = system_actor("clock")


def overdue(organisation: Organisation, *, now: datetime) -> list[str]:
    """Why an organisation is read-only now: "review", "agreement", both or nothing."""
    if organisation.kind == OrganisationKind.OPERATOR:
        return []
    reasons = []
    if Standing.objects.filter(organisation=organisation, review_due_at__lte=now).exists():
        reasons.append("review")
    newest = Agreement.objects.newest()
    due = newest is not None and newest.accept_until <= now
    if due and not Acceptance.objects.filter(agreement=newest, organisation=organisation).exists():
        reasons.append("agreement")
    return reasons


def refresh_standing(organisation_id: UUID, *, actor: Actor, now: datetime) -> Organisation:
    """Compute both columns anew, under the organisation's lock; an event only when one of them changes."""
    with transaction.atomic():
        organisation = Organisation.objects.lock(organisation_id)
        reasons = overdue(organisation, now=now)
        unmet = Condition.objects.filter(
            organisation=organisation, met_at__isnull=True, decision__state="taken"
        ).values_list("blocked", flat=True)
        blocked = sorted({name for names in unmet for name in names})
        since = (organisation.read_only_since or now) if reasons else None
        if blocked == organisation.blocked and since == organisation.read_only_since:
            return organisation
        begins = since is not None and organisation.read_only_since is None
        organisation.blocked, organisation.read_only_since = blocked, since
        organisation.save(update_fields=["blocked", "read_only_since"])
        if begins:
            tell_admins(organisation, "vetting.read_only", path="/organisation/review", now=now)
        record(
            Action.ORGANISATION_STANDING,
            actor=actor,
            subject_type="organisation",
            subject_id=organisation.id,
            organisation_id=organisation.id,
            now=now,
            facts={"blocked": blocked, "read_only": reasons},
        )
    return organisation


def standings_due(now: datetime, limit: int) -> Sequence[UUID]:
    """Members that are to become read-only, or whose reason to be so has gone."""
    late = Standing.objects.filter(organisation_id=OuterRef("id"), review_due_at__lte=now)
    newest = Agreement.objects.newest()
    wants = Q(Exists(late))
    if newest is not None and newest.accept_until <= now:
        accepted = Acceptance.objects.filter(agreement=newest, organisation_id=OuterRef("id"))
        wants |= ~Q(Exists(accepted))
    members = Organisation.objects.filter(status=OrganisationStatus.ACTIVE).exclude(
        kind=OrganisationKind.OPERATOR
    )
    differs = members.filter(
        (wants & Q(read_only_since__isnull=True)) | (~wants & Q(read_only_since__isnull=False))
    )
    return list(differs.order_by("id").values_list("id", flat=True)[:limit])


def keep_standing(organisation_id: UUID, *, now: datetime) -> None:
    """The clock's own refresh."""
    refresh_standing(organisation_id, actor=_CLOCK, now=now)


def tell_admins(
    organisation: Organisation,
    kind: str,
    *,
    path: str,
    now: datetime,
    facts: dict[str, str | int] | None = None,
    once: str = "",
) -> int:
    """A letter to each admin of an organisation; returns how many there are."""
    admins = admins_of(organisation)
    for user in admins:
        queue_mail(
            kind,
            to=user,
            facts={"organisation": organisation.name, **(facts or {})},
            path=path,
            once=f"{once}:{user.id}" if once else "",
            now=now,
        )
    return len(admins)


def admins_of(organisation: Organisation) -> list[User]:
    living = Membership.objects.filter(
        organisation=organisation, ended_at__isnull=True, user__is_active=True
    ).select_related("user")
    return [one.user for one in living.with_role(Role.ADMIN)]


def meet_condition(condition_id: UUID, evidence: str, *, actor: Actor, now: datetime) -> Condition:
    """Say that a condition is met, and where that is shown; what it blocked is free again.

    Errors: NotFound `condition.not_found`; NotAllowed `actor.person_needed`; Invalid on the words.
    """
    missing = NotFound("There is no such condition.", code="condition.not_found")
    if not actor.is_over_exchange:
        raise missing
    person = actor.person()
    shown = one_line(evidence, field="evidence", limit=300)
    with transaction.atomic():
        open_ones = Condition.objects.filter(id=condition_id, met_at__isnull=True, organisation__isnull=False)
        if not open_ones.update(met_at=now, met_by_id=person, evidence=shown):
            raise missing
        condition = Condition.objects.select_related("organisation").get(id=condition_id)
        if condition.organisation_id is None:
            raise missing
        refresh_standing(condition.organisation_id, actor=actor, now=now)
        record(
            Action.CONDITION_MET,
            actor=actor,
            subject_type="condition",
            subject_id=condition.id,
            organisation_id=condition.organisation_id,
            now=now,
        )
    return condition
