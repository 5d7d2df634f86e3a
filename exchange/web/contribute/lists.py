"""Lists of one's own: making one, what it states, changing that; closing it."""

from __future__ import annotations

import uuid
from dataclasses import asdict, dataclass
from typing import ClassVar

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.dual_control.models import Proposal, ProposalKind
from accounts.dual_control.propose import end_proposal
from accounts.errors import Conflict, Invalid, NotAllowed, NotFound
from accounts.identity.models import Organisation
from accounts.identity.roles import Permission
from exchange.http.permissions import need, person
from exchange.http.problems import status_of
from exchange.web.contribute.statement_form import (
    change_fields,
    new_list_fields,
    read_statement,
    statement_rows,
    values_of,
)
from exchange.web.door import Page
from exchange.web.fields import Form, blank, checkbox, posted
from exchange.web.fields import text as text_field
from exchange.web.forms import text
from exchange.web.list_facts import list_facts
from exchange.web.parts import Row
from exchange.web.shown import instant
from exchange.web.words import STATEMENT, word
from hashsets.lists.change import (
    change_list,
    lowers_a_guard,
    statement_of,
    wanted_by,
)
from hashsets.lists.define import add_classification, create_list
from hashsets.lists.inline import allow_inline_delta
from hashsets.lists.models import HashList
from hashsets.lists.statements import Statement
from hashsets.trust import custody
from hashsets.trust.arrangements import confirm_arrangement
from hashsets.trust.models import AwaitedFile, RoleName
from hashsets.trust.signers import is_frozen

START = {
    "audience": "named",
    "tlp": "amber",
    "scheme": "none",
    "approvals_required": "1",
    "signature_threshold": "1",
}
LABEL = (
    text_field("label", gettext_lazy("Label"), longest=64, width="medium"),
    text_field("meaning", gettext_lazy("Meaning"), optional=True),
)
SURE = checkbox("sure", gettext_lazy("Yes, close this list for good"))


class NewList(Page):
    """Everything a list states on one page, then the answers to check. Nothing is made before."""

    needs: ClassVar = {"GET": person(Permission.LIST_MANAGE), "POST": person(Permission.LIST_MANAGE)}

    def get(self, request: HttpRequest) -> HttpResponseBase:
        organisation = Organisation.objects.get(id=self.actor.organisation())
        known = {**START, "jurisdiction": organisation.jurisdiction, **self.unsent()}
        return self._form(blank(*new_list_fields(), values=known))

    def post(self, request: HttpRequest) -> HttpResponseBase:
        form = posted(request, *new_list_fields())
        if text(request, "step") == "edit":
            return self._form(form)
        try:
            statement = read_statement(form).checked()
            if text(request, "step") != "make":
                return self._check(form, statement)
            organisation = Organisation.objects.get(id=self.actor.organisation())
            made = create_list(organisation, **asdict(statement), actor=self.actor, now=self.now)
        except (Invalid, Conflict) as refusal:
            return self._form(form.refused(refusal), status=status_of(refusal).value)
        messages.success(request, _("The list is made. Now say which keys sign it."))
        return HttpResponseRedirect(reverse("web:signers", args=[made.id]))

    def _form(self, form: Form, *, status: int = 200) -> HttpResponse:
        return self.show("web/contribute/list_new.html", status=status, form=form)

    def _check(self, form: Form, statement: Statement) -> HttpResponse:
        return self.show("web/contribute/list_new_check.html", rows=statement_rows(statement), form=form)


@dataclass(frozen=True, slots=True)
class WaitingChange:
    """A proposal: what would be different, and whether this person may make it."""

    row: Proposal
    rows: tuple[Row, ...]
    lowered: tuple[str, ...]
    by: str
    at: SafeString
    own: bool


class SettingsPage(Page):
    """What the settings of a list and the acts on them have in common."""

    def hash_list(self) -> HashList:
        found = HashList.objects.seen(self.kwargs["list_id"], self.actor)
        found.require_publisher(self.actor)
        return found

    def back(self) -> str:
        return reverse("web:settings", args=[self.kwargs["list_id"]])

    def facts(self, *, form: Form | None = None, status: int = 200) -> HttpResponse:
        hash_list = self.hash_list()
        about = Proposal.objects.open(self.now).filter(
            organisation_id=hash_list.organisation_id, subject_id=hash_list.id
        )
        waiting = about.filter(kind=ProposalKind.LIST_SETTINGS).select_related("proposed_by").first()
        return self.show(
            "web/contribute/settings.html",
            status=status,
            list=list_facts(hash_list, self.actor),
            rows=statement_rows(statement_of(hash_list)),
            classifications=list(hash_list.classifications.all()),
            waiting=self._waiting(waiting, hash_list) if waiting else None,
            more_waits=about.exclude(kind=ProposalKind.LIST_SETTINGS).exists(),
            frozen=is_frozen(hash_list),
            renewal=AwaitedFile.objects.filter(repository_id=hash_list.id, role=RoleName.LIST).exists(),
            form=form or blank(*LABEL, values=self.unsent()),
            may_manage=self.actor.may(Permission.LIST_MANAGE),
        )

    def _waiting(self, change: Proposal, hash_list: HashList) -> WaitingChange:
        before = statement_of(hash_list)
        after = wanted_by(change, before)
        return WaitingChange(
            row=change,
            rows=tuple(statement_rows(after, only=change.asked)),
            lowered=tuple(word(STATEMENT, field) for field in lowers_a_guard(before, after)),
            by=str(change.proposed_by),
            at=instant(change.created_at),
            own=change.proposed_by_id == self.actor.person_id,
        )


class Settings(SettingsPage):
    needs: ClassVar = {"GET": need(Permission.LIST_VIEW)}

    def get(self, request: HttpRequest, list_id: str) -> HttpResponseBase:
        return self.facts()


class ChangeSettings(SettingsPage):
    needs: ClassVar = {"GET": person(Permission.LIST_MANAGE), "POST": person(Permission.LIST_MANAGE)}

    def back(self) -> str:
        return reverse("web:change-settings", args=[self.kwargs["list_id"]])

    def get(self, request: HttpRequest, list_id: str) -> HttpResponseBase:
        hash_list = self.hash_list()
        hash_list.require_active()
        values = {**values_of(statement_of(hash_list)), **self.unsent()}
        return self._form(hash_list, blank(*change_fields(), values=values))

    def post(self, request: HttpRequest, list_id: str) -> HttpResponseBase:
        hash_list, form = self.hash_list(), posted(request, *change_fields())
        try:
            wanted = read_statement(form, statement_of(hash_list))
            proposed = change_list(hash_list, wanted, actor=self.actor, now=self.now)
        except (Invalid, Conflict) as refusal:
            return self._form(hash_list, form.refused(refusal), status=status_of(refusal).value)
        if proposed is None:
            messages.success(request, _("The list is changed."))
        else:
            messages.success(
                request, _("This lowers a guard, so it waits for another admin of your organisation.")
            )
        return HttpResponseRedirect(super().back())

    def _form(self, hash_list: HashList, form: Form, *, status: int = 200) -> HttpResponse:
        return self.show("web/contribute/settings_change.html", status=status, list=hash_list, form=form)


class AddLabel(SettingsPage):
    needs: ClassVar = {"POST": person(Permission.LIST_MANAGE)}

    def post(self, request: HttpRequest, list_id: str) -> HttpResponseBase:
        form = posted(request, *LABEL)
        try:
            added = add_classification(
                self.hash_list(),
                label=form.value("label"),
                meaning=form.value("meaning"),
                actor=self.actor,
                now=self.now,
            )
        except (Invalid, Conflict) as refusal:
            return self.facts(form=form.refused(refusal), status=status_of(refusal).value)
        messages.success(request, _("The label “%(label)s” is added.") % {"label": added.label})
        return HttpResponseRedirect(self.back())


class InlineDelta(SettingsPage):
    """Whether small deltas of the list may travel in notices."""

    needs: ClassVar = {"POST": person(Permission.LIST_MANAGE)}

    def post(self, request: HttpRequest, list_id: str) -> HttpResponseBase:
        allowed = text(request, "inline") == "yes"
        try:
            allow_inline_delta(list_id, allowed=allowed, actor=self.actor, now=self.now)
        except Conflict as refusal:
            return self.facts(form=blank(*LABEL).refused(refusal), status=status_of(refusal).value)
        if allowed:
            messages.success(request, _("Small changes travel in notices now, to members who ask for it."))
        else:
            messages.success(request, _("Notices say that the list has changed, and nothing more."))
        return HttpResponseRedirect(self.back())


class DecideChange(SettingsPage):
    """A second person makes what was proposed, or anybody who may ends it."""

    needs: ClassVar = {"POST": person(Permission.LIST_MANAGE)}

    def post(self, request: HttpRequest, list_id: str, change_id: uuid.UUID) -> HttpResponseBase:
        about = Proposal.objects.filter(id=change_id, kind=ProposalKind.LIST_SETTINGS)
        if not about.filter(subject_id=self.hash_list().id).exists():
            raise NotFound("There is no such proposal.", code="proposal.not_found")
        try:
            if text(request, "decision") == "make":
                confirm_arrangement(change_id, actor=self.actor, now=self.now)
                said = _("The list is changed.")
            else:
                end_proposal(change_id, actor=self.actor, now=self.now)
                said = _("The proposal is ended. The list stays as it is.")
        except (Invalid, Conflict, NotAllowed) as refusal:
            return self.facts(form=blank(*LABEL).refused(refusal), status=status_of(refusal).value)
        messages.success(request, said)
        return HttpResponseRedirect(self.back())


class CloseList(SettingsPage):
    needs: ClassVar = {"GET": person(Permission.LIST_MANAGE), "POST": person(Permission.LIST_MANAGE)}

    def get(self, request: HttpRequest, list_id: str) -> HttpResponseBase:
        return self._form(blank(SURE))

    def post(self, request: HttpRequest, list_id: str) -> HttpResponseBase:
        form = posted(request, SURE)
        try:
            if not form.ticked("sure"):
                raise Invalid("Say that you are sure.", code="list.close_unsure", field="sure")
            custody.close_list(self.hash_list(), actor=self.actor, now=self.now)
        except (Invalid, Conflict) as refusal:
            return self._form(form.refused(refusal), status=status_of(refusal).value)
        messages.success(request, _("The list is closed. What is published stays and is kept fresh."))
        return HttpResponseRedirect(reverse("web:list", args=[list_id]))

    def _form(self, form: Form, *, status: int = 200) -> HttpResponse:
        hash_list = self.hash_list()
        hash_list.require_active()
        return self.show("web/contribute/list_close.html", status=status, list=hash_list, form=form)
