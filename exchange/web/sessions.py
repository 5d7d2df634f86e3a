"""The sessions of a person: begun with a proof, listed, and ended one by one or all at once."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.contrib.auth import login
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts.audit.actions import Action
from accounts.audit.record import record
from accounts.errors import NotFound
from accounts.identity.acting import person_alone
from accounts.identity.models import User
from exchange.http.acting import mark_present
from exchange.web.halfway import INVITATION_KEY
from exchange.web.known_devices import note_device
from exchange.web.models import OpenSession

SEEN_NOTED_EVERY: Final = timedelta(minutes=5)
_DEVICE_LENGTH: Final = 200


def begin_session(request: HttpRequest, user: User, *, how: str, now: datetime) -> None:
    """A session with a fresh key, so that one planted earlier is worth nothing, and a row that tells of it.

    Nothing of what was before it is kept, neither the first step nor what a stranger may have put there, but
    which invitation the person came for.
    """
    invitation = request.session.get(INVITATION_KEY)
    request.session.flush()
    if invitation is not None:
        request.session[INVITATION_KEY] = invitation
    login(request, user, backend="django.contrib.auth.backends.ModelBackend")
    mark_present(request, now=now)
    note_device(request, user)
    device = str(request.headers.get("User-Agent", "")).encode("ascii", "replace").decode()
    OpenSession.objects.filter(seen_at__lt=now - timedelta(days=2)).delete()
    OpenSession.objects.update_or_create(
        session_key=_key(request),
        defaults={
            "user": user,
            "epoch": user.session_epoch,
            "how": how,
            "device": device[:_DEVICE_LENGTH].replace("\x00", ""),
            "started_at": now,
            "seen_at": now,
        },
    )


def renew_session(request: HttpRequest, *, now: datetime) -> None:
    """A new key for the same session, after the person proved their presence in it."""
    before = request.session.session_key
    request.session.cycle_key()
    mark_present(request, now=now)
    OpenSession.objects.filter(session_key=before).update(session_key=_key(request), seen_at=now)


def note_seen(request: HttpRequest, *, now: datetime) -> None:
    """Remember that the session is used, every few minutes at most."""
    if request.session.session_key:
        stale = OpenSession.objects.filter(
            session_key=request.session.session_key, seen_at__lt=now - SEEN_NOTED_EVERY
        )
        if stale.exists():
            stale.update(seen_at=now)


def sessions_of(user: User, *, now: datetime) -> QuerySet[OpenSession]:
    """Those that still open a page: their store row is there, not expired, and of the present epoch."""
    alive = Session.objects.filter(expire_date__gt=now).values("session_key")
    return OpenSession.objects.filter(user=user, epoch=user.session_epoch, session_key__in=alive).order_by(
        "-seen_at", "id"
    )


def end_one(user: User, session_id: UUID, *, now: datetime) -> None:
    """Errors: NotFound `session.not_found`."""
    row = OpenSession.objects.filter(user=user, id=session_id).first()
    if row is None:
        raise NotFound("There is no such session.", code="session.not_found")
    _end(user, [row], now=now)


def end_others(request: HttpRequest, user: User, *, now: datetime) -> int:
    """End every session of the person but this one; returns how many there were."""
    others = list(OpenSession.objects.filter(user=user).exclude(session_key=request.session.session_key))
    _end(user, others, now=now)
    return len(others)


def _end(user: User, rows: list[OpenSession], *, now: datetime) -> None:
    with transaction.atomic():
        Session.objects.filter(session_key__in=[row.session_key for row in rows]).delete()
        OpenSession.objects.filter(id__in=[row.id for row in rows]).delete()
        if rows:
            record(
                Action.SESSION_ENDED,
                actor=person_alone(user),
                subject_type="user",
                subject_id=user.id,
                organisation_id=None,
                now=now,
                facts={"sessions": len(rows)},
            )


def _key(request: HttpRequest) -> str:
    if request.session.session_key is None:
        request.session.create()
    return str(request.session.session_key)
