"""Signing in and out, confirming one's presence, and choosing for whom one acts."""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.utils.translation import gettext as _

from accounts.errors import NotFound, Refusal, Throttled, Unauthenticated
from accounts.identity.models import User
from exchange.http.acting import ORGANISATION_KEY
from exchange.http.permissions import PUBLIC
from exchange.http.problems import status_of
from exchange.web import sign_in
from exchange.web.door import Page, safe_next
from exchange.web.forms import text
from exchange.web.refusals import told

# A wrong password is shown on the form itself; 401 would make browsers ask with a window of their own.
BAD_REQUEST = 400


class SignIn(Page):
    needs: ClassVar = {"GET": PUBLIC, "POST": PUBLIC}

    def get(self, request: HttpRequest) -> HttpResponseBase:
        if isinstance(request.user, User):
            return HttpResponseRedirect(safe_next(request))
        return self._form()

    def post(self, request: HttpRequest) -> HttpResponseBase:
        email = text(request, "email")
        try:
            sign_in.sign_in(request, email=email, password=text(request, "password"), now=self.now)
        except (Unauthenticated, Throttled) as refusal:
            return _with_retry(self._form(refusal, email=email), refusal)
        return HttpResponseRedirect(safe_next(request))

    def _form(self, refusal: Refusal | None = None, *, email: str = "") -> HttpResponse:
        return self.show(
            "web/sign_in.html",
            status=_status(refusal),
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
    """Step-up: the password again before approving, signing and changes to rights."""

    needs: ClassVar = {"GET": PUBLIC, "POST": PUBLIC}

    def get(self, request: HttpRequest) -> HttpResponseBase:
        self.somebody()
        return self._form()

    def post(self, request: HttpRequest) -> HttpResponseBase:
        self.somebody()
        try:
            sign_in.confirm_presence(request, password=text(request, "password"), now=self.now)
        except (Unauthenticated, Throttled) as refusal:
            return _with_retry(self._form(refusal), refusal)
        messages.success(request, _("Thank you, it is you. Now repeat the step: nothing was done yet."))
        return HttpResponseRedirect(safe_next(request))

    def _form(self, refusal: Refusal | None = None) -> HttpResponse:
        return self.show(
            "web/confirm_presence.html",
            status=_status(refusal),
            told=told(refusal) if refusal else None,
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


def _status(refusal: Refusal | None) -> int:
    if refusal is None:
        return 200
    return status_of(refusal).value if isinstance(refusal, Throttled) else BAD_REQUEST


def _with_retry(response: HttpResponse, refusal: Refusal) -> HttpResponse:
    if isinstance(refusal, Throttled):
        response["Retry-After"] = str(refusal.facts["retry_after"])
    return response
