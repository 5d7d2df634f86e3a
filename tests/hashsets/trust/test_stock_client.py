"""What a stock TUF client believes, and what it refuses, of the repositories that we serve."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from securesystemslib.signer import Signature
from tuf.api.exceptions import (
    BadVersionNumberError,
    DownloadError,
    ExpiredMetadataError,
    LengthOrHashMismatchError,
    RepositoryError,
    UnsignedMetadataError,
)
from tuf.api.metadata import Metadata, MetaFile, Snapshot, Targets, Timestamp

from hashsets.blobs import keys as blob_keys
from hashsets.trust import list_role, private_keys, repository
from hashsets.trust.export import export_repository
from hashsets.trust.models import PrivateKeyPurpose, SignedFile
from hashsets.trust.resign import resign_repository
from tests import cast
from tests.hashsets.trust import publishing
from tests.hashsets.trust.publishing import Member

pytestmark = pytest.mark.django_db


def test_it_downloads_and_verifies_the_manifest_and_every_segment(member: Member) -> None:
    harbor = cast.harbor()
    key = publishing.own_key(harbor)
    hash_list = publishing.open_list(harbor, [key])
    files = {"manifest.json": b"{}", "sha256.full-1.parquet": b"PAR1" * 5_000, "md5.full-1.parquet": b""}
    publishing.publish(hash_list, files, [key])
    for name, content in files.items():
        assert member.fetch(hash_list.id, name) == content
    assert member.fetch(hash_list.id, "absent.parquet") is None


@pytest.mark.parametrize("scheme", ["ed25519", "ecdsa-sha2-nistp256"])
def test_both_kinds_of_publisher_keys_reach_a_threshold(member: Member, scheme: str) -> None:
    harbor = cast.harbor()
    keys = [publishing.own_key(harbor, scheme=scheme) for _ in range(3)]
    hash_list = publishing.open_list(harbor, keys, threshold=2)
    publishing.publish(hash_list, {"manifest.json": b"two of three"}, keys[:2])
    assert member.fetch(hash_list.id) == b"two of three"


def test_a_member_follows_from_release_to_release_and_skipped_versions_do_no_harm(member: Member) -> None:
    harbor = cast.harbor()
    key = publishing.own_key(harbor)
    hash_list = publishing.open_list(harbor, [key])
    publishing.publish(hash_list, {"manifest.json": b"1"}, [key])
    assert member.fetch(hash_list.id) == b"1"
    for _ in range(3):
        publishing.draft(hash_list, {"manifest.json": b"abandoned"})
    done = publishing.publish(hash_list, {"manifest.json": b"2"}, [key])
    assert done.list_version == 5
    assert member.fetch(hash_list.id) == b"2"


def test_it_refuses_a_tampered_segment(member: Member) -> None:
    harbor = cast.harbor()
    key = publishing.own_key(harbor)
    hash_list = publishing.open_list(harbor, [key])
    publishing.publish(hash_list, {"manifest.json": b"genuine"}, [key])
    facts = publishing.put_targets(hash_list, {"manifest.json": b"genuine"})
    ((path, fact),) = facts.items()
    stored = publishing.blob_folder() / blob_keys.target(hash_list.id, path, fact.sha256)
    _overwrite(stored, b"forged!")
    with pytest.raises(LengthOrHashMismatchError):
        member.fetch(hash_list.id)


def test_it_refuses_endless_data_in_place_of_a_segment(member: Member) -> None:
    harbor = cast.harbor()
    key = publishing.own_key(harbor)
    hash_list = publishing.open_list(harbor, [key])
    publishing.publish(hash_list, {"manifest.json": b"genuine"}, [key])
    ((path, fact),) = publishing.put_targets(hash_list, {"manifest.json": b"genuine"}).items()
    stored = publishing.blob_folder() / blob_keys.target(hash_list.id, path, fact.sha256)
    _overwrite(stored, b"x" * 5_000_000)
    with pytest.raises(DownloadError):
        member.fetch(hash_list.id)


def test_it_refuses_an_old_timestamp(member: Member) -> None:
    harbor = cast.harbor()
    key = publishing.own_key(harbor)
    hash_list = publishing.open_list(harbor, [key])
    publishing.publish(hash_list, {"manifest.json": b"1"}, [key])
    timestamp = publishing.metadata_path(hash_list.id, "timestamp.json")
    old = timestamp.read_bytes()
    publishing.publish(hash_list, {"manifest.json": b"2"}, [key])
    assert member.fetch(hash_list.id) == b"2"
    _overwrite(timestamp, old)
    with pytest.raises(BadVersionNumberError):
        member.fetch(hash_list.id)


def test_it_refuses_a_frozen_repository(member: Member) -> None:
    harbor = cast.harbor()
    key = publishing.own_key(harbor)
    at = publishing.ago(hours=25)
    hash_list = publishing.open_list(harbor, [key], at=at)
    publishing.publish(hash_list, {"manifest.json": b"1"}, [key], at=at)
    with pytest.raises(ExpiredMetadataError, match="timestamp"):
        member.fetch(hash_list.id)
    resign_repository(hash_list.id, now=publishing.now())
    assert member.fetch(hash_list.id) == b"1"


def test_it_refuses_another_lists_files_at_first_contact(member: Member) -> None:
    """Two genuine lists of one exchange: served in place of each other, nothing is believed."""
    harbor, northland = cast.harbor(), cast.northland()
    ours, theirs = publishing.own_key(harbor), publishing.own_key(northland)
    wanted = publishing.open_list(harbor, [ours])
    other = publishing.open_list(northland, [theirs])
    publishing.publish(wanted, {"manifest.json": b"wanted"}, [ours])
    publishing.publish(other, {"manifest.json": b"other"}, [theirs])
    with pytest.raises(RepositoryError):
        member.fetch(wanted.id, source=other.id)
    # Even a member who was handed the other list's root cannot get anything under this list's name: the
    # delegation reaches the other list's own path only.
    updater = member.updater(
        wanted.id, source=other.id, bootstrap=publishing.metadata_path(other.id, "1.root.json").read_bytes()
    )
    assert updater.get_targetinfo(f"{wanted.id}/manifest.json") is None


def test_two_lists_do_not_accept_each_others_timestamp(member: Member) -> None:
    harbor = cast.harbor()
    key = publishing.own_key(harbor)
    first, second = publishing.open_list(harbor, [key]), publishing.open_list(harbor, [key])
    for hash_list in (first, second):
        publishing.publish(hash_list, {"manifest.json": b"1"}, [key])
        assert member.fetch(hash_list.id) == b"1"
    for _ in range(3):
        resign_repository(second.id, now=publishing.now())
    newer = publishing.metadata_path(second.id, "timestamp.json").read_bytes()
    own = publishing.metadata_path(first.id, "timestamp.json")
    honest = own.read_bytes()
    _overwrite(own, newer)
    with pytest.raises(UnsignedMetadataError):
        member.fetch(first.id)
    # The replay must not poison the member against the honest server.
    _overwrite(own, honest)
    assert member.fetch(first.id) == b"1"


def test_it_refuses_a_snapshot_mixed_with_another_state(member: Member) -> None:
    """Mix and match: the newest timestamp and snapshot with an older, genuinely signed list."""
    harbor = cast.harbor()
    key = publishing.own_key(harbor)
    hash_list = publishing.open_list(harbor, [key])
    publishing.publish(hash_list, {"manifest.json": b"1"}, [key])
    publishing.publish(hash_list, {"manifest.json": b"2"}, [key])
    older = publishing.metadata_path(hash_list.id, "1.list.json").read_bytes()
    _overwrite(publishing.metadata_path(hash_list.id, "2.list.json"), older)
    with pytest.raises(LengthOrHashMismatchError):
        member.fetch(hash_list.id)


def test_it_refuses_a_second_content_under_one_version(member: Member) -> None:
    """Both contents are validly signed by the publisher; length and digest in the snapshot tell them
    apart.
    """
    harbor = cast.harbor()
    key = publishing.own_key(harbor)
    hash_list = publishing.open_list(harbor, [key])
    publishing.publish(hash_list, {"manifest.json": b"1"}, [key])
    part = publishing.metadata_path(hash_list.id, "1.list.json").read_bytes()
    twin = Metadata[Targets].from_bytes(part)
    twin.signed.targets.clear()
    twin.sign(key.signer)
    _overwrite(publishing.metadata_path(hash_list.id, "1.list.json"), twin.to_bytes())
    with pytest.raises(LengthOrHashMismatchError):
        member.fetch(hash_list.id)


def test_a_stolen_online_key_cannot_add_an_entry(member: Member) -> None:
    """Whoever has the exchange's online key signs snapshots and timestamps, but the list stays the
    publisher's.
    """
    harbor = cast.harbor()
    key = publishing.own_key(harbor)
    hash_list = publishing.open_list(harbor, [key])
    publishing.publish(hash_list, {"manifest.json": b"1"}, [key])
    stolen = _StolenOnlineKey(hash_list.id)
    part = list_role.prepare(
        hash_list.id,
        version=2,
        expires=list_role.expiry(publishing.now()),
        targets=publishing.put_targets(hash_list, {"manifest.json": b"forged"}),
    )
    by_online = private_keys.sign_as(stolen.keyid, PrivateKeyPurpose.ONLINE, part)
    for signatures in ({}, {stolen.keyid: by_online}, {key.row.keyid: by_online}):
        stolen.serve_list(2, list_role.assemble(part, signatures))
        with pytest.raises(UnsignedMetadataError):
            member.fetch(hash_list.id)


def test_a_member_with_the_previous_release_survives_a_publishers_key_change(
    new_member: Callable[[str], Member],
) -> None:
    harbor = cast.harbor()
    old, new = publishing.own_key(harbor), publishing.own_key(harbor, scheme="ecdsa-sha2-nistp256")
    hash_list = publishing.open_list(harbor, [old])
    publishing.publish(hash_list, {"manifest.json": b"1"}, [old])
    assert new_member("early").fetch(hash_list.id) == b"1"
    repository.delegate(hash_list, publisher_keys=[new.row], threshold=1, now=publishing.now())
    export_repository(hash_list.id, now=publishing.now())
    # The new delegation waits for a list version that satisfies it: nobody is cut off meanwhile.
    resign_repository(hash_list.id, now=publishing.now())
    assert new_member("early").fetch(hash_list.id) == b"1"
    assert new_member("between").fetch(hash_list.id) == b"1"
    publishing.publish(hash_list, {"manifest.json": b"2"}, [new])
    for name in ("early", "between", "late"):
        assert new_member(name).fetch(hash_list.id) == b"2"


def test_every_target_path_is_served_under_its_digest_and_no_other_name(member: Member) -> None:
    harbor = cast.harbor()
    key = publishing.own_key(harbor)
    hash_list = publishing.open_list(harbor, [key])
    publishing.publish(hash_list, {"manifest.json": b"1"}, [key])
    folder = publishing.blob_folder() / "tuf" / hash_list.id
    names = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    digest = publishing.put_targets(hash_list, {"manifest.json": b"1"})[
        f"{hash_list.id}/manifest.json"
    ].sha256
    assert names == {
        "metadata/1.root.json",
        "metadata/1.targets.json",
        "metadata/1.list.json",
        "metadata/1.snapshot.json",
        "metadata/2.snapshot.json",
        "metadata/timestamp.json",
        f"targets/{hash_list.id}/{digest}.manifest.json",
    }


def test_the_metadata_says_what_the_design_says() -> None:
    harbor = cast.harbor()
    key = publishing.own_key(harbor)
    at = publishing.now()
    hash_list = publishing.open_list(harbor, [key], at=at)
    publishing.publish(hash_list, {"manifest.json": b"1"}, [key], at=at)
    root = _signed(hash_list.id, "1.root.json")
    targets = _signed(hash_list.id, "1.targets.json")
    listed = _signed(hash_list.id, "1.list.json")
    snapshot = _signed(hash_list.id, "2.snapshot.json")
    timestamp = _signed(hash_list.id, "timestamp.json")
    assert (root["x-repository"], root["x-officers"], root["consistent_snapshot"]) == (
        hash_list.id,
        "demo",
        True,
    )
    assert root["roles"]["root"] == root["roles"]["targets"]
    assert root["roles"]["snapshot"] == root["roles"]["timestamp"]
    assert set(root["roles"]["root"]["keyids"]).isdisjoint(root["roles"]["timestamp"]["keyids"])
    assert targets["targets"] == {}
    assert targets["x-publisher"] == {
        "name": "Harbor",
        "kind": "ngo",
        "jurisdiction": "CA",
        "key_custody": "own",
    }
    (role,) = targets["delegations"]["roles"]
    assert role == {
        "name": "list",
        "terminating": True,
        "paths": [f"{hash_list.id}/*"],
        "keyids": [key.row.keyid],
        "threshold": 1,
    }
    assert set(snapshot["meta"]) == {"list.json", "targets.json"}
    named = [*snapshot["meta"].values(), *timestamp["meta"].values()]
    assert all({"version", "length", "hashes"} == set(facts) for facts in named)
    days = {
        name: _days(part, at)
        for name, part in (
            ("root", root),
            ("targets", targets),
            ("list", listed),
            ("snapshot", snapshot),
            ("timestamp", timestamp),
        )
    }
    assert days == {"root": 365, "targets": 365, "list": 400, "snapshot": 7, "timestamp": 1}


class _StolenOnlineKey:
    """An attacker on the exchange's host: full use of one repository's online key, and of the files
    served.
    """

    def __init__(self, list_id: str) -> None:
        self.list_id = list_id
        key = private_keys.public_half(PrivateKeyPurpose.ONLINE, repository_id=list_id)
        assert key is not None
        self.keyid = key.keyid

    def sign(self, metadata: Metadata[Any]) -> bytes:
        signature = private_keys.sign_as(self.keyid, PrivateKeyPurpose.ONLINE, metadata.signed_bytes)
        metadata.signatures.clear()
        metadata.signatures[self.keyid] = Signature(self.keyid, signature)
        return metadata.to_bytes()

    def serve_list(self, version: int, content: bytes) -> None:
        newest = SignedFile.objects.filter(repository_id=self.list_id, role="snapshot").order_by("-version")[
            0
        ]
        snapshot = Metadata[Snapshot].from_bytes(bytes(newest.content))
        number = 1 + max(
            int(path.name.split(".")[0])
            for path in publishing.metadata_path(self.list_id, "").glob("*.snapshot.json")
        )
        snapshot.signed.version = number
        snapshot.signed.meta["list.json"] = MetaFile.from_data(version, content, ["sha256"])
        written = self.sign(snapshot)
        timestamp = Metadata[Timestamp].from_bytes(
            publishing.metadata_path(self.list_id, "timestamp.json").read_bytes()
        )
        timestamp.signed.version += 1
        timestamp.signed.snapshot_meta = MetaFile.from_data(number, written, ["sha256"])
        for name, data in (
            (f"{version}.list.json", content),
            (f"{number}.snapshot.json", written),
            ("timestamp.json", self.sign(timestamp)),
        ):
            _overwrite(publishing.metadata_path(self.list_id, name), data)


def _overwrite(path: Path, content: bytes) -> None:
    path.unlink(missing_ok=True)
    path.write_bytes(content)


def _signed(list_id: str, name: str) -> dict[str, Any]:
    content = json.loads(publishing.metadata_path(list_id, name).read_bytes())
    signed: dict[str, Any] = content["signed"]
    return signed


def _days(part: dict[str, Any], at: datetime) -> int:
    expires = datetime.strptime(part["expires"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    return round((expires - at).total_seconds() / 86_400)
