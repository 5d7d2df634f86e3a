"""Every trust test has a blob folder of its own, a web server over it, and members with stock clients."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from tests.hashsets.trust.publishing import Member, served


@pytest.fixture(autouse=True)
def blobs(settings: Settings, tmp_path: Path) -> Path:
    folder = tmp_path / "blobs"
    folder.mkdir()
    settings.BLOB_URL = str(folder)
    return folder


@pytest.fixture
def address(blobs: Path) -> Iterator[str]:
    with served(blobs) as base:
        yield base


@pytest.fixture
def new_member(address: str, tmp_path: Path) -> Callable[[str], Member]:
    """A member by name: the same name again is the same member, with what it trusted before."""
    return lambda name: Member(address, tmp_path / "members" / name)


@pytest.fixture
def member(new_member: Callable[[str], Member]) -> Member:
    return new_member("lumen")
