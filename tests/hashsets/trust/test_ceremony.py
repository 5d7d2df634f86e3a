"""Real officers: keys that the exchange never sees, thresholds, folders carried to and fro, and their
replacement.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from django.core.management import CommandError, call_command
from pytest_django.fixtures import Settings
from securesystemslib.signer import Signature
from tuf.api.metadata import Metadata, Root, Timestamp

from accounts.errors import Conflict, Invalid, NotAllowed, Refusal
from accounts.identity.acting import system_actor
from hashsets.core import anchor
from hashsets.lists.models import HashList
from hashsets.trust import ceremony, directory, lifetimes, metadata, officer_sign, private_keys, repository
from hashsets.trust.keys import key_from_pem
from hashsets.trust.models import DIRECTORY, PrivateKey, PrivateKeyPurpose, Repository
from hashsets.trust.resign import resign_repository
from tests import cast
from tests.hashsets.trust import publishing
from tests.hashsets.trust.publishing import Member, OwnKey

pytestmark = pytest.mark.django_db

HOST = system_actor("tests")


@pytest.fixture(autouse=True)
def production(settings: Settings) -> None:
    settings.HX_DEMO = False


class Officer:
    """Someone with a private key of their own, in a folder that the exchange does not see."""

    def __init__(self, folder: Path, name: str, *, p256: bool = False, password: bytes | None = None) -> None:
        private = ec.generate_private_key(ec.SECP256R1()) if p256 else Ed25519PrivateKey.generate()
        self.key, self.pem = folder / f"{name}.pem", folder / f"{name}.pub"
        locked = BestAvailableEncryption(password) if password else NoEncryption()
        self.key.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, locked))
        self.pem.write_bytes(
            private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        )

    def sign(self, folder: Path) -> None:
        assert officer_sign.main([str(folder), "--key", str(self.key), "--yes"]) == 0


def officers_keyid(officer: Officer) -> str:
    return key_from_pem(officer.pem.read_bytes()).keyid


@pytest.fixture
def officers(tmp_path: Path) -> list[Officer]:
    return [Officer(tmp_path, "one"), Officer(tmp_path, "two", p256=True), Officer(tmp_path, "three")]


def _begin(officers: list[Officer], threshold: int = 2) -> None:
    pems = [officer.pem.read_bytes() for officer in officers]
    ceremony.begin(pems, threshold=threshold, actor=HOST, now=publishing.now())


def _new_list() -> tuple[HashList, OwnKey]:
    harbor = cast.harbor()
    key = publishing.own_key(harbor)
    hash_list = publishing.new_list(harbor)
    repository.open_repository(hash_list, publisher_keys=[key.row], threshold=1, now=publishing.now())
    return hash_list, key


def _export(folder: Path) -> list[str]:
    return ceremony.export_requests(folder, actor=HOST, now=publishing.now())


def _import(folder: Path) -> ceremony.Imported:
    return ceremony.import_signatures(folder, actor=HOST, now=publishing.now())


def _hold(folder: Path, officers: list[Officer]) -> ceremony.Imported:
    _export(folder)
    for officer in officers:
        officer.sign(folder)
    return _import(folder)


def test_no_list_is_opened_before_there_are_officers() -> None:
    with pytest.raises(Conflict) as refusal:
        _new_list()
    assert refusal.value.code == "ceremony.not_initialised"


def test_an_officers_key_never_exists_outside_the_demo(settings: Settings) -> None:
    with pytest.raises(NotAllowed) as refusal:
        private_keys.create_key(PrivateKeyPurpose.OFFICER, now=publishing.now())
    assert refusal.value.code == "officer.demo_only"
    settings.HX_DEMO = True
    key = private_keys.create_key(PrivateKeyPurpose.OFFICER, now=publishing.now())
    settings.HX_DEMO = False
    # A demo's database under a production setting: the key is there, and is not used.
    with pytest.raises(NotAllowed):
        private_keys.sign_as(key.keyid, PrivateKeyPurpose.OFFICER, b"root")


def test_two_of_three_officers_open_the_exchange_and_a_list(
    tmp_path: Path, officers: list[Officer], member: Member
) -> None:
    _begin(officers)
    hash_list, key = _new_list()
    folder = tmp_path / "stick"
    names = _export(folder)
    assert set(names) == {
        f"{name}.1.{role}" for name in (hash_list.id, DIRECTORY) for role in ("root", "targets")
    }
    summary = (folder / "SUMMARY.txt").read_text()
    assert f"'list' may name {hash_list.id}/*: 1 of 1 keys" in summary
    assert "name: 'Harbor'" in summary
    officers[0].sign(folder)
    first = _import(folder)
    assert (first.accepted, first.installed) == (4, ())
    assert {missing for _, missing in first.waiting} == {1}
    assert not Repository.objects.get(id=hash_list.id).is_open
    officers[1].sign(folder)
    second = _import(folder)
    assert set(second.installed) == {DIRECTORY, hash_list.id}
    assert second.waiting == ()
    publishing.publish(hash_list, {"manifest.json": b"1"}, [key])
    assert member.fetch(hash_list.id) == b"1"
    assert member.fetch(DIRECTORY, "catalogue.json") is not None
    root = publishing.metadata_path(hash_list.id, "1.root.json").read_bytes()
    anchor.check_list_root(publishing.metadata_path(DIRECTORY, "1.root.json").read_bytes(), root)
    assert not anchor.is_demo(root)
    assert not PrivateKey.objects.filter(purpose=PrivateKeyPurpose.OFFICER).exists()


def test_signatures_made_by_openssl_count(tmp_path: Path, officers: list[Officer]) -> None:
    """The documented commands, with nothing of ours on the officer's machine."""
    _begin(officers[:2])
    folder = tmp_path / "stick"
    _export(folder)
    for officer, digest in ((officers[0], []), (officers[1], ["-digest", "sha256"])):
        for request in (folder / "to-sign").iterdir():
            out = folder / "signatures" / f"{request.stem}.{officers_keyid(officer)}.sig"
            subprocess.run(
                [
                    "openssl",
                    "pkeyutl",
                    "-sign",
                    "-rawin",
                    "-inkey",
                    str(officer.key),
                    *digest,
                    "-in",
                    str(request),
                    "-out",
                    str(out),
                ],
                check=True,
            )
    assert _import(folder).installed == (DIRECTORY,)


def test_wrong_signatures_are_refused_one_by_one(tmp_path: Path, officers: list[Officer]) -> None:
    _begin(officers)
    folder = tmp_path / "stick"
    _export(folder)
    stranger = Officer(tmp_path, "stranger")
    stranger.sign(folder)
    officers[0].sign(folder)
    own = officers_keyid(officers[0])
    (folder / "signatures" / f"directory.1.root.{own}.sig").write_bytes(b"\x00" * 64)
    (folder / "signatures" / "README").write_text("not a signature")
    (folder / "signatures" / f"directory.9.root.{'a' * 64}.sig").write_bytes(b"stale")
    result = _import(folder)
    assert result.accepted == 1
    assert result.installed == ()
    assert len(result.refused) == 5
    assert dict(result.waiting) == {"directory.1.root": 2, "directory.1.targets": 1}


def test_the_exchange_signs_nothing_that_an_officer_did_not_see(
    tmp_path: Path, officers: list[Officer]
) -> None:
    """The folder is changed on the way: the signature is over other bytes than the waiting row, hence
    refused.
    """
    _begin(officers, threshold=1)
    folder = tmp_path / "stick"
    _export(folder)
    request = folder / "to-sign" / "directory.1.root.json"
    part = metadata.read_part(request.read_bytes(), Root)
    part.expires += timedelta(days=1)
    request.write_bytes(metadata.signed_bytes(part))
    officers[0].sign(folder)
    result = _import(folder)
    assert [reason for name, reason in result.refused if name.startswith("directory.1.root")] == [
        "not a valid signature of an officer"
    ]
    assert result.installed == ()


@pytest.mark.parametrize(
    "content",
    [b"", b"{}", b"approve this", b'{"_type":"root"}', b'{"_type":"timestamp","version":1}', b"[" * 10_000],
)
def test_the_signing_script_signs_roots_and_targets_only(
    tmp_path: Path, officers: list[Officer], content: bytes
) -> None:
    folder = tmp_path / "stick"
    (folder / "to-sign").mkdir(parents=True)
    (folder / "to-sign" / "directory.1.root.json").write_bytes(content)
    assert officer_sign.main([str(folder), "--key", str(officers[0].key), "--yes"]) == 1
    assert not list(folder.glob("signatures/*"))


def test_a_key_that_is_none_is_refused_before_anything_is_signed(
    tmp_path: Path, officers: list[Officer], capsys: pytest.CaptureFixture[str]
) -> None:
    _begin(officers)
    folder, other = tmp_path / "stick", tmp_path / "other.pem"
    _export(folder)
    p384 = ec.generate_private_key(ec.SECP384R1())
    for content, code in (
        (None, "key.malformed"),
        (b"no key", "key.malformed"),
        (p384.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), "key.unsupported"),
    ):
        if content is not None:
            other.write_bytes(content)
        assert officer_sign.main([str(folder), "--key", str(other), "--yes"]) == 1
        assert f"Nothing was signed ({code})" in capsys.readouterr().err
        assert not list((folder / "signatures").iterdir())


def test_the_signing_script_needs_no_django(tmp_path: Path, officers: list[Officer]) -> None:
    _begin(officers)
    folder = tmp_path / "stick"
    _export(folder)
    program = (
        "import sys; sys.modules['django'] = None\n"
        "from hashsets.trust.officer_sign import main\n"
        f"raise SystemExit(main([{str(folder)!r}, '--key', {str(officers[0].key)!r}]))"
    )
    said = subprocess.run(
        [sys.executable, "-c", program], input="yes\n", text=True, capture_output=True, check=True
    ).stdout
    assert "ROOT of 'directory', version 1" in said
    assert "2 of 3 keys" in said
    assert len(list((folder / "signatures").iterdir())) == 2


def test_officers_are_replaced_without_cutting_off_anybody(
    tmp_path: Path, officers: list[Officer], new_member: Callable[[str], Member]
) -> None:
    _begin(officers[:2])
    hash_list, key = _new_list()
    _hold(tmp_path / "first", officers[:2])
    publishing.publish(hash_list, {"manifest.json": b"1"}, [key])
    assert new_member("old").fetch(hash_list.id) == b"1"
    newcomers = [Officer(tmp_path, "four"), Officer(tmp_path, "five")]
    _begin(newcomers)
    # The newcomers alone cannot take over …
    assert _hold(tmp_path / "coup", newcomers).installed == ()
    assert new_member("old").fetch(hash_list.id) == b"1"
    # … nor can one of those in office hand over.
    assert _hold(tmp_path / "half", [*newcomers, officers[0]]).installed == ()
    done = _hold(tmp_path / "second", [*newcomers, *officers[:2]])
    assert set(done.installed) == {DIRECTORY, hash_list.id}
    publishing.publish(hash_list, {"manifest.json": b"2"}, [key])
    assert new_member("old").fetch(hash_list.id) == b"2"
    assert new_member("fresh").fetch(hash_list.id) == b"2"
    current = publishing.metadata_path(DIRECTORY, "2.root.json").read_bytes()
    anchor.check_list_root(current, publishing.metadata_path(hash_list.id, "2.root.json").read_bytes())
    with pytest.raises(Refusal):
        anchor.check_list_root(current, publishing.metadata_path(hash_list.id, "1.root.json").read_bytes())


def test_a_stolen_online_key_is_replaced_by_the_officers(
    tmp_path: Path, officers: list[Officer], new_member: Callable[[str], Member]
) -> None:
    """Fast-forward: the thief signs a timestamp with the highest version there is. Members recover from
    it.
    """
    _begin(officers[:2])
    hash_list, key = _new_list()
    _hold(tmp_path / "first", officers[:2])
    publishing.publish(hash_list, {"manifest.json": b"1"}, [key])
    assert new_member("old").fetch(hash_list.id) == b"1"
    for repository_id in (hash_list.id, DIRECTORY):
        _fast_forward(repository_id)
    assert new_member("old").fetch(hash_list.id) == b"1"
    with pytest.raises(Refusal) as refusal:
        resign_repository(hash_list.id, now=publishing.now())
    assert refusal.value.code == "repository.fast_forward"
    call_command("ceremony", "replace-online-keys", stdout=StringIO())
    done = _hold(tmp_path / "second", officers[:2])
    assert (set(done.installed), done.waiting) == ({DIRECTORY, hash_list.id}, ())
    publishing.publish(hash_list, {"manifest.json": b"2"}, [key])
    for name in ("old", "fresh"):
        assert new_member(name).fetch(hash_list.id) == b"2"
        assert new_member(name).fetch(DIRECTORY, "catalogue.json") is not None
    assert resign_repository(hash_list.id, now=publishing.now()).timestamp_version < 10
    assert new_member("old").fetch(hash_list.id) == b"2"


def _fast_forward(repository_id: str) -> None:
    path = publishing.metadata_path(repository_id, "timestamp.json")
    forged = Metadata[Timestamp].from_bytes(path.read_bytes())
    forged.signed.version = 2**31 - 1
    (keyid,) = forged.signatures
    signature = private_keys.sign_as(keyid, PrivateKeyPurpose.ONLINE, forged.signed_bytes)
    forged.signatures[keyid] = Signature(keyid, signature)
    path.unlink()
    path.write_bytes(forged.to_bytes())


def test_roots_are_put_before_the_officers_before_they_expire(
    tmp_path: Path, officers: list[Officer], new_member: Callable[[str], Member]
) -> None:
    _begin(officers[:1], threshold=1)
    hash_list, key = _new_list()
    _hold(tmp_path / "first", officers[:1])
    publishing.publish(hash_list, {"manifest.json": b"1"}, [key])
    assert _export(tmp_path / "second") == []
    later = publishing.now() + lifetimes.ROOT - lifetimes.RENEW_WITHIN
    names = ceremony.export_requests(tmp_path / "third", actor=HOST, now=later)
    assert sorted(names) == sorted(
        [f"{hash_list.id}.2.root", f"{hash_list.id}.2.targets", "directory.2.root", "directory.2.targets"]
    )
    officers[0].sign(tmp_path / "third")
    assert set(_import(tmp_path / "third").installed) == {DIRECTORY, hash_list.id}
    assert new_member("fresh").fetch(hash_list.id) == b"1"


def test_the_commands_run_a_whole_ceremony(tmp_path: Path, officers: list[Officer]) -> None:
    folder, out = tmp_path / "stick", StringIO()
    keys = [str(officer.pem) for officer in officers]
    call_command("ceremony", "init", "--keys", *keys, "--threshold", "2", stdout=out)
    call_command("ceremony", "export", str(folder), stdout=out)
    for officer in officers[:2]:
        officer.sign(folder)
    call_command("ceremony", "import", str(folder), stdout=out)
    assert f"Fingerprint for members: {directory.root_fingerprint()}" in out.getvalue()
    call_command("resign", stdout=out)
    call_command("export_trust", stdout=out)
    assert "directory: timestamp" in out.getvalue()
    with pytest.raises(CommandError, match="no signatures"):
        call_command("ceremony", "import", str(tmp_path / "nothing"), stdout=out)


@pytest.mark.parametrize("threshold", [0, 4])
def test_a_threshold_that_cannot_be_met_is_refused(officers: list[Officer], threshold: int) -> None:
    with pytest.raises(Invalid) as refusal:
        _begin(officers, threshold)
    assert refusal.value.code == "threshold.out_of_range"


def test_one_officer_named_twice_is_refused(officers: list[Officer]) -> None:
    with pytest.raises(Invalid) as refusal:
        _begin([officers[0], officers[0]])
    assert refusal.value.code == "key.repeated"


def test_a_stranger_runs_no_ceremony(tmp_path: Path, officers: list[Officer]) -> None:
    stranger = cast.stranger().actor
    with pytest.raises(NotAllowed):
        ceremony.begin([officers[0].pem.read_bytes()], threshold=1, actor=stranger, now=publishing.now())
    with pytest.raises(NotAllowed):
        ceremony.export_requests(tmp_path, actor=stranger, now=publishing.now())
    with pytest.raises(NotAllowed):
        ceremony.import_signatures(tmp_path, actor=stranger, now=publishing.now())
    assert not Repository.objects.exists()


def test_a_demonstration_never_becomes_a_real_exchange(settings: Settings, officers: list[Officer]) -> None:
    settings.HX_DEMO = True
    directory.ensure_directory(publishing.now())
    settings.HX_DEMO = False
    with pytest.raises(Conflict) as refusal:
        _begin(officers)
    assert refusal.value.code == "ceremony.demo"
