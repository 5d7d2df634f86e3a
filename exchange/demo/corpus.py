"""The sample list's content: real hashes, of files and pictures that are harmless and on every machine.

Every file of the Python installation that runs the demo is hashed three ways, and pictures with the spectrum
of natural photographs are drawn from a seed and hashed with PDQ. The empty file is left in on purpose: the
gate refuses it, and the problem report has something to show.
"""

from __future__ import annotations

import csv
import hashlib
import os
import sysconfig
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hashsets.core.pdq import pdq_of_luminance

HASH_TYPES: Final = ("md5", "pdq", "sha1", "sha256")
HEADER: Final = ("sha256", "md5", "sha1", "pdq", "quality", "classification", "source_ref")
PICTURES: Final = 300
PICTURE_SIDE: Final = 128
LARGEST_FILE: Final = 2 * 1024 * 1024  # a few large libraries would take longer than all the rest
SEED: Final = 2018  # the year of the ministers' call
# What release 2 changes: the files whose digest falls into these residues.
ADDED_LATER, REMOVED_LATER, RECLASSIFIED = 0, 1, 2
RESIDUES: Final = 200


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the sample file; empty strings are empty cells."""

    sha256: str = ""
    md5: str = ""
    sha1: str = ""
    pdq: str = ""
    quality: str = ""
    classification: str = ""
    source_ref: str = ""

    @property
    def residue(self) -> int:
        """A number that depends on the content only, so that both files agree on what changes."""
        return int((self.sha256 or self.pdq)[-8:], 16) % RESIDUES


def installation() -> tuple[Path, ...]:
    """The folders of the running Python: its standard library and the packages installed for it."""
    paths = sysconfig.get_paths()
    return Path(paths["stdlib"]), Path(paths["purelib"])


def hashed_files(roots: Iterable[Path]) -> Iterator[Line]:
    """One line per content below `roots`, in a stable order; compiled caches are left out.

    Copies count once: the same content under two classes would contradict itself.
    """
    seen: set[str] = set()
    for path in _files_below(roots):
        try:
            with open(path, "rb") as file:  # noqa: PTH123  (tens of thousands of times: Path costs more than reading)
                content = file.read(LARGEST_FILE + 1)
        except OSError:
            continue
        digest = hashlib.sha256(content).hexdigest()
        if len(content) > LARGEST_FILE or digest in seen:
            continue
        seen.add(digest)
        ending = path.rpartition(os.sep)[2].partition(".")[2].rpartition(".")[2]
        yield Line(
            sha256=digest,
            md5=hashlib.md5(content, usedforsecurity=False).hexdigest(),
            sha1=hashlib.sha1(content, usedforsecurity=False).hexdigest(),
            classification="source" if ending == "py" else "resource",
            source_ref=ending[:20],
        )


def _files_below(roots: Iterable[Path]) -> list[str]:
    """Every regular file, once, by name."""
    found: set[str] = set()
    for root in roots:
        for folder, folders, names in os.walk(root):
            folders[:] = [name for name in folders if name != "__pycache__"]
            found.update(f"{folder}{os.sep}{name}" for name in names)
    return sorted(path for path in found if not os.path.islink(path))  # noqa: PTH114  (as above)


def drawn_picture(generator: np.random.Generator, side: int = PICTURE_SIDE) -> NDArray[np.float64]:
    """Luminance 0 to 255 of a picture whose amplitude falls with frequency, as in natural photographs."""
    frequency = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.fftfreq(side)[None, :])
    frequency[0, 0] = 1.0
    phases = generator.normal(size=(side, side)) + 1j * generator.normal(size=(side, side))
    picture = np.real(np.fft.ifft2(phases / frequency))
    low, high = float(picture.min()), float(picture.max())
    return np.floor((picture - low) * (255.0 / (high - low)))


def hashed_pictures(count: int = PICTURES) -> Iterator[Line]:
    """One line per drawn picture."""
    generator = np.random.default_rng(SEED)
    for _ in range(count):
        found = pdq_of_luminance(drawn_picture(generator))
        yield Line(
            pdq=found.raw.hex(), quality=str(found.quality), classification="drawing", source_ref="drawn"
        )


def write_releases(first: Path, second: Path, *, roots: Iterable[Path] | None = None) -> None:
    """Write two complete states of the sample list: release 1, and what release 2 replaces it with.

    The second adds some entries, drops some and files some under another class; about 99 in 100 stay.
    """
    lines = [*hashed_files(installation() if roots is None else roots), *hashed_pictures()]
    with (
        first.open("w", newline="", encoding="utf-8") as before,
        second.open("w", newline="", encoding="utf-8") as after,
    ):
        old, new = csv.writer(before), csv.writer(after)
        old.writerow(HEADER)
        new.writerow(HEADER)
        for line in lines:
            row = [getattr(line, name) for name in HEADER]
            if line.residue != ADDED_LATER:
                old.writerow(row)
            if line.residue == REMOVED_LATER:
                continue
            if line.residue == RECLASSIFIED:
                row[HEADER.index("classification")] = "reviewed"
            new.writerow(row)
