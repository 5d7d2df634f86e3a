"""What a person has said about a change before its file is there: kept in their session, list by list.

Nothing of it is a submission. It holds words and choices, never hashes.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any, Final
from uuid import UUID

from django.http import HttpRequest

from accounts.errors import Invalid
from accounts.wording import paragraphs
from hashsets.intake.models import Mode
from hashsets.intake.uploads import Intent
from hashsets.lists.models import HashList

_KEY: Final = "hx_changes"
_FILES: Final = "hx_files"
_MOST: Final = 10  # lists that one person has begun to change and not finished


def begun(request: HttpRequest, hash_list: HashList) -> Intent | None:
    """What was said about this list; None when nothing was, or in another session."""
    said = request.session.get(_KEY, {}).get(hash_list.id)
    return Intent(**said) if isinstance(said, dict) else None


def begin(request: HttpRequest, hash_list: HashList, *, mode: str, urgent: bool, note: str) -> Intent:
    """Keep the answers. Errors: Invalid `submission.mode`, `text.…`."""
    if mode not in Mode.values:
        raise Invalid("Say what the file does to the list.", code="submission.mode", field="mode")
    note = paragraphs(note, field="note", limit=1_000, required=False)
    earlier = begun(request, hash_list)
    intent = Intent(mode, urgent, note, earlier.hash_type if earlier else "")
    _keep(request, hash_list, asdict(intent))
    return intent


def name_type(request: HttpRequest, hash_list: HashList, hash_type: str) -> None:
    """Keep what a file holds that does not say it itself. Errors: Invalid `submission.type`."""
    if hash_type and hash_type not in hash_list.hash_types:
        raise Invalid(
            "This list does not take hashes of the type that was named.", code="submission.type", field="type"
        )
    intent = begun(request, hash_list)
    if intent is not None:
        _keep(request, hash_list, asdict(replace(intent, hash_type=hash_type)))


def name_file(request: HttpRequest, hash_list: HashList, upload_id: UUID | None) -> UUID | None:
    """Keep which upload is meant now, and give back the one that it takes the place of."""
    files = dict(request.session.get(_FILES, {}))
    before = files.pop(hash_list.id, None)
    if upload_id is not None:
        files[hash_list.id] = str(upload_id)
    request.session[_FILES] = dict(list(files.items())[-_MOST:])
    return UUID(before) if before is not None and before != str(upload_id) else None


def forget(request: HttpRequest, hash_list: HashList) -> None:
    _keep(request, hash_list, None)
    name_file(request, hash_list, None)


def _keep(request: HttpRequest, hash_list: HashList, said: dict[str, Any] | None) -> None:
    kept = {name: one for name, one in request.session.get(_KEY, {}).items() if name != hash_list.id}
    if said is not None:
        kept[hash_list.id] = said
    request.session[_KEY] = dict(list(kept.items())[-_MOST:])
