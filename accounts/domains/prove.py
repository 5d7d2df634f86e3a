"""A domain is claimed, looked for, proven and looked for again every night. The verdict, not the look.

Name servers and websites are asked by a station of the floor above (exchange/domains), outside of any
transaction: it claims a proof (`claim_look`), looks, and hands in what it found (`note_look`).
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from accounts.audit.actions import Action
from accounts.audit.record import record
from accounts.domains.models import DomainProof, ProofMethod, ProofState
from accounts.identity.acting import Actor, system_actor

NIGHTLY: Final = timedelta(days=1)
# A name server that is away for a night or two proves nothing.
MISSES_TO_LAPSE: Final = 3
KEEP_LOOKING: Final = timedelta(days=60)
LEASE: Final = timedelta(minutes=2)
RECORD_PREFIX: Final = "_hash-exchange"
FILE_PATH: Final = "/.well-known/hash-exchange.txt"
# What a look may have met, besides finding it ("found").
ANSWERS: Final = ("found", "absent", "other_token", "unreachable", "refused_address")
_EXCHANGE: Final = system_actor("domain check")


@dataclass(frozen=True, slots=True)
class Look:
    """What one look found: `answer` of ANSWERS, and by which way when it was found."""

    answer: str
    method: str = ""


def claim_domain(case_id: str, domain: str, *, actor: Actor, now: datetime) -> DomainProof:
    """Make, or make anew for another domain, the token of a case; the caller's transaction holds the case.

    A proof of the same domain stays as it is.
    """
    proof = DomainProof.objects.filter(case_id=case_id).first()
    if proof is not None and proof.domain == domain:
        return proof
    if proof is None:
        proof = DomainProof(case_id=case_id, created_at=now)
    proof.domain, proof.token = domain, secrets.token_urlsafe(15)
    proof.state, proof.method, proof.proven_at = ProofState.WAITING, "", None
    proof.looked_at, proof.due_at, proof.misses, proof.last_answer = None, None, 0, ""
    proof.lease_until = None
    proof.save()
    record(
        Action.DOMAIN_CLAIMED,
        actor=actor,
        subject_type="case",
        subject_id=case_id,
        organisation_id=None,
        now=now,
        facts={"domain": domain},
    )
    return proof


def ask_for_look(proof: DomainProof, *, now: datetime) -> None:
    """Have the station look soon; asking again and again makes no more looks than one a minute."""
    quiet = Q(looked_at__isnull=True) | Q(looked_at__lte=now - timedelta(minutes=1))
    DomainProof.objects.filter(quiet, id=proof.id).update(due_at=now)


def looks_due(now: datetime, limit: int) -> Sequence[UUID]:
    """Proofs to look at, longest due first; claims nothing."""
    free = Q(lease_until__isnull=True) | Q(lease_until__lte=now)
    due = DomainProof.objects.filter(free, due_at__lte=now).order_by("due_at")
    return list(due.values_list("id", flat=True)[:limit])


def claim_look(proof_id: UUID, *, now: datetime) -> DomainProof | None:
    """The proof, leased to the caller for two minutes, or None when somebody else was faster."""
    free = Q(lease_until__isnull=True) | Q(lease_until__lte=now)
    won = DomainProof.objects.filter(free, id=proof_id, due_at__lte=now).update(lease_until=now + LEASE)
    return DomainProof.objects.get(id=proof_id) if won else None


def note_look(proof: DomainProof, look: Look, *, now: datetime) -> DomainProof:
    """Keep what a look found, and say when the next one is. Does nothing when the token changed meanwhile.

    Found: proven, and again tomorrow. Not found: one that was never proven is looked for with growing pauses
    for sixty days; a proven one lapses at the third miss in a row.
    """
    with transaction.atomic():
        held = DomainProof.objects.select_for_update(no_key=True).filter(id=proof.id, token=proof.token)
        row = held.first()
        if row is None:
            return proof
        before = row.state
        row.looked_at, row.last_answer, row.lease_until = now, look.answer, None
        if look.answer == "found":
            row.misses, row.state, row.method = 0, ProofState.PROVEN, ProofMethod(look.method)
            row.proven_at = row.proven_at if before == ProofState.PROVEN else now
            row.due_at = now + NIGHTLY
        else:
            _missed(row, now)
        row.save()
        if row.state != before and row.state != ProofState.WAITING:
            _record(row, now)
    return row


def _missed(row: DomainProof, now: datetime) -> None:
    row.misses += 1
    if row.state == ProofState.PROVEN and row.misses >= MISSES_TO_LAPSE:
        row.state = ProofState.LAPSED
    if row.state == ProofState.WAITING:
        pause = min(timedelta(minutes=5) * 2 ** min(row.misses, 8), timedelta(hours=12))
        row.due_at = now + pause if now < row.created_at + KEEP_LOOKING else None
    else:
        row.due_at = now + NIGHTLY


def _record(row: DomainProof, now: datetime) -> None:
    record(
        Action.DOMAIN_PROVEN if row.state == ProofState.PROVEN else Action.DOMAIN_LAPSED,
        actor=_EXCHANGE,
        subject_type="case",
        subject_id=row.case_id,
        organisation_id=row.organisation_id,
        now=now,
        facts={"domain": row.domain, "method": row.method, "misses": row.misses},
    )


def stop_looking(case_ids: Sequence[str]) -> None:
    """For cases that have ended: nobody's name servers are asked for ever."""
    DomainProof.objects.filter(case_id__in=case_ids).update(due_at=None)
