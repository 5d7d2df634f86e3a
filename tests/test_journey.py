"""The story of the exchange, told once on the embedded parts and once on PostgreSQL with Redis.

Harbor uploads a list; a worker validates it; a second person approves it in the browser; Harbor's key signs
it; it becomes release 1; a worker pushes the notice; Lumen verifies it, applies it and confirms it.
A second submission becomes release 2 and travels as a delta. Then others check the result with tools that are
not ours.
"""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import httpx
import pandas as pd
import polars as pl
import pytest
from tuf.api.exceptions import DownloadHTTPError
from tuf.ngclient import FetcherInterface, Updater

from exchange.demo.journey import Arrived
from tests.no_lists import refuse_what_is_no_list
from tests.stack import KINDS
from tests.storyline import Stage, set_stage, stack_of

# Two whole exchanges at once starve two cores, and a stage is expensive to set: all of this on one worker.
pytestmark = pytest.mark.xdist_group("stack")

STATIONS = [
    "upload and validate",
    "approve",
    "build the release",
    "sign",
    "publish",
    "push, verify, apply, confirm",
]


@pytest.fixture(scope="module", params=KINDS)
def stage(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with stack_of(request.param, request, tmp_path_factory.mktemp("stack") / "var") as stack:
        yield set_stage(stack, tmp_path_factory.mktemp("stage"))


@pytest.fixture(scope="module")
def arrived(stage: Stage) -> list[Arrived]:
    """Both releases, walked from file to confirmation by real processes."""
    first, second = stage.files()
    with stage.listening(), stage.journey() as journey:
        return [
            journey.travel(first, release=1, note="first"),
            journey.travel(second, release=2, note="second"),
        ]


def test_both_releases_pass_every_station_and_arrive(stage: Stage, arrived: list[Arrived]) -> None:
    assert [step.name for step in stage.steps] == STATIONS * 2
    for release in arrived:
        assert release.member_root == release.publisher_root


def test_release_2_travels_as_a_small_delta(arrived: list[Arrived]) -> None:
    assert arrived[1].delta_bytes > 0
    assert arrived[1].delta_share < 0.10


def test_the_members_copy_proves_itself(stage: Stage, arrived: list[Arrived]) -> None:
    told = stage.member.hashx("verify", str(stage.member.lists))
    assert told["lists"][0]["state_root"] == arrived[1].member_root


def test_the_exchange_can_prove_its_history(stage: Stage, arrived: list[Arrived]) -> None:
    stage.stack.manage("verify_audit")
    for number in ("1", "2"):
        stage.stack.manage("verify_release", stage.world.list_id, number)


class WithCredential(FetcherInterface):
    """All that a stock client needs from outside: a header."""

    def __init__(self, key: str) -> None:
        self._headers = {"Authorization": f"Bearer {key}"}

    def _fetch(self, url: str) -> Iterator[bytes]:
        answer = httpx.get(url, headers=self._headers, timeout=30)
        if answer.status_code != 200:
            raise DownloadHTTPError(f"{url} answered {answer.status_code}", answer.status_code)
        yield answer.content


def stock_client(stage: Stage, folder: Path) -> Updater:
    base = f"{stage.stack.base_url}/tuf/{stage.world.list_id}"
    for name in ("metadata", "targets"):
        (folder / name).mkdir()
    fetcher = WithCredential(stage.world.member_key)
    root = b"".join(fetcher.fetch(f"{base}/metadata/1.root.json"))
    updater = Updater(
        metadata_dir=str(folder / "metadata"),
        metadata_base_url=f"{base}/metadata/",
        target_dir=str(folder / "targets"),
        target_base_url=f"{base}/targets/",
        fetcher=fetcher,
        bootstrap=root,
    )
    updater.refresh()
    return updater


def download(updater: Updater, name: str) -> Path:
    facts = updater.get_targetinfo(name)
    assert facts is not None, name
    return Path(updater.download_target(facts))


def test_a_stock_client_verifies_the_manifest_and_every_segment(
    stage: Stage, arrived: list[Arrived], tmp_path: Path
) -> None:
    updater = stock_client(stage, tmp_path)
    list_id = stage.world.list_id
    manifest = json.loads(download(updater, f"{list_id}/manifest.json").read_bytes())
    assert (manifest["release"], manifest["root"]) == (2, arrived[1].publisher_root)
    named = json.loads((tmp_path / "metadata" / "list.json").read_bytes())["signed"]["targets"]
    segments = [name for name in named if name.endswith(".parquet")]
    assert {name.split("/")[1].split(".")[0] for name in segments} == {"md5", "pdq", "sha1", "sha256"}
    for name in segments:
        path = download(updater, name)
        assert hashlib.sha256(path.read_bytes()).hexdigest() == named[name]["hashes"]["sha256"]


def test_the_files_open_in_common_tools_and_hold_the_uploaded_hashes(
    stage: Stage, arrived: list[Arrived]
) -> None:
    with stage.files()[1].open(newline="", encoding="utf-8") as file:
        uploaded = {row["sha256"] for row in csv.DictReader(file) if row["sha256"]}
    uploaded.discard(hashlib.sha256(b"").hexdigest())  # the gate refuses empty files
    parts = sorted(stage.member.lists.glob(f"{stage.world.list_id}/releases/*/sha256/*.parquet"))
    newest = [part for part in parts if part.parents[1].name.startswith("2-")]
    assert newest
    by_pandas = {value.hex() for part in newest for value in pd.read_parquet(part)["hash"]}
    by_polars = {value.hex() for part in newest for value in pl.read_parquet(part)["hash"]}
    by_duckdb = {
        row[0]
        for part in newest
        for row in duckdb.execute("SELECT lower(hex(hash)) FROM read_parquet(?)", [str(part)]).fetchall()
    }
    assert by_pandas == by_polars == by_duckdb
    assert by_pandas <= uploaded
    assert len(uploaded - by_pandas) <= 5  # trivial files, which the gate refuses too


@pytest.mark.slow
def test_zeros_and_media_are_refused_as_they_arrive_and_nothing_is_kept(
    stage: Stage, arrived: list[Arrived], record_property: Callable[[str, object], None]
) -> None:
    """Last, in processes that have done their work: what they ever had in memory counts."""
    refuse_what_is_no_list(stage, record_property)
