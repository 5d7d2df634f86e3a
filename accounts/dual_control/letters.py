"""A letter to everybody who answers for an organisation's people: its admins and its duty contacts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from uuid import UUID

from accounts.identity.models import Membership, Organisation, User
from accounts.identity.roles import Role
from accounts.mail.queue import queue_mail


def tell_organisation(
    kind: str,
    organisation: Organisation,
    *,
    facts: Mapping[str, str],
    also: Iterable[User] = (),
    besides: UUID | None = None,
    path: str = "/organisation/people",
    now: datetime,
) -> None:
    """Owe the letter to each of them but `besides`, and to those of `also`; in the caller's transaction."""
    told = {"organisation": organisation.name, **facts}
    living = Membership.objects.current().filter(organisation=organisation).select_related("user")
    readers = {one.user_id: one.user for one in living.with_role(Role.ADMIN)}
    readers |= {user.id: user for user in also}
    for user_id, user in readers.items():
        if user_id != besides:
            queue_mail(kind, to=user, facts=told, path=path, now=now)
    for contact in organisation.duty_contacts.filter(ended_at__isnull=True):
        queue_mail(kind, to=contact.email, language=contact.language, facts=told, now=now)
