"""Who may change a list's keys, renew it or close it; and what is refused on the way."""

from __future__ import annotations

from collections.abc import Callable
from uuid import uuid4

import pytest

from accounts.audit.models import AuditEvent
from accounts.errors import Conflict, Invalid, NotAllowed, NotFound
from accounts.signing_keys.models import SigningKeyStatus
from hashsets.lists.models import Audience, HashList, ListSigningKey, ListStatus
from hashsets.trust import custody, lifetimes, renewal, repository
from hashsets.trust.models import AwaitedFile, Repository, RoleName
from hashsets.trust.resign import ageing_lists, resign_repository
from hashsets.trust.signers import is_frozen
from tests import cast
from tests.hashsets.trust import publishing
from tests.hashsets.trust.publishing import Member, OwnKey

pytestmark = pytest.mark.django_db


def list_signed_by(crew: cast.Crew, keys: list[OwnKey], threshold: int) -> HashList:
    """A published list whose rows say the same as its delegation."""
    hash_list = publishing.open_list(crew, keys, threshold=threshold)
    for key in keys:
        ListSigningKey.objects.create(hash_list=hash_list, signing_key=key.row)
    HashList.objects.filter(id=hash_list.id).update(signature_threshold=threshold)
    publishing.publish(hash_list, {"manifest.json": b"1"}, keys)
    hash_list.refresh_from_db()
    return hash_list


def renew(hash_list: HashList, crew: cast.Crew, *keys: OwnKey) -> renewal.Renewal | None:
    left: renewal.Renewal | None = renewal.renewal_of(hash_list, actor=crew.signer.actor)
    for key in keys:
        assert left is not None
        left = renewal.add_renewal_signature(
            hash_list,
            keyid=key.row.keyid,
            signature=key.sign(left.signed_part),
            actor=crew.signer.actor,
            now=publishing.now(),
        )
    return left


def change(hash_list: HashList, crew: cast.Crew, keys: list[OwnKey], threshold: int) -> None:
    now = publishing.now()
    proposed = custody.change_signers(
        hash_list, key_ids=[key.row.id for key in keys], threshold=threshold, actor=crew.admin.actor, now=now
    )
    if proposed is not None:
        cast.second(proposed, crew.second_admin.actor, now=now)


def test_a_renewal_is_the_same_content_under_the_next_version(new_member: Callable[[str], Member]) -> None:
    harbor = cast.harbor()
    key = publishing.own_key(harbor)
    hash_list = list_signed_by(harbor, [key], 1)
    assert new_member("old").fetch(hash_list.id) == b"1"
    before = repository.published_list_version(hash_list.id)
    prepared = renewal.prepare_renewal(hash_list, actor=harbor.signer.actor, now=publishing.now())
    assert (prepared.list_version, prepared.needed, prepared.signatures) == (before + 1, 1, ())
    assert renew(hash_list, harbor, key) is None
    assert repository.published_list_version(hash_list.id) == before + 1
    for name in ("old", "fresh"):
        assert new_member(name).fetch(hash_list.id) == b"1"
    with pytest.raises(NotFound):
        renewal.renewal_of(hash_list, actor=harbor.signer.actor)
    actions = AuditEvent.objects.filter(subject_id=hash_list.id, action__startswith="list.rene")
    assert set(actions.values_list("action", flat=True)) == {"list.renewal_prepared", "list.renewed"}


def test_only_valid_signatures_of_entitled_keys_renew() -> None:
    harbor = cast.harbor()
    keys = [publishing.own_key(harbor) for _ in range(2)]
    outside = publishing.own_key(harbor)
    hash_list = list_signed_by(harbor, keys, 2)
    prepared = renewal.prepare_renewal(hash_list, actor=harbor.signer.actor, now=publishing.now())
    part, signer, now = prepared.signed_part, harbor.signer.actor, publishing.now()
    with pytest.raises(Conflict) as refused:
        renewal.add_renewal_signature(
            hash_list, keyid=outside.row.keyid, signature=outside.sign(part), actor=signer, now=now
        )
    assert refused.value.code == "key.not_entitled"
    for wrong in (keys[1].sign(part), keys[0].sign(part + b" "), "00" * 64):
        with pytest.raises(Invalid):
            renewal.add_renewal_signature(
                hash_list, keyid=keys[0].row.keyid, signature=wrong, actor=signer, now=now
            )
    left = renew(hash_list, harbor, keys[0])
    assert left is not None and left.signatures == (keys[0].row.keyid,)
    # The same key again is not a second one.
    left = renew(hash_list, harbor, keys[0])
    assert left is not None and left.signatures == (keys[0].row.keyid,)


def test_a_signature_of_a_key_that_was_revoked_meanwhile_does_not_count() -> None:
    harbor = cast.harbor()
    keys = [publishing.own_key(harbor) for _ in range(3)]
    hash_list = list_signed_by(harbor, keys, 2)
    renewal.prepare_renewal(hash_list, actor=harbor.signer.actor, now=publishing.now())
    renew(hash_list, harbor, keys[0])
    custody.revoke_signer(keys[0].row.id, actor=harbor.admin.actor, now=publishing.now())
    left = renew(hash_list, harbor, keys[1])
    assert left is not None and left.signatures == (keys[1].row.keyid,)
    assert renew(hash_list, harbor, keys[2]) is None


def test_a_renewal_is_not_shown_to_the_officers(monkeypatch: pytest.MonkeyPatch) -> None:
    harbor = cast.harbor()
    key = publishing.own_key(harbor)
    hash_list = list_signed_by(harbor, [key], 1)
    renewal.prepare_renewal(hash_list, actor=harbor.signer.actor, now=publishing.now())
    assert AwaitedFile.objects.filter(repository_id=hash_list.id, role=RoleName.LIST).exists()
    assert not AwaitedFile.objects.of_officers().exists()
    assert not repository.awaits_officers(hash_list.id)
    resign_repository(hash_list.id, now=publishing.now())
    assert renew(hash_list, harbor, key) is None


def test_nothing_is_renewed_before_the_first_release() -> None:
    harbor = cast.harbor()
    hash_list = publishing.open_list(harbor, [publishing.own_key(harbor)])
    with pytest.raises(Conflict) as refused:
        renewal.prepare_renewal(hash_list, actor=harbor.signer.actor, now=publishing.now())
    assert refused.value.code == "renewal.nothing_published"


def test_below_the_threshold_a_list_is_frozen_until_it_has_new_keys(member: Member) -> None:
    harbor = cast.harbor()
    keys = [publishing.own_key(harbor) for _ in range(2)]
    hash_list = list_signed_by(harbor, keys, 2)
    done = custody.revoke_signer(keys[0].row.id, actor=harbor.admin.actor, now=publishing.now())
    assert (done.key.status, done.frozen) == (SigningKeyStatus.REVOKED, (hash_list.id,))
    assert is_frozen(hash_list)
    assert member.fetch(hash_list.id) == b"1"
    new = publishing.own_key(harbor)
    change(hash_list, harbor, [keys[1], new], 2)
    assert renew(hash_list, harbor, keys[1], new) is None
    hash_list.refresh_from_db()
    assert not is_frozen(hash_list)
    assert member.fetch(hash_list.id) == b"1"


def test_rules_that_cannot_be_met_and_other_peoples_keys_are_refused() -> None:
    harbor, northland = cast.harbor(), cast.northland()
    key, foreign = publishing.own_key(harbor), publishing.own_key(northland)
    hash_list = list_signed_by(harbor, [key], 1)
    before = set(hash_list.signers.values_list("signing_key_id", flat=True))
    with pytest.raises(Invalid) as refused:
        change(hash_list, harbor, [key], 2)
    assert refused.value.code == "threshold.out_of_range"
    with pytest.raises(NotFound):
        change(hash_list, harbor, [key, foreign], 1)
    with pytest.raises(Conflict):
        custody.revoke_signer(key.row.id, actor=harbor.admin.actor, now=publishing.now())
        change(hash_list, harbor, [key], 1)
    assert set(hash_list.signers.values_list("signing_key_id", flat=True)) == before
    assert HashList.objects.get(id=hash_list.id).signature_threshold == 1


def test_strangers_colleagues_and_machines_change_nothing() -> None:
    harbor, stranger = cast.harbor(), cast.stranger()
    key = publishing.own_key(harbor)
    hash_list = list_signed_by(harbor, [key], 1)
    HashList.objects.filter(id=hash_list.id).update(audience=Audience.NAMED)
    hash_list.refresh_from_db()
    now = publishing.now()
    for actor, refusal in ((stranger.actor, NotFound), (harbor.signer.actor, NotAllowed)):
        with pytest.raises(refusal):
            custody.close_list(hash_list, actor=actor, now=now)
        with pytest.raises(refusal):
            custody.revoke_signer(key.row.id, actor=actor, now=now)
        with pytest.raises(refusal):
            custody.change_signers(hash_list, key_ids=[key.row.id], threshold=1, actor=actor, now=now)
    with pytest.raises(NotFound):
        renewal.prepare_renewal(hash_list, actor=stranger.actor, now=now)
    with pytest.raises(NotAllowed):
        renewal.prepare_renewal(hash_list, actor=harbor.viewer.actor, now=now)
    with pytest.raises(NotFound):
        custody.revoke_signer(uuid4(), actor=harbor.admin.actor, now=now)
    hash_list.refresh_from_db()
    assert hash_list.status == ListStatus.ACTIVE


def test_a_closed_list_stays_closed_and_readable_and_can_be_renewed(member: Member) -> None:
    harbor = cast.harbor()
    key = publishing.own_key(harbor)
    hash_list = list_signed_by(harbor, [key], 1)
    closed = custody.close_list(hash_list, actor=harbor.admin.actor, now=publishing.now())
    assert closed.status == ListStatus.CLOSED
    with pytest.raises(Conflict):
        custody.close_list(closed, actor=harbor.admin.actor, now=publishing.now())
    with pytest.raises(Conflict):
        change(closed, harbor, [key], 1)
    resign_repository(hash_list.id, now=publishing.now())
    renewal.prepare_renewal(closed, actor=harbor.signer.actor, now=publishing.now())
    assert renew(closed, harbor, key) is None
    assert member.fetch(hash_list.id) == b"1"


def test_a_list_that_grows_old_is_named_in_good_time() -> None:
    """After 400 days nobody could verify it any more, and the online key could not help."""
    harbor = cast.harbor()
    key = publishing.own_key(harbor)
    hash_list = list_signed_by(harbor, [key], 1)
    now = publishing.now()
    assert ageing_lists(now) == []
    late = now + lifetimes.LIST - lifetimes.RENEW_WITHIN
    assert [one.list_id for one in ageing_lists(late)] == [hash_list.id]
    renewal.prepare_renewal(hash_list, actor=harbor.signer.actor, now=now)
    assert renew(hash_list, harbor, key) is None
    assert Repository.objects.get(id=hash_list.id).list_version == 2
