"""The state root: as documented, independent of cutting, and different after any change; proofs hold or are
refused."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.errors import Corrupt, Invalid
from hashsets.core.columns import Op, Rows
from hashsets.core.digest import operations_digest
from hashsets.core.merkle import (
    TypeRoot,
    bits_for,
    bits_of,
    bucket_of,
    leaf_of,
    leaves_of,
    list_root,
    type_root,
    update_leaves,
)
from hashsets.core.proofs import Proof, prove, verify_proof
from tests.hashsets.core import golden, plain
from tests.hashsets.core.builders import Fact, Key, Model, listed, random_rows, rows_of, sorted_rows
from tests.hashsets.core.test_journey_of_a_list import facts, keys

models = st.dictionaries(keys, facts, max_size=14)
small_bits = st.integers(0, 4)


def root_of(model: Model, bits: int) -> str:
    return type_root(leaves_of([sorted_rows(model)], bits, 16), len(model))


def test_the_golden_vectors_hold() -> None:
    assert json.loads(golden.VECTORS.read_text(encoding="utf-8")) == golden.vectors()


@given(models, small_bits)
def test_the_root_is_what_the_documentation_says(model: Model, bits: int) -> None:
    assert root_of(model, bits) == plain.type_root(model, bits, 16)


@given(models, small_bits, st.lists(st.integers(0, 14)))
def test_the_root_does_not_depend_on_how_rows_are_cut(model: Model, bits: int, cuts: list[int]) -> None:
    rows = sorted_rows(model)
    edges = sorted({0, len(rows), *(min(cut, len(rows)) for cut in cuts)})
    batches = [rows.slice(start, stop) for start, stop in pairwise(edges)]
    assert leaves_of(batches, bits, 16) == leaves_of([rows], bits, 16)


@given(models.filter(bool), small_bits, st.data())
def test_any_change_changes_the_root(model: Model, bits: int, data: st.DataObject) -> None:
    key = data.draw(st.sampled_from(sorted(model)))
    other = data.draw(st.builds(Fact, st.integers(0, 2), st.sampled_from([None, 0]), added=st.integers(1, 2)))
    changed = model | {key: other}
    assert (root_of(changed, bits) == root_of(model, bits)) == (model[key] == other)
    without = {kept: fact for kept, fact in model.items() if kept != key}
    assert root_of(without, bits) != root_of(model, bits)
    assert root_of(model, bits) != root_of(model, bits + 1)


def test_list_roots_bind_type_count_and_root_in_any_order() -> None:
    states = [TypeRoot("sha256", 2, "a" * 64), TypeRoot("md5", 1, "b" * 64)]
    expected = plain.list_root({"sha256": (2, "a" * 64), "md5": (1, "b" * 64)})
    assert list_root(states) == list_root(states[::-1]) == expected
    for other in (
        replace(states[0], slug="pdq"),
        replace(states[0], count=3),
        replace(states[0], root="c" * 64),
    ):
        assert list_root([other, states[1]]) != expected
    assert list_root([]) != list_root(states[:1])


@pytest.mark.parametrize(
    ("count", "bits"),
    [(0, 0), (1024, 0), (1025, 1), (2048, 1), (2049, 2), (1_000_000, 10), (10**7, 14), (10**12, 24)],
)
def test_buckets_hold_about_a_thousand_entries(count: int, bits: int) -> None:
    assert bits_for(count) == bits


def test_leaves_are_updated_by_bucket() -> None:
    rows = random_rows(5000)
    leaves = leaves_of([rows], 3, 32)
    assert bits_of(leaves) == 3
    changed = replace(rows, classification=rows.classification + 1)
    buckets = np.array([bucket_of(raw.tobytes(), 3) for raw in rows.hash])
    start, stop = np.searchsorted(buckets, [5, 6]).tolist()
    updated = update_leaves(leaves, [(changed, [(5, start, stop)])])
    assert updated[5 * 32 : 6 * 32] == leaf_of(changed.slice(start, stop)) != leaves[5 * 32 : 6 * 32]
    assert updated[: 5 * 32] == leaves[: 5 * 32]
    with pytest.raises(Invalid):
        bits_of(leaves[:-1])


def test_rows_out_of_order_have_no_root() -> None:
    rows = random_rows(100)
    with pytest.raises(Invalid):
        leaves_of([rows, rows], 3, 32)


@given(models, small_bits, keys)
def test_proofs_say_what_is_there_and_what_is_not(model: Model, bits: int, key: Key) -> None:
    root, leaves = root_of(model, bits), leaves_of([sorted_rows(model)], bits, 16)
    bucket = bucket_of(key[0], bits)
    rows = sorted_rows({k: fact for k, fact in model.items() if bucket_of(k[0], bits) == bucket})
    proof = prove(leaves, len(model), bucket, rows)
    assert verify_proof(proof, root, *key) == (key in model)
    assert verify_proof(proof, root, key[0]) == any(key[0] == k[0] for k in model)


def forged(proof: Proof) -> list[Proof]:
    pairs = listed(proof.rows)
    rows: list[Rows] = [rows_of(pairs[1:]), rows_of([*pairs, pairs[-1]]), rows_of(pairs[::-1])]
    return [
        *(replace(proof, rows=one) for one in rows),
        replace(proof, count=proof.count + 1),
        replace(proof, bucket=proof.bucket ^ 1),
        replace(proof, bits=proof.bits - 1),
        replace(proof, bits=proof.bits - 1, path=proof.path[:-1]),
        replace(proof, path=proof.path[::-1]),
        replace(proof, path=(bytes(32), *proof.path[1:])),
    ]


def test_forged_proofs_are_refused() -> None:
    model = {(bytes([number]) * 16, 0): Fact(classification=1) for number in range(256)}
    leaves, bits = leaves_of([sorted_rows(model)], 4, 16), 4
    raw = bytes([0x35]) * 16
    rows = sorted_rows({key: fact for key, fact in model.items() if bucket_of(key[0], bits) == 3})
    proof = prove(leaves, 256, 3, rows)
    root = type_root(leaves, 256)
    assert verify_proof(proof, root, raw)
    assert not verify_proof(proof, root, raw[:-1] + b"\0")
    for wrong in forged(proof):
        with pytest.raises(Corrupt) as refused:
            verify_proof(wrong, root, raw)
        assert refused.value.code == "proof.invalid"
    for other in (bytes(16), b"\x35" * 15):
        with pytest.raises(Corrupt):
            verify_proof(proof, root, other)


@given(models.filter(bool), st.integers(1, 5))
def test_operation_digests_ignore_files_batches_and_release_numbers(model: Model, step: int) -> None:
    rows = sorted_rows(model).with_op(Op.ADD)
    cut = [rows.slice(at, min(at + step, len(rows))) for at in range(0, len(rows), step)]
    whole = operations_digest({"md5": [rows]})
    assert whole == operations_digest({"md5": cut, "pdq": []})
    assert whole == operations_digest({"md5": [rows.released(added=7, changed=9)]})
    assert whole != operations_digest({"pdq": [rows]})
    assert whole != operations_digest({"md5": [rows.with_op(Op.UPDATE)]})
    assert whole != operations_digest({"md5": [replace(rows, classification=rows.classification + 1)]})
    assert whole != operations_digest({"md5": [rows.slice(0, len(rows) - 1)]})


def test_operation_digests_are_as_documented() -> None:
    model = golden.MODELS["every column"]
    expected = plain.block(4, 16, sorted(model.items()), op=[1] * len(model))
    octets = b"hash-exchange operations 1\n" + b"\x03md5" + expected + len(model).to_bytes(8, "little")
    rows = sorted_rows(model).with_op(Op.ADD)
    assert operations_digest({"md5": [rows]}) == plain.sha256(octets).hex()
