"""A letter to everybody who answers for an organisation's people: its admins and its duty contacts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from accounts.identity.models import Membership, Organisation
from accounts.identity.roles import Role
from accounts.mail.queue import queue_mail


def tell_organisation(
    kind: str,
    organisation: Organisation,
    *,
    facts: Mapping[str, str],
    besides: UUID | None = None,
    now: datetime,
) -> None:
    """Owe the letter to each of them but `besides`, in the caller's transaction."""
    told = {"organisation": organisation.name, **facts}
    living = Membership.objects.current().filter(organisation=organisation).select_related("user")
    for one in living.with_role(Role.ADMIN):
        if one.user_id != besides:
            queue_mail(kind, to=one.user, facts=told, path="/organisation/people", now=now)
    for contact in organisation.duty_contacts.filter(ended_at__isnull=True):
        queue_mail(kind, to=contact.email, language=contact.language, facts=told, now=now)
