"""Keys under wrong names: genuine signatures of the officers under metadata that says what it is not.

A lying host had the officers sign it, since the text that they read was the same. A stock client takes all of
this; `hashx` refuses it at the door, and what is in force stays what it was.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from securesystemslib.signer import CryptoSigner, SSlibKey
from tuf.api.metadata import Metadata, Root
from tuf.ngclient import FetcherInterface, Updater

from accounts.errors import Corrupt
from tests.exchange.client.conftest import Hashx
from tests.exchange.client.exchange_server import KEY, ExchangeServer
from tests.exchange.client.publisher import (
    Directory,
    Officers,
    Publisher,
    hashes,
    metadata_bytes,
    operations,
    rows,
)

RUNBOOK = Path(__file__).resolve().parents[3] / "deploy" / "runbook.md"
FORGED = {"metadata.key_id", "metadata.key_twice"}


def named(signer: CryptoSigner, keyid: str) -> CryptoSigner:
    """The same private key; its public half goes by another id."""
    public = signer.public_key
    alias = SSlibKey(keyid, public.keytype, public.scheme, dict(public.keyval))
    private = load_pem_private_key(signer.private_bytes, None)
    assert isinstance(private, Ed25519PrivateKey | EllipticCurvePrivateKey)
    return CryptoSigner(private, alias)


@pytest.fixture
def officers() -> Officers:
    return Officers([CryptoSigner.generate_ed25519(), CryptoSigner.generate_ecdsa()], 1)


@pytest.fixture
def released(publisher: Publisher) -> Publisher:
    publisher.release({"sha256": operations(rows(hashes(200, seed=1), 1))})
    return publisher


def release_2(publisher: Publisher) -> None:
    publisher.release({"sha256": operations(rows(hashes(20, seed=2), 2))})


def another_key_behind_an_officers_id(publisher: Publisher) -> None:
    """One officer signs; the other's id now means a key of the host."""
    first, second = publisher.officers.signers
    host = named(CryptoSigner.generate_ed25519(), second.public_key.keyid)
    publisher.rotate_root(Officers([first, host]), signers=Officers([first]))
    # Then the host needs no officer any more.
    publisher.officers = Officers([host])
    publisher.rotate_root(Officers([host]), signers=Officers([host]))
    publisher.sign_targets()
    release_2(publisher)


def one_publishers_key_as_two_of_two(publisher: Publisher) -> None:
    (signer,) = publisher.signers
    publisher.signers = [signer, named(signer, "ab" * 32)]
    publisher.threshold = 2
    publisher.sign_targets()
    release_2(publisher)


def another_key_behind_the_publishers_id(publisher: Publisher) -> None:
    (signer,) = publisher.signers
    publisher.signers = [named(CryptoSigner.generate_ed25519(), signer.public_key.keyid)]
    publisher.sign_targets()
    release_2(publisher)


ATTACKS = [
    another_key_behind_an_officers_id,
    one_publishers_key_as_two_of_two,
    another_key_behind_the_publishers_id,
]
every_attack = pytest.mark.parametrize("attack", ATTACKS, ids=[one.__name__ for one in ATTACKS])


def synced_by_a_stock_client(
    exchange: ExchangeServer,
    publisher: Publisher,
    root: bytes,
    folder: Path,
    fetcher: FetcherInterface | None = None,
) -> None:
    folder.mkdir()
    base = f"{exchange.url}/tuf/{publisher.list_id}"
    updater = Updater(
        str(folder),
        f"{base}/metadata/",
        str(folder),
        f"{base}/targets/",
        bootstrap=root,
        fetcher=fetcher,
    )
    updater.refresh()
    assert updater.get_targetinfo(f"{publisher.list_id}/manifest.json") is not None


@every_attack
def test_hashx_refuses_what_a_stock_client_takes(
    hashx: Hashx,
    exchange: ExchangeServer,
    released: Publisher,
    attack: Callable[[Publisher], None],
    tmp_path: Path,
) -> None:
    assert hashx.sync().exit == 0
    root = (released.metadata / "1.root.json").read_bytes()
    before = hashx.fingerprint_of_applied(released.list_id)
    attack(released)
    synced_by_a_stock_client(exchange, released, root, tmp_path / "stock")
    for _ in range(2):
        ran = hashx.sync()
        assert (ran.exit, ran.synced["error"]["code"] in FORGED) == (10, True), ran.err
        assert hashx.fingerprint_of_applied(released.list_id) == before
    assert hashx.run("verify", str(hashx.into)).exit == 0
    kept = Metadata[Root].from_bytes((hashx.into / released.list_id / "trust" / "root.json").read_bytes())
    assert kept.signed.version == 1


@every_attack
def test_a_stock_client_with_the_runbooks_fetcher_refuses_it(
    hashx: Hashx,
    exchange: ExchangeServer,
    released: Publisher,
    attack: Callable[[Publisher], None],
    tmp_path: Path,
) -> None:
    (snippet,) = re.findall(r"```python\n(.*?)```", RUNBOOK.read_text(), re.DOTALL)
    names: dict[str, Any] = {}
    exec(snippet, names)  # noqa: S102 - what members are told to copy
    root = (released.metadata / "1.root.json").read_bytes()
    fetcher = names["CountingKeys"]()
    synced_by_a_stock_client(exchange, released, root, tmp_path / "before", fetcher)
    attack(released)
    with pytest.raises(Corrupt) as refusal:
        synced_by_a_stock_client(exchange, released, root, tmp_path / "after", fetcher)
    assert refusal.value.code in FORGED


@every_attack
def test_a_fresh_member_refuses_it_as_well(
    hashx: Hashx, released: Publisher, attack: Callable[[Publisher], None]
) -> None:
    attack(released)
    ran = hashx.sync()
    assert ran.exit == 10, ran.err
    assert not (hashx.into / released.list_id / "current.json").exists()


@every_attack
def test_a_mirror_does_not_spread_it(
    hashx: Hashx, released: Publisher, attack: Callable[[Publisher], None], tmp_path: Path
) -> None:
    copy = tmp_path / "mirror"
    assert hashx.run("mirror", str(copy), "--once").exit == 0
    before = everything_in(copy / "tuf" / released.list_id)
    attack(released)
    assert hashx.run("mirror", str(copy), "--once").exit == 10
    assert everything_in(copy / "tuf" / released.list_id) == before


def test_a_mirror_looks_at_every_older_root(hashx: Hashx, released: Publisher, tmp_path: Path) -> None:
    """Its readers may start at any root, so each must be one that they can trust."""
    first, second = released.officers.signers
    alias = named(second, "ab" * 32)
    released.rotate_root(Officers([first, second, alias]), signers=Officers([first]))
    released.rotate_root(released.officers, signers=Officers([first]))
    copy = tmp_path / "mirror"
    ran = hashx.run("mirror", str(copy), "--once")
    assert ran.exit == 10, ran.err
    assert not (copy / "tuf" / released.list_id / "metadata" / "timestamp.json").exists()


def test_the_directory_is_held_to_the_same(
    hashx: Hashx, released: Publisher, directory: Directory, tmp_path: Path
) -> None:
    first, second = directory.officers.signers
    host = named(CryptoSigner.generate_ed25519(), second.public_key.keyid)
    document = Metadata[Root].from_bytes(directory.root)
    document.signed.version = 2
    document.signed.keys[host.public_key.keyid] = host.public_key
    (directory.folder / "metadata" / "2.root.json").write_bytes(metadata_bytes(document.signed, [first]))
    ran = hashx.sync()
    assert (ran.exit, "metadata.key_id" in json.dumps(ran.document)) == (10, True), ran.err
    assert not (hashx.into / released.list_id / "current.json").exists()


def test_a_pinned_root_is_looked_at_before_it_is_kept(
    exchange: ExchangeServer, directory: Directory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = Metadata[Root].from_bytes(directory.root)
    first, _ = directory.officers.signers
    alias = named(first, "ab" * 32)
    document.signed.add_key(alias.public_key, "root")
    document.signed.roles["root"].threshold = 2
    content = metadata_bytes(document.signed, [first, alias])
    (directory.folder / "metadata" / "1.root.json").write_bytes(content)
    member = Hashx(tmp_path / "home", tmp_path / "lists", monkeypatch)
    pinned = hashlib.sha256(content).hexdigest()
    ran = member.run("init", "--url", exchange.url, "--key", KEY, "--fingerprint", pinned)
    assert (ran.exit, ran.document["error"]["code"]) == (10, "metadata.key_twice"), ran.err


def test_what_an_older_hashx_kept_is_refused_too(hashx: Hashx, released: Publisher) -> None:
    """The trusted copy and the proof of a release, as a client would have left them that did not look."""
    assert hashx.sync().exit == 0
    one_publishers_key_as_two_of_two(released)
    for kept in (hashx.into / released.list_id).rglob("targets.json"):
        kept.write_bytes(released.targets)
    ran = hashx.run("verify", str(hashx.into))
    assert (ran.exit, "metadata.key_twice" in json.dumps(ran.document)) == (19, True), ran.document
    ran = hashx.sync()
    assert (ran.exit, ran.synced["error"]["code"]) == (10, "metadata.key_twice"), ran.err


def everything_in(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
