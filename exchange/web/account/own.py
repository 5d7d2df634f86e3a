"""A person's own account: who they are here, how they prove it, and where they are signed in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.dual_control.independence import is_after_reset
from accounts.errors import Conflict, Invalid, Refusal
from accounts.factors.code_app import set_up_code_app
from accounts.factors.passkeys import remove_passkey
from accounts.factors.recovery import issue_recovery_codes
from accounts.factors.standing import standing_of
from accounts.identity.acting import person_alone
from accounts.identity.models import Membership
from accounts.membership.register import change_profile
from exchange.http.permissions import SOMEBODY, SOMEBODY_PRESENT
from exchange.web import fields, sessions
from exchange.web.account.device import device_words
from exchange.web.account.second_step import SEED_KEY, new_seed, show_app_form
from exchange.web.account.words import HOW, ROLE
from exchange.web.door import Page
from exchange.web.fields import Option
from exchange.web.forms import text
from exchange.web.models import OpenSession
from exchange.web.words import word

LANGUAGES = (Option("en", "English"), Option("fr", "Français"))
PROFILE = (
    fields.text("name", gettext_lazy("Name"), hint=gettext_lazy("What others here see beside what you do."),
                autocomplete="name"),
    fields.radios("language", gettext_lazy("Language"), LANGUAGES,
                  hint=gettext_lazy("Of pages in this browser, and of the letters you get.")),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Place:
    """An organisation the person belongs to; `waiting` are the roles not yet confirmed."""

    organisation: str
    roles: list[str]
    waiting: list[str]


@dataclass(frozen=True, slots=True)
class SessionRow:
    """`here` is the session that asks."""

    row: OpenSession
    device: str
    how: str
    here: bool


class Account(Page):
    """Everything about oneself, each with the page that changes it."""

    needs: ClassVar = {"GET": SOMEBODY}

    def get(self, request: HttpRequest) -> HttpResponseBase:
        user = self.somebody()
        memberships = Membership.objects.current().filter(user=user).select_related("organisation")
        return self.show(
            "web/account/account.html",
            person=user,
            language={option.value: option.label for option in LANGUAGES}[user.language],
            standing=standing_of(user.id),
            after_reset=is_after_reset(user.id, now=self.now),
            has_password=user.has_usable_password(),
            places=[
                Place(
                    one.organisation.name,
                    [word(ROLE, role) for role in one.roles if role not in one.unconfirmed_roles],
                    [word(ROLE, role) for role in one.unconfirmed_roles],
                )
                for one in memberships.order_by("organisation__name")
            ],
            sessions=sessions.sessions_of(user, now=self.now).count(),
        )


class Profile(Page):
    needs: ClassVar = {"GET": SOMEBODY, "POST": SOMEBODY}

    def get(self, request: HttpRequest) -> HttpResponseBase:
        user = self.somebody()
        form = fields.blank(*PROFILE, values={"name": user.name, "language": user.language})
        return self.show("web/account/profile.html", form=form)

    def post(self, request: HttpRequest) -> HttpResponseBase:
        form = fields.posted(request, *PROFILE)
        user = self.somebody()
        try:
            change_profile(
                user,
                name=form.value("name"),
                language=form.value("language"),
                actor=person_alone(user),
                now=self.now,
            )
        except Invalid as refusal:
            return self.show("web/account/profile.html", form=form.refused(refusal), status=400)
        messages.success(request, _("Your profile is changed."))
        answer = HttpResponseRedirect(reverse("web:account"))
        answer.set_cookie(
            settings.LANGUAGE_COOKIE_NAME,
            form.value("language"),
            max_age=settings.LANGUAGE_COOKIE_AGE,
            secure=settings.LANGUAGE_COOKIE_SECURE,
            samesite="Lax",
        )
        return answer


class ReplaceApp(Page):
    """An app in place of the present one, or as a second way beside a passkey."""

    needs: ClassVar = {"GET": SOMEBODY_PRESENT, "POST": SOMEBODY_PRESENT}

    def get(self, request: HttpRequest) -> HttpResponseBase:
        return self._form()

    def post(self, request: HttpRequest) -> HttpResponseBase:
        user = self.somebody()
        try:
            set_up_code_app(
                user,
                new_seed(request, user),
                code=text(request, "code"),
                actor=person_alone(user),
                now=self.now,
            )
        except Invalid as refusal:
            return self._form(refusal)
        request.session.pop(SEED_KEY, None)
        messages.success(request, _("The app is set up. The codes of an earlier one no longer count."))
        return HttpResponseRedirect(reverse("web:account"))

    def _form(self, refusal: Refusal | None = None) -> HttpResponse:
        return show_app_form(self, self.somebody(), refusal, action=reverse("web:account-app"))


class RecoveryCodes(Page):
    """Ten new ones; the old ones end. They are on the answer itself and nowhere else."""

    needs: ClassVar = {"GET": SOMEBODY_PRESENT, "POST": SOMEBODY_PRESENT}

    def get(self, request: HttpRequest) -> HttpResponseBase:
        return self.show("web/account/new_codes.html", standing=standing_of(self.somebody().id))

    def post(self, request: HttpRequest) -> HttpResponseBase:
        user = self.somebody()
        codes = issue_recovery_codes(user, actor=person_alone(user), now=self.now)
        return self.show("web/account/recovery_codes.html", codes=codes, onwards=reverse("web:account"))


class RemovePasskey(Page):
    needs: ClassVar = {"POST": SOMEBODY_PRESENT}

    def back(self) -> str:
        return reverse("web:account")

    def post(self, request: HttpRequest, passkey_id: UUID) -> HttpResponseBase:
        user = self.somebody()
        try:
            remove_passkey(user, passkey_id, actor=person_alone(user), now=self.now)
        except Conflict as refusal:
            return self.refuse(refusal)
        messages.success(
            request, _("The passkey no longer opens your account. Delete it on your device too.")
        )
        return HttpResponseRedirect(self.back())


class Sessions(Page):
    """Where the person is signed in."""

    needs: ClassVar = {"GET": SOMEBODY}

    def get(self, request: HttpRequest) -> HttpResponseBase:
        rows = sessions.sessions_of(self.somebody(), now=self.now)[:50]
        here = request.session.session_key
        told = [
            SessionRow(row, device_words(row.device), word(HOW, row.how), row.session_key == here)
            for row in rows
        ]
        return self.show("web/account/sessions.html", sessions=told, others=len(told) > 1)


class EndSession(Page):
    needs: ClassVar = {"POST": SOMEBODY}

    def back(self) -> str:
        return reverse("web:sessions")

    def post(self, request: HttpRequest, session_id: UUID) -> HttpResponseBase:
        sessions.end_one(self.somebody(), session_id, now=self.now)
        messages.success(request, _("That session is ended."))
        return HttpResponseRedirect(self.back())


class EndOthers(Page):
    needs: ClassVar = {"POST": SOMEBODY}

    def back(self) -> str:
        return reverse("web:sessions")

    def post(self, request: HttpRequest) -> HttpResponseBase:
        sessions.end_others(request, self.somebody(), now=self.now)
        messages.success(request, _("All other sessions are ended."))
        return HttpResponseRedirect(self.back())
