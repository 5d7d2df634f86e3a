"""A file that comes in one piece, kept as if it had come in parts: looked at again before it is submitted.

A browser without a script sends a form with the file in it. What the person then checks is an upload like any
other, so that both ways meet at one step and nothing is a submission before somebody has said so.
"""

from __future__ import annotations

import hashlib
import io
from datetime import datetime
from typing import BinaryIO

from accounts.errors import Invalid
from accounts.identity.acting import Actor
from hashsets.intake.models import Upload
from hashsets.intake.sniff import require_no_media
from hashsets.intake.uploads import PART_LIMIT, append_part, open_upload
from hashsets.lists.models import HashList

_PIECE = 1 << 20


def keep_whole(
    hash_list: HashList, file: BinaryIO, *, actor: Actor, now: datetime, media_type: str | None = None
) -> Upload:
    """Store all of `file`, which can be read twice. The same file again goes on where it was cut off.

    Errors: those of `open_upload` and `append_part`; Unsupported `upload.media` when its sender calls it
    media; Invalid `upload.empty`.
    """
    require_no_media(media_type)
    digest, length = hashlib.sha256(), 0
    file.seek(0)
    while piece := file.read(_PIECE):
        digest.update(piece)
        length += len(piece)
    if not length:
        raise Invalid("The upload is empty.", code="upload.empty")
    upload = open_upload(hash_list, length=length, sha256=digest.hexdigest(), actor=actor, now=now)
    while upload.received < length:
        file.seek(upload.received)
        part = file.read(PART_LIMIT)
        upload = append_part(
            upload.id,
            io.BytesIO(part),
            offset=upload.received,
            sha256=hashlib.sha256(part).hexdigest(),
            actor=actor,
        )
    return upload
