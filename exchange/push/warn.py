"""Tells people when notices do not arrive: the member and the operator, each once, rows first.

After an hour and after a day of failure; about an urgent release that an endpoint has neither taken nor its
member confirmed after two minutes; and whenever the exchange pauses an endpoint or resumes it. What was said
is noted on the row in the transaction that owes the letters, so that it is said once, and again only after a
success in between.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q

from accounts.identity.models import Membership, OrganisationKind, User
from accounts.identity.roles import Role
from accounts.mail.queue import queue_mail
from accounts.membership.models import DutyContact
from exchange.sharing.models import (
    Confirmation,
    Endpoint,
    EndpointCursor,
    EndpointCursorQuerySet,
    EndpointState,
    PauseReason,
    Warned,
)
from hashsets.lists.models import HashList

HOUR, DAY = timedelta(hours=1), timedelta(hours=24)
URGENT = timedelta(minutes=2)
_LEVELS = ((Warned.DAY, DAY, "push.failing_day"), (Warned.HOUR, HOUR, "push.failing_hour"))
_PAUSED = {PauseReason.GONE: "push.gone", PauseReason.FAILING: "push.paused"}


def warnings_due(now: datetime, limit: int) -> Sequence[UUID]:
    """Endpoints about which something is to be said."""
    owed = EndpointCursor.objects.owed().values("endpoint_id")
    unsaid = Endpoint.objects.deliverable().filter(_unsaid(now), id__in=owed)
    failing = unsaid.values_list("id", flat=True)
    urgent = _urgent(now).values_list("endpoint_id", flat=True).distinct()
    return list(dict.fromkeys([*urgent[:limit], *failing.order_by("failing_since")[:limit]]))[:limit]


def warn(endpoint_id: UUID, *, now: datetime) -> None:
    """Owe the letters about one endpoint that are due; a worker that was faster leaves nothing to say."""
    with transaction.atomic():
        found = Endpoint.objects.select_for_update(no_key=True, of=("self",)).select_related("organisation")
        endpoint = found.deliverable().filter(id=endpoint_id).first()
        if endpoint is None:
            return
        late = list(_urgent(now).filter(endpoint=endpoint).select_related("hash_list"))
        for cursor in late:
            EndpointCursor.objects.filter(id=cursor.id).update(
                urgent_warned_release=cursor.hash_list.urgent_release
            )
        if late:
            _write("push.urgent", endpoint, at_any_hour=True, now=now)
        since = endpoint.failing_since
        for level, after, kind in _LEVELS:
            if since is not None and endpoint.warned < level and since <= now - after:
                Endpoint.objects.filter(id=endpoint.id).update(warned=level)
                _write(kind, endpoint, now=now)
                return


def tell_of_change(endpoint: Endpoint, *, now: datetime) -> None:
    """Owe the letters about an endpoint that the exchange has just paused or resumed by itself.

    Call it in the transaction that changes the row.
    """
    kind = "push.resumed"
    if endpoint.state == EndpointState.PAUSED:
        kind = _PAUSED[PauseReason(endpoint.paused_reason)]
    _write(kind, endpoint, now=now)


def _unsaid(now: datetime) -> Q:
    return Q(failing_since__lte=now - DAY, warned__lt=Warned.DAY) | Q(
        failing_since__lte=now - HOUR, warned__lt=Warned.HOUR
    )


def _urgent(now: datetime) -> EndpointCursorQuerySet:
    """Cursors of urgent releases that nobody at the member has heard of for two minutes."""
    lists = HashList.objects.filter(urgent_release__gt=0, released_at__lte=now - URGENT)
    confirmed = Confirmation.objects.filter(
        hash_list_id=OuterRef("hash_list_id"),
        organisation_id=OuterRef("endpoint__organisation_id"),
        release__gte=OuterRef("hash_list__urgent_release"),
        matches=True,
    )
    return (
        EndpointCursor.objects.owed()
        .filter(
            hash_list_id__in=lists.values("id"),
            endpoint__in=Endpoint.objects.deliverable(),
            notified_release__lt=F("hash_list__urgent_release"),
            urgent_warned_release__lt=F("hash_list__urgent_release"),
        )
        .exclude(Exists(confirmed))
    )


def _write(kind: str, endpoint: Endpoint, *, now: datetime, at_any_hour: bool = False) -> None:
    """One letter to each reader; the host and nothing else of the URL, which may carry a token."""
    facts = {"organisation": endpoint.organisation.name, "host": endpoint.host}
    contacts = DutyContact.objects.current().filter(organisation_id=endpoint.organisation_id)
    members = [(one.email, one.language) for one in contacts] if at_any_hour else []
    path = f"/endpoints/{endpoint.id}"
    for address, language in members:
        queue_mail(kind, to=address, language=language, facts=facts, path=path, now=now)
    people = Membership.objects.current().filter(organisation_id=endpoint.organisation_id)
    for user in [] if members else _holding(people.select_related("user"), Role.ADMIN, Role.INTEGRATOR):
        queue_mail(kind, to=user, facts=facts, path=path, now=now)
    staff = Membership.objects.current().filter(organisation__kind=OrganisationKind.OPERATOR)
    for user in _holding(staff.select_related("user"), Role.EXCHANGE_ADMIN):
        queue_mail(f"{kind}_operator", to=user, facts=facts, path="/system", now=now)


def _holding(memberships: Iterable[Membership], *roles: Role) -> list[User]:
    wanted = {role.value for role in roles}
    return list({one.user_id: one.user for one in memberships if wanted & set(one.roles)}.values())
