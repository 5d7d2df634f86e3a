"""Tables as CSV for people who open them in a spreadsheet, which runs what looks like a formula."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from django.http import StreamingHttpResponse

from hashsets.core.spreadsheets import safe_cell

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
    """Free text with an apostrophe where a spreadsheet would run it; numbers as they are."""
    return cell if isinstance(cell, int) else safe_cell(cell)
