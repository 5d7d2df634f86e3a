"""What a member asks for with a subscription: a trust policy, and small deltas in the notices themselves.

The policy is kept here and applied by the member's own client.

The exchange serves and counts the whole list whatever a policy says: what is released, what is confirmed and
the state root are the same for everybody.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import transaction

from accounts.audit.actions import Action
from accounts.audit.record import record
from accounts.errors import Invalid, NotFound
from accounts.identity.acting import Actor
from accounts.identity.roles import Permission
from exchange.sharing.models import Subscription
from hashsets.core.policy import UNCLASSIFIED_NAME, TrustPolicy
from hashsets.lists.models import HashList

__all__ = ["ask_inline_delta", "set_policy"]


def set_policy(subscription_id: UUID, *, policy: object, actor: Actor, now: datetime) -> Subscription:
    """Replace the policy of a subscription of the actor's organisation; `{}` asks for nothing.

    Errors: NotAllowed `permission.missing`; NotFound `subscription.not_found`, `list.not_found`; Invalid
    `policy.*`, and `policy.unknown_classification` for a label that the list does not have, which would
    silently match nothing.
    """
    actor.require(Permission.SUBSCRIPTION_MANAGE)
    wanted = TrustPolicy.parse(policy)
    with transaction.atomic():
        subscription = _locked(subscription_id, actor)
        # Who may no longer see the list must not learn its labels by trying.
        _check_classifications(HashList.objects.seen(subscription.hash_list_id, actor), wanted)
        if subscription.policy == wanted.document():
            return subscription
        subscription.policy = wanted.document()
        subscription.save(update_fields=["policy"])
        record(
            Action.SUBSCRIPTION_POLICY_SET,
            actor=actor,
            subject_type="subscription",
            subject_id=subscription.id,
            organisation_id=subscription.organisation_id,
            now=now,
            # Labels are the publisher's words and can be many: their number is enough to see a change.
            facts={
                "list": subscription.hash_list_id,
                "policy": {**wanted.document(), "classifications": len(wanted.classifications)},
            },
        )
        return subscription


def ask_inline_delta(subscription_id: UUID, *, wanted: bool, actor: Actor, now: datetime) -> Subscription:
    """Have small deltas of this list travel in the notices to the member's endpoints, or not (any more).

    Also while the publisher does not let them travel: then it waits for that. Receivers must take bodies of
    16 KB. Errors: NotAllowed `permission.missing`; NotFound `subscription.not_found`.
    """
    actor.require(Permission.SUBSCRIPTION_MANAGE)
    with transaction.atomic():
        subscription = _locked(subscription_id, actor)
        if subscription.inline_delta == wanted:
            return subscription
        subscription.inline_delta = wanted
        subscription.save(update_fields=["inline_delta"])
        record(
            Action.SUBSCRIPTION_INLINE_DELTA_SET,
            actor=actor,
            subject_type="subscription",
            subject_id=subscription.id,
            organisation_id=subscription.organisation_id,
            now=now,
            facts={"list": subscription.hash_list_id, "wanted": wanted},
        )
        return subscription


def _locked(subscription_id: UUID, actor: Actor) -> Subscription:
    """Errors: NotFound `subscription.not_found`."""
    current = Subscription.objects.of(actor).filter(id=subscription_id, ended_at__isnull=True)
    subscription = current.select_for_update(no_key=True, of=("self",)).first()
    if subscription is None:
        raise NotFound("There is no such subscription.", code="subscription.not_found")
    return subscription


def _check_classifications(hash_list: HashList, policy: TrustPolicy) -> None:
    known = {UNCLASSIFIED_NAME, *hash_list.classifications.values_list("label", flat=True)}
    if unknown := sorted(policy.classifications - known):
        raise Invalid(
            f"This list has no classification '{unknown[0]}'.",
            code="policy.unknown_classification",
            field="classifications",
            advice=f"It has: {', '.join(sorted(known))}.",
        )
