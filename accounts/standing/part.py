"""The end of a membership on this floor: status, people, sessions, credentials and keys, for good.

Called inside the one transaction of `exchange.sharing.part`, which ends endpoints, subscriptions and lists
with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from accounts.audit.actions import Action
from accounts.audit.record import record
from accounts.credentials.models import Credential
from accounts.errors import Conflict
from accounts.identity.acting import Actor
from accounts.identity.models import Membership, Organisation, OrganisationStatus
from accounts.membership.members import end_sessions
from accounts.membership.models import DutyContact
from accounts.signing_keys.models import SigningKey, SigningKeyStatus


@dataclass(frozen=True, slots=True)
class Ended:
    """How many of each were ended."""

    people: int
    credentials: int
    keys: int
    contacts: int


def end_rights(organisation: Organisation, *, actor: Actor, now: datetime) -> Ended:
    """End everything by which somebody or something could act for a locked organisation.

    Errors: Conflict `organisation.move` when it is closed already.
    """
    open_states = (OrganisationStatus.ACTIVE, OrganisationStatus.SUSPENDED)
    moved = Organisation.objects.filter(id=organisation.id, status__in=open_states)
    if not moved.update(status=OrganisationStatus.CLOSED):
        raise Conflict("This organisation is closed already.", code="organisation.move")
    organisation.status = OrganisationStatus.CLOSED
    current = Membership.objects.filter(organisation=organisation, ended_at__isnull=True)
    people = list(current.values_list("user_id", flat=True))
    end_sessions(people)
    current.update(ended_at=now)
    credentials = Credential.objects.filter(organisation=organisation, revoked_at__isnull=True)
    keys = SigningKey.objects.filter(organisation=organisation).exclude(status=SigningKeyStatus.REVOKED)
    contacts = DutyContact.objects.filter(organisation=organisation, ended_at__isnull=True)
    ended = Ended(
        people=len(people),
        credentials=credentials.update(revoked_at=now),
        keys=keys.update(status=SigningKeyStatus.REVOKED, revoked_at=now),
        contacts=contacts.update(ended_at=now),
    )
    record(
        Action.ORGANISATION_CLOSED,
        actor=actor,
        subject_type="organisation",
        subject_id=organisation.id,
        organisation_id=organisation.id,
        now=now,
        facts={"people": ended.people, "credentials": ended.credentials, "keys": ended.keys},
    )
    return ended
