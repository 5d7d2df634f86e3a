"""What ran before a test in its process changes nothing for it."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator

import pytest
from django.db import connection, connections

from accounts.identity.models import Organisation
from tests import cast
from tests.forking import FAILED, forked


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
