"""`hashx sign` over HTTP: what is signed is recomputed first, and a lying exchange gets no signature."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from pytest_django.live_server_helper import LiveServer

from exchange.client import drafts
from exchange.client.home import Home
from exchange.client.refusals import Exit
from hashsets.releases.models import Draft, DraftState
from hashsets.releases.publish import publish_draft
from hashsets.releases.verify import verify_release
from tests import cast
from tests.exchange.api.conftest import stranger_key
from tests.exchange.signing.conftest import Machine, Token, key_on, list_of, openssl
from tests.hashsets.releases.world import NOW, World, csv_of, sha256

pytestmark = pytest.mark.django_db(transaction=True)

MachineOf = Callable[..., Machine]


@pytest.fixture
def machine(machine_of: MachineOf) -> Machine:
    return machine_of(cast.harbor(now=NOW), "vault")


@pytest.fixture
def world(machine: Machine) -> World:
    """Harbor's list, signed by the one key on the machine."""
    return list_of(cast.harbor(now=NOW), [key_on(machine)], 1)


def signed(machine: Machine, draft: Draft, *options: str) -> Any:
    return machine.run(
        "sign", str(draft.submission_id), "--yes", "--key", str(machine.file("key.pem")), *options
    )


def own_copy(machine: Machine, text: str) -> tuple[str, str]:
    file = machine.file("copy.csv")
    file.write_text(text)
    return "--copy", str(file)


def test_it_recomputes_shows_and_signs_and_the_release_is_published(machine: Machine, world: World) -> None:
    draft = world.draft(csv_of(range(40)))
    ran = signed(machine, draft, *own_copy(machine, csv_of(range(40))))
    assert ran.exit == 0, ran.err
    told = ran.document["draft"]
    assert told["counts"] == {"sha256": 40}
    assert told["state_root"] == draft.state_root
    assert told["compared"] == {"hashes": 40, "absent": 0, "exact": True}
    for shown in ("Own keys", draft.state_root, draft.manifest_sha256, "40 entries"):
        assert shown in ran.err
    assert publish_draft(draft.id, now=NOW) is not None
    assert verify_release(world.fresh(), 1).ok


@pytest.mark.parametrize("mode", ["add", "remove", "replace"])
def test_the_second_release_is_held_against_what_this_machine_signed_before(
    machine: Machine, world: World, mode: str
) -> None:
    first = world.draft(csv_of(range(40)))
    assert signed(machine, first).exit == 0
    publish_draft(first.id, now=NOW)
    text = csv_of(range(38, 45) if mode == "add" else range(30, 40))
    second = world.draft(text, mode=mode)
    ran = signed(machine, second, *own_copy(machine, text))
    assert ran.exit == 0, ran.err
    assert ran.document["draft"]["compared"]["exact"] is True
    assert publish_draft(second.id, now=NOW) is not None


@pytest.mark.parametrize("remembers", [True, False])
@pytest.mark.parametrize("mode", ["add", "remove", "replace"])
def test_it_does_not_sign_what_the_own_copy_does_not_ask_for(
    machine: Machine, world: World, mode: str, remembers: bool
) -> None:
    """One entry more than the official's file names: slipped in, or slipped out, on the way."""
    first = world.draft(csv_of(range(40)))
    assert signed(machine, first).exit == 0
    publish_draft(first.id, now=NOW)
    if not remembers:
        for path in (machine.home / "signing" / world.hash_list.id).iterdir():
            path.unlink()
    tampered, honest = {
        "add": (range(40, 46), range(40, 45)),
        "remove": (range(30, 40), range(31, 40)),
        "replace": (range(12), range(11)),
    }[mode]
    draft = world.draft(csv_of(tampered), mode=mode)
    ran = signed(machine, draft, *own_copy(machine, csv_of(honest)))
    if mode == "remove" and not remembers:
        # Without the release before, a removal too many cannot be seen; it says that it could not compare.
        assert ran.document["draft"]["compared"]["exact"] is False
        return
    assert ran.exit == Exit.WRONG_FILE
    assert ran.document["error"]["code"] == "copy.not_ours"
    assert not draft.signatures.exists()


def test_hashes_of_the_copy_that_did_not_take_effect_are_signed_only_when_allowed(
    machine: Machine, world: World
) -> None:
    text = csv_of(range(5)) + "not a hash\n"
    draft = world.draft(csv_of(range(4)))
    ran = signed(machine, draft, *own_copy(machine, text))
    assert ran.document["error"]["code"] == "copy.absent"
    assert signed(machine, draft, *own_copy(machine, text), "--allow-absent", "1").exit == 0


def test_a_changed_file_in_the_store_is_noticed_before_signing(
    machine: Machine, world: World, blobs: Path
) -> None:
    draft = world.draft(csv_of(range(40)))
    (segment,) = (blobs / "tuf" / world.hash_list.id / "targets").rglob("*.parquet")
    content = bytearray(segment.read_bytes())
    content[len(content) // 2] ^= 1
    segment.unlink()
    segment.write_bytes(bytes(content))
    ran = signed(machine, draft)
    assert ran.exit == Exit.WRONG_FILE, ran.err
    assert not draft.signatures.exists()


def lying(monkeypatch: pytest.MonkeyPatch, **said: object) -> None:
    """An exchange that shows something else than what is to be signed."""
    honest = drafts.read_draft

    def lie(answer: Any, address: Any) -> Any:
        return honest(answer | said, address)

    monkeypatch.setattr(drafts, "read_draft", lie)


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({"state_root": "ab" * 32}, Exit.ROOT_MISMATCH),
        ({"manifest_sha256": "ab" * 32}, Exit.WRONG_FILE),
        ({"release": 7}, Exit.WRONG_FILE),
        ({"list_version": 7}, Exit.WRONG_FILE),
        ({"list_id": "a" * 26}, Exit.WRONG_LIST),
    ],
)
def test_it_does_not_sign_other_bytes_than_those_that_are_shown(
    machine: Machine, world: World, monkeypatch: pytest.MonkeyPatch, said: dict[str, object], code: Exit
) -> None:
    draft = world.draft(csv_of(range(4)))
    lying(monkeypatch, **said)
    assert signed(machine, draft).exit == code
    assert not draft.signatures.exists()


def test_it_never_signs_a_delegation_or_a_root_in_a_lists_place(
    machine: Machine, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hashsets.trust.models import SignedFile

    draft = world.draft(csv_of(range(4)))
    for role in ("targets", "root", "snapshot"):
        content = bytes(SignedFile.objects.filter(repository_id=world.hash_list.id, role=role)[0].content)
        part = json.dumps(json.loads(content)["signed"])
        with monkeypatch.context() as patched:
            lying(patched, signed_part=part)
            assert signed(machine, draft).exit in (Exit.WRONG_LIST, Exit.UNSUPPORTED)
    assert not draft.signatures.exists()


def test_it_never_signs_an_older_version_again(machine: Machine, world: World) -> None:
    first = world.draft(csv_of(range(4)))
    assert signed(machine, first).exit == 0
    note = machine.home / "signing" / world.hash_list.id / "signed.json"
    remembered = json.loads(note.read_text())
    note.write_text(json.dumps(remembered | {"version": 9}))
    ran = signed(machine, first)
    assert (ran.exit, ran.document["error"]["code"]) == (Exit.ROLLBACK, "sign.older")
    # And after a release that this machine did not see, it says so instead of trusting it.
    publish_draft(first.id, now=NOW)
    second = world.draft(csv_of([9]))
    note.write_text(json.dumps(remembered | {"manifest_sha256": "ab" * 32}))
    assert signed(machine, second).document["error"]["code"] == "sign.does_not_follow"


@pytest.mark.parametrize("algorithm", ["ed25519", "p256"])
def test_a_detached_signature_by_openssl_is_taken(machine: Machine, tmp_path: Path, algorithm: str) -> None:
    p256 = algorithm == "p256"
    private, public = tmp_path / "key.pem", tmp_path / "key.pub"
    statement, proof = tmp_path / "statement", tmp_path / "proof"
    part, signature = tmp_path / "part", tmp_path / "signature"
    kind = ("EC", "-pkeyopt", "ec_paramgen_curve:P-256") if p256 else ("ed25519",)
    digest = ("-digest", "sha256") if p256 else ()
    openssl("genpkey", "-algorithm", *kind, "-out", private)
    openssl("pkey", "-in", private, "-pubout", "-out", public)
    machine.done("keys", "show", str(public), "--statement", str(statement))
    openssl("pkeyutl", "-sign", "-rawin", "-inkey", private, "-in", statement, "-out", proof, *digest)
    key = machine.done("keys", "register", "--name", "Cold", "--public", str(public), "--proof", str(proof))
    world = list_of(cast.harbor(now=NOW), [key["key"]["keyid"]], 1)
    draft = world.draft(csv_of(range(9)))
    machine.done("sign", str(draft.submission_id), "--write", str(part))
    assert part.read_bytes() == bytes(draft.signed_part)
    openssl("pkeyutl", "-sign", "-rawin", "-inkey", private, "-in", part, "-out", signature, *digest)
    detached = ("--public", str(public), "--signature", str(signature))
    assert machine.done("sign", str(draft.submission_id), *detached)["state"] == DraftState.SIGNED
    assert publish_draft(draft.id, now=NOW) is not None


@pytest.mark.parametrize("label", ["vault", "vault-ed25519"])
def test_a_token_signs(machine: Machine, token: Token, label: str) -> None:
    token.make(label)
    options = (*token.options, "--label", label)
    keyid = machine.done("keys", "register", "--name", "Token", *options)["key"]["keyid"]
    world = list_of(cast.harbor(now=NOW), [keyid], 1)
    draft = world.draft(csv_of(range(9)))
    assert machine.done("sign", str(draft.submission_id), "--yes", *options)["state"] == DraftState.SIGNED
    assert publish_draft(draft.id, now=NOW) is not None
    assert verify_release(world.fresh(), 1).ok


def test_only_the_publishers_signers_get_the_files_of_a_draft(
    machine: Machine, world: World, live_server: LiveServer
) -> None:
    draft = world.draft(csv_of(range(4)))
    name = f"/api/v1/submissions/{draft.submission_id}/draft/manifest.json"
    own = Home(machine.home).key({})
    answer = Client().get(name, headers={"Authorization": f"Bearer {own}"})
    assert hashlib.sha256(b"".join(answer.streaming_content)).hexdigest() == draft.manifest_sha256  # type: ignore[attr-defined]
    for key in (stranger_key(), ""):
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        refused = Client().get(name, headers=headers)
        assert refused.status_code == (404 if key else 401)
        assert sha256(1).encode() not in refused.content
    for other in ("root.json", "..%2f..%2fmetadata%2ftimestamp.json", "x" * 300):
        path = name.replace("manifest.json", other)
        assert Client().get(path, headers={"Authorization": f"Bearer {own}"}).status_code == 404
