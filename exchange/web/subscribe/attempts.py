"""The attempt log with its filters, one attempt, and sending its notice once more."""

from __future__ import annotations

import uuid
from typing import ClassVar
from urllib.parse import urlencode

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseBase
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.identity.roles import Permission
from exchange.http.pages import page_of
from exchange.http.permissions import need
from exchange.push.by_hand import resend_attempt
from exchange.push.models import Attempt
from exchange.push.schedule import Outcome
from exchange.sharing.models import Endpoint
from exchange.wakeups import wake
from exchange.web.door import Page
from exchange.web.fields import Field, Form, Option, asked, options, select
from exchange.web.shown import apart
from exchange.web.subscribe.acts import Act
from exchange.web.subscribe.attempt_facts import attempt_facts, attempt_row
from exchange.web.subscribe.words import NOTICE_KIND, OUTCOME
from hashsets.lists.models import HashList

PAGE = 50


class Attempts(Page):
    needs: ClassVar = {"GET": need(Permission.LIST_VIEW)}

    def get(self, request: HttpRequest) -> HttpResponseBase:
        form = asked(request, *self._filters())
        kept = {field.name: field.value for field in form if field.value}
        rows = _narrowed(Attempt.objects.of(self.actor), form).select_related("endpoint")
        page = page_of(rows, request, key="id", render=attempt_row, size=PAGE)
        return self.show(
            "web/subscribe/attempts.html",
            form=form,
            page=page,
            query=urlencode(kept),
            clear=reverse("web:attempts") if kept else "",
        )

    def _filters(self) -> tuple[Field, ...]:
        every = Option("", _("Any"))
        mine = Endpoint.objects.of(self.actor).order_by("host", "id").values_list("id", "host", "description")
        named = (
            Option(str(key), f"{host} {apart(about)}" if about else host) for key, host, about in mine[:200]
        )
        answers = (every, Option("failed", _("All that failed")), *options(OUTCOME))
        return (
            select("endpoint", _("Endpoint"), (every, *named), optional=True),
            select("outcome", _("How it ended"), answers, optional=True),
            select("kind", _("What was sent"), (every, *options(NOTICE_KIND)), optional=True),
            select(
                "lane",
                _("Urgency"),
                (every, Option("urgent", _("Urgent")), Option("routine", _("Routine"))),
                optional=True,
            ),
        )


def _narrowed(rows: QuerySet[Attempt], form: Form) -> QuerySet[Attempt]:
    endpoint, outcome, kind, lane = (form.value(name) for name in ("endpoint", "outcome", "kind", "lane"))
    if endpoint:
        try:
            rows = rows.filter(endpoint_id=uuid.UUID(endpoint))
        except ValueError:
            return rows.none()
    if outcome == "failed":
        rows = rows.exclude(outcome=Outcome.DELIVERED)
    elif outcome:
        rows = rows.filter(outcome=outcome)
    if kind:
        rows = rows.filter(kind=kind)
    return rows.filter(urgent=lane == "urgent") if lane else rows


class OneAttempt(Page):
    needs: ClassVar = {"GET": need(Permission.LIST_VIEW)}

    def get(self, request: HttpRequest, attempt_id: int) -> HttpResponseBase:
        row = Attempt.objects.seen(attempt_id, self.actor)
        visible = HashList.objects.visible_to(self.actor).filter(id__in=list(row.releases))
        return self.show(
            "web/subscribe/attempt.html",
            attempt=attempt_facts(row, dict(visible.values_list("id", "title"))),
            endpoint=row.endpoint,
            may_manage=self.actor.may(Permission.ENDPOINT_MANAGE),
        )


class Resend(Act):
    """Sends the same notice once more and goes on to the new attempt."""

    needs: ClassVar = {"POST": need(Permission.ENDPOINT_MANAGE)}

    def act(self) -> str:
        self._sent = resend_attempt(self.kwargs["attempt_id"], actor=self.actor, now=self.now)
        wake("push")
        return _("Sent. This is what came back.")

    def back(self) -> str:
        sent = getattr(self, "_sent", None)
        return reverse("web:attempt", args=[sent.id if sent else self.kwargs["attempt_id"]])
