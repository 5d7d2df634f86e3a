"""Endpoints: register, prove, try, pause, rotate, replay, close. Doors to the verbs of sharing and push."""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.errors import Conflict, Invalid, NotFound, Refusal
from accounts.identity.roles import Permission
from exchange.http.pages import page_of
from exchange.http.permissions import need, person
from exchange.http.problems import status_of
from exchange.push import by_hand
from exchange.push.challenge import verify_endpoint
from exchange.push.models import Attempt
from exchange.sharing import endpoints
from exchange.sharing.models import Endpoint, EndpointCursor, EndpointState
from exchange.sharing.replay import replay_from
from exchange.wakeups import wake
from exchange.web.door import Page
from exchange.web.fields import Field, Form, Option, blank, number, posted, select, text, url
from exchange.web.parts import Secret
from exchange.web.subscribe.acts import Act
from exchange.web.subscribe.attempt_facts import attempt_row
from exchange.web.subscribe.endpoint_facts import cursor_row, endpoint_facts, endpoint_row

PAGE = 25
NEWEST = 10
URL = url(
    "url",
    gettext_lazy("Address"),
    hint=gettext_lazy(
        "https, on port 443 or 8443, of a server that the internet can reach. Redirects are not followed."
    ),
)
DESCRIPTION = text(
    "description", gettext_lazy("What is it?"), hint=gettext_lazy("For your own people."), optional=True
)


class Endpoints(Page):
    needs: ClassVar = {"GET": need(Permission.LIST_VIEW)}

    def get(self, request: HttpRequest) -> HttpResponseBase:
        rows = Endpoint.objects.of(self.actor)
        if request.GET.get("closed") != "yes":
            rows = rows.exclude(state=EndpointState.CLOSED)
        page = page_of(
            rows, request, key="created_at", render=lambda row: endpoint_row(row, now=self.now), size=PAGE
        )
        return self.show(
            "web/subscribe/endpoints.html",
            page=page,
            query="closed=yes" if request.GET.get("closed") == "yes" else "",
            may_manage=self.actor.may(Permission.ENDPOINT_MANAGE),
        )


class NewEndpoint(Page):
    needs: ClassVar = {"GET": need(Permission.ENDPOINT_MANAGE), "POST": need(Permission.ENDPOINT_MANAGE)}

    def get(self, request: HttpRequest) -> HttpResponseBase:
        return self._form(blank(URL, DESCRIPTION))

    def post(self, request: HttpRequest) -> HttpResponseBase:
        form = posted(request, URL, DESCRIPTION)
        try:
            made = endpoints.register_endpoint(
                url=form.value("url"), description=form.value("description"), actor=self.actor, now=self.now
            )
        except (Invalid, Conflict) as refusal:
            return self._form(form, refusal)
        return secret_page(self, made)

    def _form(self, form: Form, refusal: Refusal | None = None) -> HttpResponse:
        return self.show(
            "web/subscribe/endpoint_new.html",
            status=status_of(refusal).value if refusal else 200,
            form=form.refused(refusal) if refusal else form,
        )


def secret_page(page: Page, made: endpoints.RegisteredEndpoint, *, rotated: bool = False) -> HttpResponse:
    """The one page that shows the secret."""
    return page.show(
        "web/subscribe/endpoint_secret.html",
        endpoint=endpoint_facts(made.endpoint, now=page.now),
        secret=Secret(
            _("The signing secret"), made.secret, _("If it is lost, rotate it: nobody can show it again.")
        ),
        rotated=rotated,
    )


class OfEndpoint(Page):
    """One endpoint of the actor's organisation, and the way back to its page."""

    def mine(self) -> Endpoint:
        """Errors: NotFound `endpoint.not_found`."""
        return Endpoint.objects.seen(self.kwargs["endpoint_id"], self.actor)

    def back(self) -> str:
        return reverse("web:endpoint", args=[self.kwargs["endpoint_id"]])


class OneEndpoint(OfEndpoint):
    needs: ClassVar = {"GET": need(Permission.LIST_VIEW)}

    def get(self, request: HttpRequest, endpoint_id: uuid.UUID) -> HttpResponseBase:
        row = self.mine()
        cursors = EndpointCursor.objects.allowed().filter(endpoint=row).select_related("hash_list")
        attempts = Attempt.objects.of(self.actor).filter(endpoint=row).order_by("-id")[:NEWEST]
        return self.show(
            "web/subscribe/endpoint.html",
            endpoint=endpoint_facts(row, now=self.now),
            cursors=[cursor_row(one) for one in cursors.order_by("hash_list__title", "id")[:100]],
            attempts=[attempt_row(one) for one in attempts],
            may_manage=self.actor.may(Permission.ENDPOINT_MANAGE),
        )


class EndpointAct(OfEndpoint, Act):
    """A button on the page of an endpoint."""

    needs: ClassVar = {"POST": need(Permission.ENDPOINT_MANAGE)}


class Verify(EndpointAct):
    def act(self) -> str:
        verify_endpoint(self.kwargs["endpoint_id"], actor=self.actor, now=self.now)
        wake("push")
        return _("It answered the challenge with its secret: the endpoint is yours, and notices begin.")


class Send(EndpointAct):
    """Base of ping and test: one post now, and on to the page that says how it ended."""

    def sent(self) -> Attempt:
        raise NotImplementedError

    def act(self) -> str:
        self._attempt = self.sent()
        wake("push")
        return _("Sent. This is what came back.")

    def back(self) -> str:
        attempt = getattr(self, "_attempt", None)
        return reverse("web:attempt", args=[attempt.id]) if attempt else super().back()


class Ping(Send):
    def sent(self) -> Attempt:
        return by_hand.ping_endpoint(self.kwargs["endpoint_id"], actor=self.actor, now=self.now)


class Test(Send):
    def sent(self) -> Attempt:
        return by_hand.send_test(self.kwargs["endpoint_id"], actor=self.actor, now=self.now)


class Pause(EndpointAct):
    def act(self) -> str:
        endpoints.pause_endpoint(self.kwargs["endpoint_id"], actor=self.actor, now=self.now)
        return _("Paused. What is owed stays owed; nothing is sent until you resume it.")


class Resume(EndpointAct):
    def act(self) -> str:
        endpoints.resume_endpoint(self.kwargs["endpoint_id"], actor=self.actor, now=self.now)
        wake("push")
        return _("Resumed. What is owed is being sent now.")


class Rotate(OfEndpoint):
    """A new secret; for a day notices carry signatures by both."""

    needs: ClassVar = {"GET": need(Permission.ENDPOINT_MANAGE), "POST": person(Permission.ENDPOINT_MANAGE)}

    def get(self, request: HttpRequest, endpoint_id: uuid.UUID) -> HttpResponseBase:
        return self.show(
            "web/subscribe/endpoint_rotate.html", endpoint=endpoint_facts(self.mine(), now=self.now)
        )

    def post(self, request: HttpRequest, endpoint_id: uuid.UUID) -> HttpResponseBase:
        made = endpoints.rotate_secret(endpoint_id, actor=self.actor, now=self.now)
        return secret_page(self, made, rotated=True)

    def back(self) -> str:
        return reverse("web:rotate-secret", args=[self.kwargs["endpoint_id"]])


class Close(OfEndpoint):
    needs: ClassVar = {"GET": need(Permission.ENDPOINT_MANAGE), "POST": need(Permission.ENDPOINT_MANAGE)}

    def get(self, request: HttpRequest, endpoint_id: uuid.UUID) -> HttpResponseBase:
        return self.show(
            "web/subscribe/endpoint_close.html", endpoint=endpoint_facts(self.mine(), now=self.now)
        )

    def post(self, request: HttpRequest, endpoint_id: uuid.UUID) -> HttpResponseBase:
        endpoints.close_endpoint(endpoint_id, actor=self.actor, now=self.now)
        messages.success(request, _("The endpoint is closed, and its secret deleted."))
        return HttpResponseRedirect(reverse("web:endpoints"))


class Move(OfEndpoint):
    """Another address for the same endpoint; it has to be proven again."""

    needs: ClassVar = {"GET": need(Permission.ENDPOINT_MANAGE), "POST": need(Permission.ENDPOINT_MANAGE)}

    def get(self, request: HttpRequest, endpoint_id: uuid.UUID) -> HttpResponseBase:
        return self._form(blank(URL, values={"url": self.mine().url}))

    def post(self, request: HttpRequest, endpoint_id: uuid.UUID) -> HttpResponseBase:
        form = posted(request, URL)
        try:
            endpoints.change_url(endpoint_id, url=form.value("url"), actor=self.actor, now=self.now)
        except (Invalid, Conflict) as refusal:
            return self._form(form, refusal)
        messages.success(
            request, _("The address is changed. Have it prove that it is yours before notices go on.")
        )
        return HttpResponseRedirect(self.back())

    def _form(self, form: Form, refusal: Refusal | None = None) -> HttpResponse:
        return self.show(
            "web/subscribe/endpoint_move.html",
            status=status_of(refusal).value if refusal else 200,
            endpoint=endpoint_facts(self.mine(), now=self.now),
            form=form.refused(refusal) if refusal else form,
        )


class Replay(OfEndpoint):
    """Tell the endpoint again, from a release on: for a machine that was restored from a backup."""

    needs: ClassVar = {"GET": need(Permission.ENDPOINT_MANAGE), "POST": need(Permission.ENDPOINT_MANAGE)}

    def get(self, request: HttpRequest, endpoint_id: uuid.UUID) -> HttpResponseBase:
        return self._form(blank(*self._questions(), values={"release": "1"}))

    def post(self, request: HttpRequest, endpoint_id: uuid.UUID) -> HttpResponseBase:
        form = posted(request, *self._questions())
        try:
            replay_from(
                endpoint_id, list_id=form.value("list_id"), release=_release(form.value("release")),
                actor=self.actor, now=self.now,
            )  # fmt: skip
        except NotFound as refusal:
            if refusal.code != "list.not_found":
                raise
            return self._form(form, Invalid(refusal.message, code=refusal.code, field="list_id"))
        except (Invalid, Conflict) as refusal:
            return self._form(form, refusal)
        wake("push")
        messages.success(
            request, _("The endpoint is told again: one notice of the newest release is on its way.")
        )
        return HttpResponseRedirect(self.back())

    def _questions(self) -> tuple[Field, ...]:
        cursors = EndpointCursor.objects.allowed().filter(endpoint=self.mine()).select_related("hash_list")
        lists = [
            Option(one.hash_list_id, one.hash_list.title)
            for one in cursors.order_by("hash_list__title", "id")
        ]
        return (
            select("list_id", _("Which list?"), lists),
            number("release", _("From which release on?"), hint=_("1 is everything.")),
        )

    def _form(self, form: Form, refusal: Refusal | None = None) -> HttpResponse:
        return self.show(
            "web/subscribe/endpoint_replay.html",
            status=status_of(refusal).value if refusal else 200,
            endpoint=endpoint_facts(self.mine(), now=self.now),
            form=form.refused(refusal) if refusal else form,
        )


def _release(typed: str) -> int:
    if not (typed.isascii() and typed.isdigit() and len(typed) <= 9):
        raise Invalid("Give the number of a release.", code="replay.release", field="release")
    return int(typed)
