"""The words that officers read fix the bytes that they sign: a change of a request shows, or is refused."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from securesystemslib.formats import encode_canonical
from securesystemslib.signer import SSlibKey

from accounts.errors import Corrupt
from hashsets.trust import metadata
from hashsets.trust.explain import describe
from hashsets.trust.metadata import OfficerSet, PublisherFacts

UNTIL = datetime(2040, 1, 2, 3, 4, 5, tzinfo=UTC)
LIST_ID = "abcdefghijklmnopqrstuvwxyz"
KEYS = [SSlibKey.from_crypto(Ed25519PrivateKey.generate().public_key()) for _ in range(3)]
KEYS.append(SSlibKey.from_crypto(ec.generate_private_key(ec.SECP256R1()).public_key()))
ONLINE = SSlibKey.from_crypto(Ed25519PrivateKey.generate().public_key())
HARBOR = PublisherFacts("Harbor", "ngo", "GB", "own")


def root(repository_id: str = LIST_ID, *, threshold: int = 2, demo: bool = False) -> bytes:
    officers = OfficerSet(tuple(KEYS), threshold, demo)
    part = metadata.root_part(repository_id, version=2, expires=UNTIL, officers=officers, online=ONLINE)
    return metadata.signed_bytes(part)


def targets(publisher: PublisherFacts | None = HARBOR) -> bytes:
    part = metadata.targets_part(
        version=2,
        expires=UNTIL,
        role="list" if publisher else "catalogue",
        paths=[f"{LIST_ID}/*"] if publisher else ["catalogue.json", "push-key.json"],
        keys=KEYS,
        threshold=2,
        publisher=publisher,
    )
    return metadata.signed_bytes(part)


def changes_of(value: Any) -> Iterator[Any]:
    """Other values in the place of this one, of its kind and of others."""
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, int):
        yield from (value - 1, value + 1, value + 10, -value, 0, str(value))
    elif isinstance(value, str):
        yield from (
            f"{value}a",
            value[:-1],
            f" {value}",
            value.upper(),
            value.swapcase(),
            f"{value}\u200b",
            "",
        )
        yield f"{value}\n"
        for old, new in (("2", "3"), ("a", "b"), ("0", "1"), ("1.0", "1.1"), ("Z", "")):
            if old in value:
                yield value.replace(old, new, 1)
    elif isinstance(value, list):
        yield from ([], [*value, *value[:1]], value[1:], value[::-1], [*value, "x"], value[:-1])
    elif isinstance(value, dict):
        yield from ({}, {**value, "x-more": "1"}, {**value, "x-more": {}})
        for name in value:
            yield {key: one for key, one in value.items() if key != name}
            yield {f"{key}0" if key == name else key: one for key, one in value.items()}
        names = list(value)
        if len(names) > 1:
            yield {**value, names[0]: value[names[1]], names[1]: value[names[0]]}
            yield {**value, names[0]: value[names[1]]}
    yield None


def mutants(document: Any, here: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Every document that differs from `document` in one place, with the path to it."""
    for changed in changes_of(document):
        yield here, changed
    inner = (
        document.items()
        if isinstance(document, dict)
        else enumerate(document if isinstance(document, list) else [])
    )
    for name, value in inner:
        for path, changed in mutants(value, (*here, name)):
            whole = copy.deepcopy(document)
            whole[name] = changed
            yield path, whole


def canonical(document: Any) -> bytes:
    text = encode_canonical(document)
    assert text is not None
    return text.encode()


def words(part: bytes) -> tuple[str, ...] | None:
    """What is shown but for the digest of the bytes; None when it is refused."""
    try:
        *lines, _ = describe(part)
    except Corrupt:
        return None
    return tuple(lines)


@pytest.mark.parametrize(
    "part",
    [root(), root("directory", demo=True), targets(), targets(None)],
    ids=["root of a list", "root of the directory", "targets of a list", "targets of the directory"],
)
def test_two_requests_with_the_same_words_are_the_same_bytes(part: bytes) -> None:
    said = words(part)
    assert said is not None
    seen = {said: part}
    tried = 0
    for path, document in mutants(json.loads(part.decode(), strict=False)):
        try:
            changed = canonical(document)
        except Exception:  # noqa: S112 - has no canonical form, so nobody can be asked to sign it
            continue
        tried += 1
        lines = words(changed)
        if lines is not None:
            assert seen.setdefault(lines, changed) == changed, f"a change at {path} does not show"
    assert tried > 200
    assert len(seen) > 5  # what an exchange might ask for as well, each with words of its own


def test_keys_are_shown_in_full_and_the_bytes_by_their_digest() -> None:
    text = "\n".join(describe(root())).replace(" ", "")
    assert all(key.keyid in text for key in (*KEYS, ONLINE))
    text = "\n".join(describe(targets())).replace(" ", "")
    assert all(key.keyid in text for key in KEYS)


def refused(part: dict[str, Any]) -> str:
    with pytest.raises(Corrupt) as refusal:
        describe(canonical(part))
    return refusal.value.message


def changed(part: bytes, **fields: Any) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(part.decode(), strict=False)
    return {**document, **fields}


def test_what_no_exchange_asks_for_is_refused_in_words() -> None:
    document = changed(root())
    roles = document["roles"]
    officer = roles["root"]["keyids"][0]
    assert "signs the timestamp" not in refused(changed(root(), consistent_snapshot=False))
    assert "consistent_snapshot" in refused(changed(root(), consistent_snapshot=False))
    assert "'x-note'" in refused(changed(root(), **{"x-note": "harmless"}))
    online = {**roles, "timestamp": {"keyids": [officer], "threshold": 1}}
    assert "officer's key is the online key" in refused(changed(root(), roles=online))
    several = {**roles, "timestamp": {"keyids": roles["root"]["keyids"], "threshold": 1}}
    assert "4 online keys" in refused(changed(root(), roles=several))
    beyond = {**roles, "root": {**roles["root"], "threshold": 5}}
    assert "5 signatures are asked for" in refused(changed(root(), roles=beyond))
    weaker = {**roles, "targets": {**roles["targets"], "threshold": 1}}
    assert "'roles'" in refused(changed(root(), roles=weaker))
    assert "of which repository" in refused(changed(root(), **{"x-repository": "another"}))
    named = {"a.json": {"length": 1, "hashes": {"sha256": "ab" * 32}}}
    assert "names 1 files itself" in refused(changed(targets(), targets=named))
    delegations = changed(targets())["delegations"]
    (role,) = delegations["roles"]
    for fields, why in (
        ({"paths": ["*"]}, "not one list's files"),
        ({"paths": [f"{LIST_ID}/*", "other/*"]}, "not one list's files"),
        ({"terminating": False}, "'delegations'"),
        ({"name": "other"}, "not one list's files"),
    ):
        wrong = {**delegations, "roles": [{**role, **fields}]}
        assert why in refused(changed(targets(), delegations=wrong))
    second = {**delegations, "roles": [role, {**role, "name": "second"}]}
    assert "2 roles" in refused(changed(targets(), delegations=second))
    assert "who the publisher is" in refused(changed(targets(), **{"x-publisher": {"name": "Harbor"}}))
    unprintable = {**changed(targets())["x-publisher"], "name": "Harbor\u202e"}
    assert "cannot be shown" in refused(changed(targets(), **{"x-publisher": unprintable}))


def test_true_is_no_number() -> None:
    """Python counts with it; clients in other languages refuse the whole file."""
    document = changed(root(threshold=1))
    roles = document["roles"]
    why = "true or false stands where a number belongs"
    for role in ("root", "targets"):
        roles = {**roles, role: {**roles[role], "threshold": True}}
    assert why in refused({**document, "roles": roles})
    assert why in refused({**document, "version": True})
    assert why in refused(changed(targets(), version=True))
    delegations = changed(targets())["delegations"]
    (role,) = delegations["roles"]
    weaker = {**delegations, "roles": [{**role, "threshold": True}]}
    assert why in refused(changed(targets(), delegations=weaker))
    online = {**document["roles"], "timestamp": {**document["roles"]["timestamp"], "threshold": True}}
    assert "in 'roles'" in refused({**document, "roles": online})
    assert "in 'consistent_snapshot'" in refused({**document, "consistent_snapshot": 1})


def test_one_repository_never_turns_into_another() -> None:
    for now, before in ((root(), root("directory")), (targets(None), targets()), (root(), targets())):
        with pytest.raises(Corrupt) as refusal:
            describe(now, before)
        assert refusal.value.code == "ceremony.unexplained"
    with pytest.raises(Corrupt):
        describe(root(demo=True), root())


def test_a_change_of_the_publisher_is_said_in_words() -> None:
    said = describe(targets(PublisherFacts("Lumen", "ngo", "FR", "hosted")), targets())
    assert "CHANGED name: 'Harbor' -> 'Lumen'" in said
    assert "CHANGED jurisdiction: 'GB' -> 'FR'" in said
    assert "CHANGED key custody: 'own' -> 'hosted'" in said
    assert "CHANGED threshold of officers: 2 -> 1" in describe(root(threshold=1), root())
