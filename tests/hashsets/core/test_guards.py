"""The gate stops what honest mistakes produce, and nothing that real content produces."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from numpy.typing import NDArray

from hashsets.core.columns import NO_QUALITY
from hashsets.core.guards import QuarantineLimits, quarantine, refuse
from hashsets.core.hashtypes import HASH_TYPES, HashType, hash_type
from hashsets.core.reasons import REASONS

TYPES = sorted(HASH_TYPES.values(), key=lambda kind: kind.slug)


def random_hashes(kind: HashType, n: int = 1000) -> NDArray[np.uint8]:
    return np.random.default_rng(3).integers(0, 256, (n, kind.bytes_wide), dtype=np.uint8)


def codes(verdict: NDArray[np.uint8]) -> list[str]:
    return [REASONS[number].code for number in verdict.tolist()]


@pytest.mark.parametrize("kind", TYPES, ids=lambda kind: kind.slug)
def test_placeholders_are_refused_in_every_type(kind: HashType) -> None:
    raw = random_hashes(kind)
    raw[3], raw[5], raw[7] = 0, 255, 0x41
    verdict = codes(refuse(kind, raw))
    assert {3: verdict[3], 5: verdict[5], 7: verdict[7]} == {
        3: "hash.all_zero",
        5: "hash.all_one",
        7: "hash.repeated_byte",
    }
    assert verdict.count("none") == 997


@pytest.mark.parametrize(
    "content", [b"", b"\n", b"\0", b"null", b"[]", bytes(4096), bytes(1 << 20), b"hello"]
)
@pytest.mark.parametrize("name", ["md5", "sha1", "sha256", "sha512"])
def test_digests_of_trivial_files_are_refused(name: str, content: bytes) -> None:
    digest = hashlib.new(name, content, usedforsecurity=False).digest()
    raw = random_hashes(hash_type(name))
    raw[17] = np.frombuffer(digest, np.uint8)
    verdict = codes(refuse(hash_type(name), raw))
    assert verdict[17] == "hash.trivial"
    assert verdict.count("none") == 999


def test_the_empty_url_is_refused() -> None:
    raw = np.frombuffer(hashlib.sha256(b"").digest(), np.uint8).reshape(1, 32)
    assert codes(refuse(hash_type("url-sha256"), raw)) == ["hash.trivial"]


def test_no_false_alarm_among_good_hashes() -> None:
    pdq = hash_type("pdq")
    rng = np.random.default_rng(5)
    bits = np.argsort(rng.random((1000, 256)), axis=1) < 128  # balanced, as natural images are
    raw = np.packbits(bits, axis=1)
    quality = np.full(1000, 80, np.uint8)
    assert not refuse(pdq, raw).any()
    assert not quarantine(pdq, raw, quality).any()


def test_what_would_match_innocent_images_waits_for_a_person() -> None:
    pdq = hash_type("pdq")
    flat = np.zeros(32, np.uint8)
    flat[:10] = 255
    page = np.tile(np.array([0xAA, 0x55], np.uint8), 16)  # balanced, but one word all over
    good = np.packbits(np.argsort(np.random.default_rng(1).random(256)) < 128)
    raw = np.array([flat, page, good, good, good])
    quality = np.array([100, 100, 49, 50, NO_QUALITY], np.uint8)
    expected = ["hash.unbalanced", "hash.repetitive", "hash.low_quality", "none", "none"]
    assert codes(quarantine(pdq, raw, quality)) == expected


@pytest.mark.parametrize(
    ("bits", "code"), [(111, "hash.unbalanced"), (112, "none"), (144, "none"), (145, "hash.unbalanced")]
)
def test_between_112_and_144_set_bits_are_balanced(bits: int, code: str) -> None:
    spread = np.argsort(np.random.default_rng(bits).random((1, 256)), axis=1) < bits
    assert codes(quarantine(hash_type("pdq"), np.packbits(spread, axis=1), np.array([80], np.uint8))) == [
        code
    ]


def test_limits_are_parameters() -> None:
    pdq = hash_type("pdq")
    raw = np.packbits(np.argsort(np.random.default_rng(1).random((1, 256)), axis=1) < 120, axis=1)
    quality = np.array([60], np.uint8)
    assert codes(quarantine(pdq, raw, quality)) == ["none"]
    assert codes(quarantine(pdq, raw, quality, QuarantineLimits(popcount_low=121))) == ["hash.unbalanced"]
    assert codes(quarantine(pdq, raw, quality, QuarantineLimits(quality_floor=61))) == ["hash.low_quality"]


def test_only_perceptual_hashes_are_quarantined() -> None:
    raw = np.zeros((1, 32), np.uint8)
    assert not quarantine(hash_type("sha256"), raw, np.zeros(1, np.uint8)).any()
