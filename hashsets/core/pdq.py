"""PDQ of a luminance image: 256 bits and a quality, as specified in "The TMK+PDQF Video-Hashing Algorithm
and the PDQ Image-Hashing Algorithm" (Facebook, 2019).

Only the hash itself: decoding a picture into luminance is the caller's, so no image library is needed here.
Checked bit for bit against the reference implementation in the tests.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from accounts.errors import Invalid

__all__ = ["Pdq", "pdq_of_luminance"]

SIDE: Final = 64  # the image is reduced to 64 x 64 before the transform
COEFFICIENTS: Final = 16  # 16 x 16 of them become the bits
SMALLEST: Final = 5  # smaller images carry nothing to hash

_i = np.arange(1, COEFFICIENTS + 1, dtype=np.float64)[:, None]
_j = np.arange(SIDE, dtype=np.float64)[None, :]
_DCT: Final = (np.sqrt(2.0 / SIDE) * np.cos(np.pi / (2 * SIDE) * _i * (2 * _j + 1))).astype(np.float32)


@dataclass(frozen=True, slots=True)
class Pdq:
    """`raw` is 32 bytes, first byte of the usual hex text first; `quality` is 0 to 100."""

    raw: bytes
    quality: int


def pdq_of_luminance(luminance: NDArray[np.floating]) -> Pdq:
    """PDQ of a matrix [rows, columns] of luminance 0 to 255. Errors: Invalid `pdq.image`."""
    if luminance.ndim != 2 or min(luminance.shape) < SMALLEST:
        raise Invalid(f"PDQ needs a grey image of at least {SMALLEST} x {SMALLEST} pixels.", code="pdq.image")
    small = _reduced(np.asarray(luminance, dtype=np.float32))
    transformed = _DCT @ small @ _DCT.T
    flat = transformed.reshape(-1)
    # The lower median: exactly half of the bits are set for any image without ties.
    median = np.sort(flat)[flat.size // 2 - 1]
    # Bit k lies in 16-bit word k // 16 at position k % 16, and words are written from the last to the first.
    bits = (flat > median).reshape(COEFFICIENTS, COEFFICIENTS)
    raw = np.packbits(bits[::-1, ::-1], axis=1).tobytes()
    return Pdq(raw=raw, quality=_quality(small))


def _reduced(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """Two passes of a box filter each way (together a tent), then one sample per cell."""
    rows, columns = image.shape
    for _ in range(2):
        image = _box(image, _window(columns), axis=1)
        image = _box(image, _window(rows), axis=0)
    down = ((np.arange(SIDE) + 0.5) * rows / SIDE).astype(np.int64)
    across = ((np.arange(SIDE) + 0.5) * columns / SIDE).astype(np.int64)
    return np.ascontiguousarray(image[np.ix_(down, across)])


def _window(length: int) -> int:
    return (length + 2 * SIDE - 1) // (2 * SIDE)


def _box(image: NDArray[np.float32], window: int, *, axis: int) -> NDArray[np.float32]:
    """Running mean over `window` values; at the edges over those that exist."""
    length = image.shape[axis]
    after = (window + 2) // 2  # values from the middle on, the middle included
    before = window - after
    sums = np.cumsum(image.astype(np.float64), axis=axis)
    sums = np.concatenate([np.zeros_like(np.take(sums, [0], axis=axis)), sums], axis=axis)
    middle = np.arange(length)
    low, high = np.maximum(middle - before, 0), np.minimum(middle + after, length)
    total = np.take(sums, high, axis=axis) - np.take(sums, low, axis=axis)
    count = (high - low).reshape((-1, 1) if axis == 0 else (1, -1))
    mean: NDArray[np.float32] = (total / count).astype(np.float32)
    return mean


def _quality(small: NDArray[np.float32]) -> int:
    """How much the image changes from cell to cell: flat images hash badly and score near 0."""
    steps = [np.diff(small, axis=axis) * 100 / 255 for axis in (0, 1)]
    return min(100, int(sum(int(np.abs(step.astype(np.int64)).sum()) for step in steps)) // 90)
