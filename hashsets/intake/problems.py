"""Reads the problem report of a submission, as rows for a page and as CSV for a spreadsheet."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Iterator
from typing import Final

from hashsets.blobs.current import blob_store
from hashsets.core.spreadsheets import safe_cell
from hashsets.intake.models import Submission
from hashsets.intake.outcome import PROBLEMS
from hashsets.intake.problem_log import KeptProblem

_COLUMNS: Final = ("line", "field", "code", "message", "advice", "other_line")


def read_problems(submission: Submission) -> Iterator[KeptProblem]:
    """The kept problems in the order of lines, streaming. `Submission.problems` says how many there are in
    all.
    """
    report = submission.staged_files.filter(name=PROBLEMS).first()
    if report is None:
        return
    with blob_store().open(report.blob_key) as stored, gzip.open(stored, "rt", encoding="utf-8") as lines:
        for line in lines:
            yield KeptProblem(**json.loads(line))


def problems_csv(submission: Submission) -> Iterator[str]:
    """The report as CSV lines (RFC 4180) that are safe to open in a spreadsheet."""
    yield csv_line(_COLUMNS)
    for problem in read_problems(submission):
        yield csv_line(
            (
                str(problem.line or ""),
                problem.field,
                problem.code,
                problem.message,
                problem.advice,
                str(problem.other or ""),
            )
        )


def csv_line(cells: tuple[str, ...]) -> str:
    """One line whose cells are text to a spreadsheet, whatever they begin with."""
    line = io.StringIO()
    csv.writer(line, lineterminator="\r\n").writerow([safe_cell(cell) for cell in cells])
    return line.getvalue()
