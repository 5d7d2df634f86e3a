"""Seals every stored secret again with the current key, so that an old key can be dropped.

(1) Take the next rows that are behind, in one transaction: lock, open, seal, write, and one audit event that
counts them. (2) Go on after the last of them until none is left. (3) Count what is still needed.

A kill at any moment leaves every value sealed with a key of the keyring, and a second run goes on where the
first one stopped: the rows say what is left, nothing else does. Values that do not open are told and left.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from django.db import transaction

from accounts.audit.actions import Action
from accounts.audit.record import record
from accounts.identity.acting import system_actor
from accounts.sealing.keyring import current_keyring
from accounts.sealing.places import Batch, Place, needed_keys, sealed_places
from accounts.sealing.sealing import Keyring

BATCH: Final = 100
"""Rows that are locked at a time: some milliseconds, so that deliveries and sign-ins do not notice."""
ROTATION: Final = system_actor("rotate_secrets")


@dataclass(frozen=True, slots=True)
class Standing:
    """Which keys the stored secrets need, and which of them this process was given."""

    current: str
    needed: Counter[str]
    known: tuple[str, ...]

    @property
    def behind(self) -> int:
        """Values that another key than the current one opens."""
        return sum(count for key_id, count in self.needed.items() if key_id != self.current)

    @property
    def missing(self) -> tuple[str, ...]:
        """Keys that are needed and were not given."""
        return tuple(sorted(set(self.needed) - set(self.known)))

    @property
    def droppable(self) -> tuple[str, ...]:
        """Keys that nothing needs any more."""
        return tuple(key_id for key_id in self.known if key_id != self.current and key_id not in self.needed)


@dataclass(slots=True)
class Rotated:
    """What a run did."""

    resealed: Counter[str] = field(default_factory=Counter)
    """Values by place."""
    refused: list[str] = field(default_factory=list)
    """`<place> <primary key>: <code>` of values that did not open."""


def standing(*, tables: Collection[str] | None = None) -> Standing:
    """Where the rotation stands; of `tables` alone, when they are given. Changes nothing."""
    ring = current_keyring()
    places = [place for place in sealed_places() if tables is None or place.table in tables]
    return Standing(ring.current_id, needed_keys(places), tuple(name for name, _ in ring.keys))


def rotate_secrets(*, now: Callable[[], datetime], batch: int = BATCH) -> Rotated:
    """Seal again what is not sealed with the current key. Safe to repeat, and safe to run twice at once."""
    ring, done = current_keyring(), Rotated()
    for place in sealed_places():
        after: Any = None
        while True:
            step = _step(place, ring, after=after, limit=batch, now=now())
            done.resealed[place.name] += step.resealed
            done.refused += [f"{place.name} {told}" for told in step.refused]
            if step.last is None:
                break
            after = step.last
    return done


@transaction.atomic
def _step(place: Place, ring: Keyring, *, after: Any, limit: int, now: datetime) -> Batch:
    step = place.reseal(ring, after=after, limit=limit)
    if step.resealed:
        record(
            Action.SECRETS_RESEALED,
            actor=ROTATION,
            subject_type="sealing_key",
            subject_id=ring.current_id,
            organisation_id=None,
            now=now,
            facts={"place": place.name, "values": step.resealed},
        )
    return step
