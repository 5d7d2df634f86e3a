"""What killed processes left is cleared away, and nothing that anybody may still be at."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pytest_django import Settings

from exchange.stations import visit_station
from hashsets.blobs.scratch import leftovers_due

NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)


@pytest.fixture
def folders(tmp_path: Path, settings: Settings) -> tuple[Path, Path]:
    settings.HX_VAR = tmp_path
    settings.FILE_UPLOAD_TEMP_DIR = str(tmp_path / "uploads")
    work, uploads = tmp_path / "work", tmp_path / "uploads"
    work.mkdir()
    uploads.mkdir()
    return work, uploads


def aged(path: Path, age: timedelta) -> Path:
    at = (NOW - age).timestamp()
    os.utime(path, (at, at))
    return path


def test_a_days_old_upload_and_work_folder_go_and_fresh_ones_stay(folders: tuple[Path, Path]) -> None:
    work, uploads = folders
    for name, age in (("old", timedelta(days=2)), ("fresh", timedelta(hours=23))):
        (work / f"release-{name}").mkdir()
        (work / f"release-{name}" / "delta.parquet").write_bytes(b"rows")
        (uploads / f"received-{name}").write_bytes(b"sha256\n")
        aged(work / f"release-{name}", age)
        aged(uploads / f"received-{name}", age)
    visit_station("clear-leftovers", clock=lambda: NOW)
    assert sorted(path.name for path in work.iterdir()) == ["release-fresh"]
    assert sorted(path.name for path in uploads.iterdir()) == ["received-fresh"]


def test_a_link_is_removed_and_not_followed(folders: tuple[Path, Path], tmp_path: Path) -> None:
    work, _ = folders
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "file").touch()
    (work / "link").symlink_to(kept)
    at = (NOW - timedelta(days=2)).timestamp()
    os.utime(work / "link", (at, at), follow_symlinks=False)
    visit_station("clear-leftovers", clock=lambda: NOW)
    assert not list(work.iterdir())
    assert (kept / "file").exists()


def test_a_machine_that_never_worked_has_nothing_to_clear(tmp_path: Path, settings: Settings) -> None:
    settings.HX_VAR = tmp_path
    settings.FILE_UPLOAD_TEMP_DIR = str(tmp_path / "nowhere")
    assert leftovers_due(NOW, 20) == []
