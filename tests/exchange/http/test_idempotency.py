"""Idempotency keys: one act per key, whatever is repeated, altered, run at once or cut off."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection, transaction
from django.db.models import F
from django.test import Client
from django.utils import timezone

from accounts.audit.models import AuditEvent
from accounts.errors import Conflict
from exchange.calls.forget import forget, forgetting_due
from exchange.calls.models import RememberedCall
from exchange.calls.remember import Answer, Claim, claim, hold, let_go, settle
from exchange.sharing import endpoints
from exchange.sharing.models import Endpoint, Subscription
from hashsets.intake.models import Submission
from tests import cast
from tests.exchange.api.conftest import MEMBER_SCOPES, PUBLISHER_SCOPES, key_of
from tests.exchange.world import new_list
from tests.hashsets.releases.crash import killed_at
from tests.hashsets.releases.world import NOW

ENDPOINT = {"url": "https://hooks.lumen.example/hash"}


class Caller:
    """Somebody with a key who repeats calls."""

    def __init__(self, key: str) -> None:
        self.key, self.client = key, Client(raise_request_exception=False)

    def __call__(
        self, path: str, body: Any = None, *, key: str | None = "k-1", method: str = "POST", media: str = ""
    ) -> Any:
        headers = {"Authorization": f"Bearer {self.key}"}
        if key is not None:
            headers["Idempotency-Key"] = key
        if isinstance(body, bytes):
            return self.client.generic(method, path, body, content_type=media, headers=headers)
        return getattr(self.client, method.lower())(
            path, data=body or {}, content_type="application/json", headers=headers
        )


@pytest.fixture
def lumen(transactional_db: None) -> cast.Crew:
    return cast.lumen(now=NOW)


@pytest.fixture
def member(lumen: cast.Crew) -> Iterator[Caller]:
    yield Caller(key_of(lumen, MEMBER_SCOPES).key)


def test_a_repeated_call_gets_the_first_answer_and_acts_once(member: Caller) -> None:
    first, events = member("/api/v1/endpoints", ENDPOINT), AuditEvent.objects.count()
    again = member("/api/v1/endpoints", ENDPOINT)
    assert first.status_code == again.status_code == 201
    assert again.content == first.content  # the secret that is shown once included
    assert again["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first
    assert Endpoint.objects.count() == 1
    assert AuditEvent.objects.count() == events


def test_without_a_key_every_call_is_a_new_one(member: Caller) -> None:
    for _ in range(2):
        assert member("/api/v1/endpoints", ENDPOINT, key=None).status_code in (201, 409)
    assert RememberedCall.objects.count() == 0


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/v1/endpoints", {"url": "https://other.lumen.example/hash"}),
        ("/api/v1/endpoints?x=1", ENDPOINT),
        ("/api/v1/subscriptions", ENDPOINT),
    ],
    ids=["body", "query", "address"],
)
def test_a_key_for_another_call_is_refused(member: Caller, path: str, body: dict[str, str]) -> None:
    member("/api/v1/endpoints", ENDPOINT)
    answer = member(path, body)
    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency.mismatch")
    assert Endpoint.objects.count() == 1


def test_keys_of_other_organisations_do_not_meet(member: Caller) -> None:
    member("/api/v1/endpoints", ENDPOINT)
    other = Caller(key_of(cast.pixelhaus(now=NOW), MEMBER_SCOPES).key)
    answer = other("/api/v1/endpoints", {"url": "https://hooks.pixelhaus.example/hash"})
    assert answer.status_code == 201
    assert Endpoint.objects.count() == 2


@pytest.mark.parametrize("key", ["", "a b", "é", "a" * 256, "a\x7f"])
def test_a_key_that_is_none_is_refused(member: Caller, key: str) -> None:
    answer = member("/api/v1/endpoints", ENDPOINT, key=key)
    assert (answer.status_code, answer.json()["code"]) == (400, "idempotency.key")


def test_a_lasting_refusal_is_repeated_and_a_passing_one_is_not(member: Caller, lumen: cast.Crew) -> None:
    absent = {"list_id": "a" * 26}
    first = member("/api/v1/subscriptions", absent, key="lasting")
    again = member("/api/v1/subscriptions", absent, key="lasting")
    assert (first.status_code, again.content) == (404, first.content)
    hash_list = new_list(cast.harbor(now=NOW), status="closed")
    wanted = {"list_id": hash_list.id}
    assert member("/api/v1/subscriptions", wanted, key="passing").status_code == 409
    type(hash_list).objects.update(status="active")
    assert member("/api/v1/subscriptions", wanted, key="passing").status_code == 201
    assert Subscription.objects.filter(organisation=lumen.organisation).count() == 1


def test_an_upload_is_taken_once_and_compared_by_its_bytes(transactional_db: None) -> None:
    crew = cast.harbor(now=NOW)
    publisher = Caller(key_of(crew, PUBLISHER_SCOPES).key)
    path = f"/api/v1/lists/{new_list(crew).id}/submissions?mode=add"
    first = publisher(path, b"sha256\n" + b"0a" * 32, media="text/csv")
    again = publisher(path, b"sha256\n" + b"0a" * 32, media="text/csv")
    other = publisher(path, b"sha256\n" + b"0b" * 32, media="text/csv")
    assert (first.status_code, again.content, other.status_code) == (202, first.content, 422)
    assert Submission.objects.count() == 1


def test_of_many_at_once_one_acts(member: Caller) -> None:
    answers: list[Any] = []
    barrier = threading.Barrier(6)

    def call() -> None:
        caller = Caller(member.key)
        barrier.wait()
        try:
            answers.append(caller("/api/v1/endpoints", ENDPOINT))
        finally:
            connection.close()

    threads = [threading.Thread(target=call) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Endpoint.objects.count() == 1
    made = [answer for answer in answers if answer.status_code == 201]
    waiting = [answer for answer in answers if answer.status_code == 409]
    assert len(made) + len(waiting) == 6
    assert len({answer.content for answer in made}) == 1
    assert {answer.json()["code"] for answer in waiting} <= {"idempotency.in_progress"}
    assert all(int(answer["Retry-After"]) >= 1 for answer in waiting)


def test_an_act_that_breaks_leaves_nothing_and_may_be_tried_again(
    member: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = endpoints.register_endpoint

    def breaks(**asked: Any) -> Any:
        real(**asked)
        raise RuntimeError("after the act, before the answer")

    with monkeypatch.context() as patch:
        patch.setattr(endpoints, "register_endpoint", breaks)
        assert member("/api/v1/endpoints", ENDPOINT).status_code == 500
    assert Endpoint.objects.count() == 0  # the act and the kept answer are one transaction
    assert member("/api/v1/endpoints", ENDPOINT).status_code == 201
    assert Endpoint.objects.count() == 1


def test_of_two_who_find_the_lease_of_a_dead_process_over_one_takes_its_place(
    lumen: cast.Crew, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other one comes between looking and taking over: then the token is no longer the one it saw."""
    claim(lumen.organisation.id, "k-1", lease=timedelta(minutes=1), now=NOW)
    later, taken, fresh = NOW + timedelta(minutes=2), [], uuid.uuid4

    def overtaken() -> uuid.UUID:
        monkeypatch.setattr("exchange.calls.remember.uuid.uuid4", fresh)
        taken.append(claim(lumen.organisation.id, "k-1", lease=timedelta(minutes=1), now=later))
        return fresh()

    monkeypatch.setattr("exchange.calls.remember.uuid.uuid4", overtaken)
    # The row that is to be new is drawn with the function as it was when the model was made.
    with pytest.raises(Conflict) as refused:
        claim(lumen.organisation.id, "k-1", lease=timedelta(minutes=1), now=later)
    assert refused.value.code == "idempotency.in_progress"
    (theirs,) = taken
    assert isinstance(theirs, Claim)
    assert RememberedCall.objects.get().token == theirs.token
    settle(theirs, Answer("0" * 64, 200, "application/json", b"{}"))


def test_a_claim_of_a_dead_process_is_free_after_its_lease(lumen: cast.Crew) -> None:
    organisation, now, lease = lumen.organisation.id, timezone.now(), timedelta(minutes=2)
    first = claim(organisation, "k", lease=lease, now=now)
    with pytest.raises(Conflict, match="still running"):
        claim(organisation, "k", lease=lease, now=now + timedelta(minutes=1))
    second = claim(organisation, "k", lease=lease, now=now + timedelta(minutes=3))
    assert isinstance(first, Claim)
    assert isinstance(second, Claim)
    answer = Answer("0" * 64, 201, "application/json", b"{}")
    with pytest.raises(Conflict, match="took too long"), transaction.atomic():
        settle(first, answer)
    let_go(first, now=now)
    settle(second, answer)
    assert claim(organisation, "k", lease=lease, now=now + timedelta(minutes=4)) == answer


def test_an_answer_is_sealed_at_rest_and_forgotten_after_a_day(member: Caller) -> None:
    secret = member("/api/v1/endpoints", ENDPOINT).json()["secret"]
    row = RememberedCall.objects.get()
    assert secret not in row.sealed_body
    later = timezone.now() + timedelta(hours=25)
    assert forgetting_due(timezone.now(), 10) == []
    assert "answers" in forgetting_due(later, 10)
    forget("answers", now=later)
    assert RememberedCall.objects.count() == 0


def test_a_claim_that_was_given_back_is_taken_again_under_the_same_id(lumen: cast.Crew) -> None:
    organisation, now, lease = lumen.organisation.id, timezone.now(), timedelta(minutes=2)
    first = claim(organisation, "k", lease=lease, now=now)
    assert isinstance(first, Claim)
    let_go(first, now=now)
    second = claim(organisation, "k", lease=lease, now=now)
    assert isinstance(second, Claim)
    assert (second.id, second.token == first.token) == (first.id, False)


CSV = b"sha256\n" + b"0a" * 32
OTHER_CSV = b"sha256\n" + b"0b" * 32


@pytest.fixture
def upload(transactional_db: None) -> Iterator[tuple[Caller, str]]:
    crew = cast.harbor(now=NOW)
    path = f"/api/v1/lists/{new_list(crew).id}/submissions?mode=add"
    yield Caller(key_of(crew, PUBLISHER_SCOPES).key), path


def test_an_upload_whose_answer_was_lost_is_found_again_and_not_made_twice(
    upload: tuple[Caller, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    publisher, path = upload

    def dies(*_: Any) -> None:
        raise RuntimeError("the act is committed, its answer is not")

    with monkeypatch.context() as patch:
        patch.setattr("exchange.http.idempotency.settle", dies)
        assert publisher(path, CSV, media="text/csv").status_code == 500
    assert Submission.objects.count() == 1
    other = publisher(path, OTHER_CSV, media="text/csv")
    assert (other.status_code, other.json()["code"]) == (409, "submission.repeated_otherwise")
    again = publisher(path, CSV, media="text/csv")
    assert again.status_code == 202
    assert again.json()["id"] == str(Submission.objects.get().id)
    assert AuditEvent.objects.filter(action="submission.received").count() == 1
    assert publisher(path, CSV, media="text/csv").content == again.content


def test_an_upload_that_was_refused_before_its_end_is_refused_the_same_again(
    upload: tuple[Caller, str],
) -> None:
    """Its rest was not read, nor is it the next time: there is nothing to compare."""
    publisher, path = upload
    zeros = bytes(3 << 20)
    for _ in range(2):
        answer = publisher(path, zeros, media="text/csv")
        assert (answer.status_code, answer.json()["code"]) == (415, "upload.binary")
        rest = len(answer.wsgi_request._stream._stream.read())
        assert rest == len(zeros) - (1 << 20)
    assert not Submission.objects.exists()


def test_an_upload_that_was_cut_off_before_its_row_is_taken_again(
    upload: tuple[Caller, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    publisher, path = upload

    def dies(*_: Any, **__: Any) -> None:
        raise RuntimeError("the file is stored, its row is not")

    with monkeypatch.context() as patch:
        patch.setattr("hashsets.intake.receive._insert", dies)
        assert publisher(path, CSV, media="text/csv").status_code == 500
    assert Submission.objects.count() == 0
    other = publisher(path, OTHER_CSV, media="text/csv")
    assert (other.status_code, other.json()["code"]) == (409, "submission.repeated_otherwise")
    assert publisher(path, CSV, media="text/csv").status_code == 202
    assert Submission.objects.count() == 1


def test_an_upload_whose_server_lost_its_database_is_taken_again_in_a_moment(
    upload: tuple[Caller, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody could give the claim back: the process or the database had gone."""
    publisher, path = upload

    def away(*_: Any, **__: Any) -> None:
        raise OperationalError("the server closed the connection")

    with monkeypatch.context() as patch:
        patch.setattr("hashsets.intake.receive._insert", away)
        patch.setattr("exchange.http.idempotency.let_go", away)
        assert publisher(path, CSV, media="text/csv").status_code >= 500
    waiting = publisher(path, CSV, media="text/csv")
    assert (waiting.status_code, waiting.json()["code"]) == (409, "idempotency.in_progress")
    RememberedCall.objects.update(lease_until=F("lease_until") - timedelta(seconds=16))
    assert publisher(path, CSV, media="text/csv").status_code == 202


def test_an_upload_that_is_still_coming_keeps_its_key(
    upload: tuple[Caller, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    publisher, path = upload
    held: list[timedelta] = []

    def noted(claimed: Claim, *, until: datetime) -> None:
        hold(claimed, until=until)
        held.append(until - timezone.now())

    monkeypatch.setattr("exchange.http.idempotency._HELD_EVERY", 0.0)
    monkeypatch.setattr("exchange.http.idempotency.hold", noted)
    assert publisher(path, CSV, media="text/csv").status_code == 202
    assert held
    assert all(timedelta(seconds=10) < each < timedelta(seconds=20) for each in held)


def test_a_call_that_was_overtaken_while_its_bytes_came_stops(lumen: cast.Crew) -> None:
    organisation, now, lease = lumen.organisation.id, timezone.now(), timedelta(seconds=30)
    first = claim(organisation, "k", lease=lease, now=now)
    assert isinstance(first, Claim)
    hold(first, until=now + timedelta(minutes=2))
    with pytest.raises(Conflict, match="still running"):
        claim(organisation, "k", lease=lease, now=now + timedelta(minutes=1))
    second = claim(organisation, "k", lease=lease, now=now + timedelta(minutes=3))
    assert isinstance(second, Claim)
    with pytest.raises(Conflict, match="took too long"):
        hold(first, until=now + timedelta(minutes=4))


@pytest.mark.faults
def test_a_process_killed_at_any_moment_of_an_upload_leaves_one_submission(
    upload: tuple[Caller, str],
) -> None:
    """The retry comes when the lease of the dead has run out."""
    publisher, path = upload
    moment = killed = 0
    while True:
        key, content = f"k-{moment}", b"sha256\n" + f"{moment:064x}".encode()
        before = Submission.objects.count()
        died = killed_at(moment, lambda: publisher(path, content, key=key, media="text/csv"))  # noqa: B023
        RememberedCall.objects.filter(status__isnull=True).update(lease_until=timezone.now())
        answer = publisher(path, content, key=key, media="text/csv")
        assert answer.status_code == 202, answer.content
        assert Submission.objects.count() == before + 1, f"killed at moment {moment}"
        if not died:
            break
        killed, moment = killed + 1, moment + 3
    assert killed >= 10
