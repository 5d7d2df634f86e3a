"""Audit: looking for events, one event, the export, and whether the chain still holds."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import ClassVar, Final
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.translation import gettext as _

from accounts.audit.heads import exported_heads, heads_folder
from accounts.audit.models import AuditHead
from accounts.audit.verify import AuditReport, verify_audit
from accounts.errors import Conflict, Invalid, Refusal
from accounts.identity.roles import Permission
from exchange.http.pages import Page as Rows
from exchange.http.pages import page_of
from exchange.http.permissions import need
from exchange.http.problems import status_of
from exchange.web import fields
from exchange.web.door import Page
from exchange.web.fields import Form
from exchange.web.oversee.audit_facts import (
    csv_row,
    event_facts,
    event_row,
    events_for,
    filters,
    found,
    one_event,
)
from exchange.web.sheet import sheet
from exchange.web.shown import digest, number

PAGE: Final = 50
MOST_EXPORTED: Final = 50_000
# Recomputing takes about a second per 20,000 events: longer than this belongs on the command line.
MOST_VERIFIED_HERE: Final = 200_000
HEADS_SHOWN: Final = 10


class Audit(Page):
    needs: ClassVar = {"GET": need(Permission.AUDIT_READ)}

    def get(self, request: HttpRequest) -> HttpResponseBase:
        form = fields.asked(request, *filters(self.actor))
        try:
            rows = found(form, self.actor)
        except Invalid as refusal:
            return self._shown(form.refused(refusal), Rows(items=[], next=None), refusal)
        return self._shown(form, page_of(rows, request, key="number", render=event_row, size=PAGE))

    def _shown(self, form: Form, page: Rows, refusal: Refusal | None = None) -> HttpResponse:
        asked = {field.name: field.value for field in form if field.value}
        return self.show(
            "web/oversee/audit.html",
            status=status_of(refusal).value if refusal else 200,
            form=form,
            page=page,
            query=urlencode(asked),
            over_exchange=self.actor.is_operator,
        )


class AuditSheet(Page):
    """The same events as a table to keep, at most fifty thousand: narrower filters reach the others."""

    needs: ClassVar = {"GET": need(Permission.AUDIT_READ)}

    def get(self, request: HttpRequest) -> HttpResponseBase:
        rows = found(fields.asked(request, *filters(self.actor)), self.actor).order_by("-number")
        return sheet("audit", _header(), _lines(rows[:MOST_EXPORTED].iterator(chunk_size=1_000)))


class OneEvent(Page):
    needs: ClassVar = {"GET": need(Permission.AUDIT_READ)}

    def get(self, request: HttpRequest, number: int) -> HttpResponseBase:
        row = one_event(number, self.actor)
        mine = events_for(self.actor)
        return self.show(
            "web/oversee/audit_event.html",
            event=event_facts(row),
            older=mine.filter(number__lt=row.number)
            .order_by("-number")
            .values_list("number", flat=True)
            .first(),
            newer=mine.filter(number__gt=row.number)
            .order_by("number")
            .values_list("number", flat=True)
            .first(),
        )


class AuditChain(Page):
    """Whether the chain holds, for the exchange's staff: a member's auditor sees only links of it."""

    needs: ClassVar = {"GET": need(Permission.SYSTEM_VIEW), "POST": need(Permission.SYSTEM_VIEW)}

    def get(self, request: HttpRequest) -> HttpResponseBase:
        return self._shown(None)

    def post(self, request: HttpRequest) -> HttpResponseBase:
        head = AuditHead.objects.filter(id=1).first()
        if head is not None and head.number > MOST_VERIFIED_HERE:
            raise Conflict("The chain is too long to recompute while you wait.", code="audit.long_chain")
        return self._shown(verify_audit())

    def _shown(self, report: AuditReport | None) -> HttpResponse:
        head = AuditHead.objects.filter(id=1).first()
        heads = list(exported_heads(heads_folder()))
        return self.show(
            "web/oversee/audit_chain.html",
            report=report,
            events=number(head.number if head else 0),
            digest=digest(head.digest) if head and head.number else "",
            heads=[(number(one.number), digest(one.digest)) for one in islice(reversed(heads), HEADS_SHOWN)],
            heads_count=number(len(heads)),
            counted=number(report.events) if report else "",
            compared=number(report.heads_compared) if report else "",
            problems=number(report.breach_count) if report else "",
        )


def _header() -> list[str]:
    return [
        _("Number"), _("Time (UTC)"), _("Act"), _("Kind of actor"), _("Actor"), _("Organisation"),
        _("Kind of subject"), _("Subject"), _("Facts"), _("Digest in the chain"),
    ]  # fmt: skip


def _lines(rows: Iterator[object]) -> Iterator[list[str | int]]:
    return map(csv_row, rows)  # type: ignore[arg-type]
