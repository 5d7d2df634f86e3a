"""Counts every problem of an upload and keeps the first lines of them, in bounded memory. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hashsets.core.reasons import REASONS, Problems, Reason

KEPT: Final = 10_000  # problems that are kept with their line; all are counted

# Reasons that core does not have because they are about lines and files rather than entries.
_OWN: Final = (
    Reason(
        "row.columns",
        "",
        "The line does not have as many cells as the first line names columns.",
        "Add or remove separators; put cells that contain the separator into quotation marks.",
    ),
    Reason(
        "row.quotes",
        "",
        "The quotation marks on this line do not surround whole cells.",
        "Put the whole cell into quotation marks and double the marks inside it; cells cannot span lines.",
    ),
    Reason(
        "row.control",
        "",
        "The line contains control characters.",
        "Remove them; they usually come from a damaged export.",
    ),
    Reason(
        "row.json",
        "",
        "This is not a JSON object whose values are texts, whole numbers or null.",
        'Write one object per row, such as {"sha256": "…"}, each field once.',
    ),
    Reason(
        "row.fields",
        "",
        "This row does not have the fields that the first row has.",
        "Give every row the same fields; write null where there is nothing. Only hashes may be left out.",
    ),
    Reason(
        "hash_type.unknown",
        "type",
        "There is no hash type of this name.",
        "Use names such as sha256, sha1, md5 or pdq, in any case.",
    ),
    Reason(
        "hash_type.not_in_list",
        "type",
        "The list does not take hashes of this type.",
        "Send them to a list that does, or have the type added to this one.",
    ),
)
_ALL: Final = (*REASONS, *_OWN)
_INDEX: Final = {reason.code: number for number, reason in enumerate(_ALL)}


@dataclass(frozen=True, slots=True)
class KeptProblem:
    """One problem as people see it: `line` 0 means no line, `other` is a second line concerned or 0."""

    line: int
    field: str
    code: str
    message: str
    advice: str
    other: int = 0


class ProblemLog:
    """`counts` has every problem by code; `kept()` the first `keep` by line."""

    def __init__(self, keep: int = KEPT) -> None:
        self.counts: Counter[str] = Counter()
        self._keep = keep
        self._fields: list[str] = [""]  # column names, by number
        self._pieces: list[NDArray[np.uint32]] = []  # each uint32[n, 4]: line, reason, field, other
        self._held = 0

    @property
    def total(self) -> int:
        return self.counts.total()

    def add(self, code: str, lines: NDArray[np.uint32], *, field: str | None = None) -> None:
        """The same problem on several lines. `field` overrides the reason's own column."""
        if len(lines):
            self.counts[code] += len(lines)
            zeros = np.zeros(len(lines), np.uint32)
            self._hold(lines, np.full(len(lines), _INDEX[code], np.uint32), zeros, field)

    def add_all(self, problems: Problems, *, hash_field: str = "hash") -> None:
        """What core found; `hash_field` is how the upload calls the column with the hash."""
        for code, count in problems.counts().items():
            self.counts[code] += count
        reasons = problems.reasons.astype(np.uint32)
        about_hash = np.array([reason.field == "hash" for reason in REASONS])[problems.reasons]
        for which, field in ((about_hash, hash_field), (~about_hash, None)):
            if which.any():
                self._hold(problems.lines[which], reasons[which], problems.others[which], field)

    def kept(self) -> Iterator[KeptProblem]:
        """In the order of lines."""
        for line, number, field, other in self._first().tolist():
            reason = _ALL[number]
            yield KeptProblem(
                line, self._fields[field] or reason.field, reason.code, reason.sentence, reason.advice, other
            )

    def _hold(
        self,
        lines: NDArray[np.uint32],
        reasons: NDArray[np.uint32],
        others: NDArray[np.uint32],
        field: str | None,
    ) -> None:
        name = field or ""
        if name not in self._fields:
            self._fields.append(name)
        fields = np.full(len(lines), self._fields.index(name), np.uint32)
        self._pieces.append(np.stack((lines, reasons, fields, others), axis=1))
        self._held += len(lines)
        if self._held > 8 * self._keep:
            self._pieces = [self._first()]
            self._held = len(self._pieces[0])

    def _first(self) -> NDArray[np.uint32]:
        if not self._pieces:
            return np.empty((0, 4), np.uint32)
        held = np.concatenate(self._pieces)
        return held[np.lexsort(held.T[[3, 2, 1, 0]])[: self._keep]]
