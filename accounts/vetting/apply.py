"""An application from its first page to the reply: started, resumed by a mailed code, filled in, submitted.

Whoever applies is no person here yet. What they hold is the code from their mail, and every verb takes the
case that the door found under it. A draft is its applicant's alone; once submitted it is the exchange's to
work on.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction

from accounts.audit.actions import Action
from accounts.audit.facts import Fact
from accounts.audit.record import record
from accounts.domains.prove import ask_for_look, claim_domain
from accounts.errors import Conflict, Invalid, NotFound, Throttled, Unauthenticated
from accounts.identity.acting import applicant_actor
from accounts.mail.queue import queue_mail
from accounts.vetting.cases import move, move_clock, tell_exchange
from accounts.vetting.checklists import checklist_for
from accounts.vetting.codes import code_digest, new_code, new_reference
from accounts.vetting.models import Audience, Case, CaseNote, CaseState, Purpose
from accounts.vetting.questions import BY_NAME, checked_answers, fields_of, questions_for, unanswered
from accounts.wording import paragraphs

MAIL_PAUSE: Final = timedelta(minutes=1)
MOST_DRAFTS: Final = 5
# An appeal is heard while memories and evidence are fresh.
APPEAL_WITHIN: Final = timedelta(days=60)
_OPEN_TO_APPLICANT: Final = (CaseState.DRAFT, CaseState.INFORMATION)


def start_application(*, email: str, language: str, now: datetime) -> Case:
    """Open a draft and mail its code. Starting proves nothing yet: the code does, when it comes back.

    Errors: Invalid `application.email`; Throttled `application.too_many` for an address with five drafts.
    """
    address, code = _email(email), new_code()
    case = Case(
        id=new_reference(),
        purpose=Purpose.ADMISSION,
        email=address,
        language="fr" if language == "fr" else "en",
        code_digest=code_digest(code),
        code_sent_at=now,
        created_at=now,
        changed_at=now,
    )
    with transaction.atomic():
        drafts = Case.objects.filter(email=address, state=CaseState.DRAFT)
        if drafts.filter(created_at__gt=now - timedelta(days=1)).count() >= MOST_DRAFTS:
            raise Throttled(
                "Too many applications were begun with this address today.",
                code="application.too_many",
                advice="Continue one of them with the code in your mail, or try again tomorrow.",
                retry_after=86_400,
            )
        case.save(force_insert=True)
        _mail_code(case, code, now=now)
        _record(Action.APPLICATION_STARTED, case, now=now)
    return case


def resume_application(code: str, *, now: datetime) -> Case:
    """The case of a mailed code; typing it in proves the address it was mailed to.

    Errors: Unauthenticated `application.code`, the same for unknown, replaced and mistyped ones.
    """
    case = Case.objects.filter(code_digest=code_digest(code)).first() if code.strip() else None
    if case is None:
        raise Unauthenticated(
            "This code does not belong to an application.",
            code="application.code",
            field="code",
            advice="Copy it from the newest mail: an older code no longer counts.",
        )
    with transaction.atomic():
        Case.objects.filter(id=case.id, email_proven_at__isnull=True).update(email_proven_at=now)
        _record(Action.APPLICATION_RESUMED, case, now=now)
    case.refresh_from_db()
    return case


def renew_code(reference: str, email: str, *, now: datetime) -> None:
    """Mail a fresh code when reference and address fit; the old one is dead at once.

    Nothing tells the asker whether they did, and one case gets no more than a mail a minute.
    """
    fitting = Case.objects.filter(id=reference.strip().upper(), email=email.strip().lower())
    code = new_code()
    with transaction.atomic():
        changed = fitting.filter(code_sent_at__lte=now - MAIL_PAUSE).update(
            code_digest=code_digest(code), code_sent_at=now
        )
        if changed:
            case = fitting.get()
            _mail_code(case, code, now=now)
            _record(Action.APPLICATION_CODE_RENEWED, case, now=now)


def answer_question(case_id: str, question: str, given: Mapping[str, str], *, now: datetime) -> Case:
    """Keep the answers of one question. A change of domain makes a new token.

    Errors: Invalid on a field; NotFound `application.question`; Conflict `application.state`.
    """
    asked = BY_NAME.get(question)
    if asked is None:
        raise NotFound("There is no such question.", code="application.question")
    values = checked_answers(asked, given)
    with transaction.atomic():
        case = _own(case_id, *_OPEN_TO_APPLICANT)
        if asked not in questions_for({**case.answers, **values}):
            raise NotFound("There is no such question.", code="application.question")
        if case.organisation_id is not None and question == "kind":
            raise Conflict("A member's kind stays as it is.", code="application.kind_stays", field="kind")
        case.answers = {**case.answers, **values}
        case.name = case.answers.get("name", "")
        case.changed_at = now
        case.save(update_fields=["answers", "name", "changed_at"])
        if "domain" in values:
            claim_domain(case.id, values["domain"], actor=applicant_actor(case.id), now=now)
        _record(Action.APPLICATION_ANSWERED, case, now=now, facts={"question": question})
    return case


def look_at_domain(case_id: str, *, now: datetime) -> None:
    """Have the exchange look for the domain's proof now. Errors: NotFound `application.not_found`."""
    case = Case.objects.filter(id=case_id).select_related("domain_proof").first()
    proof = getattr(case, "domain_proof", None)
    if proof is None:
        raise NotFound("There is no domain to look at yet.", code="application.no_domain")
    ask_for_look(proof, now=now)


def submit_application(case_id: str, *, declared: bool, now: datetime) -> Case:
    """Hand in what was filled in; the clock of the exchange begins.

    Which checklist it follows is fixed here, in its version of today.
    Errors: Conflict `application.state`, `application.unfinished`; Invalid `application.declaration`.
    """
    if not declared:
        raise Invalid(
            "Confirm that what you say is true and that you may say it for the organisation.",
            code="application.declaration",
            field="declared",
        )
    with transaction.atomic():
        case = _own(case_id, CaseState.DRAFT)
        missing = unanswered(case.answers)
        if missing or case.email_proven_at is None:
            raise Conflict(
                "Some questions are not answered yet.",
                code="application.unfinished",
                advice="Go through the task list.",
                question=missing[0].name if missing else "email",
            )
        known = fields_of(questions_for(case.answers))
        case.answers = {name: case.answers[name] for name in known}
        case.checklist = checklist_for(case.answers, now=now)
        case.submitted_at = case.changed_at = now
        case.save(update_fields=["answers", "checklist", "submitted_at", "changed_at"])
        move(case, CaseState.OPEN)
        ask_for_look(case.domain_proof, now=now)
        queue_mail(
            "vetting.received", to=case.email, language=case.language, facts={"reference": case.id},
            path="/apply/resume", now=now,
        )  # fmt: skip
        tell_exchange(case, now=now)
        _record(
            Action.APPLICATION_SUBMITTED,
            case,
            now=now,
            facts={"checklist": case.checklist.track, "version": case.checklist.version},
        )
    return case


def reply(case_id: str, text: str, *, now: datetime) -> Case:
    """Answer what was asked: the case is the exchange's again and its clock goes on.

    Errors: Invalid on the text; Conflict `application.state`.
    """
    said = paragraphs(text, field="reply", limit=4_000)
    with transaction.atomic():
        case = _own(case_id, CaseState.INFORMATION)
        CaseNote.objects.create(case=case, audience=Audience.APPLICANT, text=said, written_at=now)
        move(case, CaseState.OPEN)
        move_clock(case, running=True, now=now)
        tell_exchange(case, now=now)
        _record(Action.APPLICATION_REPLIED, case, now=now)
    return case


def withdraw_application(case_id: str, *, now: datetime) -> Case:
    """End an application by its applicant's own wish. Errors: Conflict `application.state`."""
    with transaction.atomic():
        case = _own(case_id, CaseState.DRAFT, CaseState.OPEN, CaseState.INFORMATION)
        move(case, CaseState.WITHDRAWN, decided_at=now)
        _record(Action.APPLICATION_WITHDRAWN, case, now=now)
    return case


def appeal(case_id: str, text: str, *, now: datetime) -> Case:
    """Ask that others than those who declined look again; once, within sixty days.

    Errors: Invalid on the text; Conflict `application.state`, `application.appeal_late`.
    """
    said = paragraphs(text, field="reply", limit=4_000)
    with transaction.atomic():
        case = _own(case_id, CaseState.DECLINED)
        if case.decided_at is None or now > case.decided_at + APPEAL_WITHIN:
            raise Conflict(
                "An appeal has to come within sixty days of the decision.", code="application.appeal_late"
            )
        CaseNote.objects.create(case=case, audience=Audience.APPLICANT, text=said, written_at=now)
        move(case, CaseState.APPEALED, decided_at=None, submitted_at=now, stopped_seconds=0)
        tell_exchange(case, now=now)
        _record(Action.APPLICATION_APPEALED, case, now=now)
    return case


def _own(case_id: str, *states: CaseState) -> Case:
    """The applicant's case, locked, in one of `states`. Errors: Conflict `application.state`."""
    case = Case.objects.lock(case_id)
    if case is None:
        raise NotFound("There is no such application.", code="application.not_found")
    if case.state not in states:
        raise Conflict(
            f"This application is {case.get_state_display()}, so this is not possible.",
            code="application.state",
            state=case.state,
        )
    return case


def _mail_code(case: Case, code: str, *, now: datetime) -> None:
    queue_mail(
        "vetting.code",
        to=case.email,
        language=case.language,
        facts={"reference": case.id},
        path=f"/apply/resume#{code}",
        useful_for=timedelta(hours=6),
        now=now,
    )


def _record(action: Action, case: Case, *, now: datetime, facts: Mapping[str, Fact] | None = None) -> None:
    record(
        action,
        actor=applicant_actor(case.id),
        subject_type="case",
        subject_id=case.id,
        organisation_id=case.organisation_id,
        now=now,
        facts=facts,
    )


def _email(text: str) -> str:
    address = text.strip().lower()
    try:
        validate_email(address)
    except ValidationError:
        raise Invalid("This is not an e-mail address.", code="application.email", field="email") from None
    return address
