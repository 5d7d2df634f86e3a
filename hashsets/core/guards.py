"""The gate: values that no real content produces are refused, and values that would match innocent content wait for a person.

The most frequent poisoning is an honest mistake: the hash of an empty file, of a blank page, a column of zeros. Limits of
`quarantine` are parameters because they were measured on synthetic images and will be measured again.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hashsets.core.hashtypes import HashType

__all__ = ["QuarantineLimits", "quarantine", "refuse"]


@dataclass(frozen=True, slots=True)
class QuarantineLimits:
    """Bits set outside low..high of 256, quality below the floor, or fewer distinct 16-bit words: set aside."""

    popcount_low: int = 112
    popcount_high: int = 144
    quality_floor: int = 50
    distinct_words: int = 9


def refuse(hash_type: HashType, raw: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Per row of uint8[n, width] the index into `reasons.REASONS`, 0 = pass."""
    raise NotImplementedError


def quarantine(
    hash_type: HashType,
    raw: NDArray[np.uint8],
    quality: NDArray[np.uint8],
    limits: QuarantineLimits | None = None,
) -> NDArray[np.uint8]:
    """Per row the index into `reasons.REASONS`, 0 = pass; `quality` uses columns.NO_QUALITY for "not given"."""
    raise NotImplementedError
