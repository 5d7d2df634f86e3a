"""What the organisation follows: all of it, one subscription, its trust policy, and its end."""

from __future__ import annotations

import uuid
from typing import Any, ClassVar

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.errors import Invalid, Refusal
from accounts.identity.roles import Permission
from exchange.http.pages import Page as PageOfRows
from exchange.http.pages import page_of
from exchange.http.permissions import need
from exchange.http.problems import status_of
from exchange.sharing.models import Subscription
from exchange.sharing.policy import ask_inline_delta, set_policy
from exchange.sharing.subscribe import unsubscribe
from exchange.web.door import Page
from exchange.web.fields import Form, blank, posted
from exchange.web.parts import Tag
from exchange.web.shown import apart, instant
from exchange.web.subscribe.acts import Act
from exchange.web.subscribe.health import health_of
from exchange.web.subscribe.policy_facts import (
    Effect,
    document_of,
    effect_of,
    fields,
    rules_of,
    values_of,
)
from hashsets.core.policy import TrustPolicy

PAGE = 25


class Subscriptions(Page):
    needs: ClassVar = {"GET": need(Permission.LIST_VIEW)}

    def get(self, request: HttpRequest) -> HttpResponseBase:
        rows = Subscription.objects.of(self.actor).filter(ended_at__isnull=True)
        rows = rows.select_related("hash_list__organisation")
        page = page_of(rows, request, key="created_at", render=lambda row: row, size=PAGE)
        health = health_of(page.items, actor=self.actor, now=self.now)
        shown = [(row, health[row.hash_list_id], bool(row.policy)) for row in page.items]
        return self.show(
            "web/subscribe/subscriptions.html",
            page=PageOfRows(shown, page.next),
            may_manage=self.actor.may(Permission.SUBSCRIPTION_MANAGE),
        )


class OfSubscription(Page):
    """The subscription is the actor's own organisation's and current, or it is not there."""

    def mine(self) -> Subscription:
        """Errors: NotFound `subscription.not_found`."""
        rows = Subscription.objects.select_related("hash_list__organisation")
        return rows.mine(self.kwargs["subscription_id"], self.actor)

    def back(self) -> str:
        return reverse("web:subscription", args=[self.kwargs["subscription_id"]])


class OneSubscription(OfSubscription):
    needs: ClassVar = {"GET": need(Permission.LIST_VIEW)}

    def get(self, request: HttpRequest, subscription_id: uuid.UUID) -> HttpResponseBase:
        row = self.mine()
        return self.show(
            "web/subscribe/subscription.html",
            row=row,
            since=instant(row.created_at),
            health=health_of([row], actor=self.actor, now=self.now)[row.hash_list_id],
            rules=rules_of(TrustPolicy.parse(row.policy)),
            may_manage=self.actor.may(Permission.SUBSCRIPTION_MANAGE),
        )


class Policy(OfSubscription):
    """The trust policy: asked, shown with its effect, and only then kept."""

    needs: ClassVar = {
        "GET": need(Permission.SUBSCRIPTION_MANAGE),
        "POST": need(Permission.SUBSCRIPTION_MANAGE),
    }

    def get(self, request: HttpRequest, subscription_id: uuid.UUID) -> HttpResponseBase:
        row = self.mine()
        return self._form(row, blank(*fields(row.hash_list), values=values_of(row.policy)))

    def post(self, request: HttpRequest, subscription_id: uuid.UUID) -> HttpResponseBase:
        row = self.mine()
        form = posted(request, *fields(row.hash_list))
        try:
            policy = TrustPolicy.parse(document_of(form))
            if request.POST.get("step") != "keep":
                return self._form(row, form, effect_of(policy, row.hash_list, actor=self.actor))
            set_policy(row.id, policy=policy.document(), actor=self.actor, now=self.now)
        except Invalid as refusal:
            return self._form(row, form, refusal=refusal)
        messages.success(request, _("The policy is kept. Your clients follow it from their next sync on."))
        return HttpResponseRedirect(self.back())

    def _form(
        self, row: Subscription, form: Form, effect: Effect | None = None, refusal: Refusal | None = None
    ) -> HttpResponse:
        return self.show(
            "web/subscribe/policy.html",
            status=status_of(refusal).value if refusal else 200,
            row=row,
            form=form.refused(refusal) if refusal else form,
            effect=effect,
            tag=Tag(_("Nothing would be used"), "bad") if effect and effect.nothing_left else None,
        )


class InlineDelta(Act):
    needs: ClassVar = {"POST": need(Permission.SUBSCRIPTION_MANAGE)}

    def act(self) -> str:
        wanted = self.request.POST.get("inline") == "yes"
        ask_inline_delta(self.kwargs["subscription_id"], wanted=wanted, actor=self.actor, now=self.now)
        if wanted:
            return _("Notices will carry small changes where the publisher lets them.")
        return _("Notices carry no changes any more. Your clients download them.")

    def back(self) -> str:
        return reverse("web:subscription", args=[self.kwargs["subscription_id"]])


class End(OfSubscription):
    """A question page: ending is quick to undo for the exchange, not always for the member."""

    needs: ClassVar = {
        "GET": need(Permission.SUBSCRIPTION_MANAGE),
        "POST": need(Permission.SUBSCRIPTION_MANAGE),
    }

    def get(self, request: HttpRequest, subscription_id: uuid.UUID) -> HttpResponseBase:
        return self.show("web/subscribe/end.html", row=self.mine())

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponseBase:
        row = unsubscribe(kwargs["subscription_id"], actor=self.actor, now=self.now)
        messages.success(
            request,
            _("You no longer follow %(title)s. Delete what your systems hold of it.")
            % {"title": apart(row.hash_list.title)},
        )
        return HttpResponseRedirect(reverse("web:subscriptions"))
