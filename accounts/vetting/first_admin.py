"""The first admin of a new member chooses a password, with the code that proved their address. Once."""

from __future__ import annotations

from datetime import datetime

from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX, make_password
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction

from accounts.audit.actions import Action
from accounts.audit.record import record
from accounts.errors import Conflict, Invalid
from accounts.identity.acting import applicant_actor
from accounts.identity.models import User
from accounts.vetting.models import Case, CaseState


def awaits_password(case: Case) -> bool:
    """Whether the person of an approved application cannot sign in yet."""
    if case.state != CaseState.APPROVED:
        return False
    return User.objects.filter(email=case.email, password__startswith=UNUSABLE_PASSWORD_PREFIX).exists()


def choose_password(case: Case, password: str, *, now: datetime) -> User:
    """Give the first admin their first password. Whoever has one already is asked for it as everybody is.

    Errors: Invalid `user.password_weak`; Conflict `application.no_password`.
    """
    user = User.objects.filter(email=case.email).first()
    if user is None or not awaits_password(case):
        raise Conflict(
            "This person can sign in already.",
            code="application.no_password",
            advice="Go to the sign-in page.",
        )
    try:
        validate_password(password, user)
    except ValidationError as weak:
        raise Invalid(" ".join(weak.messages), code="user.password_weak", field="password") from None
    hashed = make_password(password)  # slow on purpose, hence before the transaction
    with transaction.atomic():
        unset = User.objects.filter(id=user.id, password__startswith=UNUSABLE_PASSWORD_PREFIX)
        if not unset.update(password=hashed):
            raise Conflict("This person can sign in already.", code="application.no_password")
        record(
            Action.APPLICATION_PASSWORD_CHOSEN,
            actor=applicant_actor(case.id),
            subject_type="user",
            subject_id=user.id,
            organisation_id=case.organisation_id,
            now=now,
        )
    return user
