"""What a folder says was before: held against what the officer saw and signed."""

from __future__ import annotations

from copy import deepcopy
from datetime import timedelta
from pathlib import Path

import pytest
from tuf.api.metadata import Root, Targets

from hashsets.lists.models import HashList
from hashsets.trust import metadata, repository
from hashsets.trust.models import DIRECTORY
from tests.hashsets.trust import publishing
from tests.hashsets.trust.officer_folders import (
    grouped,
    of_the_host,
    opened,
    put,
    refused,
    root_in_force,
    shown,
    signer,
)
from tests.hashsets.trust.publishing import OwnKey
from tests.hashsets.trust.test_ceremony import (
    Officer,
    _begin,
    _export,
    _hold,
    _import,
    officers,
    officers_keyid,
    production,
)

pytestmark = pytest.mark.django_db

__all__ = ["officers", "opened", "production"]  # fixtures


def test_a_version_that_came_without_an_officer_does_not_hide_what_it_changed(
    tmp_path: Path,
    officers: list[Officer],
    opened: tuple[HashList, OwnKey],
    capsys: pytest.CaptureFixture[str],
) -> None:
    newcomer = Officer(tmp_path, "newcomer")
    _begin([*officers[:2], newcomer])
    assert DIRECTORY in _hold(tmp_path / "second", [*officers[1:], newcomer]).installed
    repository.replace_online_key(DIRECTORY, now=publishing.now())
    assert DIRECTORY in _hold(tmp_path / "third", [officers[1], newcomer]).installed
    repository.replace_online_key(DIRECTORY, now=publishing.now())
    folder = tmp_path / "fourth"
    _export(folder)
    said = shown(officers[0], folder, capsys)
    assert "came into force WITHOUT YOU; against version 1, which you know:" in said
    assert f"ADDED officer key {grouped(officers_keyid(newcomer))}" in said


def test_a_folder_that_shows_another_past_is_refused(
    tmp_path: Path,
    officers: list[Officer],
    opened: tuple[HashList, OwnKey],
    capsys: pytest.CaptureFixture[str],
) -> None:
    hash_list, _ = opened
    repository.replace_online_key(hash_list.id, now=publishing.now())
    _hold(tmp_path / "second", officers[:2])
    repository.replace_online_key(hash_list.id, now=publishing.now())

    def carried(name: str) -> Path:
        folder = tmp_path / name
        _export(folder)
        return folder

    honest = shown(officers[0], carried("third"), capsys)
    assert "version 3" in honest
    older = carried("older")
    (older / "in-force" / f"{hash_list.id}.2.root.json").unlink()
    assert "ceremony.older" in refused(officers[0], older, capsys)
    gone = carried("gone")
    for path in (gone / "in-force").iterdir():
        path.unlink()
    assert "ceremony." in refused(officers[0], gone, capsys)
    strange = carried("strange")
    of_the_host(strange, Officer(tmp_path, "host"))
    assert "ceremony.history" in refused(officers[0], strange, capsys)
    # Roots that do not follow from each other convince nobody, not even somebody who knows nothing.
    broken = carried("broken")
    skipped = broken / "in-force" / f"{hash_list.id}.1.root.json"
    skipped.unlink()
    assert "ceremony.history" in refused(Officer(tmp_path, "newcomer"), broken, capsys)


def test_a_second_content_under_one_version_needs_a_word_that_the_first_was_given_up(
    tmp_path: Path,
    officers: list[Officer],
    opened: tuple[HashList, OwnKey],
    capsys: pytest.CaptureFixture[str],
) -> None:
    hash_list, _ = opened
    repository.replace_online_key(hash_list.id, now=publishing.now())
    _hold(tmp_path / "second", officers[:1])
    repository.replace_online_key(hash_list.id, now=publishing.now())
    folder = tmp_path / "third"
    _export(folder)
    said = refused(officers[0], folder, capsys)
    assert "ceremony.two_contents" in said
    assert f"--given-up {hash_list.id}.2.root" in said
    shown(officers[0], folder, capsys, "--given-up", f"{hash_list.id}.2.root")
    officers[1].sign(folder)
    assert _import(folder).installed == (hash_list.id,)


def test_a_memory_that_was_damaged_is_not_taken_for_none(
    tmp_path: Path,
    officers: list[Officer],
    opened: tuple[HashList, OwnKey],
    capsys: pytest.CaptureFixture[str],
) -> None:
    repository.replace_online_key(DIRECTORY, now=publishing.now())
    _hold(tmp_path / "second", officers[:2])
    repository.replace_online_key(DIRECTORY, now=publishing.now())
    folder = tmp_path / "third"
    _export(folder)
    for path in tmp_path.glob("one.pem.memory/in-force/directory.root.json"):
        path.write_bytes(b"{}")
    assert "ceremony.memory" in refused(officers[0], folder, capsys)


def test_requests_of_an_earlier_gathering_do_not_stay_in_the_folder(
    tmp_path: Path, officers: list[Officer], opened: tuple[HashList, OwnKey]
) -> None:
    repository.replace_online_key(DIRECTORY, now=publishing.now())
    folder = tmp_path / "first"
    _export(folder)
    (folder / "to-sign" / "directory.1.root.json").write_bytes(b"from before")
    (folder / "in-force" / "directory.9.root.json").write_bytes(b"from before")
    assert sorted(_export(folder)) == ["directory.2.root", "directory.2.targets"]
    left = {path.stem for place in ("to-sign", "in-force") for path in (folder / place).iterdir()}
    assert left == {"directory.2.root", "directory.2.targets", "directory.1.root", "directory.1.targets"}


def test_a_past_that_is_not_the_one_that_the_officer_signed_is_refused(
    tmp_path: Path, officers: list[Officer], capsys: pytest.CaptureFixture[str]
) -> None:
    """After the first ceremony an officer has seen nothing in force yet, but knows what they signed."""
    _begin(officers)
    _hold(tmp_path / "first", officers[:2])
    repository.replace_online_key(DIRECTORY, now=publishing.now())
    folder = tmp_path / "second"
    _export(folder)
    of_the_host(folder, Officer(tmp_path, "host"))
    for path in (folder / "to-sign").iterdir():
        path.unlink()
    forged = (folder / "in-force" / f"{DIRECTORY}.1.root.json").read_bytes()
    part = metadata.read(forged, Root).signed
    part.version = 2
    put(folder, part, f"{DIRECTORY}.2.root")
    assert "ceremony.two_contents" in refused(officers[0], folder, capsys)


def test_targets_in_force_that_no_officer_signed_are_refused(
    tmp_path: Path,
    officers: list[Officer],
    opened: tuple[HashList, OwnKey],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Otherwise a change of a list's keys could be shown as none."""
    hash_list, key = opened
    repository.delegate(hash_list, publisher_keys=[key.row], threshold=1, now=publishing.now())
    folder = tmp_path / "second"
    _export(folder)
    path = folder / "in-force" / f"{hash_list.id}.1.targets.json"
    forged = metadata.read(path.read_bytes(), Targets)
    forged.signed.expires += timedelta(days=1)
    path.write_bytes(forged.to_bytes())
    for officer in (officers[0], officers[2]):  # one who knows it, and one who does not
        assert "ceremony.history" in refused(officer, folder, capsys)


@pytest.mark.parametrize("version", [1, 3])
def test_a_root_that_does_not_follow_the_one_in_force_is_refused(
    tmp_path: Path,
    officers: list[Officer],
    opened: tuple[HashList, OwnKey],
    capsys: pytest.CaptureFixture[str],
    version: int,
) -> None:
    folder = tmp_path / "second"
    _export(folder)
    part = deepcopy(root_in_force(DIRECTORY).signed)
    part.version = version
    put(folder, part, f"{DIRECTORY}.{version}.root")
    assert "ceremony.history" in refused(officers[0], folder, capsys)


def test_targets_of_a_version_that_is_in_force_are_not_signed_anew(
    tmp_path: Path,
    officers: list[Officer],
    opened: tuple[HashList, OwnKey],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The officer did not sign that version; a second content of it would be a second history."""
    hash_list, _ = opened
    folder = tmp_path / "second"
    repository.replace_online_key(hash_list.id, now=publishing.now())
    _export(folder)
    part = metadata.read(
        (folder / "in-force" / f"{hash_list.id}.1.targets.json").read_bytes(), Targets
    ).signed
    part.expires += timedelta(days=1)
    put(folder, part, f"{hash_list.id}.1.targets")
    assert "ceremony.history" in refused(officers[2], folder, capsys)


def test_a_root_in_force_that_the_one_before_did_not_sign_is_refused(
    tmp_path: Path,
    officers: list[Officer],
    opened: tuple[HashList, OwnKey],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """True in itself, with targets to match: only the officers before did not agree."""
    repository.replace_online_key(DIRECTORY, now=publishing.now())
    folder, host = tmp_path / "second", Officer(tmp_path, "host")
    _export(folder)
    first, in_force = folder / "in-force" / f"{DIRECTORY}.1.root.json", folder / "in-force"
    honest = first.read_bytes()
    of_the_host(folder, host)
    forged = metadata.read(first.read_bytes(), Root)
    forged.signed.version = 2
    forged.sign(signer(host))
    (in_force / f"{DIRECTORY}.2.root.json").write_bytes(forged.to_bytes())
    first.write_bytes(honest)
    for officer in (officers[0], officers[2]):
        assert f"{DIRECTORY}.2.root, which the folder calls signed" in refused(officer, folder, capsys)


def test_a_first_root_that_its_own_officers_did_not_sign_is_refused(
    tmp_path: Path,
    officers: list[Officer],
    opened: tuple[HashList, OwnKey],
    capsys: pytest.CaptureFixture[str],
) -> None:
    repository.replace_online_key(DIRECTORY, now=publishing.now())
    folder = tmp_path / "second"
    _export(folder)
    first = folder / "in-force" / f"{DIRECTORY}.1.root.json"
    unsigned = metadata.read(first.read_bytes(), Root)
    unsigned.signatures.clear()
    first.write_bytes(unsigned.to_bytes())
    for officer in (officers[0], officers[2]):
        assert f"{DIRECTORY}.1.root, which the folder calls signed" in refused(officer, folder, capsys)


def test_targets_in_force_under_a_wrong_version_are_refused(
    tmp_path: Path,
    officers: list[Officer],
    opened: tuple[HashList, OwnKey],
    capsys: pytest.CaptureFixture[str],
) -> None:
    repository.replace_online_key(DIRECTORY, now=publishing.now())
    folder = tmp_path / "second"
    _export(folder)
    path = folder / "in-force" / f"{DIRECTORY}.1.targets.json"
    path.rename(path.with_name(f"{DIRECTORY}.2.targets.json"))
    assert f"{DIRECTORY}.2.targets, which the folder calls signed" in refused(officers[0], folder, capsys)
