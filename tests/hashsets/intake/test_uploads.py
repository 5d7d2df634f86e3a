"""A large file comes in parts, and goes on where it stopped."""

from __future__ import annotations

import hashlib
import io
import uuid
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from accounts.errors import Conflict, Invalid, NotAllowed, NotFound, Refusal, TooLarge, Unsupported
from accounts.identity.acting import Actor
from hashsets.intake.models import Submission, SubmissionState, Upload
from hashsets.intake.uploads import (
    KEPT_FOR,
    Intent,
    append_part,
    forget_upload_in_parts,
    open_upload,
    submit_upload,
    unfinished_due,
)
from hashsets.intake.validate import validate_submission
from hashsets.lists.models import HashList
from tests import cast
from tests.hashsets.intake.given import md5
from tests.hashsets.lists.given import a_list

pytestmark = pytest.mark.django_db

FILE = ("md5\n" + "".join(f"{md5(number)}\n" for number in range(300))).encode()
ADD = Intent("add")


@pytest.fixture
def harbor() -> cast.Crew:
    return cast.harbor()


@pytest.fixture
def hash_list(harbor: cast.Crew) -> HashList:
    return a_list(harbor)


def opened(crew: cast.Crew, hash_list: HashList, content: bytes = FILE, **more: Any) -> Upload:
    said: dict[str, Any] = {
        "length": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "actor": crew.contributor.actor,
        "now": cast.NOW,
    } | more
    return open_upload(hash_list, **said)


def send(crew: cast.Crew, upload: Upload, piece: bytes, offset: int, **more: Any) -> Upload:
    said: dict[str, Any] = {
        "sha256": hashlib.sha256(piece).hexdigest(),
        "actor": crew.contributor.actor,
    } | more
    return append_part(upload.id, io.BytesIO(piece), offset=offset, **said)


def submit(crew: cast.Crew, upload: Upload, intent: Intent = ADD, actor: Actor | None = None) -> Submission:
    return submit_upload(upload.id, intent, actor=actor or crew.contributor.actor, now=cast.NOW)


def stored(folder: Path) -> list[str]:
    return sorted(path.parts[-3] for path in (folder / "blobs").rglob("*") if path.is_file())


def test_parts_become_the_submission_of_the_whole_file(
    harbor: cast.Crew, hash_list: HashList, tmp_path: Path
) -> None:
    upload = opened(harbor, hash_list)
    for start in range(0, len(FILE), 1_000):
        upload = send(harbor, upload, FILE[start : start + 1_000], start)
    submission = submit(harbor, upload, Intent("add", urgent=True, note="In parts."))
    assert (submission.id, submission.urgent, submission.note) == (upload.id, True, "In parts.")
    assert submission.upload_sha256 == hashlib.sha256(FILE).hexdigest()
    assert stored(tmp_path) == ["uploads"], "the parts are gone"
    assert submit(harbor, upload).id == submission.id
    assert Submission.objects.count() == 1
    assert validate_submission(submission.id, now=cast.NOW)
    submission.refresh_from_db()
    assert (submission.state, submission.adds) == (SubmissionState.STAGED, 300)


def test_a_part_that_comes_twice_or_too_early_is_told_where_to_go_on(
    harbor: cast.Crew, hash_list: HashList
) -> None:
    upload = opened(harbor, hash_list)
    send(harbor, upload, FILE[:1_000], 0)
    for piece, offset in ((FILE[:1_000], 0), (FILE[2_000:], 2_000)):
        with pytest.raises(Conflict) as refusal:
            send(harbor, upload, piece, offset)
        assert (refusal.value.code, refusal.value.facts) == ("upload.offset", {"offset": 1_000})
    with pytest.raises(Conflict) as early:
        submit(harbor, upload)
    assert (early.value.code, early.value.facts) == ("upload.incomplete", {"offset": 1_000})
    # Another day, another process: the same file finds its upload.
    assert opened(harbor, hash_list).received == 1_000


def test_a_damaged_part_changes_nothing(harbor: cast.Crew, hash_list: HashList) -> None:
    upload = opened(harbor, hash_list)
    with pytest.raises(Invalid) as refusal:
        send(harbor, upload, FILE[:1_000], 0, sha256="0" * 64)
    assert refusal.value.code == "upload.checksum"
    assert send(harbor, upload, FILE[:1_000], 0).received == 1_000


def test_a_file_that_is_not_the_one_that_was_stated_is_refused_and_forgotten(
    harbor: cast.Crew, hash_list: HashList, tmp_path: Path
) -> None:
    upload = opened(harbor, hash_list)
    other = FILE[:-33] + md5(999).encode() + b"\n"
    with pytest.raises(Invalid) as refusal:
        submit(harbor, send(harbor, upload, other, 0))
    assert refusal.value.code == "upload.checksum"
    assert stored(tmp_path) == []
    assert not Upload.objects.exists()


def test_media_in_parts_is_refused_at_its_first_part(
    harbor: cast.Crew, hash_list: HashList, tmp_path: Path
) -> None:
    content = b"\x89PNG\r\n\x1a\n" + bytes(3_000)
    upload = opened(harbor, hash_list, content)
    with pytest.raises(Unsupported):
        send(harbor, upload, content[:2_000], 0)
    assert stored(tmp_path) == []
    assert not Upload.objects.exists()


def test_bounds_are_kept(harbor: cast.Crew, hash_list: HashList) -> None:
    upload = opened(harbor, hash_list)
    with pytest.raises(TooLarge) as beyond:
        send(harbor, upload, FILE + b"x", 0)
    assert beyond.value.code == "upload.too_large"
    for more, code in (
        ({"length": 0}, "upload.length"),
        ({"length": 1 << 50}, "upload.too_large"),
        ({"sha256": "F" * 64}, "upload.checksum"),
    ):
        with pytest.raises(Refusal) as refusal:
            opened(harbor, hash_list, **more)
        assert refusal.value.code == code


def test_strangers_see_no_uploads_and_viewers_make_none(harbor: cast.Crew, hash_list: HashList) -> None:
    upload = opened(harbor, hash_list)
    stranger = cast.stranger().actor
    with pytest.raises(NotFound):
        opened(harbor, hash_list, actor=stranger)
    with pytest.raises(NotFound):
        send(harbor, upload, FILE, 0, actor=stranger)
    with pytest.raises(NotFound):
        submit(harbor, upload, actor=stranger)
    with pytest.raises(NotFound):
        submit_upload(uuid.uuid4(), ADD, actor=harbor.contributor.actor, now=cast.NOW)
    with pytest.raises(NotAllowed):
        send(harbor, upload, FILE, 0, actor=harbor.viewer.actor)


def test_what_nobody_finishes_is_forgotten_after_a_week(
    harbor: cast.Crew, hash_list: HashList, tmp_path: Path
) -> None:
    upload = send(harbor, opened(harbor, hash_list), FILE[:1_000], 0)
    assert unfinished_due(cast.NOW + KEPT_FOR, 10) == []
    assert unfinished_due(cast.NOW + KEPT_FOR + timedelta(seconds=1), 10) == [upload.id]
    assert forget_upload_in_parts(upload.id)
    assert not forget_upload_in_parts(upload.id)
    assert stored(tmp_path) == []
