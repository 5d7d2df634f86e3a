"""Which of a publisher's keys sign a list: the rows that people decide on. Signed metadata follows them."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from django.db.models import QuerySet

from accounts.audit.actions import Action
from accounts.audit.record import record
from accounts.identity.acting import Actor
from accounts.signing_keys.models import SigningKey, SigningKeyStatus
from hashsets.lists.models import HashList, ListSigningKey


def entitled_keys(list_id: str) -> QuerySet[SigningKey]:
    """The publisher's active keys that may sign this list."""
    named = ListSigningKey.objects.filter(hash_list_id=list_id).values("signing_key_id")
    return SigningKey.objects.filter(id__in=named, status=SigningKeyStatus.ACTIVE).order_by("created_at")


def is_frozen(hash_list: HashList) -> bool:
    """Whether so many keys were revoked that the rest cannot sign: nothing new is published until the
    publisher names new keys and the officers have put them into force.
    """
    entitled = ListSigningKey.objects.filter(hash_list=hash_list)
    return entitled.exists() and entitled_keys(hash_list.id).count() < hash_list.signature_threshold


def replace_signers(
    hash_list: HashList, keys: Collection[SigningKey], threshold: int, *, actor: Actor, now: datetime
) -> None:
    """Make exactly `keys` the list's signers, with an event each way. The caller holds the list's lock."""
    chosen = {key.id: key for key in keys}
    for signer in hash_list.signers.select_related("signing_key"):
        if signer.signing_key_id in chosen:
            del chosen[signer.signing_key_id]
        else:
            signer.delete()
            _record(Action.LIST_KEY_REMOVED, hash_list, signer.signing_key, actor=actor, now=now)
    for key in chosen.values():
        ListSigningKey.objects.create(hash_list=hash_list, signing_key=key)
        _record(Action.LIST_KEY_ENTITLED, hash_list, key, actor=actor, now=now)
    HashList.objects.filter(id=hash_list.id).update(signature_threshold=threshold)
    hash_list.signature_threshold = threshold


def _record(action: Action, hash_list: HashList, key: SigningKey, *, actor: Actor, now: datetime) -> None:
    record(
        action,
        actor=actor,
        subject_type="list",
        subject_id=hash_list.id,
        organisation_id=hash_list.organisation_id,
        now=now,
        facts={"keyid": key.keyid, "custody": key.custody},
    )
