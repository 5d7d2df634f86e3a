"""A member's own pages: how it stands, its review, the agreement, and whom the exchange calls at night."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from typing import ClassVar, Final

from django.contrib import messages
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.utils.translation import gettext_lazy as _

from accounts.errors import Conflict, Invalid, NotFound
from accounts.identity.models import Organisation
from accounts.identity.roles import Permission
from accounts.membership.agreements import GRACE_DAYS, accept_agreement, publish_agreement
from accounts.membership.duty_contacts import add_duty_contact, check_duty_contacts, end_duty_contact
from accounts.membership.models import Acceptance, Agreement, DutyContact
from accounts.standing.keep import overdue, refresh_standing
from accounts.standing.measures import reply_to_measure
from accounts.standing.models import Condition, Measure, MeasureState, Standing
from accounts.vetting.models import Case, CaseState, Purpose
from accounts.vetting.questions import BY_NAME, Question, questions_for, unanswered
from accounts.vetting.review import answer_review, own_review, submit_review
from exchange.http.permissions import ANY_MEMBER, need, person
from exchange.web import fields
from exchange.web.door import Page
from exchange.web.fields import Field, Form, Option
from exchange.web.parts import Row, Tag
from exchange.web.shown import apart, instant
from exchange.web.vetting.apply import task
from exchange.web.vetting.asked import TITLE, fields_of
from exchange.web.vetting.asking import Asked, Asking
from exchange.web.vetting.case_facts import said_to_applicant
from exchange.web.vetting.words import CASE_STATE, CASE_TONE, MEASURE, RIGHT, in_french
from exchange.web.words import word

ARRANGE: Final = person(Permission.MEMBER_MANAGE)
LANGUAGES: Final = (Option("en", "English"), Option("fr", "Français"))
_REVIEW = "/organisation/review"


class Review(Page):
    """How the organisation stands: what is overdue, conditions, measures, and the review itself."""

    needs: ClassVar = {"GET": ANY_MEMBER, "POST": need(Permission.MEMBER_MANAGE)}

    def get(self, request: HttpRequest) -> HttpResponseBase:
        organisation = Organisation.objects.get(id=self.actor.organisation())
        case = own_review(actor=self.actor)
        filling = case is not None and case.purpose == Purpose.REVIEW and case.state == CaseState.DRAFT
        standing = Standing.objects.filter(organisation=organisation).first()
        conditions = Condition.objects.filter(organisation=organisation, met_at__isnull=True)
        measures = Measure.objects.filter(organisation=organisation, reply_until__isnull=False)
        return self.show(
            "web/vetting/review.html",
            organisation=organisation,
            reasons=overdue(organisation, now=self.now),
            blocked=", ".join(word(RIGHT, name) for name in organisation.blocked),
            standing=standing,
            review_due=instant(standing.review_due_at) if standing else "",
            conditions=conditions.order_by("due_at"),
            measures=[
                (one, word(MEASURE, one.kind), instant(one.reply_until) if one.reply_until else "")
                for one in measures.filter(state=MeasureState.PROPOSED)
            ],
            case=case,
            filling=filling,
            tag=Tag(word(CASE_STATE, case.state), CASE_TONE[case.state]) if case else None,
            tasks=_tasks(case) if case is not None and filling else (),
            complete=case is not None and filling and not unanswered(case.answers),
            messages_said=said_to_applicant(case) if case else (),
            may=self.actor.may(Permission.MEMBER_MANAGE),
        )

    def post(self, request: HttpRequest) -> HttpResponseBase:
        submit_review(declared=request.POST.get("declared") == "yes", actor=self.actor, now=self.now)
        messages.success(request, str(_("The review is handed in. Two people look at it.")))
        return HttpResponseRedirect(_REVIEW)


def _tasks(case: Case) -> list[object]:
    asked = [one for one in questions_for(case.answers) if one.name != "kind"]
    return [task(one, case.answers, f"{_REVIEW}/questions") for one in asked]


class ReviewQuestion(Asking):
    needs: ClassVar = {"GET": need(Permission.MEMBER_MANAGE), "POST": need(Permission.MEMBER_MANAGE)}

    def question(self) -> Question:
        found = BY_NAME.get(str(self.kwargs["question"]))
        case = own_review(actor=self.actor)
        if found is None or case is None or case.state != CaseState.DRAFT:
            raise NotFound("No review is open for your organisation.", code="review.none")
        return found

    def asked(self) -> Asked:
        question = self.question()
        heading = not any(field.heading for field in fields_of(question))
        return Asked(TITLE[question.name], _("Save and continue"), _REVIEW, heading=heading)

    def fields(self) -> tuple[Field, ...]:
        return fields_of(self.question())

    def known(self) -> Mapping[str, str | Iterable[str]]:
        case = own_review(actor=self.actor)
        return {name: str(value) for name, value in case.answers.items()} if case else {}

    def act(self, form: Form) -> str:
        question = self.question()
        given = {field.name: form.value(field.name) for field in question.fields}
        answer_review(question.name, given, actor=self.actor, now=self.now)
        return _REVIEW


class AnswerMeasure(Asking):
    """The member's right of reply."""

    needs: ClassVar = {"GET": need(Permission.MEMBER_MANAGE), "POST": need(Permission.MEMBER_MANAGE)}

    def asked(self) -> Asked:
        own = Measure.objects.filter(organisation_id=self.actor.organisation(), reply_until__isnull=False)
        measure = own.filter(id=self.kwargs["measure_id"]).first()
        if measure is None:
            raise NotFound("There is no such measure.", code="measure.not_found")
        says = (_("The reason we gave: %(reason)s") % {"reason": apart(measure.reason)},)
        return Asked(word(MEASURE, measure.kind), _("Send our answer"), _REVIEW, says)

    def fields(self) -> tuple[Field, ...]:
        hint = _("You can answer once. Whoever decides reads it.")
        return (fields.textarea("reply", _("Your answer"), hint=hint, rows=8, longest=4_000),)

    def act(self, form: Form) -> str:
        reply_to_measure(self.kwargs["measure_id"], form.value("reply"), actor=self.actor, now=self.now)
        self.said = _("Thank you. It is with us now.")
        return _REVIEW


class Agreements(Page):
    """The newest version, whether it is accepted, and the earlier ones."""

    needs: ClassVar = {"GET": ANY_MEMBER, "POST": ARRANGE}

    def get(self, request: HttpRequest) -> HttpResponseBase:
        newest = Agreement.objects.newest()
        accepted = Acceptance.objects.filter(organisation_id=self.actor.organisation()).select_related(
            "accepted_by"
        )
        known = {one.agreement_id: one for one in accepted}
        mine = known.get(newest.version) if newest else None
        return self.show(
            "web/vetting/agreements.html",
            newest=newest,
            text=(newest.text_fr if in_french() else newest.text_en) if newest else "",
            changes=(newest.changes_fr if in_french() else newest.changes_en) if newest else "",
            until=instant(newest.accept_until) if newest else "",
            accepted=mine,
            accepted_at=instant(mine.accepted_at) if mine else "",
            earlier=[
                Row(_("Version %(number)s") % {"number": one.agreement_id}, instant(one.accepted_at))
                for one in sorted(known.values(), key=lambda one: -one.agreement_id)
                if mine is None or one.agreement_id != mine.agreement_id
            ],
            may=self.actor.may(Permission.MEMBER_MANAGE) and not self.actor.is_operator,
            may_publish=self.actor.is_over_exchange,
        )

    def post(self, request: HttpRequest) -> HttpResponseBase:
        version = str(request.POST.get("version", ""))
        if not (version.isascii() and version.isdigit() and len(version) < 7):
            raise Conflict("This is not the newest version any more.", code="agreement.not_newest")
        accept_agreement(int(version), actor=self.actor, now=self.now)
        refresh_standing(self.actor.organisation(), actor=self.actor, now=self.now)
        messages.success(request, str(_("Your organisation has accepted the agreement.")))
        return HttpResponseRedirect("/organisation/agreements")


class PublishAgreement(Asking):
    needs: ClassVar = {
        "GET": need(Permission.ORGANISATION_MANAGE), "POST": person(Permission.ORGANISATION_MANAGE),
    }  # fmt: skip

    def asked(self) -> Asked:
        warns = _("A published version never changes. Every member is asked to accept it.")
        return Asked(_("Publish the next version"), _("Publish it"), "/organisation/agreements", warns=warns)

    def fields(self) -> tuple[Field, ...]:
        return (
            fields.textarea("text_en", _("Text in English"), rows=12, longest=20_000),
            fields.textarea("text_fr", _("Text in French"), rows=12, longest=20_000),
            fields.textarea("changes_en", _("What is new, in English"), optional=True, longest=2_000),
            fields.textarea("changes_fr", _("What is new, in French"), optional=True, longest=2_000),
            fields.number("grace_days", _("Days to accept it")),
        )

    def known(self) -> Mapping[str, str | Iterable[str]]:
        newest = Agreement.objects.newest()
        texts = {"text_en": newest.text_en, "text_fr": newest.text_fr} if newest else {}
        return {"grace_days": str(GRACE_DAYS), **texts}

    def act(self, form: Form) -> str:
        days = form.value("grace_days")
        if not (days.isascii() and days.isdigit() and len(days) < 5):
            raise Invalid("Members have 7 to 180 days to accept.", code="agreement.grace", field="grace_days")
        publish_agreement(
            text_en=form.value("text_en"),
            text_fr=form.value("text_fr"),
            changes_en=form.value("changes_en"),
            changes_fr=form.value("changes_fr"),
            grace_days=int(days),
            actor=self.actor,
            now=self.now,
        )
        self.said = _("Published. Members are told.")
        return "/organisation/agreements"


class DutyContacts(Page):
    needs: ClassVar = {"GET": need(Permission.LIST_VIEW), "POST": need(Permission.MEMBER_MANAGE)}

    def get(self, request: HttpRequest) -> HttpResponseBase:
        own = DutyContact.objects.filter(organisation_id=self.actor.organisation(), ended_at__isnull=True)
        contacts = list(own.order_by("name"))
        return self.show(
            "web/vetting/duty_contacts.html",
            contacts=[(one, instant(one.checked_at), one.check_due_at <= self.now) for one in contacts],
            due=any(one.check_due_at <= self.now for one in contacts),
            may=self.actor.may(Permission.MEMBER_MANAGE),
        )

    def post(self, request: HttpRequest) -> HttpResponseBase:
        check_duty_contacts(actor=self.actor, now=self.now)
        messages.success(request, str(_("Thank you. We ask again in a year.")))
        return HttpResponseRedirect("/organisation/duty-contacts")


class AddDutyContact(Asking):
    needs: ClassVar = {"GET": need(Permission.MEMBER_MANAGE), "POST": need(Permission.MEMBER_MANAGE)}

    def asked(self) -> Asked:
        says = (_("Somebody whom we reach at any hour, for urgent releases and incidents."),)
        return Asked(_("Add a duty contact"), _("Add the contact"), "/organisation/duty-contacts", says)

    def fields(self) -> tuple[Field, ...]:
        return (
            fields.text("name", _("Name"), hint=_("A person or, better, a desk.")),
            fields.email("email", _("E-mail address"), autocomplete="off"),
            fields.phone(
                "phone", _("Telephone"), optional=True, hint=_("Begin with + and the country code.")
            ),
            fields.select("language", _("Language"), LANGUAGES),
        )

    def act(self, form: Form) -> str:
        add_duty_contact(
            name=form.value("name"),
            email=form.value("email"),
            phone=form.value("phone"),
            language=form.value("language"),
            actor=self.actor,
            now=self.now,
        )
        self.said = _("The contact is added.")
        return "/organisation/duty-contacts"


class EndDutyContact(Page):
    needs: ClassVar = {"POST": need(Permission.MEMBER_MANAGE)}

    def post(self, request: HttpRequest, contact_id: uuid.UUID) -> HttpResponseBase:
        end_duty_contact(contact_id, actor=self.actor, now=self.now)
        messages.success(request, str(_("The contact is removed.")))
        return HttpResponseRedirect("/organisation/duty-contacts")
