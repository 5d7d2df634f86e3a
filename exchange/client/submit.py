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
from exchange.client.parts import Asked, submit_in_parts
from exchange.client.refusals import NetworkDown, UnsupportedFormat, Usage
from exchange.client.watch import Watch

__all__ = ["MODES", "Submitted", "submit"]

MODES: Final = ("add", "update", "remove", "replace")
SHOWN_PROBLEMS: Final = 20
FIRST_POLL: Final = 0.1
LONGEST_POLL: Final = 2.0
IN_PARTS_FROM: Final = 16 << 20  # bytes; larger files go on where they stopped
_READING: Final = frozenset({"received", "validating"})
# First bytes of what is sometimes sent by mistake; the exchange would refuse it too, after the upload.
_NO_LIST: Final = (
    (b"PK", "a spreadsheet or zip"),
    (b"%PDF", "PDF"),
    (b"\xff\xd8\xff", "an image"),
    (b"\x89PNG", "an image"),
)
_MEDIA_TYPES: Final = (
    (b"PAR1", "application/vnd.apache.parquet"),
    (b"\x1f\x8b", "application/gzip"),
    (b"{", "application/jsonl"),
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
    hash_type: str = "",
    wait: float,
    watch: Watch,
    sleep: Callable[[float], None] = time.sleep,
) -> Submitted:
    """Upload `file`, then wait up to `wait` seconds until it has been validated (0: do not wait).

    `hash_type` says what the hashes are in a file that has one a line and no header.

    Usage `submission.mode`, UnsupportedFormat `format.no_list`, and whatever the exchange refuses.
    """
    if mode not in MODES:
        raise Usage(f"There is no mode '{mode}'.", code="submission.mode", field="mode")
    media_type = _media_type(file)
    watch.begin("Uploading", file.stat().st_size)
    asked = Asked(mode=mode, urgent=urgent, note=note, hash_type=hash_type)
    if file.stat().st_size > IN_PARTS_FROM:
        sent = submit_in_parts(session, list_id, file, asked, advance=watch.advance)
    else:
        sent = api.submit_file(
            session,
            list_id,
            file,
            mode=mode,
            urgent=urgent,
            note=note,
            hash_type=hash_type,
            media_type=media_type,
            advance=watch.advance,
        )
    read = _wait_until_read(session, sent, wait, watch, sleep) if wait > 0 else sent
    problems: list[Problem] = []
    if read.counts.get("problems"):
        problems = api.problems_of(session, read.id, at_most=SHOWN_PROBLEMS)
    return Submitted(read, tuple(problems))


def _media_type(file: Path) -> str:
    """What the file looks like; the exchange looks for itself and refuses what is no list."""
    with file.open("rb") as stream:
        start = stream.read(8)
    for magic, name in _NO_LIST:
        if start.startswith(magic):
            raise UnsupportedFormat(
                f"This file is {name}, not a list of hashes.",
                code="format.no_list",
                advice="Send CSV, one hash a line, JSON Lines or Parquet; each may be compressed with gzip.",
            )
    return next((said for magic, said in _MEDIA_TYPES if start.startswith(magic)), "text/csv")


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
