"""Every test of this room has a blob store of its own, as every database has: versions are given out once."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_django import Settings


@pytest.fixture(autouse=True)
def own_blob_store(tmp_path: Path, settings: Settings) -> None:
    settings.BLOB_URL = str(tmp_path / "blobs")
