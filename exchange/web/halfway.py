"""Between the first proof and the second: somebody who has given a password and is nobody yet.

Until the second step the session holds no signed-in person, so that no page, no API and no download can
mistake one for the other. It holds for whom the first proof was, and only for a short while.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.contrib.auth import logout
from django.http import HttpRequest
from django.utils.crypto import constant_time_compare

from accounts.errors import Unauthenticated
from accounts.factors.standing import has_factor
from accounts.identity.models import User

HALFWAY_KEY: Final = "hx_halfway"
LASTS: Final = timedelta(minutes=15)
# What signing in may be for: it is checked against the person afterwards, so carrying it gives no right.
INVITATION_KEY: Final = "hx_invitation"


@dataclass(frozen=True, slots=True)
class Halfway:
    """`how` is the first proof: a password, a mailed link, or an organisation's own sign-on, whose id is
    `sign_on`. `proven_reset` is the reset of the second step after which this session has proven the mailbox
    too.
    """

    user: User
    how: str
    has_factor: bool
    proven_reset: str = ""
    sign_on: str = ""


def go_halfway(
    request: HttpRequest, user: User, *, how: str, now: datetime, sign_on: uuid.UUID | None = None
) -> Halfway:
    """Remember the first proof in a fresh session; whoever was signed in here before is signed out. `sign_on`
    is the one that gave it.
    """
    invitation = request.session.get(INVITATION_KEY)
    logout(request)
    if invitation is not None:
        request.session[INVITATION_KEY] = invitation
    request.session[HALFWAY_KEY] = {
        "user": str(user.id),
        "how": how,
        "sign_on": str(sign_on or ""),
        "at": now.timestamp(),
        # Ends with the password and the epoch, as a session would.
        "digest": user.get_session_auth_hash(),
    }
    request.session.cycle_key()
    return Halfway(user=user, how=how, has_factor=has_factor(user.id))


def halfway(request: HttpRequest, *, now: datetime) -> Halfway:
    """Whose second step is awaited. Errors: Unauthenticated `sign_in.first`."""
    kept = request.session.get(HALFWAY_KEY)
    if isinstance(kept, dict) and 0 <= now.timestamp() - float(kept["at"]) <= LASTS.total_seconds():
        user = User.objects.filter(id=uuid.UUID(kept["user"]), is_active=True).first()
        if user is not None and constant_time_compare(kept["digest"], user.get_session_auth_hash()):
            return Halfway(
                user=user,
                how=str(kept["how"]),
                has_factor=has_factor(user.id),
                proven_reset=str(kept.get("proven_reset", "")),
                sign_on=str(kept.get("sign_on", "")),
            )
    raise Unauthenticated("Sign in first.", code="sign_in.first")


def note_mailbox_proven(request: HttpRequest, reset_id: uuid.UUID) -> None:
    """Remember, beside the password of this session, that the mailbox was proven too."""
    request.session[HALFWAY_KEY] = {**request.session[HALFWAY_KEY], "proven_reset": str(reset_id)}


def is_halfway(request: HttpRequest, *, now: datetime) -> Halfway | None:
    try:
        return halfway(request, now=now)
    except Unauthenticated:
        return None
