"""Writes one audit event in the transaction of the act that it tells about: both are there, or neither is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from django.db import transaction

from accounts.audit.actions import Action
from accounts.audit.chain import Link, digest_of
from accounts.audit.facts import Fact, checked_facts, checked_words
from accounts.audit.models import AuditEvent, AuditHead
from accounts.identity.acting import Actor

_LABEL_LENGTH = 300


def record(
    action: Action,
    *,
    actor: Actor,
    subject_type: str,
    subject_id: str | int | UUID,
    organisation_id: UUID | None,
    now: datetime,
    facts: Mapping[str, Fact] | None = None,
) -> AuditEvent:
    """Append one event to the chain. Must be the last act of the caller's transaction.

    Last, because it locks the head of the chain, and with it every other writer, until the caller commits;
    and because the lock order is the list's row, then the head. `organisation_id` is the organisation whose
    people may read the event. The digest is described in `accounts.audit.chain`.

    Errors: RuntimeError outside a transaction; ValueError for facts that no audit event may hold.
    """
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError("An audit event is recorded inside the transaction of the act it tells about.")
    if now.tzinfo is None:
        raise ValueError("`now` must be aware of its time zone.")
    unnumbered = Link(
        number=0,
        at=now,
        action=Action(action).value,
        actor_kind=actor.kind.value,
        actor_label=checked_words(actor.label[:_LABEL_LENGTH], what="actor_label"),
        person_id=_text(actor.person_id),
        credential_id=_text(actor.credential_id),
        organisation_id=_text(organisation_id),
        subject_type=subject_type,
        subject_id=checked_words(str(subject_id), what="subject_id"),
        facts=checked_facts(facts or {}),
        previous_digest="",
    )
    # (1) Everything above may refuse; only then take the lock that all other writers wait for.
    head = AuditHead.objects.lock()
    link = replace(unnumbered, number=head.number + 1, previous_digest=head.digest)
    event = AuditEvent(
        number=link.number,
        at=now,
        action=link.action,
        actor_kind=link.actor_kind,
        actor_label=link.actor_label,
        person_id=actor.person_id,
        credential_id=actor.credential_id,
        organisation_id=organisation_id,
        subject_type=link.subject_type,
        subject_id=link.subject_id,
        facts=link.facts,
        previous_digest=link.previous_digest,
        digest=digest_of(link),
    )
    # (2) The event, then the head: an event under a number that exists already fails on the primary key.
    event.save(force_insert=True)
    head.number, head.digest = event.number, event.digest
    head.save(force_update=True, update_fields=["number", "digest"])
    return event


def _text(identifier: UUID | None) -> str | None:
    return None if identifier is None else str(identifier)
