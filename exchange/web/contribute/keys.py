"""The keys that an organisation signs with: bringing one, confirming another's, revoking.

One person brings a key and proves to hold its private half; a second one confirms it before it can sign.
"""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from accounts.errors import Conflict, Invalid, NotAllowed, NotFound, Refusal
from accounts.identity.models import Organisation
from accounts.identity.roles import Permission
from accounts.signing_keys.models import Custody, SigningKey
from accounts.signing_keys.possession import possession_statement
from accounts.signing_keys.register import confirm_key, register_public_key
from exchange.http.pages import page_of
from exchange.http.permissions import need, person
from exchange.http.problems import status_of
from exchange.web.contribute.detached import signature_hex
from exchange.web.contribute.key_facts import key_facts
from exchange.web.door import Page
from exchange.web.fields import Form, blank, posted, textarea
from exchange.web.fields import text as text_field
from exchange.web.shown import apart
from hashsets.trust import custody
from hashsets.trust.hosted import create_hosted_key
from hashsets.trust.keys import key_from_pem

PAGE = 25
NAME = text_field(
    "name",
    gettext_lazy("Name of the key"),
    hint=gettext_lazy("How your colleagues recognise it, for example “Duty desk, token 2”."),
    longest=100,
    width="medium",
)
PUBLIC = textarea(
    "public",
    gettext_lazy("Public key"),
    hint=gettext_lazy("In PEM, as openssl or hashx writes it. Never the private key."),
    rows=5,
)
PROOF = textarea(
    "proof",
    gettext_lazy("Signature over the statement"),
    hint=gettext_lazy("Hexadecimal or base64."),
    rows=3,
)
REASON = text_field(
    "reason",
    gettext_lazy("Why?"),
    hint=gettext_lazy("It is written into the audit record. No names of people."),
    optional=True,
)


class Keys(Page):
    needs: ClassVar = {"GET": need(Permission.LIST_VIEW)}

    def get(self, request: HttpRequest) -> HttpResponseBase:
        rows = SigningKey.objects.filter(organisation_id=self.actor.organisation())
        people = rows.select_related("registered_by", "confirmed_by")
        page = page_of(people, request, key="created_at", render=lambda row: row, size=PAGE)
        return self.show(
            "web/contribute/keys.html",
            page=page,
            keys=key_facts(page.items, self.actor),
            may_bring=self.actor.may(Permission.KEY_MANAGE) or self.actor.may(Permission.RELEASE_SIGN),
        )


class NewKey(Page):
    """Which kind of key, with what each is good for; a hosted one is made here."""

    needs: ClassVar = {"GET": need(Permission.LIST_VIEW), "POST": person(Permission.KEY_MANAGE)}

    def get(self, request: HttpRequest) -> HttpResponseBase:
        return self._choices(blank(NAME, values=self.unsent()))

    def post(self, request: HttpRequest) -> HttpResponseBase:
        form = posted(request, NAME)
        organisation = Organisation.objects.get(id=self.actor.organisation())
        try:
            key = create_hosted_key(organisation, name=form.value("name"), actor=self.actor, now=self.now)
        except (Invalid, Conflict) as refusal:
            return self._choices(form.refused(refusal), status=status_of(refusal).value)
        return _registered(request, key)

    def _choices(self, form: Form, *, status: int = 200) -> HttpResponse:
        return self.show(
            "web/contribute/key_new.html",
            status=status,
            form=form,
            may_host=self.actor.may(Permission.KEY_MANAGE),
            may_bring=self.actor.may(Permission.KEY_MANAGE) or self.actor.may(Permission.RELEASE_SIGN),
        )


class OwnKey(Page):
    """A key that lies elsewhere: first its public half, then the proof that the private half is there."""

    needs: ClassVar = {"GET": person(Permission.LIST_VIEW), "POST": person(Permission.LIST_VIEW)}
    template = "web/contribute/key_own.html"

    def get(self, request: HttpRequest) -> HttpResponseBase:
        return self.show(self.template, form=blank(NAME, PUBLIC), organisation=self.actor.organisation())

    def post(self, request: HttpRequest) -> HttpResponseBase:
        form = posted(request, NAME, PUBLIC, PROOF)
        statement = ""
        try:
            key = key_from_pem(form.value("public").encode(errors="replace"))
            statement = possession_statement(self.actor.organisation(), key.keyid).decode()
            if "proof" not in request.POST:
                asked = blank(
                    NAME, PUBLIC, PROOF, values={"name": form.value("name"), "public": form.value("public")}
                )
                return self._second(asked, statement)
            proof = _proof(form)
            made = register_public_key(
                Organisation.objects.get(id=self.actor.organisation()),
                name=form.value("name"),
                keyid=key.keyid,
                keytype=key.keytype,
                scheme=key.scheme,
                public=key.keyval["public"],
                custody=Custody.OWN,
                proof=proof,
                actor=self.actor,
                now=self.now,
            )
        except (Invalid, Conflict) as refusal:
            again = form.refused(_at_field(refusal))
            if statement:
                return self._second(again, statement, status=status_of(refusal).value)
            first = Form((again["name"], again["public"]), again.mistakes)
            return self.show(self.template, status=status_of(refusal).value, form=first)
        return _registered(request, made)

    def _second(self, form: Form, statement: str, *, status: int = 200) -> HttpResponse:
        return self.show(self.template, status=status, form=form, statement=statement)


class BrowserKey(Page):
    """A key that is made in this browser and cannot leave it; handed in by the form of `OwnKey`."""

    needs: ClassVar = {"GET": person(Permission.LIST_VIEW)}

    def get(self, request: HttpRequest) -> HttpResponseBase:
        if not (self.actor.may(Permission.RELEASE_SIGN) or self.actor.may(Permission.KEY_MANAGE)):
            self.actor.require(Permission.RELEASE_SIGN)
        return self.show(
            "web/contribute/key_browser.html", form=blank(NAME), organisation=self.actor.organisation()
        )


class KeyPage(Page):
    """What the page of a key and the acts on it have in common."""

    def back(self) -> str:
        return reverse("web:key", args=[self.kwargs["key_id"]])

    def facts(self, key_id: uuid.UUID, form: Form, *, status: int = 200) -> HttpResponse:
        rows = SigningKey.objects.filter(id=key_id, organisation_id=self.actor.organisation())
        found = key_facts(rows.select_related("registered_by", "confirmed_by"), self.actor)
        if not found:
            raise NotFound("There is no such key.", code="key.not_found")
        return self.show("web/contribute/key.html", status=status, key=found[0], form=form)


class OneKey(KeyPage):
    needs: ClassVar = {"GET": need(Permission.LIST_VIEW)}

    def get(self, request: HttpRequest, key_id: uuid.UUID) -> HttpResponseBase:
        return self.facts(key_id, blank(REASON, values=self.unsent()))


class ConfirmKey(KeyPage):
    needs: ClassVar = {"POST": person(Permission.KEY_MANAGE)}

    def post(self, request: HttpRequest, key_id: uuid.UUID) -> HttpResponseBase:
        try:
            key = confirm_key(key_id, actor=self.actor, now=self.now)
        except (Conflict, NotAllowed) as refusal:
            return self.facts(key_id, blank(REASON).refused(refusal), status=status_of(refusal).value)
        messages.success(
            request,
            _("“%(name)s” is active. Say under a list's signers that it signs.") % {"name": apart(key.name)},
        )
        return HttpResponseRedirect(self.back())


class RevokeKey(KeyPage):
    needs: ClassVar = {"POST": person(Permission.KEY_MANAGE)}

    def post(self, request: HttpRequest, key_id: uuid.UUID) -> HttpResponseBase:
        form = posted(request, REASON)
        try:
            done = custody.revoke_signer(key_id, reason=form.value("reason"), actor=self.actor, now=self.now)
        except (Invalid, Conflict) as refusal:
            return self.facts(key_id, form.refused(refusal), status=status_of(refusal).value)
        messages.success(request, _("“%(name)s” is revoked.") % {"name": apart(done.key.name)})
        if done.renewals:
            said = ngettext(
                "%(n)s list has to be signed again.",
                "%(n)s lists have to be signed again.",
                len(done.renewals),
            )
            messages.warning(request, said % {"n": len(done.renewals)})
        if done.frozen:
            said = ngettext(
                "%(n)s list has too few keys left and publishes nothing until you name others.",
                "%(n)s lists have too few keys left and publish nothing until you name others.",
                len(done.frozen),
            )
            messages.error(request, said % {"n": len(done.frozen)}, extra_tags="bad")
        return HttpResponseRedirect(self.back())


def _registered(request: HttpRequest, key: SigningKey) -> HttpResponse:
    said = _("“%(name)s” is registered. Another admin of your organisation confirms it before it can sign.")
    messages.success(request, said % {"name": apart(key.name)})
    return HttpResponseRedirect(reverse("web:key", args=[key.id]))


def _proof(form: Form) -> str:
    try:
        return signature_hex(form.value("proof").encode(errors="replace"))
    except Invalid as refusal:
        refusal.field = "proof"
        raise


def _at_field(refusal: Refusal) -> Refusal:
    """Where on this form the verbs' refusals belong."""
    if refusal.code in ("key.malformed", "key.unsupported", "key.exists", "key.keyid"):
        refusal.field = "public"
    return refusal
