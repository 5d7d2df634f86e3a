"""A list changes hands with the officers' signatures, in one step; before them nothing is different."""

from __future__ import annotations

from pathlib import Path

import pytest

from accounts.dual_control.models import Proposal
from accounts.errors import Conflict, NotAllowed, NotFound
from accounts.identity.acting import Actor
from accounts.identity.models import Organisation
from accounts.membership.members import end_membership
from hashsets.lists.models import Audience, HashList, ListSigningKey, Tlp
from hashsets.trust import custody, renewal, transfer
from hashsets.trust.models import AwaitedFile, ListTransfer, RoleName, TransferState
from hashsets.trust.signers import entitled_keys
from tests import cast
from tests.hashsets.trust import publishing
from tests.hashsets.trust.publishing import Member, OwnKey
from tests.hashsets.trust.test_ceremony import (
    Officer,
    _begin,
    _export,
    _hold,
    _import,
    _new_list,
    officers,
    production,
)

pytestmark = pytest.mark.django_db

__all__ = ["officers", "production"]  # fixtures


def sees(actor: Actor, hash_list: HashList) -> bool:
    return HashList.objects.visible_to(actor).filter(id=hash_list.id).exists()


def agreed(tmp_path: Path, officers: list[Officer]) -> tuple[HashList, OwnKey, OwnKey]:
    """A published TLP:RED list for nobody else, offered by two of Harbor and accepted by two of Northland."""
    harbor, northland, now = cast.harbor(), cast.northland(), publishing.now()
    _begin(officers)
    hash_list, ours = _new_list()
    _hold(tmp_path / "first", officers[:2])
    ListSigningKey.objects.create(hash_list=hash_list, signing_key=ours.row)
    HashList.objects.filter(id=hash_list.id).update(tlp=Tlp.RED, audience=Audience.NAMED)
    publishing.publish(hash_list, {"manifest.json": b"1"}, [ours])
    theirs = publishing.own_key(northland)
    hash_list.refresh_from_db()
    offered = transfer.offer_list(
        hash_list, taker_id=northland.organisation.id, actor=harbor.admin.actor, now=now
    )
    cast.second(offered, harbor.second_admin.actor, now=now)
    waiting = ListTransfer.objects.get()
    taking = transfer.accept_list(
        waiting.id, key_ids=[theirs.row.id], threshold=1, actor=northland.admin.actor, now=now
    )
    cast.second(taking, northland.second_admin.actor, now=now)
    hash_list.refresh_from_db()
    return hash_list, ours, theirs


def test_before_the_officers_sign_nothing_is_different(
    tmp_path: Path, officers: list[Officer], member: Member
) -> None:
    harbor, northland = cast.harbor(), cast.northland()
    hash_list, ours, _theirs = agreed(tmp_path, officers)
    assert ListTransfer.objects.get().state == TransferState.AGREED
    assert hash_list.organisation_id == harbor.organisation.id
    assert list(entitled_keys(hash_list.id)) == [ours.row]
    assert not sees(northland.admin.actor, hash_list), "the taker reads nothing of it"
    assert sees(harbor.viewer.actor, hash_list)
    publishing.publish(hash_list, {"manifest.json": b"2"}, [ours])
    assert member.fetch(hash_list.id) == b"2", "the giver publishes as before"


def test_with_their_signatures_it_changes_hands_in_one_step(
    tmp_path: Path, officers: list[Officer], member: Member
) -> None:
    harbor, northland, now = cast.harbor(), cast.northland(), publishing.now()
    hash_list, _ours, theirs = agreed(tmp_path, officers)
    assert _hold(tmp_path / "one", officers[:1]).installed == (), "one officer of two"
    hash_list.refresh_from_db()
    assert hash_list.organisation_id == harbor.organisation.id
    assert _hold(tmp_path / "two", officers[:2]).installed == (hash_list.id,)
    hash_list.refresh_from_db()
    assert hash_list.organisation_id == northland.organisation.id
    assert list(entitled_keys(hash_list.id)) == [theirs.row]
    assert (sees(northland.viewer.actor, hash_list), sees(harbor.viewer.actor, hash_list)) == (True, False)
    assert ListTransfer.objects.get().state == TransferState.ACCEPTED
    assert member.fetch(hash_list.id) == b"1", "members are served the state of before until the keys signed"
    left = renewal.renewal_of(hash_list, actor=northland.signer.actor)
    renewal.add_renewal_signature(
        hash_list,
        keyid=theirs.row.keyid,
        signature=theirs.sign(left.signed_part),
        actor=northland.signer.actor,
        now=now,
    )
    assert member.fetch(hash_list.id) == b"1"
    publishing.publish(hash_list, {"manifest.json": b"3"}, [theirs])
    assert member.fetch(hash_list.id) == b"3"


@pytest.mark.parametrize("who", ["giver", "taker"])
def test_either_side_abandons_it_before(tmp_path: Path, officers: list[Officer], who: str) -> None:
    crews = {"giver": cast.harbor(), "taker": cast.northland()}
    hash_list, _ours, _theirs = agreed(tmp_path, officers)
    with pytest.raises(NotFound):
        transfer.end_offer(ListTransfer.objects.get().id, actor=cast.stranger().actor, now=publishing.now())
    transfer.end_offer(ListTransfer.objects.get().id, actor=crews[who].admin.actor, now=publishing.now())
    assert not AwaitedFile.objects.filter(repository_id=hash_list.id, role=RoleName.TARGETS).exists()
    assert _export(tmp_path / "later") == [], "nothing waits for the officers any more"
    hash_list.refresh_from_db()
    assert hash_list.organisation_id == cast.harbor().organisation.id


def test_the_giver_names_no_other_signers_meanwhile(tmp_path: Path, officers: list[Officer]) -> None:
    harbor = cast.harbor()
    hash_list, ours, _theirs = agreed(tmp_path, officers)
    with pytest.raises(Conflict) as refusal:
        custody.change_signers(
            hash_list, key_ids=[ours.row.id], threshold=1, actor=harbor.admin.actor, now=publishing.now()
        )
    assert refusal.value.code == "transfer.under_way"
    with pytest.raises(Conflict) as again:
        transfer.offer_list(
            hash_list,
            taker_id=cast.lumen().organisation.id,
            actor=harbor.admin.actor,
            now=publishing.now(),
        )
    assert again.value.code == "transfer.offered_already"


@pytest.mark.parametrize("whose", ["giver", "taker"])
def test_a_key_that_is_revoked_meanwhile_ends_it_where_it_was_to_sign(
    tmp_path: Path, officers: list[Officer], whose: str
) -> None:
    hash_list, ours, theirs = agreed(tmp_path, officers)
    spare = publishing.own_key(cast.harbor())
    ListSigningKey.objects.create(hash_list=hash_list, signing_key=spare.row)
    key, crew = (ours, cast.harbor()) if whose == "giver" else (theirs, cast.northland())
    custody.revoke_signer(key.row.id, actor=crew.admin.actor, now=publishing.now())
    assert ListTransfer.objects.get().state == TransferState.ENDED
    asked = _export(tmp_path / "later")
    if asked:
        _hold(tmp_path / "again", officers[:2])
    assert bool(asked) == (whose == "giver"), "the giver's own rule without its key, or nothing"
    hash_list.refresh_from_db()
    assert hash_list.organisation_id == cast.harbor().organisation.id


@pytest.mark.parametrize(
    "what", ["taker suspended", "taker closed", "giver's second left", "taker's first left"]
)
def test_one_that_could_not_be_agreed_to_any_more_ends_before_a_signature_is_taken(
    tmp_path: Path, officers: list[Officer], what: str
) -> None:
    harbor, northland, now = cast.harbor(), cast.northland(), publishing.now()
    hash_list, _ours, _theirs = agreed(tmp_path, officers)
    folder = tmp_path / "signed"
    _export(folder)
    for officer in officers[:2]:
        officer.sign(folder)
    if what.startswith("taker "):
        status = "suspended" if "suspended" in what else "closed"
        Organisation.objects.filter(id=northland.organisation.id).update(status=status)
    else:
        who, by = (
            (harbor.second_admin, harbor.admin)
            if "giver" in what
            else (northland.admin, northland.second_admin)
        )
        end_membership(who.user.memberships.get().id, actor=by.actor, now=now)
    done = _import(folder)
    assert done.installed == ()
    hash_list.refresh_from_db()
    assert hash_list.organisation_id == harbor.organisation.id
    assert ListTransfer.objects.get().state == TransferState.ENDED
    assert not AwaitedFile.objects.filter(repository_id=hash_list.id, role=RoleName.TARGETS).exists()


def test_ending_it_keeps_what_other_officers_are_asked_for(tmp_path: Path, officers: list[Officer]) -> None:
    hash_list, _ours, _theirs = agreed(tmp_path, officers)
    _begin(officers, threshold=3)
    transfer.end_offer(
        ListTransfer.objects.get().id, actor=cast.northland().admin.actor, now=publishing.now()
    )
    waiting = AwaitedFile.objects.filter(repository_id=hash_list.id)
    assert set(waiting.values_list("role", flat=True)) == {RoleName.ROOT, RoleName.TARGETS}
    assert hash_list.id in _hold(tmp_path / "new officers", officers).installed
    hash_list.refresh_from_db()
    assert hash_list.organisation_id == cast.harbor().organisation.id


def test_nothing_is_accepted_while_the_officers_are_asked_about_the_list(
    tmp_path: Path, officers: list[Officer]
) -> None:
    harbor, northland, now = cast.harbor(), cast.northland(), publishing.now()
    _begin(officers)
    hash_list, ours = _new_list()
    _hold(tmp_path / "first", officers[:2])
    ListSigningKey.objects.create(hash_list=hash_list, signing_key=ours.row)
    other, theirs = publishing.own_key(harbor), publishing.own_key(northland)
    rule = custody.change_signers(
        hash_list, key_ids=[other.row.id], threshold=1, actor=harbor.admin.actor, now=now
    )
    cast.second(rule, harbor.second_admin.actor, now=now)
    offered = transfer.offer_list(
        hash_list, taker_id=northland.organisation.id, actor=harbor.admin.actor, now=now
    )
    cast.second(offered, harbor.second_admin.actor, now=now)
    taking = transfer.accept_list(
        ListTransfer.objects.get().id,
        key_ids=[theirs.row.id],
        threshold=1,
        actor=northland.admin.actor,
        now=now,
    )
    with pytest.raises(Conflict) as refusal:
        cast.second(taking, northland.second_admin.actor, now=now)
    assert refusal.value.code == "transfer.officers_asked"


def test_the_first_signers_are_no_fewer_than_the_list_states(officers: list[Officer]) -> None:
    harbor, now = cast.harbor(), publishing.now()
    _begin(officers)
    hash_list, key = _new_list()
    HashList.objects.filter(id=hash_list.id).update(signature_threshold=2)
    wish = custody.change_signers(
        hash_list, key_ids=[key.row.id], threshold=1, actor=harbor.admin.actor, now=now
    )
    assert wish is not None


def test_a_rule_that_one_person_loosens_waits(tmp_path: Path, officers: list[Officer]) -> None:
    harbor, now = cast.harbor(), publishing.now()
    _begin(officers)
    hash_list, first = _new_list()
    second, third = publishing.own_key(harbor), publishing.own_key(harbor)
    for key in (first, second, third):
        ListSigningKey.objects.create(hash_list=hash_list, signing_key=key.row)
    HashList.objects.filter(id=hash_list.id).update(signature_threshold=2)

    def wish(keys: list[OwnKey], threshold: int) -> Proposal | None:
        return custody.change_signers(
            hash_list,
            key_ids=[key.row.id for key in keys],
            threshold=threshold,
            actor=harbor.admin.actor,
            now=now,
        )

    lower = wish([first], 1)
    assert lower is not None, "from 2 of 3 to 1 of 1"
    hash_list.refresh_from_db()
    assert hash_list.signature_threshold == 2
    with pytest.raises(NotAllowed) as own:
        cast.second(lower, harbor.admin.actor, now=now)
    assert own.value.code == "proposal.second_person"
    cast.second(lower, harbor.second_admin.actor, now=now)
    hash_list.refresh_from_db()
    assert hash_list.signature_threshold == 1
    assert wish([first], 1) is None, "nobody who could not sign before"
    assert wish([first, second], 2) is not None, "another key, though more must sign"
