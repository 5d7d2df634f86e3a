"""Secrets at rest: what is sealed opens only here, only unchanged, and only in its own place."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.errors import Corrupt
from accounts.sealing.keyring import current_keyring
from accounts.sealing.sealing import Keyring, is_current, seal, unseal
from accounts.sealing.texts import open_text, seal_text

OLD = Keyring((("k1", b"1" * 32),))
NEW = Keyring((("k2", b"2" * 32), ("k1", b"1" * 32)))


@given(st.binary(max_size=300), st.text(max_size=60))
def test_what_is_sealed_opens_again(plaintext: bytes, context: str) -> None:
    sealed = seal(plaintext, keyring=OLD, context=context)
    assert unseal(sealed, keyring=OLD, context=context) == plaintext


def test_the_same_secret_never_looks_the_same_twice() -> None:
    sealed = {seal(b"secret", keyring=OLD, context="a:1:b") for _ in range(50)}
    assert len(sealed) == 50
    assert not any("secret" in text for text in sealed)


def test_a_sealed_value_that_was_moved_to_another_row_does_not_open() -> None:
    sealed = seal(b"secret", keyring=OLD, context="HostedKey:1:private")
    with pytest.raises(Corrupt) as refusal:
        unseal(sealed, keyring=OLD, context="HostedKey:2:private")
    assert refusal.value.code == "sealing.not_authentic"


def test_every_changed_byte_is_noticed() -> None:
    sealed = seal(b"secret", keyring=OLD, context="a:1:b")
    body = base64.b64decode(sealed.partition(":")[2])
    for position in range(len(body)):
        changed = bytearray(body)
        changed[position] ^= 1
        with pytest.raises(Corrupt) as refusal:
            unseal(f"k1:{base64.b64encode(bytes(changed)).decode()}", keyring=OLD, context="a:1:b")
        assert refusal.value.code == "sealing.not_authentic"


def test_after_a_rotation_old_secrets_open_and_new_ones_use_the_new_key() -> None:
    old = seal(b"secret", keyring=OLD, context="a:1:b")
    assert unseal(old, keyring=NEW, context="a:1:b") == b"secret"
    assert not is_current(old, keyring=NEW)
    fresh = seal(b"secret", keyring=NEW, context="a:1:b")
    assert fresh.startswith("k2:")
    assert is_current(fresh, keyring=NEW)


def test_a_key_that_is_gone_is_named_and_no_secret_is() -> None:
    sealed = seal(b"secret", keyring=NEW, context="a:1:b")
    with pytest.raises(Corrupt) as refusal:
        unseal(sealed, keyring=OLD, context="a:1:b")
    assert refusal.value.code == "sealing.key_missing"
    assert "'k2'" in refusal.value.message


@pytest.mark.parametrize(
    "sealed", ["", "k1", "k1:", "k1:!!!", "k1:c2hvcnQ=", ":" + "A" * 80, "K 1:" + "A" * 80]
)
def test_it_refuses_what_is_no_sealed_value(sealed: str) -> None:
    with pytest.raises(Corrupt) as refusal:
        unseal(sealed, keyring=OLD, context="a:1:b")
    assert refusal.value.code == "sealing.malformed"


def test_a_keyring_is_parsed_with_the_current_key_first() -> None:
    first, second = base64.b64encode(b"1" * 32).decode(), base64.b64encode(b"2" * 32).decode()
    keyring = Keyring.parse(f"k2:{second}, k1:{first}")
    assert keyring == NEW
    assert keyring.current_id == "k2"
    assert second not in repr(keyring)
    assert "2222" not in repr(keyring)


@pytest.mark.parametrize("text", ["", "k1", "k1:", "k1:AAAA", "K1:" + "A" * 44, "k1:not base64"])
def test_it_refuses_a_keyring_without_repeating_it(text: str) -> None:
    with pytest.raises(ValueError, match="key") as refusal:
        Keyring.parse(text)
    assert "AAAA" not in str(refusal.value)


def test_it_refuses_a_keyring_in_which_two_keys_share_an_id() -> None:
    key = base64.b64encode(b"1" * 32).decode()
    with pytest.raises(ValueError, match="must differ"):
        Keyring.parse(f"k1:{key},k1:{key}")


def test_the_installation_has_a_keyring_that_works() -> None:
    keyring = current_keyring()
    assert unseal(seal(b"x", keyring=keyring, context="c"), keyring=keyring, context="c") == b"x"


def test_a_text_opens_for_its_own_purpose_only() -> None:
    sealed = seal_text("clé", context="seed")
    assert "clé" not in sealed
    assert open_text(sealed, context="seed") == "clé"
    with pytest.raises(Corrupt) as refusal:
        open_text(sealed, context="elsewhere")
    assert refusal.value.code == "sealing.not_authentic"


def test_bytes_that_are_no_text_are_refused_as_such() -> None:
    sealed = seal(b"\xff", keyring=current_keyring(), context="seed")
    with pytest.raises(Corrupt) as refusal:
        open_text(sealed, context="seed")
    assert refusal.value.code == "sealing.malformed"
