"""Which keys sign a list, how many of them must, and handing a list over to another publisher."""

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
from accounts.signing_keys.models import SigningKey, SigningKeyStatus
from exchange.http.pages import page_of
from exchange.http.permissions import need, person
from exchange.http.problems import status_of
from exchange.web.contribute.lists import SettingsPage
from exchange.web.door import Page
from exchange.web.fields import Field, Form, Option, blank, checkboxes, number, posted
from exchange.web.fields import text as text_field
from exchange.web.shown import apart, instant, short
from exchange.web.words import CUSTODY, word
from hashsets.lists.models import HashList, ListStatus
from hashsets.trust import custody, renewal, transfer
from hashsets.trust.models import AwaitedFile, ListTransfer, Repository, RoleName, TransferState
from hashsets.trust.repository import awaits_officers
from hashsets.trust.signers import entitled_keys, is_frozen

PAGE = 25
WAITS = gettext_lazy("Proposed. Nothing changes until another admin of your organisation confirms it.")


class Signers(SettingsPage):
    """The keys that sign, and the act that names others in their place."""

    needs: ClassVar = {"GET": need(Permission.LIST_VIEW), "POST": person(Permission.LIST_MANAGE)}

    def back(self) -> str:
        return reverse("web:signers", args=[self.kwargs["list_id"]])

    def get(self, request: HttpRequest, list_id: str) -> HttpResponseBase:
        hash_list = self.hash_list()
        chosen = [str(key.id) for key in entitled_keys(hash_list.id)]
        values = {"key_ids": chosen, "threshold": str(hash_list.signature_threshold)}
        return self._form(hash_list, blank(*signer_fields(self), values=values))

    def post(self, request: HttpRequest, list_id: str) -> HttpResponseBase:
        hash_list, form = self.hash_list(), posted(request, *signer_fields(self))
        try:
            proposed = custody.change_signers(
                hash_list,
                key_ids=chosen_keys(form),
                threshold=threshold_in(form),
                actor=self.actor,
                now=self.now,
            )
        except (Invalid, Conflict) as refusal:
            return self._form(hash_list, form.refused(at_field(refusal)), status=status_of(refusal).value)
        if proposed is None:
            messages.success(request, _("The signers are named."))
        else:
            messages.success(request, WAITS)
        return HttpResponseRedirect(self.back())

    def _form(self, hash_list: HashList, form: Form, *, status: int = 200) -> HttpResponse:
        return self.show(
            "web/contribute/signers.html",
            status=status,
            list=hash_list,
            form=form,
            keys=[
                (key.name, short(key.keyid), word(CUSTODY, key.custody))
                for key in entitled_keys(hash_list.id)
            ],
            frozen=is_frozen(hash_list),
            officers=awaits_officers(hash_list.id),
            opened=Repository.objects.filter(id=hash_list.id, timestamp_version__gte=1).exists(),
            renewal=AwaitedFile.objects.filter(repository_id=hash_list.id, role=RoleName.LIST).exists(),
            may_change=self.actor.may(Permission.LIST_MANAGE) and hash_list.status == ListStatus.ACTIVE,
            may_sign=self.actor.may(Permission.RELEASE_SIGN),
        )


class PrepareRenewal(SettingsPage):
    """The published content is put before the signers once more."""

    needs: ClassVar = {"POST": person(Permission.RELEASE_SIGN)}

    def post(self, request: HttpRequest, list_id: str) -> HttpResponseBase:
        renewal.prepare_renewal(self.hash_list(), actor=self.actor, now=self.now)
        return HttpResponseRedirect(reverse("web:renewal", args=[list_id]))


class OfferList(SettingsPage):
    needs: ClassVar = {"GET": person(Permission.LIST_MANAGE), "POST": person(Permission.LIST_MANAGE)}
    asked: ClassVar = (
        text_field(
            "organisation_id",
            gettext_lazy("Identifier of the organisation that takes it over"),
            hint=gettext_lazy("Its people find it under Transfers. Compare it by telephone."),
            longest=36,
            width="medium",
            spellcheck=False,
        ),
    )

    def get(self, request: HttpRequest, list_id: str) -> HttpResponseBase:
        return self._form(blank(*self.asked))

    def post(self, request: HttpRequest, list_id: str) -> HttpResponseBase:
        form = posted(request, *self.asked)
        try:
            transfer.offer_list(self.hash_list(), taker_id=_identifier(form), actor=self.actor, now=self.now)
        except (Invalid, Conflict) as refusal:
            return self._form(form.refused(refusal), status=status_of(refusal).value)
        messages.success(request, WAITS)
        return HttpResponseRedirect(reverse("web:transfers"))

    def _form(self, form: Form, *, status: int = 200) -> HttpResponse:
        hash_list = self.hash_list()
        hash_list.require_active()
        return self.show("web/contribute/transfer_offer.html", status=status, list=hash_list, form=form)


class Transfers(Page):
    """Offers from and to one's own organisation."""

    needs: ClassVar = {"GET": need(Permission.LIST_VIEW)}

    def get(self, request: HttpRequest) -> HttpResponseBase:
        page = page_of(
            transfer.transfers_of(self.actor),
            request,
            key="created_at",
            render=lambda row: (row, row.taker_id == self.actor.organisation_id, instant(row.created_at)),
            size=PAGE,
        )
        return self.show(
            "web/contribute/transfers.html",
            page=page,
            organisation=self.actor.organisation(),
            may_decide=self.actor.may(Permission.LIST_MANAGE),
        )


class AcceptTransfer(Page):
    """The taking side: with which keys the list is signed from now on."""

    needs: ClassVar = {"GET": person(Permission.LIST_MANAGE), "POST": person(Permission.LIST_MANAGE)}

    def get(self, request: HttpRequest, transfer_id: uuid.UUID) -> HttpResponseBase:
        return self._form(blank(*signer_fields(self), values={"threshold": "1"}))

    def post(self, request: HttpRequest, transfer_id: uuid.UUID) -> HttpResponseBase:
        form = posted(request, *signer_fields(self))
        try:
            transfer.accept_list(
                transfer_id,
                key_ids=chosen_keys(form),
                threshold=threshold_in(form),
                actor=self.actor,
                now=self.now,
            )
        except (Invalid, Conflict) as refusal:
            return self._form(form.refused(at_field(refusal)), status=status_of(refusal).value)
        messages.success(request, WAITS)
        return HttpResponseRedirect(reverse("web:transfers"))

    def _form(self, form: Form, *, status: int = 200) -> HttpResponse:
        offers = transfer.transfers_of(self.actor).filter(
            taker_id=self.actor.organisation(), state=TransferState.OFFERED
        )
        offer: ListTransfer | None = offers.filter(id=self.kwargs["transfer_id"]).first()
        if offer is None:
            raise NotFound("There is no such offer.", code="transfer.not_found")
        return self.show("web/contribute/transfer_accept.html", status=status, offer=offer, form=form)


class EndTransfer(Page):
    needs: ClassVar = {"POST": person(Permission.LIST_MANAGE)}

    def back(self) -> str:
        return reverse("web:transfers")

    def post(self, request: HttpRequest, transfer_id: uuid.UUID) -> HttpResponseBase:
        transfer.end_offer(transfer_id, actor=self.actor, now=self.now)
        messages.success(request, _("The offer is ended. The list stays where it is."))
        return HttpResponseRedirect(self.back())


def signer_fields(page: Page) -> tuple[Field, ...]:
    """The organisation's active keys to choose from, and how many must sign."""
    active = SigningKey.objects.filter(
        organisation_id=page.actor.organisation(), status=SigningKeyStatus.ACTIVE
    ).order_by("name", "created_at")
    keys = [
        Option(str(key.id), f"{apart(key.name)} ({short(key.keyid)})", word(CUSTODY, key.custody))
        for key in active
    ]
    return (
        checkboxes("key_ids", gettext_lazy("Keys that sign"), keys),
        number(
            "threshold",
            gettext_lazy("How many of them must sign"),
            hint=gettext_lazy("Two of three survive a lost key and a stolen one."),
        ),
    )


def chosen_keys(form: Form) -> list[uuid.UUID]:
    """Errors: Invalid `key.none_chosen`; NotFound `key.not_found`."""
    if not form.values("key_ids"):
        raise Invalid("Choose at least one key.", code="key.none_chosen", field="key_ids")
    try:
        return [uuid.UUID(one) for one in form.values("key_ids")]
    except ValueError:
        raise NotFound("There is no such key.", code="key.not_found") from None


def threshold_in(form: Form) -> int:
    said = form.value("threshold")
    if said.isascii() and said.isdigit() and len(said) <= 3:
        return int(said)
    raise Invalid("Give a whole number.", code="threshold.out_of_range", field="threshold")


def at_field(refusal: Refusal) -> Refusal:
    """Where on these forms the refusals of the trust room belong."""
    if refusal.field is None and refusal.code.startswith("key."):
        refusal.field = "key_ids"
    return refusal


def _identifier(form: Form) -> uuid.UUID:
    try:
        return uuid.UUID(form.value("organisation_id"))
    except ValueError:
        raise Invalid(
            "A list is offered to another active member.", code="transfer.taker", field="organisation_id"
        ) from None
