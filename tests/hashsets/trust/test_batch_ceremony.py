"""One gathering of officers for many lists: new ones, changed keys and a new online key, in one folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from hashsets.lists.models import ListSigningKey
from hashsets.trust import custody, renewal, repository
from hashsets.trust.models import DIRECTORY, Repository
from tests import cast
from tests.hashsets.trust import publishing
from tests.hashsets.trust.publishing import Member
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


def test_officers_sign_for_many_lists_at_once_and_one_bad_signature_spoils_only_itself(
    tmp_path: Path, officers: list[Officer], member: Member
) -> None:
    _begin(officers)
    lists = [_new_list() for _ in range(4)]
    folder = tmp_path / "stick"
    names = _export(folder)
    assert len(names) == 2 * (len(lists) + 1)
    for officer in officers[:2]:
        officer.sign(folder)
    spoiled = lists[0][0].id
    for path in (folder / "signatures").glob(f"{spoiled}.1.root.*.sig"):
        path.write_bytes(b"\0" * 64)
    done = _import(folder)
    assert len(done.refused) == 2
    assert set(done.installed) == {DIRECTORY, *(hash_list.id for hash_list, _ in lists[1:])}
    assert not Repository.objects.get(id=spoiled).is_open
    # The third officer mends it at the next gathering: one more valid signature, and one that was good.
    done = _hold(tmp_path / "second stick", officers[1:])
    assert done.installed == (spoiled,)
    for hash_list, key in lists:
        publishing.publish(hash_list, {"manifest.json": b"1"}, [key])
        assert member.fetch(hash_list.id) == b"1"


def test_more_signatures_than_needed_do_no_harm(tmp_path: Path, officers: list[Officer]) -> None:
    _begin(officers)
    hash_list, _ = _new_list()
    done = _hold(tmp_path / "stick", officers)
    assert set(done.installed) == {DIRECTORY, hash_list.id}
    assert done.waiting == ()


def test_changed_keys_of_several_lists_and_a_new_online_key_take_one_gathering(
    tmp_path: Path, officers: list[Officer], member: Member
) -> None:
    _begin(officers)
    lists = [_new_list() for _ in range(3)]
    _hold(tmp_path / "first", officers[:2])
    harbor = cast.harbor()
    for hash_list, key in lists:
        ListSigningKey.objects.create(hash_list=hash_list, signing_key=key.row)
        publishing.publish(hash_list, {"manifest.json": b"1"}, [key])
        assert member.fetch(hash_list.id) == b"1"
    new = publishing.own_key(harbor)
    for hash_list, _ in lists[:2]:
        proposed = custody.change_signers(
            hash_list, key_ids=[new.row.id], threshold=1, actor=harbor.admin.actor, now=publishing.now()
        )
        cast.second(proposed, harbor.second_admin.actor, now=publishing.now())
    repository.replace_online_key(lists[2][0].id, now=publishing.now())
    # The renewals wait for the publisher, not for the officers.
    names = _export(tmp_path / "second")
    assert sorted(names) == sorted(
        [f"{hash_list.id}.2.targets" for hash_list, _ in lists[:2]] + [f"{lists[2][0].id}.2.root"]
    )
    done = _hold(tmp_path / "third", officers[:2])
    assert set(done.installed) == {hash_list.id for hash_list, _ in lists}
    for hash_list, _ in lists:
        assert member.fetch(hash_list.id) == b"1"
    for hash_list, _ in lists[:2]:
        left = renewal.renewal_of(hash_list, actor=harbor.signer.actor)
        signed = renewal.add_renewal_signature(
            hash_list,
            keyid=new.row.keyid,
            signature=new.sign(left.signed_part),
            actor=harbor.signer.actor,
            now=publishing.now(),
        )
        assert signed is None
        assert member.fetch(hash_list.id) == b"1"
