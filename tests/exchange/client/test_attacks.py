"""What a mirror, a thief or a careless publisher can do, and the exit code that names it.

The attacks that TUF names are in `test_named_attacks`. In every test a release is in force, something is
wrong with what the exchange shows next, and afterwards everything in force is byte for byte what it was.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import TargetFile

from tests.exchange.client.conftest import Hashx, Ran
from tests.exchange.client.exchange_server import ExchangeServer
from tests.exchange.client.publisher import DAY, Officers, Publisher, hashes, operations, rows

LONG_AGO = timedelta(seconds=-1)


@pytest.fixture
def applied(hashx: Hashx, publisher: Publisher) -> Publisher:
    """Release 1 of the publisher is in force at the member."""
    publisher.release({"sha256": operations(rows(hashes(2000, seed=1), 1))})
    assert hashx.sync().exit == 0
    return publisher


@pytest.fixture
def refuses(hashx: Hashx, applied: Publisher) -> Callable[..., Ran]:
    """Sync again; the exit code must be this one, and nothing in force may have changed."""

    def check(code: int, why: str) -> Ran:
        before = hashx.fingerprint_of_applied(applied.list_id)
        ran = hashx.sync()
        assert (ran.exit, ran.synced["error"]["code"]) == (code, why), ran.err
        assert hashx.fingerprint_of_applied(applied.list_id) == before
        assert hashx.run("verify", str(hashx.into)).exit == 0
        return ran

    return check


def second_release(publisher: Publisher) -> None:
    publisher.release({"sha256": operations(rows(hashes(20, seed=2), 2))})


def damage(path: Path, at: int = -100) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


def test_a_changed_byte_in_a_segment(applied: Publisher, refuses: Callable[..., Ran]) -> None:
    second_release(applied)
    damage(applied.served_file("sha256.delta-1-2.parquet"))
    refuses(13, "file.mismatch")


def test_a_segment_that_is_cut_short(applied: Publisher, refuses: Callable[..., Ran]) -> None:
    second_release(applied)
    file = applied.served_file("sha256.delta-1-2.parquet")
    file.write_bytes(file.read_bytes()[:-1])
    refuses(13, "file.mismatch")


def test_a_segment_with_something_behind_it(applied: Publisher, refuses: Callable[..., Ran]) -> None:
    second_release(applied)
    file = applied.served_file("sha256.delta-1-2.parquet")
    file.write_bytes(file.read_bytes() + b"0")
    refuses(13, "file.mismatch")


def test_a_changed_manifest(applied: Publisher, refuses: Callable[..., Ran]) -> None:
    second_release(applied)
    damage(applied.served_file("manifest.json"))
    refuses(13, "file.mismatch")


def test_a_changed_timestamp(applied: Publisher, refuses: Callable[..., Ran]) -> None:
    second_release(applied)
    path = applied.metadata / "timestamp.json"
    document = json.loads(path.read_text())
    document["signed"]["version"] += 1
    path.write_text(json.dumps(document))
    refuses(10, "trust.bad_signature")


def test_a_timestamp_that_is_no_metadata(applied: Publisher, refuses: Callable[..., Ran]) -> None:
    (applied.metadata / "timestamp.json").write_bytes(b"<html>")
    refuses(10, "trust.unreadable")


def test_a_timestamp_signed_by_a_stranger(applied: Publisher, refuses: Callable[..., Ran]) -> None:
    applied.sign_online(signer=CryptoSigner.generate_ed25519())
    refuses(10, "trust.bad_signature")


def test_a_root_that_strangers_signed(applied: Publisher, refuses: Callable[..., Ran]) -> None:
    strangers = Officers()
    applied.rotate_root(strangers, signers=strangers)
    refuses(10, "trust.bad_signature")


def test_an_old_list_under_new_online_signatures(
    applied: Publisher, refuses: Callable[..., Ran], hashx: Hashx
) -> None:
    """The online key is stolen: it can sign, but it cannot take a release back."""
    old = applied.list_bytes
    second_release(applied)
    assert hashx.sync().exit == 0
    applied.list_bytes = old
    applied.sign_online(list_version=1)
    refuses(11, "trust.rollback")


def test_an_old_manifest_signed_anew_by_the_publisher(
    applied: Publisher, refuses: Callable[..., Ran], hashx: Hashx
) -> None:
    old = applied.manifest_bytes
    second_release(applied)
    assert hashx.sync().exit == 0
    applied.publish_manifest(old)
    refuses(11, "trust.rollback")


def test_a_frozen_mirror_is_noticed_once_the_timestamp_has_expired(
    applied: Publisher, refuses: Callable[..., Ran], hashx: Hashx, tmp_path: Path
) -> None:
    import time

    applied.sign_online(expires=timedelta(seconds=2))
    assert hashx.sync().exit == 0
    time.sleep(2.1)
    refuses(12, "trust.expired")


def other_list(exchange: ExchangeServer, publisher: Publisher, tmp_path: Path) -> Publisher:
    """Another publisher's list on the same exchange, with its own keys, and the same officers."""
    other = Publisher(exchange.served, publisher.officers, tmp_path / "other")
    other.release({"sha256": operations(rows(hashes(100, seed=9), 1))})
    return other


def test_the_repository_of_another_list(
    applied: Publisher, exchange: ExchangeServer, refuses: Callable[..., Ran], tmp_path: Path
) -> None:
    other = other_list(exchange, applied, tmp_path)
    other.keep(tmp_path / "theirs")
    applied.show(tmp_path / "theirs")
    refuses(14, "trust.wrong_list")


def test_a_newer_root_of_another_list_by_the_same_officers(
    applied: Publisher, exchange: ExchangeServer, refuses: Callable[..., Ran], hashx: Hashx, tmp_path: Path
) -> None:
    """By signatures alone it would be this list's next root, and this member would refuse the honest
    server ever after."""
    other = other_list(exchange, applied, tmp_path)
    other.rotate_root(other.officers)
    other.sign_online()
    applied.keep(tmp_path / "ours")
    other.keep(tmp_path / "theirs")
    applied.show(tmp_path / "theirs")
    refuses(14, "trust.wrong_list")
    applied.show(tmp_path / "ours")
    assert hashx.sync().exit == 0


def test_the_timestamp_of_another_list_that_this_member_knows(
    applied: Publisher, exchange: ExchangeServer, refuses: Callable[..., Ran], hashx: Hashx, tmp_path: Path
) -> None:
    other = other_list(exchange, applied, tmp_path)
    assert hashx.sync(other.list_id).exit == 0
    (applied.metadata / "timestamp.json").write_bytes((other.metadata / "timestamp.json").read_bytes())
    refuses(14, "trust.wrong_list")


def test_a_list_whose_root_the_exchange_did_not_sign(
    hashx: Hashx, publisher: Publisher, exchange: ExchangeServer, tmp_path: Path
) -> None:
    forged = Publisher(exchange.served, Officers(), tmp_path / "forged")
    exchange.subscribed.clear()
    ran = hashx.sync(forged.list_id)
    assert (ran.exit, ran.synced["error"]["code"]) == (10, "root.not_anchored")


def test_a_manifest_of_another_list_by_the_same_publisher(
    applied: Publisher, exchange: ExchangeServer, refuses: Callable[..., Ran], tmp_path: Path
) -> None:
    other = other_list(exchange, applied, tmp_path)
    applied.release({}, rename=other.list_id)
    refuses(14, "trust.wrong_list")


def test_entries_that_do_not_add_up_to_the_signed_root(
    applied: Publisher, refuses: Callable[..., Ran]
) -> None:
    applied.release({"sha256": operations(rows(hashes(20, seed=2), 2))}, roots={"sha256": "0" * 64})
    refuses(15, "state.root_mismatch")


def test_a_genuine_snapshot_of_another_moment(applied: Publisher, refuses: Callable[..., Ran]) -> None:
    snapshots = sorted(applied.metadata.glob("*.snapshot.json"))
    second_release(applied)
    newest = max(applied.metadata.glob("*.snapshot.json"), key=lambda path: int(path.name.partition(".")[0]))
    newest.write_bytes(snapshots[-1].read_bytes())
    refuses(16, "trust.mix_and_match")


def test_a_changed_snapshot(applied: Publisher, refuses: Callable[..., Ran]) -> None:
    second_release(applied)
    newest = max(applied.metadata.glob("*.snapshot.json"), key=lambda path: int(path.name.partition(".")[0]))
    damage(newest, at=200)
    refuses(13, "file.mismatch")


def test_a_manifest_and_signed_metadata_that_disagree(
    applied: Publisher, refuses: Callable[..., Ran]
) -> None:
    second_release(applied)
    name = f"{applied.list_id}/sha256.delta-1-2.parquet"
    applied.files[name] = TargetFile(applied.files[name].length, {"sha256": "0" * 64}, name)
    applied.sign_list()
    applied.sign_online()
    refuses(16, "trust.mix_and_match")


def test_a_release_that_is_signed_with_two_contents(applied: Publisher, refuses: Callable[..., Ran]) -> None:
    applied.release_number = 0
    applied.manifest_bytes = b""
    applied.states = {slug: type(state)(state.hash_type) for slug, state in applied.states.items()}
    applied.manifest = None
    applied.release({"sha256": operations(rows(hashes(100, seed=3), 1))})
    refuses(16, "trust.history_rewritten")


def test_a_manifest_of_a_later_format(applied: Publisher, refuses: Callable[..., Ran]) -> None:
    applied.publish_manifest(b'{"format":"hash-exchange manifest 9"}')
    refuses(18, "format.manifest")


def test_a_signed_file_that_is_no_segment(applied: Publisher, refuses: Callable[..., Ran]) -> None:
    second_release(applied)
    assert applied.manifest is not None
    name = "sha256.delta-1-2.parquet"
    applied._store(f"{applied.list_id}/{name}", b"no parquet at all")
    stored = applied.files[f"{applied.list_id}/{name}"]
    document = applied.manifest_bytes
    delta = applied.manifest.types[0].chain[0].facts
    document = document.replace(delta.sha256.encode(), stored.hashes["sha256"].encode())
    document = document.replace(f'"length":{delta.length}'.encode(), f'"length":{stored.length}'.encode())
    applied.publish_manifest(document)
    refuses(18, "format.segment")


def test_a_key_that_is_no_longer_accepted(
    applied: Publisher, exchange: ExchangeServer, refuses: Callable[..., Ran], hashx: Hashx
) -> None:
    exchange.answers[f"tuf/{applied.list_id}/metadata/timestamp.json"] = (401, b"")
    refuses(3, "credential.refused")
    (hashx.home / "key").write_text("hx_live_revoked\n")
    assert hashx.sync().exit == 3


def test_a_list_that_is_not_there_for_this_member(
    applied: Publisher, refuses: Callable[..., Ran], tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    applied.show(tmp_path / "empty")
    refuses(3, "list.not_found")


def test_an_exchange_that_is_down(applied: Publisher, exchange: ExchangeServer, hashx: Hashx) -> None:
    before = hashx.fingerprint_of_applied(applied.list_id)
    exchange.stop()
    ran = hashx.sync()
    assert (ran.exit, ran.document["error"]["code"]) == (2, "network.unreachable")
    assert hashx.fingerprint_of_applied(applied.list_id) == before


def test_what_was_refused_leaves_nothing_that_refuses_the_honest_server(
    applied: Publisher, hashx: Hashx, tmp_path: Path
) -> None:
    """Fast-forward by a thief of the online key, undone by the officers with a new key for it."""
    applied.keep(tmp_path / "honest")
    for _ in range(5):
        applied.sign_online(expires=LONG_AGO)
    assert hashx.sync().exit == 12
    applied.show(tmp_path / "honest")
    second_release(applied)
    assert hashx.sync().exit == 0


def test_a_pointer_that_is_unreadable(applied: Publisher, hashx: Hashx) -> None:
    pointer = hashx.into / applied.list_id / "current.json"
    pointer.write_text("{")
    ran = hashx.sync()
    assert (ran.exit, ran.synced["error"]["code"]) == (19, "store.corrupt")
    assert pointer.read_text() == "{"


@pytest.mark.parametrize(
    "name", ["manifest.json", "proof/list.json", "proof/root.json", "sha256/p0001.parquet"]
)
def test_verify_finds_a_changed_byte(applied: Publisher, hashx: Hashx, name: str) -> None:
    folder = next((hashx.into / applied.list_id / "releases").iterdir())
    damage(folder / name, at=300)
    assert hashx.run("verify", str(hashx.into)).exit == 19


def test_verify_finds_entries_that_were_exchanged_together_with_the_pointer(
    applied: Publisher, hashx: Hashx, tmp_path: Path
) -> None:
    """Whoever can write the folder can make the files agree with the pointer, but not with the signed
    root."""
    from hashsets.core.hashtypes import hash_type
    from hashsets.core.segment_writer import write_snapshot

    store = hashx.into / applied.list_id
    pointer = json.loads((store / "current.json").read_text())
    written = write_snapshot(hash_type("sha256"), [rows(hashes(2000, seed=77), 1)], tmp_path)[0]
    part = pointer["types"][0]["parts"][0]
    (store / "releases" / pointer["folder"] / part["name"]).write_bytes(written.path.read_bytes())
    facts = written.facts
    part |= {"sha256": facts.sha256, "length": facts.length, "first": facts.first, "last": facts.last}
    (store / "current.json").write_text(json.dumps(pointer))
    assert hashx.run("verify", str(hashx.into)).exit == 15


def test_verify_of_an_empty_folder_is_a_mistake(hashx: Hashx, tmp_path: Path) -> None:
    assert hashx.run("verify", str(tmp_path)).exit == 1


def test_a_day_is_long_enough_to_notice(applied: Publisher, hashx: Hashx) -> None:
    """The control: re-signed and unchanged metadata is accepted as it is."""
    applied.sign_online(expires=DAY)
    assert hashx.sync().exit == 0
