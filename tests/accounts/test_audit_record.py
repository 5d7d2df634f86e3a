"""The audit chain as it is written: inside the act's transaction, without gaps, and saying no secret."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection, transaction

from accounts.audit.actions import Action
from accounts.audit.chain import GENESIS
from accounts.audit.facts import MAX_BYTES, checked_facts
from accounts.audit.models import AuditEvent, AuditHead
from accounts.audit.record import record
from accounts.audit.verify import verify_audit
from tests import cast

SHA256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
MD5 = "098f6bcd4621d373cade4e832627b4f6"


def note(subject: str = "1", facts: Mapping[str, Any] | None = None) -> AuditEvent:
    with transaction.atomic():
        return record(
            Action.LIST_CHANGED,
            actor=cast.HOST,
            subject_type="list",
            subject_id=subject,
            organisation_id=None,
            now=cast.NOW,
            facts=facts,
        )


@pytest.mark.django_db
def test_each_event_names_the_digest_of_the_one_before() -> None:
    first, second = note("1"), note("2")
    assert (first.number, second.number) == (1, 2)
    assert first.previous_digest == GENESIS
    assert second.previous_digest == first.digest
    head = AuditHead.objects.get()
    assert (head.number, head.digest) == (2, second.digest)


@pytest.mark.django_db(transaction=True)
def test_it_refuses_to_record_outside_the_transaction_of_an_act() -> None:
    with pytest.raises(RuntimeError, match="inside the transaction"):
        record(
            Action.LIST_CHANGED,
            actor=cast.HOST,
            subject_type="list",
            subject_id="1",
            organisation_id=None,
            now=cast.NOW,
        )
    assert not AuditEvent.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_an_act_that_fails_leaves_no_event_and_no_gap() -> None:
    note("1")
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        note("2")
        raise ZeroDivisionError
    assert note("3").number == 2
    assert verify_audit().holds


@pytest.mark.django_db
def test_an_event_without_a_time_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        record(
            Action.LIST_CHANGED,
            actor=cast.HOST,
            subject_type="list",
            subject_id="1",
            organisation_id=None,
            now=cast.NOW.replace(tzinfo=None),
        )


@pytest.mark.django_db(transaction=True)
def test_eight_writers_at_once_leave_a_chain_without_gap_or_fork() -> None:
    failures: list[BaseException] = []
    start = threading.Barrier(8)

    def write(writer: int) -> None:
        try:
            start.wait(timeout=30)
            for turn in range(25):
                note(f"{writer}-{turn}")
        except BaseException as failure:
            failures.append(failure)
        finally:
            connection.close()

    writers = [threading.Thread(target=write, args=(writer,)) for writer in range(8)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(timeout=120)
    assert failures == []
    assert list(AuditEvent.objects.order_by("number").values_list("number", flat=True)) == list(range(1, 201))
    assert len(set(AuditEvent.objects.values_list("previous_digest", flat=True))) == 200
    assert verify_audit().holds


@pytest.mark.parametrize(
    "facts",
    [
        {"value": SHA256},
        {"value": SHA256.upper()},
        {"note": f"the file {MD5} was listed"},
        {"counts": {"deeper": [SHA256]}},
        {"sha256_of_entry_maybe": SHA256},
        {SHA256: 1},
        {"key": "hx_live_0123456789abcdefghijABCDEFGHIJ0123456789"},
        {"secret": "whsec_c2VjcmV0"},
        {"pem": "-----BEGIN PRIVATE KEY-----"},
        {"share": 0.5},
        {"raw": b"bytes"},
        {"many": list(range(MAX_BYTES))},
        {"big": 2**53},
        {"nul": "a\x00b"},
        {"half": "a\ud800b"},
        {"Name": "upper case"},
        {"deep": {"a": {"b": {"c": {"d": 1}}}}},
    ],
)
def test_it_refuses_facts_that_no_event_may_hold(facts: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="audit") as refusal:
        checked_facts(facts)
    assert SHA256 not in str(refusal.value)
    assert MD5 not in str(refusal.value)


def test_digests_of_files_and_ids_of_keys_are_facts() -> None:
    identifier = uuid4()
    facts: dict[str, Any] = {
        "manifest_sha256": SHA256,
        "file_digest": SHA256,
        "keyid": SHA256,
        "keyids": [SHA256, SHA256],
        "state_root": SHA256,
        "state_roots": {"md5": SHA256},
        "list_id": "mzxw6ytboi2dsnrqgezdgnbvgy",
        "organisation_id": identifier,
        "counts": {"url-sha256": {"added": 3, "removed": 0}},
        "urgent": False,
        "release": None,
    }
    assert checked_facts(facts) == {**facts, "organisation_id": str(identifier)}


@pytest.mark.django_db
def test_a_refused_fact_takes_no_number() -> None:
    with pytest.raises(ValueError, match="looks like a hash"):
        note(facts={"value": SHA256})
    with pytest.raises(ValueError, match="looks like a hash"):
        note(subject=SHA256)
    assert note().number == 1


@pytest.mark.django_db
def test_an_event_tells_who_acted_for_whom() -> None:
    harbor = cast.harbor()
    event = AuditEvent.objects.get(action=Action.ORGANISATION_CREATED)
    assert event.organisation_id == harbor.organisation.id
    assert event.subject_id == str(harbor.organisation.id)
    assert (event.actor_kind, event.actor_label, event.person_id) == ("system", "tests", None)
    assert event.facts == {"name": "Harbor", "kind": "ngo", "jurisdiction": "CA"}
    with transaction.atomic():
        event = record(
            Action.LIST_CHANGED,
            actor=harbor.admin.actor,
            subject_type="list",
            subject_id=UUID(int=7),
            organisation_id=harbor.organisation.id,
            now=cast.NOW,
        )
    assert event.person_id == harbor.admin.user.id
    assert event.actor_kind == "person"
