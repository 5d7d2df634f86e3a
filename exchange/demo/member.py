"""Lumen's machine in the demo: gets to know the exchange, subscribes, and listens for notices with `hashx`.

A process of its own under the supervisor (`python -m exchange.demo.member`). It has no Django and no
database, only what a member has: an address, a key and a fingerprint.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import time
from pathlib import Path

import httpx

from exchange.demo.people import Machine, Unexpected

PATIENCE_SECONDS = 60.0


def settle(machine: Machine, *, base_url: str, key: str, fingerprint: str, list_id: str | None) -> None:
    """Wait for the exchange, pin its root, subscribe if a list is named. Doing it again changes nothing."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not roots_shown(base_url, deadline):
        time.sleep(0.1)
    machine.hashx("init", "--url", base_url, "--key", key, "--fingerprint", fingerprint)
    if list_id is not None:
        machine.hashx("subscribe", list_id)


def roots_shown(base_url: str, deadline: float) -> list[str]:
    """Fingerprints of the roots that the exchange shows, the first one first. Empty while it starts or has
    nothing to show; Unexpected from `deadline` (of the monotonic clock) on.
    """
    answered = "no answer"
    with contextlib.suppress(httpx.TransportError):
        answer = httpx.get(f"{base_url}/.well-known/hash-exchange.json", timeout=5)
        answered = str(answer.status_code)
        if answer.status_code == httpx.codes.OK and (roots := answer.json()["directory_roots"]):
            return [str(root["sha256"]) for root in roots]
    if time.monotonic() > deadline:
        raise Unexpected(f"{base_url} shows no root to pin: {answered}")
    return []


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
