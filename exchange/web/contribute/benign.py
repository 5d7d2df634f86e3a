"""Hashes of one's own innocent content, which no list should hold: a hit sets a row aside on every list."""

from __future__ import annotations

import io
from typing import BinaryIO, ClassVar, cast

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.errors import Conflict, Invalid
from accounts.identity.roles import Permission
from exchange.http.permissions import need
from exchange.http.problems import status_of
from exchange.web.door import Page
from exchange.web.fields import Field, Form, Option, blank, file, posted, select, sent_file, textarea
from exchange.web.forms import text
from exchange.web.list_facts import type_title
from exchange.web.shown import instant, number
from hashsets.core.hashtypes import HASH_TYPES
from hashsets.intake.benign import MOST_HASHES, add_benign_hashes
from hashsets.intake.models import BenignSet
from hashsets.intake.sniff import require_no_media


class Benign(Page):
    needs: ClassVar = {"GET": need(Permission.LIST_VIEW), "POST": need(Permission.SUBMISSION_CREATE)}

    def get(self, request: HttpRequest) -> HttpResponseBase:
        return self._form(blank(*_asked()))

    def post(self, request: HttpRequest) -> HttpResponseBase:
        form = posted(request, *_asked())
        chosen, pasted = sent_file(request, "file"), text(request, "pasted")
        try:
            if chosen is None and not pasted.strip():
                raise Invalid("Choose a file, or paste hashes.", code="submission.file", field="file")
            require_no_media(chosen.content_type if chosen is not None else None)
            whole = cast(BinaryIO, chosen) if chosen else io.BytesIO(pasted.encode(errors="replace"))
            add_benign_hashes(whole, stated_type=form.value("type"), actor=self.actor, now=self.now)
        except (Invalid, Conflict) as refusal:
            refusal.field = refusal.field if refusal.field == "type" else "file"
            return self._form(form.refused(refusal), status=status_of(refusal).value)
        messages.success(
            request, _("The hashes are kept. A submission that holds one of them waits for a person.")
        )
        return HttpResponseRedirect(reverse("web:benign"))

    def _form(self, form: Form, *, status: int = 200) -> HttpResponse:
        rows = BenignSet.objects.filter(organisation_id=self.actor.organisation()).order_by("hash_type")
        # What was pasted is hashes, and given back by no page.
        fields = tuple(one for one in form if one.name != "pasted")
        emptied = tuple(one for one in _asked() if one.name == "pasted")
        return self.show(
            "web/contribute/benign.html",
            status=status,
            sets=[(type_title(one.hash_type), number(one.hashes), instant(one.changed_at)) for one in rows],
            form=Form((*fields[:1], *emptied, *fields[1:]), form.mistakes),
            most=number(MOST_HASHES),
            may_add=self.actor.may(Permission.SUBMISSION_CREATE),
        )


def _asked() -> tuple[Field, ...]:
    kinds = [Option(slug, type_title(slug)) for slug, kind in HASH_TYPES.items() if kind.width]
    return (
        file(
            "file",
            gettext_lazy("The file"),
            hint=gettext_lazy("In any form that a submission may have."),
            optional=True,
        ),
        textarea(
            "pasted",
            gettext_lazy("Or paste hashes"),
            hint=gettext_lazy("One a line. They are not shown again on any page."),
            rows=4,
            longest=None,
            optional=True,
        ),
        select(
            "type",
            gettext_lazy("Kind of hashes, if the file does not name it"),
            [Option("", gettext_lazy("The file names it")), *kinds],
        ),
    )
