"""Golden vectors: what these rows hash to, for ever. `python -m tests.hashsets.core.golden --write` writes
them anew, which is right only when a format number changes with them.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from hashsets.core.columns import Op
from hashsets.core.digest import operations_digest
from hashsets.core.hashtypes import HASH_TYPES
from hashsets.core.items import item_number, item_number_of_hash
from hashsets.core.manifest import Delta, Manifest, Snapshot, TypeState
from hashsets.core.merkle import TypeRoot, leaves_of, list_root, type_root
from hashsets.core.segment import SegmentFacts
from tests.hashsets.core.builders import Fact, Model, sorted_rows

VECTORS = Path(__file__).with_name("golden.json")
LIST_ID = "mfrggzdfmztwq2lknnwg23tpoa"
MODELS: dict[str, Model] = {
    "empty": {},
    "one": {(bytes(range(16)), 0): Fact(classification=1)},
    "every column": {
        (bytes([16 * number]) * 16, number % 2): Fact(
            classification=number % 3,
            quality=None if number % 4 == 0 else number,
            labels=tuple(range(1, number % 3 + 1)),
            source_ref=None if number % 5 == 0 else f"réf {number}",
            added=1,
            changed=1 + number % 2,
        )
        for number in range(16)
    },
}


def manifest() -> Manifest:
    """A release with a snapshot in two parts and a chain of two deltas."""
    parts = tuple(
        SegmentFacts(digit * 64, 16_000_000, 500_000, first, last)
        for digit, first, last in (("a", "00000001", "7fffffff"), ("b", "80000000", "fffffff0"))
    )
    chain = (
        Delta(1, 2, SegmentFacts("c" * 64, 5_000, 30, "0000ffff", "ff000000", 10, 15, 5)),
        Delta(2, 4, SegmentFacts("d" * 64, 400, 0, "", "")),
    )
    sha256 = TypeState("sha256", 1_000_005, 10, "e" * 64, Snapshot(1, parts), chain)
    empty = TypeState("md5", 0, 0, "f" * 64, Snapshot(1, ()))
    return Manifest(
        list_id=LIST_ID,
        title="Known files – été",
        release=4,
        previous="9" * 64,
        prepared_at="2026-01-31T12:00:00Z",
        scheme="ncmec",
        labels=((1, "A1"), (2, "A2"), (5, "own")),
        types=(empty, sha256),
    )


def vectors() -> dict[str, Any]:
    roots = {}
    for name, model in MODELS.items():
        for bits in (0, 2):
            root = type_root(leaves_of([sorted_rows(model)], bits, 16), len(model))
            roots[f"{name}, k = {bits}"] = root
    states = [TypeRoot("pdq", 3, roots["one, k = 0"]), TypeRoot("md5", 16, roots["every column, k = 2"])]
    rows = sorted_rows(MODELS["every column"])
    return {
        "type_roots": roots,
        "list_root": list_root(states),
        "operations": operations_digest({"md5": [rows.with_op(Op.ADD)], "pdq": []}),
        "items": {
            "key": str(item_number(LIST_ID, "case 1")),
            "hash": str(item_number_of_hash(LIST_ID, {"md5": bytes(16)})),
        },
        "hashes": {
            slug: [[text, kind.parse(text).hex(), kind.render(kind.parse(text))] for text in kind.examples]
            for slug, kind in HASH_TYPES.items()
        },
        "manifest": manifest().to_bytes().decode(),
    }


if __name__ == "__main__":
    found = json.dumps(vectors(), indent=1, ensure_ascii=False, sort_keys=True) + "\n"
    if "--write" in sys.argv:
        VECTORS.write_text(found, encoding="utf-8")
    else:
        sys.exit(0 if VECTORS.read_text(encoding="utf-8") == found else "the vectors differ; see --write")
