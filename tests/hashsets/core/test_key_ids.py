"""A key id is the key's hash and a key has one form, so that counting ids counts keys."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from securesystemslib.signer import Key, SSlibKey
from tuf.api.metadata import (
    DelegatedRole,
    Delegations,
    Metadata,
    Role,
    Root,
    SuccinctRoles,
    Targets,
    Timestamp,
)

from accounts.errors import Corrupt
from hashsets.core.anchor import check_list_root, is_demo
from hashsets.core.key_ids import check_keys
from hashsets.trust import metadata

UNTIL = datetime(2040, 1, 1, tzinfo=UTC)
ED25519 = SSlibKey.from_crypto(Ed25519PrivateKey.generate().public_key())
POINT = ec.generate_private_key(ec.SECP256R1()).public_key()
P256 = SSlibKey.from_crypto(POINT)
PEM: str = P256.keyval["public"]


def _compressed() -> str:
    """The same point in its other encoding, in a SubjectPublicKeyInfo of its own."""
    point = POINT.public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
    algorithm = bytes.fromhex("301306072a8648ce3d020106082a8648ce3d030107")
    bits = b"\x03" + bytes([len(point) + 1]) + b"\x00" + point
    der = b"\x30" + bytes([len(algorithm) + len(bits)]) + algorithm + bits
    body = base64.encodebytes(der).decode()
    return f"-----BEGIN PUBLIC KEY-----\n{body}-----END PUBLIC KEY-----\n"


OTHER_FORMS = {
    "without the last line end": PEM.rstrip("\n"),
    "with another line end": PEM.replace("\n", "\r\n"),
    "with white space around it": f"\n {PEM}\n",
    "with a line before it": f"an officer's key\n{PEM}",
    "with other lines": PEM.replace("\n", "", 2).replace("KEY-----", "KEY-----\n", 1),
    "compressed": _compressed(),
}


KINDS: dict[str, Any] = {"root": Root, "targets": Targets}


def delegation(*keys: tuple[str, Key], role: list[str] | None = None) -> Targets:
    held = dict(keys)
    named = DelegatedRole("list", list(held) if role is None else role, 1, terminating=True, paths=["a/*"])
    return Targets(1, expires=UNTIL, delegations=Delegations(held, {"list": named}))


def root(*keys: tuple[str, Key]) -> Root:
    held = dict(keys)
    names = ("root", "targets", "snapshot", "timestamp")
    return Root(1, expires=UNTIL, keys=held, roles={name: Role(list(held), 1) for name in names})


def another(keyid: str, key: Key, **changed: Any) -> Key:
    fields = {"keytype": key.keytype, "scheme": key.scheme, "keyval": dict(key.keyval), **changed}
    return SSlibKey(keyid, **fields)


def own_hash(key: Key) -> Key:
    """The key under the hash of the form in which it stands: what a careful attacker would write."""
    from securesystemslib.signer._utils import compute_default_keyid

    keyid = compute_default_keyid(key.keytype, key.scheme, key.keyval)
    return another(keyid, key)


def refused(signed: Root | Targets) -> str:
    with pytest.raises(Corrupt) as refusal:
        check_keys(signed)
    # Every door of the server and the client leads through it.
    with pytest.raises(Corrupt) as read:
        metadata.read(Metadata[Any](signed).to_bytes(), KINDS[signed.type])
    assert read.value.code == refusal.value.code
    return refusal.value.code


def test_keys_under_their_own_ids_are_let_through() -> None:
    check_keys(root((ED25519.keyid, ED25519), (P256.keyid, P256)))
    check_keys(delegation((ED25519.keyid, ED25519), (P256.keyid, P256)))
    check_keys(Targets(1, expires=UNTIL))
    check_keys(Timestamp(1, expires=UNTIL))


def test_another_key_behind_a_known_id_is_refused() -> None:
    for genuine in (ED25519, P256):
        other = another(genuine.keyid, SSlibKey.from_crypto(Ed25519PrivateKey.generate().public_key()))
        assert refused(root((genuine.keyid, other))) == "metadata.key_id"
        assert refused(delegation((genuine.keyid, other))) == "metadata.key_id"


def test_one_key_under_two_ids_is_refused() -> None:
    for key in (ED25519, P256):
        alias = ("ab" * 32, another("ab" * 32, key))
        assert refused(root((key.keyid, key), alias)) == "metadata.key_twice"
        assert refused(delegation(alias, (key.keyid, key))) == "metadata.key_twice"


@pytest.mark.parametrize("form", OTHER_FORMS.values(), ids=OTHER_FORMS.keys())
def test_one_key_in_two_forms_is_one_key(form: str) -> None:
    other = own_hash(another("", P256, keyval={"public": form}))
    assert other.keyid != P256.keyid
    assert refused(delegation((P256.keyid, P256), (other.keyid, other))) == "metadata.key_twice"
    assert refused(delegation((other.keyid, other))) == "metadata.key_id"


def test_an_ed25519_key_in_capitals_is_the_same_key() -> None:
    other = own_hash(another("", ED25519, keyval={"public": ED25519.keyval["public"].upper()}))
    assert refused(root((ED25519.keyid, ED25519), (other.keyid, other))) == "metadata.key_twice"


def test_fields_beside_a_key_do_not_make_it_another() -> None:
    beside = another("", P256, keyval={"public": PEM, "private": ""})
    assert refused(delegation((P256.keyid, P256), (own_hash(beside).keyid, beside))) == "metadata.key_twice"
    noted = another(P256.keyid, P256, unrecognized_fields={"x-note": "officer"})
    assert refused(root((P256.keyid, noted))) == "metadata.key_id"


def test_kinds_of_keys_that_no_exchange_issues_are_refused() -> None:
    long = SSlibKey.from_crypto(rsa.generate_private_key(65537, 2048).public_key())
    assert refused(root((long.keyid, long))) == "metadata.key_kind"
    p384 = SSlibKey.from_crypto(ec.generate_private_key(ec.SECP384R1()).public_key())
    assert refused(root((p384.keyid, p384))) == "metadata.key_kind"
    renamed = own_hash(another("", P256, keytype="ecdsa-sha2-nistp256"))
    assert refused(root((renamed.keyid, renamed))) == "metadata.key_kind"
    broken = own_hash(another("", ED25519, keyval={"public": "zz"}))
    assert refused(delegation((broken.keyid, broken))) == "metadata.key_kind"


def test_a_role_that_names_a_key_id_twice_is_refused() -> None:
    """Built in memory; in a file python-tuf refuses it by itself."""
    twice = root((P256.keyid, P256))
    twice.roles["root"].keyids.append(P256.keyid)
    with pytest.raises(Corrupt) as refusal:
        check_keys(twice)
    assert refusal.value.code == "metadata.key_twice"


def test_a_role_that_names_a_key_that_is_not_there_is_refused() -> None:
    assert refused(delegation((P256.keyid, P256), role=[P256.keyid, "cd" * 32])) == "metadata.key_missing"
    succinct = SuccinctRoles(["cd" * 32], 1, 2, "bin")
    targets = Targets(1, expires=UNTIL, delegations=Delegations({}, succinct_roles=succinct))
    assert refused(targets) == "metadata.key_missing"


def test_a_terminal_does_not_obey_what_metadata_say() -> None:
    name = "\x1b[2J\u202enothing to see"
    for signed in (
        root((name, another(name, P256))),
        delegation((P256.keyid, P256), (name, another(name, P256))),
    ):
        with pytest.raises(Corrupt) as refusal:
            check_keys(signed)
        assert refusal.value.message.isascii()
        assert refusal.value.message.isprintable()


def test_a_threshold_is_not_counted_over_names_of_keys() -> None:
    """Also where the delegator was not read from a file but handed over."""
    delegator = delegation((P256.keyid, P256), ("ab" * 32, another("ab" * 32, P256)))
    with pytest.raises(Corrupt) as refusal:
        metadata.meets(delegator, "list", b"part", {})
    assert refusal.value.code == "metadata.key_twice"


def test_the_anchor_of_lists_counts_keys_as_well() -> None:
    good = Metadata(root((P256.keyid, P256))).to_bytes()
    bad = Metadata(root((P256.keyid, another(P256.keyid, ED25519)))).to_bytes()
    for pair in ((good, bad), (bad, good)):
        with pytest.raises(Corrupt) as refusal:
            check_list_root(*pair)
        assert refusal.value.code == "metadata.key_id"
    with pytest.raises(Corrupt):
        is_demo(bad)
