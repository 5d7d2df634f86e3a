"""Tables as CSV for people who open them in a spreadsheet, which runs what looks like a formula."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from django.http import StreamingHttpResponse

_RUNS: Final = ("=", "+", "-", "@", "\t", "\r", "\n")
# Without it one large program reads UTF-8 as something else.
_MARK: Final = "\ufeff"


class _Echo:
    """What the writer of the standard library writes into: it hands each line straight back."""

    def write(self, line: str) -> str:
        return line


def sheet(name: str, header: Sequence[str], rows: Iterable[Sequence[str | int]]) -> StreamingHttpResponse:
    """A download `name`.csv; `rows` are read while they are sent."""
    response = StreamingHttpResponse(lines(header, rows), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    response["X-Content-Type-Options"] = "nosniff"
    return response


def lines(header: Sequence[str], rows: Iterable[Sequence[str | int]]) -> Iterator[str]:
    writer = csv.writer(_Echo())
    yield _MARK + writer.writerow([harmless(cell) for cell in header])
    for row in rows:
        yield writer.writerow([harmless(cell) for cell in row])


def harmless(cell: str | int) -> str | int:
    """Free text with an apostrophe before it where a spreadsheet would run it; numbers as they are."""
    if isinstance(cell, int):
        return cell
    return f"'{cell}" if cell.lstrip(" \u00a0\ufeff").startswith(_RUNS) else cell
