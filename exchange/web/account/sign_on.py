"""Single sign-on: leaving for the organisation's own provider, coming back, and arranging it."""

from __future__ import annotations

import uuid
from typing import ClassVar, Final

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.urls import reverse
from django.utils.crypto import constant_time_compare
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.dual_control.models import Proposal, ProposalKind
from accounts.errors import Conflict, Invalid, NotAllowed, Refusal, Throttled, Unauthenticated
from accounts.factors.forget import open_reset
from accounts.identity.models import Organisation
from accounts.identity.roles import Permission
from accounts.sign_on.arrange import (
    Wish,
    agree_on_second_factor,
    propose_sign_on,
    proven_domains,
    remove_sign_on,
)
from accounts.sign_on.models import SignOn
from accounts.sign_on.recognise import recognise, second_factor_counts, sign_on_for
from exchange.http.permissions import PUBLIC, need, person
from exchange.sign_on.fetch import checked_issuer
from exchange.sign_on.provider import LASTS, Errand, arrive, depart, kept, taken_up
from exchange.web import fields, sign_in
from exchange.web.account.answers import form_status, with_retry
from exchange.web.door import Page, redirect_to, safe_next
from exchange.web.fields import Field, Form, Option
from exchange.web.forms import text
from exchange.web.halfway import go_halfway
from exchange.web.tries import note_try

ERRAND_KEY: Final = "hx_sign_on"
_MANAGE = person(Permission.MEMBER_MANAGE)
ADDRESS = (
    fields.email(
        "email",
        gettext_lazy("E-mail address"),
        hint=gettext_lazy("Your organisation’s provider is found by its domain."),
        autocomplete="username",
    ),
)


def back_address() -> str:
    """Where providers send people back to; as registered there, so never from the request."""
    return f"{settings.HX_PUBLIC_URL}{reverse('web:sign-on-return')}"


class Leave(Page):
    """Asks for the address, and shows where to go on. A link and not a redirect: forms of ours lead to us."""

    needs: ClassVar = {"GET": PUBLIC, "POST": PUBLIC}

    def get(self, request: HttpRequest) -> HttpResponseBase:
        return self._form(fields.blank(*ADDRESS))

    def post(self, request: HttpRequest) -> HttpResponseBase:
        form = fields.posted(request, *ADDRESS)
        email = form.value("email")
        try:
            note_try(request, f"sign-on {email}", person=email, now=self.now)
            sign_on = sign_on_for(email)
            if sign_on is None:
                raise Invalid(
                    "No single sign-on covers this address.",
                    code="sign_on.none",
                    field="email",
                    advice="Sign in with your password or a passkey.",
                )
            leaving = depart(sign_on, email=email, back=back_address(), then=safe_next(request), now=self.now)
        except (Invalid, Throttled, Unauthenticated) as refusal:
            return with_retry(self._form(form.refused(refusal), refusal), refusal)
        request.session[ERRAND_KEY] = kept(leaving.errand)
        return self.show(
            "web/account/sign_on_leave.html",
            address=leaving.address,
            organisation=sign_on.organisation.name,
            issuer=sign_on.issuer,
        )

    def _form(self, form: Form, refusal: Refusal | None = None) -> HttpResponse:
        return self.show(
            "web/account/sign_on_address.html",
            status=form_status(refusal),
            form=form,
            next=safe_next(self.request, ""),
        )


class Return(Page):
    """Back from the provider: its statement is verified, and the second step asked for unless agreed."""

    needs: ClassVar = {"GET": PUBLIC}

    def get(self, request: HttpRequest) -> HttpResponseBase:
        try:
            sign_on, errand = self._errand(request)
            statement = arrive(
                sign_on, errand, code=request.GET.get("code", "")[:4_000], back=back_address(), now=self.now
            )
            user = recognise(sign_on, statement, now=self.now)
        except Unauthenticated as refusal:
            return self.refuse(refusal)
        # After others took a second step away a provider's word is no proof, whatever was agreed.
        if second_factor_counts(sign_on, statement) and open_reset(user) is None:
            sign_in.finish(request, user, how="sign-on", now=self.now, sign_on=sign_on)
            return HttpResponseRedirect(errand.next)
        half = go_halfway(request, user, how="sign-on", now=self.now, sign_on=sign_on.id)
        return redirect_to("web:second-step" if half.has_factor else "web:set-up", then=errand.next)

    def _errand(self, request: HttpRequest) -> tuple[SignOn, Errand]:
        """What this session left for, once. Errors: Unauthenticated `sign_on.refused`."""
        errand = taken_up(request.session.pop(ERRAND_KEY, None))
        refused = Unauthenticated(
            "What your organisation's sign-on answered is not valid.",
            code="sign_on.refused",
            advice="Try again, or sign in with your password.",
        )
        if errand is None or not constant_time_compare(errand.state, request.GET.get("state", "")):
            raise refused
        sign_on = SignOn.objects.filter(id=uuid.UUID(errand.sign_on)).select_related("organisation").first()
        fresh = 0 <= self.now.timestamp() - errand.at <= LASTS.total_seconds()
        if sign_on is None or not fresh or not request.GET.get("code"):
            raise refused
        return sign_on, errand


class Settings(Page):
    """An organisation's own sign-on; for the exchange's admins also what others ask them to agree to."""

    needs: ClassVar = {"GET": need(Permission.MEMBER_MANAGE), "POST": _MANAGE}

    def get(self, request: HttpRequest) -> HttpResponseBase:
        row = self._row()
        known: dict[str, str | tuple[str, ...]] = {}
        if row is not None:
            domains = tuple(row.domains.order_by("domain").values_list("domain", flat=True))
            known = {
                "issuer": row.issuer, "client_id": row.client_id, "mfa_acr": row.mfa_acr, "domains": domains,
            }  # fmt: skip
        return self._form(row, fields.blank(*self._asked(row), values=known))

    def post(self, request: HttpRequest) -> HttpResponseBase:
        row = self._row()
        form = fields.posted(request, *self._asked(row))
        wish = Wish(
            issuer=form.value("issuer"),
            client_id=form.value("client_id"),
            secret=form.value("secret"),
            domains=form.values("domains"),
            mfa_acr=form.value("mfa_acr"),
        )
        try:
            checked_issuer(wish.issuer)
            propose_sign_on(self._organisation(), wish, actor=self.actor, now=self.now)
        except (Invalid, Conflict, NotAllowed) as refusal:
            return self._form(row, form.refused(refusal), refusal)
        messages.success(request, _("Proposed. Nothing changes until another admin confirms it."))
        return HttpResponseRedirect(reverse("web:sign-on"))

    def _form(self, row: SignOn | None, form: Form, refusal: Refusal | None = None) -> HttpResponse:
        asking: list[SignOn] = []
        if self.actor.is_over_exchange:
            waiting = SignOn.objects.filter(mfa_agreed_by=None).exclude(mfa_acr="")
            asking = list(waiting.select_related("organisation").order_by("set_at")[:50])
        return self.show(
            "web/account/sign_on.html",
            status=form_status(refusal),
            form=form,
            row=row,
            back=back_address(),
            proven=proven_domains(self.actor.organisation()),
            asking=asking,
            waits=Proposal.objects.open(self.now)
            .filter(organisation_id=self.actor.organisation(), kind=ProposalKind.SIGN_ON)
            .exists(),
        )

    def _row(self) -> SignOn | None:
        return SignOn.objects.filter(organisation_id=self.actor.organisation()).first()

    def _organisation(self) -> Organisation:
        return Organisation.objects.get(id=self.actor.organisation())

    def _asked(self, row: SignOn | None) -> tuple[Field, ...]:
        domains = proven_domains(self.actor.organisation())
        stored = gettext_lazy("Leave it empty to keep the one that is stored; it is never shown again.")
        return (
            fields.url(
                "issuer", gettext_lazy("Issuer"), hint=gettext_lazy("As your provider’s settings give it.")
            ),
            fields.text("client_id", gettext_lazy("Client id"), spellcheck=False),
            fields.password(
                "secret", gettext_lazy("Client secret"), hint=stored if row else "", autocomplete="off"
            ),
            fields.checkboxes(
                "domains",
                gettext_lazy("E-mail domains"),
                [Option(domain, domain) for domain in domains],
                hint=gettext_lazy("People with addresses of these domains are offered the sign-on."),
            ),
            fields.text(
                "mfa_acr",
                gettext_lazy("acr value of a sign-in with two factors"),
                hint=gettext_lazy(
                    "When this exchange agrees, it replaces our second step. Leave it empty to keep ours."
                ),
                optional=True,
                spellcheck=False,
            ),
        )


class Remove(Page):
    needs: ClassVar = {"POST": _MANAGE}

    def back(self) -> str:
        return reverse("web:sign-on")

    def post(self, request: HttpRequest) -> HttpResponseBase:
        remove_sign_on(Organisation.objects.get(id=self.actor.organisation()), actor=self.actor, now=self.now)
        messages.success(request, _("Single sign-on is removed: people sign in by themselves again."))
        return HttpResponseRedirect(self.back())


class Agree(Page):
    """The exchange's word that a provider's acr stands for our second step."""

    needs: ClassVar = {"POST": person(Permission.ORGANISATION_MANAGE)}

    def back(self) -> str:
        return reverse("web:sign-on")

    def post(self, request: HttpRequest, sign_on_id: uuid.UUID) -> HttpResponseBase:
        issuer, acr = text(request, "issuer"), text(request, "acr")
        agree_on_second_factor(sign_on_id, issuer=issuer, acr=acr, actor=self.actor, now=self.now)
        messages.success(request, _("Agreed: this provider’s word counts for the second step."))
        return HttpResponseRedirect(self.back())
