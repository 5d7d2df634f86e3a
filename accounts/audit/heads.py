"""Exports the head of the chain as files, so that a tail cut off in the database is noticed.

Whoever can write the database can delete the last events and set the head back; the chain alone would still
hold. The files say how far the chain once reached. They help against the same intruder only when they leave
this host: copy the folder somewhere that the database's host cannot write (see deploy/), write-once where
possible.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from django.conf import settings

from accounts.audit.models import AuditHead

_NAME = re.compile(r"(\d{12,19})-([0-9a-f]{64})\.json")


@dataclass(frozen=True, slots=True)
class ExportedHead:
    """What a file says: event `number` had this digest."""

    number: int
    digest: str


def heads_folder() -> Path:
    """Where the heads go: HX_AUDIT_HEADS."""
    return Path(settings.HX_AUDIT_HEADS)


def export_head(*, now: datetime) -> Path | None:
    """Write `<number>-<digest>.json` for the newest event; None when there is nothing new.

    Create-only and durable: an exported head is never overwritten, and is on the disk before this returns.
    """
    head = AuditHead.objects.filter(id=1).first()
    if head is None or head.number == 0:
        return None
    target = heads_folder() / f"{head.number:012d}-{head.digest}.json"
    if target.exists():
        return None
    words = {"number": head.number, "digest": head.digest, "exported_at": now.isoformat()}
    return target if _create(target, json.dumps(words, sort_keys=True).encode() + b"\n") else None


def exported_heads(folder: Path) -> Iterator[ExportedHead]:
    """Every exported head in ascending order. The name alone counts: the content is for people."""
    if not folder.is_dir():
        return
    for name in sorted(entry.name for entry in os.scandir(folder)):
        match = _NAME.fullmatch(name)
        if match is not None:
            yield ExportedHead(number=int(match[1]), digest=match[2])


def _create(target: Path, content: bytes) -> bool:
    """Create `target` whole or not at all; False when somebody else was faster."""
    target.parent.mkdir(parents=True, exist_ok=True)
    descriptor, draft = tempfile.mkstemp(dir=target.parent, prefix=".head-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, target)
        except FileExistsError:
            return False
    finally:
        Path(draft).unlink()
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return True
