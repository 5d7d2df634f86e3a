"""`hashx submit` of a large file over real HTTP: in parts, and going on where it stopped."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from exchange.client import parts
from exchange.client.fetch import Session
from exchange.client.parts import Asked, submit_in_parts
from hashsets.intake.models import Submission, Upload
from hashsets.intake.validate import validate_submission
from tests.exchange.api.conftest import PUBLISHER_SCOPES, Asker, Private, key_of, stranger_key
from tests.hashsets.releases.world import NOW, csv_of

ADD = Asked(mode="add", urgent=False, note="", hash_type="")


@pytest.fixture
def large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Ten parts of a file."""
    file = tmp_path / "large.csv"
    file.write_text(csv_of(range(100, 200)))
    monkeypatch.setattr(parts, "PART", file.stat().st_size // 10 + 1)
    return file


def test_a_large_file_is_sent_in_parts_and_goes_on_where_it_stopped(
    private: Private, live_server: Any, large: Path
) -> None:
    key = key_of(private.world.crew, PUBLISHER_SCOPES).key
    content = large.read_bytes()
    with Session(live_server.url, key) as session:
        body = {
            "list_id": private.hash_list.id,
            "length": len(content),
            "sha256": hashlib.sha256(content).hexdigest(),
        }
        begun = session.json("POST", "api/v1/uploads", body=body)
        session.send_part(f"api/v1/uploads/{begun['id']}", content[:1_000], offset=0)
        steps: list[int] = []
        sent = submit_in_parts(session, private.hash_list.id, large, ADD, advance=steps.append)
        assert (steps[0], sum(steps)) == (1_000, len(content))
        again = submit_in_parts(session, private.hash_list.id, large, ADD, advance=steps.append)
    assert sent.id == begun["id"] != again.id
    assert Upload.objects.filter(submitted_at__isnull=True).count() == 0
    submission = Submission.objects.get(id=sent.id)
    assert submission.upload_sha256 == body["sha256"]
    validate_submission(submission.id, now=NOW)
    submission.refresh_from_db()
    assert submission.adds == 100


def test_a_part_whose_answer_was_lost_is_not_sent_twice(
    private: Private, live_server: Any, large: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = key_of(private.world.crew, PUBLISHER_SCOPES).key
    send_part = Session.send_part
    lost: list[int] = []

    def losing(session: Session, path: str, part: bytes, *, offset: int) -> Any:
        if not lost:
            lost.append(offset)
            send_part(session, path, part, offset=offset)
        return send_part(session, path, part, offset=offset)

    monkeypatch.setattr(Session, "send_part", losing)
    with Session(live_server.url, key) as session:
        sent = submit_in_parts(session, private.hash_list.id, large, ADD, advance=lambda _: None)
    assert Submission.objects.get(id=sent.id).upload_length == large.stat().st_size


def test_strangers_find_no_uploads(private: Private) -> None:
    stranger = Asker(stranger_key())
    body = {"list_id": private.hash_list.id, "length": 10, "sha256": "a" * 64}
    assert stranger("post", "/api/v1/uploads", json=body).status_code == 404
    own = Asker(key_of(private.world.crew, PUBLISHER_SCOPES).key)
    made = own("post", "/api/v1/uploads", json=body).json()
    assert own("get", f"/api/v1/uploads/{made['id']}").json()["offset"] == 0
    for method, path in (("get", ""), ("patch", ""), ("post", "/submit")):
        answer = stranger(method, f"/api/v1/uploads/{made['id']}{path}", json={"mode": "add"})
        assert answer.status_code in (400, 404)
        assert private.hash_list.id not in answer.text_seen.decode()
