"""Evidence: what a person found, where, and until when it counts; and what of a checklist is still open."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from django.db import transaction

from accounts.audit.actions import Action
from accounts.domains.models import DomainProof, ProofState
from accounts.domains.names import belongs_to
from accounts.errors import Invalid, NotFound
from accounts.identity.acting import Actor
from accounts.vetting.cases import case_locked, record_case, take_part
from accounts.vetting.checklists import Item, items_of
from accounts.vetting.models import DECIDABLE, Case, CaseState, Evidence, PartKind, Result
from accounts.wording import one_line, paragraphs

_MAY_COLLECT = (*DECIDABLE, CaseState.INFORMATION)
Standing = Literal["done", "open", "failed", "expired", "tainted"]


@dataclass(frozen=True, slots=True)
class Checked:
    """One item and how it stands; `evidence` is the row that counts, None for what the case itself tells."""

    item: Item
    standing: Standing
    evidence: Evidence | None = None

    @property
    def satisfied(self) -> bool:
        return self.standing == "done"


def record_evidence(
    case_id: str,
    item: str,
    *,
    result: str,
    source: str,
    reference: str,
    finding: str,
    unconflicted: bool,
    actor: Actor,
    now: datetime,
) -> Evidence:
    """Write down what was found for one item; it takes the place of what was there before.

    Recording makes the actor a preparer of the case, who cannot decide it any more.
    Errors: as `case_locked` and `take_part`; NotFound `case.item`; Invalid `evidence.…` or on the words.
    """
    row = Evidence(
        item=item,
        result=_result(result),
        source=one_line(source, field="source", limit=300),
        reference=one_line(reference, field="reference", limit=300),
        finding=paragraphs(finding, field="finding", limit=4_000, required=result != Result.PASSED),
        found_at=now,
    )
    with transaction.atomic():
        case = case_locked(case_id, *_MAY_COLLECT, actor=actor)
        known = _item(case, item)
        if known.by != "person" and result == Result.PASSED:
            raise Invalid(
                "The exchange finds this out itself; a person can only say that it failed or is not needed.",
                code="evidence.not_by_person",
                field="result",
            )
        part = take_part(case, PartKind.PREPARER, unconflicted=unconflicted, actor=actor, now=now)
        row.case, row.part, row.expires_at = case, part, now + timedelta(days=known.days)
        case.evidence.filter(item=item, superseded_at__isnull=True).update(superseded_at=now)
        row.save(force_insert=True)
        record_case(
            Action.CASE_EVIDENCE_RECORDED,
            case,
            actor=actor,
            now=now,
            facts={"item": item, "result": row.result, "evidence": row.pk},
        )
    return row


def checked_items(case: Case, *, now: datetime) -> list[Checked]:
    """How every item of the case's own version of its checklist stands. Three queries."""
    if case.checklist is None:
        return []
    counting = case.evidence.filter(superseded_at__isnull=True).select_related("part", "part__person")
    by_item = {row.item: row for row in counting}
    proof = DomainProof.objects.filter(case_id=case.id).first()
    return [_checked(item, case, by_item.get(item.code), proof, now) for item in items_of(case.checklist)]


def missing_items(case: Case, *, now: datetime) -> list[Checked]:
    """Required items that keep a case from being approved."""
    return [one for one in checked_items(case, now=now) if one.item.required and not one.satisfied]


def _checked(
    item: Item, case: Case, row: Evidence | None, proof: DomainProof | None, now: datetime
) -> Checked:
    if row is not None and row.part.conflict_at is not None:
        row_standing: Standing = "tainted"
    elif row is None:
        row_standing = "open"
    elif row.result == Result.FAILED:
        row_standing = "failed"
    elif row.expires_at <= now:
        row_standing = "expired"
    else:
        row_standing = "done"
    if item.by != "person" and row_standing in ("open", "expired") and _found_out(item, case, proof):
        return Checked(item, "done")
    return Checked(item, row_standing, row)


def _found_out(item: Item, case: Case, proof: DomainProof | None) -> bool:
    proven = proof is not None and proof.state == ProofState.PROVEN
    if item.by == "domain" or proof is None:
        return proven
    return proven and case.email_proven_at is not None and belongs_to(case.email, proof.domain)


def _item(case: Case, code: str) -> Item:
    if case.checklist is not None:
        for item in items_of(case.checklist):
            if item.code == code:
                return item
    raise NotFound("There is no such item on this case's checklist.", code="case.item")


def _result(text: str) -> Result:
    if text not in Result.values:
        raise Invalid("Say what came out.", code="evidence.result", field="result")
    return Result(text)
