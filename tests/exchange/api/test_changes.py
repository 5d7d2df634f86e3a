"""The feed of changes: each operation of each release once, in order, from cursors that never go stale."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connections
from django.test import Client
from pytest_django import Settings

from accounts.errors import Conflict
from exchange.sharing.models import Subscription
from exchange.sharing.subscribe import unsubscribe
from hashsets.lists.current import newest_state
from hashsets.lists.models import Audience, HashList
from hashsets.releases.changes import Position, changes_from
from hashsets.releases.models import Release
from tests.exchange.api.conftest import PUBLISHER_SCOPES, Asker, Private, key_of, stranger_key
from tests.hashsets.releases.test_two_at_once import _work
from tests.hashsets.releases.world import NOW, World, csv_of, harbor_world, sha256

PATIENCE = 240.0  # seconds, on a machine that has other things to do
Key = tuple[str, str, str | None]


@pytest.fixture(autouse=True)
def own_store(tmp_path: Path, settings: Settings) -> None:
    settings.BLOB_URL = str(tmp_path / "blobs")


@pytest.fixture
def world(transactional_db: None) -> World:
    return harbor_world(hash_types=("md5", "sha256"))


def feed(asker: Asker, hash_list: HashList, *, limit: int = 500, cursor: str = "") -> Iterator[Any]:
    """All pages from `cursor` to the end, as the API gives them."""
    while True:
        query = f"?limit={limit}" + (f"&cursor={cursor}" if cursor else "")
        answer = asker("get", f"/api/v1/lists/{hash_list.id}/changes{query}")
        assert answer.status_code == 200, answer.content
        page = answer.json()
        yield page
        cursor = page["next"]
        if not page["more"]:
            return


def items(asker: Asker, hash_list: HashList, **how: Any) -> list[dict[str, Any]]:
    return [item for page in feed(asker, hash_list, **how) for item in page["items"]]


def replayed(changes: list[dict[str, Any]]) -> set[Key]:
    """The entries that are left when every operation is applied, each strictly."""
    entries: set[Key] = set()
    for change in changes:
        key = (change["type"], change["hash"], change["item"])
        assert (key in entries) == (change["op"] != "add"), change
        if change["op"] == "remove":
            entries.remove(key)
        else:
            entries.add(key)
    return entries


def held(hash_list: HashList) -> set[Key]:
    """The entries of the newest release, read from its segments."""
    state = newest_state(HashList.objects.get(id=hash_list.id))
    return {
        (slug, state.of(slug).hash_type.render(row.tobytes()), str(item) if item else None)
        for slug in ("md5", "sha256")
        for rows in state.of(slug).iter_batches()
        for row, item in zip(rows.hash, rows.item.tolist(), strict=True)
    }


def both(numbers: range) -> str:
    return "sha256,md5\n" + "".join(f"{sha256(n)},{sha256(-n - 1)[:32]}\n" for n in numbers)


def publish_a_history(world: World) -> None:
    """First entries, a delta, updates, a change so large that the snapshot is rewritten, and removals."""
    world.release(both(range(100)))
    world.release(csv_of(range(100, 110)))
    world.release(f"sha256,quality\n{sha256(101)},50\n{sha256(102)},60\n", mode="update")
    world.release(csv_of(range(100, 104)), mode="remove")
    world.release(csv_of(range(200, 300)))  # beyond a quarter of the list: a fresh snapshot
    world.release(csv_of([*range(105, 110), *range(200, 295), *range(400, 440)]), mode="replace")
    world.release(csv_of(range(100, 102)))


def test_every_operation_is_told_once_and_leads_to_the_state(world: World) -> None:
    publish_a_history(world)
    changes = items(Asker(key_of(world.crew, PUBLISHER_SCOPES).key), world.hash_list)
    assert replayed(changes) == held(world.hash_list)
    places = [(change["release"], change["type"], change["hash"]) for change in changes]
    assert places == sorted(places)
    for release in Release.objects.filter(hash_list=world.hash_list):
        ops = [change["op"] for change in changes if change["release"] == release.number]
        told = (ops.count("add"), ops.count("update"), ops.count("remove"))
        assert told == (release.adds, release.updates, release.removals), release.number
    assert {change["quality"] for change in changes if change["op"] == "update"} == {50, 60}


def test_a_snapshot_was_rewritten_over_removals_and_nothing_is_lost(world: World) -> None:
    """What makes the history above hard: removals that no stored file holds."""
    publish_a_history(world)
    states = [changes_from(world.fresh(), Position(number), limit=1) for number in range(1, 8)]
    assert all(page.items[0].release == number for number, page in enumerate(states, 1))
    derived = Path(settings.HX_VAR) / "cache" / "changes"
    files = list(derived.glob("*.parquet"))
    assert files
    before = items(Asker(key_of(world.crew, PUBLISHER_SCOPES).key), world.hash_list)
    for file in files:
        file.unlink()
    assert items(Asker(key_of(world.crew, PUBLISHER_SCOPES).key), world.hash_list) == before


@pytest.mark.parametrize("limit", [1, 7, 100, 2_000])
def test_pages_of_any_size_tell_the_same(world: World, limit: int) -> None:
    world.release(both(range(20)))
    world.release(csv_of(range(20, 30)))
    world.release(csv_of(range(5)), mode="remove")
    asker = Asker(key_of(world.crew, PUBLISHER_SCOPES).key)
    assert items(asker, world.hash_list, limit=limit) == items(asker, world.hash_list)


def test_an_old_cursor_goes_on_where_it_stopped(world: World) -> None:
    asker = Asker(key_of(world.crew, PUBLISHER_SCOPES).key)
    nothing = list(feed(asker, world.hash_list))[-1]
    assert (nothing["items"], nothing["more"], nothing["latest_release"]) == ([], False, 0)
    world.release(csv_of(range(10)))
    first = list(feed(asker, world.hash_list, cursor=nothing["next"]))
    assert len(first[0]["items"]) == 10
    for number in range(10, 13):
        world.release(csv_of([number]))
    later = items(asker, world.hash_list, cursor=first[-1]["next"])
    assert [change["release"] for change in later] == [2, 3, 4]
    since = asker("get", f"/api/v1/lists/{world.hash_list.id}/changes?since=3").json()
    assert [change["release"] for change in since["items"]] == [4]


def test_a_cursor_that_is_not_for_this_list_is_refused(world: World) -> None:
    asker = Asker(key_of(world.crew, PUBLISHER_SCOPES).key)
    world.release(csv_of(range(3)))
    path = f"/api/v1/lists/{world.hash_list.id}/changes"
    good = asker("get", path).json()["next"]
    for cursor in ("", "x", good[:-1], good + "a", "%00", good.replace(":", "."), "a" * 400):
        answer = asker("get", f"{path}?cursor={cursor}")
        assert (answer.status_code, answer.json()["code"]) == (400, "page.cursor"), cursor
    for since in ("-1", "x", "\u0661", "9" * 30, ""):
        assert asker("get", f"{path}?since={since}").json()["code"] == "changes.since"
    answer = asker("get", f"{path}?since=7")
    assert (answer.status_code, answer.json()["code"]) == (409, "changes.ahead")
    with pytest.raises(Conflict):
        changes_from(world.fresh(), Position(3), limit=1)


def test_only_those_who_may_download_the_list_read_its_changes(private: Private) -> None:
    path = f"/api/v1/lists/{private.hash_list.id}/changes"
    assert Asker(private.member.key)("get", path).status_code == 200
    for nobody in (Asker(), Asker(stranger_key())):
        assert nobody("get", path).status_code == 404
    unsubscribe(Subscription.objects.get().id, actor=private.lumen.integrator.actor, now=NOW)
    assert Asker(private.member.key)("get", path).status_code == 404
    HashList.objects.filter(id=private.hash_list.id).update(audience=Audience.PUBLIC)
    assert len(Asker()("get", path).json()["items"]) == 50


def test_a_poller_with_the_newest_state_is_told_so_in_a_few_bytes(world: World) -> None:
    world.release(csv_of(range(3)))
    asker, client = Asker(key_of(world.crew, PUBLISHER_SCOPES).key), Client()
    base = f"/api/v1/lists/{world.hash_list.id}"
    paths = [base, f"{base}/releases", f"{base}/releases/1", f"{base}/changes", f"{base}/submissions",
             f"/api/v1/submissions/{Release.objects.get().submission_id}"]  # fmt: skip
    tags = {}
    for path in paths:
        answer = asker("get", path)
        tags[path] = answer["ETag"]
        headers = {"Authorization": f"Bearer {asker.key}", "If-None-Match": f'"x", {answer["ETag"]}'}
        again = client.get(path, headers=headers)
        assert (again.status_code, again.content, again["ETag"]) == (304, b"", answer["ETag"]), path
        assert "private" in again["Cache-Control"]
    world.release(csv_of([3]))
    changed = {path for path in paths if asker("get", path)["ETag"] != tags[path]}
    assert changed == {base, f"{base}/releases", f"{base}/changes", f"{base}/submissions"}


def test_five_writers_and_a_poller_miss_nothing_and_see_nothing_twice(world: World) -> None:
    asker, done = Asker(key_of(world.crew, PUBLISHER_SCOPES).key), threading.Event()
    handed_in = threading.Barrier(5)
    seen: list[dict[str, Any]] = []
    raised: list[BaseException] = []

    def run(step: Callable[..., None], *args: int) -> None:
        try:
            step(*args)
        except BaseException as error:
            raised.append(error)
        finally:
            connections.close_all()

    def poll() -> None:
        cursor = ""
        while True:
            finished = done.is_set()
            for page in feed(asker, world.hash_list, limit=3, cursor=cursor):
                seen.extend(page["items"])
                cursor = page["next"]
            if finished:
                return
            done.wait(0.05)

    def write(number: int) -> None:
        world.approve(world.stage(csv_of(range(number * 10, number * 10 + 4))))
        handed_in.wait(PATIENCE)  # a worker would validate a submission under its sender's hands
        _work([world])

    poller = threading.Thread(target=run, args=(poll,))
    writers = [threading.Thread(target=run, args=(write, number)) for number in range(5)]
    for thread in (poller, *writers):
        thread.start()
    for thread in writers:
        thread.join(PATIENCE)
    done.set()
    poller.join(PATIENCE)
    assert raised == []
    assert [release.number for release in Release.objects.order_by("number")] == [1, 2, 3, 4, 5]
    assert len(seen) == 20
    assert replayed(seen) == held(world.hash_list)
    assert seen == items(asker, world.hash_list)
