"""The bytes that an organisation may upload in a day, however they come."""

from __future__ import annotations

import hashlib
import io
import threading
from datetime import datetime, timedelta

import pytest
from django.core.cache import cache
from django.db import connection
from pytest_django import Settings

from accounts.errors import Refusal, Throttled
from hashsets.intake.models import Submission
from hashsets.intake.quota import used_today
from hashsets.intake.receive import receive_submission
from hashsets.intake.uploads import Intent, append_part, forget_upload_in_parts, open_upload, submit_upload
from hashsets.lists.models import HashList
from tests import cast
from tests.hashsets.intake.given import md5
from tests.hashsets.lists.given import a_list

FILE = ("md5\n" + "".join(f"{md5(number)}\n" for number in range(10))).encode()
SIZE = len(FILE)
DAY = timedelta(days=1)


@pytest.fixture
def harbor(db: None) -> cast.Crew:
    return cast.harbor()


@pytest.fixture
def hash_list(harbor: cast.Crew) -> HashList:
    return a_list(harbor)


def receive(
    crew: cast.Crew, hash_list: HashList, *, now: datetime = cast.NOW, file: bytes = FILE
) -> Submission:
    return receive_submission(
        hash_list, io.BytesIO(file), mode="add", urgent=False, note="", actor=crew.contributor.actor, now=now
    )


def in_parts(crew: cast.Crew, hash_list: HashList, *, now: datetime = cast.NOW) -> Submission:
    digest, actor = hashlib.sha256(FILE).hexdigest(), crew.contributor.actor
    upload = open_upload(hash_list, length=SIZE, sha256=digest, actor=actor, now=now)
    append_part(upload.id, io.BytesIO(FILE), offset=0, sha256=digest, actor=actor)
    return submit_upload(upload.id, Intent("add"), actor=actor, now=now)


def test_what_goes_beyond_the_day_is_refused_with_code_value_and_end(
    harbor: cast.Crew, hash_list: HashList, settings: Settings
) -> None:
    settings.HX_UPLOAD_BYTES_PER_DAY = 2 * SIZE + 1
    receive(harbor, hash_list)
    receive(harbor, hash_list)
    with pytest.raises(Throttled) as refusal:
        receive(harbor, hash_list)
    assert refusal.value.code == "upload.quota"
    assert refusal.value.facts == {
        "limit": 2 * SIZE + 1,
        "used": 2 * SIZE,
        "resets_at": "2026-01-16T00:00:00+00:00",
        "retry_after": 15 * 3600,
    }
    assert Submission.objects.count() == 2
    with pytest.raises(Throttled):
        in_parts(harbor, hash_list)
    assert receive(harbor, hash_list, now=cast.NOW + DAY).upload_length == SIZE


def test_without_room_not_a_byte_is_read(harbor: cast.Crew, hash_list: HashList, settings: Settings) -> None:
    settings.HX_UPLOAD_BYTES_PER_DAY = SIZE
    receive(harbor, hash_list)
    stream = io.BytesIO(FILE)
    with pytest.raises(Throttled):
        receive_submission(
            hash_list, stream, mode="add", urgent=False, note="", actor=harbor.contributor.actor, now=cast.NOW
        )
    assert stream.tell() == 0


def test_a_file_in_parts_counts_once_and_on_the_day_it_was_begun(
    harbor: cast.Crew, hash_list: HashList, settings: Settings
) -> None:
    organisation = harbor.organisation.id
    in_parts(harbor, hash_list)
    assert used_today(organisation, now=cast.NOW) == SIZE
    actor, digest = harbor.contributor.actor, "0" * 64
    upload = open_upload(hash_list, length=1_000, sha256=digest, actor=actor, now=cast.NOW)
    assert used_today(organisation, now=cast.NOW) == SIZE + 1_000
    forget_upload_in_parts(upload.id)
    assert used_today(organisation, now=cast.NOW) == SIZE
    assert used_today(organisation, now=cast.NOW + DAY) == 0


def test_others_and_flushed_caches_change_nothing(
    harbor: cast.Crew, hash_list: HashList, settings: Settings
) -> None:
    settings.HX_UPLOAD_BYTES_PER_DAY = SIZE
    northland = cast.northland()
    receive(northland, a_list(northland))
    receive(harbor, hash_list)
    cache.clear()
    with pytest.raises(Throttled):
        receive(harbor, hash_list)


@pytest.mark.django_db(transaction=True)
def test_of_uploads_that_end_at_once_no_more_fit_than_one_after_the_other(settings: Settings) -> None:
    settings.HX_UPLOAD_BYTES_PER_DAY = 2 * SIZE
    crew = cast.harbor()
    hash_list = a_list(crew)
    barrier, refused = threading.Barrier(5), []

    def upload() -> None:
        barrier.wait()
        try:
            receive(crew, hash_list)
        except Refusal as refusal:
            refused.append(refusal.code)
        finally:
            connection.close()

    threads = [threading.Thread(target=upload) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert refused == ["upload.quota"] * 3
    assert used_today(crew.organisation.id, now=cast.NOW) == 2 * SIZE
