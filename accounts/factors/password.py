"""Passwords: what one must be, changing it, and the mailed link for somebody who has forgotten theirs.

Rules are length and that it is no common one; composition rules make worse passwords (NIST SP 800-63B).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import F

from accounts.audit.actions import Action
from accounts.audit.record import record
from accounts.errors import Conflict, Invalid, NotFound, Unauthenticated
from accounts.factors.forget import open_reset
from accounts.factors.link_token import digest_of, fresh_token
from accounts.factors.models import PasswordReset
from accounts.identity.acting import Actor, person_alone, system_actor
from accounts.identity.models import User
from accounts.mail.queue import queue_mail

RESET_LASTS: Final = timedelta(hours=1)
# Letters that nobody asked for are a nuisance that a stranger can cause: few, and the last ones stay good.
RESETS_AT_ONCE: Final = 3
LONGEST: Final = 1_000


def set_password(user: User, password: str) -> None:
    """Hash `password` into the user, unsaved; slow on purpose, hence before any transaction.

    Errors: Invalid `user.password_weak`, with the reasons.
    """
    try:
        if len(password) > LONGEST:
            raise ValidationError(f"A password may have {LONGEST} characters.")
        validate_password(password, user)
    except ValidationError as refusal:
        raise Invalid(
            " ".join(str(message) for message in refusal.messages),
            code="user.password_weak",
            field="password",
            advice="Use at least twelve characters, for example four words.",
        ) from None
    user.set_password(password)


def change_password(user: User, password: str, *, current: str, actor: Actor, now: datetime) -> User:
    """Replace the password; every session ends, and a letter tells the person. Returns them anew.

    Whoever calls has had the person prove their presence, and counts the tries. The `current` password is
    asked for whenever there is one: a session may have begun by a provider's word, which is no password.
    Errors: Unauthenticated `user.password_wrong`; Invalid `user.password_weak`; Conflict `user.signed_out`.
    """
    if user.has_usable_password() and (len(current) > LONGEST or not user.check_password(current)):
        raise Unauthenticated(
            "This is not your present password.", code="user.password_wrong", field="current"
        )
    set_password(user, password)
    with transaction.atomic():
        User.objects.hold(user)
        return _keep(user, actor=actor, now=now, by="person")


def ask_reset(email: str, *, now: datetime) -> None:
    """Send a link to the person of this address, if there is one. Nobody learns whether there is."""
    if "\x00" in email:
        return
    user = User.objects.filter(email=email.strip().lower(), is_active=True).first()
    if user is None:
        return
    if open_reset(user) is not None:
        queue_mail(
            "account.password_not_now", to=user, once=f"password-not-now:{user.id}:{now:%Y%m%d}", now=now
        )
        return
    token = fresh_token()
    with transaction.atomic():
        User.objects.lock(user.id)
        open_ones = PasswordReset.objects.filter(user=user, used_at__isnull=True, expires_at__gt=now)
        if open_ones.count() >= RESETS_AT_ONCE:
            return
        reset = PasswordReset.objects.create(
            user=user, digest=digest_of(token), created_at=now, expires_at=now + RESET_LASTS
        )
        queue_mail(
            "account.password_reset",
            to=user,
            path=f"/sign-in/new-password/{token}",
            useful_for=RESET_LASTS,
            now=now,
        )
        record(
            Action.PASSWORD_RESET_ASKED,
            actor=system_actor("sign-in page"),
            subject_type="user",
            subject_id=user.id,
            organisation_id=None,
            now=now,
            facts={"reset_id": reset.id},
        )


def reset_of(digest: str, *, now: datetime) -> PasswordReset:
    """The open reset of a link. Errors: NotFound `reset.gone`, the same for unknown, used and too old."""
    reset = PasswordReset.objects.select_related("user").filter(digest=digest, used_at__isnull=True).first()
    if reset is None or reset.expires_at <= now or not reset.user.is_active:
        raise _gone()
    return reset


def use_reset(digest: str, password: str, *, now: datetime) -> User:
    """Set a new password by a mailed link, once. The second step stays what it was.

    Errors: NotFound `reset.gone`; Invalid `user.password_weak`; Conflict `reset.second_step_open`: after a
    second step was taken away the password of before is one of two proofs, so it is not replaced by a link.
    """
    user = reset_of(digest, now=now).user
    set_password(user, password)
    with transaction.atomic():
        User.objects.lock(user.id)
        if open_reset(user) is not None:
            raise Conflict(
                "Your second step was taken away, so your password cannot be replaced by a link now.",
                code="reset.second_step_open",
                advice="Sign in with the password that you had. If it is lost too, ask to be invited anew.",
            )
        taken = PasswordReset.objects.filter(digest=digest, used_at__isnull=True, expires_at__gt=now)
        if taken.update(used_at=now) != 1:
            raise _gone()
        return _keep(user, actor=person_alone(user), now=now, by="link")


def _keep(user: User, *, actor: Actor, now: datetime, by: str) -> User:
    """In the caller's transaction, which holds the person's row. Open links end too: they were asked for
    under the old password. The person as they are under this lock: what ends sessions later ends theirs too.
    """
    User.objects.filter(id=user.id).update(password=user.password, session_epoch=F("session_epoch") + 1)
    PasswordReset.objects.filter(user=user, used_at__isnull=True).update(used_at=now)
    queue_mail("account.password_changed", to=user, now=now)
    record(
        Action.PASSWORD_CHANGED,
        actor=actor,
        subject_type="user",
        subject_id=user.id,
        organisation_id=None,
        now=now,
        facts={"by": by},
    )
    return User.objects.get(id=user.id)


def _gone() -> NotFound:
    return NotFound(
        "This link has been used, or is too old.",
        code="reset.gone",
        advice="Ask for a new one on the sign-in page.",
    )
