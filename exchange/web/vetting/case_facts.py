"""What pages say of a case: its line in the queue, its checklist, its timeline, and the file it can be
exported as.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.utils.functional import Promise
from django.utils.translation import gettext as _

from accounts.audit.models import AuditEvent
from accounts.identity.models import User
from accounts.vetting.checklists import Item
from accounts.vetting.evidence import Checked, checked_items
from accounts.vetting.models import AT_WORK, Audience, Case, CaseState
from accounts.vetting.questions import questions_for
from exchange.web.parts import Event, Tag
from exchange.web.shown import apart, duration, instant
from exchange.web.vetting.asked import answers_to_check
from exchange.web.vetting.words import (
    CASE_STATE,
    CASE_TONE,
    CHECK,
    KIND,
    OUTCOME,
    PROOF,
    PURPOSE,
    REASON,
    RESULT,
    in_french,
)
from exchange.web.words import word


@dataclass(frozen=True, slots=True)
class CaseRow:
    """One line of the queue; `waits_on` says for whom it waits."""

    case: Case
    state: Tag
    purpose: str
    kind: str
    age: str
    waits_on: str
    owner: str


def case_row(case: Case, *, now: datetime, proposed: bool = False) -> CaseRow:
    return CaseRow(
        case=case,
        state=Tag(word(CASE_STATE, case.state), CASE_TONE[case.state]),
        purpose=word(PURPOSE, case.purpose),
        kind=word(KIND, str(case.answers.get("kind", ""))),
        age=duration(case.age_seconds(now)),
        waits_on=_waits_on(case, proposed=proposed),
        owner=str(case.owner) if case.owner else "",
    )


def _waits_on(case: Case, *, proposed: bool) -> str:
    if case.state == CaseState.INFORMATION:
        return _("the applicant")
    if case.state not in AT_WORK:
        return ""
    if proposed:
        return _("a second person")
    return str(case.owner) if case.owner else _("somebody to take it")


@dataclass(frozen=True, slots=True)
class CheckRow:
    """One item of the checklist as the case page shows it."""

    code: str
    title: str
    how: str
    tag: Tag
    required: bool
    source: str = ""
    reference: str = ""
    finding: str = ""
    who: str = ""
    at: str = ""
    expires: str = ""
    result: str = ""


def title_of(item: Item) -> str:
    return item.title_fr if in_french() else item.title_en


def how_of(item: Item) -> str:
    return item.how_fr if in_french() else item.how_en


def check_rows(case: Case, *, now: datetime) -> list[CheckRow]:
    return [_check_row(one) for one in checked_items(case, now=now)]


def _check_row(one: Checked) -> CheckRow:
    tone = {"done": "good", "open": "asks", "failed": "bad", "expired": "bad", "tainted": "bad"}
    row = one.evidence
    shown = CheckRow(
        code=one.item.code,
        title=title_of(one.item),
        how=how_of(one.item),
        tag=Tag(word(CHECK, one.standing), tone[one.standing]),  # type: ignore[arg-type]
        required=one.item.required,
    )
    if row is None:
        return shown
    return CheckRow(
        **{name: getattr(shown, name) for name in ("code", "title", "how", "tag", "required")},
        source=row.source,
        reference=row.reference,
        finding=row.finding,
        who=str(row.part.person),
        at=instant(row.found_at),
        expires=instant(row.expires_at),
        result=word(RESULT, row.result),
    )


def timeline(case: Case) -> list[Event]:
    """Everything that happened, newest first: evidence, notes, proposals, decisions. Four queries."""
    happened: list[tuple[datetime, Event]] = []

    def tell(at: datetime | None, title: str | Promise, who: object, text: str = "", **more: Any) -> None:
        if at is not None:
            event = Event(title, instant(at), str(who) if who else _("The applicant"), text, **more)
            happened.append((at, event))

    tell(case.created_at, _("Begun"), None if case.organisation_id is None else case.name)
    tell(case.submitted_at, _("Handed in"), None if case.organisation_id is None else case.name)
    for note in case.notes.select_related("person"):
        internal = note.audience == Audience.INTERNAL
        title = _("Note for colleagues") if internal else _("Message with the applicant")
        tell(note.written_at, title, note.person, note.text, tone="quiet" if internal else "moving")
    for row in case.evidence.select_related("part__person"):
        title = _("Check recorded: %(item)s") % {"item": row.item}
        found = f" {apart(row.finding)}" if row.finding else ""
        tell(row.found_at, title, row.part.person, f"{word(RESULT, row.result)}.{found}")
    for part in case.parts.filter(conflict_at__isnull=False).select_related("person"):
        tell(part.conflict_at, _("Conflict of interest declared"), part.person, part.conflict, tone="bad")
    decisions = case.decisions.select_related("proposed_by__person", "decided_by__person", "returned_by")
    for one in decisions:
        said = word(OUTCOME, one.outcome) + (f": {word(REASON, one.reason)}" if one.reason else "")
        tell(one.proposed_at, _("Decision proposed"), one.proposed_by.person, said, tone="asks")
        if one.decided_by is not None:
            tell(one.decided_at, _("Decided"), one.decided_by.person, said, tone="good")
        elif one.returned_by is not None:
            tell(one.proposed_at, _("Proposal given back"), one.returned_by, one.returned_because, tone="bad")
    happened.reverse()  # of two at the same moment, the one told later is the newer
    return [event for _at, event in sorted(happened, key=lambda pair: pair[0], reverse=True)]


def said_to_applicant(case: Case) -> list[Event]:
    """The messages that both sides see, newest first; people of the exchange are not named."""
    notes = case.notes.filter(audience=Audience.APPLICANT).order_by("-written_at")
    return [
        Event(_("You wrote") if one.person_id is None else _("The exchange wrote"), instant(one.written_at),
              "", one.text, tone="quiet" if one.person_id is None else "moving")
        for one in notes
    ]  # fmt: skip


def exported(case: Case, *, now: datetime) -> dict[str, Any]:
    """The whole case as plain values: answers, checks with every earlier one, decisions, notes, audit
    events.
    """
    proof = getattr(case, "domain_proof", None)
    people = {part.person_id: str(part.person) for part in case.parts.select_related("person")}
    return {
        "reference": case.id,
        "exported_at": now.isoformat(),
        "purpose": case.purpose,
        "state": case.state,
        "organisation": case.name,
        "answers": case.answers,
        "submitted_at": _iso(case.submitted_at), "decided_at": _iso(case.decided_at),
        "age_seconds": round(case.age_seconds(now)),
        "checklist": {"track": case.checklist.track, "version": case.checklist.version,
                      "items": case.checklist.items} if case.checklist else None,
        "domain": {"name": proof.domain, "state": word(PROOF, proof.state), "method": proof.method,
                   "proven_at": _iso(proof.proven_at)} if proof else None,
        "evidence": [
            {"item": row.item, "result": row.result, "source": row.source, "reference": row.reference,
             "finding": row.finding, "by": str(row.part.person), "at": _iso(row.found_at),
             "expires_at": _iso(row.expires_at), "superseded_at": _iso(row.superseded_at)}
            for row in case.evidence.select_related("part__person").order_by("found_at", "id")
        ],
        "parts": [
            {"person": people[part.person_id], "kind": part.get_kind_display(), "conflict": part.conflict}
            for part in case.parts.all()
        ],
        "decisions": [
            {"outcome": one.outcome, "state": one.state, "reason": one.reason, "message": one.message,
             "note": one.note, "on_appeal": one.on_appeal, "proposed_by": str(one.proposed_by.person),
             "proposed_at": _iso(one.proposed_at),
             "decided_by": str(one.decided_by.person) if one.decided_by else None,
             "decided_at": _iso(one.decided_at), "returned_because": one.returned_because,
             "conditions": [{"text": each.text, "due_at": _iso(each.due_at), "blocked": each.blocked,
                             "met_at": _iso(each.met_at)} for each in one.conditions.all()]}
            for one in case.decisions.select_related("proposed_by__person", "decided_by__person")
            .prefetch_related("conditions").order_by("proposed_at")
        ],
        "notes": [{"audience": note.audience, "by": str(note.person) if note.person else "applicant",
                   "at": _iso(note.written_at), "text": note.text}
                  for note in case.notes.select_related("person").order_by("written_at", "id")],
        "events": [
            {"number": event.number, "at": _iso(event.at), "action": event.action, "by": event.actor_label,
             "facts": event.facts, "digest": event.digest}
            for event in AuditEvent.objects.filter(subject_type="case", subject_id=case.id).order_by("number")
        ],
    }  # fmt: skip


def _iso(at: datetime | None) -> str | None:
    return at.isoformat() if at else None


def answers_of(case: Case) -> list[Any]:
    return answers_to_check(questions_for(case.answers), case.answers, "")


def part_of(case: Case, person_id: UUID | None) -> str:
    """Which part this person takes in the case: "p", "d", "x" or "" (none yet)."""
    part = case.parts.filter(person_id=person_id).first()
    if part is None:
        return ""
    return "x" if part.conflict_at is not None else str(part.kind)


def owners(admins: list[User]) -> list[tuple[str, str]]:
    return [(str(user.id), str(user)) for user in admins]
