"""A QR code as the one path of an SVG: the picture that an app reads, without an image from anywhere else."""

from __future__ import annotations

from dataclasses import dataclass

from qrcode.constants import ERROR_CORRECT_M
from qrcode.main import QRCode

_QUIET = 4  # modules of white around it, which readers need (ISO/IEC 18004)


@dataclass(frozen=True, slots=True)
class Picture:
    """`side` is the width and height in modules; `path` draws the dark ones."""

    side: int
    path: str


def picture_of(text: str) -> Picture:
    code = QRCode(error_correction=ERROR_CORRECT_M, border=_QUIET)
    code.add_data(text)
    rows = code.get_matrix()
    dark = [f"M{x} {y}h1v1h-1z" for y, row in enumerate(rows) for x, filled in enumerate(row) if filled]
    return Picture(side=len(rows), path="".join(dark))
