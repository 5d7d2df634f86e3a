"""The manifest: one document, one reading, and nothing that contradicts itself gets through."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from accounts.errors import Invalid, Refusal, TooLarge
from hashsets.core.manifest import Manifest, delta_name, manifest_name, part_name, utc
from hashsets.core.merkle import leaves_of, type_root
from hashsets.core.segment_writer import write_snapshot
from tests.hashsets.core.builders import MD5, Fact, model_of, sorted_rows
from tests.hashsets.core.golden import LIST_ID, manifest


def changed(**values: Any) -> Manifest:
    return replace(manifest(), **values)


def with_type(**values: Any) -> Manifest:
    empty, sha256 = manifest().types
    return changed(types=(empty, replace(sha256, **values)))


def test_a_manifest_reads_as_it_was_written() -> None:
    document = manifest().to_bytes()
    assert Manifest.parse(document) == manifest()
    assert json.loads(document)["root"] == manifest().root
    assert json.loads(document)["count"] == manifest().count == 1_000_005


def test_target_names_have_one_rule() -> None:
    assert manifest_name(LIST_ID) == f"{LIST_ID}/manifest.json"
    assert part_name(LIST_ID, "pdq", 7, 3) == f"{LIST_ID}/pdq.full-7.p03.parquet"
    assert delta_name(LIST_ID, "pdq", 7, 9) == f"{LIST_ID}/pdq.delta-7-9.parquet"
    assert [name.partition("/")[2] for name, _ in manifest().files()] == [
        "sha256.full-1.p01.parquet",
        "sha256.full-1.p02.parquet",
        "sha256.delta-1-2.parquet",
        "sha256.delta-2-4.parquet",
    ]


def test_it_opens_the_state_that_it_describes(tmp_path: Path) -> None:
    model = {(bytes([number]) * 16, 0): Fact() for number in range(20)}
    (part,) = write_snapshot(MD5, [sorted_rows(model)], tmp_path)
    root = type_root(leaves_of([sorted_rows(model)], 0, 16), 20)
    empty, sha256 = manifest().types
    snapshot = replace(empty.snapshot, parts=(part.facts,))
    md5 = replace(empty, count=20, root=root, snapshot=snapshot)
    release = Manifest.parse(changed(types=(md5, sha256)).to_bytes())
    state = release.open("md5", {part_name(LIST_ID, "md5", 1, 1): part.path}.__getitem__)
    assert model_of(state) == model
    assert release.open("pdq", lambda name: name).count == 0


def test_times_are_written_in_utc() -> None:
    assert utc(datetime(2026, 1, 31, 12, tzinfo=UTC)) == "2026-01-31T12:00:00Z"


def facts_of(**values: Any) -> Manifest:
    snapshot = manifest().types[1].snapshot
    return with_type(
        snapshot=replace(snapshot, parts=(replace(snapshot.parts[0], **values), snapshot.parts[1]))
    )


CONTRADICTIONS = {
    "list id": lambda: changed(list_id="../../../etc/passwd"),
    "title": lambda: changed(title=""),
    "release": lambda: changed(release=0),
    "previous of a first release": lambda: changed(release=1),
    "no previous": lambda: changed(previous=""),
    "time": lambda: changed(prepared_at="2026-02-30T12:00:00Z"),
    "time with zone": lambda: changed(prepared_at="2026-01-31T12:00:00+01:00"),
    "scheme": lambda: changed(scheme="NCMEC!"),
    "code 0": lambda: changed(labels=((0, "none"),)),
    "code 256": lambda: changed(labels=((256, "much"),)),
    "codes out of order": lambda: changed(labels=((2, "b"), (1, "a"))),
    "one name twice": lambda: changed(labels=((1, "a"), (2, "a"))),
    "types out of order": lambda: changed(types=manifest().types[::-1]),
    "one type twice": lambda: changed(types=manifest().types[1:] * 2),
    "type name": lambda: with_type(slug="../sha256"),
    "count": lambda: with_type(count=1_000_006),
    "bits": lambda: with_type(bits=25),
    "root": lambda: with_type(root="E" * 64),
    "gap in the chain": lambda: with_type(chain=manifest().types[1].chain[1:]),
    "chain beyond the release": lambda: changed(release=3),
    "rows of a part": lambda: facts_of(rows=499_999),
    "digest of a part": lambda: facts_of(sha256="a" * 63),
    "length of a part": lambda: facts_of(length=0),
    "bounds of a part": lambda: facts_of(first="8"),
    "parts that overlap": lambda: facts_of(last="80000001"),
    "integers beyond 2**53": lambda: facts_of(length=2**53),
}


@pytest.mark.parametrize("case", CONTRADICTIONS)
def test_a_contradiction_is_neither_written_nor_read(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = CONTRADICTIONS[case]()
    with pytest.raises(Invalid) as refused:
        wrong.to_bytes()
    assert refused.value.code == "manifest.corrupt"
    with monkeypatch.context() as patched:
        patched.setattr("hashsets.core.manifest._check", lambda manifest: None)
        document = wrong.to_bytes()
    with pytest.raises(Invalid) as refused:
        Manifest.parse(document)
    assert refused.value.code == "manifest.corrupt"


def edited(change: Any) -> bytes:
    document = json.loads(manifest().to_bytes())
    change(document)
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"a":' * 5000,
        b"1" * 5000,
        b"NaN",
        manifest().to_bytes() + b"\n",
        b"\xef\xbb\xbf" + manifest().to_bytes(),
        json.dumps(json.loads(manifest().to_bytes())).encode(),
        manifest().to_bytes().replace(b'"release":4', b'"release":4,"release":4'),
        manifest().to_bytes().replace(b'"release":4', b'"release":4.0'),
        manifest().to_bytes().replace(b'"release":4', b'"release":true'),
        manifest().to_bytes().replace(b'"release":4', b'"release":"4"'),
        manifest().to_bytes().replace(b'"release":4', b'"release":-4'),
        manifest().to_bytes().replace(b"manifest 1", b"manifest 2"),
        manifest().to_bytes().replace("é".encode(), b"\\u00e9"),
        manifest().to_bytes().replace("é".encode(), b"\\ud800"),
        edited(lambda d: d.update(extra=1)),
        edited(lambda d: d["types"][1].update(extra=1)),
        edited(lambda d: d["types"][1]["chain"][0].update(extra=1)),
        edited(lambda d: d.pop("title")),
        edited(lambda d: d.update(root="0" * 64)),
        edited(lambda d: d.update(count=7)),
        edited(lambda d: d.update(types={})),
        edited(lambda d: d.update(types=[None])),
        edited(lambda d: d["types"][1].update(count=2**60)),
    ],
)
def test_garbage_is_refused(document: bytes) -> None:
    with pytest.raises(Invalid) as refused:
        Manifest.parse(document)
    assert refused.value.code == "manifest.corrupt"


def test_a_document_beyond_the_cap_is_not_parsed() -> None:
    with pytest.raises(TooLarge) as refused:
        Manifest.parse(b" " * 5_000_001)
    assert refused.value.code == "manifest.too_large"


def test_damaged_documents_raise_only_our_errors_and_never_read_as_another() -> None:
    good = manifest().to_bytes()
    chance = random.Random(1)
    for _ in range(2000):
        damaged = bytearray(good)
        damaged[chance.randrange(len(good))] = chance.randrange(256)
        try:
            assert Manifest.parse(bytes(damaged)).to_bytes() == bytes(damaged)
        except Refusal as refusal:
            assert refusal.code == "manifest.corrupt"
