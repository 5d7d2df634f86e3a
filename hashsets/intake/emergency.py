"""A few entries come off a list at once: typed or pasted by a person, before every other change.

It is a submission like any other, urgent and by removals alone: somebody else still approves it, and it is
signed. Up to a hundred entries a day are not held for being unusual, unless nothing would be left on the list
(`hashsets.releases.holds`).
"""

from __future__ import annotations

import io
from datetime import datetime
from typing import Final

from accounts.errors import Invalid, TooLarge
from accounts.identity.acting import Actor
from accounts.wording import paragraphs
from hashsets.intake.models import Mode, Submission
from hashsets.intake.receive import receive_submission
from hashsets.lists.models import HashList

MOST_ENTRIES: Final = 100
_LONGEST: Final = 100_000  # characters: a hundred of the longest hashes, and room


def withdraw_entries(
    hash_list: HashList, typed: str, *, hash_type: str, reason: str, actor: Actor, now: datetime
) -> Submission:
    """Take the hashes in `typed`, one a line, off the list. `reason` is told to whoever approves it.

    Errors: Invalid `withdrawal.nothing`, `text.…`; TooLarge `withdrawal.too_many`; and those of
    `receive_submission`.
    """
    lines = [line.strip() for line in typed[: _LONGEST + 1].splitlines() if line.strip()]
    if not lines:
        raise Invalid("Name at least one entry.", code="withdrawal.nothing", field="entries")
    if len(lines) > MOST_ENTRIES or len(typed) > _LONGEST:
        raise TooLarge(
            f"At most {MOST_ENTRIES} entries are withdrawn at once this way.",
            code="withdrawal.too_many",
            field="entries",
            advice="Submit a file that removes them: more people look at it then.",
            limit=MOST_ENTRIES,
        )
    reason = paragraphs(reason, field="reason", limit=1_000)
    return receive_submission(
        hash_list,
        io.BytesIO("\n".join((*lines, "")).encode(errors="replace")),
        mode=Mode.REMOVE,
        urgent=True,
        note=reason,
        hash_type=hash_type,
        actor=actor,
        now=now,
    )
