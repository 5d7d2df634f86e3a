"""What was typed into a form before the person had to confirm their presence: kept sealed, given back once.

A form may hold a new password or a client's secret, and a session is a row like others: whoever reads a copy
of the database must not read them. Nothing seals these rows again when the keys are rotated: they are
short-lived, and what no key opens any more is as if it had not been kept.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Final

from django.http import HttpRequest

from accounts.errors import Corrupt
from accounts.sealing.texts import open_text, seal_text
from exchange.http.acting import PRESENCE_LASTS

UNSENT_KEY: Final = "hx_unsent"
LONGEST_UNSENT: Final = 2_000


def keep_unsent(request: HttpRequest, *, back: str, now: datetime) -> None:
    """Keep the posted fields for the form at `back`, each at most 2,000 characters long."""
    fields = {
        name: value[:LONGEST_UNSENT]
        for name, value in request.POST.items()
        if name != "csrfmiddlewaretoken" and isinstance(value, str)
    }
    said = json.dumps({"back": back, "at": now.timestamp(), "fields": fields})
    request.session[UNSENT_KEY] = seal_text(said, context=_context(request))


def take_unsent(request: HttpRequest, *, back: str, now: datetime) -> dict[str, str]:
    """What was kept for the form at `back` in the last quarter of an hour; nothing the second time."""
    sealed = request.session.pop(UNSENT_KEY, None)
    if not isinstance(sealed, str):
        return {}
    try:
        said = json.loads(open_text(sealed, context=_context(request)))
    except Corrupt:  # another person's session, or a key that went
        return {}
    fresh = 0 <= now.timestamp() - said["at"] <= PRESENCE_LASTS.total_seconds()
    return dict(said["fields"]) if fresh and said["back"] == back else {}


def _context(request: HttpRequest) -> str:
    """Bound to the person and not to the session, whose key changes when presence is confirmed."""
    return f"user:{request.user.pk}:unsent"
