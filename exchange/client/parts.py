"""Sends a large file in parts, and goes on where an earlier attempt stopped, also another day.

The exchange counts: it knows the file by its digest, says at which byte to go on, and takes each byte once.
Nothing has to be remembered here.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from accounts.errors import Refusal
from exchange.client import api
from exchange.client.fetch import Advance, Session
from exchange.client.refusals import NetworkDown

__all__ = ["PART", "Asked", "submit_in_parts"]

PART: Final = 8 << 20
STEPS_BACK: Final = 20  # times that the exchange may say "go on elsewhere" before it is taken for broken


@dataclass(frozen=True, slots=True)
class Asked:
    """What the file is to do to its list."""

    mode: str
    urgent: bool
    note: str
    hash_type: str


def submit_in_parts(
    session: Session, list_id: str, file: Path, asked: Asked, *, advance: Advance
) -> api.Submission:
    """The submission that the exchange made of `file`, which must not change meanwhile.

    What the exchange refuses, and NetworkDown `network.not_an_exchange`.
    """
    with file.open("rb") as stream:
        sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
        length = stream.tell()
        stated = {"list_id": list_id, "length": length, "sha256": sha256}
        upload = session.json("POST", "api/v1/uploads", body=stated, idempotent=True)
        path = f"api/v1/uploads/{upload['id']}"
        offset = _offset_of(upload)
        advance(offset)
        steps_back = 0
        while offset < length:
            stream.seek(offset)
            try:
                upload = session.send_part(path, stream.read(PART), offset=offset)
            except Refusal as refusal:
                # A part whose answer was lost has been taken; the exchange says where the next one begins.
                steps_back += 1
                if refusal.code != "upload.offset" or steps_back > STEPS_BACK:
                    raise
                upload = session.json("GET", path)
            advance(max(0, _offset_of(upload) - offset))
            offset = _offset_of(upload)
    wanted = {"mode": asked.mode, "urgent": asked.urgent, "note": asked.note, "type": asked.hash_type}
    session.json("POST", f"{path}/submit", body=wanted, idempotent=True)
    return api.submission(session, str(upload["id"]))


def _offset_of(upload: Any) -> int:
    offset = upload.get("offset") if isinstance(upload, dict) else None
    if not isinstance(offset, int):
        raise NetworkDown(
            "The exchange's answer is not what a Hash Exchange says.", code="network.not_an_exchange"
        )
    return offset
