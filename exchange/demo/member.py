"""Lumen's machine in the demo: gets to know the exchange, subscribes, and listens for notices with `hashx`.

A process of its own under the supervisor (`python -m exchange.demo.member`). It has no Django and no
database, only what a member has: an address, a key and a fingerprint.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

import httpx

from exchange.demo.people import Machine

PATIENCE_SECONDS = 60.0


def settle(machine: Machine, *, base_url: str, key: str, fingerprint: str, list_id: str | None) -> None:
    """Wait for the exchange, pin its root, subscribe if a list is named. Doing it again changes nothing."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            if httpx.get(f"{base_url}/healthz", timeout=5).status_code == 200:
                break
        except httpx.TransportError:
            if time.monotonic() > deadline:
                raise
        time.sleep(0.1)
    machine.hashx("init", "--url", base_url, "--key", key, "--fingerprint", fingerprint)
    if list_id is not None:
        machine.hashx("subscribe", list_id)


def main() -> None:
    """Settle, then become `hashx listen`."""
    parser = argparse.ArgumentParser(prog="python -m exchange.demo.member", description=__doc__)
    for name in ("--home", "--url", "--fingerprint", "--list", "--port"):
        parser.add_argument(name, required=True)
    arguments = parser.parse_args()
    machine = Machine(Path(arguments.home))
    key = os.environ["HASHX_KEY"]  # by the environment: a command line is visible to everyone on the machine
    settle(
        machine, base_url=arguments.url, key=key, fingerprint=arguments.fingerprint, list_id=arguments.list
    )
    argv = machine.argv("listen", "--port", arguments.port, "--into", str(machine.lists))
    os.execve(argv[0], argv, machine.env)  # noqa: S606  (no shell is the point: our own argument list)


if __name__ == "__main__":
    main()
