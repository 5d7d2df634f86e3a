"""A whole exchange as real processes, for journeys: gunicorn and Celery workers under the supervisor.

Two kinds: `embedded` (SQLite, folder broker, folder blobs: what `make demo` runs) and `production`
(PostgreSQL that syncs, Redis). Each stack has its own folder, database and port, so tests may kill, flush and
restart at will.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import psycopg2

from tests.services import ROOT, PostgreSQL, Redis, end, free_port, wait_until

KINDS = ("embedded", "production")
NAMES = ("web", "worker-data", "worker-push", "worker-urgent")

_MIGRATED = Path(tempfile.mkdtemp(prefix="hx-migrated-"))
atexit.register(shutil.rmtree, _MIGRATED, ignore_errors=True)


class Stack:
    """A running exchange: where it is, what it keeps, and the numbers of its processes.

    `redis` and `postgresql` are None in an embedded stack. Logs are under `var/log/NAME.log`.
    """

    def __init__(
        self,
        var: Path,
        *,
        database_url: str = "",
        redis: Redis | None = None,
        postgresql: PostgreSQL | None = None,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self.var = var
        self.redis = redis
        self.postgresql = postgresql
        self.port = free_port()
        self.base_url = f"http://127.0.0.1:{self.port}"
        self.database_url = database_url or f"sqlite:///{var / 'hash-exchange.sqlite3'}"
        self.program = "exchange.stack"
        self._supervisor: subprocess.Popen[bytes] | None = None
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("HX_", "DJANGO_", "REDIS_URL"))
        }
        self.env: dict[str, str] = {
            **inherited,
            "DJANGO_SETTINGS_MODULE": "exchange.settings",
            "HX_DEMO": "1",
            "HX_VAR": str(var),
            "HX_PUBLIC_URL": self.base_url,
            "DATABASE_URL": self.database_url,
            "REDIS_URL": redis.url if redis else "",
            "BLOB_URL": str(var / "blobs"),
            "PYTHONWARNINGS": "default",
            **(env or {}),
        }

    def start(self) -> None:
        """Bring the database up to date, start every process and wait until the web answers."""
        self.var.mkdir(parents=True, exist_ok=True)
        self._bring_up_to_date()
        self.start_processes()

    def _bring_up_to_date(self) -> None:
        """Migrate for real once in a run, and copy what came of it for every later stack."""
        if self.postgresql is not None:
            self.postgresql.copy_or_make(
                self.database_url, lambda: self.manage("migrate", "--verbosity", "0")
            )
            return
        path, first = Path(self.database_url.removeprefix("sqlite:///")), _MIGRATED / "embedded.sqlite3"
        if not path.exists() and first.exists():
            shutil.copyfile(first, path)
            return
        self._migrate()
        if not first.exists():
            shutil.copyfile(path, first)  # nobody has it open, so all of it is in this file

    def _migrate(self) -> None:
        self.manage("migrate", "--verbosity", "0")

    def start_processes(self) -> None:
        """Start the supervisor alone, as after a power cut."""
        with (self.var / "console.log").open("ab") as console:
            self._supervisor = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    self.program,
                    "--bind",
                    f"127.0.0.1:{self.port}",
                    "--var",
                    str(self.var),
                ],
                cwd=ROOT,
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=subprocess.STDOUT,
            )
        wait_until(self.is_healthy, seconds=180, what="the web server's first answer")

    @property
    def supervisor_pid(self) -> int | None:
        """Return the number of the supervisor's process, None before the start."""
        return self._supervisor.pid if self._supervisor else None

    def stop(self) -> None:
        """End it in order, with nothing left running."""
        if self._supervisor is not None:
            end(self._supervisor, signal.SIGTERM, seconds=30)

    def crash(self) -> None:
        """SIGKILL the supervisor and every process it has, all at once."""
        assert self._supervisor is not None
        pids = self.pids()
        self._supervisor.kill()
        for pid in pids.values():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
        self._supervisor.wait()
        for name in pids:
            (self.var / "run" / f"{name}.pid").unlink(missing_ok=True)

    def is_healthy(self) -> bool:
        """Say whether the web answers /healthz."""
        if self._supervisor is not None and self._supervisor.poll() is not None:
            raise AssertionError("the supervisor ended:\n" + self.logs())
        with contextlib.suppress(httpx.TransportError):
            return httpx.get(f"{self.base_url}/healthz", timeout=5).status_code == 200
        return False

    def pids(self) -> dict[str, int]:
        """Return the running processes by name: web, worker-data, worker-push, worker-urgent."""
        return {path.stem: int(path.read_text()) for path in (self.var / "run").glob("*.pid")}

    def cut(self, name: str) -> int:
        """kill -9 one process with its family and return at once; the supervisor will start a successor."""
        wait_until(lambda: name in self.pids(), seconds=90, what=f"the start of {name}")
        pid = self.pids()[name]
        os.killpg(pid, signal.SIGKILL)
        return pid

    def kill(self, name: str) -> int:
        """kill -9 one process with its family and wait until the supervisor has started its successor."""
        pid = self.cut(name)
        wait_until(lambda: self.pids().get(name, pid) != pid, seconds=90, what=f"the restart of {name}")
        return self.pids()[name]

    def left_running(self) -> dict[int, str]:
        """Return every process that was started in this stack's environment, by number, whoever its parent
        is: what the supervisor knows of and what it does not.
        """
        mark = f"HX_VAR={self.var}".encode()
        found: dict[int, str] = {}
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if mark in (folder / "environ").read_bytes().split(b"\0"):
                    command = (folder / "cmdline").read_bytes().replace(b"\0", b" ")
                    found[int(folder.name)] = command.decode("utf-8", "replace")[:200]
        return found

    @contextlib.contextmanager
    def rows(self) -> Iterator[Callable[[str], list[tuple[Any, ...]]]]:
        """Read the database past the exchange: to see moments that last milliseconds, and to count."""
        connection: Any
        if self.postgresql is None:
            path = self.database_url.removeprefix("sqlite:///")
            connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=20, isolation_level=None)
        else:
            connection = psycopg2.connect(self.database_url)
            connection.autocommit = True
        with contextlib.closing(connection):
            cursor = connection.cursor()

            def ask(query: str) -> list[tuple[Any, ...]]:
                cursor.execute(query)
                rows: list[tuple[Any, ...]] = cursor.fetchall()
                return rows

            yield ask

    def manage(self, *argv: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run `manage.py` in this stack's environment; fails with its output unless `check` is False."""
        return self.python("manage.py", *argv, check=check)

    def python(self, *argv: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a script or a module in this stack's environment; fails with its output unless `check` is
        False.
        """
        done = subprocess.run(
            [sys.executable, *argv],
            cwd=ROOT,
            env=self.env,
            capture_output=True,
            text=True,
            check=False,
        )
        assert not check or done.returncode == 0, f"{' '.join(argv)}:\n{done.stdout}\n{done.stderr}"
        return done

    def hashx(self, *argv: str, home: Path, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run the member client as a member would, with `home` as its home folder."""
        done = subprocess.run(
            [sys.executable, "-m", "exchange.client.cli", *argv],
            cwd=ROOT,
            env={**self.env, "HOME": str(home), "XDG_CONFIG_HOME": str(home), "XDG_DATA_HOME": str(home)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert not check or done.returncode == 0, f"hashx {' '.join(argv)}:\n{done.stdout}\n{done.stderr}"
        return done

    def logs(self) -> str:
        """Return everything that every process has written so far."""
        return "\n".join(
            f"== {path.name}\n{path.read_text(errors='replace')}"
            for path in sorted((self.var / "log").glob("*.log"))
        )
