"""A member who filters by classification does not lose a list because one person re-classified it."""

from __future__ import annotations

import csv
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pytest_django.live_server_helper import LiveServer

from accounts.credentials.issue import issue_credential
from accounts.identity.roles import Permission
from exchange.client.home import Home
from exchange.sharing.subscribe import subscribe
from hashsets.blobs import keys
from hashsets.blobs.current import blob_store
from hashsets.intake.models import SubmissionState
from hashsets.releases.build import build_draft
from hashsets.releases.publish import publish_draft
from hashsets.trust.directory import refresh_directory
from hashsets.trust.export import export_repository
from tests import cast
from tests.exchange.signing.conftest import Machine, blobs
from tests.hashsets.releases.world import NOW, World, agree_as, approve_as, built, harbor_world, sha256

__all__ = ["blobs"]  # a fixture: stores of this test's own

SCOPES = (Permission.LIST_VIEW, Permission.SUBSCRIPTION_MANAGE, Permission.RELEASE_CONFIRM)
ONLY_A1 = json.dumps({"classifications": ["A1"]})


@pytest.fixture
def world(transactional_db: None) -> World:
    world = harbor_world(scheme="ncmec")
    world.release(classified("A1"))
    return world


@pytest.fixture
def member(world: World, live_server: LiveServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    now, crew = datetime.now(UTC), cast.lumen()
    subscribe(world.hash_list.id, actor=crew.integrator.actor, now=now)
    key = issue_credential(
        crew.organisation, name="sync", scopes=SCOPES, mode="live", expires_at=now.replace(year=now.year + 1),
        actor=crew.integrator.actor, now=now,
    ).key  # fmt: skip
    refresh_directory(now)
    export_repository("directory", now=now)
    root = blob_store().get_bytes(keys.metadata("directory", "root", 1), limit=512_000)
    Home(tmp_path / "member").settle(url=live_server.url, key=key, root=root)
    return Machine(tmp_path / "member", monkeypatch)


def classified(label: str) -> str:
    return "sha256,classification\n" + "".join(f"{sha256(number)},{label}\n" for number in range(30))


def used(member: Machine, world: World, folder: Path) -> int:
    """Entries that the member's systems get: synchronised, verified, put through its policy."""
    lists, out = folder / "lists", folder / "used.csv"
    member.done("sync", "--into", str(lists))
    member.done("export", world.hash_list.id, "--into", str(lists), "--format", "csv", "--out", str(out),
                "--policy", ONLY_A1)  # fmt: skip
    with out.open(newline="") as file:
        return sum(1 for _ in csv.DictReader(file))


def test_a_mass_re_classification_waits_for_a_second_approver_and_the_exchange(
    world: World, member: Machine, tmp_path: Path
) -> None:
    assert used(member, world, tmp_path) == 30
    submission = world.approve(world.stage(classified("B2"), mode="update"))
    assert submission.state == SubmissionState.STAGED
    assert build_draft(submission.id, now=NOW) is None
    assert used(member, world, tmp_path) == 30, "one person's yes takes nothing from the member"

    approve_as(submission, world.crew.second_approver)
    agree_as(submission, cast.operator(now=NOW).admin)
    assert publish_draft(world.sign(built(submission)).id, now=NOW) is not None
    assert used(member, world, tmp_path) == 0, "it would have taken everything"
