"""Takes a person's second steps away when they have lost them all, so that they set up new ones.

An admin of their organisation does it who knows them; it opens nothing by itself, because the password is
still needed. Somebody who also belongs elsewhere is not for one organisation alone to weaken.
"""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.db.models import F

from accounts.audit.actions import Action
from accounts.audit.record import record
from accounts.errors import NotAllowed, NotFound
from accounts.factors.models import CodeApp, Passkey, RecoveryCode
from accounts.identity.acting import Actor
from accounts.identity.models import Membership, User
from accounts.identity.roles import Permission
from accounts.mail.queue import queue_mail


def forget_factors(membership_id: int, *, actor: Actor, now: datetime) -> User:
    """End the second steps and the sessions of a colleague.

    Errors: NotFound `membership.not_found`; NotAllowed `permission.missing`, `actor.person_needed`,
    `factor.own`, `factor.elsewhere`.
    """
    mine = Membership.objects.filter(ended_at__isnull=True, organisation_id=actor.organisation())
    membership = mine.select_related("user").filter(id=membership_id).first()
    if membership is None:
        raise NotFound("There is no such membership.", code="membership.not_found")
    actor.require(Permission.MEMBER_MANAGE)
    if actor.person() == membership.user_id:
        raise NotAllowed(
            "Change your own second step on your account's page.",
            code="factor.own",
            advice="If you have lost it, ask another admin.",
        )
    user = membership.user
    with transaction.atomic():
        User.objects.lock(user.id)
        if Membership.objects.filter(user=user, ended_at__isnull=True).exclude(id=membership.id).exists():
            raise NotAllowed(
                "This person belongs to another organisation too.",
                code="factor.elsewhere",
                advice="Ask the operator of this exchange.",
            )
        CodeApp.objects.filter(user=user).delete()
        Passkey.objects.filter(user=user).delete()
        RecoveryCode.objects.filter(user=user, used_at__isnull=True).delete()
        User.objects.filter(id=user.id).update(session_epoch=F("session_epoch") + 1)
        queue_mail("account.second_step_ended", to=user, now=now)
        record(
            Action.FACTOR_REMOVED,
            actor=actor,
            subject_type="user",
            subject_id=user.id,
            organisation_id=membership.organisation_id,
            now=now,
            facts={"kind": "all"},
        )
    return user
