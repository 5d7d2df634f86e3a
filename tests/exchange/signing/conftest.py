"""Officials with machines of their own: `hashx` in this process, talking HTTP with a live exchange."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pkcs11
import pytest
from pkcs11.util.ec import encode_named_curve_parameters
from pytest_django.fixtures import Settings
from pytest_django.live_server_helper import LiveServer

from accounts.credentials.issue import issue_credential
from accounts.identity.roles import Permission
from accounts.signing_keys.models import SigningKey, SigningKeyStatus
from accounts.signing_keys.register import confirm_key
from exchange.client import cli
from exchange.client.home import Home
from hashsets.lists.define import entitle_key
from hashsets.trust.repository import open_repository
from tests import cast
from tests.exchange.client.conftest import Ran
from tests.hashsets.releases.world import NOW, World, bare_list
from tests.services import Missing

PASSPHRASE = "a passphrase nobody guesses"
PIN = "1234"
EDWARDS = b"\x13\x0cedwards25519"  # PKCS#11 3.0, section 2.3.10: the curve's name as a PrintableString
SCOPES = (Permission.LIST_VIEW, Permission.SUBMISSION_CREATE, Permission.RELEASE_SIGN)


@pytest.fixture(autouse=True)
def blobs(settings: Settings, tmp_path: Path) -> Path:
    folder = tmp_path / "blobs"
    folder.mkdir()
    settings.BLOB_URL = str(folder)
    settings.HX_VAR = str(tmp_path / "var")
    return folder


@dataclass(frozen=True, slots=True)
class Machine:
    """One official's machine: a home of its own, and the secrets that its owner would type."""

    home: Path
    monkeypatch: pytest.MonkeyPatch

    def run(self, *arguments: str) -> Ran:
        out, err = io.StringIO(), io.StringIO()
        with self.monkeypatch.context() as patched:
            patched.setenv("HASHX_HOME", str(self.home))
            patched.setenv("HASHX_PASSPHRASE", PASSPHRASE)
            patched.setenv("HASHX_PIN", PIN)
            patched.setenv("HASHX_TRACEBACK", "1")
            patched.setattr(sys, "argv", ["hashx", *arguments, "--json"])
            patched.setattr(sys, "stdout", out)
            patched.setattr(sys, "stderr", err)
            try:
                cli.main()
                code = 0
            except SystemExit as stop:
                code = int(stop.code or 0)
        said = out.getvalue()
        return Ran(code, json.loads(said) if said else {}, err.getvalue())

    def done(self, *arguments: str) -> dict[str, Any]:
        """Run it, and expect it to succeed."""
        ran = self.run(*arguments)
        assert ran.exit == 0, ran.err
        return ran.document

    def file(self, name: str) -> Path:
        return self.home / name


@pytest.fixture
def machine_of(
    live_server: LiveServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Machine]:
    """A machine for a crew, with a credential that `by` (a signer, unless told) has issued."""

    def settle(crew: cast.Crew, name: str, *, by: cast.Person | None = None) -> Machine:
        now = datetime.now(UTC)
        issued = issue_credential(
            crew.organisation,
            name=name,
            scopes=SCOPES,
            mode="live",
            expires_at=now + timedelta(days=30),
            actor=(by or crew.admin).actor,
            now=now,
        )
        home = tmp_path / "machines" / name
        Home(home).settle(url=live_server.url, key=issued.key, root=b"{}")
        return Machine(home, monkeypatch)

    return settle


@dataclass(frozen=True, slots=True)
class Token:
    """A softhsm2 token."""

    module: Path
    label: str

    @property
    def options(self) -> tuple[str, ...]:
        return ("--module", str(self.module), "--token", self.label)

    def make(self, label: str) -> None:
        """A key pair on the token; labels that end in "ed25519" are of that kind, others P-256."""
        with (
            pkcs11.lib(str(self.module))
            .get_token(token_label=self.label)
            .open(user_pin=PIN, rw=True) as session
        ):
            edwards = label.endswith("ed25519")
            parameters = session.create_domain_parameters(
                pkcs11.KeyType.EC_EDWARDS if edwards else pkcs11.KeyType.EC,
                {
                    pkcs11.Attribute.EC_PARAMS: EDWARDS
                    if edwards
                    else encode_named_curve_parameters("secp256r1")
                },
                local=True,
            )
            parameters.generate_keypair(store=True, label=label)


@pytest.fixture
def token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Token:
    """An empty token."""
    module = next(
        (
            path
            for path in map(
                Path,
                (
                    "/usr/lib/softhsm/libsofthsm2.so",
                    "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
                    "/usr/local/lib/softhsm/libsofthsm2.so",
                ),
            )
            if path.exists()
        ),
        None,
    )
    if module is None:
        from tests.conftest import lacking

        lacking(Missing("softhsm2"))
    store = tmp_path / "token"
    store.mkdir()
    configuration = tmp_path / "softhsm2.conf"
    configuration.write_text(f"directories.tokendir = {store}\nobjectstore.backend = file\n")
    monkeypatch.setenv("SOFTHSM2_CONF", str(configuration))
    subprocess.run(
        ["softhsm2-util", "--init-token", "--free", "--label", "harbor", "--pin", PIN, "--so-pin", "5678"],
        check=True,
        capture_output=True,
    )
    pkcs11.lib(str(module)).reinitialize()  # a module reads its configuration once per process
    return Token(module, "harbor")


def openssl(*arguments: str | Path) -> None:
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


def list_of(crew: cast.Crew, keyids: Sequence[str], threshold: int, *, title: str = "Own keys") -> World:
    """A list that `threshold` of these registered keys sign; the keys are confirmed on the way."""
    hash_list = bare_list(crew, signature_threshold=threshold, title=title)
    rows = []
    for keyid in keyids:
        row = SigningKey.objects.get(keyid=keyid, organisation=crew.organisation)
        if row.status == SigningKeyStatus.PENDING:
            row = confirm_key(row.id, actor=crew.second_admin.actor, now=NOW)
        entitle_key(hash_list, row, actor=crew.admin.actor, now=NOW)
        rows.append(row)
    open_repository(hash_list, publisher_keys=rows, threshold=threshold, now=NOW)
    return World(crew, hash_list, rows[0])


def confirmed(crew: cast.Crew, keyid: str) -> SigningKey:
    """The second person's word for a registered key."""
    row = SigningKey.objects.get(keyid=keyid, organisation=crew.organisation)
    return confirm_key(row.id, actor=crew.second_admin.actor, now=NOW)


def key_on(machine: Machine, name: str = "key.pem", *, kind: str = "ed25519") -> str:
    """Make and register a key file on a machine; its key id."""
    file = str(machine.file(name))
    machine.done("keys", "new", file, "--type", kind)
    return str(machine.done("keys", "register", "--name", name, "--key", file)["key"]["keyid"])
