"""Who may follow a list: the publisher lets it be found, and two of its people decide on each request."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.errors import Conflict, Invalid, Refusal
from accounts.identity.acting import Actor
from accounts.identity.roles import Permission
from exchange.access.decide import agree_to_access, decline_access, revoke_access
from exchange.access.models import LIVE_STATES, AccessRequest, AccessState
from exchange.http.pages import Page as PageOfRows
from exchange.http.pages import page_of
from exchange.http.permissions import need, person
from exchange.http.problems import status_of
from exchange.web.door import Page
from exchange.web.fields import Form, blank, posted, textarea
from exchange.web.list_facts import list_facts
from exchange.web.parts import Tag
from exchange.web.shown import apart, instant
from exchange.web.subscribe.acts import Act
from exchange.web.subscribe.words import ACCESS, ACCESS_TONE
from exchange.web.words import KIND, word
from hashsets.lists.audience import set_findable
from hashsets.lists.models import Audience, HashList, ListStatus

PAGE = 25
ANSWER = textarea(
    "answer",
    gettext_lazy("Why not?"),
    hint=gettext_lazy("The people who asked read this."),
    rows=3,
)


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as the publisher reads it. `mine` says that this person has agreed already."""

    row: AccessRequest
    tag: Tag
    kind: str
    at: SafeString
    agreed_by: str
    decided: SafeString | None
    live: bool
    mine: bool


def asked_rows(rows: Iterable[AccessRequest], actor: Actor) -> list[Asked]:
    return [
        Asked(
            row=row,
            tag=Tag(word(ACCESS, row.state), ACCESS_TONE[row.state]),
            kind=word(KIND, row.organisation.kind),
            at=instant(row.requested_at),
            agreed_by=str(row.agreed_by) if row.agreed_by else "",
            decided=instant(row.decided_at) if row.decided_at else None,
            live=row.state in LIVE_STATES,
            mine=row.agreed_by_id == actor.person_id,
        )
        for row in rows
    ]


class OfPublisher(Page):
    """The list is the actor's own organisation's, or it is not there."""

    def mine(self, list_id: str) -> HashList:
        """Errors: NotFound `list.not_found`; NotAllowed `list.other_publisher`."""
        hash_list = HashList.objects.seen(list_id, self.actor)
        hash_list.require_publisher(self.actor)
        return hash_list


class ListAccess(OfPublisher):
    needs: ClassVar = {"GET": need(Permission.LIST_MANAGE)}

    def get(self, request: HttpRequest, list_id: str) -> HttpResponseBase:
        hash_list = self.mine(list_id)
        rows = AccessRequest.objects.filter(hash_list=hash_list).select_related("organisation", "agreed_by")
        page = page_of(rows, request, key="requested_at", render=lambda row: row, size=PAGE)
        named = hash_list.named_audience.select_related("organisation").order_by("organisation__name")[:500]
        return self.show(
            "web/subscribe/access.html",
            list=list_facts(hash_list, self.actor),
            named_audience=hash_list.audience == Audience.NAMED,
            may_be_found=hash_list.audience == Audience.NAMED and hash_list.status == ListStatus.ACTIVE,
            audience=[one.organisation.name for one in named],
            page=PageOfRows(asked_rows(page.items, self.actor), page.next),
        )


class SetFindable(Act):
    needs: ClassVar = {"POST": person(Permission.LIST_MANAGE)}

    def act(self) -> str:
        wished = self.request.POST.get("findable") == "yes"
        proposed = set_findable(self.kwargs["list_id"], findable=wished, actor=self.actor, now=self.now)
        if wished:
            if proposed is None:
                return _("Members can find this list already.")
            return _("Proposed. Nothing changes until another admin of your organisation confirms it.")
        return _("Members who have no access can no longer find this list.")

    def back(self) -> str:
        return reverse("web:list-access", args=[self.kwargs["list_id"]])


class RequestPage(OfPublisher):
    """What a request's page and the answers to it have in common."""

    def asking(self, form: Form, refusal: Refusal | None = None) -> HttpResponse:
        hash_list = self.mine(self.kwargs["list_id"])
        rows = AccessRequest.objects.filter(hash_list=hash_list).select_related("agreed_by")
        row = rows.found(self.kwargs["request_id"])
        return self.show(
            "web/subscribe/access_request.html",
            status=status_of(refusal).value if refusal else 200,
            list=list_facts(hash_list, self.actor),
            asked=asked_rows([row], self.actor)[0],
            form=form.refused(refusal) if refusal else form,
        )

    def back(self) -> str:
        return reverse("web:access-request", args=[self.kwargs["list_id"], self.kwargs["request_id"]])


class OneRequest(RequestPage):
    """What a member asks for, and the two ways to answer."""

    needs: ClassVar = {"GET": need(Permission.LIST_MANAGE)}

    def get(self, request: HttpRequest, list_id: str, request_id: uuid.UUID) -> HttpResponseBase:
        return self.asking(blank(ANSWER, values=self.unsent()))


class Decide(RequestPage):
    """Base of the answers: done and back to the queue, or the request again with the reason why not."""

    needs: ClassVar = {"POST": person(Permission.LIST_MANAGE)}

    def post(self, request: HttpRequest, list_id: str, request_id: uuid.UUID) -> HttpResponseBase:
        self.mine(list_id)
        form = posted(request, ANSWER)
        try:
            messages.success(request, self.decide(request_id, form))
        except (Invalid, Conflict) as refusal:
            return self.asking(form, refusal)
        return HttpResponseRedirect(reverse("web:list-access", args=[list_id]))

    def decide(self, request_id: uuid.UUID, form: Form) -> str:
        raise NotImplementedError


class Agree(Decide):
    def decide(self, request_id: uuid.UUID, form: Form) -> str:
        request = agree_to_access(request_id, actor=self.actor, now=self.now)
        if request.state == AccessState.GRANTED:
            return _("%(name)s may follow this list now.") % {"name": apart(request.organisation.name)}
        return _("You agreed. A second person of your organisation must agree as well.")


class Decline(Decide):
    def decide(self, request_id: uuid.UUID, form: Form) -> str:
        request = decline_access(request_id, answer=form.value("answer"), actor=self.actor, now=self.now)
        return _("You declined. %(name)s reads your reason.") % {"name": apart(request.organisation.name)}


class Revoke(Decide):
    def decide(self, request_id: uuid.UUID, form: Form) -> str:
        request = revoke_access(request_id, actor=self.actor, now=self.now)
        return _("Access of %(name)s has ended: nothing is served or sent to it any more.") % {
            "name": apart(request.organisation.name)
        }
