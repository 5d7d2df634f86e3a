"""Folders that travel between a host and its officers, honest ones and others."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from securesystemslib.signer import CryptoSigner, Key, SSlibKey
from tuf.api.metadata import Metadata, Root, Targets

from hashsets.lists.models import HashList
from hashsets.trust import metadata, officer_sign, signed_files
from hashsets.trust.keys import key_from_pem
from hashsets.trust.models import DIRECTORY, RoleName
from tests.hashsets.trust.publishing import OwnKey
from tests.hashsets.trust.test_ceremony import (
    Officer,
    _begin,
    _hold,
    _new_list,
    officers,
    officers_keyid,
)

__all__ = ["officers"]  # a fixture, which `opened` asks for


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


def of_the_host(folder: Path, host: Officer) -> None:
    """Put the host alone into office in what the folder calls in force, true in itself."""
    root = deepcopy(root_in_force(DIRECTORY).signed)
    for name in ("root", "targets"):
        for keyid in list(root.roles[name].keyids):
            root.revoke_key(keyid, name)
        root.add_key(public(host), name)
        root.roles[name].threshold = 1
    targets = metadata.read(signed_files.newest_bytes(DIRECTORY, RoleName.TARGETS), Targets)
    for name, document in (("root", Metadata[Any](root)), ("targets", Metadata[Any](targets.signed))):
        document.sign(signer(host))
        (folder / "in-force" / f"{DIRECTORY}.1.{name}.json").write_bytes(document.to_bytes())


@pytest.fixture
def opened(tmp_path: Path, officers: list[Officer]) -> tuple[HashList, OwnKey]:
    """The exchange and one list, opened by two of three officers."""
    _begin(officers)
    made = _new_list()
    assert len(_hold(tmp_path / "first", officers[:2]).installed) == 2
    return made
