"""`hashx mirror`: stock TUF clients and `hashx` sync from the copy as from the exchange, and nothing unproven
is spread."""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from tuf.ngclient import Updater, UpdaterConfig
from tuf.ngclient._internal import trusted_metadata_set

from exchange.client.refusals import NetworkDown
from exchange.client.serve import MirrorServer
from hashsets.core.manifest import manifest_name
from tests.exchange.client.conftest import Hashx, Ran
from tests.exchange.client.exchange_server import ExchangeServer
from tests.exchange.client.publisher import Directory, Officers, Publisher, hashes, operations, rows

ROOT = Path(__file__).resolve().parents[3]
READER_KEY = "hxm_reader"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return tmp_path / "mirror"


@pytest.fixture
def server(copy: Path) -> Iterator[MirrorServer]:
    made = MirrorServer(copy, "127.0.0.1", 0, key=READER_KEY)
    made.start()
    yield made
    made.stop()


@pytest.fixture
def released(publisher: Publisher) -> Publisher:
    publisher.release({"sha256": operations(rows(hashes(5_000, seed=1), 1))})
    return publisher


def url_of(server: MirrorServer) -> str:
    return f"http://127.0.0.1:{server.port}"


def mirrored(hashx: Hashx, copy: Path, *lists: str) -> Ran:
    return hashx.run("mirror", str(copy), *lists, "--once")


def get(server: MirrorServer, path: str, key: str = READER_KEY, **headers: str) -> httpx.Response:
    asked = {"Authorization": f"Bearer {key}", **headers}
    with httpx.Client(trust_env=False) as client:
        return client.get(f"{url_of(server)}{path}", headers=asked)


@pytest.fixture
def reader(
    server: MirrorServer,
    hashx: Hashx,
    released: Publisher,
    directory: Directory,
    copy: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Hashx:
    """A member without a way to the exchange, who has the fingerprint and the mirror's key."""
    assert mirrored(hashx, copy).exit == 0
    member = Hashx(tmp_path / "reader", tmp_path / "reader-lists", monkeypatch)
    pinned = hashlib.sha256(directory.root).hexdigest()
    ran = member.run("init", "--url", url_of(server), "--key", READER_KEY, "--fingerprint", pinned)
    assert (ran.exit, ran.document["mirror"]) == (0, True), ran.err
    return member


def test_hashx_syncs_from_a_mirror_as_from_the_exchange(
    reader: Hashx, hashx: Hashx, exchange: ExchangeServer, released: Publisher, copy: Path
) -> None:
    exchange.policies[released.list_id] = {"minimum_publishers": 1}
    assert released.manifest is not None
    ran = reader.sync()
    assert (ran.exit, ran.synced["state_root"]) == (0, released.manifest.root), ran.err
    last = released.release({"sha256": operations(rows(hashes(10, seed=2), 2))})
    assert reader.sync().synced["release"] == 1  # the mirror has not looked again
    assert mirrored(hashx, copy).document["release"] == 2
    ran = reader.sync()
    assert (ran.synced["transport"], ran.synced["state_root"]) == ("delta", last.root)
    # A mirror cannot speak for a member: nothing was confirmed, and nothing is said to be.
    assert (ran.synced["confirmed"], exchange.confirmations) == (False, [])
    assert reader.run("doctor", "--into", str(reader.into)).exit == 0


def test_a_stock_client_follows_root_rotations_through_the_mirror(
    server: MirrorServer, hashx: Hashx, released: Publisher, copy: Path, tmp_path: Path
) -> None:
    first = (released.metadata / "1.root.json").read_bytes()
    assert mirrored(hashx, copy).exit == 0
    released.replace_officers(Officers())
    released.replace_online_key()
    hashx.run("sync", "--into", str(hashx.into))
    assert mirrored(hashx, copy).exit == 0
    open_server = MirrorServer(copy, "127.0.0.1", 0, key=None)
    open_server.start()
    try:
        base = f"{url_of(open_server)}/tuf/{released.list_id}"
        (tmp_path / "stock").mkdir()
        updater = Updater(
            metadata_dir=str(tmp_path / "stock"),
            metadata_base_url=f"{base}/metadata/",
            target_base_url=f"{base}/targets/",
            target_dir=str(tmp_path / "stock"),
            config=UpdaterConfig(prefix_targets_with_hash=True),
            bootstrap=first,
        )
        updater.refresh()
        for name in released.files:
            found = updater.get_targetinfo(name)
            assert found is not None
            got = Path(updater.download_target(found, str(tmp_path / "stock" / "file"))).read_bytes()
            assert got == released.served_file(name.partition("/")[2]).read_bytes()
        assert manifest_name(released.list_id) in released.files
    finally:
        open_server.stop()


def test_what_does_not_verify_is_not_spread_and_the_older_copy_stays(
    reader: Hashx, hashx: Hashx, released: Publisher, copy: Path
) -> None:
    served = {path: path.read_bytes() for path in (copy / "tuf").rglob("*") if path.is_file()}
    released.release({"sha256": operations(rows(hashes(10, seed=2), 2))})
    part = released.served_file("sha256.delta-1-2.parquet")
    part.write_bytes(bytes(len(part.read_bytes())))
    ran = mirrored(hashx, copy)
    assert (ran.exit, ran.document["error"]["code"]) == (13, "file.mismatch")
    assert {path: path.read_bytes() for path in (copy / "tuf").rglob("*") if path.is_file()} == served
    ran = reader.sync()
    assert (ran.exit, ran.synced["release"]) == (0, 1)


def test_an_older_repository_is_refused_by_the_mirror_itself(
    hashx: Hashx, released: Publisher, copy: Path, tmp_path: Path
) -> None:
    released.keep(tmp_path / "old")
    released.release({"sha256": operations(rows(hashes(10, seed=2), 2))})
    assert mirrored(hashx, copy).exit == 0
    released.show(tmp_path / "old")
    assert mirrored(hashx, copy).exit == 11


def test_a_copy_that_is_no_longer_updated_stops_being_believed(
    reader: Hashx, hashx: Hashx, released: Publisher, copy: Path
) -> None:
    released.sign_online(expires=timedelta(seconds=-1))
    stale = (released.metadata / "timestamp.json").read_bytes()
    assert mirrored(hashx, copy).exit == 12
    number = len(list(released.metadata.glob("*.snapshot.json")))
    snapshot = f"{number}.snapshot.json"
    metadata = copy / "tuf" / released.list_id / "metadata"
    (metadata / snapshot).write_bytes((released.metadata / snapshot).read_bytes())
    (metadata / "timestamp.json").write_bytes(stale)
    assert reader.sync().exit == 12


def test_without_the_key_only_the_directory_can_be_read(
    reader: Hashx, server: MirrorServer, released: Publisher
) -> None:
    private = f"/tuf/{released.list_id}/metadata/timestamp.json"
    assert get(server, private).status_code == 200
    for path in (private, "/api/v1/who", "/api/v1/lists", f"/api/v1/lists/{released.list_id}", "/nothing"):
        assert get(server, path, key="wrong").status_code == 401
    assert get(server, "/tuf/directory/metadata/1.root.json", key="wrong").status_code == 200


def test_nothing_but_the_copy_can_be_read(reader: Hashx, server: MirrorServer, copy: Path) -> None:
    (copy / "reader-key").write_text("secret")
    for path in ("/reader-key", "/tuf/../reader-key", "/tuf/%2e%2e/reader-key", "/tuf/directory/metadata/",
                 "/state/directory", "/tuf/directory/metadata/../../../answers.json"):  # fmt: skip
        with httpx.Client(trust_env=False) as client:
            request = client.build_request(
                "GET", url_of(server), headers={"Authorization": f"Bearer {READER_KEY}"}
            )
            request.url = request.url.copy_with(raw_path=path.encode())
            answer = client.send(request)
        assert answer.status_code == 404, path
        assert "secret" not in answer.text


def test_a_broken_download_goes_on_where_it_stopped(
    reader: Hashx, server: MirrorServer, released: Publisher
) -> None:
    part = released.served_file("sha256.full-1.p01.parquet")
    content = part.read_bytes()
    path = f"/tuf/{released.list_id}/targets/{released.list_id}/{part.name}"
    answer = get(server, path, Range="bytes=1000-")
    assert (answer.status_code, answer.content) == (206, content[1000:])
    assert answer.headers["Content-Range"] == f"bytes 1000-{len(content) - 1}/{len(content)}"
    downloads = reader.into / released.list_id / "downloads"
    downloads.mkdir(parents=True)
    digest = hashlib.sha256(content).hexdigest()
    (downloads / f"{digest}.parquet.partial").write_bytes(content[:1000])
    assert reader.sync().exit == 0


def test_a_mirror_takes_nothing(reader: Hashx, server: MirrorServer, released: Publisher) -> None:
    assert reader.sync().exit == 0
    ran = reader.run("confirm", "--into", str(reader.into))
    assert (ran.exit, ran.document["error"]["code"]) == (3, "mirror.read_only")


def test_a_list_of_which_nothing_is_released_yet(hashx: Hashx, publisher: Publisher, copy: Path) -> None:
    ran = mirrored(hashx, copy)
    assert (ran.exit, ran.document["release"], ran.document["downloaded"]) == (0, None, 0)


def test_an_exchange_that_does_not_answer(
    reader: Hashx, hashx: Hashx, exchange: ExchangeServer, copy: Path
) -> None:
    exchange.stop()
    assert mirrored(hashx, copy).exit == NetworkDown.exit
    assert reader.sync().exit == 0


@contextlib.contextmanager
def served_offline(folder: Path, home: Path) -> Iterator[str]:
    """`hashx mirror FOLDER --offline` as a process of its own, which knows no exchange; its address."""
    command = [sys.executable, "-m", "exchange.client.cli", "mirror", str(folder), "--offline"]
    process = subprocess.Popen(
        [*command, "--port", "0", "--json"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "HASHX_HOME": str(home)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        yield str(json.loads(process.stdout.readline())["url"])
    finally:
        process.terminate()
        process.wait(timeout=30)
        process.stdout.close()


def test_a_carried_copy_is_used_without_any_network_until_its_timestamp_expires(
    hashx: Hashx,
    exchange: ExchangeServer,
    released: Publisher,
    directory: Directory,
    copy: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An air gap: the copy is made on a connected machine, carried over, and served there as it is."""
    assert mirrored(hashx, copy).exit == 0
    exchange.stop()
    carried = Path(shutil.copytree(copy, tmp_path / "carried"))
    shutil.rmtree(copy)
    inside = Hashx(tmp_path / "inside", tmp_path / "inside-lists", monkeypatch)
    pinned = hashlib.sha256(directory.root).hexdigest()
    assert released.manifest is not None
    with served_offline(carried, tmp_path / "nobody") as url:
        key = (carried / "reader-key").read_text().strip()
        assert inside.run("init", "--url", url, "--key", key, "--fingerprint", pinned).exit == 0
        ran = inside.sync()
        assert (ran.exit, ran.synced["state_root"]) == (0, released.manifest.root), ran.err
        in_force = inside.fingerprint_of_applied(released.list_id)

        monkeypatch.setattr(trusted_metadata_set, "datetime", Tomorrow)
        late = inside.sync()
        assert (late.exit, late.synced["error"]["code"]) == (12, "trust.expired"), late.err
    # What is in force stays, can be proven and written out; its age is told.
    assert inside.fingerprint_of_applied(released.list_id) == in_force
    assert inside.run("verify", str(inside.into)).exit == 0
    written = tmp_path / "list.txt"
    asked = ("--format", "txt", "--out", str(written))
    assert inside.run("export", released.list_id, "--into", str(inside.into), *asked).exit == 0
    assert len(written.read_text().split()) == 5_000


class Tomorrow:
    """The module `datetime` for a client whose clock is 25 hours later: an hour after the timestamp's end."""

    timezone = dt.timezone

    class datetime:  # noqa: N801
        @staticmethod
        def now(tz: dt.tzinfo) -> dt.datetime:
            return dt.datetime.now(tz) + timedelta(hours=25)
