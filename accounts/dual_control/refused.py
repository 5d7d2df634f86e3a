"""Tries to be both people are told of: the refusal goes to whoever tried, an event to those who look later.

A refusal rolls the act's transaction back, and an event inside it with it. So the verb notes the refusal
here, and the door that began `noting` records it when the act is over.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeVar
from uuid import UUID

from django.db import transaction

from accounts.audit.actions import Action
from accounts.audit.record import record
from accounts.errors import Refusal
from accounts.identity.acting import Actor

R = TypeVar("R", bound=Refusal)


@dataclass(frozen=True, slots=True)
class RefusedAct:
    """Who tried what, and why not."""

    code: str
    actor: Actor
    subject_type: str
    subject_id: str
    organisation_id: UUID | None


_NOTED: Final[ContextVar[list[RefusedAct] | None]] = ContextVar("refused_acts", default=None)


def noted(
    refusal: R,
    *,
    actor: Actor,
    subject_type: str,
    subject_id: str | int | UUID,
    organisation_id: UUID | None = None,
) -> R:
    """`refusal`, to be raised; what it is about is kept for the record. `organisation_id` says who may read
    of it; None: the organisation acted for.
    """
    acts = _NOTED.get()
    if acts is not None:
        acts.append(
            RefusedAct(
                refusal.code, actor, subject_type, str(subject_id), organisation_id or actor.organisation_id
            )
        )
    return refusal


@contextmanager
def noting() -> Iterator[list[RefusedAct]]:
    """Keep what verbs refuse inside this block, for `record_refused`."""
    acts: list[RefusedAct] = []
    token = _NOTED.set(acts)
    try:
        yield acts
    finally:
        _NOTED.reset(token)


def record_refused(acts: list[RefusedAct], *, now: datetime) -> None:
    """One event for each; a transaction of its own, begun when the acts' own are over."""
    for act in acts:
        with transaction.atomic():
            record(
                Action.SECOND_PERSON_REFUSED,
                actor=act.actor,
                subject_type=act.subject_type,
                subject_id=act.subject_id,
                organisation_id=act.organisation_id,
                now=now,
                facts={"code": act.code},
            )
