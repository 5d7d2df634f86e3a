"""The exchange's own settings in an environment made for tests.

`HX_TEST_DATABASE=postgresql` selects PostgreSQL with Redis instead of SQLite with the folder broker. Both are
started once by the process that is asked first, and its children (pytest-xdist workers) find them in the
environment.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from pathlib import Path

_WISHED = os.environ.get("HX_TEST_DATABASE", "sqlite")
if _WISHED not in ("sqlite", "postgresql"):
    raise SystemExit(f"HX_TEST_DATABASE must be sqlite or postgresql, not {_WISHED!r}.")

if "HX_TEST_VAR" not in os.environ:
    os.environ["HX_TEST_VAR"] = tempfile.mkdtemp(prefix="hx-tests-")
    atexit.register(shutil.rmtree, os.environ["HX_TEST_VAR"], ignore_errors=True)

# A developer's own environment must not leak into the tests.
for _name in (
    "DATABASE_URL",
    "REDIS_URL",
    "BLOB_URL",
    "SECRET_KEY",
    "HX_SECRETS_KEYS",
    "HX_PUBLIC_URL",
    "ALLOWED_HOSTS",
    "EMAIL_HOST",
):
    os.environ.pop(_name, None)
    os.environ.pop(f"{_name}_FILE", None)
os.environ["HX_DEMO"] = "1"
os.environ["HX_VAR"] = os.environ["HX_TEST_VAR"]
os.environ["HX_LOG_LEVEL"] = os.environ.get("HX_TEST_LOG_LEVEL", "WARNING")

if _WISHED == "postgresql":
    from tests.services import production_parts

    os.environ["DATABASE_URL"], os.environ["REDIS_URL"] = production_parts()

from exchange.settings import *  # noqa: E402, F403
from exchange.settings import DATABASES  # noqa: E402

ALLOWED_HOSTS = ["*"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
if _WISHED == "sqlite":
    # A file and not memory: threads and processes must meet real locks. Syncing is left out for speed in this
    # suite only; the journey's processes use the real settings.
    DATABASES["default"]["TEST"] = {"NAME": str(Path(os.environ["HX_TEST_VAR"]) / "suite.sqlite3")}
    DATABASES["default"]["OPTIONS"]["init_command"] = "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF;"
# Straight from the models, in a quarter of the time: that migrations make the same is a test of its own, and
# the stacks of the journey migrate for real.
DATABASES["default"].setdefault("TEST", {})["MIGRATE"] = False
