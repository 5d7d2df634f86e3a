"""The catalogue, one entry of it, following a list, and asking for one that is given out on request."""

from __future__ import annotations

from typing import ClassVar
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.errors import Invalid, NotFound, Refusal
from accounts.identity.acting import Actor
from accounts.identity.roles import Permission
from exchange.access.models import AccessRequest
from exchange.access.request import request_access, withdraw_request
from exchange.http.pages import Page as PageOfRows
from exchange.http.pages import page_of
from exchange.http.permissions import PUBLIC, need
from exchange.http.problems import status_of
from exchange.sharing.models import Endpoint, EndpointState, Subscription
from exchange.sharing.subscribe import subscribe
from exchange.wakeups import wake
from exchange.web.door import Page
from exchange.web.fields import Field, Form, Option, asked, blank, options, posted, select, text, textarea
from exchange.web.parts import Tag
from exchange.web.shown import instant
from exchange.web.subscribe.acts import Act
from exchange.web.subscribe.shelf import ShelfRow, Wish, shelf, shelf_rows
from exchange.web.subscribe.words import ACCESS, ACCESS_TONE, TLP_MEANS
from exchange.web.words import KIND, SCHEME, word
from hashsets.core.hashtypes import HASH_TYPES
from hashsets.lists.models import ListStatus, Tlp

PAGE = 25
ANY = Option("", gettext_lazy("Any"))
REASON = textarea(
    "reason",
    gettext_lazy("Why do you need this list?"),
    hint=gettext_lazy(
        "The publisher reads this: what your service hosts, for which check you would use the list, and who "
        "would have access. No names of people."
    ),
)


def filters(actor: Actor | None) -> tuple[Field, ...]:
    """What the catalogue can be narrowed down by."""
    standings = [("open", _("You may follow")), ("followed", _("You follow")), ("request", _("On request"))]
    known = standings if actor is not None else []
    return (
        text("q", _("Words"), optional=True, longest=100),
        select("kind", _("Publisher"), (ANY, *options(KIND)), optional=True),
        text("jurisdiction", _("Country code"), optional=True, longest=2, width="short"),
        select(
            "type",
            _("Kind of hashes"),
            (ANY, *(Option(slug, one.title) for slug, one in sorted(HASH_TYPES.items()))),
            optional=True,
        ),
        select("tlp", _("Sharing label"), (ANY, *(Option(v, str(n)) for v, n in Tlp.choices)), optional=True),
        select(
            "standing",
            _("Show"),
            (Option("", _("Everything")), *(Option(*one) for one in (*known, ("sandbox", _("Sandbox"))))),
            optional=True,
        ),
    )


class Catalogue(Page):
    needs: ClassVar = {"GET": PUBLIC}

    def get(self, request: HttpRequest) -> HttpResponseBase:
        form = asked(request, *filters(self.reads_as))
        kept = {field.name: field.value for field in form if field.value}
        wish = Wish(
            text=form.value("q")[:100], kind=form.value("kind"), jurisdiction=form.value("jurisdiction"),
            hash_type=form.value("type"), tlp=form.value("tlp"), standing=form.value("standing"),
        )  # fmt: skip
        found = page_of(
            shelf(self.reads_as, wish), request, key="created_at", render=lambda row: row, size=PAGE
        )
        return self.show(
            "web/subscribe/catalogue.html",
            form=form,
            page=PageOfRows(shelf_rows(found.items, self.reads_as, now=self.now), found.next),
            query=urlencode(kept),
            clear=reverse("web:catalogue") if kept else "",
        )


class EntryPage(Page):
    """What the page of one list in the catalogue and the acts on it have in common."""

    def entry(self, list_id: str, form: Form, *, status: int = 200) -> HttpResponse:
        one = self.one(list_id)
        reader = self.reads_as
        request = self._request(list_id, reader)
        return self.show(
            "web/subscribe/entry.html",
            status=status,
            list=one,
            scheme=word(SCHEME, one.row.scheme),
            tlp_means=word(TLP_MEANS, one.row.tlp),
            subscription=self._subscription(list_id, reader),
            endpoints=self._endpoints(reader),
            may_follow=reader is not None and reader.may(Permission.SUBSCRIPTION_MANAGE),
            open=one.row.status == ListStatus.ACTIVE,
            asked=request,
            asked_tag=Tag(word(ACCESS, request.state), ACCESS_TONE[request.state]) if request else None,
            asked_at=instant(request.requested_at) if request else None,
            form=form,
        )

    def one(self, list_id: str) -> ShelfRow:
        """Errors: NotFound `list.not_found`, the same for absent and for hidden."""
        found = shelf_rows(shelf(self.reads_as).filter(id=list_id), self.reads_as, now=self.now)
        if not found:
            raise NotFound("There is no such list.", code="list.not_found")
        return found[0]

    @staticmethod
    def _request(list_id: str, reader: Actor | None) -> AccessRequest | None:
        if reader is None:
            return None
        return (
            AccessRequest.objects.made_by(reader)
            .filter(hash_list_id=list_id)
            .order_by("-requested_at")
            .first()
        )

    @staticmethod
    def _subscription(list_id: str, reader: Actor | None) -> Subscription | None:
        if reader is None:
            return None
        return Subscription.objects.of(reader).filter(hash_list_id=list_id, ended_at__isnull=True).first()

    @staticmethod
    def _endpoints(reader: Actor | None) -> int:
        if reader is None:
            return 0
        return Endpoint.objects.of(reader).filter(state=EndpointState.ACTIVE).count()


class Entry(EntryPage):
    """One list of the catalogue. For an anonymous reader too, when the list is public."""

    needs: ClassVar = {"GET": PUBLIC}

    def get(self, request: HttpRequest, list_id: str) -> HttpResponseBase:
        return self.entry(list_id, blank(REASON, values=self.unsent()))


class Follow(Act):
    needs: ClassVar = {"POST": need(Permission.SUBSCRIPTION_MANAGE)}

    def act(self) -> str:
        subscription = subscribe(self.kwargs["list_id"], actor=self.actor, now=self.now)
        self._to = reverse("web:subscription", args=[subscription.id])
        wake("push")
        return _("You follow this list now. Next: sync it, then confirm what you have applied.")

    def back(self) -> str:
        return getattr(self, "_to", None) or reverse("web:catalogue-entry", args=[self.kwargs["list_id"]])


class Ask(EntryPage):
    """Ask the publisher for a list that is given out on request."""

    needs: ClassVar = {"POST": need(Permission.SUBSCRIPTION_MANAGE)}

    def post(self, request: HttpRequest, list_id: str) -> HttpResponseBase:
        form = posted(request, REASON)
        try:
            request_access(list_id, reason=form.value("reason"), actor=self.actor, now=self.now)
        except Invalid as refusal:
            return self._again(list_id, form, refusal)
        messages.success(request, _("The publisher has your request. You find the answer on this page."))
        return HttpResponseRedirect(self.back())

    def _again(self, list_id: str, form: Form, refusal: Refusal) -> HttpResponse:
        return self.entry(list_id, form.refused(refusal), status=status_of(refusal).value)

    def back(self) -> str:
        return reverse("web:catalogue-entry", args=[self.kwargs["list_id"]])


class WithdrawAsking(Act):
    needs: ClassVar = {"POST": need(Permission.SUBSCRIPTION_MANAGE)}

    def act(self) -> str:
        withdraw_request(self.kwargs["request_id"], actor=self.actor, now=self.now)
        return _("You took your request back.")

    def back(self) -> str:
        return reverse("web:catalogue-entry", args=[self.kwargs["list_id"]])
