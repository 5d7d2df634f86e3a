"""A list goes to another publisher: two people of each side, and the officers.

(1) Somebody of the giver offers it and somebody else of the giver confirms that (`make_offer`): now the taker
sees the offer, and nothing of the list. (2) Somebody of the taker accepts it with keys of its own, somebody
else of the taker confirms that (`make_acceptance`): the officers are asked to vouch for the new publisher.
(3) With their signatures in force the list changes hands (`hashsets.trust.handover`). Until then either side
ends it (`end_offer`), and the giver publishes as before. Members have nothing to do: the list keeps its id,
its numbers and its address.

Submissions and releases of before keep the name of whoever made them.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection
from datetime import datetime
from typing import Final

from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet

from accounts.audit.actions import Action
from accounts.dual_control.models import Proposal, ProposalKind
from accounts.dual_control.propose import Asked, make, propose
from accounts.dual_control.refused import noted
from accounts.errors import Conflict, Invalid, NotAllowed, NotFound
from accounts.identity.acting import Actor
from accounts.identity.models import Organisation, OrganisationKind, OrganisationStatus
from accounts.identity.roles import Permission
from hashsets.lists.change import lock_of
from hashsets.lists.models import HashList
from hashsets.trust.custody import own_keys
from hashsets.trust.handover import complete_transfer, decided_by, end_transfer, record_transfer
from hashsets.trust.models import AwaitedFile, ListTransfer, Repository, RoleName, TransferState
from hashsets.trust.repository import check_rule, delegate

OPEN: Final = (TransferState.OFFERED, TransferState.AGREED)


def offer_list(hash_list: HashList, *, taker_id: uuid.UUID, actor: Actor, now: datetime) -> Proposal:
    """Ask that a list be offered to another member. A second person of the giver confirms it.

    Errors: NotFound `list.not_found`; NotAllowed `list.other_publisher`, `actor.person_needed`,
    `permission.missing`; Invalid `transfer.taker`; Conflict `list.closed`, `transfer.offered_already`,
    `proposal.waits`.
    """
    hash_list.require_publisher(actor)
    actor.person()
    actor.require(Permission.LIST_MANAGE)
    taker = _taker(taker_id, hash_list)
    with transaction.atomic():
        locked = HashList.objects.lock(hash_list.id)
        locked.require_active()
        _require_none_open(locked)
        values = {"list": locked.title, "taker": taker.name, "taker_id": str(taker.id)}
        asked = Asked(ProposalKind.LIST_GIVE, locked.id, values)
        return propose(locked.organisation, asked, actor=actor, now=now)


def make_offer(proposal: Proposal, *, actor: Actor, now: datetime) -> ListTransfer:
    """A second person of the giver offers it: now the taker sees the offer. In the caller's transaction.

    Errors: those of `accounts.dual_control.propose.make`, of `offer_list` and of `lock_of`.
    """
    locked = lock_of(proposal)
    taker = _taker(uuid.UUID(proposal.asked["taker_id"]), locked)
    make(proposal, actor=actor, now=now)
    _require_none_open(locked)
    offer = _insert(locked, taker, now)
    record_transfer(Action.LIST_TRANSFER_OFFERED, offer, locked.organisation_id, actor=actor, now=now)
    return offer


def transfers_of(actor: Actor) -> QuerySet[ListTransfer]:
    """What is on its way, from and to the actor's organisation."""
    own = actor.organisation()
    waiting = ListTransfer.objects.filter(Q(giver_id=own) | Q(taker_id=own), state__in=OPEN)
    return waiting.select_related("hash_list", "giver", "taker")


def end_offer(transfer_id: uuid.UUID, *, actor: Actor, now: datetime) -> ListTransfer:
    """Withdraw an offer, decline one, or end what waits for the officers: nothing has changed hands yet.

    Errors: NotFound `transfer.not_found`; NotAllowed `permission.missing`, `actor.person_needed`.
    """
    with transaction.atomic():
        offer = _waiting(transfer_id, actor)
        if not end_transfer(offer, now=now):
            raise _not_found()
        record_transfer(Action.LIST_TRANSFER_ENDED, offer, actor.organisation(), actor=actor, now=now)
    return offer


def accept_list(
    transfer_id: uuid.UUID, *, key_ids: Collection[uuid.UUID], threshold: int, actor: Actor, now: datetime
) -> Proposal:
    """Ask to take a list over, to be signed by `threshold` of these keys of the taker's own. A second person
    of the taker confirms it.

    Errors: those of `end_offer`; NotFound `transfer.not_found` to the giver too, and for what was accepted
    already; Conflict `list.closed`, `key.not_active`, `proposal.waits`; Invalid `key.…`,
    `threshold.out_of_range`.
    """
    with transaction.atomic():
        offer = _waiting(transfer_id, actor)
        if offer.taker_id != actor.organisation() or offer.state != TransferState.OFFERED:
            raise _not_found()
        offer.hash_list.require_active()
        _require_other_people(offer, actor.person(), actor=actor)
        keys = own_keys(offer.taker_id, key_ids)
        check_rule(offer.taker_id, keys, threshold)
        values = {
            "list": offer.hash_list.title,
            "giver": offer.giver.name,
            "keys": [key.name for key in keys],
            "key_ids": sorted(str(key.id) for key in keys),
            "threshold": threshold,
        }
        asked = Asked(ProposalKind.LIST_TAKE, str(offer.id), values)
        return propose(offer.taker, asked, actor=actor, now=now)


def make_acceptance(proposal: Proposal, *, actor: Actor, now: datetime) -> ListTransfer:
    """A second person of the taker accepts: the officers are asked. In the caller's transaction.

    Errors: those of `accounts.dual_control.propose.make` and of `accept_list`.
    """
    offer = ListTransfer.objects.filter(
        id=uuid.UUID(proposal.subject_id), state=TransferState.OFFERED
    ).first()
    if offer is None:
        raise _not_found()
    hash_list = HashList.objects.lock(offer.hash_list_id)
    hash_list.require_active()
    _require_other_people(offer, actor.person_id, actor=actor)
    if AwaitedFile.objects.filter(repository_id=hash_list.id, role=RoleName.TARGETS).exists():
        raise Conflict(
            "The officers are asked about this list already.",
            code="transfer.officers_asked",
            advice="Confirm this when they have signed that.",
        )
    make(proposal, actor=actor, now=now)
    key_ids = [uuid.UUID(one) for one in proposal.asked["key_ids"]]
    threshold = int(proposal.asked["threshold"])
    keys = own_keys(offer.taker_id, key_ids)  # again: one may have been revoked since
    check_rule(offer.taker_id, keys, threshold)
    moved = ListTransfer.objects.filter(id=offer.id, state=TransferState.OFFERED).update(
        state=TransferState.AGREED, key_ids=[str(key.id) for key in keys], threshold=threshold
    )
    if not moved:
        raise _not_found()
    if not Repository.objects.filter(id=hash_list.id).exists():
        raise Conflict(
            "This list has no signers yet, so there is nothing to hand over.",
            code="transfer.no_repository",
            advice="The giver names its signers first.",
        )
    delegate(hash_list, publisher_keys=keys, threshold=threshold, publisher=offer.taker, actor=actor, now=now)
    # Where the officers sign at once (the demo), the list changes hands at once.
    complete_transfer(hash_list.id, actor=actor, now=now)
    offer.refresh_from_db()
    return offer


def _require_other_people(offer: ListTransfer, person_id: uuid.UUID | None, *, actor: Actor) -> None:
    """Nobody gives a list and takes it, whatever organisations they act for. Errors: NotAllowed
    `transfer.both_sides`.
    """
    hands = {one for given in decided_by(offer) for one in (given.proposed_by_id, given.decided_by_id)}
    if person_id is not None and person_id in hands:
        both = NotAllowed(
            "You had a hand in offering this list, so others take it over.", code="transfer.both_sides"
        )
        raise noted(both, actor=actor, subject_type="list_transfer", subject_id=offer.id)


def _taker(taker_id: uuid.UUID, hash_list: HashList) -> Organisation:
    found = Organisation.objects.filter(id=taker_id, status=OrganisationStatus.ACTIVE)
    taker = found.exclude(kind=OrganisationKind.OPERATOR).exclude(id=hash_list.organisation_id).first()
    if taker is None:
        raise Invalid(
            "A list is offered to another active member.", code="transfer.taker", field="organisation_id"
        )
    return taker


def _require_none_open(locked: HashList) -> None:
    if ListTransfer.objects.filter(hash_list=locked, state__in=OPEN).exists():
        raise _offered_already()


def _insert(hash_list: HashList, taker: Organisation, now: datetime) -> ListTransfer:
    try:
        with transaction.atomic():
            return ListTransfer.objects.create(
                hash_list=hash_list, giver_id=hash_list.organisation_id, taker=taker, created_at=now
            )
    except IntegrityError:
        raise _offered_already() from None


def _offered_already() -> Conflict:
    return Conflict(
        "This list is on offer already.",
        code="transfer.offered_already",
        advice="Withdraw that offer first.",
    )


def _waiting(transfer_id: uuid.UUID, actor: Actor) -> ListTransfer:
    """An offer to or from the actor's organisation, under the list's lock."""
    found = transfers_of(actor).filter(id=transfer_id).first()
    if found is None:
        raise _not_found()
    actor.person()
    actor.require(Permission.LIST_MANAGE)
    HashList.objects.lock(found.hash_list_id)
    return found


def _not_found() -> NotFound:
    return NotFound("There is no such offer.", code="transfer.not_found")
