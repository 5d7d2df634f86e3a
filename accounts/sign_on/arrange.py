"""Setting an organisation's sign-on up: by two of its admins, for domains that it has proven.

The provider then decides who is who among this organisation's people, and nowhere else. So whoever runs it
can be any of them, and one admin alone does not arrange it: (1) one proposes, (2) another one makes it.
Whether the provider's word replaces our second step takes two sides more: the organisation says which `acr`
means so, and somebody of the exchange who had no hand in the arrangement agrees.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID, uuid4

from django.db import IntegrityError, transaction

from accounts.audit.actions import Action
from accounts.audit.facts import Fact
from accounts.audit.record import record
from accounts.domains.models import DomainProof, ProofState
from accounts.domains.names import known_domain
from accounts.dual_control.independence import Act, require_second
from accounts.dual_control.letters import tell_organisation
from accounts.dual_control.models import Proposal, ProposalKind
from accounts.dual_control.propose import Asked, make, propose
from accounts.dual_control.refused import noted
from accounts.errors import Conflict, Invalid, NotAllowed, NotFound
from accounts.identity.acting import Actor
from accounts.identity.models import Organisation
from accounts.identity.roles import Permission
from accounts.sealing.columns import context_of
from accounts.sealing.keyring import current_keyring
from accounts.sealing.sealing import seal, unseal
from accounts.sign_on.models import SignOn, SignOnDomain
from accounts.wording import one_line


@dataclass(frozen=True, slots=True)
class Wish:
    """What an admin typed. An empty secret keeps the one that is stored."""

    issuer: str
    client_id: str
    secret: str = field(repr=False)
    domains: tuple[str, ...]
    mfa_acr: str = ""


def propose_sign_on(organisation: Organisation, wish: Wish, *, actor: Actor, now: datetime) -> Proposal:
    """Ask to set or change the sign-on. The door has checked where the issuer's URL leads.

    Errors: NotFound `organisation.not_found`; NotAllowed `permission.missing`, `actor.person_needed`,
    `sign_on.domain_unproven`; Invalid `sign_on.secret`, `sign_on.domains`, `domain.name` or on a field;
    Conflict `sign_on.domain_taken`, `proposal.waits`.
    """
    actor.require_own(organisation.id)
    actor.require(Permission.MEMBER_MANAGE)
    actor.person()
    words = {
        "issuer": one_line(wish.issuer, field="issuer", limit=500),
        "client_id": one_line(wish.client_id, field="client_id", limit=300),
        "mfa_acr": one_line(wish.mfa_acr, field="mfa_acr", limit=300, required=False),
    }
    domains = _proven(organisation, wish.domains)
    with transaction.atomic():
        Organisation.objects.lock(organisation.id)
        row = SignOn.objects.filter(organisation=organisation).first()
        # A kept secret is shown to the provider that gave it, never to another one.
        if not wish.secret and (row is None or row.issuer != words["issuer"]):
            raise Invalid("Give the client's secret.", code="sign_on.secret", field="secret")
        taken = SignOnDomain.objects.filter(domain__in=domains).exclude(sign_on__organisation=organisation)
        if taken.exists():
            raise _taken()
        own = uuid4()
        asked = Asked(
            ProposalKind.SIGN_ON,
            str(organisation.id),
            {**words, "domains": sorted(domains)},
            sealed_secret=_sealed(wish.secret, context_of(Proposal, "sealed_secret", own)),
            id=own,
        )
        return propose(organisation, asked, actor=actor, now=now)


def make_sign_on(proposal: Proposal, *, actor: Actor, now: datetime) -> SignOn:
    """Set it as proposed, as a second person, in the caller's transaction; the proposal's secret goes.

    Errors: those of `accounts.dual_control.propose.make`; NotAllowed `sign_on.domain_unproven`; Conflict
    `sign_on.domain_taken`; Invalid `sign_on.secret`.
    """
    organisation = Organisation.objects.lock(proposal.organisation_id)
    as_what = make(proposal, actor=actor, now=now)
    asked = proposal.asked
    domains = _proven(organisation, asked["domains"])  # again: a proof may have lapsed
    row = SignOn.objects.filter(organisation=organisation).first() or SignOn(organisation=organisation)
    held = set(SignOnDomain.objects.filter(sign_on_id=row.id).values_list("domain", flat=True))
    words = {name: asked[name] for name in ("issuer", "client_id", "mfa_acr")}
    if any(getattr(row, name) != value for name, value in words.items()) or domains - held:
        # What the exchange agreed to was another provider, or another circle of people.
        row.mfa_agreed_by = None
    if proposal.sealed_secret:
        context = context_of(Proposal, "sealed_secret", proposal.id)
        secret = unseal(proposal.sealed_secret, keyring=current_keyring(), context=context)
        row.sealed_secret = _sealed(secret.decode(), _context(row.id))
    elif row.issuer != asked["issuer"] or not row.sealed_secret:
        raise Invalid("Give the client's secret.", code="sign_on.secret", field="secret")
    for name, value in words.items():
        setattr(row, name, value)
    row.set_by_id, row.set_at = proposal.proposed_by_id, now
    row.confirmed_by_id, row.confirmed_as = proposal.decided_by_id, as_what
    row.save()
    Proposal.objects.filter(id=proposal.id).update(sealed_secret="")
    _keep_domains(row, domains)
    facts: dict[str, Fact] = {
        "issuer": row.issuer,
        "domains": sorted(domains),
        "proposed_by": proposal.proposed_by_id,
        "confirmed_as": as_what.value,
    }
    _record(Action.SIGN_ON_SET, row, actor=actor, now=now, facts=facts)
    return row


def remove_sign_on(organisation: Organisation, *, actor: Actor, now: datetime) -> None:
    """People sign in by themselves again; one admin does it, and all of them hear of it.

    Errors: as `propose_sign_on`; NotFound `sign_on.not_found`.
    """
    actor.require_own(organisation.id)
    actor.require(Permission.MEMBER_MANAGE)
    with transaction.atomic():
        Organisation.objects.lock(organisation.id)
        row = SignOn.objects.filter(organisation=organisation).first()
        if row is None:
            raise _none()
        tell_organisation("account.sign_on_removed", organisation, facts={"who": actor.label}, now=now)
        row_id = row.id
        row.delete()
        row.id = row_id  # the event names it
        _record(Action.SIGN_ON_REMOVED, row, actor=actor, now=now, facts={"issuer": row.issuer})


def agree_on_second_factor(sign_on_id: UUID, *, issuer: str, acr: str, actor: Actor, now: datetime) -> SignOn:
    """The exchange takes this provider's `acr` for a second step; `issuer` and `acr` are what was shown.

    Errors: NotAllowed `permission.missing`, `actor.person_needed`, `sign_on.own_agreement`,
    `second_person.…`; NotFound `sign_on.not_found`; Conflict `sign_on.nothing_to_agree`, `sign_on.changed`.
    """
    actor.require_over_exchange()
    person = actor.person()
    with transaction.atomic():
        row = SignOn.objects.filter(id=sign_on_id).first()
        if row is None:
            raise _none()
        if person in (row.set_by_id, row.confirmed_by_id):
            own = NotAllowed(
                "Whoever arranged a sign-on does not agree to it for the exchange.",
                code="sign_on.own_agreement",
                advice="Ask somebody else of the exchange's staff.",
            )
            raise noted(own, actor=actor, subject_type="sign_on", subject_id=row.id)
        act = Act(Permission.ORGANISATION_MANAGE, "sign_on.agree", "sign_on", str(row.id))
        require_second(actor, act, now=now)
        if (row.issuer, row.mfa_acr) != (issuer, acr):
            raise Conflict(
                "The provider is no longer the one that you were shown.",
                code="sign_on.changed",
                advice="Look at it again, then decide.",
            )
        waiting = SignOn.objects.filter(id=sign_on_id, mfa_agreed_by=None, set_at=row.set_at)
        if not waiting.exclude(mfa_acr="").update(mfa_agreed_by=person):
            raise Conflict("There is nothing to agree to.", code="sign_on.nothing_to_agree")
        facts: dict[str, Fact] = {"issuer": row.issuer, "acr": row.mfa_acr}
        _record(Action.SIGN_ON_AGREED, row, actor=actor, now=now, facts=facts)
    row.refresh_from_db()
    return row


def secret_of(row: SignOn) -> str:
    """Errors: Corrupt when the sealed secret cannot be opened."""
    return unseal(row.sealed_secret, keyring=current_keyring(), context=_context(row.id)).decode()


def proven_domains(organisation_id: UUID) -> list[str]:
    """The domains that the organisation has proven to control."""
    proofs = DomainProof.objects.filter(organisation_id=organisation_id, state=ProofState.PROVEN)
    return sorted(set(proofs.values_list("domain", flat=True)))


def _proven(organisation: Organisation, domains: Iterable[str]) -> set[str]:
    wanted = {known_domain(domain, field="domains") for domain in domains if domain.strip()}
    if not wanted:
        raise Invalid("Name at least one domain.", code="sign_on.domains", field="domains")
    if not wanted <= set(proven_domains(organisation.id)):
        raise NotAllowed(
            "Your organisation has not proven that it controls this domain.",
            code="sign_on.domain_unproven",
            field="domains",
            advice="Prove the domain first, or ask the operator of this exchange.",
        )
    return wanted


def _keep_domains(row: SignOn, domains: set[str]) -> None:
    SignOnDomain.objects.filter(sign_on=row).exclude(domain__in=domains).delete()
    held = set(SignOnDomain.objects.filter(sign_on=row).values_list("domain", flat=True))
    try:
        with transaction.atomic():
            SignOnDomain.objects.bulk_create(
                SignOnDomain(sign_on=row, domain=domain) for domain in sorted(domains - held)
            )
    except IntegrityError:
        raise _taken() from None


def _taken() -> Conflict:
    return Conflict(
        "Another organisation's sign-on covers this domain.", code="sign_on.domain_taken", field="domains"
    )


def _sealed(secret: str, context: str) -> str:
    return seal(secret.encode(), keyring=current_keyring(), context=context) if secret else ""


def _context(row_id: UUID) -> str:
    return context_of(SignOn, "sealed_secret", row_id)


def _none() -> NotFound:
    return NotFound("There is no single sign-on.", code="sign_on.not_found")


def _record(action: Action, row: SignOn, *, actor: Actor, now: datetime, facts: dict[str, Fact]) -> None:
    record(
        action,
        actor=actor,
        subject_type="sign_on",
        subject_id=row.id,
        organisation_id=row.organisation_id,
        now=now,
        facts=facts,
    )
