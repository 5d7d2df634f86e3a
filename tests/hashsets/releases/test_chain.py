"""The whole chain: from stored CSVs to releases that anybody can recompute."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from pathlib import Path

import pytest

from accounts.audit.models import AuditEvent
from accounts.audit.verify import verify_audit
from hashsets.blobs import keys
from hashsets.blobs.current import blob_store
from hashsets.core.hashtypes import hash_type
from hashsets.core.manifest import Manifest, manifest_name
from hashsets.core.merkle import TypeRoot, leaves_of, list_root, type_root
from hashsets.core.segment import Kind, Segment
from hashsets.core.state import State
from hashsets.intake.models import SubmissionState
from hashsets.lists.current import newest_state
from hashsets.releases.compose import segments_of, targets_of
from hashsets.releases.models import Draft, DraftState, Release, TargetFile
from hashsets.releases.publish import publish_draft
from hashsets.releases.stock_client import download_and_verify
from hashsets.releases.verify import verify_release
from tests.hashsets.releases.world import NOW, World, csv_of, harbor_world, sha256

pytestmark = pytest.mark.django_db(transaction=True)


def manifest_of(release: Release) -> Manifest:
    list_id = release.hash_list_id
    key = keys.target(list_id, manifest_name(list_id), release.manifest_sha256)
    content = blob_store().get_bytes(key, limit=1_000_000)
    assert hashlib.sha256(content).hexdigest() == release.manifest_sha256
    return Manifest.parse(content)


def hashes_of(world: World) -> set[str]:
    state = newest_state(world.fresh()).of("sha256")
    return {raw.tobytes().hex() for rows in state.iter_batches() for raw in rows.hash}


def three_releases() -> tuple[World, list[Release]]:
    """400 entries; then 3 more and 2 fewer; then the whole list replaced by 350 of them and 5 others."""
    world = harbor_world()
    first = world.release(csv_of(range(400)))
    world.release(csv_of([400, 401, 402]), now=NOW + timedelta(minutes=1))
    world.release(csv_of([7, 8]), mode="remove", now=NOW + timedelta(minutes=2))
    replaced = csv_of([*range(50, 400), *range(900, 905)])
    last = world.release(replaced, mode="replace", now=NOW + timedelta(minutes=3))
    return world, [first, *Release.objects.filter(number__gt=1).order_by("number")[:2], last]


def test_a_stored_csv_becomes_release_1() -> None:
    world = harbor_world()
    release = world.release(csv_of(range(100)))

    assert release.number == 1
    assert release.entries == 100
    assert release.exported_at is not None
    assert release.delta_length == 0, "a first release is a snapshot: there is nothing to change"
    fresh = world.fresh()
    assert (fresh.latest_release, fresh.latest_manifest_sha256) == (1, release.manifest_sha256)
    assert hashes_of(world) == {sha256(number) for number in range(100)}
    assert release.submission.state == SubmissionState.PUBLISHED
    assert release.draft.state == DraftState.PUBLISHED


def test_a_small_change_travels_as_a_delta_and_a_replacement_says_what_is_gone() -> None:
    world, releases = three_releases()

    assert [release.number for release in releases] == [1, 2, 3, 4]
    assert hashes_of(world) == {sha256(number) for number in [*range(50, 400), *range(900, 905)]}
    second = manifest_of(releases[1]).types[0]
    assert [(delta.base, delta.release) for delta in second.chain] == [(1, 2)]
    assert (second.chain[0].facts.adds, second.chain[0].facts.rows) == (3, 3)
    last = releases[-1]
    assert (last.adds, last.removals) == (5, 51)
    assert manifest_of(last).previous == releases[2].manifest_sha256


def test_added_and_changed_tell_the_release() -> None:
    world, _ = three_releases()
    rows = newest_state(world.fresh()).of("sha256")
    found = {
        raw.tobytes().hex(): (int(added), int(changed))
        for batch in rows.iter_batches()
        for raw, added, changed in zip(batch.hash, batch.added, batch.changed, strict=True)
    }
    assert found[sha256(60)] == (1, 1)
    assert found[sha256(902)] == (4, 4)


def test_the_manifests_root_is_the_root_of_the_downloaded_segments(tmp_path: Path) -> None:
    """As a member would: only the bytes that the manifest names, read anew."""
    _, releases = three_releases()
    for release in releases:
        manifest = manifest_of(release)
        local: dict[str, Path] = {}
        for path, facts in segments_of(manifest):
            content = blob_store().get_bytes(keys.target(manifest.list_id, path, facts.sha256), limit=10**7)
            assert hashlib.sha256(content).hexdigest() == facts.sha256
            local[facts.sha256] = tmp_path / facts.sha256
            local[facts.sha256].write_bytes(content)
        roots = []
        for typed in manifest.types:
            kind = hash_type(typed.slug)
            parts = [Segment(kind, Kind.FULL, local[part.sha256]) for part in typed.snapshot.parts]
            deltas = [Segment(kind, Kind.DELTA, local[link.facts.sha256]) for link in typed.chain]
            state = State(kind, tuple(parts), tuple(deltas))
            leaves = leaves_of(state.iter_batches(), typed.bits, kind.bytes_wide)
            assert state.count == typed.count
            roots.append(TypeRoot(typed.slug, state.count, type_root(leaves, state.count)))
        assert list_root(roots) == release.state_root == manifest.root


def test_verify_release_agrees_with_every_release() -> None:
    world, releases = three_releases()
    for release in releases:
        report = verify_release(world.fresh(), release.number)
        assert report.ok, [finding for finding in report.findings if finding.problem]
        assert report.state_root == release.state_root
    assert any(finding.what.startswith("stock client") for finding in report.findings)


def test_a_stock_tuf_client_downloads_every_file_of_the_newest_release() -> None:
    world, releases = three_releases()
    last = releases[-1]
    targets = targets_of(manifest_of(last), last.manifest_sha256, last.manifest_length)
    total = download_and_verify(blob_store(), world.hash_list.id, targets)
    assert total == sum(facts.length for facts in targets.values())


def test_the_files_of_a_release_stay_served_unchanged_when_the_list_moves_on() -> None:
    world = harbor_world()
    first = world.release(csv_of(range(40)))
    targets = targets_of(manifest_of(first), first.manifest_sha256, first.manifest_length)
    before = {
        path: blob_store().get_bytes(keys.target(first.hash_list_id, path, facts.sha256), limit=10**7)
        for path, facts in targets.items()
    }
    world.release(csv_of(range(40, 80)), now=NOW + timedelta(minutes=1))
    for path, facts in targets.items():
        key = keys.target(first.hash_list_id, path, facts.sha256)
        assert blob_store().get_bytes(key, limit=10**7) == before[path]
    assert TargetFile.objects.filter(release=1).count() == len(targets)
    assert verify_release(world.fresh(), 1).ok


def test_a_list_of_several_types_releases_each_and_leaves_untouched_ones_alone() -> None:
    world = harbor_world(hash_types=("md5", "sha256"))
    lines = [
        f"{sha256(n)},{hashlib.md5(sha256(n).encode(), usedforsecurity=False).hexdigest()}" for n in range(30)
    ]
    world.release("sha256,md5\n" + "\n".join(lines) + "\n")
    second = world.release(csv_of([77]), now=NOW + timedelta(minutes=1))
    assert second.counts == {"md5": 30, "sha256": 31}
    by_slug = {typed.slug: typed for typed in manifest_of(second).types}
    assert by_slug["md5"].chain == ()
    assert verify_release(world.fresh(), 2).ok


def test_nothing_is_visible_before_publication() -> None:
    world = harbor_world()
    draft = world.sign(world.draft(csv_of(range(10))))
    assert draft.state == DraftState.SIGNED
    assert world.fresh().latest_release == 0
    assert not blob_store().exists(keys.metadata(world.hash_list.id, "list", draft.list_version))
    assert not Release.objects.exists()


def test_publishing_again_changes_nothing() -> None:
    world = harbor_world()
    release = world.release(csv_of(range(10)))
    events = AuditEvent.objects.count()
    again = publish_draft(release.draft_id, now=NOW + timedelta(hours=1))
    assert again is not None and again.id == release.id
    assert AuditEvent.objects.count() == events
    assert Release.objects.count() == 1


def test_every_accepted_act_has_one_audit_event_and_the_chain_verifies() -> None:
    world = harbor_world()
    release = world.release(csv_of(range(10)))
    told = list(AuditEvent.objects.order_by("number").values_list("action", flat=True))
    acts = ["submission.approved", "draft.opened", "draft.signed", "release.published"]
    assert [action for action in told if action in acts] == acts
    published = AuditEvent.objects.get(action="release.published")
    assert published.facts["state_root"] == release.state_root
    assert verify_audit().holds


def test_a_draft_without_signatures_is_not_published() -> None:
    world = harbor_world()
    draft = world.draft(csv_of(range(10)))
    assert publish_draft(draft.id, now=NOW) is None
    assert Draft.objects.get().state == DraftState.OPEN
