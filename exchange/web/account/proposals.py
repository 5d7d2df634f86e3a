"""What waits for a second person: who gets a place, how people sign in, whose second step is taken away."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.dual_control.exempt import ACTS, propose_exemption
from accounts.dual_control.models import Proposal, ProposalKind
from accounts.dual_control.propose import ARRANGE, STAND_IN, end_proposal, open_proposals
from accounts.errors import Conflict, Invalid, NotAllowed, NotFound, Refusal
from accounts.factors.forget import propose_reset
from accounts.identity.acting import Actor
from accounts.identity.models import Membership
from exchange.http.permissions import ANY_MEMBER, Need, person
from exchange.web import fields
from exchange.web.account.answers import form_status
from exchange.web.account.words import ROLE
from exchange.web.contribute.statement_form import statement_rows
from exchange.web.door import Page
from exchange.web.fields import Field, Form, Option
from exchange.web.shown import instant
from exchange.web.words import Words, word
from hashsets.lists.change import statement_of, wanted_by
from hashsets.lists.models import HashList
from hashsets.trust.arrangements import confirm_arrangement

_PRESENT = Need(person=True)
WHAT: Words = {
    ProposalKind.PLACE: gettext_lazy("A place"),
    ProposalKind.SIGN_ON: gettext_lazy("Single sign-on"),
    ProposalKind.SECOND_STEP: gettext_lazy("A second step is taken away"),
    ProposalKind.EXEMPTION: gettext_lazy("One act soon after a reset"),
    ProposalKind.KEY: gettext_lazy("A signing key"),
    ProposalKind.LIST_SETTINGS: gettext_lazy("A change of a list"),
    ProposalKind.LIST_FINDABLE: gettext_lazy("Members may find a list and ask for it"),
    ProposalKind.LIST_SIGNERS: gettext_lazy("The keys that sign a list"),
    ProposalKind.LIST_GIVE: gettext_lazy("A list is offered to another publisher"),
    ProposalKind.LIST_TAKE: gettext_lazy("A list is taken over"),
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
    ProposalKind.KEY: gettext_lazy(
        "Compare the key id with its holder by telephone. Lists that name it can be signed with it."
    ),
    ProposalKind.LIST_SETTINGS: gettext_lazy("It lets more people read the list, or fewer people decide."),
    ProposalKind.LIST_FINDABLE: gettext_lazy("Every member then knows that the list exists."),
    ProposalKind.LIST_SIGNERS: gettext_lazy(
        "With these keys, and as many of them as it says, releases of the list are signed."
    ),
    ProposalKind.LIST_GIVE: gettext_lazy(
        "Compare the name with the other organisation by telephone. It decides about the list afterwards."
    ),
    ProposalKind.LIST_TAKE: gettext_lazy(
        "The officers are asked for these keys; with their signatures your organisation publishes the list."
    ),
}
ACT: Words = {
    "submission.approve": gettext_lazy("Approve a submission"),
    "submission.agree": gettext_lazy("Agree to a submission for the exchange"),
    "proposal.make": gettext_lazy("Confirm a proposal about people, sign-on or lists"),
    "membership.review": gettext_lazy("Review a place"),
    "sign_on.agree": gettext_lazy("Agree to a provider’s second factor"),
    "key.confirm": gettext_lazy("Confirm a signing key"),
    "access.agree": gettext_lazy("Agree to give a list out"),
    "measure.carry_out": gettext_lazy("Carry a measure out"),
    "decision.take": gettext_lazy("Take a decision about an application"),
    "authority.agree": gettext_lazy("Agree to a member’s own certificate authority"),
}
FIELD: Words = {
    "roles": gettext_lazy("Roles"),
    "new_roles": gettext_lazy("New among them"),
    "issuer": gettext_lazy("Issuer"),
    "client_id": gettext_lazy("Client id"),
    "domains": gettext_lazy("E-mail domains"),
    "mfa_acr": gettext_lazy("acr value of a sign-in with two factors"),
    "leave_passkeys": gettext_lazy("Passkeys stay"),
    "list": gettext_lazy("List"),
    "taker": gettext_lazy("Goes to"),
    "giver": gettext_lazy("Comes from"),
    "keys": gettext_lazy("Keys that sign"),
    "keyid": gettext_lazy("Key id"),
    "threshold": gettext_lazy("How many of them must sign"),
    "act": gettext_lazy("Act"),
    "subject_id": gettext_lazy("About"),
}


_EMAIL = fields.email("email", gettext_lazy("E-mail address"), autocomplete="off")
_NOTE = fields.textarea(
    "note",
    gettext_lazy("Whom you spoke to, when, and on which number"),
    hint=gettext_lazy("A call back on a number from our own records. It stays on record."),
)
RESET = (
    _EMAIL,
    _NOTE,
    fields.checkboxes(
        "leave_passkeys",
        gettext_lazy("Passkeys"),
        [Option("yes", gettext_lazy("Leave the passkeys: only the phone or the codes are lost"))],
        optional=True,
    ),
)
EXEMPTION = (
    _EMAIL,
    fields.select("act", gettext_lazy("Act"), [Option(one, ACT[one]) for one in ACTS]),
    fields.text(
        "subject_id",
        gettext_lazy("About"),
        hint=gettext_lazy("The identifier on a proposal’s card, or the id in the address of the page."),
        spellcheck=False,
    ),
    _NOTE,
)


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
        waiting = open_proposals(actor, now=self.now)
        lists = HashList.objects.in_bulk([one.subject_id for one in waiting])
        cards = [card_of(one, actor, lists.get(one.subject_id)) for one in waiting]
        return self.show("web/account/proposals.html", cards=cards, staff=actor.is_over_exchange)


class StaffAsk(Page):
    """A form by which the exchange's staff propose something about a person: `fields` and what it does."""

    needs: ClassVar = {"GET": person(STAND_IN), "POST": person(STAND_IN)}
    asked: ClassVar[tuple[Field, ...]] = ()
    title: ClassVar[Promise | str] = ""

    def get(self, request: HttpRequest) -> HttpResponseBase:
        return self._form(fields.blank(*self.asked))

    def post(self, request: HttpRequest) -> HttpResponseBase:
        form = fields.posted(request, *self.asked)
        try:
            self.propose(form)
        except (Invalid, Conflict, NotAllowed, NotFound) as refusal:
            return self._form(form.refused(refusal), refusal)
        messages.success(request, _("Proposed. Nothing changes until another person confirms it."))
        return HttpResponseRedirect(reverse("web:proposals"))

    def propose(self, form: Form) -> None:
        raise NotImplementedError

    def _form(self, form: Form, refusal: Refusal | None = None) -> HttpResponse:
        return self.show(
            "web/account/ask_staff.html", form=form, status=form_status(refusal), title=self.title
        )


class AskReset(StaffAsk):
    """About a member's only admin, or somebody who belongs to several members."""

    asked = RESET
    title = gettext_lazy("Take a second step away")

    def propose(self, form: Form) -> None:
        propose_reset(
            _place_of(form.value("email")),
            note=form.value("note"),
            leave_passkeys="yes" in form.values("leave_passkeys"),
            actor=self.actor,
            now=self.now,
        )


class AskExemption(StaffAsk):
    """Let somebody be the second person of one act, soon after a reset."""

    asked = EXEMPTION
    title = gettext_lazy("Allow one act soon after a reset")

    def propose(self, form: Form) -> None:
        propose_exemption(
            email=form.value("email"),
            act=form.value("act"),
            subject_id=form.value("subject_id"),
            note=form.value("note"),
            actor=self.actor,
            now=self.now,
        )


class ConfirmProposal(Page):
    """The second person's yes. The verb decides who that may be."""

    needs: ClassVar = {"POST": _PRESENT}

    def back(self) -> str:
        return reverse("web:proposals")

    def post(self, request: HttpRequest, proposal_id: UUID) -> HttpResponseBase:
        confirm_arrangement(proposal_id, actor=self.actor, now=self.now)
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


def _place_of(email: str) -> int:
    """The place of the person of this address; 0, which is nobody's, when there is none."""
    if "\x00" in email:
        return 0
    living = Membership.objects.current().filter(user__email=email.strip().lower())
    return living.order_by("id").values_list("id", flat=True).first() or 0


def card_of(proposal: Proposal, actor: Actor, about: HashList | None) -> ProposalCard:
    """`about` is the list that it is about, if it is about one."""
    whom = proposal.person
    return ProposalCard(
        id=proposal.id,
        what=word(WHAT, proposal.kind),
        check=word(CHECK, proposal.kind),
        organisation=proposal.organisation.name if proposal.organisation_id != actor.organisation_id else "",
        whom=str(whom) if whom else "",
        email=whom.email if whom else "",
        proposed_by=str(proposal.proposed_by),
        created=instant(proposal.created_at),
        until=proposal.expires_at,
        note=proposal.note,
        facts=_facts(proposal, about),
        mine=actor.person_id in (proposal.proposed_by_id, proposal.person_id),
    )


def _facts(proposal: Proposal, about: HashList | None) -> list[tuple[str | Promise, str]]:
    if proposal.kind == ProposalKind.LIST_SETTINGS and about is not None:
        now = statement_of(about)
        before = {row.label: row.value for row in statement_rows(now, only=proposal.asked)}
        rows = statement_rows(wanted_by(proposal, now), only=proposal.asked)
        changes = [
            (row.label, _("%(new)s (now: %(old)s)") % {"new": row.value, "old": before.get(row.label) or "–"})
            for row in rows
        ]
        return [(word(FIELD, "list"), about.title), *changes]
    told = {"list": about.title} if about is not None else {}
    told |= {name: value for name, value in proposal.asked.items() if name in FIELD and value}
    return [(word(FIELD, name), _shown(name, value)) for name, value in told.items()]


def _shown(name: str, value: object) -> str:
    if name in ("roles", "new_roles") and isinstance(value, list):
        return ", ".join(word(ROLE, role) for role in value)
    if isinstance(value, list):
        return ", ".join(str(one) for one in value)
    if name == "act":
        return word(ACT, str(value))
    return _("Yes") if value is True else str(value)
