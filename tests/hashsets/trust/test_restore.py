"""A database restored from a backup must never give out a version again, nor take anything from a member."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core import serializers

from accounts.errors import Corrupt, Refusal
from hashsets.lists.models import HashList
from hashsets.trust import list_role, repository
from hashsets.trust.export import export_repository
from hashsets.trust.models import Repository, SignedFile
from hashsets.trust.resign import due_repositories, resign_repository
from hashsets.trust.restore import LOST_DRAFTS, compare_with_export
from tests import cast
from tests.hashsets.trust import publishing
from tests.hashsets.trust.publishing import Member, OwnKey

pytestmark = pytest.mark.django_db


class _Backup:
    """The trust plane's rows of one list, as they were."""

    def __init__(self, hash_list: HashList) -> None:
        self.list_id = hash_list.id
        rows: list[Any] = [
            *Repository.objects.filter(id=hash_list.id),
            *SignedFile.objects.filter(repository_id=hash_list.id),
        ]
        self.content = serializers.serialize("json", rows)

    def restore(self) -> None:
        SignedFile.objects.filter(repository_id=self.list_id).delete()
        for row in serializers.deserialize("json", self.content):
            row.save()


def _world() -> tuple[HashList, OwnKey]:
    harbor = cast.harbor()
    key = publishing.own_key(harbor)
    hash_list = publishing.open_list(harbor, [key])
    publishing.publish(hash_list, {"manifest.json": b"1"}, [key])
    return hash_list, key


def test_used_versions_are_never_given_out_again(new_member: Callable[[str], Member]) -> None:
    hash_list, key = _world()
    backup = _Backup(hash_list)
    publishing.publish(hash_list, {"manifest.json": b"2"}, [key])
    publishing.publish(hash_list, {"manifest.json": b"3"}, [key])
    assert new_member("old").fetch(hash_list.id) == b"3"
    used = _files(hash_list)
    backup.restore()
    resign_repository(hash_list.id, now=publishing.now())
    # Neither the member that saw release 3 nor a fresh one notices anything.
    assert new_member("old").fetch(hash_list.id) == b"3"
    assert new_member("fresh").fetch(hash_list.id) == b"3"
    done = publishing.publish(hash_list, {"manifest.json": b"4"}, [key])
    assert done.list_version > 3 + LOST_DRAFTS
    assert used.items() < _files(hash_list).items()
    assert new_member("old").fetch(hash_list.id) == b"4"


def test_a_publication_between_the_restore_and_the_comparison_is_healed(
    new_member: Callable[[str], Member],
) -> None:
    hash_list, key = _world()
    backup = _Backup(hash_list)
    for _ in range(3):
        resign_repository(hash_list.id, now=publishing.now())
    assert new_member("old").fetch(hash_list.id) == b"1"
    backup.restore()
    publishing.commit(hash_list, publishing.sign(publishing.draft(hash_list, {"manifest.json": b"2"}), [key]))
    with pytest.raises(Refusal) as refusal:
        export_repository(hash_list.id, now=publishing.now())
    assert refusal.value.code in ("repository.export_ahead", "blob.overwritten")
    # The refusal makes the repository due, and signing again compares first.
    assert hash_list.id in due_repositories(publishing.now(), 10)
    resign_repository(hash_list.id, now=publishing.now())
    assert new_member("old").fetch(hash_list.id) == b"2"
    assert new_member("fresh").fetch(hash_list.id) == b"2"


def test_two_contents_of_one_list_version_stop_everything(new_member: Callable[[str], Member]) -> None:
    hash_list, key = _world()
    backup = _Backup(hash_list)
    publishing.publish(hash_list, {"manifest.json": b"seen by members"}, [key])
    assert new_member("old").fetch(hash_list.id) == b"seen by members"
    before = _files(hash_list)
    backup.restore()
    publishing.commit(
        hash_list, publishing.sign(publishing.draft(hash_list, {"manifest.json": b"other"}), [key])
    )
    with pytest.raises(Corrupt) as refusal:
        compare_with_export(hash_list.id, now=publishing.now())
    assert refusal.value.code == "repository.diverged"
    assert _files(hash_list) == before
    assert new_member("old").fetch(hash_list.id) == b"seen by members"


def test_a_lost_blob_store_is_written_out_again(new_member: Callable[[str], Member]) -> None:
    hash_list, key = _world()
    publishing.publish(hash_list, {"manifest.json": b"2"}, [key])
    for path in publishing.metadata_path(hash_list.id, "").iterdir():
        path.unlink()
    resign_repository(hash_list.id, now=publishing.now())
    assert new_member("fresh").fetch(hash_list.id) == b"2"


def test_a_forged_timestamp_in_the_store_moves_no_counter() -> None:
    hash_list, _ = _world()
    forged = publishing.metadata_path(hash_list.id, "timestamp.json")
    content = forged.read_bytes().replace(b'"version":2', b'"version":2000')
    assert content != forged.read_bytes()
    forged.unlink()
    forged.write_bytes(content)
    done = resign_repository(hash_list.id, now=publishing.now())
    assert done.timestamp_version == 3


def test_a_delegation_newer_than_the_backup_is_taken_back(new_member: Callable[[str], Member]) -> None:
    hash_list, key = _world()
    backup = _Backup(hash_list)
    other = publishing.own_key(cast.harbor())
    repository.delegate(hash_list, publisher_keys=[key.row, other.row], threshold=2, now=publishing.now())
    publishing.publish(hash_list, {"manifest.json": b"2"}, [key, other])
    backup.restore()
    later = publishing.now() + timedelta(seconds=1)
    resign_repository(hash_list.id, now=later)
    assert new_member("fresh").fetch(hash_list.id) == b"2"
    # The list's new rule is known again: one signature is not enough any more.
    assert list_role.threshold(repository.delegation_bytes(hash_list.id)) == 2


def _files(hash_list: HashList) -> dict[str, bytes]:
    folder = publishing.metadata_path(hash_list.id, "")
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != "timestamp.json"}
