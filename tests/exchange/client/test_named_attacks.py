"""The attacks that TUF names, in one table: each against the stock `tuf.ngclient` and `hashx`.

The publisher signs with two of three keys, release 2 is in force at both members, and whoever attacks holds
what the row says. Both must refuse, each in its own words; what is in force must not have changed; and when
the honest exchange is back, both must go on.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from securesystemslib.signer import CryptoSigner
from tuf.api.exceptions import (
    BadVersionNumberError,
    DownloadError,
    DownloadHTTPError,
    DownloadLengthMismatchError,
    ExpiredMetadataError,
    LengthOrHashMismatchError,
    RepositoryError,
    UnsignedMetadataError,
)
from tuf.ngclient import Updater, UpdaterConfig

from exchange.client.refusals import Exit
from hashsets.core.manifest import Manifest, manifest_name
from tests.exchange.client.conftest import Hashx
from tests.exchange.client.exchange_server import ExchangeServer
from tests.exchange.client.publisher import Officers, Publisher, hashes, operations, rows


class StockMember:
    """Nothing of ours: a stock client with the list's first root, and the files that it has accepted."""

    def __init__(self, url: str, list_id: str, root: bytes, folder: Path) -> None:
        self.list_id, self.root, self.folder = list_id, root, folder
        self.base = f"{url}/tuf/{list_id}"
        self.accepted: dict[str, str] = {}
        folder.mkdir()

    def update(self) -> int:
        """The release that it ends at; every file of it downloaded and verified before any is accepted."""
        updater = Updater(
            metadata_dir=str(self.folder),
            metadata_base_url=f"{self.base}/metadata/",
            target_base_url=f"{self.base}/targets/",
            bootstrap=self.root,
            config=UpdaterConfig(),
        )
        updater.refresh()
        arrived = {manifest_name(self.list_id): self._fetch(updater, manifest_name(self.list_id))}
        manifest = Manifest.parse(arrived[manifest_name(self.list_id)])
        for name, _ in manifest.files():
            arrived[name] = self._fetch(updater, name)
        self.accepted = {name: hashlib.sha256(content).hexdigest() for name, content in arrived.items()}
        return manifest.release

    def _fetch(self, updater: Updater, name: str) -> bytes:
        info = updater.get_targetinfo(name)
        assert info is not None
        return Path(updater.download_target(info, str(self.folder / "arriving"))).read_bytes()


@dataclass
class Scene:
    """A list in force at two members, and what its exchange has served."""

    publisher: Publisher
    exchange: ExchangeServer
    stock: StockMember
    hashx: Hashx
    folder: Path

    def release(self) -> None:
        number = self.publisher.release_number + 1
        self.publisher.release({"sha256": operations(rows(hashes(20, seed=number), number))})
        self.publisher.sign_list(signers=self.publisher.signers[:2])
        self.publisher.sign_online()
        shutil.rmtree(self.honest, ignore_errors=True)
        self.publisher.keep(self.honest)

    @property
    def honest(self) -> Path:
        """What the exchange would serve if nobody attacked."""
        return self.folder / "honest"


def arbitrary_installation(scene: Scene) -> None:
    """A file of the attacker's in the place of a new segment."""
    scene.release()
    scene.publisher.served_file("sha256.delta-2-3.parquet").write_bytes(b"an entry of mine".ljust(5_000))


def endless_data(scene: Scene) -> None:
    scene.exchange.endless.add(f"tuf/{scene.publisher.list_id}/metadata/timestamp.json")


def fast_forward(scene: Scene) -> None:
    """Versions far ahead, so that no honest one would ever be newer; the attacker has no key of the list."""
    path = scene.publisher.metadata / "timestamp.json"
    document = json.loads(path.read_bytes())
    document["signed"]["version"] += 1_000_000
    path.write_text(json.dumps(document))


def indefinite_freeze(scene: Scene) -> None:
    """What was current once, shown until it has expired."""
    scene.publisher.sign_online(expires=timedelta(seconds=-1))


def malicious_mirror(scene: Scene) -> None:
    """Shows the new release, and keeps back a file of it."""
    scene.release()
    scene.publisher.served_file("sha256.delta-2-3.parquet").unlink()


def mix_and_match(scene: Scene) -> None:
    """A genuine list of one moment under the genuine snapshot of another."""
    old = (scene.publisher.metadata / f"{scene.publisher.version}.list.json").read_bytes()
    scene.release()
    (scene.publisher.metadata / f"{scene.publisher.version}.list.json").write_bytes(old)


def rollback(scene: Scene) -> None:
    """A genuine state of before, still fresh."""
    scene.publisher.show(scene.folder / "release-1")


def wrong_list(scene: Scene) -> None:
    """Another list's genuine repository, of the same officers."""
    other = Publisher(scene.exchange.served, scene.publisher.officers, scene.folder / "other")
    other.release({"sha256": operations(rows(hashes(100, seed=99), 1))})
    other.keep(scene.folder / "theirs")
    scene.publisher.show(scene.folder / "theirs")


def stolen_online_key(scene: Scene) -> None:
    """Signs any snapshot and timestamp, and still no entry."""
    scene.publisher.sign_list(signers=[CryptoSigner.generate_ed25519() for _ in range(2)])
    scene.publisher.sign_online()


def key_compromise_below_the_threshold(scene: Scene) -> None:
    """One of the publisher's three keys, of which two must sign; and the online key with it."""
    scene.publisher.sign_list(signers=scene.publisher.signers[:1])
    scene.publisher.sign_online()


@dataclass(frozen=True, slots=True)
class Row:
    attack: Callable[[Scene], None]
    stock: type[Exception] | tuple[type[Exception], ...]
    exit: Exit
    why: str
    first_contact: bool = False


TABLE = [
    Row(
        arbitrary_installation,
        (LengthOrHashMismatchError, DownloadLengthMismatchError),
        Exit.WRONG_FILE,
        "file.mismatch",
    ),
    Row(endless_data, DownloadLengthMismatchError, Exit.WRONG_FILE, "file.mismatch"),
    Row(fast_forward, (UnsignedMetadataError, RepositoryError), Exit.BAD_SIGNATURE, "trust.bad_signature"),
    Row(indefinite_freeze, ExpiredMetadataError, Exit.EXPIRED, "trust.expired"),
    Row(malicious_mirror, DownloadHTTPError, Exit.NETWORK, "network.withheld"),
    Row(
        mix_and_match,
        (LengthOrHashMismatchError, BadVersionNumberError),
        Exit.MIX_AND_MATCH,
        "trust.mix_and_match",
    ),
    Row(rollback, BadVersionNumberError, Exit.ROLLBACK, "trust.rollback"),
    Row(wrong_list, UnsignedMetadataError, Exit.WRONG_LIST, "trust.wrong_list", first_contact=True),
    Row(stolen_online_key, UnsignedMetadataError, Exit.BAD_SIGNATURE, "trust.bad_signature"),
    Row(key_compromise_below_the_threshold, UnsignedMetadataError, Exit.THRESHOLD, "trust.threshold"),
]


@pytest.fixture
def scene(hashx: Hashx, exchange: ExchangeServer, officers: Officers, tmp_path: Path) -> Scene:
    publisher = Publisher(exchange.served, officers, tmp_path / "work", signers=3, threshold=2)
    root = (publisher.metadata / "1.root.json").read_bytes()
    stock = StockMember(exchange.url, publisher.list_id, root, tmp_path / "stock")
    made = Scene(publisher, exchange, stock, hashx, tmp_path)
    publisher.release({"sha256": operations(rows(hashes(2_000, seed=1), 1))})
    publisher.keep(tmp_path / "release-1")
    made.release()
    return made


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.attack.__name__)
def test_both_clients_refuse_it_and_keep_what_they_have(scene: Scene, row: Row) -> None:
    list_id = scene.publisher.list_id
    if not row.first_contact:
        assert scene.hashx.sync(list_id).exit == Exit.DONE
        assert scene.stock.update() == 2
    in_force, accepted = scene.hashx.fingerprint_of_applied(list_id), dict(scene.stock.accepted)

    row.attack(scene)

    ran = scene.hashx.sync(list_id)
    assert (ran.exit, ran.synced["error"]["code"]) == (row.exit, row.why), ran.err
    with pytest.raises((RepositoryError, DownloadError)) as refused:
        scene.stock.update()
    assert isinstance(refused.value, row.stock), repr(refused.value)
    assert scene.hashx.fingerprint_of_applied(list_id) == in_force
    assert scene.stock.accepted == accepted

    scene.exchange.endless.clear()
    scene.publisher.show(scene.honest)
    for role in (scene.stock.folder / name for name in ("timestamp.json", "snapshot.json")):
        role.unlink(missing_ok=True)  # a stock client may have kept a genuine one of the attack's moment
    assert scene.hashx.sync(list_id).exit == Exit.DONE
    assert scene.stock.update() == scene.publisher.release_number


def test_fast_forward_with_the_stolen_online_key_is_undone_by_a_new_one(scene: Scene) -> None:
    """The thief drives versions up; the officers name a new online key, and honest versions count again."""
    list_id, publisher = scene.publisher.list_id, scene.publisher
    assert scene.hashx.sync(list_id).exit == Exit.DONE and scene.stock.update() == 2
    in_force = scene.hashx.fingerprint_of_applied(list_id)
    for _ in range(20):
        publisher.sign_online()
    scene.hashx.sync(list_id)
    scene.stock.update()
    assert scene.hashx.fingerprint_of_applied(list_id) == in_force

    for path in publisher.metadata.glob("*.snapshot.json"):
        path.unlink()  # honest versions begin below the thief's
    publisher.replace_online_key()
    assert scene.hashx.sync(list_id).exit == Exit.DONE
    assert scene.stock.update() == 2


def test_the_exit_codes_tell_the_attacks_apart() -> None:
    assert len(TABLE) == 10 and len({row.exit for row in TABLE}) == 8
