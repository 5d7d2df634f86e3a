"""The one step in which a list goes to its new publisher: when the officers have signed for the new keys.

Until then nothing is different: the giver's people decide, its keys sign, and the taker sees what it saw
before. With the officers' signed targets in force, in the transaction that puts them there: (1) the list is
the taker's, to decide about and to read; (2) the taker's keys sign it; (3) what the giver had begun is given
back; (4) the published content waits for the new keys as the next version. Members are served the state of
before until these have signed.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

from tuf.api.metadata import Targets

from accounts.audit.actions import Action
from accounts.audit.record import record
from accounts.dual_control.independence import why_not_second
from accounts.dual_control.models import Proposal, ProposalKind, ProposalState
from accounts.dual_control.propose import STAND_IN, act_of, proposer_counts
from accounts.identity.acting import Actor
from accounts.identity.models import ConfirmedAs, Organisation, OrganisationKind, OrganisationStatus
from accounts.signing_keys.models import SigningKey, SigningKeyStatus
from hashsets.intake.models import Submission, SubmissionState
from hashsets.lists.models import HashList
from hashsets.trust import list_role, metadata, officers, signed_files
from hashsets.trust.models import AwaitedFile, ListTransfer, Repository, RoleName, TransferState
from hashsets.trust.online import published_file
from hashsets.trust.renewal import await_renewal
from hashsets.trust.signers import replace_signers

OVER: Final = (
    SubmissionState.PUBLISHED,
    SubmissionState.REFUSED,
    SubmissionState.RETURNED,
    SubmissionState.WITHDRAWN,
)
GIVEN_BACK: Final = "The list went to another publisher."


def complete_transfer(list_id: str, *, actor: Actor, now: datetime) -> bool:
    """Hand the list over if the targets in force are those that were asked for. Returns whether it was.

    The caller holds the list's lock, in the transaction that put the targets into force.
    """
    transfer = _agreed(list_id)
    if transfer is None or not _in_force(transfer):
        return False
    hash_list = HashList.objects.get(id=list_id)
    keys = list(SigningKey.objects.filter(id__in=transfer.key_ids, status=SigningKeyStatus.ACTIVE))
    ListTransfer.objects.filter(id=transfer.id).update(state=TransferState.ACCEPTED, decided_at=now)
    HashList.objects.filter(id=list_id).update(organisation=transfer.taker)  # (1)
    hash_list.refresh_from_db()
    replace_signers(hash_list, keys, transfer.threshold, actor=actor, now=now)  # (2)
    _give_back(transfer, now=now)  # (3)
    row = Repository.objects.get(id=list_id)
    published = published_file(row)
    if published is not None:
        await_renewal(row, published.content, now=now)  # (4)
    transfer.state = TransferState.ACCEPTED
    record_transfer(Action.LIST_TRANSFER_ENDED, transfer, transfer.giver_id, actor=actor, now=now)
    record_transfer(Action.LIST_TRANSFERRED, transfer, transfer.taker_id, actor=actor, now=now)
    return True


def end_agreed(hash_list: HashList, *, now: datetime) -> ListTransfer | None:
    """End a handing over that waits for the officers, because they are asked for something else. The caller
    holds the list's lock, asks them, and records what it is given.
    """
    transfer = _agreed(hash_list.id)
    return transfer if transfer is not None and end_transfer(transfer, now=now) else None


def _withdraw_request(transfer: ListTransfer, *, now: datetime) -> None:
    """Take back what the officers were asked for. The delegation of before stays in force; where the officers
    change, it waits for both sets of them again, as it did before the handing over.
    """
    row = signed_files.lock_repository(transfer.hash_list_id)
    waiting = AwaitedFile.objects.filter(repository=row)
    waiting.filter(role=RoleName.TARGETS).delete()
    newest = signed_files.newest(row.id, RoleName.TARGETS)
    if newest is not None and waiting.filter(role=RoleName.ROOT).exists():
        officers.await_targets(row, metadata.read(bytes(newest.content), Targets).signed, now=now)


def end_what_counts_no_more(list_id: str, *, now: datetime) -> ListTransfer | None:
    """Before officers' signatures are taken: end a handing over that could not be agreed to any more, because
    the taker is no active member, a key of the new rule is not active, or one of the people who decided it
    counts no more. The caller holds the list's lock, and records what it is given.
    """
    transfer = _agreed(list_id)
    if transfer is None:
        return None
    active = SigningKey.objects.filter(
        id__in=transfer.key_ids, organisation_id=transfer.taker_id, status=SigningKeyStatus.ACTIVE
    )
    decided = decided_by(transfer)
    fit = (
        transfer.taker.status == OrganisationStatus.ACTIVE
        and transfer.giver.status == OrganisationStatus.ACTIVE
        and active.count() == len(transfer.key_ids)
        and len(decided) == 2  # the giver's and the taker's
        and all(_counts(proposal, now=now) for proposal in decided)
    )
    return transfer if not fit and end_transfer(transfer, now=now) else None


def decided_by(transfer: ListTransfer) -> list[Proposal]:
    """The giver's proposal and the taker's, as they were made: who asked, and who confirmed."""
    made = Proposal.objects.filter(state=ProposalState.MADE)
    giving = made.filter(kind=ProposalKind.LIST_GIVE, subject_id=transfer.hash_list_id)
    taking = made.filter(kind=ProposalKind.LIST_TAKE, subject_id=str(transfer.id))
    newest = (giving.order_by("-decided_at").first(), taking.order_by("-decided_at").first())
    return [one for one in newest if one is not None]


def _counts(proposal: Proposal, *, now: datetime) -> bool:
    """Whether whoever proposed and whoever confirmed could do so now."""
    if not proposer_counts(proposal, now=now) or proposal.decided_by_id is None:
        return False
    if proposal.decided_as == ConfirmedAs.COLLEAGUE:
        where, act = proposal.organisation_id, act_of(proposal)
    else:
        where = Organisation.objects.get(kind=OrganisationKind.OPERATOR).id
        act = act_of(proposal, STAND_IN)
    return not why_not_second(proposal.decided_by_id, where, act, now=now, since=proposal.decided_at)


def agreed_naming(key_id: UUID, organisation_id: UUID) -> list[ListTransfer]:
    """Handings over to this organisation, waiting for the officers, whose new rule names the key."""
    waiting = ListTransfer.objects.filter(state=TransferState.AGREED, taker_id=organisation_id)
    return [one for one in waiting.order_by("hash_list_id") if str(key_id) in one.key_ids]


def end_transfer(transfer: ListTransfer, *, now: datetime) -> bool:
    """End one that is open, with the proposal to accept it, and take back what the officers were asked for.
    The caller holds the list's lock and records it. False when somebody else was faster.
    """
    still = ListTransfer.objects.filter(id=transfer.id, state=transfer.state)
    if not still.update(state=TransferState.ENDED, decided_at=now):
        return False
    if transfer.state == TransferState.AGREED:
        _withdraw_request(transfer, now=now)
    Proposal.objects.filter(
        kind=ProposalKind.LIST_TAKE, subject_id=str(transfer.id), state=ProposalState.PROPOSED
    ).update(state=ProposalState.ENDED, decided_at=now)
    transfer.state, transfer.decided_at = TransferState.ENDED, now
    return True


def record_transfer(
    action: Action, transfer: ListTransfer, organisation_id: UUID, *, actor: Actor, now: datetime
) -> None:
    """One event of a handing over, in the part of the record that an organisation reads."""
    record(
        action,
        actor=actor,
        subject_type="list",
        subject_id=transfer.hash_list_id,
        organisation_id=organisation_id,
        now=now,
        facts={
            "transfer_id": transfer.id,
            "from": transfer.giver_id,
            "to": transfer.taker_id,
            "state": transfer.state,
        },
    )


def _agreed(list_id: str) -> ListTransfer | None:
    found = ListTransfer.objects.filter(hash_list_id=list_id, state=TransferState.AGREED)
    return found.select_related("taker", "giver").first()


def _in_force(transfer: ListTransfer) -> bool:
    """Whether the newest targets that officers have signed name the taker's keys and rule."""
    newest = signed_files.newest(transfer.hash_list_id, RoleName.TARGETS)
    if newest is None or not transfer.threshold:
        return False
    content = bytes(newest.content)
    wanted = set(SigningKey.objects.filter(id__in=transfer.key_ids).values_list("keyid", flat=True))
    return list_role.keyids(content) == wanted and list_role.threshold(content) == transfer.threshold


def _give_back(transfer: ListTransfer, *, now: datetime) -> None:
    """What the giver's people have proposed, submitted or begun to sign is nobody's any more."""
    Proposal.objects.filter(
        organisation_id=transfer.giver_id, subject_id=transfer.hash_list_id, state=ProposalState.PROPOSED
    ).update(state=ProposalState.ENDED, decided_at=now)
    # A draft of one of these finds its submission in another state, and is given up by whoever meets it.
    Submission.objects.filter(hash_list_id=transfer.hash_list_id).exclude(state__in=OVER).update(
        state=SubmissionState.RETURNED, decided_at=now, decision_reason=GIVEN_BACK, lease_until=None
    )
    AwaitedFile.objects.filter(repository_id=transfer.hash_list_id, role=RoleName.LIST).delete()
