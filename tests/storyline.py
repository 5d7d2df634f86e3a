"""The stage of the journey tests: a running exchange, the sample world in it, Lumen's machine beside it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from exchange.demo.corpus import installation, write_releases
from exchange.demo.journey import Journey, Step
from exchange.demo.member import PATIENCE_SECONDS, roots_shown, settle
from exchange.demo.people import Machine
from exchange.demo.world import World, read_world
from tests import services
from tests.conftest import lacking
from tests.services import ROOT, end, free_port, wait_until
from tests.stack import Stack


@dataclass
class Stage:
    """Everything a journey needs; `steps` collects what it told."""

    stack: Stack
    world: World
    fingerprint: str
    folder: Path
    steps: list[Step] = field(default_factory=list)

    @property
    def publisher(self) -> Machine:
        return Machine(self.folder / "harbor")

    @property
    def member(self) -> Machine:
        return Machine(self.folder / "lumen")

    def journey(self, *, patience: float = 90.0) -> Journey:
        return Journey(
            self.stack.base_url,
            self.world,
            publisher=self.publisher,
            tell=self.steps.append,
            patience=patience,
        )

    def files(self) -> tuple[Path, Path]:
        """Two states of the sample list, over the standard library alone so that tests stay quick."""
        files = self.folder / "release-1.csv", self.folder / "release-2.csv"
        if not files[0].exists():
            write_releases(*files, roots=installation()[:1])
        return files

    def api(self, key: str) -> httpx.Client:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        return httpx.Client(base_url=self.stack.base_url, headers=headers, timeout=30)

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """Lumen's `hashx listen`, as a process of its own that the exchange knows: what breaks from here on,
        it gets over, while a first meeting that broke off is its person's to repeat.
        """
        told = self.folder / "lumen.log"
        with told.open("ab") as log:
            process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "exchange.demo.member", "--home", str(self.member.home)),
                    *("--url", self.stack.base_url, "--fingerprint", self.fingerprint),
                    *("--list", self.world.list_id, "--port", str(free_port())),
                ],
                cwd=ROOT,
                env={**os.environ, "HASHX_KEY": self.world.member_key},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

            def listens() -> bool:
                assert process.poll() is None, told.read_text()
                return "  listening  " in told.read_text()

            try:
                wait_until(listens, seconds=PATIENCE_SECONDS, what="that Lumen listens")
                yield
            finally:
                end(process, signal.SIGTERM)


def set_stage(stack: Stack, folder: Path) -> Stage:
    """Make the sample world in a running stack, and let Harbor's machine get to know it."""
    stack.manage("demo", "--world")
    world = read_world(stack.var / "demo" / "world.json")
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (shown := roots_shown(stack.base_url, deadline)):
        time.sleep(0.1)
    fingerprint = shown[0]
    stage = Stage(stack, world, fingerprint, folder)
    settle(
        stage.publisher,
        base_url=stack.base_url,
        key=world.publisher_key,
        fingerprint=fingerprint,
        list_id=None,
    )
    return stage


@contextlib.contextmanager
def stack_of(kind: str, request: pytest.FixtureRequest, var: Path) -> Iterator[Stack]:
    """A running exchange that several tests share: `embedded`, or `production` with PostgreSQL and Redis."""
    if kind == "embedded":
        stack = Stack(var)
    else:
        cluster: services.PostgreSQL = request.getfixturevalue("durable_postgresql")
        try:
            redis = services.Redis()
        except services.Missing as missing:
            lacking(missing)
        stack = Stack(var, database_url=cluster.new_database(), redis=redis, postgresql=cluster)
    try:
        stack.start()
        yield stack
    finally:
        stack.stop()
        if stack.redis is not None:
            stack.redis.kill()
