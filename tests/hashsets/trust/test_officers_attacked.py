"""A host that lies to the officers: substituted keys, hidden pasts, swapped files."""

from __future__ import annotations

from copy import deepcopy
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from tuf.api.metadata import Metadata, Root, Targets

from accounts.errors import Corrupt
from hashsets.lists.models import HashList
from hashsets.trust import metadata, officer_sign, repository
from hashsets.trust.models import DIRECTORY, AwaitedFile, RoleName
from tests import cast
from tests.hashsets.trust import publishing
from tests.hashsets.trust.officer_folders import (
    grouped,
    opened,
    public,
    put,
    refused,
    root_in_force,
    shown,
    signer,
    under_the_id_of,
)
from tests.hashsets.trust.publishing import OwnKey
from tests.hashsets.trust.test_ceremony import (
    Officer,
    _begin,
    _export,
    _import,
    _new_list,
    officers,
    officers_keyid,
    production,
)

pytestmark = pytest.mark.django_db

__all__ = ["officers", "opened", "production"]  # fixtures


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
        part = deepcopy(root.signed)
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
    part = deepcopy(root_in_force(hash_list.id).signed)
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


def test_a_list_whose_officers_are_not_the_directorys_is_refused(
    tmp_path: Path, officers: list[Officer], capsys: pytest.CaptureFixture[str]
) -> None:
    _begin(officers)
    hash_list, _ = _new_list()
    folder = tmp_path / "stick"
    _export(folder)
    path = folder / "to-sign" / f"{hash_list.id}.1.root.json"
    part = metadata.read_part(path.read_bytes(), Root)
    weaker, fewer = deepcopy(part), deepcopy(part)
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


def test_one_request_that_cannot_be_explained_stops_the_whole_folder(
    tmp_path: Path, officers: list[Officer], capsys: pytest.CaptureFixture[str]
) -> None:
    _begin(officers)
    lists = [_new_list()[0] for _ in range(2)]
    folder = tmp_path / "stick"
    _export(folder)
    last = max(one.id for one in lists)
    part = metadata.read_part((folder / "to-sign" / f"{last}.1.targets.json").read_bytes(), Targets)
    assert part.delegations is not None
    assert part.delegations.roles is not None
    part.delegations.roles["list"].paths = ["*"]
    put(folder, part, f"{last}.1.targets")
    assert "ceremony.unexplained" in refused(officers[0], folder, capsys)
    assert not (tmp_path / "one.pem.memory").exists()
