"""Signing in and out, confirming one's presence, and choosing for whom one acts."""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.utils.translation import gettext as _

from accounts.errors import NotFound, Refusal, Throttled, Unauthenticated
from accounts.factors.standing import standing_of
from accounts.identity.models import User
from exchange.http.acting import ORGANISATION_KEY
from exchange.http.permissions import PUBLIC, SOMEBODY
from exchange.web import sign_in
from exchange.web.account.answers import demo_code, form_status, with_retry
from exchange.web.door import Page, redirect_to, safe_next
from exchange.web.forms import text
from exchange.web.refusals import told


class SignIn(Page):
    needs: ClassVar = {"GET": PUBLIC, "POST": PUBLIC}

    def get(self, request: HttpRequest) -> HttpResponseBase:
        if isinstance(request.user, User):
            return HttpResponseRedirect(safe_next(request))
        return self._form()

    def post(self, request: HttpRequest) -> HttpResponseBase:
        email = text(request, "email")
        try:
            half = sign_in.give_password(
                request, email=email, password=text(request, "password"), now=self.now
            )
        except (Unauthenticated, Throttled) as refusal:
            return with_retry(self._form(refusal, email=email), refusal)
        return redirect_to("web:second-step" if half.has_factor else "web:set-up", then=safe_next(request))

    def _form(self, refusal: Refusal | None = None, *, email: str = "") -> HttpResponse:
        return self.show(
            "web/sign_in.html",
            status=form_status(refusal),
            told=told(refusal) if refusal else None,
            email=email,
            next=safe_next(self.request, ""),
        )


class SignOut(Page):
    needs: ClassVar = {"POST": PUBLIC}

    def post(self, request: HttpRequest) -> HttpResponseBase:
        sign_in.sign_out(request, now=self.now)
        messages.success(request, _("You have signed out."))
        return HttpResponseRedirect("/sign-in")


class ConfirmPresence(Page):
    """Step-up before approving, signing and changes to rights: password and code, or a passkey."""

    needs: ClassVar = {"GET": SOMEBODY, "POST": SOMEBODY}

    def get(self, request: HttpRequest) -> HttpResponseBase:
        return self._form()

    def post(self, request: HttpRequest) -> HttpResponseBase:
        try:
            sign_in.confirm_presence(
                request, password=text(request, "password"), code=text(request, "code"), now=self.now
            )
        except (Unauthenticated, Throttled) as refusal:
            return with_retry(self._form(refusal), refusal)
        messages.success(request, _("Thank you, it is you. Now repeat the step: nothing was done yet."))
        return HttpResponseRedirect(safe_next(request))

    def _form(self, refusal: Refusal | None = None) -> HttpResponse:
        user = self.somebody()
        standing = standing_of(user.id)
        return self.show(
            "web/confirm_presence.html",
            status=form_status(refusal),
            told=told(refusal) if refusal else None,
            standing=standing,
            asks_password=user.has_usable_password(),
            demo_code=demo_code(standing.app, now=self.now),
            next=safe_next(self.request, ""),
        )


class ChooseOrganisation(Page):
    """For whom the session acts; a person whose rights have all ended learns it here."""

    needs: ClassVar = {"GET": PUBLIC, "POST": PUBLIC}

    def get(self, request: HttpRequest) -> HttpResponseBase:
        self.somebody()
        return self.show(
            "web/organisation.html", organisations=self.organisations, next=safe_next(request, "")
        )

    def post(self, request: HttpRequest) -> HttpResponseBase:
        self.somebody()
        chosen = text(request, "organisation")
        mine = {str(organisation.id): organisation for organisation in self.organisations}
        if chosen not in mine:
            raise NotFound("There is no such organisation.", code="organisation.not_found")
        request.session[ORGANISATION_KEY] = str(uuid.UUID(chosen))
        return HttpResponseRedirect(safe_next(request))
