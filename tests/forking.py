"""A child process of a test, that shares no database connection with its parent.

`connections.close_all()` closes what the calling thread reaches *now*. Once an event loop runs in the thread
(that of a browser does), asgiref keeps Django's connections in the context of the loop, and the older ones of
the thread stay open beneath. A forked child has no running loop, finds those older ones, and would talk over
its parent's socket; killed, it leaves the parent's session in a transaction with all its locks. So every
connection that was ever opened in this process is known here, and none is open when the child begins.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import traceback
import warnings
from collections.abc import Callable
from typing import Any
from weakref import WeakSet

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created

from exchange.supervise import die_with_parent

FAILED = 3  # exit status of a child whose work raised

_opened: WeakSet[BaseDatabaseWrapper] = WeakSet()


def _remember(connection: BaseDatabaseWrapper, **_: Any) -> None:
    _opened.add(connection)


connection_created.connect(_remember)  # imported by tests/conftest.py, before anything is opened


def close_every_connection() -> None:
    """Close what this thread opened, in whatever context, and what threads left that have ended.

    Fails when a thread that still runs has one open: it is in the middle of something, and SQLite counts the
    locks of a process, not of a connection.
    """
    running = {thread.ident: thread.name for thread in threading.enumerate()}
    for connection in list(_opened):
        if connection.connection is None:
            continue
        owner: int = connection._thread_ident  # type: ignore[attr-defined]
        assert owner == threading.get_ident() or owner not in running, (
            f"thread {running[owner]!r} has a database connection open: end it before the fork"
        )
        assert not connection.in_atomic_block, "fork from tests marked django_db(transaction=True) only"
        connection.inc_thread_sharing()
        try:
            connection.close()
        finally:
            connection.dec_thread_sharing()


def forked(work: Callable[[], object]) -> int:
    """Run `work` in a child of this process, and return how it ended.

    Returns 0 when `work` returned, `FAILED` when it raised (its traceback is printed), minus the signal's
    number when it was killed, else its own exit status. The child has connections of its own; nothing that it
    commits is undone. It ends with its parent, however that ends.
    """
    close_every_connection()
    sys.stdout.flush()
    sys.stderr.flush()
    with warnings.catch_warnings():
        # Python 3.12 warns of threads (xdist and the time-out have one); the child only works and dies.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        os._exit(_worked(work))
    try:
        _, status = os.waitpid(child, 0)
    except BaseException:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        raise
    return os.waitstatus_to_exitcode(status)


def _worked(work: Callable[[], object]) -> int:
    die_with_parent()
    try:
        work()
    except BaseException:
        traceback.print_exc()
        return FAILED
    return 0
