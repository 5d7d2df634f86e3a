"""Keys of a publisher's own: made on its machine, proven to the exchange, confirmed by somebody else."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from accounts.audit.models import AuditEvent
from accounts.errors import NotAllowed
from accounts.signing_keys.models import Custody, SigningKey, SigningKeyStatus
from accounts.signing_keys.possession import possession_statement as statement_there
from accounts.signing_keys.register import confirm_key
from exchange.client.keys import possession_statement as statement_here
from tests import cast
from tests.exchange.signing.conftest import PASSPHRASE, Machine, Token, openssl
from tests.hashsets.releases.world import NOW

pytestmark = pytest.mark.django_db(transaction=True)

MachineOf = Callable[..., Machine]


@pytest.mark.parametrize("kind", ["ed25519", "p256"])
def test_a_key_is_made_registered_and_shown(machine_of: MachineOf, kind: str) -> None:
    harbor = cast.harbor(now=NOW)
    machine = machine_of(harbor, "vault")
    file = machine.file("key.pem")
    made = machine.done("keys", "new", str(file), "--type", kind)["key"]
    assert file.stat().st_mode & 0o777 == 0o600
    assert b"ENCRYPTED PRIVATE KEY" in file.read_bytes()
    assert machine.done("keys", "show", str(file) + ".pub")["key"] == made
    registered = machine.done("keys", "register", "--name", "Vault", "--key", str(file))["key"]
    assert (registered["keyid"], registered["status"]) == (made["keyid"], "pending")
    (listed,) = machine.done("keys", "show")["keys"]
    assert listed["keyid"] == made["keyid"]
    key = SigningKey.objects.get(keyid=made["keyid"])
    assert (key.custody, key.public) == (Custody.OWN, made["public"])
    event = AuditEvent.objects.get(action="key.registered")
    assert event.subject_id == str(key.id)


def test_whoever_issued_the_credential_does_not_confirm_what_it_registered(machine_of: MachineOf) -> None:
    harbor = cast.harbor(now=NOW)
    machine = machine_of(harbor, "vault", by=harbor.admin)
    file = str(machine.file("key.pem"))
    machine.done("keys", "new", file)
    machine.done("keys", "register", "--name", "Vault", "--key", file)
    key = SigningKey.objects.get()
    with pytest.raises(NotAllowed) as refused:
        confirm_key(key.id, actor=harbor.admin.actor, now=NOW)
    assert refused.value.code == "key.second_person"
    confirmed = confirm_key(key.id, actor=harbor.second_admin.actor, now=NOW)
    assert confirmed.status == SigningKeyStatus.ACTIVE


def test_a_new_key_never_replaces_a_file_and_never_has_a_short_passphrase(
    machine_of: MachineOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = machine_of(cast.harbor(now=NOW), "vault")
    file = machine.file("key.pem")
    machine.done("keys", "new", str(file))
    before = file.read_bytes()
    assert machine.run("keys", "new", str(file)).document["error"]["code"] == "key.file_exists"
    assert file.read_bytes() == before
    monkeypatch.setattr("tests.exchange.signing.conftest.PASSPHRASE", "short")
    ran = machine.run("keys", "new", str(machine.file("other.pem")))
    assert ran.document["error"]["code"] == "key.passphrase"
    assert not machine.file("other.pem").exists()


def test_a_key_that_others_can_read_or_with_another_passphrase_is_not_used(
    machine_of: MachineOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = machine_of(cast.harbor(now=NOW), "vault")
    file = machine.file("key.pem")
    machine.done("keys", "new", str(file))
    register = ("keys", "register", "--name", "Vault", "--key", str(file))
    file.chmod(0o644)
    assert machine.run(*register).document["error"]["code"] == "key.file_readable"
    file.chmod(0o600)
    monkeypatch.setattr("tests.exchange.signing.conftest.PASSPHRASE", "another passphrase")
    ran = machine.run(*register)
    assert ran.document["error"]["code"] == "key.malformed"
    assert not SigningKey.objects.exists()


@pytest.mark.parametrize("algorithm", ["ed25519", "p256"])
def test_a_key_made_and_proven_with_openssl_alone_is_registered(
    machine_of: MachineOf, tmp_path: Path, algorithm: str
) -> None:
    harbor = cast.harbor(now=NOW)
    machine = machine_of(harbor, "vault")
    private, public = tmp_path / "key.pem", tmp_path / "key.pub"
    statement, proof = tmp_path / "statement", tmp_path / "proof"
    p256 = algorithm == "p256"
    kind = ("EC", "-pkeyopt", "ec_paramgen_curve:P-256") if p256 else ("ed25519",)
    openssl("genpkey", "-algorithm", *kind, "-out", private)
    openssl("pkey", "-in", private, "-pubout", "-out", public)
    machine.done("keys", "show", str(public), "--statement", str(statement))
    digest = ("-digest", "sha256") if p256 else ()
    openssl("pkeyutl", "-sign", "-rawin", "-inkey", private, "-in", statement, "-out", proof, *digest)
    register = ("keys", "register", "--name", "Vault", "--public", str(public), "--proof", str(proof))
    machine.done(*register)
    assert SigningKey.objects.get().status == SigningKeyStatus.PENDING


def test_openssl_reads_what_hashx_writes(machine_of: MachineOf, tmp_path: Path) -> None:
    machine = machine_of(cast.harbor(now=NOW), "vault")
    file = machine.file("key.pem")
    machine.done("keys", "new", str(file))
    told = subprocess.run(
        ["openssl", "pkey", "-in", str(file), "-passin", f"pass:{PASSPHRASE}", "-pubout"],
        check=True,
        capture_output=True,
    ).stdout
    assert told.strip() == Path(f"{file}.pub").read_bytes().strip()


def test_a_proof_for_another_organisation_is_worth_nothing(machine_of: MachineOf) -> None:
    harbor, northland = cast.harbor(now=NOW), cast.northland(now=NOW)
    ours, theirs = machine_of(harbor, "ours"), machine_of(northland, "theirs")
    file = ours.file("key.pem")
    ours.done("keys", "new", str(file))
    proof = ours.file("proof")
    statement = ours.file("statement")
    ours.done("keys", "show", f"{file}.pub", "--statement", str(statement))
    openssl(
        *("pkeyutl", "-sign", "-rawin", "-inkey", file, "-passin", f"pass:{PASSPHRASE}"),
        *("-in", statement, "-out", proof),
    )
    ran = theirs.run("keys", "register", "--name", "Theirs", "--public", f"{file}.pub", "--proof", str(proof))
    assert ran.document["error"]["code"] == "key.proof"
    assert not SigningKey.objects.filter(organisation=northland.organisation).exists()


def test_both_sides_spell_the_same_statement() -> None:
    organisation: UUID = uuid4()
    assert statement_here(str(organisation), "ab" * 32) == statement_there(organisation, "ab" * 32)


@pytest.mark.parametrize("label", ["vault", "vault-ed25519"])
def test_a_key_on_a_token_is_registered_without_leaving_it(
    machine_of: MachineOf, token: Token, label: str
) -> None:
    token.make(label)
    machine = machine_of(cast.harbor(now=NOW), "vault")
    held = machine.done("keys", "register", "--name", "Token", *token.options, "--label", label)["key"]
    scheme = "ed25519" if label.endswith("ed25519") else "ecdsa-sha2-nistp256"
    assert (held["scheme"], held["status"]) == (scheme, "pending")


def test_a_wrong_pin_or_label_is_said_plainly(
    machine_of: MachineOf, token: Token, monkeypatch: pytest.MonkeyPatch
) -> None:
    token.make("vault")
    machine = machine_of(cast.harbor(now=NOW), "vault")
    register = ("keys", "register", "--name", "Token", *token.options)
    assert machine.run(*register, "--label", "other").document["error"]["code"] == "token.not_found"
    monkeypatch.setattr("tests.exchange.signing.conftest.PIN", "9999")
    assert machine.run(*register, "--label", "vault").document["error"]["code"] == "token.refused"
