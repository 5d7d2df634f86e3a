"""The mail room's counter: `queue_mail` leaves a letter as a row, in the caller's transaction.

    queue_mail("account.invitation", to="ada@example.org", language="fr",
               facts={"organisation": organisation.name}, path=f"/invitations/{token}", now=now)

The letter's words are in `exchange/mail/letters/<area>.py` under the same kind, in English and French; a
worker renders it in the reader's language and sends it (exchange/mail/send.py). Rows first: no verb waits
for a mail server, and a letter whose act was rolled back was never written. No nudge is needed, since every
worker looks every two seconds.

A letter says that something happened and where to look, never the case itself: `facts` are names, counts and
dates, and what looks like a hash, key or token is refused. The one secret that may travel is in `path`, for a
one-time link; it is sealed at rest and forgotten once the letter has left.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from accounts.identity.models import User
from accounts.mail.models import OutgoingMail
from accounts.sealing.keyring import current_keyring
from accounts.sealing.sealing import seal
from accounts.wording import one_line

USEFUL_FOR: Final = timedelta(days=3)
_LONGEST_FACT: Final = 300


def queue_mail(
    kind: str,
    *,
    to: User | str,
    facts: Mapping[str, str | int] | None = None,
    path: str = "",
    language: str = "",
    once: str = "",
    useful_for: timedelta = USEFUL_FOR,
    now: datetime,
) -> None:
    """Owe one letter to a person, or to an address that is nobody's yet.

    `path` is an address on this exchange ("/…"), shown as the letter's button. `language` counts for
    addresses only; people read their own. `once` names what must not be said twice, such as
    "review:<id>:30d": a second letter of that name is silently not written. After `useful_for` none is sent.
    Errors: Invalid, TooLarge `text.…` for a fact that may not be in a letter.
    """
    told = {name: _fact(name, value) for name, value in (facts or {}).items()}
    reader = to if isinstance(to, User) else None
    mail = OutgoingMail(
        id=uuid.uuid4(),
        kind=kind,
        reader=reader,
        address=to.email if isinstance(to, User) else to,
        language=reader.language if reader else (language or "en")[:2],
        facts=told,
        once=once,
        queued_at=now,
        due_at=now,
        lapses_at=now + useful_for,
    )
    mail.sealed_path = seal(path.encode(), keyring=current_keyring(), context=mail.context) if path else ""
    # A letter that was written already is left as it is, without failing the act that asks for it again.
    OutgoingMail.objects.bulk_create([mail], ignore_conflicts=bool(once))


def _fact(name: str, value: str | int) -> str | int:
    return (
        value if isinstance(value, int) else one_line(value, field=name, limit=_LONGEST_FACT, required=False)
    )
