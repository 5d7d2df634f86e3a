"""Tell the exchange what is in force here: the third level of truth, after notified and fetched."""

from __future__ import annotations

from datetime import datetime

from exchange.client.api import post_confirmation
from exchange.client.fetch import Session
from exchange.client.refusals import Usage
from exchange.client.store import Confirmed, ListStore

__all__ = ["confirm_in_force"]


def confirm_in_force(session: Session, store: ListStore, *, now: datetime, again: bool = False) -> Confirmed:
    """State the release in force and its root, unless the exchange knows already (`again`: even then).

    Usage `store.nothing_applied` when there is none.
    """
    current = store.current()
    if current is None:
        raise Usage(
            "Nothing of this list has been applied here yet: sync first.", code="store.nothing_applied"
        )
    statement = Confirmed(current.release, current.state_root)
    if again or store.confirmed() != statement:
        post_confirmation(
            session,
            current.list_id,
            release=current.release,
            state_root=current.state_root,
            hash_types=[held.slug for held in current.types],
            applied_at=current.applied_at or now.isoformat(),
        )
        store.note_confirmed(statement)
    return statement
