"""Changing a password, and choosing a new one by a mailed link."""

from __future__ import annotations

from typing import ClassVar, Final

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.errors import Invalid, Throttled, Unauthenticated
from accounts.factors.link_token import digest_of
from accounts.factors.password import ask_reset, change_password, reset_of, use_reset
from accounts.identity.acting import person_alone
from exchange.http.permissions import PUBLIC, SOMEBODY_PRESENT
from exchange.web import fields, sessions
from exchange.web.account.answers import form_status, with_retry
from exchange.web.door import Page
from exchange.web.fields import Field
from exchange.web.halfway import go_halfway
from exchange.web.models import OpenSession
from exchange.web.parts import Done
from exchange.web.tries import forget_tries, note_try

RESET_KEY: Final = "hx_reset"
ADDRESS = (
    fields.email(
        "email",
        gettext_lazy("E-mail address"),
        hint=gettext_lazy("The one that you sign in with."),
        autocomplete="username",
    ),
)
PRESENT_PASSWORD = (
    fields.password("current", gettext_lazy("Present password"), autocomplete="current-password"),
)
NEW_PASSWORD = (
    fields.password(
        "password",
        gettext_lazy("New password"),
        hint=gettext_lazy(
            "At least twelve characters; four words are good. No common one, no name of yours."
        ),
        autocomplete="new-password",
    ),
)


class ChangePassword(Page):
    """Ends every other session too: whoever knew the old one is out."""

    needs: ClassVar = {"GET": SOMEBODY_PRESENT, "POST": SOMEBODY_PRESENT}

    def get(self, request: HttpRequest) -> HttpResponseBase:
        return self.show("web/account/password.html", form=fields.blank(*self._asked()))

    def post(self, request: HttpRequest) -> HttpResponseBase:
        form = fields.posted(request, *self._asked())
        before = self.somebody()
        how = OpenSession.objects.filter(session_key=request.session.session_key).values_list(
            "how", flat=True
        )
        try:
            guess = note_try(request, before.email, now=self.now)
            user = change_password(
                before,
                form.value("password"),
                current=form.value("current") if before.has_usable_password() else "",
                actor=person_alone(before),
                now=self.now,
            )
        except (Invalid, Throttled, Unauthenticated) as refusal:
            page = self.show(
                "web/account/password.html", form=form.refused(refusal), status=form_status(refusal)
            )
            return with_retry(page, refusal)
        forget_tries(guess)
        sessions.begin_session(request, user, how=how.first() or "app", now=self.now)
        messages.success(request, _("Your password is changed, and all other sessions are ended."))
        return HttpResponseRedirect(reverse("web:account"))

    def _asked(self) -> tuple[Field, ...]:
        return (*PRESENT_PASSWORD, *NEW_PASSWORD) if self.somebody().has_usable_password() else NEW_PASSWORD


class Forgotten(Page):
    """Asks where to send the link. The answer is the same whether or not there is such a person."""

    needs: ClassVar = {"GET": PUBLIC, "POST": PUBLIC}

    def get(self, request: HttpRequest) -> HttpResponseBase:
        return self.show("web/account/forgotten.html", form=fields.blank(*ADDRESS))

    def post(self, request: HttpRequest) -> HttpResponseBase:
        form = fields.posted(request, *ADDRESS)
        try:
            note_try(request, f"reset {form.value('email')}", person=form.value("email"), now=self.now)
        except Throttled as refusal:
            page = self.show(
                "web/account/forgotten.html", form=form.refused(refusal), status=form_status(refusal)
            )
            return with_retry(page, refusal)
        ask_reset(form.value("email"), now=self.now)
        return self.show("web/account/reset_sent.html", done=Done(_("Look into your mailbox")))


class OpenReset(Page):
    """The mailed link itself: keeps what it proves in the session, so that no address shows the token on."""

    needs: ClassVar = {"GET": PUBLIC}

    def get(self, request: HttpRequest, token: str) -> HttpResponseBase:
        request.session[RESET_KEY] = digest_of(token)
        return HttpResponseRedirect(reverse("web:new-password"))


class NewPassword(Page):
    needs: ClassVar = {"GET": PUBLIC, "POST": PUBLIC}

    def get(self, request: HttpRequest) -> HttpResponseBase:
        return self._form(fields.blank(*NEW_PASSWORD))

    def post(self, request: HttpRequest) -> HttpResponseBase:
        form = fields.posted(request, *NEW_PASSWORD)
        try:
            user = use_reset(self._digest(), form.value("password"), now=self.now)
        except Invalid as refusal:
            return self._form(form.refused(refusal), status=400)
        # The link proved the mailbox, as a password would have proved the person: one step, not two.
        half = go_halfway(request, user, how="link", now=self.now)
        return HttpResponseRedirect(reverse("web:second-step" if half.has_factor else "web:set-up"))

    def _form(self, form: fields.Form, *, status: int = 200) -> HttpResponse:
        whose = reset_of(self._digest(), now=self.now).user.email
        return self.show("web/account/new_password.html", form=form, whose=whose, status=status)

    def _digest(self) -> str:
        return str(self.request.session.get(RESET_KEY, ""))
