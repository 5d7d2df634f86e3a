"""The gate: values that no real content produces are refused; values that would match innocent content wait.

The most frequent poisoning is an honest mistake: the hash of an empty file, of a blank page, a column of
zeros. The limits of `quarantine` are parameters because they were measured on synthetic images and will be
measured again.
"""

from __future__ import annotations

import hashlib
from base64 import b64decode
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hashsets.core.columns import NO_QUALITY
from hashsets.core.hashtypes import HashType
from hashsets.core.reasons import reason_index

__all__ = ["QUARANTINE_CODES", "QuarantineLimits", "quarantine", "refuse"]

# Reasons that set a row aside until a person decides, rather than refuse it.
QUARANTINE_CODES: Final = ("hash.unbalanced", "hash.repetitive", "hash.low_quality", "hash.benign")


@dataclass(frozen=True, slots=True)
class QuarantineLimits:
    """Bits set outside low..high of 256, quality below the floor, or fewer distinct 16-bit words: set
    aside."""

    popcount_low: int = 112
    popcount_high: int = 144
    quality_floor: int = 50
    distinct_words: int = 9

    def without(self, accepted: Collection[str]) -> QuarantineLimits:
        """These limits, less the rules whose rows a person has accepted; the others still hold for them."""
        unbalanced = "hash.unbalanced" in accepted
        return QuarantineLimits(
            popcount_low=0 if unbalanced else self.popcount_low,
            popcount_high=256 if unbalanced else self.popcount_high,
            quality_floor=0 if "hash.low_quality" in accepted else self.quality_floor,
            distinct_words=0 if "hash.repetitive" in accepted else self.distinct_words,
        )


# Files that everybody has: nothing, white space, empty documents, blank disk blocks, one-pixel images.
_TRIVIAL_FILES: Final = (
    *(b"", b"\x00", b" ", b"\n", b"\r\n", b"\r", b"\t", b"0", b"1", b"\xef\xbb\xbf", b"\xff", b"\x00\x00"),
    *(b"null", b"None", b"NULL", b"nan", b"NaN", b"{}", b"[]", b"{}\n", b"[]\n", b'""', b"true", b"false"),
    *(b"test", b"test\n", b"hello", b"hello\n", b"hello world", b"hello world\n", b"foo", b"bar", b"abc"),
    *(bytes(1 << power) for power in range(2, 21)),
    *(b"\xff" * (1 << power) for power in range(9, 21)),
    b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"),
    b64decode("R0lGODlhAQABAIAAAP///wAAACH5BAEAAAAALAAAAAABAAEAAAICRAEAOw=="),
    b64decode("R0lGODlhAQABAAAAACH5BAEKAAEALAAAAAABAAEAAAICTAEAOw=="),
    b64decode(
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
    ),
    b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNkYAAAAAYAAjCB0C8AAAAASUVORK5CYII="),
)
_TRIVIAL_URLS: Final = (
    b"",
    b"about:blank",
    b"http://",
    b"https://",
    b"http:///",
    b"https:///",
    b"/",
    b"null",
)
_ALGORITHMS: Final = {"md5": "md5", "sha1": "sha1", "sha256": "sha256", "sha512": "sha512"}


def refuse(hash_type: HashType, raw: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Per row of uint8[n, width] the index into `reasons.REASONS`, 0 = pass."""
    verdict = np.zeros(len(raw), np.uint8)
    # Nearly every row fails to repeat its first byte in the second; only the others are looked at in full.
    suspects = np.flatnonzero(raw[:, 0] == raw[:, 1])
    rows = raw[suspects]
    repeated = (rows == rows[:, :1]).all(axis=1)
    verdict[suspects[repeated]] = reason_index("hash.repeated_byte")
    verdict[suspects[repeated & (rows[:, 0] == 0)]] = reason_index("hash.all_zero")
    verdict[suspects[repeated & (rows[:, 0] == 255)]] = reason_index("hash.all_one")
    trivial, starts = _trivial(hash_type)
    suspects = np.flatnonzero(starts[np.ascontiguousarray(raw[:, :2]).view(np.uint16).ravel()])
    known = [row.tobytes() in trivial for row in raw[suspects]]
    verdict[suspects[known]] = reason_index("hash.trivial")
    return verdict


def quarantine(
    hash_type: HashType,
    raw: NDArray[np.uint8],
    quality: NDArray[np.uint8],
    limits: QuarantineLimits | None = None,
) -> NDArray[np.uint8]:
    """Per row the index into `reasons.REASONS`, 0 = pass; `quality` uses columns.NO_QUALITY for "not given".

    Only PDQ has rules: its bits are balanced by construction (600 images with natural spectra all had exactly
    128 of 256 set), and its 16 words of 16 bits differ unless the image is a page, a frame or a logo."""
    verdict = np.zeros(len(raw), np.uint8)
    if hash_type.slug != "pdq" or not len(raw):
        return verdict
    limits = limits or QuarantineLimits()
    words = np.ascontiguousarray(raw).view(np.uint64)
    popcount = np.bitwise_count(words).sum(axis=1, dtype=np.int64)
    ranked = np.sort(np.ascontiguousarray(raw).view(np.uint16), axis=1)
    distinct = 1 + (ranked[:, 1:] != ranked[:, :-1]).sum(axis=1)
    # Later assignments win: the most telling reason is written last.
    verdict[(quality != NO_QUALITY) & (quality < limits.quality_floor)] = reason_index("hash.low_quality")
    verdict[distinct < limits.distinct_words] = reason_index("hash.repetitive")
    verdict[(popcount < limits.popcount_low) | (popcount > limits.popcount_high)] = reason_index(
        "hash.unbalanced"
    )
    return verdict


@cache
def _trivial(hash_type: HashType) -> tuple[frozenset[bytes], NDArray[np.bool_]]:
    """Digests of trivial inputs, and which first two bytes they have; none for perceptual types."""
    digests: set[bytes] = set()
    if hash_type.slug == "url-sha256":
        digests = {hashlib.sha256(url).digest() for url in _TRIVIAL_URLS}
    elif hash_type.slug in _ALGORITHMS:
        name = _ALGORITHMS[hash_type.slug]
        digests = {hashlib.new(name, content, usedforsecurity=False).digest() for content in _TRIVIAL_FILES}
    starts = np.zeros(1 << 16, bool)
    starts[[np.frombuffer(digest[:2], np.uint16)[0] for digest in digests]] = True
    return frozenset(digests), starts
