"""What is no list, sent to real processes over HTTP: a gigabyte of zeros, and media that is called .csv.

Refused while it arrives, in little memory, with an answer that its sender can read; nothing of it is kept.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import httpx

from hashsets.intake.models import Submission, Upload, UploadPart
from tests.stack import Stack
from tests.storyline import Stage

MOST_MEMORY: Final = 300 << 20
MOST_GROWTH: Final = 64 << 20  # of any process; a part of an upload has up to 16 MiB
GIGABYTE: Final = 1 << 30
PIECE: Final = bytes(1 << 16)
# What the server may have read of a refused file and what sockets hold of it: far from the whole.
MOST_SENT: Final = 64 << 20
MEDIA: Final[dict[str, bytes]] = {
    "JPEG": bytes.fromhex("ffd8ffe000104a46494600010100000100010000ffdb"),
    "PNG": b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR",
    "GIF": b"GIF89a\x01\x00\x01\x00",
    "WebP": b"RIFF\x24\x00\x00\x00WEBPVP8 ",
    "MP4": b"\x00\x00\x00\x20ftypisom\x00\x00\x02\x00",
    "WebM": b"\x1aE\xdf\xa3\x9fB\x86\x81",
    "AVI": b"RIFF\x24\x00\x00\x00AVI LIST",
    "gzip of a JPEG": gzip.compress(bytes.fromhex("ffd8ffe000104a46494600010100000100010000ffdb")),
}
NAMED: Final = {"Content-Type": "text/csv", "Content-Disposition": 'attachment; filename="list.csv"'}


class Zeros:
    """A body of a gigabyte that is never anywhere as a whole; `sent` is what the server has taken of it."""

    def __init__(self) -> None:
        self.sent = 0

    def __iter__(self) -> Iterator[bytes]:
        while self.sent < GIGABYTE:
            yield PIECE
            self.sent += len(PIECE)


def memory(stack: Stack, what: str) -> dict[int, int]:
    """`VmRSS` (now) or `VmHWM` (the most since `forget_peaks`) of each process, in bytes, by its number."""
    found = {}
    for pid in stack.left_running():
        told = re.search(rf"{what}:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
        if told is not None:
            found[pid] = int(told[1]) * 1024
    return found


def forget_peaks(stack: Stack) -> None:
    """What these processes needed for their real work before is not the question here."""
    for pid in stack.left_running():
        Path(f"/proc/{pid}/clear_refs").write_text("5")


def kept(stack: Stack) -> set[str]:
    """Every file of content: the blob store, and what is being received."""
    folders = (stack.var / "blobs", stack.var / "uploads")
    return {str(path) for folder in folders for path in folder.rglob("*") if path.is_file()}


def counted(stack: Stack) -> list[tuple[int]]:
    with stack.rows() as ask:
        return [
            ask(f"SELECT count(*) FROM {model._meta.db_table}")[0]  # noqa: S608
            for model in (Submission, Upload, UploadPart)
        ]


def refused(answer: httpx.Response, code: str) -> None:
    assert answer.status_code == 415, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["code"] == code


def in_parts(api: httpx.Client, stage: Stage, first: bytes, length: int) -> httpx.Response:
    """Open an upload of `length` bytes and send its first part."""
    stated = {"list_id": stage.world.list_id, "length": length, "sha256": "0" * 64}
    opened = api.post("/api/v1/uploads", json=stated)
    assert opened.status_code == 201, opened.text
    headers = {"Upload-Offset": "0", "Upload-Checksum": f"sha256 {hashlib.sha256(first).hexdigest()}"}
    return api.patch(f"/api/v1/uploads/{opened.json()['id']}", content=first, headers=NAMED | headers)


def refuse_what_is_no_list(stage: Stage, tell: Callable[[str, object], None]) -> None:
    """Send all of it to a running exchange, and look at every answer, file, row and process."""
    before, rows = kept(stage.stack), counted(stage.stack)
    web_log = stage.stack.var / "log" / "web.log"
    broken = web_log.read_text(errors="replace").count("Traceback")
    forget_peaks(stage.stack)
    resident = memory(stage.stack, "VmRSS")
    address = f"/api/v1/lists/{stage.world.list_id}/submissions?mode=add"
    with stage.api(stage.world.publisher_key) as api:
        for once in ({}, {"Idempotency-Key": "zeros"}, {"Idempotency-Key": "zeros"}):
            zeros, began = Zeros(), time.monotonic()
            stated = NAMED | {"Content-Length": str(GIGABYTE)}
            refused(api.post(address, content=zeros, headers=stated | once), "upload.binary")
            tell("seconds to the refusal of 1 GB of zeros", time.monotonic() - began)
            assert zeros.sent < MOST_SENT
        refused(in_parts(api, stage, bytes(16 << 20), GIGABYTE), "upload.binary")
        for content in MEDIA.values():
            file = content + b"0123456789abcdef" * 4_096
            refused(api.post(address, content=file, headers=NAMED), "upload.media")
            refused(in_parts(api, stage, file, len(file)), "upload.media")
        assert api.get("/api/v1/who").status_code == 200
    assert (kept(stage.stack), counted(stage.stack)) == (before, rows)
    peaks = memory(stage.stack, "VmHWM")
    lanes = {number: name for name, number in stage.stack.pids().items()}
    for pid, before_it in resident.items():
        lane = lanes.get(os.getpgid(pid), "supervisor")
        tell(f"most memory of {lane}, before and while refusing", (before_it, peaks[pid]))
        assert peaks[pid] - before_it < MOST_GROWTH, (lane, before_it, peaks[pid])
        assert lane != "web" or peaks[pid] < MOST_MEMORY, peaks[pid]
    assert "web" in lanes.values() and len(resident) >= 6, "not every process was looked at"
    assert web_log.read_text(errors="replace").count("Traceback") == broken
