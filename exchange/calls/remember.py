"""One act per Idempotency-Key: a retry gets the answer of the first call, never a second act.

(1) `claim` inserts a row: of two calls with one key the database lets one win. (2) The winner acts.
(3) `settle` keeps the answer, in the transaction of the act where there is a single one: then a process that
dies in between leaves neither. A claim without an answer is free again when its lease runs out.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db import IntegrityError, transaction

from accounts.errors import Conflict
from accounts.sealing.columns import context_of
from accounts.sealing.keyring import current_keyring
from accounts.sealing.sealing import seal, unseal
from exchange.calls.models import RememberedCall

KEPT_FOR: Final = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to act under a key. `id` is the same for every try under the key."""

    id: uuid.UUID
    token: uuid.UUID


@dataclass(frozen=True, slots=True)
class Answer:
    """What a call was answered; `digest` is the SHA-256 of what it asked."""

    digest: str
    status: int
    media_type: str
    body: bytes


def claim(organisation_id: uuid.UUID, key: str, *, lease: timedelta, now: datetime) -> Claim | Answer:
    """The right to act, or the answer that the first call under this key was given.

    Errors: Conflict `idempotency.in_progress` while another call with the key runs.
    """
    RememberedCall.objects.filter(organisation_id=organisation_id, key=key, kept_until__lte=now).delete()
    fresh = RememberedCall(
        organisation_id=organisation_id, key=key, lease_until=now + lease, kept_until=now + KEPT_FOR
    )
    try:
        with transaction.atomic():
            fresh.save(force_insert=True)
        return Claim(fresh.id, fresh.token)
    except IntegrityError:
        found = RememberedCall.objects.filter(organisation_id=organisation_id, key=key).first()
    if found is not None and found.status is not None:
        return _answer(found)
    if found is not None and found.lease_until <= now:
        token = uuid.uuid4()
        turn = RememberedCall.objects.filter(id=found.id, token=found.token, status__isnull=True)
        if turn.update(token=token, lease_until=now + lease):
            return Claim(found.id, token)
    wait = 1 if found is None else max(1, round((found.lease_until - now).total_seconds()))
    raise Conflict(
        "A call with this Idempotency-Key is still running.",
        code="idempotency.in_progress",
        advice="Repeat the call with the same key in a moment.",
        retry_after=min(wait, 5),
    )


def hold(claimed: Claim, *, until: datetime) -> None:
    """Show that the call still runs. Errors: Conflict `idempotency.overtaken`."""
    turn = RememberedCall.objects.filter(id=claimed.id, token=claimed.token, status__isnull=True)
    if not turn.update(lease_until=until):
        raise _overtaken()


def settle(claimed: Claim, answer: Answer) -> None:
    """Keep the answer. Errors: Conflict `idempotency.overtaken` when the lease ran out and another call acts:
    the transaction of this act must then not commit.
    """
    sealed = seal(answer.body, keyring=current_keyring(), context=_context(claimed.id))
    turn = RememberedCall.objects.filter(id=claimed.id, token=claimed.token, status__isnull=True)
    if not turn.update(
        digest=answer.digest, status=answer.status, media_type=answer.media_type, sealed_body=sealed
    ):
        raise _overtaken()


def _overtaken() -> Conflict:
    return Conflict(
        "This call took too long, and another one with the same Idempotency-Key has begun.",
        code="idempotency.overtaken",
    )


def let_go(claimed: Claim, *, now: datetime) -> None:
    """Give a claim without an answer back, so that a retry may try at once. It will have the same id: what
    happened before the answer was lost is found again by it.
    """
    turn = RememberedCall.objects.filter(id=claimed.id, token=claimed.token, status__isnull=True)
    turn.update(lease_until=now)


def _answer(row: RememberedCall) -> Answer:
    body = unseal(row.sealed_body, keyring=current_keyring(), context=_context(row.id))
    return Answer(row.digest, row.status or 0, row.media_type, body)


def _context(call_id: uuid.UUID) -> str:
    return context_of(RememberedCall, "sealed_body", call_id)
