"""What the exchange stands on may be full or away: a program is told so and when to come back, and nothing of
its call was done.
"""

from __future__ import annotations

import errno
import os
from typing import Any

import pytest
from django.db import InterfaceError, OperationalError
from django.test import Client

from hashsets.intake.models import Submission
from tests import cast
from tests.exchange.api.conftest import PUBLISHER_SCOPES, key_of
from tests.exchange.world import new_list
from tests.hashsets.releases.world import NOW

pytestmark = pytest.mark.django_db(transaction=True)

CSV = b"sha256\n" + b"0a" * 32


@pytest.mark.parametrize(
    ("trouble", "status", "code"),
    [
        *(
            (OSError(number, os.strerror(number)), 507, "storage.full")
            for number in (errno.ENOSPC, errno.EFBIG)
        ),
        (OperationalError("terminating connection"), 503, "database.away"),
        (InterfaceError("connection already closed"), 503, "database.away"),
        (PermissionError(errno.EACCES, "Permission denied"), 500, "internal"),
    ],
    ids=["no space", "file too big", "cut off", "closed", "something else"],
)
def test_trouble_is_told_and_the_same_call_succeeds_later(
    trouble: Exception, status: int, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    crew = cast.harbor(now=NOW)
    key = key_of(crew, PUBLISHER_SCOPES).key
    path = f"/api/v1/lists/{new_list(crew).id}/submissions?mode=add"
    client = Client(raise_request_exception=False)

    def upload() -> Any:
        headers = {"Authorization": f"Bearer {key}", "Idempotency-Key": "k-1"}
        return client.generic("POST", path, CSV, content_type="text/csv", headers=headers)

    def troubled(*_: Any, **__: Any) -> None:
        raise trouble

    with monkeypatch.context() as patch:
        patch.setattr("hashsets.intake.receive._store", troubled)
        answer = upload()
    assert answer.status_code == status
    if status != 500:
        assert answer.json()["code"] == code
        assert int(answer["Retry-After"]) > 0
        assert "Permission" not in answer.json()["detail"]
    assert Submission.objects.count() == 0
    assert upload().status_code == 202
    assert Submission.objects.count() == 1
