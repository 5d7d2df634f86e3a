"""The state root again, as somebody else would write it from the documentation: no numpy, no Arrow, no shared
code."""

from __future__ import annotations

import hashlib
import struct

from tests.hashsets.core.builders import Fact, Key, Model


def sha256(octets: bytes) -> bytes:
    return hashlib.sha256(octets).digest()


def block(tag: int, width: int, rows: list[tuple[Key, Fact]], *, op: list[int] | None = None) -> bytes:
    """The digest of rows in the layout of `hashsets.core.layout`; with `op`, without added and changed."""
    facts = [fact for _, fact in rows]
    texts = [None if fact.source_ref is None else fact.source_ref.encode() for fact in facts]
    columns: list[tuple[bytes, bool]] = [
        (b"".join(key[0] for key, _ in rows), True),
        (b"".join(struct.pack("<q", key[1]) for key, _ in rows), any(key[1] for key, _ in rows)),
        (bytes(fact.classification for fact in facts), any(fact.classification for fact in facts)),
    ]
    if op is None:
        columns += [
            (b"".join(struct.pack("<I", fact.added) for fact in facts), any(fact.added for fact in facts)),
            (
                b"".join(struct.pack("<I", fact.changed) for fact in facts),
                any(fact.changed for fact in facts),
            ),
        ]
    columns += [
        (
            bytes(255 if fact.quality is None else fact.quality for fact in facts),
            any(fact.quality is not None for fact in facts),
        ),
        (
            b"".join(struct.pack("<H", len(fact.labels)) for fact in facts)
            + b"".join(struct.pack("<H", code) for fact in facts for code in fact.labels),
            any(fact.labels for fact in facts),
        ),
        (
            b"".join(struct.pack("<I", 0 if text is None else 1 + len(text)) for text in texts)
            + b"".join(text or b"" for text in texts),
            any(text is not None for text in texts),
        ),
    ]
    if op is not None:
        columns.append((bytes(op), True))
    blocks = [octets if filled else b"" for octets, filled in columns]
    head = struct.pack("<BII", tag, width, len(rows)) + b"".join(
        struct.pack("<Q", len(one)) for one in blocks
    )
    return sha256(head + b"".join(blocks))


def type_root(model: Model, bits: int, width: int) -> str:
    buckets: list[list[tuple[Key, Fact]]] = [[] for _ in range(1 << bits)]
    for key, fact in sorted(model.items()):
        buckets[int.from_bytes(key[0]) >> (8 * width - bits)].append((key, fact))
    level = [block(0, width, rows) for rows in buckets]
    while len(level) > 1:
        level = [sha256(b"\x01" + level[at] + level[at + 1]) for at in range(0, len(level), 2)]
    return sha256(b"\x02hash-exchange type 1\n" + struct.pack("<BQ", bits, len(model)) + level[0]).hex()


def list_root(types: dict[str, tuple[int, str]]) -> str:
    octets = b"\x03hash-exchange list 1\n" + struct.pack("<I", len(types))
    for slug, (count, root) in sorted(types.items()):
        octets += bytes([len(slug)]) + slug.encode() + struct.pack("<Q", count) + bytes.fromhex(root)
    return sha256(octets).hex()
