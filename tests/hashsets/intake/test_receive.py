"""An upload is stored before it is acknowledged; media is refused while it arrives and never kept."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import lzma
import zipfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from accounts.audit.models import AuditEvent
from accounts.errors import Conflict, Invalid, NotAllowed, NotFound, Refusal, TooLarge, Unsupported
from accounts.identity.acting import system_actor
from hashsets.blobs import keys
from hashsets.blobs.current import blob_store
from hashsets.intake.expire import forget_upload, uploads_due
from hashsets.intake.models import Submission, SubmissionState
from hashsets.intake.receive import receive_submission
from hashsets.intake.sniff import what_is
from hashsets.intake.withdraw import withdraw_submission
from hashsets.lists.models import HashList, ListStatus
from tests import cast
from tests.hashsets.intake.given import md5, received, sheet, staged
from tests.hashsets.lists.given import a_list

pytestmark = pytest.mark.django_db

FILE = sheet("md5", (md5(1),))


@pytest.fixture
def harbor() -> cast.Crew:
    return cast.harbor()


@pytest.fixture
def hash_list(harbor: cast.Crew) -> HashList:
    return a_list(harbor)


def kept_files(folder: Path) -> list[Path]:
    """Everything in the blob store and in the folder for uploads on their way."""
    return [path for name in ("blobs", "received") for path in (folder / name).rglob("*") if path.is_file()]


def test_what_is_acknowledged_is_stored_with_its_digest(
    harbor: cast.Crew, hash_list: HashList, tmp_path: Path
) -> None:
    submission = received(harbor, hash_list, FILE, mode="replace", urgent=True, note=" New case. ")
    stored = Submission.objects.get(id=submission.id)
    assert (stored.state, stored.mode, stored.urgent, stored.note) == (
        "received",
        "replace",
        True,
        "New case.",
    )
    assert stored.upload_sha256 == hashlib.sha256(FILE.encode()).hexdigest()
    assert stored.upload_length == len(FILE)
    assert (stored.organisation, stored.submitted_by) == (harbor.organisation, harbor.contributor.user)
    assert blob_store().get_bytes(keys.upload(stored.id), limit=1000) == FILE.encode()
    event = AuditEvent.objects.get(action="submission.received")
    assert event.facts["upload_sha256"] == stored.upload_sha256
    assert len(kept_files(tmp_path)) == 1


def test_a_stream_that_comes_in_small_pieces_is_stored_whole(harbor: cast.Crew, hash_list: HashList) -> None:
    class Dripping(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            return super().read(1)

    submission = receive_submission(
        hash_list,
        Dripping(FILE.encode()),
        mode="add",
        urgent=False,
        note="",
        actor=harbor.contributor.actor,
        now=cast.NOW,
    )
    assert submission.upload_sha256 == hashlib.sha256(FILE.encode()).hexdigest()


def zipped() -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("list.csv", FILE)
    return archive.getvalue()


CONTENT: dict[str, bytes] = {
    "JPEG": bytes.fromhex("ffd8ffe000104a46494600010100000100010000ffdb"),
    "PNG": b"\x89PNG\r\n\x1a\n" + bytes(30),
    "GIF": b"GIF89a\x01\x00\x01\x00",
    "WebP": b"RIFF\x24\x00\x00\x00WEBPVP8 ",
    "BMP": b"BM\x36\x00\x0c\x00\x00\x00\x00\x00\x36\x00",
    "TIFF": b"II*\x00\x08\x00\x00\x00",
    "HEIC": b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00",
    "MP4": b"\x00\x00\x00\x20ftypisom\x00\x00\x02\x00",
    "WebM": b"\x1aE\xdf\xa3\x9fB\x86\x81",
    "AVI": b"RIFF\x24\x00\x00\x00AVI LIST",
    "MPEG transport stream": (b"G" + b"x" * 187) * 4,
    "MP3": b"ID3\x03\x00\x00\x00\x00",
    "Ogg": b"OggS\x00\x02",
    "SVG": b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg'/>",
    "SVG after a mark": b"\xef\xbb\xbf  <svg xmlns='http://www.w3.org/2000/svg'/>",
    "web page": b"<!DOCTYPE html><html></html>",
    "PDF": b"%PDF-1.7\n",
    "Office": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
    "ZIP": zipped(),
    "gzip of a JPEG": gzip.compress(bytes.fromhex("ffd8ffe000104a46494600010100000100010000ffdb")),
    "gzip of a ZIP": gzip.compress(zipped()),
    "gzip of gzip": gzip.compress(gzip.compress(FILE.encode())),
    "gzip of zeros": gzip.compress(bytes(1 << 20)),
    "what is not gzip": b"\x1f\x8b\x08" + bytes(30),
    "bzip2": bz2.compress(FILE.encode()),
    "xz": lzma.compress(FILE.encode()),
    "7-Zip": b"7z\xbc\xaf\x27\x1c\x00\x04",
    "tar": b"list.csv".ljust(257, b" ") + b"ustar  ",
    "ELF": b"\x7fELF\x02\x01\x01",
    "Windows program": b"MZ\x90\x00\x03",
    "script": b"#!/bin/sh\necho\n",
    "SQLite": b"SQLite format 3\x00",
}


@pytest.mark.parametrize("content", CONTENT.values(), ids=CONTENT)
def test_media_and_other_content_is_refused_and_nothing_of_it_is_kept(
    harbor: cast.Crew, hash_list: HashList, content: bytes, tmp_path: Path
) -> None:
    with pytest.raises(Unsupported) as refusal:
        received(harbor, hash_list, content + FILE.encode() * 100)
    assert refusal.value.code in ("upload.media", "upload.binary")
    assert kept_files(tmp_path) == []
    assert not Submission.objects.exists()


def test_bytes_that_are_no_text_are_refused_wherever_they_come(
    harbor: cast.Crew, hash_list: HashList, tmp_path: Path
) -> None:
    for content in (bytes(1 << 20), FILE.encode() * 60_000 + b"\0"):
        with pytest.raises(Unsupported) as refusal:
            received(harbor, hash_list, content)
        assert refusal.value.code == "upload.binary"
    assert kept_files(tmp_path) == []


@pytest.mark.parametrize(
    "text", [FILE, "md5;item\r\n", "BMx,md5\n", "Grid\n", "a < b\n", "\ufeffmd5\n", "{}\n"]
)
def test_text_is_never_taken_for_media(text: str) -> None:
    assert what_is(text.encode()) is None


def test_what_its_sender_calls_media_is_refused_by_name(harbor: cast.Crew, hash_list: HashList) -> None:
    for media_type in ("image/png", " Video/MP4; x=y"):
        with pytest.raises(Unsupported):
            received(harbor, hash_list, FILE, media_type=media_type)
    assert received(harbor, hash_list, FILE, media_type="text/csv; charset=utf-8").state == "received"


@pytest.mark.parametrize(
    ("content", "more", "code"),
    [
        ("", {}, "upload.empty"),
        (FILE, {"mode": "merge"}, "submission.mode"),
        (FILE, {"note": "x" * 1001}, "text.too_long"),
        (FILE, {"note": f"as {md5(1)}"}, "text.looks_like_hash"),
        (FILE, {"note": "zero \0"}, "text.characters"),
        (FILE, {"note": "half \ud83d"}, "text.characters"),
    ],
    ids=str,
)
def test_an_upload_that_says_nothing_sensible_is_not_acknowledged(
    harbor: cast.Crew, hash_list: HashList, content: str, more: dict[str, Any], code: str, tmp_path: Path
) -> None:
    with pytest.raises(Invalid) as refusal:
        received(harbor, hash_list, content, **more)
    assert refusal.value.code == code
    assert kept_files(tmp_path) == []


def test_an_upload_beyond_the_cap_is_cut_off(
    harbor: cast.Crew, hash_list: HashList, settings: Settings, tmp_path: Path
) -> None:
    settings.HX_UPLOAD_LIMIT = len(FILE)
    assert received(harbor, hash_list, FILE).upload_length == len(FILE)
    with pytest.raises(TooLarge, match=f"at most {len(FILE)} bytes") as refusal:
        received(harbor, hash_list, FILE + "x")
    assert refusal.value.code == "upload.too_large"
    assert len(kept_files(tmp_path)) == 1


def test_only_contributors_of_the_publisher_submit(
    harbor: cast.Crew, hash_list: HashList, tmp_path: Path
) -> None:
    refused: list[tuple[Any, type[Refusal], str]] = [
        (harbor.admin.actor, NotAllowed, "permission.missing"),
        (harbor.approver.actor, NotAllowed, "permission.missing"),
        (system_actor("tests"), NotAllowed, "permission.missing"),
        (cast.stranger().actor, NotFound, "list.not_found"),
        (cast.northland().contributor.actor, NotFound, "list.not_found"),
    ]
    for actor, refusal_class, code in refused:
        with pytest.raises(refusal_class) as refusal:
            received(harbor, hash_list, FILE, actor=actor)
        assert refusal.value.code == code
    assert kept_files(tmp_path) == []


def test_a_closed_list_and_a_suspended_publisher_take_nothing(harbor: cast.Crew, hash_list: HashList) -> None:
    HashList.objects.update(status=ListStatus.CLOSED)
    with pytest.raises(Conflict):
        received(harbor, HashList.objects.get(), FILE)
    with pytest.raises(Conflict):
        received(harbor, hash_list, FILE)  # closed while the upload was on its way
    HashList.objects.update(status=ListStatus.ACTIVE)
    type(harbor.organisation).objects.update(status="suspended")
    with pytest.raises(NotAllowed) as refusal:
        received(harbor, hash_list, FILE)
    assert refusal.value.code == "organisation.not_active"
    assert not Submission.objects.exists()


def test_a_submission_is_taken_back_before_it_is_signed(harbor: cast.Crew, hash_list: HashList) -> None:
    makers: list[Callable[..., Submission]] = [received, staged]
    for make in makers:
        submission = make(harbor, hash_list, FILE)
        for _ in range(2):
            taken = withdraw_submission(submission.id, actor=harbor.second_contributor.actor, now=cast.NOW)
            assert (taken.state, taken.decided_at) == (SubmissionState.WITHDRAWN, cast.NOW)
    assert AuditEvent.objects.filter(action="submission.withdrawn").count() == 2


@pytest.mark.parametrize(
    ("state", "code"), [("drafted", "submission.being_signed"), ("published", "submission.decided")]
)
def test_what_is_being_signed_or_decided_is_not_taken_back(
    harbor: cast.Crew, hash_list: HashList, state: str, code: str
) -> None:
    submission = received(harbor, hash_list, FILE)
    Submission.objects.update(state=state)
    with pytest.raises(Conflict) as refusal:
        withdraw_submission(submission.id, actor=harbor.contributor.actor, now=cast.NOW)
    assert refusal.value.code == code


def test_strangers_take_nothing_back_and_learn_nothing(harbor: cast.Crew, hash_list: HashList) -> None:
    submission = received(harbor, hash_list, FILE)
    with pytest.raises(NotFound):
        withdraw_submission(submission.id, actor=cast.stranger().actor, now=cast.NOW)
    with pytest.raises(NotAllowed):
        withdraw_submission(submission.id, actor=harbor.viewer.actor, now=cast.NOW)
    submission.refresh_from_db()
    assert submission.state == SubmissionState.RECEIVED


def test_uploads_are_deleted_thirty_days_after_the_decision_and_not_before(
    harbor: cast.Crew, hash_list: HashList
) -> None:
    undecided, decided = received(harbor, hash_list, FILE), received(harbor, hash_list, FILE)
    withdraw_submission(decided.id, actor=harbor.contributor.actor, now=cast.NOW)
    month = timedelta(days=30, seconds=1)
    assert uploads_due(cast.NOW + timedelta(days=29), 10) == []
    assert uploads_due(cast.NOW + month, 10) == [decided.id]
    assert forget_upload(decided.id, now=cast.NOW + month)
    assert not forget_upload(decided.id, now=cast.NOW + month)
    assert not forget_upload(undecided.id, now=cast.NOW + month)
    assert not blob_store().exists(keys.upload(decided.id))
    assert blob_store().exists(keys.upload(undecided.id))
    assert uploads_due(cast.NOW + month, 10) == []


def test_bytes_that_turn_out_to_be_no_text_are_not_kept_for_a_month(
    harbor: cast.Crew, hash_list: HashList
) -> None:
    submission = staged(harbor, hash_list, b"md5\n\x81\x93\x8f\n")
    assert submission.refused_code == "csv.encoding"
    assert submission.upload_deleted_at is not None
    assert not blob_store().exists(keys.upload(submission.id))
