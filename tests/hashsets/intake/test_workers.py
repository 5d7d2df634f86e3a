"""Workers die, race and are overtaken: each submission is still decided once, and nothing acknowledged is
lost.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, connections

from accounts.audit.models import AuditEvent
from accounts.errors import Corrupt, NotFound
from hashsets.blobs import keys
from hashsets.blobs.current import blob_store
from hashsets.intake import lease as lease_module
from hashsets.intake import outcome
from hashsets.intake import validate as validate_module
from hashsets.intake.lease import LEASE, Lease, LeaseLost
from hashsets.intake.models import Submission, SubmissionState
from hashsets.intake.validate import MAX_CLAIMS, submissions_due, validate_submission
from hashsets.intake.withdraw import withdraw_submission
from hashsets.lists.models import HashList
from tests import cast
from tests.hashsets.intake.given import md5, put_in_force, received, sha256, sheet, staged
from tests.hashsets.lists.given import a_list
from tests.hashsets.releases.crash import killed_at

pytestmark = pytest.mark.django_db(transaction=True)

MINUTE = timedelta(minutes=1)
FILE = sheet("sha256,md5", (sha256(1), md5(1)), ("bad", md5(2)))


@pytest.fixture
def harbor() -> cast.Crew:
    return cast.harbor()


@pytest.fixture
def hash_list(harbor: cast.Crew) -> HashList:
    return a_list(harbor)


def test_what_is_due_is_found_urgent_ones_first_until_it_is_done(
    harbor: cast.Crew, hash_list: HashList
) -> None:
    first = received(harbor, hash_list, FILE)
    second = received(harbor, hash_list, FILE, now=cast.NOW + MINUTE)
    urgent = received(harbor, hash_list, FILE, now=cast.NOW + 2 * MINUTE, urgent=True)
    now = cast.NOW + 3 * MINUTE
    assert submissions_due(now, 10) == [urgent.id, first.id, second.id]
    assert submissions_due(now, 1) == [urgent.id]
    assert validate_submission(first.id, now=now)
    assert Lease.take(urgent.id, now=now) is not None
    assert submissions_due(now, 10) == [second.id]
    assert submissions_due(now + LEASE, 10) == [urgent.id, second.id]


def test_what_is_owed_is_done_once_however_often_a_worker_is_woken(
    harbor: cast.Crew, hash_list: HashList
) -> None:
    submission = received(harbor, hash_list, FILE)
    for _ in range(2):
        validate_submission(submission.id, now=cast.NOW)
    submission.refresh_from_db()
    assert submission.state == SubmissionState.STAGED
    assert AuditEvent.objects.filter(action="submission.staged").count() == 1


def test_of_many_workers_one_has_the_submission(harbor: cast.Crew, hash_list: HashList) -> None:
    submission = received(harbor, hash_list, FILE)
    took: list[bool] = []

    def work() -> None:
        try:
            took.append(validate_submission(submission.id, now=cast.NOW + MINUTE))
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(took) == [False] * 5 + [True]
    assert AuditEvent.objects.filter(action="submission.staged").count() == 1


def overtaken(monkeypatch: pytest.MonkeyPatch, by: Any, *, stored: bool = True) -> None:
    """Let `by` happen before the next worker settles, and before its files are stored unless `stored`."""
    real = outcome.store_files

    def store_then(*args: Any) -> Any:
        monkeypatch.setattr(validate_module, "store_files", real)
        if not stored:
            by()
        files = real(*args)
        if stored:
            by()
        return files

    monkeypatch.setattr(validate_module, "store_files", store_then)


@pytest.mark.parametrize(
    "stored", [True, False], ids=["with its files stored", "with its folder cleared away"]
)
def test_a_worker_that_was_thought_dead_changes_nothing_when_it_wakes(
    harbor: cast.Crew, hash_list: HashList, monkeypatch: pytest.MonkeyPatch, stored: bool
) -> None:
    submission = received(harbor, hash_list, FILE)
    later = cast.NOW + 5 * MINUTE
    takeovers: list[bool] = []
    overtaken(
        monkeypatch, lambda: takeovers.append(validate_submission(submission.id, now=later)), stored=stored
    )
    assert not validate_submission(submission.id, now=cast.NOW)
    assert takeovers == [True]
    submission.refresh_from_db()
    assert submission.state == SubmissionState.STAGED
    assert AuditEvent.objects.filter(action="submission.staged").count() == 1
    for file in submission.staged_files.all():
        assert blob_store().exists(file.blob_key)


def test_a_submission_that_is_taken_back_under_a_workers_hands_stays_taken_back(
    harbor: cast.Crew, hash_list: HashList, monkeypatch: pytest.MonkeyPatch
) -> None:
    submission = received(harbor, hash_list, FILE)
    actor = harbor.contributor.actor
    overtaken(monkeypatch, lambda: withdraw_submission(submission.id, actor=actor, now=cast.NOW))
    assert not validate_submission(submission.id, now=cast.NOW)
    submission.refresh_from_db()
    assert submission.state == SubmissionState.WITHDRAWN
    assert not submission.staged_files.exists()


def test_a_failure_that_is_not_the_files_leaves_it_due_again(harbor: cast.Crew, hash_list: HashList) -> None:
    submission = received(harbor, hash_list, FILE)
    key = keys.upload(submission.id)
    content = blob_store().get_bytes(key, limit=1000)
    blob_store().delete(key)
    with pytest.raises(NotFound):
        validate_submission(submission.id, now=cast.NOW)
    blob_store().put_bytes(key, content.replace(b"bad", b"BAD"))
    assert submissions_due(cast.NOW, 10) == []
    with pytest.raises(Corrupt) as damage:
        validate_submission(submission.id, now=cast.NOW + 2 * MINUTE)
    assert damage.value.code == "upload.damaged"
    blob_store().delete(key)
    blob_store().put_bytes(key, content)
    assert validate_submission(submission.id, now=cast.NOW + 4 * MINUTE)
    submission.refresh_from_db()
    assert (submission.state, submission.claims) == (SubmissionState.STAGED, 0)


def test_an_upload_that_kills_its_workers_is_given_up(harbor: cast.Crew, hash_list: HashList) -> None:
    submission = received(harbor, hash_list, FILE)
    now = cast.NOW
    for _ in range(MAX_CLAIMS):
        assert Lease.take(submission.id, now=now) is not None
        now += 2 * MINUTE
    assert validate_submission(submission.id, now=now)
    submission.refresh_from_db()
    assert submission.refused_code == "submission.not_processable"


def test_a_worker_shows_its_progress_and_keeps_its_lease(
    harbor: cast.Crew, hash_list: HashList, monkeypatch: pytest.MonkeyPatch
) -> None:
    submission = received(harbor, hash_list, FILE)
    lease = Lease.take(submission.id, now=cast.NOW)
    assert lease is not None
    first, beat = lease.until, lease.heartbeat(1_000)
    beat(10, 100)
    submission.refresh_from_db()
    assert (submission.rows_done, submission.lease_until) == (0, first)
    monkeypatch.setattr(lease_module, "EVERY", 0.0)
    beat(10, 100)
    submission.refresh_from_db()
    assert (submission.rows_done, submission.rows_expected) == (10, 100)
    assert submission.lease_until == lease.until > first
    withdraw_submission(submission.id, actor=harbor.contributor.actor, now=cast.NOW)
    with pytest.raises(LeaseLost):
        beat(20, 200)


@pytest.mark.faults
def test_an_acknowledged_upload_survives_a_kill_at_any_moment(
    harbor: cast.Crew, hash_list: HashList, record_property: Callable[[str, object], None]
) -> None:
    moment = 0
    while killed_at(moment, lambda: received(harbor, hash_list, FILE)):
        moment += 1
    rows = list(Submission.objects.all())
    record_property("crash points: import", moment)
    assert moment > 8
    assert 1 <= len(rows) <= moment
    for row in rows:
        stored = blob_store().get_bytes(keys.upload(row.id), limit=1_000)
        assert hashlib.sha256(stored).hexdigest() == row.upload_sha256
    assert AuditEvent.objects.filter(action="submission.received").count() == len(rows)


@pytest.mark.faults
def test_a_worker_killed_at_any_moment_is_followed_by_one_that_finishes(
    harbor: cast.Crew, hash_list: HashList, record_property: Callable[[str, object], None]
) -> None:
    put_in_force(staged(harbor, hash_list, sheet("md5", (md5(3),))))
    digests: set[str] = set()
    moment, killed = 0, True
    while killed:
        submission = received(harbor, hash_list, FILE)
        killed = killed_at(moment, lambda: validate_submission(submission.id, now=cast.NOW))  # noqa: B023
        moment += 1
        connections.close_all()
        for due in submissions_due(cast.NOW + 2 * MINUTE, 10):
            validate_submission(due, now=cast.NOW + 2 * MINUTE)
        submission.refresh_from_db()
        assert (submission.state, submission.adds, submission.problems) == (SubmissionState.STAGED, 3, 1)
        digests.add(submission.operations_digest)
        for file in submission.staged_files.all():
            content = blob_store().get_bytes(file.blob_key, limit=1 << 20)
            assert hashlib.sha256(content).hexdigest() == file.sha256
        settled = AuditEvent.objects.filter(action="submission.staged", subject_id=str(submission.id))
        assert settled.count() == 1
    record_property("crash points: import", moment - 1)
    assert moment > 12
    assert len(digests) == 1


def test_what_killed_workers_left_behind_is_cleared_away(
    harbor: cast.Crew, hash_list: HashList, tmp_path: Path
) -> None:
    submission = received(harbor, hash_list, FILE)
    work = tmp_path / "work"
    own, old, recent = (work / f"validate-{name}-x" for name in (submission.id, "settled", "busy"))
    for folder in (own, old, recent):
        folder.mkdir(parents=True)
    os.utime(old, (1, 1))
    assert validate_submission(submission.id, now=cast.NOW)
    assert list(work.iterdir()) == [recent]
