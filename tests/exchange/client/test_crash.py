"""kill -9 at every effect on the disk while a release is applied: what is in force afterwards is whole,
old or new."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from exchange.client.fetch import Session
from exchange.client.home import Home
from exchange.client.store import ListStore
from exchange.client.sync import sync_list
from exchange.client.verify import verify_folder
from exchange.client.watch import Quiet
from tests.exchange.client.conftest import Hashx
from tests.exchange.client.exchange_server import KEY, ExchangeServer
from tests.exchange.client.publisher import Publisher, hashes, operations, rows

EFFECTS = ("replace", "rename", "link", "fsync", "mkdir", "unlink", "rmdir", "symlink")


def die_at(effect: int) -> None:
    """Have this process killed at its `effect`-th act on the file system, before it happens."""
    count = 0

    def counted(act: Callable[..., Any]) -> Callable[..., Any]:
        def run(*arguments: Any, **options: Any) -> Any:
            nonlocal count
            count += 1
            if count == effect:
                os.kill(os.getpid(), signal.SIGKILL)
            return act(*arguments, **options)

        return run

    for name in EFFECTS:
        setattr(os, name, counted(getattr(os, name)))


def sync(home: Path, into: Path, list_id: str) -> None:
    member = Home(home)
    with Session(member.url, KEY) as session:
        store, directory = ListStore(into, list_id), member.directory(session)
        sync_list(session, store, directory, watch=Quiet(), now=datetime.now(UTC))


def sync_and_die(home: Path, into: Path, list_id: str, effect: int) -> None:
    die_at(effect)
    sync(home, into, list_id)


@pytest.mark.faults
@pytest.mark.parametrize(
    ("first", "step"),
    [
        pytest.param(False, 4, id="delta-every-4th"),
        pytest.param(False, 1, id="delta", marks=pytest.mark.slow),
        pytest.param(True, 1, id="first-sync", marks=pytest.mark.slow),
    ],
)
def test_a_kill_at_any_step_leaves_the_old_release_or_the_new_one(
    hashx: Hashx,
    publisher: Publisher,
    exchange: ExchangeServer,
    first: bool,
    step: int,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    raw = hashes(500, seed=1)
    newest = publisher.release({"sha256": operations(rows(raw, 1))})
    hashx.into.mkdir()
    if not first:
        assert hashx.sync().exit == 0
        newest = publisher.release({"sha256": operations(rows(hashes(9, seed=2), 2), removed=raw[:5])})
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    in_force = set()
    for effect in range(1, 500, step):
        into = tmp_path / f"kill-{effect}"
        shutil.copytree(hashx.into, into, symlinks=True)
        store = ListStore(into, publisher.list_id)
        process = context.Process(target=sync_and_die, args=(hashx.home, into, publisher.list_id, effect))
        process.start()
        process.join(60)
        assert process.exitcode in (0, -signal.SIGKILL)
        current = store.current()
        assert first or current is not None, "the old release is lost"
        if current is not None:
            in_force.add(current.release)
            assert verify_folder(into, watch=Quiet())[0].release == current.release
        sync(hashx.home, into, publisher.list_id)
        assert verify_folder(into, watch=Quiet())[0].state_root == newest.root
        assert leftovers(store) == []
        shutil.rmtree(into)
        if process.exitcode == 0:
            break
    assert process.exitcode == 0
    record_property("crash points: member apply", (effect - 1) // step)
    assert effect > 20, "the killed processes must have been at work"
    assert in_force == ({1} if first else {1, 2})
    assert {statement["state_root"] for statement in exchange.confirmations[-effect:]} >= {newest.root}


def leftovers(store: ListStore) -> list[str]:
    """What nobody needs any more."""
    current = store.current()
    assert current is not None
    wanted = {current.folder.name, current.previous}
    found = [path.name for path in (store.folder / "releases").iterdir() if path.name not in wanted]
    return found + [path.name for path in store.folder.iterdir() if path.name in ("downloads", "trust.new")]
