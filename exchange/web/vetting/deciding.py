"""The pages of a decision: one person proposes it, another one takes it or gives it back."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, ClassVar

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.translation import gettext_lazy as _

from accounts.errors import Invalid, NotFound
from accounts.vetting.cases import exchange_admins
from accounts.vetting.decide import (
    MOST_CONDITIONS,
    Proposal,
    ProposedCondition,
    condition_field,
    propose_decision,
    return_decision,
    take_decision,
)
from accounts.vetting.models import Decision
from exchange.web import fields
from exchange.web.fields import Field, Form, Option, options, posted
from exchange.web.shown import instant
from exchange.web.vetting import case_facts
from exchange.web.vetting.asking import Asked
from exchange.web.vetting.cases import DECIDE, VET, CaseAsking, ticked, waiting
from exchange.web.vetting.words import OUTCOME, REASON, RIGHT
from exchange.web.words import word


class Propose(CaseAsking):
    """With one condition or none; a button of the form asks for another, and keeps what was typed."""

    needs: ClassVar = {"GET": VET, "POST": DECIDE}
    template = "web/vetting/propose.html"

    def setup(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().setup(request, *args, **kwargs)
        asked = request.POST.get("conditions", "")
        self.conditions = int(asked) if asked.isascii() and asked.isdecimal() and len(asked) < 3 else 1
        self.conditions = max(1, min(self.conditions + ("another" in request.POST), MOST_CONDITIONS))

    def post(self, request: HttpRequest, *args: object, **kwargs: object) -> HttpResponseBase:
        if "another" in request.POST:
            return self.page(posted(request, *self.fields()), self.asked())
        return super().post(request, *args, **kwargs)

    def page(self, form: Form, asked: Asked, *, status: int = 200) -> HttpResponse:
        return self.show(
            self.template,
            form=form,
            asked=asked,
            status=status,
            conditions=self.conditions,
            more=self.conditions < MOST_CONDITIONS,
        )

    def asked(self) -> Asked:
        self.case()
        says = (
            _("Somebody else, who collected nothing for this case, takes the decision or gives it back."),
        )
        return Asked(_("Propose a decision"), _("Propose it"), self.back_to, says)

    def fields(self) -> tuple[Field, ...]:
        return (
            fields.radios("outcome", _("How should it be decided?"), options(OUTCOME)),
            fields.select(
                "reason", _("Reason, when declined"), (Option("", _("None")), *options(REASON)), optional=True
            ),
            fields.textarea(
                "message", _("Message to the applicant"), optional=True, longest=2_000,
                hint=_("Needed when declined: what was missing, and what would help."),
            ),
            fields.textarea("note", _("Note for colleagues"), optional=True, longest=2_000),
            fields.date("probation_until", _("Probation until"), optional=True),
            *_condition_fields(self.conditions),
            *self.unconflicted(),
        )  # fmt: skip

    def act(self, form: Form) -> str:
        proposal = Proposal(
            outcome=form.value("outcome"),
            reason=form.value("reason"),
            message=form.value("message"),
            note=form.value("note"),
            probation_until=day(form.value("probation_until"), "probation_until"),
            conditions=tuple(
                found for number in range(1, self.conditions + 1) if (found := _condition(form, number))
            ),
        )
        propose_decision(
            self.reference,
            proposal,
            unconflicted=ticked(form, "unconflicted"),
            actor=self.actor,
            now=self.now,
        )
        self.said = _("Proposed. A colleague decides.")
        return self.back_to


def _condition_fields(most: int) -> Iterator[Field]:
    people = tuple(Option(value, name) for value, name in case_facts.owners(exchange_admins()))
    for number in range(1, most + 1):
        which = f" ({number})" if number > 1 else ""
        yield fields.textarea(
            condition_field(number), f"{_('Condition of the approval')}{which}", optional=True
        )
        yield fields.date(condition_field(number, "due"), f"{_('Condition due')}{which}", optional=True)
        yield fields.select(
            condition_field(number, "owner"), f"{_('Who sees to the condition')}{which}",
            (Option("", _("None")), *people), optional=True,
        )  # fmt: skip
        yield fields.checkboxes(
            condition_field(number, "blocked"), f"{_('Blocked until it is met')}{which}", options(RIGHT),
            optional=True,
        )  # fmt: skip


def _condition(form: Form, number: int) -> ProposedCondition | None:
    text, due_name, owner_name, blocked = (
        condition_field(number, part) for part in ("", "due", "owner", "blocked")
    )
    if not (form.value(text) or form.value(due_name) or form.values(blocked)):
        return None
    due = day(form.value(due_name), due_name)
    if due is None:
        raise Invalid("A condition is due within 398 days.", code="condition.due", field=due_name)
    try:
        owner = uuid.UUID(form.value(owner_name))
    except ValueError:
        raise Invalid("Name who sees to the condition.", code="condition.owner", field=owner_name) from None
    return ProposedCondition(form.value(text), owner, due, form.values(blocked))


def day(text: str, field: str) -> datetime | None:
    """The end of a day typed as YYYY-MM-DD, None when empty. Errors: Invalid `date.form`."""
    if not text:
        return None
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(hour=23, minute=59, tzinfo=UTC)
    except ValueError:
        raise Invalid("Give the day as year-month-day.", code="date.form", field=field) from None


class Decide(CaseAsking):
    """The second person looks at the whole proposal and takes it."""

    needs: ClassVar = {"GET": VET, "POST": DECIDE}
    template = "web/vetting/decide.html"

    def asked(self) -> Asked:
        return Asked(_("Decide as proposed?"), _("Decide"), self.back_to)

    def decision(self) -> Decision:
        found = waiting(self.case())
        if found is None:
            raise NotFound("No decision is proposed in this case.", code="decision.none")
        return found

    def fields(self) -> tuple[Field, ...]:
        return self.unconflicted()

    def page(self, form: Form, asked: Asked, *, status: int = 200) -> HttpResponse:
        decision, case = self.decision(), self.case()
        return self.show(
            self.template, form=form, asked=asked, status=status, case=case, decision=decision,
            outcome=word(OUTCOME, decision.outcome), reason=word(REASON, decision.reason),
            proposed=instant(decision.proposed_at), checks=case_facts.check_rows(case, now=self.now),
            conditions=[
                (one, ", ".join(word(RIGHT, name) for name in one.blocked))
                for one in decision.conditions.all()
            ],
        )  # fmt: skip

    def act(self, form: Form) -> str:
        take_decision(
            self.decision().id, unconflicted=ticked(form, "unconflicted"), actor=self.actor, now=self.now
        )
        self.said = _("Decided. The applicant is told.")
        return self.back_to


class GiveBack(CaseAsking):
    def asked(self) -> Asked:
        return Asked(_("Give the proposal back"), _("Give it back"), self.back_to)

    def fields(self) -> tuple[Field, ...]:
        return (fields.textarea("reason", _("Why?"), longest=2_000),)

    def act(self, form: Form) -> str:
        decision = waiting(self.case())
        if decision is None:
            raise NotFound("No decision is proposed in this case.", code="decision.none")
        return_decision(decision.id, form.value("reason"), actor=self.actor, now=self.now)
        self.said = _("The proposal is given back.")
        return self.back_to
