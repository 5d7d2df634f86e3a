"""A list changes hands: with the consent of both, under the eyes of members, and without a gap."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from accounts.audit.models import AuditEvent
from accounts.dual_control.models import Proposal
from accounts.errors import Conflict, Invalid, NotAllowed, NotFound, Refusal
from accounts.identity.models import Organisation
from accounts.membership.members import add_member, end_membership
from hashsets.intake.models import Submission
from hashsets.lists.audience import set_findable
from hashsets.lists.models import HashList
from hashsets.trust import custody, renewal, transfer
from hashsets.trust.export import export_repository
from hashsets.trust.handover import GIVEN_BACK
from hashsets.trust.models import ListTransfer, TransferState
from hashsets.trust.resign import resign_repository
from tests import cast
from tests.hashsets.trust import publishing
from tests.hashsets.trust.publishing import Member
from tests.hashsets.trust.test_custody import list_signed_by, renew

pytestmark = pytest.mark.django_db


def offer(hash_list: HashList, giver: cast.Crew, taker: cast.Crew) -> ListTransfer:
    """By two of the giver."""
    now = publishing.now()
    proposed = transfer.offer_list(
        hash_list, taker_id=taker.organisation.id, actor=giver.admin.actor, now=now
    )
    cast.second(proposed, giver.second_admin.actor, now=now)
    return ListTransfer.objects.get(hash_list=hash_list, state=TransferState.OFFERED)


def accept(waiting: ListTransfer, taker: cast.Crew, *keys: publishing.OwnKey, threshold: int = 1) -> HashList:
    """By two of the taker; in the demo the officers sign at once."""
    now = publishing.now()
    proposed = transfer.accept_list(
        waiting.id,
        key_ids=[key.row.id for key in keys],
        threshold=threshold,
        actor=taker.admin.actor,
        now=now,
    )
    cast.second(proposed, taker.second_admin.actor, now=now)
    return HashList.objects.get(id=waiting.hash_list_id)


def test_members_follow_a_list_to_its_new_publisher(new_member: Callable[[str], Member]) -> None:
    harbor, northland = cast.harbor(), cast.northland()
    ours, theirs = publishing.own_key(harbor), publishing.own_key(northland)
    hash_list = list_signed_by(harbor, [ours], 1)
    assert new_member("old").fetch(hash_list.id) == b"1"
    # The giver's half-signed renewal must not survive.
    renewal.prepare_renewal(hash_list, actor=harbor.signer.actor, now=publishing.now())
    waiting = offer(hash_list, harbor, northland)
    taken = accept(waiting, northland, theirs)
    assert taken.organisation_id == northland.organisation.id
    export_repository(hash_list.id, now=publishing.now())
    resign_repository(hash_list.id, now=publishing.now())
    for name in ("old", "between"):
        assert new_member(name).fetch(hash_list.id) == b"1"
    # The giver decides nothing any more, and its key signs nothing.
    with pytest.raises(NotAllowed):
        custody.close_list(taken, actor=harbor.admin.actor, now=publishing.now())
    with pytest.raises(NotAllowed):
        renew(taken, harbor, ours)
    with pytest.raises(Conflict):
        renew(taken, northland, ours)
    assert renew(taken, northland, theirs) is None
    publishing.publish(taken, {"manifest.json": b"2"}, [theirs])
    for name in ("old", "between", "late"):
        assert new_member(name).fetch(hash_list.id) == b"2"
    targets = json.loads(publishing.metadata_path(hash_list.id, "2.targets.json").read_bytes())
    assert targets["signed"]["x-publisher"]["name"] == "Northland Police"
    told = AuditEvent.objects.filter(subject_id=hash_list.id, action__startswith="list.transfer")
    assert set(told.values_list("action", "organisation_id")) == {
        ("list.transfer_offered", harbor.organisation.id),
        ("list.transfer_ended", harbor.organisation.id),
        ("list.transferred", northland.organisation.id),
    }


def test_an_offer_alone_changes_nothing_and_either_side_ends_it() -> None:
    harbor, northland = cast.harbor(), cast.northland()
    hash_list = list_signed_by(harbor, [publishing.own_key(harbor)], 1)
    for who in (harbor, northland):
        waiting = offer(hash_list, harbor, northland)
        with pytest.raises(Conflict) as refused:
            offer(hash_list, harbor, cast.lumen())
        assert refused.value.code == "transfer.offered_already"
        ended = transfer.end_offer(waiting.id, actor=who.admin.actor, now=publishing.now())
        assert ended.state == TransferState.ENDED
        hash_list.refresh_from_db()
        assert hash_list.organisation_id == harbor.organisation.id
        key = publishing.own_key(northland)
        with pytest.raises(NotFound):
            transfer.accept_list(
                waiting.id,
                key_ids=[key.row.id],
                threshold=1,
                actor=northland.admin.actor,
                now=publishing.now(),
            )


def test_only_the_one_it_was_offered_to_takes_a_list() -> None:
    harbor, northland, stranger = cast.harbor(), cast.northland(), cast.stranger()
    own = publishing.own_key(harbor)
    hash_list = list_signed_by(harbor, [own], 1)
    waiting, now = offer(hash_list, harbor, northland), publishing.now()
    theirs = publishing.own_key(northland)
    for actor, refusal in (
        (stranger.actor, NotFound),
        (harbor.admin.actor, NotFound),
        (northland.signer.actor, NotAllowed),
    ):
        with pytest.raises(refusal):
            transfer.accept_list(waiting.id, key_ids=[theirs.row.id], threshold=1, actor=actor, now=now)
    with pytest.raises(NotFound):
        transfer.end_offer(waiting.id, actor=stranger.actor, now=now)
    assert not transfer.transfers_of(stranger.actor).exists()
    # Nor with keys that are not its own, nor with a rule that cannot be met.
    for key, threshold, wrong in ((own, 1, NotFound), (theirs, 2, Invalid)):
        with pytest.raises(wrong):
            transfer.accept_list(
                waiting.id,
                key_ids=[key.row.id],
                threshold=threshold,
                actor=northland.admin.actor,
                now=now,
            )
    hash_list.refresh_from_db()
    assert hash_list.organisation_id == harbor.organisation.id


def test_a_list_goes_to_another_active_member_only_and_is_given_by_its_publisher() -> None:
    harbor, operator, stranger = cast.harbor(), cast.operator(), cast.stranger()
    hash_list = list_signed_by(harbor, [publishing.own_key(harbor)], 1)
    for taker_id in (harbor.organisation.id, operator.organisation.id, uuid4()):
        with pytest.raises(Invalid) as refused:
            transfer.offer_list(hash_list, taker_id=taker_id, actor=harbor.admin.actor, now=publishing.now())
        assert refused.value.code == "transfer.taker"
    for actor in (stranger.actor, harbor.signer.actor):
        with pytest.raises(NotAllowed):
            transfer.offer_list(
                hash_list, taker_id=stranger.organisation.id, actor=actor, now=publishing.now()
            )


def test_what_the_giver_has_begun_is_given_back_when_the_list_changes_hands() -> None:
    harbor, northland = cast.harbor(), cast.northland()
    hash_list = list_signed_by(harbor, [publishing.own_key(harbor)], 1)
    submission = Submission.objects.create(
        organisation=harbor.organisation,
        hash_list=hash_list,
        mode="add",
        upload_sha256="00" * 32,
        upload_length=1,
        received_at=publishing.now(),
        submitted_by=harbor.contributor.user,
        state="approved",
    )
    HashList.objects.filter(id=hash_list.id).update(audience="named")
    set_findable(hash_list.id, findable=True, actor=harbor.admin.actor, now=publishing.now())
    taken = accept(offer(hash_list, harbor, northland), northland, publishing.own_key(northland))
    assert taken.organisation_id == northland.organisation.id
    submission.refresh_from_db()
    assert (submission.state, submission.decision_reason) == ("returned", GIVEN_BACK)
    assert not Proposal.objects.filter(state="proposed").exists()


def test_nobody_gives_or_takes_a_list_alone() -> None:
    harbor, northland = cast.harbor(), cast.northland()
    hash_list, now = list_signed_by(harbor, [publishing.own_key(harbor)], 1), publishing.now()
    proposed = transfer.offer_list(
        hash_list, taker_id=northland.organisation.id, actor=harbor.admin.actor, now=now
    )
    assert not transfer.transfers_of(northland.admin.actor).exists(), "the taker sees nothing yet"
    for actor, code in (
        (harbor.admin.actor, "proposal.second_person"),
        (harbor.signer.actor, "permission.missing"),
        (northland.admin.actor, "proposal.not_found"),
        (cast.operator().admin.actor, "proposal.colleague_needed"),
    ):
        with pytest.raises(Refusal) as refusal:
            cast.second(proposed, actor, now=now)
        assert refusal.value.code == code
    cast.second(proposed, harbor.second_admin.actor, now=now)
    waiting, key = ListTransfer.objects.get(), publishing.own_key(northland)
    taking = transfer.accept_list(
        waiting.id, key_ids=[key.row.id], threshold=1, actor=northland.admin.actor, now=now
    )
    for actor, code in (
        (northland.admin.actor, "proposal.second_person"),
        (harbor.second_admin.actor, "proposal.not_found"),
    ):
        with pytest.raises(Refusal) as refusal:
            cast.second(taking, actor, now=now)
        assert refusal.value.code == code
    hash_list.refresh_from_db()
    assert hash_list.organisation_id == harbor.organisation.id
    cast.second(taking, northland.second_admin.actor, now=now)
    hash_list.refresh_from_db()
    assert hash_list.organisation_id == northland.organisation.id


def test_somebody_of_both_sides_is_one_person() -> None:
    harbor, northland = cast.harbor(), cast.northland()
    hash_list, now = list_signed_by(harbor, [publishing.own_key(harbor)], 1), publishing.now()
    waiting = offer(hash_list, harbor, northland)
    both = harbor.admin.user
    add_member(both, northland.organisation, roles=["admin"], actor=cast.HOST, now=now)
    key, there = publishing.own_key(northland), cast.acting(both, northland.organisation)
    rule: dict[str, Any] = {"key_ids": [key.row.id], "threshold": 1, "now": now}
    with pytest.raises(NotAllowed) as asks:
        transfer.accept_list(waiting.id, actor=there, **rule)
    assert asks.value.code == "transfer.both_sides"
    taking = transfer.accept_list(waiting.id, actor=northland.admin.actor, **rule)
    with pytest.raises(NotAllowed) as confirms:
        cast.second(taking, there, now=now)
    assert confirms.value.code == "transfer.both_sides"


def test_a_member_that_is_read_only_confirms_no_change_of_its_lists() -> None:
    harbor, now = cast.harbor(), publishing.now()
    hash_list = list_signed_by(harbor, [publishing.own_key(harbor)], 1)
    HashList.objects.filter(id=hash_list.id).update(audience="named")
    wider = set_findable(hash_list.id, findable=True, actor=harbor.admin.actor, now=now)
    Organisation.objects.filter(id=harbor.organisation.id).update(read_only_since=now)
    second = cast.acting(harbor.second_admin.user, harbor.organisation)
    with pytest.raises(NotAllowed) as refusal:
        cast.second(wider, second, now=now)
    assert refusal.value.code == "permission.missing"
    end_membership(harbor.second_admin.user.memberships.get().id, actor=harbor.admin.actor, now=now)
    with pytest.raises(Conflict) as stand_in:
        cast.second(wider, cast.operator().admin.actor, now=now)
    assert stand_in.value.code == "proposal.not_now", "nor does anybody for it"


def test_what_waits_about_an_offer_ends_with_it() -> None:
    harbor, northland, now = cast.harbor(), cast.northland(), publishing.now()
    hash_list = list_signed_by(harbor, [publishing.own_key(harbor)], 1)
    waiting, key = offer(hash_list, harbor, northland), publishing.own_key(northland)
    transfer.accept_list(waiting.id, key_ids=[key.row.id], threshold=1, actor=northland.admin.actor, now=now)
    transfer.end_offer(waiting.id, actor=harbor.admin.actor, now=now)
    assert not Proposal.objects.filter(kind="list-take", state="proposed").exists()
    assert offer(hash_list, harbor, northland).state == TransferState.OFFERED
