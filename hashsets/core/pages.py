"""A Parquet file's description of itself, read before anything is decoded: the footer and the page headers.

A footer says how many values a column holds and how large they become, but the decoder believes the page
headers: a 433 KB file whose pages lie decodes to 12.8 GB. Both are read here with `thrift` and added up, so
that they can be held against each other and against a cap. Field numbers are those of parquet.thrift in the
Parquet format.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import BinaryIO, Final

from hashsets.core.thrift import CompactReader, Struct, Value, malformed

__all__ = ["Chunk", "Footer", "Group", "PageTotals", "read_footer", "walk_pages"]

MAGIC: Final = b"PAR1"
FOOTER_BYTES: Final = 2 * 1024 * 1024  # 700 bytes for each row group: 200 million rows
HEADER_BYTES: Final = 16 * 1024  # a page header with statistics of two 144-byte hashes has about 700 bytes
PAGES: Final = 4096  # per column chunk; our own writer makes at most 20
DATA_PAGE, INDEX_PAGE, DICTIONARY_PAGE, DATA_PAGE_V2 = range(4)
BODIES: Final = {DATA_PAGE: 5, DICTIONARY_PAGE: 7, DATA_PAGE_V2: 8}


@dataclass(frozen=True, slots=True)
class Chunk:
    """One column of one row group. `low` and `high` are its bounds, b"" when not stated."""

    path: str
    codec: int
    encodings: frozenset[int]
    values: int
    start: int
    length: int
    low: bytes
    high: bytes


@dataclass(frozen=True, slots=True)
class Group:
    rows: int
    chunks: tuple[Chunk, ...]


@dataclass(frozen=True, slots=True)
class Footer:
    """`pairs` is the key-value metadata."""

    rows: int
    groups: tuple[Group, ...]
    pairs: dict[bytes, bytes]


@dataclass(frozen=True, slots=True)
class PageTotals:
    """What the pages of one column chunk claim: values in data pages, values in the dictionary, bytes
    unfolded."""

    values: int
    dictionary_values: int
    unfolded_bytes: int
    encodings: frozenset[int]


def read_footer(file: BinaryIO) -> Footer:
    """The footer of a Parquet file; Invalid `segment.corrupt`."""
    end = file.seek(0, os.SEEK_END)
    file.seek(0)
    if end < 12 or file.read(4) != MAGIC:
        raise malformed()
    file.seek(end - 8)
    length = int.from_bytes(file.read(4), "little")
    if file.read(4) != MAGIC or length > min(end - 12, FOOTER_BYTES):
        raise malformed()
    file.seek(end - 8 - length)
    struct = CompactReader(file.read(length)).struct()
    groups = tuple(_group(_struct(group), end - 8 - length) for group in _list(struct.get(4, [])))
    pairs = [_struct(pair) for pair in _list(struct.get(5, []))]
    return Footer(
        rows=_count(struct.get(3)),
        groups=groups,
        pairs={_octets(pair.get(1)): _octets(pair.get(2)) for pair in pairs},
    )


def _group(struct: Struct, end: int) -> Group:
    return Group(_count(struct.get(3)), tuple(_chunk(_struct(one), end) for one in _list(struct.get(1))))


def _chunk(struct: Struct, end: int) -> Chunk:
    facts = _struct(struct.get(3))
    statistics = _struct(facts.get(12, {}))
    dictionary = _count(facts.get(11, 0))
    start, length = _count(facts.get(9)), _count(facts.get(7))
    if dictionary:
        start = min(start, dictionary)
    # No other file, no encryption, no bloom filter, and nothing outside the file's own data.
    if {1, 8, 9} & struct.keys() or {14, 15} & facts.keys() or start < len(MAGIC) or start + length > end:
        raise malformed()
    return Chunk(
        path=b".".join(_octets(name) for name in _list(facts.get(3))).decode("utf-8", "replace"),
        codec=_count(facts.get(4)),
        encodings=frozenset(_count(encoding) for encoding in _list(facts.get(2))),
        values=_count(facts.get(5)),
        start=start,
        length=length,
        low=_octets(statistics.get(6, b"")),
        high=_octets(statistics.get(5, b"")),
    )


def walk_pages(file: BinaryIO, start: int, length: int) -> PageTotals:
    """Headers of the pages in file[start : start + length]; Invalid `segment.corrupt` when they do not fill
    it."""
    values = dictionary_values = unfolded = pages = 0
    encodings = set()
    at, end = start, start + length
    while at < end:
        file.seek(at)
        reader = CompactReader(file.read(min(HEADER_BYTES, end - at)))
        header = reader.struct()
        kind = _count(header.get(1))
        if kind not in BODIES or (kind == DICTIONARY_PAGE and pages) or pages > PAGES:
            raise malformed()  # a dictionary comes first and once
        body = _struct(header.get(BODIES[kind]))
        encodings.add(_count(body.get(4 if kind == DATA_PAGE_V2 else 2)))
        if kind == DICTIONARY_PAGE:
            dictionary_values += _count(body.get(1))
        else:
            values += _count(body.get(1))
        unfolded += _count(header.get(2))
        pages += 1
        at += reader.at + _count(header.get(3))
    if at != end:
        raise malformed()
    return PageTotals(values, dictionary_values, unfolded, frozenset(encodings))


def _count(value: Value | None) -> int:
    if not isinstance(value, int) or value < 0:
        raise malformed()
    return value


def _octets(value: Value | None) -> bytes:
    if not isinstance(value, bytes):
        raise malformed()
    return value


def _struct(value: Value | None) -> Struct:
    if not isinstance(value, dict):
        raise malformed()
    return value


def _list(value: Value | None) -> list[Value]:
    if not isinstance(value, list):
        raise malformed()
    return value
