"""From a request to an actor: a session acts for one organisation, checked again at every request."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Final

from django.http import HttpRequest

from accounts.errors import StepUpRequired
from accounts.identity.acting import Actor, person_acting
from accounts.identity.models import Membership, Organisation, User

ORGANISATION_KEY: Final = "hx_organisation"
PRESENT_KEY: Final = "hx_present_at"
# Long enough to read a submission after signing in, short enough that an unattended screen approves nothing.
PRESENCE_LASTS: Final = timedelta(minutes=15)


def organisations_of(user: User) -> list[Organisation]:
    """The organisations this person may act for now, by name."""
    rows = Membership.objects.current().filter(user=user).select_related("organisation")
    return sorted((row.organisation for row in rows), key=lambda organisation: organisation.name.casefold())


def session_actor(request: HttpRequest) -> Actor | None:
    """The actor of a signed-in person, or None when nobody is signed in or no right is left."""
    user = request.user
    if not isinstance(user, User) or not user.is_active:
        return None
    chosen = request.session.get(ORGANISATION_KEY)
    if chosen is not None:
        try:
            organisation = Organisation.objects.filter(id=uuid.UUID(str(chosen))).first()
        except ValueError:
            organisation = None
        if organisation is not None:
            return person_acting(user, organisation)
    # Nothing chosen yet: a person of one organisation need not be asked; one of several is, by the web.
    mine = organisations_of(user)
    return person_acting(user, mine[0]) if len(mine) == 1 else None


def mark_present(request: HttpRequest, *, now: datetime) -> None:
    """Remember that the person has just proven their presence (sign-in or step-up)."""
    request.session[PRESENT_KEY] = now.timestamp()


def is_present(request: HttpRequest, *, now: datetime) -> bool:
    marked = request.session.get(PRESENT_KEY)
    return isinstance(marked, int | float) and 0 <= now.timestamp() - marked <= PRESENCE_LASTS.total_seconds()


def require_presence(request: HttpRequest, *, now: datetime) -> None:
    """Step-up for approving, signing and changes to rights. Errors: StepUpRequired `step_up.required`."""
    if not is_present(request, now=now):
        raise StepUpRequired(
            "Confirm that it is you before doing this.",
            code="step_up.required",
            advice="Enter your password again, then repeat the step.",
        )
