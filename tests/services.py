"""Real PostgreSQL, Redis and receivers as processes, for tests: on free ports, ended with the test run.

Nothing here mocks anything. What a machine does not have is skipped loudly, and in CI (`CI=true`) its absence
is a failure.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import json
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg2
import redis

from exchange.supervise import die_with_parent

ROOT = Path(__file__).resolve().parents[1]


class Missing(Exception):
    """This machine lacks what a test needs; the message says what to install."""


def free_port() -> int:
    """Return a loopback port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(true: Callable[[], object], *, seconds: float = 30.0, what: str = "it") -> None:
    """Return once `true()` is truthy; fail with a sentence after `seconds`."""
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not happen within {seconds:g} s")
        time.sleep(0.05)


def end(process: subprocess.Popen[bytes], number: signal.Signals, *, seconds: float = 15.0) -> None:
    """End a process that we started: ask with `number`, then insist."""
    if process.poll() is None:
        process.send_signal(number)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def postgresql_programs() -> Path:
    """Return the folder with initdb and postgres, newest version first; raises Missing."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: int(p.parts[-3]))
    on_path = shutil.which("initdb")
    if found:
        return found[-1].parent
    if on_path:
        return Path(on_path).resolve().parent
    raise Missing("PostgreSQL (Debian package: postgresql)")


def _postgresql_user() -> str | None:
    """Return whom to become: PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam("postgres").pw_name
    except KeyError:
        return pwd.getpwnam("nobody").pw_name


# Of the cluster that plain tests share: a session that nobody ends and a lock that nobody gives back become
# the failure of the test that met them. Durable clusters behave as in production, where locks are waited for.
_HANG_IS_A_FAILURE = {"lock_timeout": "60s", "idle_in_transaction_session_timeout": "120s"}


class PostgreSQL:
    """A throw-away cluster. `durable=False` leaves syncing out: for plain tests, never for crash tests."""

    def __init__(self, *, durable: bool = True) -> None:
        self._programs = postgresql_programs()
        self._user = _postgresql_user()
        self._folder = Path(tempfile.mkdtemp(prefix="hx-pg-"))
        self._durable = durable
        self._process: subprocess.Popen[bytes] | None = None
        self._first = ""  # the database that others are copied from
        self.port = free_port()
        if self._user:
            shutil.chown(self._folder, self._user)
        self._run(
            *(str(self._programs / "initdb"), "--pgdata", str(self._folder / "data"), "--no-sync"),
            *("--username", "hx", "--auth", "trust", "--encoding", "UTF8", "--locale", "C.UTF-8"),
        )
        self.start()
        self.execute("CREATE DATABASE hx")

    @property
    def url(self) -> str:
        return self.url_of("hx")

    def url_of(self, database: str, *, role: str = "hx") -> str:
        return f"postgresql://{role}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Start the server and wait until it answers; recovers first when it was crashed."""
        switches = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": str(self._folder),
            "max_connections": "200",
            "fsync": "on" if self._durable else "off",
            "synchronous_commit": "on" if self._durable else "off",
            "full_page_writes": "on" if self._durable else "off",
            "log_min_messages": "warning",
            **({} if self._durable else _HANG_IS_A_FAILURE),
        }
        argv = [str(self._programs / "postgres"), "-D", str(self._folder / "data")]
        for name, value in switches.items():
            argv += ["-c", f"{name}={value}"]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._folder,
                user=self._user,
                group=self._group(),
                extra_groups=[] if self._user else None,
                preexec_fn=die_with_parent,
            )
        wait_until(self._answers, what="PostgreSQL's first answer")

    def stop(self, *, mode: str = "fast") -> None:
        """Stop the server: `fast` rolls back and checkpoints, `immediate` leaves it to crash recovery."""
        if self._process is not None:
            end(self._process, signal.SIGQUIT if mode == "immediate" else signal.SIGINT)

    def restart(self, *, mode: str = "immediate") -> None:
        """Stop and start: with `immediate` the way a power cut would."""
        self.stop(mode=mode)
        self.start()

    def remove(self) -> None:
        """Stop and delete the cluster."""
        self.stop(mode="immediate")
        shutil.rmtree(self._folder, ignore_errors=True)

    def execute(self, statement: str, *, database: str = "postgres") -> None:
        """Run one statement outside a transaction."""
        connection = psycopg2.connect(self.url_of(database))
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(statement)
        finally:
            connection.close()

    def new_database(self, name: str = "") -> str:
        """Create an empty database and return its URL; without a name, one that nobody else took."""
        name = name or f"hx_{secrets.token_hex(6)}"
        self.execute(f'CREATE DATABASE "{name}"')
        return self.url_of(name)

    def copy_or_make(self, url: str, make: Callable[[], object]) -> None:
        """Fill a new database with a copy of what `make` made in the first one of this cluster; in one that
        holds something already, `make` does its work.
        """
        name = url.rpartition("/")[2].partition("?")[0]
        if self._holds_tables(url):
            make()
            return
        if self._first:
            self.execute(f'DROP DATABASE "{name}"')
            self.execute(f'CREATE DATABASE "{name}" TEMPLATE "{self._first}"')
            return
        make()
        self._first = f"{name}_first"
        self.execute(f'CREATE DATABASE "{self._first}" TEMPLATE "{name}"')

    def _holds_tables(self, url: str) -> bool:
        with contextlib.closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT EXISTS (SELECT 1 FROM pg_tables WHERE schemaname = 'public')")
            return cursor.fetchone() == (True,)

    def _group(self) -> int | None:
        return pwd.getpwnam(self._user).pw_gid if self._user else None

    def _answers(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise AssertionError("PostgreSQL ended: " + (self._folder / "log").read_text()[-2000:])
        with contextlib.suppress(psycopg2.OperationalError):
            psycopg2.connect(self.url_of("postgres"), connect_timeout=1).close()
            return True
        return False

    def _run(self, *argv: str) -> None:
        done = subprocess.run(
            argv,
            cwd=self._folder,
            user=self._user,
            group=self._group(),
            extra_groups=[] if self._user else None,
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr.decode()


class Redis:
    """A redis-server without persistence, that can be flushed, killed, hung and healed."""

    def __init__(self) -> None:
        program = shutil.which("redis-server") or shutil.which("valkey-server")
        if program is None:
            raise Missing("Redis (Debian package: redis-server)")
        self._program = program
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()
        self.start()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start it, empty, on the same port as before."""
        self._process = subprocess.Popen(
            [
                *(self._program, "--port", str(self.port), "--bind", "127.0.0.1"),
                *("--save", "", "--appendonly", "no", "--dir", tempfile.gettempdir()),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            preexec_fn=die_with_parent,
        )
        wait_until(self._answers, what="Redis's first answer")

    def flush(self) -> None:
        """Lose everything, as an operator's FLUSHALL would."""
        with redis.Redis(port=self.port) as client:
            client.flushall()

    def kill(self) -> None:
        """End it without a word."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def hang(self) -> None:
        """Let it accept connections and never answer."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def heal(self) -> None:
        """Undo `hang`."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def _answers(self) -> bool:
        with (
            contextlib.suppress(redis.ConnectionError),
            redis.Redis(port=self.port, socket_timeout=1) as client,
        ):
            return bool(client.ping())
        return False


class Receiver:
    """A member's endpoint as a process of its own: records every request, answers as it is told.

    `behave(status=…, delay=…, hang=…, body=…, headers=…)` changes what the next requests get; `requests()`
    returns what arrived, oldest first. With `secret` (`whsec_…`) it answers ownership challenges.
    """

    def __init__(self, folder: Path, *, secret: str = "") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._record = folder / "requests.jsonl"
        self._behaviour = folder / "behaviour.json"
        self._secret = folder / "secret"
        self._record.touch()
        self.set_secret(secret)
        self.behave()
        self.port = free_port()
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    def start(self) -> None:
        """Start listening, on the same port as before."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.receiver", str(self.port), str(self._record.parent)],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            preexec_fn=die_with_parent,
        )
        wait_until(self._listens, what="the receiver's first answer")

    def set_secret(self, secret: str) -> None:
        """Give it the endpoint's secret, which is known only after the endpoint was registered."""
        self._secret.write_text(secret)

    def behave(
        self,
        *,
        status: int = 204,
        delay: float = 0.0,
        hang: bool = False,
        body: str = "",
        headers: dict[str, str] | None = None,
    ) -> None:
        """Answer from now on like this; `hang` never answers."""
        wish = {"status": status, "delay": delay, "hang": hang, "body": body, "headers": headers or {}}
        draft = self._behaviour.with_suffix(".draft")
        draft.write_text(json.dumps(wish))
        draft.replace(self._behaviour)

    def requests(self) -> list[dict[str, object]]:
        """Return what arrived: `at`, `method`, `path`, `headers` (lower-case names), `body` (text)."""
        return [json.loads(line) for line in self._record.read_text().splitlines()]

    def notices(self) -> list[dict[str, object]]:
        """Return the JSON bodies of the release notices that arrived."""
        bodies = (json.loads(str(each["body"])) for each in self.requests() if each["body"])
        return [body for body in bodies if body.get("type") == "release.published"]

    def stop(self) -> None:
        """Go away, as a member's broken server does."""
        end(self._process, signal.SIGTERM)

    def _listens(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
            return True
        return False


@contextlib.contextmanager
def postgresql(*, durable: bool = True) -> Iterator[PostgreSQL]:
    """A cluster for a block; raises Missing."""
    cluster = PostgreSQL(durable=durable)
    try:
        yield cluster
    finally:
        cluster.remove()


@contextlib.contextmanager
def redis_server() -> Iterator[Redis]:
    """A Redis for a block; raises Missing."""
    server = Redis()
    try:
        yield server
    finally:
        server.kill()


@functools.cache
def production_parts() -> tuple[str, str]:
    """Return (DATABASE_URL, REDIS_URL) for the suite, started by the first process that asks.

    pytest-xdist workers inherit the addresses through the environment, so all of them share one cluster.
    """
    known = os.environ.get("HX_TEST_PARTS")
    if known:
        database_url, redis_url = known.split()
        return database_url, redis_url
    try:
        cluster = PostgreSQL(durable=False)
        server = Redis()
    except Missing as missing:
        raise SystemExit(f"HX_TEST_DATABASE=postgresql needs {missing}.") from missing
    atexit.register(cluster.remove)
    atexit.register(server.kill)
    os.environ["HX_TEST_PARTS"] = f"{cluster.url} {server.url}"
    return cluster.url, server.url
