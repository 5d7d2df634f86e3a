"""Private keys: sealed, bound to their row and their purpose, and never in anything that leaves the
exchange.
"""

from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction
from pytest_django.fixtures import Settings

from accounts.errors import Conflict, Corrupt, NotAllowed, NotFound
from accounts.sealing.keyring import current_keyring
from accounts.sealing.sealing import unseal
from accounts.signing_keys.models import SigningKey, SigningKeyStatus
from accounts.signing_keys.register import confirm_key, revoke_key
from hashsets.trust import hosted, list_role, private_keys, push_key, repository
from hashsets.trust.export import export_repository
from hashsets.trust.models import PrivateKey, PrivateKeyPurpose
from tests import cast
from tests.hashsets.trust import publishing
from tests.hashsets.trust.publishing import Member

pytestmark = pytest.mark.django_db


def _hosted(*, confirmed: bool = True) -> SigningKey:
    harbor = cast.harbor()
    key = hosted.create_hosted_key(
        harbor.organisation, name="Hosted", actor=harbor.admin.actor, now=publishing.now()
    )
    if confirmed:
        key = confirm_key(key.id, actor=harbor.second_admin.actor, now=publishing.now())
    return key


def test_a_hosted_key_signs_for_its_publisher(member: Member) -> None:
    key = _hosted()
    hash_list = publishing.new_list(cast.harbor())
    repository.open_repository(hash_list, publisher_keys=[key], threshold=1, now=publishing.now())
    part = publishing.draft(hash_list, {"manifest.json": b"hosted"})
    signature = hosted.sign_hosted(key, part)
    delegation = repository.delegation_bytes(hash_list.id)
    assert list_role.valid_signatures(delegation, part, {key.keyid: signature}) == {key.keyid}
    publishing.commit(hash_list, list_role.assemble(part, {key.keyid: signature}))
    export_repository(hash_list.id, now=publishing.now())
    assert member.fetch(hash_list.id) == b"hosted"
    assert b'"key_custody":"hosted"' in publishing.metadata_path(hash_list.id, "1.targets.json").read_bytes()


def test_a_hosted_key_signs_only_while_two_people_stand_behind_it() -> None:
    key = _hosted(confirmed=False)
    assert key.status == SigningKeyStatus.PENDING
    with pytest.raises(Conflict) as refusal:
        hosted.sign_hosted(key, b"part")
    assert refusal.value.code == "key.not_active"
    harbor = cast.harbor()
    key = confirm_key(key.id, actor=harbor.second_admin.actor, now=publishing.now())
    assert hosted.sign_hosted(key, b"part")
    key = revoke_key(key.id, actor=harbor.admin.actor, now=publishing.now())
    with pytest.raises(Conflict):
        hosted.sign_hosted(key, b"part")


def test_a_stranger_gets_no_hosted_key() -> None:
    harbor, stranger = cast.harbor(), cast.stranger()
    for actor in (stranger.actor, harbor.viewer.actor):
        with pytest.raises((NotFound, NotAllowed)):
            hosted.create_hosted_key(harbor.organisation, name="Mine", actor=actor, now=publishing.now())
    assert not PrivateKey.objects.exists()
    assert not SigningKey.objects.exists()


def test_the_exchange_does_not_sign_with_a_key_that_it_only_knows() -> None:
    own = publishing.own_key(cast.harbor())
    with pytest.raises(Conflict) as refusal:
        hosted.sign_hosted(own.row, b"part")
    assert refusal.value.code == "key.not_hosted"


def test_a_stored_key_is_sealed_and_bound_to_its_row() -> None:
    first, second = _hosted(), push_key
    second.ensure_key(publishing.now())
    row = PrivateKey.objects.get(keyid=first.keyid)
    context = f"PrivateKey:{row.id}:sealed"
    private = unseal(row.sealed, keyring=current_keyring(), context=context)
    assert private not in row.sealed.encode()
    assert private.hex() not in row.sealed
    # Moved to another row: whoever can write the database cannot make one key pass for another.
    PrivateKey.objects.filter(purpose=PrivateKeyPurpose.PUSH).update(sealed=row.sealed)
    with pytest.raises(Corrupt) as refusal:
        push_key.sign_notice(b"notice")
    assert refusal.value.code == "sealing.not_authentic"


def test_without_the_key_of_this_installation_nothing_opens(settings: Settings) -> None:
    key = _hosted()
    settings.HX_SECRETS_KEYS = (("other", b"\x01" * 32),)
    with pytest.raises(Corrupt) as refusal:
        hosted.sign_hosted(key, b"part")
    assert refusal.value.code == "sealing.key_missing"


def test_a_key_never_signs_for_another_purpose() -> None:
    key = _hosted()
    for purpose in (PrivateKeyPurpose.ONLINE, PrivateKeyPurpose.PUSH, PrivateKeyPurpose.OFFICER):
        with pytest.raises(NotFound) as refusal:
            private_keys.sign_as(key.keyid, purpose, b"payload")
        assert refusal.value.code == "private_key.not_found"


def test_every_list_has_an_online_key_of_its_own() -> None:
    harbor = cast.harbor()
    key = publishing.own_key(harbor)
    lists = [publishing.open_list(harbor, [key]) for _ in range(3)]
    online = PrivateKey.objects.filter(purpose=PrivateKeyPurpose.ONLINE)
    assert online.values("keyid").distinct().count() == len(lists) + 1
    with pytest.raises(IntegrityError), transaction.atomic():
        private_keys.create_key(PrivateKeyPurpose.ONLINE, repository_id=lists[0].id, now=publishing.now())


def test_no_private_byte_is_written_out() -> None:
    key = _hosted()
    hash_list = publishing.new_list(cast.harbor())
    repository.open_repository(hash_list, publisher_keys=[key], threshold=1, now=publishing.now())
    for repository_id in (hash_list.id, "directory"):
        export_repository(repository_id, now=publishing.now())
    secrets = [
        unseal(row.sealed, keyring=current_keyring(), context=f"PrivateKey:{row.id}:sealed")
        for row in PrivateKey.objects.all()
    ]
    assert len(secrets) == 5
    served = b"".join(path.read_bytes() for path in publishing.blob_folder().rglob("*") if path.is_file())
    assert served
    assert all(secret not in served and secret.hex().encode() not in served for secret in secrets)
