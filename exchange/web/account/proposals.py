"""What waits for a second person: who gets a place, how people sign in, whose second step is taken away."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.arrangements.confirm import confirm_proposal
from accounts.dual_control.models import Proposal, ProposalKind
from accounts.dual_control.propose import ARRANGE, end_proposal, open_proposals
from accounts.identity.acting import Actor
from exchange.http.permissions import ANY_MEMBER, Need
from exchange.web.account.words import ROLE
from exchange.web.door import Page
from exchange.web.words import Words, word

_PRESENT = Need(person=True)
WHAT: Words = {
    ProposalKind.PLACE: gettext_lazy("A place"),
    ProposalKind.SIGN_ON: gettext_lazy("Single sign-on"),
    ProposalKind.SECOND_STEP: gettext_lazy("A second step is taken away"),
    ProposalKind.EXEMPTION: gettext_lazy("One act soon after a reset"),
}
CHECK: Words = {
    ProposalKind.PLACE: gettext_lazy(
        "Confirm only a person whom you know, and who is nobody else here under another address."
    ),
    ProposalKind.SIGN_ON: gettext_lazy(
        "Whoever runs this provider can sign in as any of the people with these addresses."
    ),
    ProposalKind.SECOND_STEP: gettext_lazy(
        "Call the person back on a number that you know before you confirm it."
    ),
    ProposalKind.EXEMPTION: gettext_lazy("Speak to the person before you confirm it."),
}
FIELD: Words = {
    "roles": gettext_lazy("Roles"),
    "issuer": gettext_lazy("Issuer"),
    "client_id": gettext_lazy("Client id"),
    "domains": gettext_lazy("E-mail domains"),
    "mfa_acr": gettext_lazy("acr value of a sign-in with two factors"),
    "leave_passkeys": gettext_lazy("Passkeys stay"),
    "act": gettext_lazy("Act"),
    "subject_id": gettext_lazy("About"),
}


@dataclass(frozen=True, slots=True)
class ProposalCard:
    """One proposal in words; `mine` is what this person proposed or what is about them: others confirm it."""

    id: UUID
    what: str
    check: str
    organisation: str
    whom: str
    email: str
    proposed_by: str
    created: object
    until: object
    note: str
    facts: Sequence[tuple[str | Promise, str]]
    mine: bool


class Proposals(Page):
    needs: ClassVar = {"GET": ANY_MEMBER}

    def get(self, request: HttpRequest) -> HttpResponseBase:
        actor = self.actor
        if not actor.is_over_exchange:
            actor.require(ARRANGE)
        cards = [card_of(one, actor) for one in open_proposals(actor, now=self.now)]
        return self.show("web/account/proposals.html", cards=cards)


class ConfirmProposal(Page):
    """The second person's yes. The verb decides who that may be."""

    needs: ClassVar = {"POST": _PRESENT}

    def back(self) -> str:
        return reverse("web:proposals")

    def post(self, request: HttpRequest, proposal_id: UUID) -> HttpResponseBase:
        confirm_proposal(proposal_id, actor=self.actor, now=self.now)
        messages.success(request, _("Confirmed: it holds from now on."))
        return HttpResponseRedirect(self.back())


class EndProposal(Page):
    needs: ClassVar = {"POST": _PRESENT}

    def back(self) -> str:
        return reverse("web:proposals")

    def post(self, request: HttpRequest, proposal_id: UUID) -> HttpResponseBase:
        end_proposal(proposal_id, actor=self.actor, now=self.now)
        messages.success(request, _("Ended: nothing changes."))
        return HttpResponseRedirect(self.back())


def card_of(proposal: Proposal, actor: Actor) -> ProposalCard:
    person = proposal.person
    return ProposalCard(
        id=proposal.id,
        what=word(WHAT, proposal.kind),
        check=word(CHECK, proposal.kind),
        organisation=proposal.organisation.name if proposal.organisation_id != actor.organisation_id else "",
        whom=str(person) if person else "",
        email=person.email if person else "",
        proposed_by=str(proposal.proposed_by),
        created=proposal.created_at,
        until=proposal.expires_at,
        note=proposal.note,
        facts=[(word(FIELD, name), _shown(name, value)) for name, value in proposal.asked.items() if value],
        mine=actor.person_id in (proposal.proposed_by_id, proposal.person_id),
    )


def _shown(name: str, value: object) -> str:
    if name == "roles" and isinstance(value, list):
        return ", ".join(word(ROLE, role) for role in value)
    if isinstance(value, list):
        return ", ".join(str(one) for one in value)
    return _("Yes") if value is True else str(value)
