"""Every test of this room has a blob store and a work folder of its own."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_django import Settings


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, settings: Settings) -> None:
    settings.BLOB_URL = str(tmp_path / "blobs")
    settings.HX_VAR = tmp_path
    settings.FILE_UPLOAD_TEMP_DIR = str(tmp_path / "received")
    (tmp_path / "received").mkdir()
