"""Syncing as a member lives it: first contact, deltas, nothing new, repairs, broken connections."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq

from tests.exchange.client.conftest import Hashx
from tests.exchange.client.exchange_server import ExchangeServer
from tests.exchange.client.publisher import Publisher, hashes, operations, rows


def held_hashes(folder: str, slug: str = "sha256") -> list[object]:
    """What any Parquet reader finds in the folder."""
    parts = sorted(Path(folder, slug).glob("*.parquet"))
    return [value for part in parts for value in pq.read_table(part)["hash"].to_pylist()]


def test_the_first_sync_takes_the_snapshot_and_confirms(
    hashx: Hashx, publisher: Publisher, exchange: ExchangeServer
) -> None:
    raw = hashes(5000, seed=1)
    manifest = publisher.release({"sha256": operations(rows(raw, 1))})
    ran = hashx.sync()
    assert ran.exit == 0, ran.err
    assert ran.synced["release"] == 1
    assert ran.synced["transport"] == "snapshot"
    assert ran.synced["state_root"] == manifest.root
    assert ran.synced["confirmed"] is True
    assert held_hashes(ran.synced["folder"]) == [one.tobytes() for one in raw]
    statement = exchange.confirmations[-1]
    assert (statement["release"], statement["state_root"], statement["hash_types"]) == (
        1,
        manifest.root,
        ["sha256"],
    )


def test_the_next_release_travels_as_a_delta_of_adds_updates_and_removals(
    hashx: Hashx, publisher: Publisher
) -> None:
    raw = hashes(5000, seed=1)
    publisher.release({"sha256": operations(rows(raw, 1))})
    first = hashx.sync()
    more = hashes(10, seed=2)
    second = publisher.release(
        {"sha256": operations(rows(more, 2), rows(raw[:5], 2, classification=2), raw[100:120])}
    )
    ran = hashx.sync()
    assert ran.exit == 0, ran.err
    assert (ran.synced["from_release"], ran.synced["release"]) == (1, 2)
    assert ran.synced["transport"] == "delta"
    assert ran.synced["downloaded"] * 10 < first.synced["downloaded"]
    assert ran.synced["types"]["sha256"]["operations"] == 35
    assert ran.synced["state_root"] == second.root
    expected = {one.tobytes() for one in raw} - {one.tobytes() for one in raw[100:120]}
    expected |= {one.tobytes() for one in more}
    assert held_hashes(ran.synced["folder"]) == sorted(expected)
    assert hashx.run("verify", str(hashx.into)).exit == 0


def test_several_missed_releases_are_caught_up_in_one_sync(hashx: Hashx, publisher: Publisher) -> None:
    publisher.release({"sha256": operations(rows(hashes(3000, seed=1), 1))})
    hashx.sync()
    for number in range(2, 6):
        last = publisher.release({"sha256": operations(rows(hashes(3, seed=number), number))})
    ran = hashx.sync()
    assert (ran.synced["from_release"], ran.synced["release"]) == (1, 5)
    assert ran.synced["transport"] == "delta"
    assert ran.synced["state_root"] == last.root


def test_a_new_member_takes_snapshot_and_chain(hashx: Hashx, publisher: Publisher) -> None:
    publisher.release({"sha256": operations(rows(hashes(3000, seed=1), 1))})
    last = publisher.release({"sha256": operations(rows(hashes(30, seed=2), 2))})
    ran = hashx.sync()
    assert ran.exit == 0, ran.err
    assert ran.synced["state_root"] == last.root
    assert ran.synced["count"] == 3030


def test_a_rewritten_snapshot_is_taken_when_no_chain_leads_to_it(hashx: Hashx, publisher: Publisher) -> None:
    publisher.release({"sha256": operations(rows(hashes(300, seed=1), 1))})
    hashx.sync()
    last = publisher.release({"sha256": operations(rows(hashes(3000, seed=2), 2))}, rewrite=True)
    ran = hashx.sync()
    assert ran.synced["transport"] == "snapshot"
    assert ran.synced["state_root"] == last.root


def test_a_type_that_did_not_change_is_not_fetched_again(
    exchange: ExchangeServer, publisher: Publisher, hashx: Hashx, tmp_path: Path
) -> None:
    two = Publisher(exchange.served, publisher.officers, tmp_path / "two", slugs=("md5", "sha256"))
    md5 = hashes(2000, seed=3, width=16)
    two.release({"sha256": operations(rows(hashes(2000, seed=1), 1)), "md5": operations(rows(md5, 1))})
    hashx.sync(two.list_id)
    two.release({"sha256": operations(rows(hashes(2, seed=2), 2))})
    ran = hashx.sync(two.list_id)
    assert ran.exit == 0, ran.err
    assert ran.synced["types"]["md5"]["transport"] == "none"
    assert held_hashes(ran.synced["folder"], "md5") == [one.tobytes() for one in md5]
    # A delta of release 3 starts from release 2, in which md5 is what it was in release 1.
    two.release({"md5": operations(removed=md5[:7])})
    again = hashx.sync(two.list_id)
    assert again.synced["types"]["md5"]["transport"] == "delta"
    assert held_hashes(again.synced["folder"], "md5") == [one.tobytes() for one in md5[7:]]


def test_nothing_new_costs_no_segment_and_no_second_confirmation(
    hashx: Hashx, publisher: Publisher, exchange: ExchangeServer
) -> None:
    publisher.release({"sha256": operations(rows(hashes(100, seed=1), 1))})
    hashx.sync()
    exchange.requests.clear()
    ran = hashx.sync()
    assert (ran.exit, ran.synced["changed"]) == (0, False)
    assert not [path for path in exchange.paths() if "/targets/" in path]
    assert len(exchange.confirmations) == 1


def test_everything_removed_is_an_empty_list_and_not_an_error(hashx: Hashx, publisher: Publisher) -> None:
    raw = hashes(50, seed=1)
    publisher.release({"sha256": operations(rows(raw, 1))})
    hashx.sync()
    publisher.release({"sha256": operations(removed=raw)})
    ran = hashx.sync()
    assert (ran.exit, ran.synced["count"]) == (0, 0), ran.err
    assert held_hashes(ran.synced["folder"]) == []
    publisher.release({"sha256": operations(rows(raw[:3], 3))})
    assert hashx.sync().synced["count"] == 3


def test_a_list_without_a_release_is_nothing_to_worry_about(hashx: Hashx, publisher: Publisher) -> None:
    ran = hashx.sync()
    assert (ran.exit, ran.synced["release"]) == (0, None)


def test_a_broken_download_goes_on_where_it_stopped(
    hashx: Hashx, publisher: Publisher, exchange: ExchangeServer
) -> None:
    publisher.release({"sha256": operations(rows(hashes(20_000, seed=1), 1))})
    part = publisher.served_file("sha256.full-1.p01.parquet")
    exchange.cut_after[str(part.relative_to(exchange.served))] = 300_000
    ran = hashx.sync()
    assert ran.exit == 0, ran.err
    asked = [headers.get("Range") for _, path, headers in exchange.requests if path.endswith("p01.parquet")]
    assert asked == [None, "bytes=300000-"]


def test_a_download_is_resumed_by_the_next_run(
    hashx: Hashx, publisher: Publisher, exchange: ExchangeServer
) -> None:
    publisher.release({"sha256": operations(rows(hashes(20_000, seed=1), 1))})
    part = publisher.served_file("sha256.full-1.p01.parquet")
    leftover = hashx.into / publisher.list_id / "downloads"
    leftover.mkdir(parents=True)
    digest = part.name.partition(".")[0]
    (leftover / f"{digest}.parquet.partial").write_bytes(part.read_bytes()[:400_000])
    assert hashx.sync().exit == 0
    assert [h["Range"] for _, _, h in exchange.requests if "Range" in h] == ["bytes=400000-"]


def test_a_damaged_local_part_is_fetched_again_and_said_so(hashx: Hashx, publisher: Publisher) -> None:
    raw = hashes(3000, seed=1)
    publisher.release({"sha256": operations(rows(raw, 1))})
    folder = Path(hashx.sync().synced["folder"])
    part = next((folder / "sha256").glob("*.parquet"))
    content = bytearray(part.read_bytes())
    content[1000] ^= 1
    part.write_bytes(content)
    last = publisher.release({"sha256": operations(rows(hashes(3, seed=2), 2))})
    ran = hashx.sync()
    assert ran.exit == 0, ran.err
    assert ran.synced["repaired"] is True
    assert ran.synced["state_root"] == last.root
    assert "damaged" in ran.err
    assert hashx.run("verify", str(hashx.into)).exit == 0


def test_a_key_does_not_follow_a_redirect_to_another_origin(
    hashx: Hashx, publisher: Publisher, exchange: ExchangeServer
) -> None:
    publisher.release({"sha256": operations(rows(hashes(10, seed=1), 1))})
    store = ExchangeServer(exchange.served)
    store.start()
    part = str(publisher.served_file("sha256.full-1.p01.parquet").relative_to(exchange.served))
    exchange.redirects[part] = f"{store.url}/{part}"
    assert hashx.sync().exit == 0
    store.stop()
    assert store.paths() == [part]
    assert all("Authorization" not in headers for _, _, headers in store.requests)


def test_only_the_release_before_stays_beside_the_one_in_force(hashx: Hashx, publisher: Publisher) -> None:
    for number in range(1, 5):
        publisher.release({"sha256": operations(rows(hashes(20, seed=number), number))})
        hashx.sync()
    releases = hashx.into / publisher.list_id / "releases"
    assert sorted(path.name.partition("-")[0] for path in releases.iterdir()) == ["3", "4"]
    pointer = json.loads((hashx.into / publisher.list_id / "current.json").read_text())
    assert pointer["release"] == 4


def test_a_release_that_could_not_be_confirmed_is_in_force_and_confirmed_later(
    hashx: Hashx, publisher: Publisher, exchange: ExchangeServer
) -> None:
    publisher.release({"sha256": operations(rows(hashes(10, seed=1), 1))})
    address = f"api/v1/lists/{publisher.list_id}/confirmations"
    exchange.answers[address] = (500, b"")
    ran = hashx.sync()
    assert ran.exit == 2
    assert (ran.synced["release"], ran.synced["confirmed"]) == (1, False)
    del exchange.answers[address]
    ran = hashx.sync()
    assert (ran.exit, ran.synced["changed"], ran.synced["confirmed"]) == (0, False, True)
    assert len(exchange.confirmations) == 1
