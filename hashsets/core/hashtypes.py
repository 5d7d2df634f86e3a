"""Hash types: how each is written by those who send it, and the one form in which it is kept.

A value is stored as bytes and rendered per reader. Every accepted spelling has its own length within a type,
so a value can never be read two ways; the type itself is always stated, because SHA-256 and PDQ look alike.
Accepted spellings: design page "hash types" (Arachnid sends upper case and base32, PhotoDNA services send
base64).
"""

from __future__ import annotations

import binascii
import re
from base64 import b32decode, b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from accounts.errors import Invalid, Unsupported
from hashsets.core.arrays import ArrowArray, Column, numbers_array, offsets_of, valid_of

__all__ = ["HASH_TYPES", "Decoded", "Encoding", "HashType", "hash_type"]

WHITE_SPACE: Final = " \t\r\n"  # trimmed around a value; inside one it is refused
BLOCK_ROWS: Final = 4096
LONGEST_TEXT: Final = 1024  # the longest accepted spelling has 575 characters (PhotoDNA as integers)


class Encoding(StrEnum):
    HEX = "hex"  # either case
    BASE64 = "base64"  # standard alphabet, padded, canonical
    BASE32 = "base32"  # either case, only where no padding is needed
    INTEGERS = "integers"  # one decimal number 0..255 per byte, separated by commas


@dataclass(frozen=True, slots=True, eq=False)
class Decoded:
    """`raw` is uint8[n, width], zero where `ok` is False."""

    raw: NDArray[np.uint8]
    ok: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class HashType:
    """One kind of hash. `width` is in bytes (None: varies); `strength` ranks types as an item's identity."""

    slug: str
    title: str
    width: int | None
    encodings: tuple[Encoding, ...]
    examples: tuple[str, ...]
    strength: int
    perceptual: bool = False
    canonical: Encoding = Encoding.HEX

    @property
    def bytes_wide(self) -> int:
        """The width, for code that only works on fixed widths; raises Unsupported for the others."""
        if self.width is None:
            raise Unsupported(f"{self.title} hashes have no fixed width.", code="hash_type.variable")
        return self.width

    def parse(self, text: str) -> bytes:
        """One value in any accepted encoding, surrounding white space ignored; Invalid `hash.unreadable`."""
        value = text.strip(WHITE_SPACE)
        if value and len(value) <= LONGEST_TEXT and value.isascii():
            for encoding in self.encodings:
                raw = _READERS[encoding](value, self.bytes_wide)
                if raw is not None:
                    return raw
        raise Invalid(
            f"This is not a {self.title} hash in any accepted form.",
            code="hash.unreadable",
            field="hash",
            advice=f"Accepted: {', '.join(self.encodings)}; for example {self.examples[0][:24]}…",
            hash_type=self.slug,
        )

    def render(self, raw: bytes) -> str:
        """The canonical text of a stored value."""
        if len(raw) != self.bytes_wide:
            raise Invalid(f"A {self.title} hash has {self.width} bytes.", code="hash.width", field="hash")
        return b64encode(raw).decode() if self.canonical is Encoding.BASE64 else raw.hex()

    def truncated(self, raw: bytes) -> str:
        """The first 8 characters and an ellipsis: the most that a page, log or e-mail may show."""
        return self.render(raw)[:8] + "…"

    def decode(self, column: Column) -> Decoded:
        """A whole column of text; never raises for what a cell says, but marks the row in `ok`.

        Hexadecimal is decoded a chunk at a time (50 million hashes a second); other spellings row by row."""
        chunks = column.chunks if isinstance(column, pa.ChunkedArray) else [column]
        raw = np.zeros((len(column), self.bytes_wide), np.uint8)
        ok = np.zeros(len(column), bool)
        at = 0
        for chunk in chunks:
            stop = at + len(chunk)
            _decode_chunk(self, chunk, raw[at:stop], ok[at:stop])
            at = stop
        return Decoded(raw, ok)


def _decode_chunk(kind: HashType, chunk: ArrowArray, raw: NDArray[np.uint8], ok: NDArray[np.bool_]) -> None:
    if not (pa.types.is_string(chunk.type) or pa.types.is_large_string(chunk.type)):
        chunk = chunk.cast(pa.large_string())
    lengths = _lengths(chunk)
    if (lengths == 2 * kind.bytes_wide).all():
        _decode_hex(chunk, raw, ok)
    else:
        _decode_fitting(chunk, np.flatnonzero(lengths == 2 * kind.bytes_wide), raw, ok)
        rest = np.flatnonzero(lengths != 2 * kind.bytes_wide)
        trimmed = pc.utf8_trim(chunk.take(numbers_array(rest)), WHITE_SPACE)
        fits = np.flatnonzero(_lengths(trimmed) == 2 * kind.bytes_wide)
        _decode_fitting(trimmed, fits, raw, ok, rest[fits])
    remaining = np.flatnonzero(~ok)
    if len(remaining):
        _decode_each(kind, remaining, chunk.take(numbers_array(remaining)), raw, ok)


def _decode_fitting(
    chunk: ArrowArray,
    rows: NDArray[np.intp],
    raw: NDArray[np.uint8],
    ok: NDArray[np.bool_],
    target: NDArray[np.intp] | None = None,
) -> None:
    """`rows` of the chunk, which have the length of hexadecimal, into the same rows (or `target`) of raw and
    ok."""
    some_raw, some_ok = np.zeros((len(rows), raw.shape[1]), np.uint8), np.zeros(len(rows), bool)
    _decode_hex(chunk.take(numbers_array(rows)), some_raw, some_ok)
    where = rows if target is None else target
    raw[where], ok[where] = some_raw, some_ok


def _decode_hex(chunk: ArrowArray, raw: NDArray[np.uint8], ok: NDArray[np.bool_]) -> None:
    """Rows that all have the right number of characters."""
    n, width = raw.shape
    if not n:
        return
    first = int(offsets_of(chunk)[0])
    digits = memoryview(chunk.buffers()[2])[first : first + n * 2 * width]
    try:
        raw[:] = np.frombuffer(binascii.unhexlify(digits), np.uint8).reshape(n, width)
        ok[:] = True
    except binascii.Error:
        for start in range(0, n, BLOCK_ROWS):
            stop = min(start + BLOCK_ROWS, n)
            _decode_block(digits[start * 2 * width : stop * 2 * width], raw[start:stop], ok[start:stop])


def _decode_block(digits: memoryview, raw: NDArray[np.uint8], ok: NDArray[np.bool_]) -> None:
    """A block in a chunk that has a bad row somewhere; a table finds it, but only in the block that it
    spoils."""
    try:
        raw[:] = np.frombuffer(binascii.unhexlify(digits), np.uint8).reshape(raw.shape)
        ok[:] = True
    except binascii.Error:
        nibbles = _NIBBLE[np.frombuffer(digits, np.uint8)].reshape(*raw.shape, 2)
        ok[:] = (nibbles < 16).all(axis=(1, 2))
        raw[ok] = (nibbles[ok, :, 0] << 4) | nibbles[ok, :, 1]


def _decode_each(
    kind: HashType,
    rows: NDArray[np.intp],
    values: ArrowArray,
    raw: NDArray[np.uint8],
    ok: NDArray[np.bool_],
) -> None:
    """The slow path; a length that no accepted spelling has is passed over without a look."""
    for row, value in zip(rows.tolist(), values.cast(pa.large_binary()).to_pylist(), strict=True):
        if value is None or len(value) > LONGEST_TEXT:
            continue
        text = value.decode("latin-1").strip(WHITE_SPACE)  # what is not ASCII fails below
        if not text or not text.isascii():
            continue
        for encoding in kind.encodings:
            parsed = _READERS[encoding](text, raw.shape[1])
            if parsed is not None:
                raw[row] = np.frombuffer(parsed, np.uint8)
                ok[row] = True
                break


def _lengths(chunk: ArrowArray) -> NDArray[np.int64]:
    """Bytes per cell; -1 for null."""
    lengths = np.diff(offsets_of(chunk)).astype(np.int64)
    return np.where(valid_of(chunk), lengths, -1) if chunk.null_count else lengths


def _read_hex(value: str, width: int) -> bytes | None:
    if len(value) != 2 * width:
        return None
    try:
        return binascii.unhexlify(value)
    except binascii.Error:
        return None


def _read_base64(value: str, width: int) -> bytes | None:
    if len(value) != 4 * -(-width // 3):
        return None
    try:
        raw = binascii.a2b_base64(value, strict_mode=True)
    except binascii.Error:
        return None
    # The last character may carry bits that no byte uses: two spellings of one value, so only one is taken.
    return raw if len(raw) == width and b64encode(raw).decode() == value else None


def _read_base32(value: str, width: int) -> bytes | None:
    if width % 5 or len(value) != width * 8 // 5:
        return None
    try:
        return b32decode(value.upper())
    except binascii.Error:
        return None


_INTEGERS: Final = re.compile(r"[0-9]{1,3}(?:[ \t]*,[ \t]*[0-9]{1,3})*", re.ASCII)


def _read_integers(value: str, width: int) -> bytes | None:
    if value.count(",") != width - 1 or not _INTEGERS.fullmatch(value):
        return None
    numbers = [int(number) for number in value.split(",")]
    return bytes(numbers) if max(numbers) < 256 else None


_READERS: Final = {
    Encoding.HEX: _read_hex,
    Encoding.BASE64: _read_base64,
    Encoding.BASE32: _read_base32,
    Encoding.INTEGERS: _read_integers,
}


def _nibbles() -> NDArray[np.uint8]:
    table = np.full(256, 255, np.uint8)
    for value, digit in enumerate("0123456789abcdef"):
        table[[ord(digit), ord(digit.upper())]] = value
    return table


_NIBBLE: Final = _nibbles()


def _table(types: Iterable[HashType]) -> dict[str, HashType]:
    return {kind.slug: kind for kind in types}


_CRYPTOGRAPHIC: Final = (Encoding.HEX, Encoding.BASE64)

# A type is added by adding a row; nothing else in the data plane names types. `strength` decides which hash
# of a line stands for its item when the publisher gives no item key: the hardest to collide first.
HASH_TYPES: Final[dict[str, HashType]] = _table(
    (
        HashType(
            slug="md5",
            title="MD5",
            width=16,
            encodings=_CRYPTOGRAPHIC,
            examples=("9e107d9d372bb6826bd81d3542a419d6", "nhB9nTcrtoJr2B01QqQZ1g=="),
            strength=30,
        ),
        HashType(
            slug="sha1",
            title="SHA-1",
            width=20,
            encodings=(Encoding.HEX, Encoding.BASE64, Encoding.BASE32),
            examples=("2fd4e1c67a2d28fced849ee1bb76e7391b93eb12", "F7KODRT2FUUPZ3MET3Q3W5XHHENZH2YS"),
            strength=40,
        ),
        HashType(
            slug="sha256",
            title="SHA-256",
            width=32,
            encodings=_CRYPTOGRAPHIC,
            examples=("d7a8fbb307d7809469ca9abcb0082e4f8d5651e46d3cdb762d02d0bf37c9e592",),
            strength=60,
        ),
        HashType(
            slug="sha512",
            title="SHA-512",
            width=64,
            encodings=_CRYPTOGRAPHIC,
            examples=(
                "07e547d9586f6a73f73fbac0435ed76951218fb7d0c8d788a309d785436bbb64"
                "2e93a252a954f23912547d1e8a3b5ed6e1bfd7097821233fa0538f3db854fee6",
            ),
            strength=70,
        ),
        HashType(
            slug="pdq",
            title="PDQ",
            width=32,
            encodings=_CRYPTOGRAPHIC,
            examples=("f8f8f0cee0f4a84f06370a22038f63f0b36e2ed596621e1d33e6b39c4e9c9b22",),
            strength=20,
            perceptual=True,
        ),
        HashType(
            slug="photodna",
            title="PhotoDNA",
            width=144,
            encodings=(Encoding.BASE64, Encoding.HEX, Encoding.INTEGERS),
            examples=(b64encode(bytes(7 * step % 251 for step in range(144))).decode(),),
            strength=10,
            perceptual=True,
            canonical=Encoding.BASE64,
        ),
        HashType(
            slug="url-sha256",
            title="SHA-256 of a URL",
            width=32,
            encodings=_CRYPTOGRAPHIC,
            examples=("0f115db062b7c0dd030b16878c99dea5c354b49dc37b38eb8846179c7783e9d7",),
            strength=50,
        ),
    )
)


def hash_type(slug: str) -> HashType:
    """The type called `slug`; Invalid `hash_type.unknown`."""
    try:
        return HASH_TYPES[slug]
    except KeyError:
        raise Invalid(
            "This hash type is not known here.",
            code="hash_type.unknown",
            field="hash_type",
            advice=f"Known types: {', '.join(HASH_TYPES)}.",
        ) from None
