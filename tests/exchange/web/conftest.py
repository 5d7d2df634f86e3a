"""A real Chromium (Debian's, never a downloaded one) for the tests of the pages."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from tests import services
from tests.conftest import lacking

# The engine without the window around it does the same in half the time; either is Debian's.
CHROMIUMS = (Path("/usr/bin/chromium-headless-shell"), Path("/usr/bin/chromium"))
# Playwright's synchronous interface runs an event loop in this thread; Django must not mind.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict[str, Any]:
    found = [program for program in CHROMIUMS if program.exists()]
    if not found:
        lacking(services.Missing("Chromium (Debian package: chromium)"))
    flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    return {"executable_path": str(found[0]), "args": flags, "headless": True}
