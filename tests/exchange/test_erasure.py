"""Legal erasure, the whole way: asked by one person, decided by another, signed, published, gone everywhere.

What "gone" means is looked for with a search through everything that the exchange and a member keep: every
blob, every local file, every value in the database and every answer of the API. The same search finds the
hash before, or it would prove nothing.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.core.management import call_command
from pytest_django.live_server_helper import LiveServer
from tuf.ngclient import Updater

from accounts.audit.actions import Action
from accounts.audit.models import AuditEvent
from accounts.credentials.issue import issue_credential
from accounts.identity.roles import Permission
from exchange.client.home import Home
from exchange.sharing.subscribe import subscribe
from hashsets.blobs import keys
from hashsets.blobs.current import blob_store
from hashsets.core.withdrawal import Reason
from hashsets.intake.erasure import Named, ask_erasure
from hashsets.intake.models import Erasure, Submission, SubmissionState
from hashsets.intake.validate import validate_submission
from hashsets.releases.erase import complete_erasure, erasures_due
from hashsets.releases.local_copies import clear_copies, copies_due
from hashsets.releases.models import Release
from hashsets.releases.publish import publish_draft
from hashsets.releases.verify import verify_release
from hashsets.trust.directory import refresh_directory
from hashsets.trust.export import export_repository
from tests import cast
from tests.exchange.signing.conftest import Machine, blobs
from tests.hashsets.releases.world import NOW, World, built, csv_of, harbor_world, sha256

__all__ = ["blobs"]  # a fixture: stores of this test's own

ERASED = sha256(7)
SCOPES = (Permission.LIST_VIEW, Permission.SUBSCRIPTION_MANAGE, Permission.RELEASE_CONFIRM)


@dataclass(frozen=True, slots=True)
class Member:
    """Lumen's machine, with `hashx`."""

    machine: Machine
    into: Path
    key: str

    def sync(self, *more: str) -> dict[str, Any]:
        only: dict[str, Any] = self.machine.done("sync", "--into", str(self.into), *more)["lists"][0]
        return only


@pytest.fixture
def world(transactional_db: None) -> World:
    return harbor_world(hash_types=("md5", "sha256"))


@pytest.fixture
def member(world: World, live_server: LiveServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Member:
    now = datetime.now(UTC)
    crew = cast.lumen()
    world.release(csv_of(range(20)))
    subscribe(world.hash_list.id, actor=crew.integrator.actor, now=now)
    issued = issue_credential(
        crew.organisation, name="sync", scopes=SCOPES, mode="live", expires_at=now + timedelta(days=9),
        actor=crew.integrator.actor, now=now,
    )  # fmt: skip
    refresh_directory(now)
    export_repository("directory", now=now)
    root = blob_store().get_bytes(keys.metadata("directory", "root", 1), limit=512_000)
    Home(tmp_path / "member").settle(url=live_server.url, key=issued.key, root=root)
    return Member(Machine(tmp_path / "member", monkeypatch), tmp_path / "lists", issued.key)


def forms(hash_text: str) -> tuple[bytes, ...]:
    """How a hash may lie somewhere: raw, hexadecimal in either case, base64."""
    raw = bytes.fromhex(hash_text)
    return (raw, hash_text.encode(), hash_text.upper().encode(), base64.b64encode(raw).rstrip(b"="))


def files_with(folder: Path, hash_text: str) -> list[Path]:
    sought = forms(hash_text)
    found = (path for path in folder.rglob("*") if path.is_file())
    return [path for path in found if any(form in path.read_bytes() for form in sought)]


def rows_with(hash_text: str) -> list[str]:
    """Every row of every table in which the hash stands."""
    sought = [form.decode() for form in forms(hash_text)[1:]]
    return [
        f"{model.__name__}.{name}"
        for model in apps.get_models()
        for row in model._default_manager.values()
        for name, value in row.items()
        if any(text in _text(value) for text in sought)
    ]


def _text(value: Any) -> str:
    if isinstance(value, bytes | memoryview):
        return bytes(value).decode("latin-1")
    return json.dumps(value) if isinstance(value, dict | list) else str(value)


def ask(world: World, *hashes: str, by: cast.Person | None = None, now: datetime = NOW) -> Submission:
    erasure = ask_erasure(
        world.fresh(),
        [Named("sha256", text) for text in hashes],
        reason=Reason.COURT_ORDER,
        reference="2026/117",
        actor=(by or world.crew.contributor).actor,
        now=now,
    )
    assert validate_submission(erasure.submission_id, now=now)
    return Submission.objects.get(id=erasure.submission_id)


def erase(world: World, *hashes: str, now: datetime = NOW) -> Release:
    """Asked, decided, signed and published; the station has not come yet."""
    draft = built(world.approve_wholly(ask(world, *hashes, now=now), now=now), now=now)
    release = publish_draft(world.sign(draft, now=now).id, now=now)
    assert release is not None and release.exported_at is not None
    return release


def finish(now: datetime = NOW) -> None:
    """What the stations of a machine do."""
    for submission_id in erasures_due(now, 10):
        assert complete_erasure(submission_id, now=now)
    for since in copies_due(now, 1):
        clear_copies(since)


def test_an_erased_entry_is_gone_from_everything_that_is_kept(
    world: World, member: Member, blobs: Path, tmp_path: Path, live_server: LiveServer
) -> None:
    folders = (blobs, tmp_path / "var", member.into)
    world.release(csv_of([30, 31]))
    given_up = world.submit(csv_of([7, 40]), now=NOW)  # undecided, and names the entry too
    Submission.objects.filter(id=given_up.id).update(note=f"Again {ERASED}.")
    assert member.sync("--format", "csv")["release"] == 2
    seen_before = [path for folder in folders for path in files_with(folder, ERASED)]
    assert len(seen_before) >= 5 and rows_with(ERASED)  # segments, uploads, staged, member's copy and export

    release = erase(world, ERASED)
    finish()
    synced = member.sync("--format", "csv")

    assert release.number == 3 and synced["release"] == 3 and synced["count"] == 21 and synced["confirmed"]
    (withdrawn,) = synced["withdrawn"]
    assert (withdrawn["first"], withdrawn["last"], withdrawn["reason"]) == (1, 2, "court_order")
    assert not [path for folder in folders for path in files_with(folder, ERASED)]
    assert not rows_with(ERASED)
    assert member.machine.done("verify", str(member.into))["lists"][0]["release"] == 3
    given_up.refresh_from_db()
    assert given_up.state == SubmissionState.WITHDRAWN and "by law" in given_up.decision_reason


def test_withdrawn_files_answer_gone_and_never_change(
    world: World, member: Member, live_server: LiveServer, client: Any
) -> None:
    first = Release.objects.get(number=1)
    address = keys.target(world.hash_list.id, f"{world.hash_list.id}/manifest.json", first.manifest_sha256)
    bearer = {"Authorization": f"Bearer {member.key}"}
    before = client.get(f"/{address}", headers=bearer)
    assert before.status_code == 200 and before.getvalue()

    erase(world, ERASED)

    gone = client.get(f"/{address}", headers=bearer)  # at once: the station has not been there
    assert (gone.status_code, gone.json()["code"]) == (410, "release.withdrawn")
    finish()
    assert client.get(f"/{address}", headers=bearer).status_code == 410
    assert client.get(f"/{address}").status_code == 404  # whoever may not see the list learns nothing
    listed = client.get(f"/api/v1/lists/{world.hash_list.id}/releases", headers=bearer).json()["items"]
    assert [(one["number"], one["withdrawn_by"]) for one in listed] == [(2, None), (1, 2)]
    assert ERASED not in json.dumps(listed)


def test_the_feed_of_changes_begins_anew_and_never_names_what_was_erased(
    world: World, member: Member, client: Any
) -> None:
    bearer = {"Authorization": f"Bearer {member.key}"}
    address = f"/api/v1/lists/{world.hash_list.id}/changes"
    old = client.get(address, headers=bearer).json()["next"]
    erase(world, ERASED)
    finish()
    world.release(csv_of([50]), now=NOW)

    refused = client.get(f"{address}?cursor={old}", headers=bearer)
    assert (refused.status_code, refused.json()["code"]) == (410, "changes.withdrawn")
    pages = list(_pages(client, address, bearer))
    told = [item["hash"] for page in pages for item in page["items"]]
    assert sorted(told) == sorted(sha256(n) for n in [*range(20), 50] if n != 7)
    assert {item["op"] for page in pages for item in page["items"]} == {"add"}
    again = client.get(f"{address}?since=3", headers=bearer).json()
    assert not again["items"] and again["latest_release"] == 3


def _pages(client: Any, address: str, headers: dict[str, str]) -> Iterator[Any]:
    query = "?limit=7"
    while True:
        page = client.get(f"{address}{query}", headers=headers).json()
        yield page
        if not page["more"]:
            return
        query = f"?limit=7&cursor={page['next']}"


def test_verification_says_withdrawn_and_still_holds(
    world: World, member: Member, capsys: pytest.CaptureFixture[str]
) -> None:
    erase(world, ERASED)
    finish()
    world.release(csv_of([60]))

    reports = [verify_release(world.fresh(), number) for number in (1, 2, 3)]
    assert all(report.ok for report in reports)
    assert [report.withdrawn_by for report in reports] == [2, None, None]
    call_command("verify_release", world.hash_list.id, "1")
    assert "withdrawn by erasure" in capsys.readouterr().out


def test_a_stock_client_goes_on_and_can_fetch_the_notice(
    world: World, member: Member, tmp_path: Path, live_server: LiveServer
) -> None:
    from hashsets.core.withdrawal import Notice, withdrawn_name
    from hashsets.releases.stock_client import SCHEME, StoreFetcher

    list_id = world.hash_list.id

    def client() -> Updater:
        return Updater(
            metadata_dir=str(tmp_path / "stock"),
            metadata_base_url=f"{SCHEME}tuf/{list_id}/metadata/",
            target_base_url=f"{SCHEME}tuf/{list_id}/targets/",
            fetcher=StoreFetcher(blob_store()),
            bootstrap=blob_store().get_bytes(keys.metadata(list_id, "root", 1), limit=512_000),
        )

    (tmp_path / "stock").mkdir()
    client().refresh()  # has trusted what was before
    released = {path.sha256 for path in world.fresh().target_files.all()}
    erase(world, ERASED)
    finish()
    updater = client()
    updater.refresh()
    info = updater.get_targetinfo(withdrawn_name(list_id))
    assert info is not None
    content = Path(updater.download_target(info, str(tmp_path / "notice"))).read_bytes()
    notice = Notice.parse(content)
    assert notice.before == 2 and notice.files <= released and len(notice.files) >= 2
    assert not any(form in content for form in forms(ERASED))


def test_a_second_erasure_adds_to_the_notice_and_a_member_that_was_away_learns_of_both(
    world: World, member: Member
) -> None:
    member.sync()
    erase(world, ERASED)
    finish()
    world.release(csv_of([70]))
    erase(world, sha256(8), sha256(9))
    finish()

    synced = member.sync()
    assert [(one["first"], one["last"]) for one in synced["withdrawn"]] == [(1, 1), (2, 3)]
    assert synced["count"] == 18
    assert not files_with(member.into, sha256(8)) and not files_with(member.into, ERASED)


def test_an_entry_that_is_only_in_the_history_can_be_erased(
    world: World, member: Member, blobs: Path
) -> None:
    world.release(csv_of([7]), mode="remove", urgent=True)
    assert files_with(blobs, ERASED)
    release = erase(world, ERASED)
    finish()
    assert (release.number, release.removals, release.entries) == (3, 0, 19)
    assert not files_with(blobs, ERASED)
    assert member.sync()["count"] == 19


def test_its_events_are_in_the_audit_without_the_hash(world: World, member: Member) -> None:
    erase(world, ERASED)
    finish()
    acts = list(AuditEvent.objects.order_by("number").values_list("action", flat=True))
    wanted = [Action.ERASURE_ASKED, Action.ERASURE_PUBLISHED, Action.ERASURE_COMPLETED]
    assert [act for act in acts if act in wanted] == wanted
    erasure = Erasure.objects.get()
    assert erasure.asked_by_id != erasure.decided_by_id and erasure.completed_at is not None
    assert not complete_erasure(erasure.submission_id, now=NOW)  # done is done
