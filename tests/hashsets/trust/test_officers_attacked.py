"""A host that lies to the officers: substituted keys, hidden pasts, swapped files."""

from __future__ import annotations

from copy import deepcopy
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from django.core.management import CommandError, call_command
from securesystemslib.signer import CryptoSigner, Key, SSlibKey
from tuf.api.metadata import Metadata, Root, Targets

from accounts.errors import Corrupt
from hashsets.lists.models import HashList
from hashsets.trust import metadata, officer_sign, repository, signed_files
from hashsets.trust.keys import key_from_pem
from hashsets.trust.models import DIRECTORY, AwaitedFile, RoleName
from tests import cast
from tests.hashsets.trust import publishing
from tests.hashsets.trust.publishing import OwnKey
from tests.hashsets.trust.test_ceremony import (
    Officer,
    _begin,
    _export,
    _hold,
    _import,
    _new_list,
    officers,
    officers_keyid,
    production,
)

pytestmark = pytest.mark.django_db

__all__ = ["officers", "production"]  # fixtures


def public(officer: Officer) -> Key:
    return key_from_pem(officer.pem.read_bytes())


def under_the_id_of(keyid: str, key: Key) -> Key:
    return SSlibKey(keyid, key.keytype, key.scheme, dict(key.keyval))


def signer(officer: Officer, keyid: str | None = None) -> CryptoSigner:
    private = load_pem_private_key(officer.key.read_bytes(), None)
    key = under_the_id_of(keyid, public(officer)) if keyid else public(officer)
    return CryptoSigner(private, key)  # type: ignore[arg-type]


def refused(officer: Officer, folder: Path, capsys: pytest.CaptureFixture[str], *more: str) -> str:
    """The words in which the officer's tool refuses; it has signed nothing, for no repository."""
    capsys.readouterr()
    assert officer_sign.main([str(folder), "--key", str(officer.key), "--yes", *more]) == 1
    assert not list(folder.glob(f"signatures/*.{officers_keyid(officer)}.sig"))
    return capsys.readouterr().err


def shown(officer: Officer, folder: Path, capsys: pytest.CaptureFixture[str], *more: str) -> str:
    capsys.readouterr()
    assert officer_sign.main([str(folder), "--key", str(officer.key), "--yes", *more]) == 0
    return capsys.readouterr().out


def grouped(keyid: str) -> str:
    return " ".join(keyid[at : at + 8] for at in range(0, 64, 8))


def root_in_force(repository_id: str) -> Metadata[Root]:
    return metadata.read(signed_files.newest_bytes(repository_id, RoleName.ROOT), Root)


def put(folder: Path, part: Root | Targets, name: str) -> None:
    (folder / "to-sign" / f"{name}.json").write_bytes(Metadata[Any](part).signed_bytes)


@pytest.fixture
def opened(tmp_path: Path, officers: list[Officer]) -> tuple[HashList, OwnKey]:
    """The exchange and one list, opened by two of three officers."""
    _begin(officers)
    made = _new_list()
    assert len(_hold(tmp_path / "first", officers[:2]).installed) == 2
    return made


def test_three_ceremonies_that_would_hand_the_root_over_are_refused_at_the_first(
    tmp_path: Path,
    officers: list[Officer],
    opened: tuple[HashList, OwnKey],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The ids stay the same, the keys behind them become the host's, one in each ceremony; the third needs no
    officer. A stock client follows each step."""
    one, two, three = officers
    host = Officer(tmp_path, "host")
    root = root_in_force(DIRECTORY)
    before = root
    signed_by = [
        [signer(one), signer(two)],
        [signer(one), signer(host, officers_keyid(three))],
        [signer(host, officers_keyid(two)), signer(host, officers_keyid(three))],
    ]
    for ceremony_number, (victim, signers) in enumerate(zip((three, two, one), signed_by, strict=True), 1):
        part = metadata.read_part(root.signed_bytes, Root) if ceremony_number == 1 else stepped(root.signed)
        part.version += 1
        part.keys[officers_keyid(victim)] = under_the_id_of(officers_keyid(victim), public(host))
        step = Metadata(part)
        for each in signers:
            step.sign(each, append=True)
        root.signed.verify_delegate("root", step.signed_bytes, step.signatures)  # a stock client would
        folder = tmp_path / f"ceremony {ceremony_number}"
        _export(folder)
        put(folder, part, f"{DIRECTORY}.{part.version}.root")
        for officer in officers:
            assert "metadata.key_" in refused(officer, folder, capsys)
        with pytest.raises(Corrupt):
            metadata.read(step.to_bytes(), Root)
        root = step
    assert root.signed.version == before.signed.version + 3


def stepped(root: Root) -> Root:
    return deepcopy(root)


def test_keys_substituted_in_the_exchanges_own_store_go_nowhere(
    tmp_path: Path, officers: list[Officer], opened: tuple[HashList, OwnKey]
) -> None:
    """Whoever can write the rows lets the exchange carry it out; two officers sign blindly, by openssl."""
    repository.replace_online_key(DIRECTORY, now=publishing.now())
    awaited = AwaitedFile.objects.get(repository_id=DIRECTORY, role=RoleName.ROOT)
    folder = tmp_path / "stick"
    _export(folder)
    part = metadata.read_part(bytes(awaited.signed_part), Root)
    third = officers_keyid(officers[2])
    part.keys[third] = under_the_id_of(third, public(Officer(tmp_path, "host")))
    tampered = metadata.signed_bytes(part)
    AwaitedFile.objects.filter(pk=awaited.pk).update(signed_part=tampered)
    for officer in officers[:2]:
        signature = bytes.fromhex(signer(officer).sign(tampered).signature)
        (folder / "signatures" / f"{DIRECTORY}.2.root.{officers_keyid(officer)}.sig").write_bytes(signature)
    with pytest.raises(CommandError, match="not the key of that id"):
        call_command("ceremony", "export", str(tmp_path / "another"), stdout=StringIO())
    with pytest.raises(CommandError, match="not the key of that id"):
        call_command("ceremony", "import", str(folder), stdout=StringIO())
    assert root_in_force(DIRECTORY).signed.version == 1


def test_one_officers_key_under_two_ids_is_refused(
    tmp_path: Path,
    officers: list[Officer],
    opened: tuple[HashList, OwnKey],
    capsys: pytest.CaptureFixture[str],
) -> None:
    hash_list, _ = opened
    folder = tmp_path / "stick"
    _export(folder)
    part = stepped(root_in_force(hash_list.id).signed)
    part.version += 1
    part.add_key(under_the_id_of("ab" * 32, public(officers[0])), "root")
    put(folder, part, f"{hash_list.id}.2.root")
    assert "metadata.key_twice" in refused(officers[0], folder, capsys)


def test_the_bytes_that_were_shown_are_the_bytes_that_are_signed(
    tmp_path: Path, officers: list[Officer], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder changes while the officer reads."""
    _begin(officers)
    folder = tmp_path / "stick"
    _export(folder)
    request = folder / "to-sign" / f"{DIRECTORY}.1.root.json"
    honest = request.read_bytes()

    def swapped(_: str) -> str:
        part = metadata.read_part(honest, Root)
        part.expires += timedelta(days=3650)
        request.write_bytes(metadata.signed_bytes(part))
        (folder / "to-sign" / f"{DIRECTORY}.2.root.json").write_bytes(metadata.signed_bytes(part))
        return "yes"

    monkeypatch.setattr("builtins.input", swapped)
    assert officer_sign.main([str(folder), "--key", str(officers[0].key)]) == 0
    assert len(list((folder / "signatures").iterdir())) == 2
    assert _import(folder).accepted == 2
    awaited = AwaitedFile.objects.get(repository_id=DIRECTORY, role=RoleName.ROOT)
    assert bytes(awaited.signed_part) == honest
    assert set(awaited.signatures) == {officers_keyid(officers[0])}


def test_what_changes_is_said_in_words_and_every_key_in_full(
    tmp_path: Path,
    officers: list[Officer],
    opened: tuple[HashList, OwnKey],
    capsys: pytest.CaptureFixture[str],
) -> None:
    newcomer = Officer(tmp_path, "newcomer")
    _begin([officers[0], newcomer], threshold=1)
    folder = tmp_path / "second"
    _export(folder)
    for said in (shown(officers[0], folder, capsys), (folder / "SUMMARY.txt").read_text()):
        assert said.count(f"ADDED officer key {grouped(officers_keyid(newcomer))} (Ed25519)") == 2
        assert said.count(f"REMOVED officer key {grouped(officers_keyid(officers[1]))} (ECDSA P-256)") == 2
        assert said.count("CHANGED threshold of officers: 2 -> 1") == 2
        assert f"officer key {grouped(officers_keyid(officers[0]))}" in said
        assert said.count("nothing but the date changed since version 1") == 2  # both targets
        assert "WITHOUT YOU" not in said
    assert "NOTHING OF YOUR OWN" not in said
    # The newcomer has seen nothing yet, and is told so.
    said = shown(newcomer, folder, capsys)
    assert "NOTHING OF YOUR OWN" in said
    assert "you do not know it" in said


def test_a_new_online_key_and_changed_signers_are_said_in_words(
    tmp_path: Path,
    officers: list[Officer],
    opened: tuple[HashList, OwnKey],
    capsys: pytest.CaptureFixture[str],
) -> None:
    hash_list, key = opened
    old = root_in_force(hash_list.id).signed.roles["timestamp"].keyids[0]
    repository.replace_online_key(hash_list.id, now=publishing.now())
    other = publishing.own_key(cast.harbor())
    repository.delegate(hash_list, publisher_keys=[key.row, other.row], threshold=2, now=publishing.now())
    folder = tmp_path / "second"
    _export(folder)
    said = shown(officers[0], folder, capsys)
    assert f"CHANGED online key: {grouped(old)} (Ed25519) -> " in said
    assert f"ADDED key of 'list' {grouped(other.row.keyid)}" in said
    assert "CHANGED threshold of 'list': 1 -> 2" in said
    assert "ADDED officer key" not in said


def test_a_version_that_came_without_an_officer_does_not_hide_what_it_changed(
    tmp_path: Path,
    officers: list[Officer],
    opened: tuple[HashList, OwnKey],
    capsys: pytest.CaptureFixture[str],
) -> None:
    newcomer = Officer(tmp_path, "newcomer")
    _begin([*officers[:2], newcomer])
    assert DIRECTORY in _hold(tmp_path / "second", [*officers[1:], newcomer]).installed
    repository.replace_online_key(DIRECTORY, now=publishing.now())
    assert DIRECTORY in _hold(tmp_path / "third", [officers[1], newcomer]).installed
    repository.replace_online_key(DIRECTORY, now=publishing.now())
    folder = tmp_path / "fourth"
    _export(folder)
    said = shown(officers[0], folder, capsys)
    assert "came into force WITHOUT YOU; against version 1, which you know:" in said
    assert f"ADDED officer key {grouped(officers_keyid(newcomer))}" in said


def test_a_folder_that_shows_another_past_is_refused(
    tmp_path: Path,
    officers: list[Officer],
    opened: tuple[HashList, OwnKey],
    capsys: pytest.CaptureFixture[str],
) -> None:
    hash_list, _ = opened
    repository.replace_online_key(hash_list.id, now=publishing.now())
    _hold(tmp_path / "second", officers[:2])
    repository.replace_online_key(hash_list.id, now=publishing.now())

    def carried(name: str) -> Path:
        folder = tmp_path / name
        _export(folder)
        return folder

    honest = shown(officers[0], carried("third"), capsys)
    assert "version 3" in honest
    older = carried("older")
    (older / "in-force" / f"{hash_list.id}.2.root.json").unlink()
    assert "ceremony.older" in refused(officers[0], older, capsys)
    gone = carried("gone")
    for path in (gone / "in-force").iterdir():
        path.unlink()
    assert "ceremony." in refused(officers[0], gone, capsys)
    # A whole other exchange, true in itself: its first root is its own.
    strange = carried("strange")
    root = stepped(root_in_force(DIRECTORY).signed)
    host = Officer(tmp_path, "host")
    for keyid in list(root.roles["root"].keyids):
        root.revoke_key(keyid, "root")
        root.revoke_key(keyid, "targets")
    root.add_key(public(host), "root")
    root.add_key(public(host), "targets")
    for role in ("root", "targets"):
        root.roles[role].threshold = 1
    targets = metadata.read(signed_files.newest_bytes(DIRECTORY, RoleName.TARGETS), Targets)
    for name, document in (("root", Metadata(root)), ("targets", Metadata(targets.signed))):
        document.sign(signer(host))
        (strange / "in-force" / f"{DIRECTORY}.1.{name}.json").write_bytes(document.to_bytes())
    assert "ceremony.history" in refused(officers[0], strange, capsys)
    # Roots that do not follow from each other convince nobody, not even somebody who knows nothing.
    broken = carried("broken")
    skipped = broken / "in-force" / f"{hash_list.id}.1.root.json"
    skipped.unlink()
    assert "ceremony.history" in refused(Officer(tmp_path, "newcomer"), broken, capsys)


def test_a_second_content_under_one_version_needs_a_word_that_the_first_was_given_up(
    tmp_path: Path,
    officers: list[Officer],
    opened: tuple[HashList, OwnKey],
    capsys: pytest.CaptureFixture[str],
) -> None:
    hash_list, _ = opened
    repository.replace_online_key(hash_list.id, now=publishing.now())
    _hold(tmp_path / "second", officers[:1])
    repository.replace_online_key(hash_list.id, now=publishing.now())
    folder = tmp_path / "third"
    _export(folder)
    said = refused(officers[0], folder, capsys)
    assert "ceremony.two_contents" in said
    assert f"--given-up {hash_list.id}.2.root" in said
    shown(officers[0], folder, capsys, "--given-up", f"{hash_list.id}.2.root")
    officers[1].sign(folder)
    assert _import(folder).installed == (hash_list.id,)


def test_a_list_whose_officers_are_not_the_directorys_is_refused(
    tmp_path: Path, officers: list[Officer], capsys: pytest.CaptureFixture[str]
) -> None:
    _begin(officers)
    hash_list, _ = _new_list()
    folder = tmp_path / "stick"
    _export(folder)
    path = folder / "to-sign" / f"{hash_list.id}.1.root.json"
    part = metadata.read_part(path.read_bytes(), Root)
    weaker, fewer = stepped(part), stepped(part)
    for name in ("root", "targets"):
        weaker.roles[name].threshold = 1
        fewer.revoke_key(officers_keyid(officers[1]), name)
    for changed in (weaker, fewer):
        put(folder, changed, path.stem)
        assert "other officers than the directory" in refused(officers[0], folder, capsys)


def test_an_online_key_serves_one_repository_and_signs_no_list(
    tmp_path: Path, officers: list[Officer], capsys: pytest.CaptureFixture[str]
) -> None:
    _begin(officers)
    (first, _), (second, _) = _new_list(), _new_list()
    folder = tmp_path / "stick"
    _export(folder)
    path = folder / "to-sign" / f"{first.id}.1.root.json"
    honest = path.read_bytes()
    root = metadata.read_part(honest, Root)
    online = root.keys[root.roles["timestamp"].keyids[0]]
    other = metadata.read_part((folder / "to-sign" / f"{second.id}.1.root.json").read_bytes(), Root)
    for name in ("snapshot", "timestamp"):
        (old,) = other.roles[name].keyids
        other.revoke_key(old, name)
        other.add_key(online, name)
    kept = (folder / "to-sign" / f"{second.id}.1.root.json").read_bytes()
    put(folder, other, f"{second.id}.1.root")
    assert "shares its online key" in refused(officers[0], folder, capsys)
    (folder / "to-sign" / f"{second.id}.1.root.json").write_bytes(kept)
    targets = metadata.read_part((folder / "to-sign" / f"{first.id}.1.targets.json").read_bytes(), Targets)
    assert targets.delegations is not None
    (old,) = targets.delegations.keys
    targets.revoke_key(old, "list")
    targets.add_key(online, "list")
    put(folder, targets, f"{first.id}.1.targets")
    assert "an online key out of its place" in refused(officers[0], folder, capsys)


@pytest.mark.parametrize("name", ["directory.2.root", "directory.1.targets", "README", "../directory.1.root"])
def test_a_request_under_a_wrong_name_is_refused(
    tmp_path: Path, officers: list[Officer], capsys: pytest.CaptureFixture[str], name: str
) -> None:
    _begin(officers)
    folder = tmp_path / "stick"
    _export(folder)
    path = folder / "to-sign" / "directory.1.root.json"
    path.rename(folder / "to-sign" / f"{name.replace('/', '_')}.json")
    assert "ceremony." in refused(officers[0], folder, capsys)


def test_a_memory_that_was_damaged_is_not_taken_for_none(
    tmp_path: Path,
    officers: list[Officer],
    opened: tuple[HashList, OwnKey],
    capsys: pytest.CaptureFixture[str],
) -> None:
    repository.replace_online_key(DIRECTORY, now=publishing.now())
    _hold(tmp_path / "second", officers[:2])
    repository.replace_online_key(DIRECTORY, now=publishing.now())
    folder = tmp_path / "third"
    _export(folder)
    for path in tmp_path.glob("one.pem.memory/in-force/directory.root.json"):
        path.write_bytes(b"{}")
    assert "ceremony.memory" in refused(officers[0], folder, capsys)


def test_requests_of_an_earlier_gathering_do_not_stay_in_the_folder(
    tmp_path: Path, officers: list[Officer], opened: tuple[HashList, OwnKey]
) -> None:
    repository.replace_online_key(DIRECTORY, now=publishing.now())
    folder = tmp_path / "first"
    _export(folder)
    (folder / "to-sign" / "directory.1.root.json").write_bytes(b"from before")
    (folder / "in-force" / "directory.9.root.json").write_bytes(b"from before")
    assert sorted(_export(folder)) == ["directory.2.root", "directory.2.targets"]
    left = {path.stem for place in ("to-sign", "in-force") for path in (folder / place).iterdir()}
    assert left == {"directory.2.root", "directory.2.targets", "directory.1.root", "directory.1.targets"}
