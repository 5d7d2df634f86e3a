"""Files that are missing or wrong: nothing is published over them, and verification names them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.management import call_command

from accounts.errors import Corrupt
from exchange.operate.figures import exposition
from hashsets.blobs import keys
from hashsets.blobs.current import blob_store
from hashsets.core.manifest import MAX_MANIFEST_BYTES, Manifest, manifest_name
from hashsets.releases.compose import segments_of
from hashsets.releases.models import Draft, DraftState, Release
from hashsets.releases.publish import drafts_due, publish_draft
from hashsets.releases.verify import verify_release
from tests.hashsets.releases.world import NOW, World, csv_of, harbor_world

pytestmark = pytest.mark.django_db(transaction=True)


def manifest_path(list_id: str, sha256: str) -> Path:
    return blob_store().local_path(keys.target(list_id, manifest_name(list_id), sha256))


def segment_path(list_id: str, manifest_sha256: str) -> Path:
    content = blob_store().get_bytes(
        keys.target(list_id, manifest_name(list_id), manifest_sha256), limit=MAX_MANIFEST_BYTES
    )
    path, facts = next(iter(segments_of(Manifest.parse(content))))
    return blob_store().local_path(keys.target(list_id, path, facts.sha256))


def flip(path: Path) -> None:
    """One bit in the middle of the file."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.chmod(0o600)
    path.write_bytes(bytes(content))


def cut(path: Path) -> None:
    path.chmod(0o600)
    path.write_bytes(path.read_bytes()[:-1])


@pytest.mark.parametrize("damage", [flip, cut, Path.unlink], ids=["flipped", "cut", "missing"])
@pytest.mark.parametrize("find", [manifest_path, segment_path])
def test_a_draft_over_a_damaged_file_is_not_published(
    damage: Callable[[Path], object], find: Callable[[str, str], Path]
) -> None:
    world = harbor_world()
    draft = world.sign(world.draft(csv_of(range(10))))
    damage(find(world.hash_list.id, draft.manifest_sha256))
    with pytest.raises(Corrupt):
        publish_draft(draft.id, now=NOW)
    assert not Release.objects.exists()
    assert world.fresh().latest_release == 0
    assert Draft.objects.get().state == DraftState.SIGNED


def test_a_damaged_draft_is_an_alarm_with_rests_and_goes_out_when_its_file_is_back() -> None:
    world = harbor_world()
    draft = world.sign(world.draft(csv_of(range(10))))
    path = segment_path(world.hash_list.id, draft.manifest_sha256)
    aside = path.rename(path.with_name("aside"))
    with pytest.raises(Corrupt):
        publish_draft(draft.id, now=NOW)

    (stalled,) = Draft.objects.stalled()
    assert (stalled.trouble, stalled.troubled_at) == ("target.missing", NOW)
    assert drafts_due(NOW + timedelta(minutes=59), 10) == []
    assert b"releases_stalled 1.0" in exposition(NOW)
    later = NOW + timedelta(minutes=61)
    assert drafts_due(later, 10) == [draft.id]
    with pytest.raises(Corrupt):
        publish_draft(draft.id, now=later)
    assert Draft.objects.stalled().get().troubled_at == NOW  # since when, and not since the last attempt

    aside.rename(path)
    assert publish_draft(draft.id, now=later) is not None
    assert not Draft.objects.stalled() and b"releases_stalled 0.0" in exposition(later)


@pytest.mark.parametrize("damage", [flip, cut, Path.unlink], ids=["flipped", "cut", "missing"])
@pytest.mark.parametrize("find", [manifest_path, segment_path])
def test_verify_release_finds_a_damaged_file_of_a_published_release(
    damage: Callable[[Path], object],
    find: Callable[[str, str], Path],
    capsys: pytest.CaptureFixture[str],
) -> None:
    world = harbor_world()
    release = world.release(csv_of(range(10)))
    damage(find(world.hash_list.id, release.manifest_sha256))
    report = verify_release(world.fresh(), 1)
    assert not report.ok
    with pytest.raises(SystemExit) as left:
        call_command("verify_release", world.hash_list.id)
    assert left.value.code == 2
    assert "NOT what was signed" in capsys.readouterr().out


def test_verify_release_finds_a_release_row_that_was_tampered_with() -> None:
    world = harbor_world()
    world.release(csv_of(range(10)))
    Release.objects.update(entries=9)
    codes = [finding.code for finding in verify_release(world.fresh(), 1).findings if finding.problem]
    assert codes == ["root.recorded"]


def test_the_command_says_that_all_is_well(capsys: pytest.CaptureFixture[str]) -> None:
    world = harbor_world()
    world.release(csv_of(range(10)))
    world.release(csv_of([50]), now=NOW + timedelta(minutes=1))
    call_command("verify_release", world.hash_list.id)
    call_command("verify_release", world.hash_list.id, "1")
    told = capsys.readouterr().out
    assert told.count("The release is what was signed.") == 2


def test_deleted_leaves_are_computed_again() -> None:
    """Leaves are derived: whoever deletes them costs time, nothing else."""
    world = harbor_world()
    world.release(csv_of(range(3000)))
    leaves = Path(str(blob_store().local_path(_leaves_key(world)))).parent
    for file in leaves.iterdir():
        file.unlink()
    world.release(csv_of([5000]), now=NOW + timedelta(minutes=1))
    assert verify_release(world.fresh(), 2).ok


def _leaves_key(world: World) -> str:
    fresh = world.fresh()
    content = blob_store().get_bytes(
        keys.target(fresh.id, manifest_name(fresh.id), fresh.latest_manifest_sha256),
        limit=MAX_MANIFEST_BYTES,
    )
    return keys.leaves(fresh.id, "sha256", Manifest.parse(content).types[0].root)


def test_a_release_whose_export_died_is_found_and_finished() -> None:
    world = harbor_world()
    release = world.release(csv_of(range(10)))
    Release.objects.update(exported_at=None)
    assert drafts_due(NOW, 10) == [release.draft_id]
    publish_draft(release.draft_id, now=NOW)
    release.refresh_from_db()
    assert release.exported_at is not None
    assert drafts_due(NOW, 10) == []
