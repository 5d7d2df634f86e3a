"""Runs a step of the flow in a child process that is killed before or after its k-th effect.

Effects are what can be seen from outside: an SQL statement, a commit, a blob that is stored, a file that
gets its name.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from unittest.mock import patch

from django.db import connection

from hashsets.blobs.folder import FolderStore
from tests.forking import forked


class Countdown:
    """Kills this very process at the n-th moment, counting from 0; every effect has a moment before and
    one after.
    """

    def __init__(self, moment: int) -> None:
        self.left = moment

    def tick(self) -> None:
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        self.left -= 1

    def around(self, effect: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*args: Any, **named: Any) -> Any:
            self.tick()
            result = effect(*args, **named)
            self.tick()
            return result

        return counted

    def sql(self, execute: Callable[..., Any], *args: Any) -> Any:
        return self.around(execute)(*args)


def killed_at(moment: int, step: Callable[[], object]) -> bool:
    """Whether a child that runs `step` was killed at `moment`; False when it had finished before."""
    ended = forked(lambda: _run(moment, step))
    assert ended in (0, -signal.SIGKILL), "the step failed in the child; its traceback is above"
    return ended == -signal.SIGKILL


def _run(moment: int, step: Callable[[], object]) -> None:
    countdown = Countdown(moment)
    database: Any = connection  # `_commit` is Django's own, and no stub tells of it
    database.ensure_connection()
    with ExitStack() as stack:
        stack.enter_context(database.execute_wrapper(countdown.sql))
        stack.enter_context(patch.object(database, "_commit", countdown.around(database._commit)))
        for name in ("put_file", "put_bytes", "replace_bytes", "delete"):
            effect = countdown.around(getattr(FolderStore, name))
            stack.enter_context(patch.object(FolderStore, name, effect))
        stack.enter_context(patch.object(os, "link", countdown.around(os.link)))
        stack.enter_context(patch.object(Path, "replace", countdown.around(Path.replace)))
        step()
