"""The sandbox: made with real verbs, matched by a real client, and refused by it where it must be."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from pytest_django.live_server_helper import LiveServer

from accounts.audit.models import AuditEvent
from accounts.credentials.issue import issue_credential
from accounts.errors import Conflict, Invalid, NotAllowed
from accounts.identity.models import Membership, User
from accounts.identity.roles import TEST_SCOPES
from exchange.client.refusals import Exit
from exchange.sandbox.make import make_sandbox
from exchange.sandbox.sentences import ALWAYS, NEVER, UNVERIFIED, WITHDRAWN
from exchange.sandbox.spoil import spoilt
from hashsets.lists.define import mark_sandbox
from hashsets.lists.models import HashList
from hashsets.trust.directory import root_fingerprints
from hashsets.trust.export import export_repository
from hashsets.trust.models import DIRECTORY
from tests import cast
from tests.exchange.signing.conftest import Machine
from tests.exchange.signing.conftest import blobs as blobs
from tests.exchange.world import new_list, publish
from tests.hashsets.releases.world import NOW


@pytest.fixture
def engineer(
    live_server: LiveServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[], Machine]:
    """Lumen's machine with a test key, once the sandbox is there."""

    def settle() -> Machine:
        lumen = cast.lumen(now=NOW)
        key = issue_credential(
            lumen.organisation, name="try", scopes=sorted(TEST_SCOPES), mode="test",
            expires_at=NOW + timedelta(days=30), actor=lumen.integrator.actor, now=NOW,
        ).key  # fmt: skip
        export_repository(DIRECTORY, now=timezone.now())
        machine = Machine(tmp_path / "lumen", monkeypatch)
        machine.home.mkdir()
        fingerprint = str(root_fingerprints()[0]["sha256"])
        machine.done("init", "--url", live_server.url, "--key", key, "--fingerprint", fingerprint)
        return machine

    return settle


@pytest.mark.django_db(transaction=True)
def test_an_engineer_tries_the_sandbox_with_a_test_key(
    engineer: Callable[[], Machine], tmp_path: Path
) -> None:
    cast.operator(now=NOW)
    sandbox, bad = (made.list_id for made in make_sandbox(timezone.now))
    machine, lists = engineer(), tmp_path / "lists"
    machine.done("subscribe", sandbox)
    machine.done("sync", sandbox, "--into", str(lists), "--format", "txt")
    held = (lists / sandbox / "exports" / "sha256.txt").read_text()
    written = {"always": ALWAYS, "withdrawn": WITHDRAWN, "never": NEVER, "bad": UNVERIFIED}
    found = {
        name: [hashlib.sha256(sentence.encode()).hexdigest() in held for sentence in sentences]
        for name, sentences in written.items()
    }
    assert found == {"always": [True] * 3, "withdrawn": [False], "never": [False], "bad": [False]}
    machine.done("subscribe", bad)
    refused = machine.run("sync", bad, "--into", str(lists))
    assert refused.exit == Exit.BAD_SIGNATURE
    assert not (lists / bad / "current.json").exists()


@pytest.mark.django_db
def test_making_it_again_changes_nothing_and_leaves_nobody_behind() -> None:
    cast.operator(now=NOW)
    first = make_sandbox(timezone.now)
    assert [(made.title, made.releases, made.waits) for made in first] == [
        ("Sandbox", 2, False),
        ("Sandbox: signature wrong on purpose", 1, False),
    ]
    before = AuditEvent.objects.count()
    assert make_sandbox(timezone.now) == first
    assert AuditEvent.objects.count() == before
    makers = User.objects.filter(email__endswith="@hash-exchange.invalid")
    assert len(makers) == 2
    assert not any(user.has_usable_password() for user in makers)
    assert not Membership.objects.filter(user__in=makers, ended_at__isnull=True).exists()
    assert set(HashList.objects.values_list("audience", "tlp")) == {("public", "clear")}


@pytest.mark.django_db
def test_the_command_says_what_there_is_or_what_is_missing() -> None:
    with pytest.raises(CommandError, match="create_operator"):
        call_command("create_sandbox")
    cast.operator(now=NOW)
    out = io.StringIO()
    call_command("create_sandbox", stdout=out)
    assert "2 releases" in out.getvalue()


@pytest.mark.django_db
def test_nothing_that_is_in_force_becomes_a_sandbox() -> None:
    harbor, operator = cast.harbor(now=NOW), cast.operator(now=NOW)
    theirs = new_list(harbor, audience="public", tlp="clear")
    with pytest.raises(Invalid):
        mark_sandbox(theirs, kind="try", actor=harbor.admin.actor, now=NOW)
    with pytest.raises(NotAllowed):
        mark_sandbox(theirs, kind="try", actor=operator.admin.actor, now=NOW)
    own = HashList.objects.create(
        organisation=operator.organisation, title="x", jurisdiction="GB", legal_basis="x", purpose="x",
        audience="public", hash_types=["sha256"], created_at=NOW,
    )  # fmt: skip
    HashList.objects.filter(id=theirs.id).update(organisation=operator.organisation)
    theirs.refresh_from_db()
    publish(theirs)
    with pytest.raises(Conflict):
        mark_sandbox(theirs, kind="try", actor=operator.admin.actor, now=NOW)
    mark_sandbox(own, kind="try", actor=operator.admin.actor, now=NOW)
    own.refresh_from_db()
    assert own.sandbox == "try"


def test_a_spoilt_signature_differs_in_every_signature_and_nothing_else() -> None:
    genuine = {
        "signed": {"version": 3},
        "signatures": [{"keyid": "a", "sig": "0f"}, {"keyid": "b", "sig": "ff"}],
    }
    told = json.loads(spoilt(json.dumps(genuine).encode()))
    assert told["signed"] == genuine["signed"]
    assert [one["sig"] for one in told["signatures"]] == ["1f", "0f"]
