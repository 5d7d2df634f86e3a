"""kill -9 before and after every effect of build, sign and publish: exactly one release each, always a
valid list.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from tuf.ngclient.updater import Updater

from hashsets.blobs import keys
from hashsets.blobs.current import blob_store
from hashsets.core.manifest import Manifest, manifest_name
from hashsets.intake.models import Submission, SubmissionState
from hashsets.releases.build import build_draft, submissions_due
from hashsets.releases.models import Draft, DraftState, Release
from hashsets.releases.publish import drafts_due, publish_draft
from hashsets.releases.stock_client import SCHEME, StoreFetcher
from hashsets.releases.verify import verify_release
from tests.hashsets.releases.crash import killed_at
from tests.hashsets.releases.world import NOW, World, csv_of, harbor_world

pytestmark = pytest.mark.django_db(transaction=True)

MINUTE = timedelta(minutes=1)
SAMPLED = 7  # every so many moments in the short run; `--all` takes every one


def journey(world: World, submission: Submission, now: datetime) -> None:
    """Approved -> published, as station and signer do it."""
    draft = build_draft(submission.id, now=now)
    assert draft is not None
    publish_draft(world.sign(draft, now=now).id, now=now)


def finish(world: World, now: datetime) -> None:
    """What the poller does after a restart, and a signer who finds an open draft."""
    for submission_id in submissions_due(now, 10):
        build_draft(submission_id, now=now)
    for draft in Draft.objects.filter(state=DraftState.OPEN):
        world.sign(draft, now=now)
    for draft_id in drafts_due(now, 10):
        publish_draft(draft_id, now=now)


class Member:
    """A stock client that keeps what it has trusted, or starts afresh."""

    def __init__(self, world: World, folder: Path) -> None:
        self.list_id, self.folder = world.hash_list.id, folder
        folder.mkdir()

    def release(self) -> int:
        """The release that a refresh ends at, its manifest downloaded and verified."""
        updater = Updater(
            metadata_dir=str(self.folder),
            metadata_base_url=f"{SCHEME}tuf/{self.list_id}/metadata/",
            target_base_url=f"{SCHEME}tuf/{self.list_id}/targets/",
            fetcher=StoreFetcher(blob_store()),
            bootstrap=blob_store().get_bytes(keys.metadata(self.list_id, "root", 1), limit=512_000),
        )
        updater.refresh()
        info = updater.get_targetinfo(manifest_name(self.list_id))
        assert info is not None
        path = updater.download_target(info, str(self.folder / "manifest"))
        return Manifest.parse(Path(path).read_bytes()).release


def sweep(tmp_path: Path, *, step: int) -> int:
    """Every `step`-th moment, each with a release of its own on one list; returns how many were killed."""
    world = harbor_world()
    world.release(csv_of(range(100)))
    old, killed, moment = Member(world, tmp_path / "old"), 0, 0
    while True:
        before = world.fresh().latest_release
        now = NOW + (killed + 1) * MINUTE
        submission = world.approve(world.stage(csv_of([1000 + killed]), now=now), now=now)
        if not killed_at(moment, lambda: journey(world, submission, now)):  # noqa: B023 - runs at once
            return killed
        killed += 1
        fresh = Member(world, tmp_path / f"fresh-{killed}")
        seen = {old.release(), fresh.release()}
        assert seen <= {before, before + 1}, f"killed at moment {moment}: clients saw {seen}"

        finish(world, now + MINUTE / 2 + MINUTE)
        assert world.fresh().latest_release == before + 1, f"killed at moment {moment}"
        assert old.release() == fresh.release() == before + 1
        submission.refresh_from_db()
        assert submission.state == SubmissionState.PUBLISHED
        assert Release.objects.filter(submission=submission).count() == 1
        assert not drafts_due(now + 5 * MINUTE, 10)
        moment += step


def check_all(world_list_id: str) -> None:
    """Gap-free numbers, and every release recomputed."""
    numbers = list(Release.objects.order_by("number").values_list("number", flat=True))
    assert numbers == list(range(1, len(numbers) + 1))
    hash_list = Release.objects.first().hash_list  # type: ignore[union-attr]
    assert hash_list.id == world_list_id
    for number in {1, len(numbers) // 2, len(numbers)}:
        report = verify_release(hash_list, number)
        assert report.ok, [finding for finding in report.findings if finding.problem]


def test_a_killed_station_leaves_a_valid_list_and_exactly_one_release(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    killed = sweep(tmp_path, step=SAMPLED)
    record_property("crash points: publish", killed)
    assert killed >= 20
    check_all(Release.objects.values_list("hash_list_id", flat=True)[0])


@pytest.mark.row_locks
@pytest.mark.slow
@pytest.mark.faults
def test_killed_at_every_single_moment(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    killed = sweep(tmp_path, step=1)
    record_property("crash points: publish", killed)
    assert killed >= 150
    check_all(Release.objects.values_list("hash_list_id", flat=True)[0])
