"""Trust policies and corroboration, over lists of several publishers that a member has synced."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.exchange.client.conftest import Hashx, Ran, show_in_catalogue
from tests.exchange.client.exchange_server import ExchangeServer
from tests.exchange.client.publisher import Directory, Officers, Publisher, hashes, operations, rows

HASHES = hashes(6, seed=11)
NGO_AND_GOVERNMENT = ["ngo", "government"]


@dataclass(frozen=True, slots=True)
class World:
    """Harbor's list, and three others: Northland's, Harbor's second one, and a company's in Harbor's
    country."""

    hashx: Hashx
    exchange: ExchangeServer
    harbor: Publisher
    northland: Publisher
    out: Path

    def export(self, *options: str) -> Ran:
        into = str(self.hashx.into)
        return self.hashx.run("export", self.harbor.list_id, "--into", into, "--out", str(self.out), *options)

    def written(self) -> list[dict[str, str]]:
        with self.out.open(newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))

    def rows_under(self, policy: dict[str, Any]) -> list[int]:
        """Which of HASHES pass."""
        ran = self.export("--policy", json.dumps(policy))
        assert ran.exit == 0, ran.err
        position = {raw.tobytes().hex(): row for row, raw in enumerate(HASHES)}
        return [position[line["hash"]] for line in self.written()]


@pytest.fixture
def world(
    hashx: Hashx, exchange: ExchangeServer, officers: Officers, directory: Directory, tmp_path: Path
) -> World:
    def published(held: list[int], name: str, kind: str, jurisdiction: str) -> Publisher:
        made = Publisher(exchange.served, officers, tmp_path / "work", labels=((1, "A1"),))
        show_in_catalogue(exchange, made, name=name, kind=kind, jurisdiction=jurisdiction)
        made.release({"sha256": operations(rows(HASHES[held], 1, classification=int(name != "Pixel")))})
        return made

    harbor = published([0, 1, 2, 3, 4, 5], "Harbor", "ngo", "GB")
    northland = published([0, 1], "Northland", "government", "CA")
    published([0, 2], "Harbor", "ngo", "US")
    published([0, 3], "Pixel", "company", "GB")
    assert hashx.sync().exit == 0
    return World(hashx, exchange, harbor, northland, tmp_path / "out.csv")


def test_notes_count_independent_publishers_and_jurisdictions(world: World) -> None:
    ran = world.export("--notes")
    assert ran.exit == 0, ran.err
    lines = world.written()
    # Harbor's own second list is no second voice, in whatever country; the company adds no jurisdiction.
    assert [int(line["publishers"]) for line in lines] == [3, 2, 1, 2, 1, 1]
    assert [int(line["jurisdictions"]) for line in lines] == [2, 2, 1, 1, 1, 1]
    assert ran.document["publishers"] == {"1": 3, "2": 2, "3": 1}


def test_a_policy_lets_through_what_enough_others_list(world: World) -> None:
    assert world.rows_under({}) == [0, 1, 2, 3, 4, 5]
    assert world.rows_under({"minimum_publishers": 2}) == [0, 1, 3]
    assert world.rows_under({"minimum_publishers": 3}) == [0]
    assert world.rows_under({"minimum_publishers": 2, "minimum_jurisdictions": 2}) == [0, 1]
    assert world.rows_under({"minimum_publishers": 4}) == []


def test_only_publishers_that_the_policy_accepts_have_a_voice(world: World) -> None:
    accepted = {"publisher_kinds": NGO_AND_GOVERNMENT}
    assert world.rows_under({**accepted, "minimum_publishers": 2}) == [0, 1]
    assert world.rows_under({**accepted, "minimum_publishers": 3}) == []
    assert world.rows_under({"jurisdictions": ["GB"], "minimum_publishers": 2}) == [0, 3]


def test_a_list_that_the_policy_does_not_accept_is_left_out_and_said_to_be(world: World) -> None:
    ran = world.export("--policy", '{"publisher_kinds": ["government"]}')
    assert (ran.exit, ran.document["entries"], ran.document["left_out"]) == (0, 0, "publisher_kind")
    assert "does not accept this list" in ran.err
    assert world.export("--policy", '{"jurisdictions": ["CA"]}').document["left_out"] == "jurisdiction"


def test_classifications_of_the_policy_and_of_the_call_must_both_hold(world: World) -> None:
    assert world.rows_under({"classifications": ["A1"]}) == [0, 1, 2, 3, 4, 5]
    # A label of another list's scheme matches nothing here, and is no mistake.
    assert world.rows_under({"classifications": ["unclassified", "Z"]}) == []
    ran = world.export("--policy", '{"classifications": ["A1"]}', "--classification", "unclassified")
    assert ran.document["entries"] == 0


def test_a_voice_whose_files_were_damaged_is_not_counted_but_refused(world: World) -> None:
    part = next((world.hashx.into / world.northland.list_id).rglob("p0001.parquet"))
    content = bytearray(part.read_bytes())
    content[len(content) // 3] ^= 1
    part.write_bytes(content)
    assert world.export("--notes").exit == 19
    assert world.export().exit == 0  # without notes nobody asks Northland


def test_the_policy_of_the_subscription_is_what_sync_and_export_follow(world: World) -> None:
    hashx, list_id = world.hashx, world.harbor.list_id
    ran = hashx.run("subscribe", list_id, "--policy", '{"minimum_publishers": 2}')
    assert (ran.exit, ran.document["policy"]) == (0, {"minimum_publishers": 2})
    ran = hashx.run("sync", list_id, "--into", str(hashx.into), "--format", "csv")
    assert [one["entries"] for one in ran.synced["exports"]] == [3]
    # The policy is no part of the list: what is confirmed is the root of the whole.
    assert world.harbor.manifest is not None
    assert ran.synced["state_root"] == world.harbor.manifest.root
    assert world.exchange.confirmations[0]["state_root"] == world.harbor.manifest.root
    exported = world.export()
    assert (exported.document["entries"], exported.document["policy"]) == (3, {"minimum_publishers": 2})
    assert world.export("--no-policy").document["entries"] == 6


def test_the_file_is_written_again_when_a_voice_or_the_policy_changes(world: World) -> None:
    def synced() -> list[int]:
        ran = world.hashx.run("sync", "--into", str(world.hashx.into), "--format", "csv")
        assert ran.exit == 0, ran.err
        told = {one["list_id"]: one for one in ran.document["lists"]}
        return [one["entries"] for one in told[world.harbor.list_id]["exports"]]

    world.exchange.policies[world.harbor.list_id] = {"minimum_publishers": 2}
    assert synced() == [3]
    assert synced() == []
    world.northland.release({"sha256": operations(rows(HASHES[4:5], 2))})
    # In the order of the catalogue Harbor comes first, so that the files are written when all are synced.
    assert synced() == [4]
    world.exchange.policies[world.harbor.list_id] = {}
    assert synced() == [6]


def test_without_a_known_policy_nothing_is_exported(world: World) -> None:
    (world.hashx.into / world.harbor.list_id / "standing.json").unlink()
    ran = world.export()
    assert (ran.exit, ran.document["error"]["code"]) == (1, "policy.unknown")
    ran = world.export("--policy", '{"minimum_publishers": 2}')
    assert (ran.exit, ran.document["error"]["code"]) == (1, "policy.unknown_publisher")
    (world.hashx.into / world.harbor.list_id / "standing.json").write_text("{}")
    assert world.export().exit == 19
    assert not world.out.exists()


def test_a_policy_that_this_version_cannot_follow_is_not_taken_for_none(world: World) -> None:
    world.exchange.policies[world.harbor.list_id] = {"minimum_reviewers": 2}
    ran = world.hashx.sync()
    assert ran.exit == 18
    assert world.hashx.run("subscribe", "x" * 26, "--policy", '{"minimum_reviewers": 2}').exit == 1
