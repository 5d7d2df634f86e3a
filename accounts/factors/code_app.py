"""The app that shows codes: set up with a first code, and proven with a fresh one each time."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from accounts.audit.actions import Action
from accounts.audit.record import record
from accounts.errors import Conflict, Invalid
from accounts.factors import totp
from accounts.factors.forget import mark_proven
from accounts.factors.models import CodeApp
from accounts.factors.standing import has_factor
from accounts.identity.acting import Actor
from accounts.identity.models import User
from accounts.mail.queue import queue_mail
from accounts.sealing.columns import context_of
from accounts.sealing.keyring import current_keyring
from accounts.sealing.sealing import seal, unseal


def set_up_code_app(
    user: User, seed: bytes, *, code: str, actor: Actor, now: datetime, first: bool = False
) -> CodeApp:
    """Take `seed` as the person's app, in place of an earlier one, once a code of it was typed.

    `first` is for somebody who has given a password and nothing else yet: it refuses when there is a second
    factor already, or a stolen password could replace it.

    Errors: Invalid `factor.code`; Conflict `factor.exists`, `user.signed_out`.
    """
    step = totp.step_of(seed, code, now=now)
    if step is None:
        raise Invalid(
            "This is not the code that the app shows now.",
            code="factor.code",
            field="code",
            advice="Check that the clock of your phone is right, and type the newest code.",
        )
    with transaction.atomic():
        User.objects.hold(user)
        if first and has_factor(user.id):
            raise Conflict(
                "A second step is set up already.", code="factor.exists", advice="Sign in again with it."
            )
        app, created = CodeApp.objects.update_or_create(
            user=user,
            defaults={
                "sealed_seed": seal(
                    seed, keyring=current_keyring(), context=context_of(CodeApp, "sealed_seed", user.id)
                ),
                "last_step": step,
                "created_at": now,
                "last_used_at": now,
            },
        )
        if first:
            # In one transaction: nobody has a second step whose reset stays unproven for ever.
            mark_proven(user, how="app", now=now)
        else:
            queue_mail("account.second_step_changed", to=user, now=now)
        record(
            Action.FACTOR_ADDED,
            actor=actor,
            subject_type="user",
            subject_id=user.id,
            organisation_id=None,
            now=now,
            facts={"kind": "app", "replaced": not created},
        )
    return app


def prove_code(user: User, code: str, *, now: datetime) -> bool:
    """Whether `code` is a code of now that was not taken before; taking it is what the answer does."""
    app = CodeApp.objects.filter(user=user).first()
    if app is None:
        return False
    step = totp.step_of(seed_of(app), code, now=now)
    if step is None:
        return False
    taken = CodeApp.objects.filter(user=user, created_at=app.created_at, last_step__lt=step)
    return taken.update(last_step=step, last_used_at=now) == 1


def seed_of(app: CodeApp) -> bytes:
    """Errors: Corrupt when the sealed seed cannot be opened."""
    return unseal(
        app.sealed_seed, keyring=current_keyring(), context=context_of(CodeApp, "sealed_seed", app.user_id)
    )
