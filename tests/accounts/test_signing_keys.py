"""Public signing keys: held by whoever registers them, confirmed by somebody else, revoked for good."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from securesystemslib.signer._crypto_signer import CryptoSigner
from securesystemslib.signer._key import SSlibKey

from accounts.audit.actions import Action
from accounts.audit.models import AuditEvent
from accounts.credentials.authenticate import actor_for_key
from accounts.credentials.issue import issue_credential
from accounts.errors import Conflict, Invalid, NotAllowed, NotFound
from accounts.signing_keys.models import SigningKey, SigningKeyStatus
from accounts.signing_keys.possession import possession_statement
from accounts.signing_keys.register import confirm_key, register_public_key, revoke_key
from tests import cast


def words_for(crew: cast.Crew, signer: CryptoSigner, **changes: Any) -> dict[str, Any]:
    key = signer.public_key
    proof = signer.sign(possession_statement(crew.organisation.id, key.keyid)).signature
    return {
        "name": "vault key",
        "keyid": key.keyid,
        "keytype": key.keytype,
        "scheme": key.scheme,
        "public": key.keyval["public"],
        "custody": "own",
        "proof": proof,
        **changes,
    }


def register(crew: cast.Crew, by: cast.Person | None = None, **changes: Any) -> SigningKey:
    words = words_for(crew, CryptoSigner.generate_ed25519(), **changes)
    actor = (by or crew.admin).actor
    return register_public_key(crew.organisation, **words, actor=actor, now=cast.NOW)


@pytest.mark.django_db
@pytest.mark.parametrize("make", [CryptoSigner.generate_ed25519, CryptoSigner.generate_ecdsa])
def test_a_key_waits_for_a_second_person_who_confirms_it(make: Any) -> None:
    harbor = cast.harbor()
    words = words_for(harbor, make())
    key = register_public_key(harbor.organisation, **words, actor=harbor.admin.actor, now=cast.NOW)
    assert key.status == SigningKeyStatus.PENDING
    confirmed = confirm_key(key.id, actor=harbor.second_admin.actor, now=cast.NOW)
    assert confirmed.status == SigningKeyStatus.ACTIVE
    assert confirmed.confirmed_by_id == harbor.second_admin.user.id
    actions = list(AuditEvent.objects.filter(subject_id=str(key.id)).values_list("action", flat=True))
    assert sorted(actions) == [Action.KEY_CONFIRMED, Action.KEY_REGISTERED]


@pytest.mark.django_db
def test_whoever_registered_a_key_does_not_confirm_it() -> None:
    harbor = cast.harbor()
    key = register(harbor)
    with pytest.raises(NotAllowed) as refusal:
        confirm_key(key.id, actor=harbor.admin.actor, now=cast.NOW)
    assert refusal.value.code == "key.second_person"
    key.refresh_from_db()
    assert key.status == SigningKeyStatus.PENDING


@pytest.mark.django_db
def test_strangers_touch_no_key_and_learn_of_none() -> None:
    harbor, stranger = cast.harbor(), cast.stranger()
    outsider = cast.Person(user=stranger.user, actor=stranger.actor)
    with pytest.raises(NotFound) as refusal:
        register(harbor, outsider)
    assert refusal.value.code == "organisation.not_found"
    key = register(harbor)
    for actor in (stranger.actor, cast.operator().admin.actor):
        with pytest.raises(NotFound):
            confirm_key(key.id, actor=actor, now=cast.NOW)
        with pytest.raises(NotFound):
            revoke_key(key.id, actor=actor, now=cast.NOW)


@pytest.mark.django_db
def test_colleagues_without_the_right_do_not_arrange_keys() -> None:
    harbor = cast.harbor()
    for colleague in (harbor.contributor, harbor.approver, harbor.viewer):
        with pytest.raises(NotAllowed):
            register(harbor, colleague)
    key = register(harbor)
    with pytest.raises(NotAllowed):
        confirm_key(key.id, actor=harbor.signer.actor, now=cast.NOW)
    with pytest.raises(NotAllowed):
        revoke_key(key.id, actor=harbor.signer.actor, now=cast.NOW)


@pytest.mark.django_db
def test_a_signer_brings_a_key_of_their_own_but_neither_has_one_made_nor_confirms_it() -> None:
    harbor = cast.harbor()
    with pytest.raises(NotAllowed):
        register(harbor, harbor.signer, custody="hosted", proof="")
    key = register(harbor, harbor.signer)
    assert key.status == SigningKeyStatus.PENDING
    with pytest.raises(NotAllowed):
        confirm_key(key.id, actor=harbor.signer.actor, now=cast.NOW)
    assert confirm_key(key.id, actor=harbor.admin.actor, now=cast.NOW).status == SigningKeyStatus.ACTIVE


@pytest.mark.django_db
def test_one_key_written_in_two_ways_is_one_key() -> None:
    harbor = cast.harbor()
    signer = CryptoSigner.generate_ecdsa()
    words = words_for(harbor, signer)
    windows = words | {"public": words["public"].replace("\n", "\r\n")}
    key = register_public_key(harbor.organisation, **windows, actor=harbor.admin.actor, now=cast.NOW)
    assert key.public == words["public"]
    with pytest.raises(Conflict) as refusal:
        register_public_key(harbor.organisation, **words, actor=harbor.admin.actor, now=cast.NOW)
    assert refusal.value.code == "key.exists"


@pytest.mark.django_db
def test_a_credential_confirms_no_key() -> None:
    harbor = cast.harbor()
    key = register(harbor)
    issued = issue_credential(
        harbor.organisation,
        name="job",
        scopes=["list.view"],
        mode="live",
        expires_at=cast.NOW.replace(year=2027),
        actor=harbor.second_admin.actor,
        now=cast.NOW,
    )
    with pytest.raises(NotAllowed):
        confirm_key(key.id, actor=actor_for_key(issued.key, now=cast.NOW), now=cast.NOW)


@pytest.mark.django_db
@pytest.mark.parametrize("make", [CryptoSigner.generate_ed25519, CryptoSigner.generate_ecdsa])
def test_a_key_is_not_registered_by_somebody_who_only_copied_it(make: Any) -> None:
    harbor, northland = cast.harbor(), cast.northland()
    signer = make()
    elsewhere = words_for(northland, signer)["proof"]
    for proof in ("", "zz", "00" * 64, elsewhere, elsewhere.upper(), elsewhere + "00"):
        words = words_for(harbor, signer, proof=proof)
        with pytest.raises(Invalid) as refusal:
            register_public_key(harbor.organisation, **words, actor=harbor.admin.actor, now=cast.NOW)
        assert refusal.value.code == "key.proof"


@pytest.mark.django_db
def test_a_hosted_key_needs_no_proof_because_the_exchange_made_it() -> None:
    harbor = cast.harbor()
    assert register(harbor, custody="hosted", proof="").custody == "hosted"


def p384() -> dict[str, str]:
    key = SSlibKey.from_crypto(ec.generate_private_key(ec.SECP384R1()).public_key())
    return {"keytype": "ecdsa", "scheme": "ecdsa-sha2-nistp256", "public": key.keyval["public"]}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"keyid": "0" * 64}, "key.keyid"),
        ({"custody": "shared"}, "key.custody"),
        ({"keytype": "rsa", "scheme": "rsassa-pss-sha256"}, "key.type"),
        ({"scheme": "ecdsa-sha2-nistp256"}, "key.type"),
        ({"public": "12"}, "key.malformed"),
        ({"public": "é" * 64}, "key.malformed"),
        ({"public": "A" * 64}, "key.malformed"),
        ({"keytype": "ecdsa", "scheme": "ecdsa-sha2-nistp256"}, "key.malformed"),
        ({"keytype": "ecdsa", "scheme": "ecdsa-sha2-nistp256", "public": "é"}, "key.malformed"),
        ({"keytype": "ecdsa", "scheme": "ecdsa-sha2-nistp256", "public": "x" * 2_000}, "key.malformed"),
        (p384(), "key.malformed"),
        ({"name": " "}, "text.missing"),
    ],
)
def test_it_refuses_a_key_that_clients_could_not_use(changes: dict[str, Any], code: str) -> None:
    harbor = cast.harbor()
    with pytest.raises(Invalid) as refusal:
        register(harbor, **changes)
    assert refusal.value.code == code


@pytest.mark.django_db
def test_an_organisation_registers_a_key_once() -> None:
    harbor = cast.harbor()
    words = words_for(harbor, CryptoSigner.generate_ed25519())
    register_public_key(harbor.organisation, **words, actor=harbor.admin.actor, now=cast.NOW)
    with pytest.raises(Conflict) as refusal:
        register_public_key(harbor.organisation, **words, actor=harbor.second_admin.actor, now=cast.NOW)
    assert refusal.value.code == "key.exists"


@pytest.mark.django_db
def test_a_revoked_key_never_comes_back() -> None:
    harbor = cast.harbor()
    key = register(harbor)
    revoked = revoke_key(key.id, actor=harbor.admin.actor, now=cast.NOW, reason="lost token")
    assert (revoked.status, revoked.revoked_at) == (SigningKeyStatus.REVOKED, cast.NOW)
    assert AuditEvent.objects.latest("number").facts["reason"] == "lost token"
    with pytest.raises(Conflict) as refusal:
        confirm_key(key.id, actor=harbor.second_admin.actor, now=cast.NOW)
    assert refusal.value.code == "key.move"
    with pytest.raises(Conflict):
        revoke_key(key.id, actor=harbor.admin.actor, now=cast.NOW)


@pytest.mark.django_db
def test_a_proof_made_by_openssl_is_taken(tmp_path: Path) -> None:
    harbor = cast.harbor()
    private = ec.generate_private_key(ec.SECP256R1())
    key = SSlibKey.from_crypto(private.public_key())
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "key.pem").write_bytes(pem)
    (tmp_path / "statement").write_bytes(possession_statement(harbor.organisation.id, key.keyid))
    signed = subprocess.run(
        ["openssl", "dgst", "-sha256", "-sign", tmp_path / "key.pem", tmp_path / "statement"],
        check=True,
        capture_output=True,
    )
    registered = register_public_key(
        harbor.organisation,
        name="token",
        keyid=key.keyid,
        keytype=key.keytype,
        scheme=key.scheme,
        public=key.keyval["public"],
        custody="own",
        proof=signed.stdout.hex(),
        actor=harbor.admin.actor,
        now=cast.NOW,
    )
    assert registered.status == SigningKeyStatus.PENDING


def test_the_statement_names_the_organisation_and_the_key() -> None:
    statement = possession_statement(UUID(int=1), "ab")
    assert statement == b"hash-exchange key registration 1\n00000000-0000-0000-0000-000000000001\nab\n"
