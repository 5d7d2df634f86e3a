"""PDQ against the reference implementation and against what the specification says about it."""

from __future__ import annotations

import numpy as np
import pytest

from accounts.errors import Invalid
from exchange.demo.corpus import drawn_picture
from hashsets.core.pdq import pdq_of_luminance

# From the reference implementation: drawn_picture(default_rng(1), 128).
REFERENCE = "9ab10526a29eeef16c6c48e508fb4d513dbd0fa464b392ee22693d1b67a0b4b5"


def picture(seed: int, rows: int, columns: int) -> np.ndarray:
    side = max(rows, columns)
    return drawn_picture(np.random.default_rng(seed), side)[:rows, :columns]


@pytest.mark.parametrize("shape", [(64, 64), (128, 128), (200, 300), (480, 512), (100, 90)])
def test_it_agrees_with_the_reference_bit_for_bit(shape: tuple[int, int]) -> None:
    pdqhash = pytest.importorskip("pdqhash", reason="the reference needs a C++ compiler")
    grey = picture(sum(shape), *shape)
    bits, quality = pdqhash.compute(np.repeat(grey.astype(np.uint8)[:, :, None], 3, axis=2))
    found = pdq_of_luminance(grey)
    assert found.raw == np.packbits(bits).tobytes()
    assert found.quality == quality


def test_a_known_picture_has_its_known_hash() -> None:
    assert pdq_of_luminance(picture(1, 128, 128)).raw.hex() == REFERENCE


def test_half_of_the_bits_are_set_in_a_natural_picture() -> None:
    raw = np.frombuffer(pdq_of_luminance(picture(2, 256, 256)).raw, dtype=np.uint8)
    assert int(np.unpackbits(raw).sum()) == 128


def test_a_flat_picture_has_no_quality() -> None:
    assert pdq_of_luminance(np.full((100, 100), 200.0)).quality == 0


def test_a_little_noise_moves_few_bits() -> None:
    grey = picture(3, 256, 256)
    noisy = grey + np.random.default_rng(4).normal(scale=2.0, size=grey.shape)
    one, other = (np.frombuffer(pdq_of_luminance(each).raw, dtype=np.uint8) for each in (grey, noisy))
    assert int(np.unpackbits(one ^ other).sum()) <= 31


@pytest.mark.parametrize("shape", [(4, 100), (100, 4), (0, 0)])
def test_it_refuses_what_is_too_small_to_hash(shape: tuple[int, int]) -> None:
    with pytest.raises(Invalid) as refused:
        pdq_of_luminance(np.zeros(shape))
    assert refused.value.code == "pdq.image"
