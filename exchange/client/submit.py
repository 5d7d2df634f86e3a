"""Send a file of proposed changes and wait until the exchange has read it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from exchange.client import api
from exchange.client.api import Problem, Submission
from exchange.client.fetch import Session
from exchange.client.refusals import NetworkDown, UnsupportedFormat, Usage
from exchange.client.watch import Watch

__all__ = ["MODES", "Submitted", "submit"]

MODES: Final = ("add", "update", "remove", "replace")
SHOWN_PROBLEMS: Final = 20
FIRST_POLL: Final = 0.1
LONGEST_POLL: Final = 2.0
_READING: Final = frozenset({"received", "validating"})
# First bytes of what is sometimes exported instead; the exchange would refuse it too, after the upload.
_NOT_CSV: Final = (
    (b"PAR1", "Parquet"),
    (b"\x1f\x8b", "gzip"),
    (b"PK", "a spreadsheet or zip"),
    (b"%PDF", "PDF"),
)


@dataclass(frozen=True, slots=True)
class Submitted:
    """What became of a file."""

    submission: Submission
    problems: tuple[Problem, ...]


def submit(
    session: Session,
    list_id: str,
    file: Path,
    *,
    mode: str,
    urgent: bool,
    note: str,
    wait: float,
    watch: Watch,
    sleep: Callable[[float], None] = time.sleep,
) -> Submitted:
    """Upload `file`, then wait up to `wait` seconds until it has been validated (0: do not wait).

    Usage `submission.mode`, UnsupportedFormat `format.not_csv`, and whatever the exchange refuses.
    """
    if mode not in MODES:
        raise Usage(f"There is no mode '{mode}'.", code="submission.mode", field="mode")
    _check_is_csv(file)
    watch.begin("Uploading", file.stat().st_size)
    sent = api.submit_file(
        session,
        list_id,
        file,
        mode=mode,
        urgent=urgent,
        note=note,
        media_type="text/csv",
        advance=watch.advance,
    )
    read = _wait_until_read(session, sent, wait, watch, sleep) if wait > 0 else sent
    problems: list[Problem] = []
    if read.counts.get("problems"):
        problems = api.problems_of(session, read.id, at_most=SHOWN_PROBLEMS)
    return Submitted(read, tuple(problems))


def _check_is_csv(file: Path) -> None:
    with file.open("rb") as stream:
        start = stream.read(8)
    for magic, name in _NOT_CSV:
        if start.startswith(magic):
            raise UnsupportedFormat(
                f"This file is {name}, not CSV.",
                code="format.not_csv",
                advice="This version submits CSV only.",
            )


def _wait_until_read(
    session: Session, sent: Submission, wait: float, watch: Watch, sleep: Callable[[float], None]
) -> Submission:
    deadline, pause, now = time.monotonic() + wait, FIRST_POLL, sent
    done = total = 0
    while now.state in _READING:
        if time.monotonic() > deadline:
            raise NetworkDown(
                f"{now.reference} has been received and is safe, but has not been read yet.",
                code="submission.still_reading",
                advice="Look at it in the browser, or ask again later.",
            )
        sleep(pause)
        pause = min(pause * 1.5, LONGEST_POLL)
        now = api.submission(session, sent.id)
        if now.rows_expected != total:
            total, done = now.rows_expected, 0
            watch.begin("Validating", total)
        watch.advance(now.rows_done - done)
        done = now.rows_done
    return now
