"""Keys for machines: issued with scopes in plain words, shown once, rolled over with an overlap, revoked.

A key is in the answer to the one form that made it and nowhere else: no redirect carries it, no session keeps
it, and nothing that is shown later can be turned back into it.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from accounts.credentials.issue import (
    IssuedCredential,
    issue_credential,
    revoke_credential,
    roll_credential,
)
from accounts.credentials.models import Credential
from accounts.errors import Conflict, Invalid, NotAllowed, NotFound, Refusal
from accounts.identity.acting import Actor
from accounts.identity.models import Organisation
from accounts.identity.roles import CREDENTIAL_SCOPES, Permission
from exchange.http.pages import page_of
from exchange.http.permissions import need, person
from exchange.http.problems import status_of
from exchange.web.door import Page
from exchange.web.fields import Field, Form, Option, blank, checkboxes, posted, radios, select, text, textarea
from exchange.web.parts import Secret, Tag
from exchange.web.shown import apart, instant, number
from exchange.web.subscribe.words import MODE, SCOPE, SCOPE_MEANS
from exchange.web.words import word

PAGE = 25
DAYS = (30, 90, 180, 365, 400)
OVERLAP_HOURS = {
    "0": timedelta(0),
    "24": timedelta(hours=24),
    "168": timedelta(days=7),
    "720": timedelta(days=30),
}
LOST = gettext_lazy("If it is lost, roll this credential over: nobody can show you the key again.")


@dataclass(frozen=True, slots=True)
class Row:
    """A credential as its people see it."""

    row: Credential
    tag: Tag
    usable: bool
    mode: str
    created: SafeString
    expires: SafeString
    last_used: SafeString | None
    scopes: tuple[str, ...]
    networks: tuple[str, ...]


class Credentials(Page):
    needs: ClassVar = {"GET": need(Permission.CREDENTIAL_MANAGE)}

    def get(self, request: HttpRequest) -> HttpResponseBase:
        rows = Credential.objects.filter(organisation_id=self.actor.organisation())
        page = page_of(rows, request, key="created_at", render=lambda row: shown(row, self), size=PAGE)
        return self.show("web/subscribe/credentials.html", page=page)


def shown(row: Credential, page: Page) -> Row:
    """`page` knows what time it is."""
    usable = row.revoked_at is None and row.expires_at > page.now
    return Row(
        row=row,
        tag=_tag(row, page),
        usable=usable,
        mode=word(MODE, row.mode),
        created=instant(row.created_at),
        expires=instant(row.expires_at),
        last_used=instant(row.last_used_at) if row.last_used_at else None,
        scopes=tuple(word(SCOPE, scope) for scope in row.scopes),
        networks=tuple(row.networks),
    )


def _tag(row: Credential, page: Page) -> Tag:
    if row.revoked_at is not None:
        return Tag(_("Revoked"), "bad")
    if row.expires_at <= page.now:
        return Tag(_("Expired"), "quiet")
    if row.expires_at - page.now < timedelta(days=30):
        return Tag(_("Ends soon"), "asks")
    return Tag(_("Valid"), "good")


def questions(actor: Actor) -> tuple[Field, ...]:
    """What a new credential is asked for; only scopes that this person may pass on."""
    grantable = CREDENTIAL_SCOPES if actor.may(Permission.MEMBER_MANAGE) else actor.permissions
    scopes = [
        Option(scope, label, SCOPE_MEANS[scope]) for scope, label in SCOPE.items() if scope in grantable
    ]
    return (
        text(
            "name",
            _("What is it for?"),
            hint=_("The machine or program that will use it, such as 'sync server'."),
            longest=100,
        ),
        radios(
            "mode",
            _("Live or test?"),
            (
                Option("live", _("Live"), _("Acts for your organisation.")),
                Option("test", _("Test"), _("Reaches the sandbox lists and nothing else.")),
            ),
        ),
        checkboxes(
            "scopes",
            _("What may it do?"),
            scopes,
            hint=_("As little as it needs. A test key takes the first three at most."),
        ),
        expiry(),
        textarea(
            "networks",
            _("From which addresses may it be used?"),
            hint=_(
                "One address or network per line, such as 198.51.100.7 or 2001:db8:20::/48. Leave it empty "
                "for anywhere."
            ),
            rows=3,
            optional=True,
        ),
    )


def expiry() -> Field:
    answers = (
        Option(str(days), ngettext("%(n)s day", "%(n)s days", days) % {"n": number(days)}) for days in DAYS
    )
    return select("expires_in_days", _("How long is it valid?"), tuple(answers))


def _days(form: Form) -> timedelta:
    chosen = form.value("expires_in_days")
    if chosen not in map(str, DAYS):
        raise Invalid("Choose how long it is valid.", code="credential.expiry", field="expires_in_days")
    return timedelta(days=int(chosen))


class NewCredential(Page):
    # Presence is proven before anything is typed: a step-up in between would lose what was ticked.
    needs: ClassVar = {
        "GET": person(Permission.CREDENTIAL_MANAGE),
        "POST": person(Permission.CREDENTIAL_MANAGE),
    }

    def get(self, request: HttpRequest) -> HttpResponseBase:
        usual = {"mode": "live", "expires_in_days": "365", "scopes": [Permission.LIST_VIEW.value]}
        return self._form(blank(*questions(self.actor), values=usual))

    def post(self, request: HttpRequest) -> HttpResponseBase:
        form = posted(request, *questions(self.actor))
        try:
            issued = issue_credential(
                Organisation.objects.get(id=self.actor.organisation()),
                name=form.value("name"),
                scopes=form.values("scopes"),
                mode=form.value("mode"),
                expires_at=self.now + _days(form),
                networks=[line for line in form.value("networks").splitlines() if line.strip()],
                actor=self.actor,
                now=self.now,
            )
        except (Invalid, NotAllowed) as refusal:
            return self._form(form, refusal)
        return issued_page(self, issued)

    def _form(self, form: Form, refusal: Refusal | None = None) -> HttpResponse:
        return self.show(
            "web/subscribe/credential_new.html",
            status=status_of(refusal).value if refusal else 200,
            form=form.refused(refusal) if refusal else form,
        )


def issued_page(page: Page, issued: IssuedCredential, old: Credential | None = None) -> HttpResponse:
    """The one page that shows the key."""
    return page.show(
        "web/subscribe/credential_issued.html",
        credential=shown(issued.credential, page),
        secret=Secret(_("The key"), issued.key, LOST),
        old=shown(old, page) if old else None,
    )


class OneCredential(Page):
    needs: ClassVar = {"GET": need(Permission.CREDENTIAL_MANAGE)}

    def get(self, request: HttpRequest, credential_id: uuid.UUID) -> HttpResponseBase:
        row = own_credential(self.actor, credential_id)
        return self.show(
            "web/subscribe/credential.html",
            credential=shown(row, self),
            issued_by=str(row.issued_by),
            after=row.rolled_to.first(),
        )


def own_credential(actor: Actor, credential_id: uuid.UUID) -> Credential:
    """Errors: NotFound `credential.not_found`, the same for absent and another organisation's."""
    own = Credential.objects.filter(organisation_id=actor.organisation())
    found = own.filter(id=credential_id).select_related("issued_by", "rolled_from").first()
    if found is None:
        raise NotFound("There is no such credential.", code="credential.not_found")
    return found


class Roll(Page):
    """The next key for the same work, while the old one still works for a while."""

    needs: ClassVar = {
        "GET": person(Permission.CREDENTIAL_MANAGE),
        "POST": person(Permission.CREDENTIAL_MANAGE),
    }

    def get(self, request: HttpRequest, credential_id: uuid.UUID) -> HttpResponseBase:
        return self._form(
            credential_id, blank(*self._questions(), values={"overlap": "24", "expires_in_days": "365"})
        )

    def post(self, request: HttpRequest, credential_id: uuid.UUID) -> HttpResponseBase:
        form = posted(request, *self._questions())
        try:
            overlap = OVERLAP_HOURS.get(form.value("overlap"))
            if overlap is None:
                raise Invalid(
                    "Choose how long the old key stays valid.", code="credential.overlap", field="overlap"
                )
            issued = roll_credential(
                credential_id,
                expires_at=self.now + _days(form),
                overlap=overlap,
                actor=self.actor,
                now=self.now,
            )
        except (Invalid, NotAllowed, Conflict) as refusal:
            return self._form(credential_id, form, refusal)
        return issued_page(self, issued, own_credential(self.actor, credential_id))

    @staticmethod
    def _questions() -> tuple[Field, ...]:
        answers = (
            Option("24", _("One day")),
            Option("168", _("Seven days")),
            Option("720", _("Thirty days")),
            Option("0", _("Not at all"), _("It ends at once: only when the old key has leaked.")),
        )
        return radios("overlap", _("How long does the old key stay valid?"), answers), expiry()

    def _form(self, credential_id: uuid.UUID, form: Form, refusal: Refusal | None = None) -> HttpResponse:
        return self.show(
            "web/subscribe/credential_roll.html",
            status=status_of(refusal).value if refusal else 200,
            credential=shown(own_credential(self.actor, credential_id), self),
            form=form.refused(refusal) if refusal else form,
        )


class Revoke(Page):
    """A question page: what used the key stops working at once."""

    needs: ClassVar = {
        "GET": need(Permission.CREDENTIAL_MANAGE),
        "POST": person(Permission.CREDENTIAL_MANAGE),
    }

    def get(self, request: HttpRequest, credential_id: uuid.UUID) -> HttpResponseBase:
        row = own_credential(self.actor, credential_id)
        return self.show("web/subscribe/credential_revoke.html", credential=shown(row, self))

    def post(self, request: HttpRequest, credential_id: uuid.UUID) -> HttpResponseBase:
        own_credential(self.actor, credential_id)
        revoked = revoke_credential(credential_id, actor=self.actor, now=self.now)
        said = _("The credential %(name)s is revoked: its key opens nothing any more.") % {
            "name": apart(revoked.name)
        }
        messages.success(request, said)
        return HttpResponseRedirect(reverse("web:credentials"))

    def back(self) -> str:
        return reverse("web:revoke-credential", args=[self.kwargs["credential_id"]])
