"""What ran before a test in its process changes nothing for it; one that hangs fails under its name."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg2
import pytest
from django.db import connection, connections

from accounts.identity.models import Organisation
from tests import cast, services
from tests.conftest import lacking
from tests.exchange.web.conftest import CHROMIUMS
from tests.forking import FAILED, forked
from tests.run import production_is_possible

_ROOT = Path(__file__).resolve().parents[1]

# In this order, in one process on PostgreSQL, the third failed and then held every other test up for good:
# the browser's event loop hid the connection of the first from whoever closed connections before the fork.
_ONCE_HUNG = (
    "tests/accounts/test_measures.py::test_a_suspension_waits_for_the_members_word_and_a_second_person",
    "tests/exchange/web/account/test_browser.py"
    "::test_a_passkey_is_set_up_and_then_signs_in_and_confirms_alone",
    "tests/exchange/push/test_killed.py::test_a_sender_killed_at_any_moment_is_followed_by_one_that_tells",
)

_HANGS = """
import time
import pytest

@pytest.fixture
def never_ends():
    yield
    time.sleep(600)

def test_that_passes():
    pass

def test_that_fails_and_does_not_end(never_ends):
    assert False

@pytest.mark.timeout(1)
def test_that_does_not_end():
    time.sleep(600)

def test_that_passes_too():
    pass
"""

_IMPATIENT = """
from tests import conftest as suite

suite.ENDING_PATIENCE = 1
pytest_plugins = ["tests.conftest"]
"""


def pytest_in_its_own_process(
    *arguments: str, cwd: Path = _ROOT, env: dict[str, str] | None = None
) -> tuple[int, str]:
    """Return the exit status and what was printed; nothing is inherited from the run that this test is of."""
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith(("HX_TEST", "PYTEST"))
    }
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments],
        cwd=cwd,
        env={**inherited, **(env or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=240,
        check=False,
    )
    return done.returncode, done.stdout.decode()


@pytest.mark.faults
def test_a_browser_before_it_changes_nothing_for_a_sender_that_is_killed() -> None:
    if lack := production_is_possible():
        lacking(services.Missing(lack))
    if not any(program.exists() for program in CHROMIUMS):
        lacking(services.Missing("Chromium (Debian package: chromium)"))
    code, said = pytest_in_its_own_process("--as-given", *_ONCE_HUNG, env={"HX_TEST_DATABASE": "postgresql"})
    assert code == 0, said
    assert "3 passed" in said


def test_a_test_that_hangs_fails_by_name_and_the_others_go_on(tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\ntimeout_method = thread\n")
    (tmp_path / "conftest.py").write_text(_IMPATIENT)
    (tmp_path / "test_it.py").write_text(_HANGS)
    code, said = pytest_in_its_own_process(
        *("-p", "no:django", "-n", "1", "-c", "pytest.ini", "test_it.py"),
        cwd=tmp_path,
        env={"PYTHONPATH": str(_ROOT)},
    )
    assert code == 1, said
    for name in ("test_that_fails_and_does_not_end", "test_that_does_not_end"):
        assert f"crashed while running 'test_it.py::{name}'" in said
    assert "2 passed" in said


def test_the_cluster_that_tests_share_ends_waiting_and_durable_ones_do_not(
    durable_postgresql: services.PostgreSQL,
) -> None:
    def limits(cluster: services.PostgreSQL) -> tuple[str, ...]:
        with psycopg2.connect(cluster.url) as session, session.cursor() as cursor:
            cursor.execute(
                "SELECT current_setting('lock_timeout'),"
                " current_setting('idle_in_transaction_session_timeout')"
            )
            return tuple(cursor.fetchone() or ())

    with services.postgresql(durable=False) as shared:
        assert limits(shared) == ("1min", "2min")
    assert limits(durable_postgresql) == ("0", "0")


@pytest.fixture
def another_connection() -> Iterator[Callable[[], None]]:
    """A thread that opens a connection, and holds it until it is told to end."""
    opened, over = threading.Event(), threading.Event()

    def hold() -> None:
        connection.ensure_connection()
        opened.set()
        over.wait(60)
        connection.close()

    def end() -> None:
        over.set()
        thread.join()

    thread = threading.Thread(target=hold, name="holds-on")
    thread.start()
    opened.wait(60)
    yield end
    end()


@pytest.mark.django_db(transaction=True)
def test_a_child_shares_no_connection_with_its_parent(another_connection: Callable[[], None]) -> None:
    with pytest.raises(AssertionError, match="thread 'holds-on' has a database connection open"):
        forked(lambda: None)
    another_connection()
    connection.ensure_connection()
    hidden = connections["default"]
    connections["default"] = hidden.copy()  # as a running event loop would: another one lies over it
    try:
        connection.ensure_connection()
        assert forked(cast.harbor) == 0
        assert hidden.connection is None
        assert Organisation.objects.count() == 1, "what the child committed is there"
        connection.close()
    finally:
        connections["default"] = hidden


@pytest.mark.django_db(transaction=True)
def test_a_child_tells_how_it_ended(capfd: pytest.CaptureFixture[str]) -> None:
    assert forked(lambda: os.kill(os.getpid(), signal.SIGKILL)) == -signal.SIGKILL
    assert forked(lambda: os._exit(7)) == 7
    assert forked(lambda: 1 // 0) == FAILED
    assert "ZeroDivisionError" in capfd.readouterr().err


@pytest.mark.django_db
def test_nobody_forks_in_the_middle_of_a_transaction() -> None:
    with pytest.raises(AssertionError, match="transaction=True"):
        forked(lambda: None)
