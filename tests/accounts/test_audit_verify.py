"""Tampering with the audit chain is noticed: a change, a gap, a rewritten history, a cut tail."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import transaction
from pytest_django import Settings

from accounts.audit.actions import Action
from accounts.audit.chain import GENESIS, ChainCheck, Link, canonical, digest_of
from accounts.audit.heads import export_head, exported_heads, heads_folder
from accounts.audit.models import AuditEvent, AuditHead
from accounts.audit.record import record
from accounts.audit.verify import verify_audit
from tests import cast

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _own_heads(settings: Settings, tmp_path: Path) -> None:
    settings.HX_AUDIT_HEADS = str(tmp_path / "heads")


def chain_of(length: int) -> list[AuditEvent]:
    with transaction.atomic():
        return [
            record(
                Action.LIST_CHANGED,
                actor=cast.HOST,
                subject_type="list",
                subject_id=str(number),
                organisation_id=None,
                now=cast.NOW,
                facts={"zeta": number, "alpha": {"b": [1, "é"], "a": True}},
            )
            for number in range(1, length + 1)
        ]


def codes() -> list[str]:
    return [breach.code for breach in verify_audit().breaches]


def set_head(event: AuditEvent | None) -> None:
    AuditHead.objects.update(number=event.number if event else 0, digest=event.digest if event else GENESIS)


def test_an_untouched_chain_holds() -> None:
    events = chain_of(5)
    report = verify_audit()
    assert report.holds
    assert (report.events, report.number, report.digest) == (5, 5, events[-1].digest)


def test_an_empty_chain_holds() -> None:
    assert verify_audit().holds


def test_the_digest_can_be_recomputed_from_its_description_alone() -> None:
    event = chain_of(1)[0]
    written = (
        '{"action":"list.changed","actor_kind":"system","actor_label":"tests",'
        '"at":"2026-01-15T09:00:00.000000Z","credential_id":null,"facts":{"alpha":{"a":true,'
        '"b":[1,"\\u00e9"]},"zeta":1},"format":1,"number":1,"organisation_id":null,"person_id":null,'
        f'"previous_digest":"{"0" * 64}","subject_id":"1","subject_type":"list"}}'
    )
    assert hashlib.sha256(written.encode()).hexdigest() == event.digest


@pytest.mark.parametrize(
    "change",
    [
        {"action": "list.created"},
        {"actor_label": "somebody else"},
        {"facts": {}},
        {"subject_id": "9"},
        {"at": cast.NOW.replace(microsecond=1)},
        {"actor_kind": "person"},
        {"digest": "1" * 64},
    ],
)
def test_a_changed_event_is_noticed(change: dict[str, object]) -> None:
    chain_of(5)
    AuditEvent.objects.filter(number=3).update(**change)
    found = verify_audit().breaches
    assert ("chain.changed", 3) in [(breach.code, breach.number) for breach in found]


def test_an_event_changed_together_with_its_digest_breaks_the_link_of_the_next() -> None:
    events = chain_of(5)
    link = dataclasses.replace(_link(events[2]), subject_id="9")
    AuditEvent.objects.filter(number=3).update(subject_id="9", digest=digest_of(link))
    assert [(breach.code, breach.number) for breach in verify_audit().breaches] == [("chain.broken_link", 4)]


def test_a_deleted_event_in_the_middle_is_noticed() -> None:
    chain_of(5)
    AuditEvent.objects.filter(number__in=[2, 3]).delete()
    found = verify_audit().breaches
    assert [(breach.code, breach.message) for breach in found] == [
        ("chain.gap", "Events 2 to 3 are missing.")
    ]


def test_a_deleted_last_event_is_noticed_by_the_head() -> None:
    chain_of(5)
    AuditEvent.objects.filter(number=5).delete()
    assert codes() == ["head.mismatch"]


def test_a_cut_tail_is_noticed_by_an_exported_head_even_when_the_head_was_set_back() -> None:
    events = chain_of(5)
    export_head(now=cast.NOW)
    AuditEvent.objects.filter(number__gte=4).delete()
    set_head(events[2])
    assert codes() == ["chain.cut"]


def test_everything_deleted_is_noticed_by_an_exported_head() -> None:
    chain_of(3)
    export_head(now=cast.NOW)
    AuditEvent.objects.all().delete()
    AuditHead.objects.all().delete()
    assert codes() == ["chain.cut"]


def test_a_history_that_was_rewritten_from_the_beginning_is_noticed_by_an_exported_head() -> None:
    chain_of(3)
    export_head(now=cast.NOW)
    AuditEvent.objects.all().delete()
    set_head(None)
    with transaction.atomic():
        for _ in range(4):
            record(
                Action.LIST_CREATED,
                actor=cast.HOST,
                subject_type="list",
                subject_id="other",
                organisation_id=None,
                now=cast.NOW,
            )
    assert codes() == ["chain.rewritten"]


def test_an_event_beyond_the_head_is_noticed() -> None:
    events = chain_of(3)
    set_head(events[1])
    assert codes() == ["head.behind"]


def test_a_missing_head_is_noticed_and_nothing_can_be_appended() -> None:
    chain_of(3)
    AuditHead.objects.all().delete()
    assert "head.missing" in codes()


def test_a_head_is_exported_once_and_says_where_the_chain_stood() -> None:
    assert export_head(now=cast.NOW) is None
    events = chain_of(2)
    path = export_head(now=cast.NOW)
    assert path == heads_folder() / f"000000000002-{events[1].digest}.json"
    assert json.loads(path.read_text()) == {
        "number": 2,
        "digest": events[1].digest,
        "exported_at": "2026-01-15T09:00:00+00:00",
    }
    before = path.stat().st_mtime_ns
    assert export_head(now=cast.NOW) is None
    assert path.stat().st_mtime_ns == before
    assert [head.number for head in exported_heads(heads_folder())] == [2]
    assert [entry.name for entry in heads_folder().iterdir()] == [path.name]


def test_only_the_first_hundred_findings_are_kept_but_all_are_counted() -> None:
    chain_of(150)
    AuditEvent.objects.update(actor_label="somebody else")
    report = verify_audit()
    assert len(report.breaches) == 100
    assert report.breach_count == 150


def test_the_walk_goes_on_after_a_gap_with_what_is_stored() -> None:
    first, _, third = chain_of(3)
    walk = ChainCheck()
    assert [breach.code for breach in walk.breaches([_link(first), _link(third)])] == ["chain.gap"]
    assert walk.number == 3


def test_the_command_says_that_the_chain_holds_and_exports_its_head() -> None:
    chain_of(2)
    out = StringIO()
    call_command("verify_audit", stdout=out)
    assert "The audit chain holds: 2 events, 0 exported heads compared." in out.getvalue()
    assert "No head was ever exported" in out.getvalue()
    call_command("verify_audit", "--export-head", stdout=(out := StringIO()))
    assert "Exported to" in out.getvalue()
    call_command("verify_audit", stdout=(out := StringIO()))
    assert "1 exported heads compared" in out.getvalue()


def test_the_command_fails_when_the_last_event_was_deleted() -> None:
    chain_of(2)
    AuditEvent.objects.filter(number=2).delete()
    err = StringIO()
    with pytest.raises(SystemExit) as end:
        call_command("verify_audit", "--export-head", stdout=StringIO(), stderr=err)
    assert end.value.code == 1
    assert "head.mismatch" in err.getvalue()
    assert not heads_folder().exists()


def _link(event: AuditEvent) -> Link:
    link = Link(
        number=event.number,
        at=event.at,
        action=event.action,
        actor_kind=event.actor_kind,
        actor_label=event.actor_label,
        person_id=None,
        credential_id=None,
        organisation_id=None,
        subject_type=event.subject_type,
        subject_id=event.subject_id,
        facts=event.facts,
        previous_digest=event.previous_digest,
        digest=event.digest,
    )
    assert digest_of(link) == hashlib.sha256(canonical(link)).hexdigest()
    return link
