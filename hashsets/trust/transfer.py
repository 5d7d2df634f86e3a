"""A list goes to another publisher: one organisation offers it, the other accepts it with keys of its own.

(1) The giver's offer changes nothing. (2) The taker names its keys; from then on its people decide about the
list and its keys alone may sign it. (3) The officers are asked to vouch for the new publisher, and the
published content waits for the new keys as the next version. Members are served the state of before until
then, and have nothing to do: the list keeps its id, its numbers and its address.

Submissions and releases of before keep the name of whoever made them.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection
from datetime import datetime

from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet

from accounts.audit.actions import Action
from accounts.audit.record import record
from accounts.errors import Conflict, Invalid, NotFound
from accounts.identity.acting import Actor
from accounts.identity.models import Organisation, OrganisationKind, OrganisationStatus
from accounts.identity.roles import Permission
from hashsets.intake.models import Submission, SubmissionState
from hashsets.lists.models import HashList, ListChange, ListChangeState
from hashsets.trust.custody import own_keys, redelegate
from hashsets.trust.models import AwaitedFile, ListTransfer, RoleName, TransferState
from hashsets.trust.signers import replace_signers

OVER = (
    SubmissionState.PUBLISHED,
    SubmissionState.REFUSED,
    SubmissionState.RETURNED,
    SubmissionState.WITHDRAWN,
)


def offer_list(hash_list: HashList, *, taker_id: uuid.UUID, actor: Actor, now: datetime) -> ListTransfer:
    """Offer a list to another member.

    Errors: NotFound `list.not_found`; NotAllowed `list.other_publisher`, `actor.person_needed`,
    `permission.missing`; Invalid `transfer.taker`; Conflict `list.closed`, `transfer.offered_already`.
    """
    hash_list.require_publisher(actor)
    actor.person()
    actor.require(Permission.LIST_MANAGE)
    taker = (
        Organisation.objects.filter(id=taker_id, status=OrganisationStatus.ACTIVE)
        .exclude(kind=OrganisationKind.OPERATOR)
        .exclude(id=hash_list.organisation_id)
        .first()
    )
    if taker is None:
        raise Invalid(
            "A list is offered to another active member.", code="transfer.taker", field="organisation_id"
        )
    with transaction.atomic():
        locked = HashList.objects.lock(hash_list.id)
        locked.require_active()
        offer = _insert(locked, taker, now)
        _record(Action.LIST_TRANSFER_OFFERED, offer, locked.organisation_id, actor=actor, now=now)
    return offer


def transfers_of(actor: Actor) -> QuerySet[ListTransfer]:
    """Offers that wait for an answer, from and to the actor's organisation."""
    own = actor.organisation()
    waiting = ListTransfer.objects.filter(Q(giver_id=own) | Q(taker_id=own), state=TransferState.OFFERED)
    return waiting.select_related("hash_list", "giver", "taker")


def end_offer(transfer_id: uuid.UUID, *, actor: Actor, now: datetime) -> ListTransfer:
    """Withdraw an offer, or decline one. Errors: NotFound `transfer.not_found`; NotAllowed
    `permission.missing`, `actor.person_needed`.
    """
    with transaction.atomic():
        offer = _waiting(transfer_id, actor)
        _decide(offer, TransferState.ENDED, now)
        _record(Action.LIST_TRANSFER_ENDED, offer, actor.organisation(), actor=actor, now=now)
    return offer


def accept_list(
    transfer_id: uuid.UUID, *, key_ids: Collection[uuid.UUID], threshold: int, actor: Actor, now: datetime
) -> HashList:
    """Take a list over, to be signed by `threshold` of these keys of the taker's own.

    Errors: those of `end_offer`; NotFound `transfer.not_found` to the giver too; Conflict
    `transfer.unfinished`, `list.closed`, `key.not_active`; Invalid `key.…`, `threshold.out_of_range`.
    """
    with transaction.atomic():
        offer = _waiting(transfer_id, actor)
        if offer.taker_id != actor.organisation():
            raise _not_found()
        hash_list = HashList.objects.lock(offer.hash_list_id)
        hash_list.require_active()
        if Submission.objects.filter(hash_list=hash_list).exclude(state__in=OVER).exists():
            raise Conflict(
                "Submissions to this list are not finished yet.",
                code="transfer.unfinished",
                advice="The giver publishes, returns or withdraws them first.",
            )
        keys = own_keys(offer.taker_id, key_ids)
        _decide(offer, TransferState.ACCEPTED, now)
        HashList.objects.filter(id=hash_list.id).update(organisation=offer.taker)
        # What the giver's people have proposed about it goes with them.
        ListChange.objects.filter(hash_list=hash_list, state=ListChangeState.PROPOSED).update(
            state=ListChangeState.ENDED, decided_at=now
        )
        # A renewal that the giver's keys have begun to sign is nobody's any more.
        AwaitedFile.objects.filter(repository_id=hash_list.id, role=RoleName.LIST).delete()
        hash_list.refresh_from_db()
        replace_signers(hash_list, keys, threshold, actor=actor, now=now)
        redelegate(hash_list, keys, threshold, actor=actor, now=now)
        # One event in each organisation's part of the record.
        _record(Action.LIST_TRANSFER_ENDED, offer, offer.giver_id, actor=actor, now=now)
        _record(Action.LIST_TRANSFERRED, offer, offer.taker_id, actor=actor, now=now)
    return hash_list


def _insert(hash_list: HashList, taker: Organisation, now: datetime) -> ListTransfer:
    try:
        with transaction.atomic():
            return ListTransfer.objects.create(
                hash_list=hash_list, giver_id=hash_list.organisation_id, taker=taker, created_at=now
            )
    except IntegrityError:
        raise Conflict(
            "This list is on offer already.",
            code="transfer.offered_already",
            advice="Withdraw that offer first.",
        ) from None


def _waiting(transfer_id: uuid.UUID, actor: Actor) -> ListTransfer:
    """An offer to or from the actor's organisation, under the list's lock."""
    found = transfers_of(actor).filter(id=transfer_id).first()
    if found is None:
        raise _not_found()
    actor.person()
    actor.require(Permission.LIST_MANAGE)
    HashList.objects.lock(found.hash_list_id)
    return found


def _decide(offer: ListTransfer, state: TransferState, now: datetime) -> None:
    moved = ListTransfer.objects.filter(id=offer.id, state=TransferState.OFFERED).update(
        state=state, decided_at=now
    )
    if not moved:
        raise _not_found()
    offer.state, offer.decided_at = state, now


def _not_found() -> NotFound:
    return NotFound("There is no such offer.", code="transfer.not_found")


def _record(
    action: Action, offer: ListTransfer, organisation_id: uuid.UUID, *, actor: Actor, now: datetime
) -> None:
    record(
        action,
        actor=actor,
        subject_type="list",
        subject_id=offer.hash_list_id,
        organisation_id=organisation_id,
        now=now,
        facts={
            "transfer_id": offer.id,
            "from": offer.giver_id,
            "to": offer.taker_id,
            "state": offer.state,
        },
    )
