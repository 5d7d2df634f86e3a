"""Keys change over the years; members that were here before and members that come new both go on."""

from __future__ import annotations

import pytest

from tests.exchange.client.conftest import Hashx
from tests.exchange.client.exchange_server import ExchangeServer
from tests.exchange.client.publisher import DAY, Directory, Officers, Publisher, hashes, operations, rows


def release(publisher: Publisher, number: int) -> None:
    publisher.release({"sha256": operations(rows(hashes(20, seed=number), number))})


@pytest.mark.parametrize("known_before", [True, False], ids=["known", "new"])
def test_officers_are_replaced(
    hashx: Hashx, publisher: Publisher, directory: Directory, known_before: bool
) -> None:
    release(publisher, 1)
    if known_before:
        assert hashx.sync().exit == 0
    successors = Officers()
    directory.rotate(successors)
    publisher.replace_officers(successors)
    release(publisher, 2)
    ran = hashx.sync()
    assert (ran.exit, ran.synced["release"]) == (0, 2), ran.err


def test_a_new_list_by_officers_who_no_longer_count_is_refused(
    hashx: Hashx, exchange: ExchangeServer, publisher: Publisher, directory: Directory
) -> None:
    """Their keys may have been stolen, which is why they were replaced."""
    release(publisher, 1)
    directory.rotate(Officers())
    ran = hashx.sync()
    assert (ran.exit, ran.synced["error"]["code"]) == (10, "root.not_anchored")


@pytest.mark.parametrize("known_before", [True, False], ids=["known", "new"])
def test_a_stolen_online_key_is_replaced(hashx: Hashx, publisher: Publisher, known_before: bool) -> None:
    release(publisher, 1)
    if known_before:
        assert hashx.sync().exit == 0
    stolen = publisher.online
    publisher.replace_online_key()
    release(publisher, 2)
    assert hashx.sync().synced["release"] == 2
    publisher.sign_online(signer=stolen)
    assert hashx.sync().exit == 10


def test_damaged_trust_is_fetched_anew_from_the_pinned_root(hashx: Hashx, publisher: Publisher) -> None:
    release(publisher, 1)
    assert hashx.sync().exit == 0
    trust = hashx.into / publisher.list_id / "trust"
    for file in [*trust.glob("*.json"), *trust.glob("root_history/*.json")]:
        file.write_bytes(b"{")
    release(publisher, 2)
    ran = hashx.sync()
    assert (ran.exit, ran.synced["release"]) == (0, 2), ran.err


def test_a_release_in_force_is_not_taken_back_though_trust_forgot_it(
    hashx: Hashx, publisher: Publisher, exchange: ExchangeServer
) -> None:
    """Who loses the TUF files still knows from the pointer what was in force."""
    release(publisher, 1)
    old = publisher.manifest_bytes
    release(publisher, 2)
    assert hashx.sync().exit == 0
    trust = hashx.into / publisher.list_id / "trust"
    for file in trust.glob("*.json"):
        file.unlink()
    publisher.publish_manifest(old)
    ran = hashx.sync()
    assert (ran.exit, ran.synced["error"]["code"]) == (11, "trust.rollback")


def test_an_expired_directory_lets_no_new_list_in(
    hashx: Hashx, publisher: Publisher, directory: Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    release(publisher, 1)
    monkeypatch.setattr("tests.exchange.client.publisher.DAY", -DAY)
    directory.version += 1
    directory._sign()
    assert hashx.sync().exit == 12
