"""Why a row was refused, set aside or counted: one table, so that API, CSV report and pages say the same
thing.

A million refused lines must not become a million Python objects, so problems travel as columns (`Problems`):
the line number, an index into `REASONS`, and the other line involved where there is one. Hash values never
appear here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["REASONS", "Problem", "Problems", "Reason", "reason_index"]


@dataclass(frozen=True, slots=True)
class Reason:
    """A stable code, the column concerned, one plain sentence, and what to do next."""

    code: str
    field: str
    sentence: str
    advice: str


@dataclass(frozen=True, slots=True)
class Problem:
    """One refused row: `line` counts from 1 in the upload (0: no line), `other` is a second line involved or
    0."""

    line: int
    reason: Reason
    other: int = 0


REASONS: Final[tuple[Reason, ...]] = (
    Reason("none", "", "Nothing is wrong with this row.", ""),
    # The hash itself.
    Reason(
        "hash.unreadable",
        "hash",
        "The hash is not in any form that this hash type accepts.",
        "Check the column and the hash type; hexadecimal is always accepted.",
    ),
    Reason(
        "hash.missing",
        "hash",
        "The row has no hash.",
        "Leave the row out, or add its hash.",
    ),
    Reason(
        "hash.trivial",
        "hash",
        "This is the hash of an empty file or of a trivial one, which everybody has.",
        "Remove the row; look for files that could not be read when the list was made.",
    ),
    Reason(
        "hash.all_zero",
        "hash",
        "Every bit of this hash is zero, which no real file produces.",
        "Remove the row; the hash was probably never computed.",
    ),
    Reason(
        "hash.all_one",
        "hash",
        "Every bit of this hash is one, which no real file produces.",
        "Remove the row; the hash was probably never computed.",
    ),
    Reason(
        "hash.repeated_byte",
        "hash",
        "This hash repeats a single byte, which no real file produces.",
        "Remove the row; it looks like a placeholder.",
    ),
    # Set aside until a person decides.
    Reason(
        "hash.unbalanced",
        "hash",
        "This perceptual hash has far more zeros than ones, or the reverse, as those of flat images have.",
        "Look at the source: a blank or nearly blank image would match many innocent ones.",
    ),
    Reason(
        "hash.low_quality",
        "quality",
        "The quality of this perceptual hash is below the limit, so it would match unrelated images.",
        "Leave the row out, or have a second person confirm it.",
    ),
    Reason(
        "hash.repetitive",
        "hash",
        "This perceptual hash repeats the same pattern, as those of pages, frames and logos do.",
        "Look at the source: a page with a border would match many innocent ones.",
    ),
    Reason(
        "hash.benign",
        "hash",
        "This is the hash of innocent content that members or public collections know.",
        "Look at the source: a logo, an icon or a part of an operating system does not belong on the list.",
    ),
    # The other cells.
    Reason(
        "item.unreadable",
        "item",
        "The item key is too long or contains characters that cannot be kept.",
        "Use at most 200 printable characters.",
    ),
    Reason(
        "classification.unknown",
        "classification",
        "This classification is not one of the list's.",
        "Use a code of the list's classification scheme, or add the code to the list first.",
    ),
    Reason(
        "quality.unreadable",
        "quality",
        "The quality is not a whole number from 0 to 100.",
        "Give a whole number from 0 to 100, or leave the cell empty.",
    ),
    Reason(
        "labels.unreadable",
        "labels",
        "The labels are not known to the list, or there are too many of them.",
        "Use the list's own labels, separated by semicolons, at most 32 in a row.",
    ),
    Reason(
        "source_ref.unreadable",
        "source_ref",
        "The source reference is too long or contains characters that cannot be kept.",
        "Use at most 200 printable characters, and no names of people or files.",
    ),
    # What the row asks for.
    Reason(
        "entry.contradictory",
        "hash",
        "An earlier line says something different about the same hash and item; that line was used.",
        "Keep one of the two lines.",
    ),
    Reason(
        "entry.different",
        "hash",
        "The list already has this entry with other facts, and this submission may only add.",
        "Send it as an update.",
    ),
    Reason(
        "entry.absent",
        "hash",
        "The list does not have this entry, and this submission may only update.",
        "Send it as an addition.",
    ),
)

_INDEX: Final[dict[str, int]] = {reason.code: number for number, reason in enumerate(REASONS)}


def reason_index(code: str) -> int:
    """The position of `code` in `REASONS`; positions are internal and may move, codes may not."""
    return _INDEX[code]


@dataclass(frozen=True, slots=True)
class Problems:
    """Problems as three columns of one length, in no particular order."""

    lines: NDArray[np.uint32]
    reasons: NDArray[np.uint8]
    others: NDArray[np.uint32]

    @classmethod
    def none(cls) -> Problems:
        return cls.of(np.empty(0, np.uint32), "none")

    @classmethod
    def of(cls, lines: NDArray[np.uint32], code: str, others: NDArray[np.uint32] | None = None) -> Problems:
        """All of `lines` for the one reason `code`."""
        return cls.each(lines, np.full(len(lines), _INDEX[code], np.uint8), others)

    @classmethod
    def each(
        cls, lines: NDArray[np.uint32], reasons: NDArray[np.uint8], others: NDArray[np.uint32] | None = None
    ) -> Problems:
        """One reason per line; lines whose reason is 0 (none) are left out."""
        if others is None:
            others = np.zeros(len(lines), np.uint32)
        if reasons.all():
            return cls(lines, reasons, others)
        bad = np.flatnonzero(reasons)
        return cls(lines[bad], reasons[bad], others[bad])

    @classmethod
    def join(cls, pieces: Iterable[Problems]) -> Problems:
        kept = [piece for piece in pieces if len(piece)]
        if not kept:
            return cls.none()
        return cls(
            np.concatenate([piece.lines for piece in kept]),
            np.concatenate([piece.reasons for piece in kept]),
            np.concatenate([piece.others for piece in kept]),
        )

    def __len__(self) -> int:
        return len(self.lines)

    def __iter__(self) -> Iterator[Problem]:
        for line, reason, other in zip(
            self.lines.tolist(), self.reasons.tolist(), self.others.tolist(), strict=True
        ):
            yield Problem(line, REASONS[reason], other)

    def first(self, limit: int) -> Problems:
        """The `limit` problems with the lowest line numbers, in line order."""
        order = np.argsort(self.lines, kind="stable")[:limit]
        return Problems(self.lines[order], self.reasons[order], self.others[order])

    def counts(self) -> dict[str, int]:
        """Code -> number of problems, every problem counted."""
        numbers = np.bincount(self.reasons, minlength=len(REASONS)).tolist()
        return {
            reason.code: number
            for reason, number in zip(REASONS, numbers, strict=True)
            if number and reason.code != "none"
        }
