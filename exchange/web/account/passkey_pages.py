"""Pages on which a passkey is asked for: to sign in with, to confirm one's presence, to set one up.

The challenge lies in the session and in the page; the browser's answer comes back as a field of a form. A
challenge is taken out of the session before its answer is looked at: it serves once.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, ClassVar, Final
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.errors import Conflict, Invalid, Refusal, Throttled, Unauthenticated
from accounts.factors.passkeys import (
    Challenge,
    Site,
    add_passkey,
    begin_passkey,
    begin_proof,
    prove_passkey,
)
from accounts.identity.acting import person_alone
from accounts.identity.models import User
from exchange.http.permissions import PUBLIC, SOMEBODY, SOMEBODY_PRESENT
from exchange.web import sign_in
from exchange.web.account.answers import form_status, with_retry
from exchange.web.account.second_step import HalfwayPage, first_factor_done
from exchange.web.door import Page, safe_next
from exchange.web.forms import text
from exchange.web.refusals import told

STATE_KEY: Final = "hx_passkey"
LONGEST_ANSWER: Final = 20_000


def site() -> Site:
    """Passkeys are good for one host. Those of the demo are for `localhost`: an address can have none."""
    return Site(host=settings.HX_PASSKEY_HOST, origin=settings.HX_PUBLIC_URL)


class PasskeyPage(Page):
    """What these pages share. `use` keeps a challenge of one page from answering on another."""

    use: ClassVar[str]

    def ask(
        self, challenge: Challenge, template: str, refusal: Refusal | None, **context: Any
    ) -> HttpResponse:
        self.request.session[STATE_KEY] = {"use": self.use, "state": challenge.state}
        response = self.show(
            template,
            status=form_status(refusal),
            told=told(refusal) if refusal else None,
            options=json.dumps(challenge.options),
            elsewhere=_elsewhere(self.request),
            next=safe_next(self.request, ""),
            **context,
        )
        return with_retry(response, refusal) if refusal else response

    def state(self) -> Mapping[str, Any]:
        """The challenge of this session's last page, once. Errors: Unauthenticated `passkey.refused`."""
        kept = self.request.session.pop(STATE_KEY, None)
        if not isinstance(kept, dict) or kept.get("use") != self.use:
            raise Unauthenticated("This passkey did not prove who you are.", code="passkey.refused")
        state: Mapping[str, Any] = kept["state"]
        return state

    def answer(self) -> Mapping[str, Any]:
        """What the device answered; an empty answer proves nothing."""
        typed = text(self.request, "answer")[:LONGEST_ANSWER]
        try:
            told_by_device = json.loads(typed)
        except (ValueError, RecursionError):
            return {}
        return told_by_device if isinstance(told_by_device, dict) else {}


class PasskeySignIn(PasskeyPage):
    """In place of both steps: the device has the key, and knows its person."""

    needs: ClassVar = {"GET": PUBLIC, "POST": PUBLIC}
    use = "sign-in"

    def get(self, request: HttpRequest) -> HttpResponseBase:
        if isinstance(request.user, User):
            return HttpResponseRedirect(safe_next(request))
        return self._form()

    def post(self, request: HttpRequest) -> HttpResponseBase:
        try:
            sign_in.give_passkey(
                request,
                lambda: prove_passkey(self.answer(), state=self.state(), site=site(), now=self.now),
                now=self.now,
            )
        except (Unauthenticated, Throttled) as refusal:
            return self._form(refusal)
        return HttpResponseRedirect(safe_next(request))

    def _form(self, refusal: Refusal | None = None) -> HttpResponse:
        # No names of passkeys are told before somebody is known: any of the device's own will do.
        return self.ask(begin_proof(None, site=site()), "web/account/passkey_sign_in.html", refusal)


class PasskeyPresence(PasskeyPage):
    """The step-up by passkey."""

    needs: ClassVar = {"GET": SOMEBODY, "POST": SOMEBODY}
    use = "presence"

    def get(self, request: HttpRequest) -> HttpResponseBase:
        return self._form()

    def post(self, request: HttpRequest) -> HttpResponseBase:
        user = self.somebody()
        try:
            sign_in.confirm_by_passkey(
                request,
                lambda: prove_passkey(
                    self.answer(), state=self.state(), site=site(), now=self.now, user=user
                ),
                now=self.now,
            )
        except (Unauthenticated, Throttled) as refusal:
            return self._form(refusal)
        messages.success(request, _("Thank you, it is you. Now repeat the step: nothing was done yet."))
        return HttpResponseRedirect(safe_next(request))

    def _form(self, refusal: Refusal | None = None) -> HttpResponse:
        challenge = begin_proof(self.somebody(), site=site())
        return self.ask(challenge, "web/account/passkey_presence.html", refusal)


class SetUpPasskey(HalfwayPage, PasskeyPage):
    """The first second step, as a passkey."""

    use = "set-up"

    def get(self, request: HttpRequest) -> HttpResponseBase:
        return self._form(self.half(with_factor=False).user)

    def post(self, request: HttpRequest) -> HttpResponseBase:
        user = self.half(with_factor=False).user
        try:
            add_passkey(
                user,
                self.answer(),
                state=self.state(),
                site=site(),
                name=text(request, "name"),
                actor=person_alone(user),
                now=self.now,
                first=True,
            )
        except (Invalid, Conflict, Unauthenticated) as refusal:
            return self._form(user, refusal)
        return first_factor_done(self, user, how="passkey")

    def _form(self, user: User, refusal: Refusal | None = None) -> HttpResponse:
        return self.ask(
            begin_passkey(user, site=site()),
            "web/account/passkey_new.html",
            refusal,
            action=reverse("web:set-up-passkey"),
            name=text(self.request, "name"),
        )


class AddPasskey(PasskeyPage):
    """One more passkey, for somebody who has a second step."""

    needs: ClassVar = {"GET": SOMEBODY_PRESENT, "POST": SOMEBODY_PRESENT}
    use = "add"

    def get(self, request: HttpRequest) -> HttpResponseBase:
        return self._form()

    def post(self, request: HttpRequest) -> HttpResponseBase:
        user = self.somebody()
        try:
            add_passkey(
                user,
                self.answer(),
                state=self.state(),
                site=site(),
                name=text(request, "name"),
                actor=person_alone(user),
                now=self.now,
            )
        except (Invalid, Conflict, Unauthenticated) as refusal:
            return self._form(refusal)
        messages.success(request, _("The passkey is added: you can sign in with it alone."))
        return HttpResponseRedirect(reverse("web:account"))

    def _form(self, refusal: Refusal | None = None) -> HttpResponse:
        return self.ask(
            begin_passkey(self.somebody(), site=site()),
            "web/account/passkey_new.html",
            refusal,
            action=reverse("web:add-passkey"),
            name=text(self.request, "name"),
        )


def _elsewhere(request: HttpRequest) -> str:
    """The address at which passkeys work, when this is not it: the demo is printed with a bare address."""
    host = urlsplit(f"//{request.get_host()}").hostname
    if host == settings.HX_PASSKEY_HOST or not settings.HX_DEMO:
        return ""
    port = f":{request.get_port()}" if request.get_port() not in ("80", "443") else ""
    return f"{request.scheme}://{settings.HX_PASSKEY_HOST}{port}{request.get_full_path()}"
