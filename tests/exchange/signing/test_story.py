"""Two publishers' lists through all that happens to keys, read all along by stock `tuf.ngclient` clients.

Harbor's list is signed by two of three: a key file, a softhsm2 token and openssl. Northland's begins with a
hosted key. At every step two members read both: one that has followed from the start, and one that comes new.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import pytest
from pytest_django.live_server_helper import LiveServer
from tuf.api.metadata import Metadata, Root, Targets

from accounts.errors import Conflict
from accounts.signing_keys.models import SigningKey
from hashsets.core.manifest import Manifest
from hashsets.lists.models import Audience, HashList, ListStatus
from hashsets.releases.models import Draft, DraftState
from hashsets.releases.publish import publish_draft
from hashsets.releases.verify import verify_release
from hashsets.trust import custody, renewal, repository
from hashsets.trust.export import export_repository
from hashsets.trust.resign import resign_repository
from hashsets.trust.signers import is_frozen
from tests import cast
from tests.exchange.signing.conftest import Machine, Token, confirmed, key_on, list_of, openssl
from tests.hashsets.releases.world import NOW, World, csv_of, world_of
from tests.hashsets.trust.publishing import Member, metadata_path, now

pytestmark = pytest.mark.django_db(transaction=True)


@dataclass
class Readers:
    """An old client, and a new one whenever asked. Both must end at the same, right state."""

    url: str
    folder: Path
    _fresh: int = field(default=0)

    def see(self, *expected: tuple[World, int]) -> None:
        """Both clients get release `number` of each list, whole: the manifest and every segment."""
        self._fresh += 1
        for name in ("old", f"fresh-{self._fresh}"):
            member = Member(f"{self.url}/", self.folder / name)
            for world, number in expected:
                document = member.fetch(world.hash_list.id)
                assert document is not None
                manifest = Manifest.parse(document)
                assert manifest.release == number, (name, world.hash_list.title)
                for path, facts in manifest.files():
                    content = member.fetch(world.hash_list.id, path.partition("/")[2])
                    assert content is not None
                    assert hashlib.sha256(content).hexdigest() == facts.sha256


@dataclass(frozen=True, slots=True)
class Cold:
    """A key that only openssl ever touches."""

    folder: Path
    machine: Machine

    def register(self) -> str:
        key, public = self.folder / "cold.pem", self.folder / "cold.pub"
        openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", key)
        openssl("pkey", "-in", key, "-pubout", "-out", public)
        statement, proof = self.folder / "statement", self.folder / "proof"
        self.machine.done("keys", "show", str(public), "--statement", str(statement))
        self._sign(statement, proof)
        registered = ("keys", "register", "--name", "Cold", "--public", str(public), "--proof", str(proof))
        return str(self.machine.done(*registered)["key"]["keyid"])

    def sign(self, what: str) -> str:
        part, signature = self.folder / "part", self.folder / "signature"
        self.machine.done("sign", what, "--write", str(part))
        self._sign(part, signature)
        detached = ("--public", str(self.folder / "cold.pub"), "--signature", str(signature))
        return str(self.machine.done("sign", what, *detached)["state"])

    def _sign(self, what: Path, into: Path) -> None:
        key = ("-inkey", self.folder / "cold.pem")
        openssl("pkeyutl", "-sign", "-rawin", *key, "-in", what, "-out", into, "-digest", "sha256")


@dataclass
class Stage:
    """Harbor's officials and their three ways to sign; Northland with its machine; the readers."""

    machine: Machine
    northlands: Machine
    token: Token
    cold: Cold
    readers: Readers
    file: str = "key.pem"

    def by_file(self, what: str) -> str:
        options = ("--key", str(self.machine.file(self.file)))
        return str(self.machine.done("sign", what, "--yes", *options)["state"])

    def by_token(self, what: str) -> str:
        options = (*self.token.options, "--label", "vault")
        return str(self.machine.done("sign", what, "--yes", *options)["state"])


@pytest.fixture
def stage(machine_of: Callable[..., Machine], token: Token, live_server: LiveServer, tmp_path: Path) -> Stage:
    harbor, northland = cast.harbor(now=NOW), cast.northland(now=NOW)
    machine = machine_of(harbor, "vault")
    token.make("vault")
    folder = tmp_path / "cold"
    folder.mkdir()
    return Stage(
        machine,
        machine_of(northland, "northland"),
        token,
        Cold(folder, machine),
        Readers(live_server.url, tmp_path / "members"),
    )


def public(world: World) -> World:
    """Members come without a credential here: the clients are stock ones."""
    HashList.objects.filter(id=world.hash_list.id).update(audience=Audience.PUBLIC)
    export_repository(world.hash_list.id, now=now())
    return world


def published(world: World, draft: Draft) -> None:
    assert publish_draft(draft.id, now=now()) is not None


def version_of(world: World, role: str) -> int:
    """The newest version of a role that is served."""
    folder = metadata_path(world.hash_list.id, "")
    return max(int(path.name.split(".")[0]) for path in folder.glob(f"*.{role}.json"))


def signers_in_force(world: World) -> set[str]:
    path = metadata_path(world.hash_list.id, f"{version_of(world, 'targets')}.targets.json")
    delegations = Metadata[Targets].from_bytes(path.read_bytes()).signed.delegations
    assert delegations is not None and delegations.roles is not None
    return set(delegations.roles["list"].keyids)


def test_two_lists_live_through_every_change_of_keys(stage: Stage) -> None:
    readers, harbor = stage.readers, cast.harbor(now=NOW)

    # Three kinds of keys, of which two must sign.
    on_file = key_on(stage.machine, "key.pem")
    options = (*stage.token.options, "--label", "vault")
    on_token = stage.machine.done("keys", "register", "--name", "Token", *options)["key"]["keyid"]
    cold = stage.cold.register()
    ours = public(list_of(harbor, [on_file, on_token, cold], 2))
    theirs = public(world_of(cast.northland(now=NOW), title="Northland's"))
    theirs.release(csv_of(range(100, 130)))

    draft = ours.draft(csv_of(range(40)))
    assert stage.by_token(str(draft.submission_id)) == DraftState.OPEN
    assert publish_draft(draft.id, now=now()) is None
    assert stage.cold.sign(str(draft.submission_id)) == DraftState.SIGNED
    published(ours, draft)
    readers.see((ours, 1), (theirs, 1))

    _rotate_a_key(stage, ours, theirs, [on_token, cold])
    _rotate_the_root(stage, ours, theirs)
    second = ours.draft(csv_of(range(40, 45)))
    assert stage.by_file(str(second.submission_id)) == DraftState.OPEN
    assert stage.by_token(str(second.submission_id)) == DraftState.SIGNED
    published(ours, second)
    readers.see((ours, 2), (theirs, 1))

    _revoke_above_and_below_the_threshold(stage, ours, theirs, on_token, cold)
    _leave_the_hosted_key(stage, ours, theirs)
    for world in (ours, theirs):
        assert verify_release(world.fresh(), world.fresh().latest_release).ok


def change_signers(world: World, key_ids: list[UUID], threshold: int) -> None:
    """By one admin and another."""
    proposed = custody.change_signers(
        world.fresh(), key_ids=key_ids, threshold=threshold, actor=world.crew.admin.actor, now=now()
    )
    cast.second(proposed, world.crew.second_admin.actor, now=now())


def _rotate_a_key(stage: Stage, ours: World, theirs: World, kept: list[str]) -> None:
    """The key file is replaced: members notice nothing until the new keys have signed, and nothing then."""
    retired, stage.file = stage.file, "second.pem"
    new = key_on(stage.machine, stage.file)
    confirmed(ours.crew, new)
    ids = [key.id for key in SigningKey.objects.filter(keyid__in=[*kept, new])]
    change_signers(ours, ids, 2)
    export_repository(ours.hash_list.id, now=now())
    resign_repository(ours.hash_list.id, now=now())
    stage.readers.see((ours, 1), (theirs, 1))
    ran = stage.machine.run("sign", ours.hash_list.id, "--yes", "--key", str(stage.machine.file(retired)))
    assert ran.document["error"]["code"] == "key.not_entitled"
    assert stage.by_file(ours.hash_list.id) == "open"
    stage.readers.see((ours, 1), (theirs, 1))
    assert stage.cold.sign(ours.hash_list.id) == "published"
    assert signers_in_force(ours) == {*kept, new}
    assert ours.fresh().latest_release == 1
    stage.readers.see((ours, 1), (theirs, 1))


def _rotate_the_root(stage: Stage, ours: World, theirs: World) -> None:
    """A new online key in a new root, as after the theft of the old one."""
    before = version_of(ours, "root")
    repository.replace_online_key(ours.hash_list.id, now=now())
    export_repository(ours.hash_list.id, now=now())
    assert version_of(ours, "root") == before + 1
    root = metadata_path(ours.hash_list.id, f"{before + 1}.root.json")
    assert Metadata[Root].from_bytes(root.read_bytes()).signed.version == before + 1
    stage.readers.see((ours, 1), (theirs, 1))


def _revoke_above_and_below_the_threshold(
    stage: Stage, ours: World, theirs: World, on_token: str, cold: str
) -> None:
    actor = ours.crew.admin.actor
    stolen = SigningKey.objects.get(keyid=on_token)
    done = custody.revoke_signer(stolen.id, actor=actor, now=now(), reason="token lost")
    assert (done.renewals, done.frozen) == ((ours.hash_list.id,), ())
    options = (*stage.token.options, "--label", "vault")
    ran = stage.machine.run("sign", ours.hash_list.id, "--yes", *options)
    assert ran.document["error"]["code"] == "key.not_entitled"
    assert stage.by_file(ours.hash_list.id) == "open"
    assert stage.cold.sign(ours.hash_list.id) == "published"
    assert on_token not in signers_in_force(ours)
    stage.readers.see((ours, 2), (theirs, 1))

    # One more, and the rest cannot sign: frozen, but readable.
    done = custody.revoke_signer(SigningKey.objects.get(keyid=cold).id, actor=actor, now=now())
    assert (done.renewals, done.frozen) == ((), (ours.hash_list.id,))
    assert is_frozen(ours.fresh())
    stuck = ours.draft(csv_of(range(45, 50)))
    assert stage.by_file(str(stuck.submission_id)) == DraftState.OPEN
    assert publish_draft(stuck.id, now=now()) is None
    resign_repository(ours.hash_list.id, now=now())
    stage.readers.see((ours, 2), (theirs, 1))

    # Until there are enough keys again.
    third = key_on(stage.machine, "third.pem")
    confirmed(ours.crew, third)
    second = SigningKey.objects.get(name="second.pem")
    ids = [second.id, SigningKey.objects.get(keyid=third).id]
    change_signers(ours, ids, 2)
    assert not is_frozen(ours.fresh())
    assert stage.by_file(ours.hash_list.id) == "open"
    stage.file = "third.pem"
    assert stage.by_file(ours.hash_list.id) == "published"
    stage.readers.see((ours, 2), (theirs, 1))


def _leave_the_hosted_key(stage: Stage, ours: World, theirs: World) -> None:
    """Northland takes its signing into its own hands, releases once more, and closes the list."""
    own = key_on(stage.northlands, "own.pem", kind="p256")
    key = confirmed(theirs.crew, own)
    actor = theirs.crew.admin.actor
    change_signers(theirs, [key.id], 1)
    with pytest.raises(Conflict):
        renewal.sign_renewal_hosted(theirs.fresh(), actor=theirs.crew.signer.actor, now=now())
    stage.readers.see((ours, 2), (theirs, 1))
    options = ("--yes", "--key", str(stage.northlands.file("own.pem")))
    assert stage.northlands.done("sign", theirs.hash_list.id, *options)["state"] == "published"
    assert signers_in_force(theirs) == {own}
    custody_line = metadata_path(theirs.hash_list.id, f"{version_of(theirs, 'targets')}.targets.json")
    assert b'"key_custody":"own"' in custody_line.read_bytes()
    stage.readers.see((ours, 2), (theirs, 1))
    draft = theirs.draft(csv_of(range(130, 132)))
    assert stage.northlands.done("sign", str(draft.submission_id), *options)["state"] == DraftState.SIGNED
    published(theirs, draft)
    closed = custody.close_list(theirs.fresh(), actor=actor, now=now())
    assert closed.status == ListStatus.CLOSED
    resign_repository(theirs.hash_list.id, now=now())
    stage.readers.see((ours, 2), (theirs, 2))
