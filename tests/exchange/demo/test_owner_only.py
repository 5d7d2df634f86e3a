"""What the demo keeps is for its owner alone: passwords, codes and links of the sample people."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.services import ROOT


def run(var: Path, *command: str) -> None:
    env = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "REDIS_URL")}
    env |= {"HX_DEMO": "1", "HX_VAR": str(var), "DJANGO_SETTINGS_MODULE": "exchange.settings"}
    # As wide as a shell can be set: what makes the files must close them.
    wide = f"import os, runpy, sys; os.umask(0); sys.argv = {['manage.py', *command]!r}; "
    wide += "runpy.run_path('manage.py', run_name='__main__')"
    subprocess.run([sys.executable, "-c", wide], cwd=ROOT, env=env, check=True)


def test_database_letters_and_secrets_of_the_demo_open_for_their_owner_alone(tmp_path: Path) -> None:
    var = tmp_path / "var"
    var.mkdir(mode=0o755)  # as an earlier release left it
    run(var, "migrate", "--verbosity", "0")
    letter = "from django.core.mail import send_mail; send_mail('a', 'b', None, ['somebody@example.org'])"
    run(var, "shell", "-c", letter)
    made = [path for path in var.rglob("*") if not path.is_symlink()]
    names = {path.name for path in made}
    assert {"hash-exchange.sqlite3", "secret-key.txt", "hx-secrets-keys.txt"} <= names
    assert list((var / "mail").iterdir())
    assert oct(var.stat().st_mode & 0o777) == "0o700"
    # Blobs are read-only for everybody, behind the folder that is closed.
    files = [path for path in made if path.is_file() and "blobs" not in path.parts]
    assert {oct(path.stat().st_mode & 0o777) for path in files} == {"0o600"}
    folders = [path for path in made if path.is_dir()]
    assert not [path for path in folders if path.stat().st_mode & 0o077]
