"""A carried folder holds links where files belong: neither the host nor an officer's machine follows them."""

from __future__ import annotations

from pathlib import Path

import pytest

from accounts.errors import Corrupt
from hashsets.trust import officer_sign
from hashsets.trust.models import DIRECTORY
from tests.hashsets.trust.officer_folders import refused
from tests.hashsets.trust.test_ceremony import (
    Officer,
    _begin,
    _export,
    _import,
    officers,
    officers_keyid,
)

pytestmark = pytest.mark.django_db

__all__ = ["officers"]  # a fixture


def test_a_signature_is_not_written_through_a_link_of_the_host(
    tmp_path: Path, officers: list[Officer]
) -> None:
    _begin(officers)
    folder = tmp_path / "stick"
    _export(folder)
    own = officers[0].key.read_bytes()
    place = folder / "signatures" / f"{DIRECTORY}.1.root.{officers_keyid(officers[0])}.sig"
    place.symlink_to(officers[0].key)
    assert officer_sign.main([str(folder), "--key", str(officers[0].key), "--yes"]) == 0
    assert officers[0].key.read_bytes() == own
    assert not place.is_symlink()
    assert _import(folder).accepted == 2


@pytest.mark.parametrize("name", ["to-sign", "in-force", "signatures"])
def test_an_officer_takes_no_folder_with_a_link_in_place_of_a_folder(
    tmp_path: Path, officers: list[Officer], capsys: pytest.CaptureFixture[str], name: str
) -> None:
    _begin(officers)
    folder, elsewhere = tmp_path / "stick", tmp_path / "elsewhere"
    _export(folder)
    (folder / name).rename(elsewhere)
    (folder / name).symlink_to(elsewhere)
    assert "ceremony.file" in refused(officers[0], folder, capsys)
    assert not list(elsewhere.glob("*.sig"))


@pytest.mark.parametrize("name", ["to-sign", "in-force"])
def test_an_officer_reads_no_file_through_a_link(
    tmp_path: Path, officers: list[Officer], capsys: pytest.CaptureFixture[str], name: str
) -> None:
    """What it points to may be another file when it is read again."""
    _begin(officers)
    folder, elsewhere = tmp_path / "stick", tmp_path / "elsewhere.json"
    _export(folder)
    path = folder / name / f"{DIRECTORY}.1.root.json"
    elsewhere.write_bytes((folder / "to-sign" / path.name).read_bytes())
    path.unlink(missing_ok=True)
    path.symlink_to(elsewhere)
    assert "ceremony.file" in refused(officers[0], folder, capsys)


@pytest.mark.parametrize("name", ["to-sign", "in-force", "signatures"])
def test_a_host_empties_no_folder_that_a_link_of_an_officer_points_to(
    tmp_path: Path, officers: list[Officer], name: str
) -> None:
    _begin(officers)
    folder, elsewhere = tmp_path / "stick", tmp_path / "elsewhere"
    elsewhere.mkdir()
    folder.mkdir()
    (elsewhere / "settings.json").write_text("{}")
    (folder / name).symlink_to(elsewhere)
    with pytest.raises(Corrupt) as refusal:
        _export(folder)
    assert refusal.value.code == "ceremony.file"
    assert [path.name for path in elsewhere.iterdir()] == ["settings.json"]


def test_a_link_counts_as_no_signature(tmp_path: Path, officers: list[Officer]) -> None:
    _begin(officers)
    folder = tmp_path / "stick"
    _export(folder)
    officers[0].sign(folder)
    (genuine, other) = sorted((folder / "signatures").iterdir())
    genuine.rename(tmp_path / "elsewhere.sig")
    genuine.symlink_to(tmp_path / "elsewhere.sig")
    imported = _import(folder)
    assert imported.accepted == 1
    assert imported.refused == ((genuine.name, "not a signature file"),)
    (folder / "signatures").rename(tmp_path / "elsewhere")
    (folder / "signatures").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Corrupt) as refusal:
        _import(folder)
    assert refusal.value.code == "ceremony.file"
    assert other.name in {path.name for path in (tmp_path / "elsewhere").iterdir()}


def test_a_host_writes_through_no_link_of_an_officer(tmp_path: Path, officers: list[Officer]) -> None:
    _begin(officers)
    folder, own = tmp_path / "stick", tmp_path / "own"
    own.write_text("of the host")
    (folder / "to-sign").mkdir(parents=True)
    (folder / "SUMMARY.txt").symlink_to(own)
    (folder / "to-sign" / f"{DIRECTORY}.1.root.json").symlink_to(own)
    _export(folder)
    assert own.read_text() == "of the host"
    assert "directory" in (folder / "SUMMARY.txt").read_text()
