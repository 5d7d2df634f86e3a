"""A publisher changes the keys of a list, takes a revoked one out of every list, or closes a list.

Migration from a hosted key to keys of one's own and rotation are the same act: another set of keys. (1) The
rows say who may sign from now on. (2) The officers are asked for a delegation that says so (the demo's signs
at once). (3) The published content is put before the new keys as the next version: with their signatures both
take effect under one snapshot, and until then every client is served the state of before.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from accounts.audit.actions import Action
from accounts.audit.record import record
from accounts.dual_control.models import Proposal, ProposalKind
from accounts.dual_control.propose import Asked, make, propose
from accounts.errors import Conflict, NotFound
from accounts.identity.acting import Actor
from accounts.identity.roles import Permission
from accounts.signing_keys.models import SigningKey, SigningKeyStatus
from accounts.signing_keys.register import revoke_key
from hashsets.lists.change import lock_of
from hashsets.lists.models import HashList, ListStatus
from hashsets.trust.handover import agreed_naming, end_agreed, end_transfer, record_transfer
from hashsets.trust.models import ListTransfer, Repository, TransferState
from hashsets.trust.online import published_file
from hashsets.trust.renewal import await_renewal
from hashsets.trust.repository import check_rule, delegate, open_repository
from hashsets.trust.signers import entitled_keys, replace_signers


@dataclass(frozen=True, slots=True)
class Revoked:
    """A key that is out. `renewals` are lists whose remaining keys now sign again, `frozen` those with too
    few.
    """

    key: SigningKey
    renewals: tuple[str, ...]
    frozen: tuple[str, ...]


def change_signers(
    hash_list: HashList, *, key_ids: Collection[uuid.UUID], threshold: int, actor: Actor, now: datetime
) -> Proposal | None:
    """Make `threshold` of these keys sign the list, in place of all others.

    At once (None) for the first signers of a list, and where keys are only taken out, as long as no fewer
    must sign than before; else a second person makes it, since more keys or fewer signatures are a lower
    guard.
    Errors: NotFound `list.not_found`, `key.not_found`; NotAllowed `list.other_publisher`,
    `permission.missing`, `actor.person_needed`; Conflict `list.closed`, `ceremony.not_initialised`,
    `proposal.waits`, `transfer.under_way`; Invalid `key.…`, `threshold.out_of_range`.
    """
    hash_list.require_publisher(actor)
    actor.person()
    actor.require(Permission.LIST_MANAGE)
    with transaction.atomic():
        locked = HashList.objects.lock(hash_list.id)
        locked.require_active()
        _require_no_transfer(locked)
        keys = own_keys(locked.organisation_id, key_ids)
        check_rule(locked.organisation_id, keys, threshold)
        if _raises_the_guard(locked, keys, threshold):
            _make_signers(locked, keys, threshold, actor=actor, now=now)
            return None
        values = {
            "list": locked.title,
            "keys": [key.name for key in keys],
            "key_ids": sorted(str(key.id) for key in keys),
            "threshold": threshold,
        }
        asked = Asked(ProposalKind.LIST_SIGNERS, locked.id, values)
        return propose(locked.organisation, asked, actor=actor, now=now)


def make_signers(proposal: Proposal, *, actor: Actor, now: datetime) -> HashList:
    """A second person names the signers. In the caller's transaction.

    Errors: those of `accounts.dual_control.propose.make`, of `change_signers` and of
    `hashsets.lists.change.lock_of`.
    """
    locked = lock_of(proposal)
    _require_no_transfer(locked)
    make(proposal, actor=actor, now=now)
    key_ids = [uuid.UUID(one) for one in proposal.asked["key_ids"]]
    keys = own_keys(locked.organisation_id, key_ids)  # again: one may have been revoked since
    _make_signers(locked, keys, int(proposal.asked["threshold"]), actor=actor, now=now)
    return locked


def _make_signers(
    locked: HashList, keys: Collection[SigningKey], threshold: int, *, actor: Actor, now: datetime
) -> None:
    replace_signers(locked, keys, threshold, actor=actor, now=now)
    redelegate(locked, keys, threshold, actor=actor, now=now)
    record(
        Action.LIST_SIGNERS_CHANGED,
        actor=actor,
        subject_type="list",
        subject_id=locked.id,
        organisation_id=locked.organisation_id,
        now=now,
        facts={"keyids": sorted(key.keyid for key in keys), "threshold": threshold},
    )


def _raises_the_guard(locked: HashList, keys: Collection[SigningKey], threshold: int) -> bool:
    """Whether nobody can sign with these who could not sign before: then one person may."""
    before = set(locked.signers.values_list("signing_key_id", flat=True))
    if not before:
        # The first ones of a list that nobody can read yet; as many must sign as the list states.
        return threshold >= locked.signature_threshold
    return threshold >= locked.signature_threshold and before.issuperset(key.id for key in keys)


def _require_no_transfer(locked: HashList) -> None:
    if ListTransfer.objects.filter(hash_list=locked, state=TransferState.AGREED).exists():
        raise Conflict(
            "This list is being handed over: the officers are asked for the new publisher's keys.",
            code="transfer.under_way",
            advice="End the handing over first.",
        )


def revoke_signer(key_id: uuid.UUID, *, actor: Actor, now: datetime, reason: str = "") -> Revoked:
    """Revoke a key for good and take it out of every list that it signs. One person may.

    Where the others still reach the threshold, they sign the published content again; where they do not, the
    list is frozen: it stays readable, and publishes nothing until `change_signers` and the officers.
    Errors: those of `accounts.signing_keys.register.revoke_key`.
    """
    renewals, frozen = [], []
    with transaction.atomic():
        # Of this organisation's keys: nobody may so much as wait for a lock on the lists of others.
        signed = HashList.objects.filter(
            signers__signing_key_id=key_id, signers__signing_key__organisation_id=actor.organisation()
        ).order_by("id")
        # But for lists on their way to this organisation, which this key was to sign.
        coming = agreed_naming(key_id, actor.organisation())
        own = set(signed.values_list("id", flat=True))
        for list_id in sorted(own | {one.hash_list_id for one in coming}):
            HashList.objects.lock(list_id)
        ended = [one for one in coming if end_transfer(one, now=now)]
        key = revoke_key(key_id, actor=actor, now=now, reason=reason)
        for one in ended:
            record_transfer(Action.LIST_TRANSFER_ENDED, one, one.giver_id, actor=actor, now=now)
        for hash_list in HashList.objects.filter(id__in=own).order_by("id"):
            remaining = list(entitled_keys(hash_list.id))
            if len(remaining) < hash_list.signature_threshold:
                # The row stays: it says what is missing, and counts for nothing, being revoked.
                frozen.append(hash_list.id)
                continue
            replace_signers(hash_list, remaining, hash_list.signature_threshold, actor=actor, now=now)
            redelegate(hash_list, remaining, hash_list.signature_threshold, actor=actor, now=now)
            renewals.append(hash_list.id)
    return Revoked(key, tuple(renewals), tuple(frozen))


def close_list(hash_list: HashList, *, actor: Actor, now: datetime) -> HashList:
    """Take no more changes, for good. What is published stays, and is kept fresh by the online key.

    Errors: NotFound `list.not_found`; NotAllowed `list.other_publisher`, `permission.missing`,
    `actor.person_needed`; Conflict `list.closed`.
    """
    hash_list.require_publisher(actor)
    actor.person()
    actor.require(Permission.LIST_MANAGE)
    with transaction.atomic():
        locked = HashList.objects.lock(hash_list.id)
        locked.require_active()
        HashList.objects.filter(id=locked.id).update(status=ListStatus.CLOSED)
        record(
            Action.LIST_CLOSED,
            actor=actor,
            subject_type="list",
            subject_id=locked.id,
            organisation_id=locked.organisation_id,
            now=now,
            facts={"latest_release": locked.latest_release},
        )
    locked.refresh_from_db()
    return locked


def own_keys(organisation_id: uuid.UUID, key_ids: Collection[uuid.UUID]) -> list[SigningKey]:
    """Active keys of an organisation. Errors: NotFound `key.not_found`, Conflict `key.not_active`."""
    keys = list(SigningKey.objects.filter(id__in=key_ids, organisation_id=organisation_id))
    if len(keys) != len(set(key_ids)):
        raise NotFound("There is no such key.", code="key.not_found", field="key_ids")
    if any(key.status != SigningKeyStatus.ACTIVE for key in keys):
        raise Conflict("Only active keys sign.", code="key.not_active", field="key_ids")
    return keys


def redelegate(
    hash_list: HashList, keys: Collection[SigningKey], threshold: int, *, actor: Actor, now: datetime
) -> None:
    """Steps (2) and (3). The caller holds the list's lock."""
    chosen = list(keys)
    # The officers are asked for one delegation at a time: this one takes the place of the taker's.
    ended = end_agreed(hash_list, now=now)
    if not Repository.objects.filter(id=hash_list.id).exists():
        open_repository(hash_list, publisher_keys=chosen, threshold=threshold, actor=actor, now=now)
        return
    row = delegate(hash_list, publisher_keys=chosen, threshold=threshold, actor=actor, now=now)
    published = published_file(row)
    if published is not None:
        await_renewal(row, published.content, now=now)
    if ended is not None:
        record_transfer(Action.LIST_TRANSFER_ENDED, ended, ended.giver_id, actor=actor, now=now)
