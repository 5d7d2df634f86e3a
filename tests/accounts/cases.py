"""Cases at every point of their way, by the real verbs."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from accounts.domains.models import DomainProof
from accounts.domains.prove import Look, claim_look, note_look
from accounts.mail.models import OutgoingMail
from accounts.sealing.keyring import current_keyring
from accounts.sealing.sealing import unseal
from accounts.vetting.apply import (
    answer_question,
    look_at_domain,
    resume_application,
    start_application,
    submit_application,
)
from accounts.vetting.decide import Proposal, propose_decision, take_decision
from accounts.vetting.evidence import checked_items, record_evidence
from accounts.vetting.models import Case, Decision, Evidence
from tests import cast
from tests.cast import NOW

ANSWERS: dict[str, dict[str, str]] = {
    "kind": {"kind": "company"},
    "name": {"name": "Brightwater Video"},
    "jurisdiction": {"jurisdiction": "de"},
    "registration": {"register": "Handelsregister Hamburg", "register_number": "HRB 4711"},
    "domain": {"domain": "https://www.brightwater.example/about"},
    "contact": {"contact_name": "Wanda Brook", "contact_role": "Trust lead", "phone": "+49 40 555 0199"},
    "purpose": {"wanted": "subscribe", "purpose": "We host short videos and want to stop known material."},
    "policies": {"terms": "https://brightwater.example/terms", "transparency": ""},
    "interests": {"interests": ""},
}


def code_in(mail: OutgoingMail) -> str:
    """The code of a letter that has not been sent yet."""
    path = unseal(mail.sealed_path, keyring=current_keyring(), context=mail.context).decode()
    assert path.startswith("/apply/resume#")
    return path.partition("#")[2]


def newest_code(email: str) -> str:
    mail = OutgoingMail.objects.filter(kind="vetting.code", address=email).order_by("-queued_at").first()
    assert mail is not None
    return code_in(mail)


def started(*, email: str = "wanda@brightwater.example", now: datetime = NOW) -> Case:
    """An application whose mailed code has come back."""
    start_application(email=email, language="en", now=now)
    return resume_application(newest_code(email), now=now)


def filled(*, now: datetime = NOW, email: str = "wanda@brightwater.example", **changes: str) -> Case:
    case = started(email=email, now=now)
    for question, given in ANSWERS.items():
        case = answer_question(case.id, question, {**given, **changes}, now=now)
    return case


def submitted(*, now: datetime = NOW, email: str = "wanda@brightwater.example", **changes: str) -> Case:
    return submit_application(filled(now=now, email=email, **changes).id, declared=True, now=now)


def proven(case: Case, *, answer: str = "found", now: datetime = NOW) -> DomainProof:
    """One look of the exchange at the case's domain, with what it found."""
    look_at_domain(case.id, now=now)
    DomainProof.objects.filter(case=case).update(due_at=now)
    proof = claim_look(case.domain_proof.id, now=now)
    assert proof is not None
    return note_look(proof, Look(answer, "dns" if answer == "found" else ""), now=now)


def evidence(
    case: Case, item: str, *, by: cast.Person, result: str = "passed", now: datetime = NOW, **changes: Any
) -> Evidence:
    given: dict[str, Any] = {
        "source": "the public register", "reference": "folder 12", "finding": "", "unconflicted": True,
        **changes,
    }  # fmt: skip
    return record_evidence(case.id, item, result=result, actor=by.actor, now=now, **given)


def prepared(*, by: cast.Person | None = None, now: datetime = NOW, **changes: Any) -> Case:
    """A case whose whole checklist has passed."""
    case = submitted(now=now, **changes)
    proven(case, now=now)
    who = by or cast.operator(now=now).admin
    for one in checked_items(case, now=now):
        if not one.satisfied:
            evidence(case, one.item.code, by=who, now=now)
    return case


def proposed(
    case: Case, *, by: cast.Person | None = None, now: datetime = NOW, outcome: str = "approve", **how: Any
) -> Decision:
    who = by or cast.operator(now=now).admin
    if outcome == "decline":
        how = {"reason": "criteria", "message": "Your terms do not forbid such content yet.", **how}
    return propose_decision(
        case.id, Proposal(outcome=outcome, **how), unconflicted=True, actor=who.actor, now=now
    )


def decided(*, now: datetime = NOW, outcome: str = "approve", **how: Any) -> Case:
    """A case that the operator's two admins have decided."""
    case = prepared(now=now)
    decision = proposed(case, now=now, outcome=outcome, **how)
    second = cast.operator(now=now).second_admin
    take_decision(decision.id, unconflicted=True, actor=second.actor, now=now)
    case.refresh_from_db()
    return case


def days(count: int) -> datetime:
    return NOW + timedelta(days=count)
