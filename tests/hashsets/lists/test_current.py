"""What a list holds now is read from its newest release, and from nothing that was tampered with."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_django import Settings

from accounts.errors import Conflict, Corrupt, NotFound
from hashsets.blobs import keys
from hashsets.blobs.current import blob_store
from hashsets.core.manifest import manifest_name
from hashsets.lists.current import current_state, newest_state, state_of_manifest
from hashsets.lists.models import HashList
from tests import cast
from tests.hashsets.intake.given import md5, put_in_force, sha256, sheet, staged
from tests.hashsets.lists.given import a_list

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, settings: Settings) -> None:
    settings.BLOB_URL = str(tmp_path / "blobs")
    settings.HX_VAR = tmp_path


@pytest.fixture
def released() -> HashList:
    """A list in its second release."""
    harbor = cast.harbor()
    made = a_list(harbor)
    for number in (1, 2):
        made = put_in_force(staged(harbor, made, sheet("sha256,md5", (sha256(number), md5(number)))))
    return made


def test_a_list_without_a_release_is_empty_in_every_type() -> None:
    state = newest_state(a_list(cast.harbor()))
    assert (state.release, state.manifest, dict(state.states)) == (0, None, {})
    assert state.of("sha256").count == 0


def test_the_newest_release_is_read_type_by_type(released: HashList) -> None:
    state = newest_state(released)
    assert (state.release, state.manifest_sha256) == (2, released.latest_manifest_sha256)
    assert state.manifest is not None
    assert (state.manifest.count, state.of("sha256").count, state.of("pdq").count) == (4, 2, 0)
    hashes = {raw.tobytes().hex() for rows in state.of("md5").iter_batches() for raw in rows.hash}
    assert hashes == {md5(1), md5(2)}


def test_a_base_that_has_moved_on_is_noticed(released: HashList) -> None:
    assert current_state(released.id, 2).release == 2
    with pytest.raises(Conflict) as refusal:
        current_state(released.id, 1)
    assert (refusal.value.code, refusal.value.facts) == ("list.moved_on", {"release": 2})


def test_a_manifest_with_other_bytes_is_not_believed(released: HashList) -> None:
    key = keys.target(released.id, manifest_name(released.id), released.latest_manifest_sha256)
    content = blob_store().get_bytes(key, limit=1 << 20)
    blob_store().replace_bytes(key, content.replace(b"Known images", b"Other images"))
    with pytest.raises(Corrupt) as refusal:
        newest_state(released)
    assert refusal.value.code == "manifest.damaged"


def test_a_manifest_of_another_release_or_list_is_not_believed(released: HashList) -> None:
    with pytest.raises(Corrupt):
        state_of_manifest(released.id, 1, released.latest_manifest_sha256)
    with pytest.raises(NotFound):
        state_of_manifest("b" * 26, 2, released.latest_manifest_sha256)


def test_a_segment_that_was_cut_or_lost_is_noticed(released: HashList) -> None:
    manifest = newest_state(released).manifest
    assert manifest is not None
    name, facts = next(iter(manifest.files()))
    key = keys.target(released.id, name, facts.sha256)
    blob_store().replace_bytes(key, b"short")
    with pytest.raises(Corrupt) as refusal:
        newest_state(released)
    assert refusal.value.code == "segment.damaged"
    blob_store().delete(key)
    with pytest.raises(NotFound):
        newest_state(released)
