"""The pages of whoever applies: begin, come back by a mailed code, answer, check, hand in, follow.

The code is posted once; from then on the session's cookie names the application, bound to that very code, so
that a renewed one ends every session of the old. No address and no log ever holds it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import ClassVar, Final

from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.utils.crypto import constant_time_compare
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from accounts.domains.models import DomainProof
from accounts.domains.prove import FILE_PATH, RECORD_PREFIX
from accounts.errors import NotFound
from accounts.vetting import apply
from accounts.vetting.first_admin import awaits_password, choose_password
from accounts.vetting.models import Case, CaseState
from accounts.vetting.questions import BY_NAME, Question, is_answered, questions_for, unanswered
from exchange.domains.look import PREFIX
from exchange.http.permissions import PUBLIC
from exchange.web import fields
from exchange.web.door import Page
from exchange.web.fields import Field, Form
from exchange.web.parts import Done, Tag, Task
from exchange.web.shown import instant
from exchange.web.tries import note_try
from exchange.web.vetting.asked import TITLE, answers_to_check, fields_of
from exchange.web.vetting.asking import Asked, Asking
from exchange.web.vetting.case_facts import said_to_applicant
from exchange.web.vetting.words import CASE_STATE, CASE_TONE, PROOF, PROOF_ANSWER, REASON
from exchange.web.words import word

CASE_KEY: Final = "hx_application"
_S = CaseState


def remember(request: HttpRequest, case: Case) -> None:
    """The session is this application's from now on, under a fresh key."""
    request.session.cycle_key()
    request.session[CASE_KEY] = [case.id, case.code_digest]


class ApplicantPage(Page):
    """Pages behind the code; without it they lead to where it is asked for."""

    def dispatch(self, request: HttpRequest, *args: object, **kwargs: object) -> HttpResponseBase:
        found = _remembered(request)
        if found is not None:
            self.case = found
        elif request.method == "HEAD" or request.method in self.needs:
            return HttpResponseRedirect("/apply/resume")
        return super().dispatch(request, *args, **kwargs)


def _remembered(request: HttpRequest) -> Case | None:
    kept = request.session.get(CASE_KEY)
    if not isinstance(kept, list) or len(kept) != 2:
        return None
    case = Case.objects.filter(id=str(kept[0])).select_related("organisation").first()
    if case is None or not constant_time_compare(case.code_digest, str(kept[1])):
        return None
    return case


class Apply(Page):
    needs: ClassVar = {"GET": PUBLIC}

    def get(self, request: HttpRequest) -> HttpResponseBase:
        return self.show("web/vetting/apply.html", underway=_remembered(request))


class Begin(Asking):
    needs: ClassVar = {"GET": PUBLIC, "POST": PUBLIC}

    def asked(self) -> Asked:
        return Asked(_("What is your e-mail address?"), _("Send me the code"), "/apply", heading=False)

    def fields(self) -> tuple[Field, ...]:
        hint = _("At your organisation's domain. We mail you a code with which you come back at any time.")
        return (fields.email("email", _("What is your e-mail address?"), hint=hint, heading=True),)

    def act(self, form: Form) -> str:
        note_try(self.request, f"apply {form.value('email')}", person=form.value("email"), now=self.now)
        apply.start_application(email=form.value("email"), language=get_language() or "en", now=self.now)
        return "/apply/resume?sent=yes"


class Resume(Asking):
    """Where the code is typed; the link in the mail brings it behind a #, which only the browser sees."""

    needs: ClassVar = {"GET": PUBLIC, "POST": PUBLIC}
    template = "web/vetting/resume.html"

    def asked(self) -> Asked:
        sent = self.request.GET.get("sent") == "yes"
        says = (
            _("If the address is right, a mail with a code is on its way. It may take some minutes."),
        ) if sent else ()  # fmt: skip
        return Asked(_("Continue your application"), _("Continue"), "/apply", says)

    def fields(self) -> tuple[Field, ...]:
        hint = _("20 letters and digits from our mail, such as 7K3M9-QTD2X-5BN8C-R4WYZ.")
        return (fields.text("code", _("Code"), hint=hint, longest=60, spellcheck=False),)

    def act(self, form: Form) -> str:
        case = apply.resume_application(form.value("code"), now=self.now)
        remember(self.request, case)
        return "/apply/tasks" if case.state == _S.DRAFT else "/apply/status"


class RenewCode(Asking):
    needs: ClassVar = {"GET": PUBLIC, "POST": PUBLIC}

    def asked(self) -> Asked:
        says = (_("We mail a new code to the address of the application. The old one stops working."),)
        return Asked(_("Get a new code"), _("Send me a new code"), "/apply/resume", says)

    def fields(self) -> tuple[Field, ...]:
        return (
            fields.text("reference", _("Reference"), hint=_("Such as AP-7K3M-9QTD."), width="short"),
            fields.email("email", _("E-mail address")),
        )

    def act(self, form: Form) -> str:
        note_try(self.request, f"apply {form.value('email')}", person=form.value("email"), now=self.now)
        apply.renew_code(form.value("reference")[:40], form.value("email")[:254], now=self.now)
        return "/apply/resume?sent=yes"


class Tasks(ApplicantPage):
    needs: ClassVar = {"GET": PUBLIC}

    def get(self, request: HttpRequest) -> HttpResponseBase:
        if self.case.state != _S.DRAFT:
            return HttpResponseRedirect("/apply/status")
        missing = unanswered(self.case.answers)
        tasks = [
            task(question, self.case.answers, "/apply/questions")
            for question in questions_for(self.case.answers)
        ]
        proof = DomainProof.objects.filter(case=self.case).first()
        if proof is not None:
            done = proof.state == "proven"
            hint = "" if done else _("You may hand in before it is proven; we keep looking.")
            tasks.append(
                Task(
                    _("Prove that the domain is yours"), "/apply/domain-proof", "done" if done else "begun",
                    word(PROOF, proof.state), hint,
                )
            )  # fmt: skip
        tasks.append(
            Task(
                _("Check and hand in"), "" if missing else "/apply/check", "blocked" if missing else "todo",
                _("Not yet") if missing else _("To do"),
                _("When every question is answered.") if missing else "",
            )
        )  # fmt: skip
        return self.show("web/vetting/tasks.html", case=self.case, tasks=tasks)


def task(question: Question, answers: Mapping[str, str], base: str) -> Task:
    """A question as a line of a task list."""
    done = is_answered(question, answers)
    state = _("Answered") if done else _("To do")
    return Task(TITLE[question.name], f"{base}/{question.name}", "done" if done else "todo", state)


class Ask(ApplicantPage, Asking):
    """One question."""

    needs: ClassVar = {"GET": PUBLIC, "POST": PUBLIC}

    def question(self) -> Question:
        found = BY_NAME.get(str(self.kwargs["question"]))
        if found is None:
            raise NotFound("There is no such question.", code="application.question")
        return found

    def asked(self) -> Asked:
        question = self.question()
        heading = not any(field.heading for field in fields_of(question))
        return Asked(TITLE[question.name], _("Save and continue"), self.base(), heading=heading)

    def base(self) -> str:
        return "/apply/tasks" if self.case.state == _S.DRAFT else "/apply/status"

    def fields(self) -> tuple[Field, ...]:
        return fields_of(self.question())

    def known(self) -> Mapping[str, str | Iterable[str]]:
        return {name: str(value) for name, value in self.case.answers.items()}

    def act(self, form: Form) -> str:
        question = self.question()
        given = {field.name: form.value(field.name) for field in question.fields}
        case = apply.answer_question(self.case.id, question.name, given, now=self.now)
        if question.name == "domain":
            return "/apply/domain-proof"
        return self.base() if not unanswered(case.answers) else _next(case, question)


def _next(case: Case, after: Question) -> str:
    """The next unanswered question, so that nobody has to go by the list each time."""
    names = [one.name for one in questions_for(case.answers)]
    place = names.index(after.name) if after.name in names else 0
    missing = [one.name for one in unanswered(case.answers)]
    later = [name for name in names[place + 1 :] if name in missing]
    return f"/apply/questions/{(later or missing)[0]}" if case.state == _S.DRAFT else "/apply/status"


class ProveDomain(ApplicantPage):
    """Where to put the token, and what the last look found. Reloads itself while a look is due."""

    needs: ClassVar = {"GET": PUBLIC, "POST": PUBLIC}

    def get(self, request: HttpRequest) -> HttpResponseBase:
        proof = DomainProof.objects.filter(case=self.case).first()
        if proof is None:
            return HttpResponseRedirect("/apply/questions/domain")
        return self.show(
            "web/vetting/domain_proof.html",
            case=self.case,
            proof=proof,
            record=f"{RECORD_PREFIX}.{proof.domain}",
            address=f"https://{proof.domain}{FILE_PATH}",
            line=f"{PREFIX}{proof.token}",
            state=word(PROOF, proof.state),
            tone="good" if proof.state == "proven" else "asks",
            answer=word(PROOF_ANSWER, proof.last_answer),
            looked=instant(proof.looked_at) if proof.looked_at else "",
            looking=proof.due_at is not None and proof.due_at <= self.now,
            back="/apply/tasks" if self.case.state == _S.DRAFT else "/apply/status",
        )

    def post(self, request: HttpRequest) -> HttpResponseBase:
        apply.look_at_domain(self.case.id, now=self.now)
        return HttpResponseRedirect("/apply/domain-proof")


class Check(ApplicantPage, Asking):
    needs: ClassVar = {"GET": PUBLIC, "POST": PUBLIC}
    template = "web/vetting/check.html"

    def asked(self) -> Asked:
        return Asked(_("Check your answers"), _("Hand in"), "/apply/tasks")

    def fields(self) -> tuple[Field, ...]:
        label = _("All this is true, and I may say it for the organisation.")
        return (fields.checkbox("declared", label),)

    def page(self, form: Form, asked: Asked, *, status: int = 200) -> HttpResponseBase:  # type: ignore[override]
        rows = answers_to_check(questions_for(self.case.answers), self.case.answers, "/apply/questions")
        return self.show(self.template, form=form, asked=asked, rows=rows, case=self.case, status=status)

    def act(self, form: Form) -> str:
        apply.submit_application(self.case.id, declared=form.ticked("declared"), now=self.now)
        return "/apply/status?done=yes"


class Status(ApplicantPage):
    """Where it stands, what was said, and what can be done about it now."""

    needs: ClassVar = {"GET": PUBLIC}

    def get(self, request: HttpRequest) -> HttpResponseBase:
        case = self.case
        if case.state == _S.DRAFT:
            return HttpResponseRedirect("/apply/tasks")
        decision = case.decisions.filter(state="taken").order_by("-decided_at").first()
        fresh = request.GET.get("done") == "yes" and case.state == _S.OPEN
        may_appeal = (
            case.state == _S.DECLINED
            and case.decided_at is not None
            and self.now <= case.decided_at + apply.APPEAL_WITHIN
        )
        return self.show(
            "web/vetting/status.html",
            case=case,
            done=Done(_("Your application has arrived"), _("Your reference"), case.id) if fresh else None,
            tag=Tag(word(CASE_STATE, case.state), CASE_TONE[case.state]),
            state=case.state,
            submitted=instant(case.submitted_at) if case.submitted_at else "",
            decision=decision,
            reason=word(REASON, decision.reason) if decision and decision.reason else "",
            conditions=decision.conditions.all() if decision and case.state == _S.APPROVED else (),
            messages_said=said_to_applicant(case),
            rows=answers_to_check(questions_for(case.answers), case.answers, ""),
            may_appeal=may_appeal,
            may_withdraw=case.state in (_S.OPEN, _S.INFORMATION),
            awaits_password=awaits_password(case),
        )


class Reply(ApplicantPage, Asking):
    """The applicant's word: an answer to what was asked, or an appeal."""

    needs: ClassVar = {"GET": PUBLIC, "POST": PUBLIC}
    appeals: bool = False

    def asked(self) -> Asked:
        if self.appeals:
            says = (_("Other people than those who decided look at it again. You can appeal once."),)
            return Asked(_("Appeal the decision"), _("Appeal"), "/apply/status", says)
        return Asked(_("Answer"), _("Send the answer"), "/apply/status")

    def fields(self) -> tuple[Field, ...]:
        hint = _("No hashes, keys or passwords. If a document is needed, say where we find it.")
        return (fields.textarea("reply", _("Your answer"), hint=hint, rows=8, longest=4_000),)

    def act(self, form: Form) -> str:
        verb = apply.appeal if self.appeals else apply.reply
        verb(self.case.id, form.value("reply"), now=self.now)
        self.said = _("Thank you. It is with us now.")
        return "/apply/status"


class Withdraw(ApplicantPage, Asking):
    needs: ClassVar = {"GET": PUBLIC, "POST": PUBLIC}

    def asked(self) -> Asked:
        says = (_("We stop looking at it. This cannot be undone, but you can apply again."),)
        return Asked(_("Withdraw the application?"), _("Withdraw it"), "/apply/status", says, stop=True)

    def act(self, form: Form) -> str:
        apply.withdraw_application(self.case.id, now=self.now)
        self.said = _("The application is withdrawn.")
        return "/apply/status"


class ChoosePassword(ApplicantPage, Asking):
    """The first admin of a new member, once."""

    needs: ClassVar = {"GET": PUBLIC, "POST": PUBLIC}

    def asked(self) -> Asked:
        says = (_("You then sign in and set up a second step. Invite a second admin soon."),)
        return Asked(
            _("Choose a password"), _("Keep the password"), "/apply/status", says, whose=self.case.email
        )

    def fields(self) -> tuple[Field, ...]:
        hint = _("At least 12 characters that nobody guesses.")
        return (fields.password("password", _("Password"), autocomplete="new-password", hint=hint),)

    def act(self, form: Form) -> str:
        choose_password(self.case, form.value("password"), now=self.now)
        self.request.session.pop(CASE_KEY, None)
        self.said = _("Your password is kept. Now sign in with it.")
        return "/sign-in"
