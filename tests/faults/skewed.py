"""`python -m tests.faults.skewed`: the exchange's processes, but the workers' clocks are wrong.

SKEW says by how much (`+7200`, seconds); libfaketime (Debian package: faketime) makes it so. Web, PostgreSQL
and everybody outside keep the right time.
"""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from unittest.mock import patch

from exchange import stack
from exchange.supervise import Process
from tests.services import Missing


def library() -> Path:
    """The library that lies about the time, for programs with threads; raises Missing."""
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
    if not found:
        raise Missing("libfaketime (Debian package: faketime)")
    return found[0]


def processes(*, bind: str, env: dict[str, str] | None = None) -> tuple[Process, ...]:
    """As `exchange.stack` says, with another time for the workers. Pauses stay as long as they are."""
    wrong = {
        "LD_PRELOAD": str(library()),
        "FAKETIME": f"{os.environ['SKEW']}s",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "FAKETIME_NO_CACHE": "1",
    }
    return tuple(
        each if each.name == "web" else dataclasses.replace(each, env={**each.env, **wrong})
        for each in _real(bind=bind, env=env)
    )


_real = stack.processes

if __name__ == "__main__":
    with patch.object(stack, "processes", processes):
        stack.main()
