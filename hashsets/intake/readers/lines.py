"""What the lines of a block of CSV look like, worked out on its bytes for all lines at once. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

_BLANK_SLACK: Final = 64  # white space that a line without any content may have
_LF, _CR, _TAB, _QUOTE = (ord(character) for character in '\n\r\t"')
# In this order a line that has several faults is reported under the first.
FAULTS: Final = ("row.control", "row.quotes", "row.columns")


class Lines:
    """A survey of a block that ends with a line feed. Masks have one element per physical line.

    A line is `good` when it is not blank, holds no control character, has its quotation marks around whole
    cells, and has the wanted number of cells. Commas within quotation marks do not separate cells.
    """

    def __init__(self, block: bytes, *, delimiter: str, columns: int) -> None:
        self._bytes = np.frombuffer(block, np.uint8)
        self._delimiter = ord(delimiter)
        self._wanted = columns - 1
        self._ends = np.flatnonzero(self._bytes == _LF)
        self._starts = np.concatenate((np.zeros(1, np.intp), self._ends[:-1] + 1))
        self.count = len(self._ends)
        self.quoted = b'"' in block
        self._has_cr = b"\r" in block
        lengths = self._ends - self._starts
        self.longest_at = int(lengths.argmax())
        self.longest = int(lengths[self.longest_at])
        separators = np.flatnonzero(self._bytes == self._delimiter)
        bad_quotes = np.zeros(self.count, bool)
        if self.quoted:
            quotes = np.flatnonzero(self._bytes == _QUOTE)
            bad_quotes = self._bad_quotes(quotes)
            # Lines with an odd number of marks are out already and must not turn the following ones inside
            # out.
            paired = quotes[~bad_quotes[self._line_of(quotes)]]
            separators = separators[(np.searchsorted(paired, separators) & 1) == 0]
        self._blank = self._find_blank(lengths)
        ragged = self._find_ragged(separators)
        control = self._find_control()
        # What is left out of the two masks to the right of a line's first fault.
        self._masks = {
            "row.control": control & ~self._blank,
            "row.quotes": bad_quotes & ~control & ~self._blank,
            "row.columns": ragged & ~bad_quotes & ~control & ~self._blank,
        }
        self.good = ~(self._blank | control | bad_quotes | ragged)

    @cached_property
    def good_count(self) -> int:
        return int(np.count_nonzero(self.good))

    @property
    def has_bad(self) -> bool:
        return self.good_count < self.count

    def good_bytes(self, block: bytes) -> bytes:
        """The good lines alone; the block itself when all are."""
        if not self.has_bad:
            return block
        return self._bytes[np.repeat(self.good, self._ends - self._starts + 1)].tobytes()

    def faults(self) -> Iterator[tuple[str, NDArray[np.intp]]]:
        """Code -> positions of the lines with that fault."""
        for code in FAULTS:
            where = np.flatnonzero(self._masks[code])
            if len(where):
                yield code, where

    def _line_of(self, positions: NDArray[np.intp]) -> NDArray[np.intp]:
        return np.searchsorted(self._ends, positions)

    def _find_blank(self, lengths: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Nothing, or nothing but separators (a spreadsheet's idea of an empty row) and white space."""
        short: NDArray[np.bool_] = lengths <= self._wanted + _BLANK_SLACK
        if not short.any():
            return short
        content = np.ones(256, bool)
        content[[self._delimiter, ord(" "), _TAB, _CR, _LF]] = False
        seen = np.concatenate((np.zeros(1, np.int32), np.cumsum(content[self._bytes], dtype=np.int32)))
        short &= seen[self._ends] == seen[self._starts]
        return short

    def _find_ragged(self, separators: NDArray[np.intp]) -> NDArray[np.bool_]:
        wanted = self._wanted
        if len(separators) == wanted * self.count:
            # The usual case costs two comparisons: the n-th line's separators lie within the n-th line.
            if not wanted:
                return np.zeros(self.count, bool)
            grid = separators.reshape(self.count, wanted)
            if (grid[:, 0] >= self._starts).all() and (grid[:, -1] < self._ends).all():
                return np.zeros(self.count, bool)
        ragged: NDArray[np.bool_] = np.bincount(self._line_of(separators), minlength=self.count) != wanted
        return ragged

    def _find_control(self) -> NDArray[np.bool_]:
        """Control characters other than tab, and a carriage return anywhere but before the line feed."""
        found = np.flatnonzero((self._bytes < 32) & (self._bytes != _LF) & (self._bytes != _TAB))
        if len(found) and self._has_cr:
            line_end = (self._bytes[found] == _CR) & (
                self._bytes[np.minimum(found + 1, len(self._bytes) - 1)] == _LF
            )
            found = found[~line_end]
        control = np.zeros(self.count, bool)
        control[self._line_of(found)] = True
        return control

    def _bad_quotes(self, quotes: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Lines whose quotation marks do not pair up, or stand inside a cell without being doubled.

        Counted from the line's start, every odd mark opens (after a separator, the line's start, or a mark
        that it doubles) and every even one closes (before a separator, the line's end, or a mark that doubles
        it).
        """
        line = self._line_of(quotes)
        per_line = np.bincount(line, minlength=self.count)
        bad = (per_line & 1).astype(bool)
        first_of_line = np.concatenate((np.zeros(1, np.intp), np.cumsum(per_line)[:-1]))
        opens = ((np.arange(len(quotes)) - first_of_line[line]) & 1) == 0
        before = self._bytes[np.maximum(quotes - 1, 0)]
        after = self._bytes[quotes + 1]  # a block ends with a line feed, so there is always a byte after
        may_open = (before == self._delimiter) | (before == _QUOTE) | (quotes == self._starts[line])
        may_close = (after == self._delimiter) | (after == _QUOTE) | (after == _LF) | (after == _CR)
        bad[line[~np.where(opens, may_open, may_close)]] = True
        return bad
