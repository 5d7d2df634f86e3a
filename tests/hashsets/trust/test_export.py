"""Writing out: the same bytes on every run, the timestamp last, and a crash anywhere leaves every member
served.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, NoReturn

import pytest
from django.db import connection

from accounts.errors import Conflict
from hashsets.trust.export import LEASE, export_repository, exports_due
from hashsets.trust.models import Repository, SignedFile
from tests import cast
from tests.forking import forked
from tests.hashsets.trust import publishing
from tests.hashsets.trust.publishing import Member, served


@pytest.mark.django_db
def test_a_rerun_writes_the_same_bytes() -> None:
    harbor = cast.harbor()
    key = publishing.own_key(harbor)
    hash_list = publishing.open_list(harbor, [key])
    publishing.publish(hash_list, {"manifest.json": b"1"}, [key])
    before = _contents()
    SignedFile.objects.exclude(role="timestamp", version=1).update(exported_at=None)
    assert export_repository(hash_list.id, now=publishing.now())
    assert _contents() == before
    assert hash_list.id not in exports_due(publishing.now(), 10)


@pytest.mark.django_db
def test_nothing_is_visible_before_the_export() -> None:
    harbor = cast.harbor()
    key = publishing.own_key(harbor)
    hash_list = publishing.open_list(harbor, [key])
    before = _contents()
    publishing.commit(hash_list, publishing.sign(publishing.draft(hash_list, {"manifest.json": b"1"}), [key]))
    metadata = {name: content for name, content in _contents().items() if "/metadata/" in name}
    assert metadata == {name: content for name, content in before.items() if "/metadata/" in name}
    assert hash_list.id in exports_due(publishing.now(), 10)


@pytest.mark.django_db
def test_only_one_process_writes_at_a_time_and_a_dead_one_is_replaced() -> None:
    harbor = cast.harbor()
    key = publishing.own_key(harbor)
    hash_list = publishing.open_list(harbor, [key])
    publishing.commit(hash_list, None)
    at = publishing.now()
    Repository.objects.filter(id=hash_list.id).update(lease_until=at + LEASE)
    assert not export_repository(hash_list.id, now=at)
    assert hash_list.id not in exports_due(at, 10)
    later = at + LEASE + timedelta(seconds=1)
    assert hash_list.id in exports_due(later, 10)
    assert export_repository(hash_list.id, now=later)


@pytest.mark.django_db
def test_it_never_replaces_a_newer_timestamp_by_an_older_one() -> None:
    harbor = cast.harbor()
    key = publishing.own_key(harbor)
    hash_list = publishing.open_list(harbor, [key])
    publishing.commit(hash_list, None)
    publishing.commit(hash_list, None)
    export_repository(hash_list.id, now=publishing.now())
    newest = publishing.metadata_path(hash_list.id, "timestamp.json").read_bytes()
    # A database from a backup: it has forgotten the newest timestamp, and owes the one before.
    SignedFile.objects.filter(repository_id=hash_list.id, role="timestamp", version=3).delete()
    SignedFile.objects.filter(repository_id=hash_list.id, role="timestamp", version=2).update(
        exported_at=None
    )
    with pytest.raises(Conflict) as refusal:
        export_repository(hash_list.id, now=publishing.now())
    assert refusal.value.code == "repository.export_ahead"
    assert publishing.metadata_path(hash_list.id, "timestamp.json").read_bytes() == newest


@pytest.mark.django_db
def test_a_timestamp_that_we_did_not_sign_is_overwritten(new_member: Callable[[str], Member]) -> None:
    harbor = cast.harbor()
    key = publishing.own_key(harbor)
    first, second = publishing.open_list(harbor, [key]), publishing.open_list(harbor, [key])
    for hash_list in (first, second):
        publishing.publish(hash_list, {"manifest.json": b"1"}, [key])
    for _ in range(4):
        publishing.commit(second, None)
    export_repository(second.id, now=publishing.now())
    foreign = publishing.metadata_path(second.id, "timestamp.json").read_bytes()
    own = publishing.metadata_path(first.id, "timestamp.json")
    own.unlink()
    own.write_bytes(foreign)
    publishing.publish(first, {"manifest.json": b"2"}, [key])
    assert new_member("fresh").fetch(first.id) == b"2"


@pytest.mark.django_db(transaction=True)
def test_kill_9_at_every_step_leaves_old_and_fresh_members_with_a_complete_list(
    blobs: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Commit and export of a release, killed before and after every statement and every file effect.

    Every third of them unless `--all` is given.
    """
    stride = 1 if request.config.getoption("--all") else 3
    harbor = cast.harbor()
    key = publishing.own_key(harbor)
    hash_list = publishing.open_list(harbor, [key])
    publishing.publish(hash_list, {"manifest.json": b"0"}, [key])
    with served(blobs) as address:
        assert Member(address, tmp_path / "old").fetch(hash_list.id) == b"0"
    kills = 0
    before = b"0"
    for effect in range(1, 900, stride):
        content = str(effect).encode()
        list_bytes = publishing.sign(publishing.draft(hash_list, {"manifest.json": content}), [key])

        def work(list_bytes: bytes = list_bytes) -> None:
            publishing.commit(hash_list, list_bytes)
            export_repository(hash_list.id, now=publishing.now())

        killed = _killed_at(effect, work)
        kills += killed
        seen = {before, content}
        before = content
        with served(blobs) as address:
            assert Member(address, tmp_path / "old").fetch(hash_list.id) in seen
            assert Member(address, tmp_path / f"fresh-{effect}").fetch(hash_list.id) in seen
        # What the stations do after the restart: publish again what was not committed, write out what is
        # owed.
        later = publishing.now() + LEASE + timedelta(seconds=1)
        if not _is_committed(hash_list.id, list_bytes):
            publishing.commit(hash_list, list_bytes)
        assert export_repository(hash_list.id, now=later)
        with served(blobs) as address:
            assert Member(address, tmp_path / "old").fetch(hash_list.id) == content
        if not killed:
            break
    assert kills * stride > 40
    versions = list(
        SignedFile.objects.filter(repository_id=hash_list.id, role="list")
        .order_by("version")
        .values_list("version", flat=True)
    )
    assert versions == list(range(1, kills + 3))


def _contents() -> dict[str, bytes]:
    folder = publishing.blob_folder()
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def _is_committed(list_id: str, list_bytes: bytes) -> bool:
    rows = SignedFile.objects.filter(repository_id=list_id, role="list").order_by("-version")
    return bytes(rows[0].content) == list_bytes


def _killed_at(effect: int, work: Callable[[], None]) -> bool:
    """Run `work` in a child that dies at its n-th step; False when it came to its end before."""

    def dying() -> None:
        with _dying(effect):
            work()

    code = forked(dying)
    assert code in (0, 99), "the child failed by itself"
    return code == 99


@contextmanager
def _dying(effect: int) -> Iterator[None]:
    """Die at the n-th of: before and after each SQL statement, sync, link and rename."""
    steps = iter(range(1, 100_000))

    def step() -> None:
        if next(steps) == effect:
            _die()

    def around(function: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*args: Any, **options: Any) -> Any:
            step()
            result = function(*args, **options)
            step()
            return result

        return wrapped

    def statement(execute: Callable[..., Any], *args: Any) -> Any:
        return around(execute)(*args)

    with ExitStack() as stack:
        stack.enter_context(connection.execute_wrapper(statement))
        # The child's own copies: nothing is restored, because it ends here.
        for name in ("fsync", "link", "replace"):
            setattr(os, name, around(getattr(os, name)))
        yield


def _die() -> NoReturn:
    os._exit(99)
