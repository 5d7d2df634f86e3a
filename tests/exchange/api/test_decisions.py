"""Rows by JSON, rows that were set aside, and the exchange's word, over the API."""

from __future__ import annotations

import json
import time
from typing import Any

from django.test import Client

from exchange.http.acting import PRESENT_KEY
from hashsets.core.hashtypes import hash_type
from hashsets.intake.models import Submission
from hashsets.intake.validate import validate_submission
from tests import cast
from tests.exchange.api.conftest import PUBLISHER_SCOPES, Private, key_of
from tests.hashsets.releases.world import NOW, csv_of, harbor_world, sha256

PDQ = hash_type("pdq").examples[0]


def browser(person: cast.Person) -> Client:
    """A session that has just stepped up."""
    client = Client()
    client.force_login(person.user)
    session = client.session
    session[PRESENT_KEY] = time.time()
    session.save()
    return client


def post(client: Client, path: str, body: Any = None) -> Any:
    return client.post(f"/api/v1/{path}", data=json.dumps(body or {}), content_type="application/json")


def test_rows_are_sent_as_json(private: Private) -> None:
    key = key_of(private.world.crew, PUBLISHER_SCOPES).key
    answer = Client().post(
        f"/api/v1/lists/{private.hash_list.id}/submissions?mode=add",
        data=json.dumps({"rows": [{"sha256": sha256(1_000)}, {"sha256": sha256(1)}]}),
        content_type="application/json",
        headers={"Authorization": f"Bearer {key}"},
    )
    assert answer.status_code == 202
    submission = Submission.objects.get(id=answer.json()["id"])
    validate_submission(submission.id, now=NOW)
    submission.refresh_from_db()
    assert (submission.adds, submission.unchanged) == (1, 1)


def test_the_type_of_bare_hashes_is_stated_beside_them(private: Private) -> None:
    key = key_of(private.world.crew, PUBLISHER_SCOPES).key
    for stated, status in (("sha256", 202), ("pdq", 400)):
        answer = Client().post(
            f"/api/v1/lists/{private.hash_list.id}/submissions?mode=add&type={stated}",
            data=f"{sha256(1_000)}\n",
            content_type="text/plain",
            headers={"Authorization": f"Bearer {key}"},
        )
        assert answer.status_code == status
    assert answer.json()["code"] == "submission.type"


def test_people_decide_and_the_exchange_agrees(transactional_db: None) -> None:
    world, host = harbor_world(hash_types=("pdq",)), cast.operator(now=NOW)
    submission = world.stage(f"pdq,quality\n{PDQ},40\n")
    approver = browser(world.crew.approver)
    shown = approver.get(f"/api/v1/submissions/{submission.id}").json()
    assert (shown["set_aside"], shown["quarantine"]) == ({"hash.low_quality": 1}, [])
    said = {"accept": True, "reason": "Checked at the source."}
    decided = post(approver, f"submissions/{submission.id}/quarantine", said)
    assert decided.status_code == 200
    assert [(one["code"], one["accepted"]) for one in decided.json()["quarantine"]] == [
        ("hash.low_quality", True)
    ]
    validate_submission(submission.id, now=NOW)
    for person in (world.crew.approver, world.crew.second_approver):
        shown = _shown_to(approver, submission)
        answer = post(browser(person), f"submissions/{submission.id}/approve", shown)
        assert answer.json()["state"] == "staged"
    admin = browser(host.admin)
    (held,) = admin.get("/api/v1/held").json()["items"]
    assert (held["id"], held["holds"], held["counts"]["adds"]) == (
        str(submission.id),
        ["quarantine.accepted"],
        1,
    )
    assert PDQ[:8] not in json.dumps(held)
    word = {"operations_digest": held["operations_digest"]}
    assert post(approver, f"submissions/{submission.id}/agree", word).status_code == 403
    assert post(admin, f"submissions/{submission.id}/agree", word).status_code == 200
    submission.refresh_from_db()
    assert submission.state == "approved"
    assert admin.get("/api/v1/held").json()["items"] == []


def test_a_yes_through_the_api_names_the_effect_that_was_shown(transactional_db: None) -> None:
    world, host = harbor_world(), cast.operator(now=NOW)
    world.release(csv_of(range(30)))
    submission = world.stage(csv_of(range(20)), mode="remove")
    approver, admin = browser(world.crew.approver), browser(host.admin)
    for act, person in (("approve", approver), ("agree", admin)):
        for said, status, code in (
            (None, 400, "approval.digest_missing"),
            ({"operations_digest": ""}, 400, "approval.digest_missing"),
            ({"operations_digest": "0" * 64}, 409, "approval.changed"),
            ({"operations_digest": "0" * 65}, 400, "request.invalid"),
            ({"operations_digest": ["0" * 64]}, 400, "request.invalid"),
        ):
            answer = post(person, f"submissions/{submission.id}/{act}", said)
            assert (answer.status_code, answer.json()["code"]) == (status, code), (act, said)
        answer = post(person, f"submissions/{submission.id}/{act}", _shown_to(approver, submission))
        assert answer.status_code == 200, act


def _shown_to(person: Client, submission: Submission) -> dict[str, str]:
    shown = person.get(f"/api/v1/submissions/{submission.id}").json()
    return {"operations_digest": shown["operations_digest"]}


def test_members_name_their_innocent_hashes(private: Private) -> None:
    key = key_of(private.world.crew, PUBLISHER_SCOPES).key
    answer = Client().post(
        "/api/v1/benign",
        data=csv_of([7]),
        content_type="text/csv",
        headers={"Authorization": f"Bearer {key}"},
    )
    assert (answer.status_code, answer.json()) == (200, {"hashes": {"sha256": 1}})


def test_only_a_person_says_that_small_deltas_travel(private: Private) -> None:
    path = f"/api/v1/lists/{private.hash_list.id}"
    admin = browser(private.world.crew.admin)
    asked = json.dumps({"inline_delta": True})
    answer = admin.patch(path, data=asked, content_type="application/json")
    assert (answer.status_code, answer.json()["inline_delta"]) == (200, True)
    assert admin.patch(path, data="{}", content_type="application/json").status_code == 400
    key = {"Authorization": f"Bearer {key_of(private.world.crew, PUBLISHER_SCOPES).key}"}
    refused = Client().patch(path, data=asked, content_type="application/json", headers=key)
    assert refused.status_code == 403
