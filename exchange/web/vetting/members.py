"""Members as the exchange's people see them: the list, one member, measures about it, and the calendar."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar, Final

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseBase
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.domains.models import DomainProof
from accounts.errors import NotFound
from accounts.identity.models import Organisation, OrganisationKind, OrganisationStatus
from accounts.membership.models import CHECK_EVERY, Acceptance, DutyContact
from accounts.standing.keep import meet_condition
from accounts.standing.measures import carry_out, drop_measure, propose_measure
from accounts.standing.models import Condition, Measure, MeasureKind, MeasureState, Standing
from accounts.vetting.models import Case, Evidence
from exchange.http.pages import page_of
from exchange.sharing.part import end_membership_of
from exchange.web import fields
from exchange.web.door import Page
from exchange.web.fields import Field, Form, asked, options
from exchange.web.parts import Tag, Tone
from exchange.web.shown import apart, instant
from exchange.web.vetting.asking import Asked, Asking
from exchange.web.vetting.cases import DECIDE, VET
from exchange.web.vetting.words import (
    CASE_STATE,
    MEASURE,
    MEASURE_MEANS,
    MEASURE_STATE,
    PROOF,
    RIGHT,
    STATUS,
    STATUS_TONE,
)
from exchange.web.words import KIND, word

AHEAD: Final = timedelta(days=90)
MOST: Final = 100


@dataclass(frozen=True, slots=True)
class MemberRow:
    organisation: Organisation
    tag: Tag
    kind: str
    since: str
    review: str
    read_only: bool


def _row(organisation: Organisation) -> MemberRow:
    standing = getattr(organisation, "standing", None)
    return MemberRow(
        organisation=organisation,
        tag=Tag(word(STATUS, organisation.status), STATUS_TONE[organisation.status]),
        kind=word(KIND, organisation.kind),
        since=instant(organisation.created_at),
        review=instant(standing.review_due_at) if standing else "",
        read_only=organisation.read_only_since is not None,
    )


class Members(Page):
    needs: ClassVar = {"GET": VET}

    def get(self, request: HttpRequest) -> HttpResponseBase:
        form = asked(
            request,
            fields.select(
                "status", _("State"), (fields.Option("", _("All")), *options(STATUS)), optional=True
            ),
        )
        rows = Organisation.objects.exclude(kind=OrganisationKind.OPERATOR).select_related("standing")
        status = form.value("status")
        if status in OrganisationStatus.values:
            rows = rows.filter(status=status)
        page = page_of(rows, request, key="created_at", render=_row)
        return self.show(
            "web/vetting/members.html", page=page, form=form, query=f"status={status}" if status else "",
            clear="/members" if status else "",
        )  # fmt: skip


def member_seen(organisation_id: uuid.UUID) -> Organisation:
    """Errors: NotFound `organisation.not_found`."""
    found = Organisation.objects.exclude(kind=OrganisationKind.OPERATOR).select_related("standing")
    member = found.filter(id=organisation_id).first()
    if member is None:
        raise NotFound("There is no such organisation.", code="organisation.not_found")
    return member


class Member(Page):
    needs: ClassVar = {"GET": VET}

    def get(self, request: HttpRequest, organisation_id: uuid.UUID) -> HttpResponseBase:
        member = member_seen(organisation_id)
        measures = Measure.objects.filter(organisation=member).select_related(
            "proposed_by", "decided_by", "replied_by"
        )
        return self.show(
            "web/vetting/member.html",
            member=member,
            row=_row(member),
            blocked=", ".join(word(RIGHT, name) for name in member.blocked),
            conditions=Condition.objects.filter(organisation=member)
            .select_related("owner")
            .order_by("due_at"),
            measures=[
                (one, word(MEASURE, one.kind), word(MEASURE_STATE, one.state), instant(one.proposed_at))
                for one in measures.order_by("-proposed_at")[:MOST]
            ],
            cases=[
                (one, word(CASE_STATE, one.state), instant(one.created_at))
                for one in Case.objects.seen_by_exchange().filter(organisation=member).order_by("-created_at")
            ],
            proofs=[
                (one.domain, word(PROOF, one.state)) for one in member.domain_proofs.order_by("-created_at")
            ],
            contacts=DutyContact.objects.filter(organisation=member, ended_at__isnull=True).order_by("name"),
            accepted=Acceptance.objects.filter(organisation=member).order_by("-agreement_id").first(),
            people=member.memberships.filter(ended_at__isnull=True)
            .select_related("user")
            .order_by("user__name"),
            me=self.actor.person_id,
            closed=member.status == OrganisationStatus.CLOSED,
        )


class ProposeMeasure(Asking):
    needs: ClassVar = {"GET": VET, "POST": DECIDE}

    def asked(self) -> Asked:
        member = member_seen(self.kwargs["organisation_id"])
        return Asked(member.name, _("Propose it"), f"/members/{member.id}", stop=True)

    def fields(self) -> tuple[Field, ...]:
        return (
            fields.radios("kind", _("What should happen?"), options(MEASURE, MEASURE_MEANS)),
            fields.textarea("reason", _("Reason"), hint=_("The member reads this.")),
            fields.textarea("note", _("Note for colleagues"), optional=True, longest=2_000),
        )

    def act(self, form: Form) -> str:
        measure = propose_measure(
            self.kwargs["organisation_id"],
            form.value("kind"),
            reason=form.value("reason"),
            note=form.value("note"),
            actor=self.actor,
            now=self.now,
        )
        done = measure.state == MeasureState.DONE
        self.said = _("The member is suspended.") if done else _("Proposed. A colleague carries it out.")
        return f"/members/{measure.organisation_id}"


class MeasureAsking(Asking):
    """An act on one measure."""

    needs: ClassVar = {"GET": VET, "POST": DECIDE}

    def measure(self) -> Measure:
        known = Measure.objects.select_related("organisation", "proposed_by")
        found = known.filter(id=self.kwargs["measure_id"]).first()
        if found is None:
            raise NotFound("There is no such measure.", code="measure.not_found")
        return found

    def fields(self) -> tuple[Field, ...]:
        return (fields.textarea("note", _("Note for colleagues"), longest=2_000, optional=True),)


class CarryOut(MeasureAsking):
    def asked(self) -> Asked:
        measure = self.measure()
        title = f"{word(MEASURE, measure.kind)}: {apart(measure.organisation.name)}"
        says = [measure.reason]
        if measure.reply:
            says.append(_("The member's word: %(reply)s") % {"reply": measure.reply})
        back = f"/members/{measure.organisation_id}"
        return Asked(title, _("Carry it out"), back, tuple(says), stop=True)

    def act(self, form: Form) -> str:
        measure = self.measure()
        verb = end_membership_of if measure.kind == MeasureKind.OFFBOARDING else carry_out
        verb(measure.id, note=form.value("note"), actor=self.actor, now=self.now)
        self.said = _("It is carried out.")
        return f"/members/{measure.organisation_id}"


class Drop(MeasureAsking):
    def asked(self) -> Asked:
        measure = self.measure()
        return Asked(_("Drop the measure?"), _("Drop it"), f"/members/{measure.organisation_id}")

    def fields(self) -> tuple[Field, ...]:
        return (fields.textarea("note", _("Why?"), longest=2_000),)

    def act(self, form: Form) -> str:
        measure = drop_measure(self.measure().id, note=form.value("note"), actor=self.actor, now=self.now)
        self.said = _("The measure is dropped.")
        return f"/members/{measure.organisation_id}"


class MeetCondition(Asking):
    needs: ClassVar = {"GET": VET, "POST": DECIDE}

    def condition(self) -> Condition:
        open_ones = Condition.objects.filter(met_at__isnull=True, organisation__isnull=False)
        found = open_ones.filter(id=self.kwargs["condition_id"]).first()
        if found is None:
            raise NotFound("There is no such condition.", code="condition.not_found")
        return found

    def asked(self) -> Asked:
        condition = self.condition()
        back = f"/members/{condition.organisation_id}"
        return Asked(_("Is the condition met?"), _("It is met"), back, (condition.text,))

    def fields(self) -> tuple[Field, ...]:
        return (fields.text("evidence", _("Where the evidence is kept")),)

    def act(self, form: Form) -> str:
        condition = self.condition()
        meet_condition(condition.id, form.value("evidence"), actor=self.actor, now=self.now)
        self.said = _("The condition is met.")
        return f"/members/{condition.organisation_id}"


@dataclass(frozen=True, slots=True)
class Due:
    """One line of the calendar."""

    at: datetime
    what: str | Promise
    who: str
    url: str
    late: bool

    @property
    def shown(self) -> str:
        return instant(self.at)

    @property
    def tone(self) -> Tone:
        return "bad" if self.late else "quiet"


class Calendar(Page):
    """What comes due within ninety days, and what is overdue, over all members."""

    needs: ClassVar = {"GET": VET}

    def get(self, request: HttpRequest) -> HttpResponseBase:
        dues = sorted(self._dues(), key=lambda due: due.at)
        return self.show(
            "web/vetting/calendar.html", late=[due for due in dues if due.late],
            coming=[due for due in dues if not due.late],
        )  # fmt: skip

    def _dues(self) -> list[Due]:
        until, active = self.now + AHEAD, {"organisation__status": OrganisationStatus.ACTIVE}
        reviews = Standing.objects.filter(review_due_at__lte=until, **active).select_related("organisation")
        conditions = Condition.objects.filter(due_at__lte=until, met_at__isnull=True, **active)
        contacts = DutyContact.objects.current().filter(checked_at__lte=until - CHECK_EVERY)
        hearings = Measure.objects.filter(state=MeasureState.PROPOSED, reply_until__isnull=False)
        lapsed = DomainProof.objects.filter(state="lapsed", **active).select_related("organisation")
        found = [
            self._due(one.review_due_at, _("Review"), one.organisation)
            for one in _first(reviews, "review_due_at")
        ]
        found += [
            self._due(one.due_at, _("Condition"), one.organisation)
            for one in _first(conditions.select_related("organisation"), "due_at")
        ]
        found += [
            self._due(one.check_due_at, _("Duty contact to check"), one.organisation)
            for one in _first(contacts.select_related("organisation"), "checked_at")
        ]
        found += [
            self._due(one.reply_until, _("Answer to a measure"), one.organisation)
            for one in _first(hearings.select_related("organisation"), "reply_until")
        ]
        found += [
            self._due(one.looked_at, _("Domain proof gone"), one.organisation)
            for one in _first(lapsed, "looked_at")
        ]
        evidence = Evidence.objects.filter(superseded_at__isnull=True, expires_at__lte=until)
        running = evidence.filter(case__state__in=("open", "information", "appealed")).select_related("case")
        for one in _first(running, "expires_at"):
            what = _("Evidence grows too old: %(item)s") % {"item": one.item}
            late = one.expires_at <= self.now
            found.append(Due(one.expires_at, what, one.case.name, f"/applications/{one.case_id}", late))
        return found

    def _due(self, at: datetime | None, what: str | Promise, organisation: Organisation | None) -> Due:
        when, member = at or self.now, organisation
        name, url = (member.name, f"/members/{member.id}") if member else ("", "/members")
        return Due(when, what, name, url, when <= self.now)


def _first(rows: QuerySet, column: str) -> QuerySet:  # type: ignore[type-arg]
    return rows.order_by(column)[:MOST]
