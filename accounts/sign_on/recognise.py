"""Which person of the organisation a provider's statement is about, if any. Never somebody else's.

Refused alike: a subject that nobody is, a person who has left, and a person who also acts for another
organisation. Whoever runs the provider can speak as any of its subjects, and must not reach beyond the
organisation's own walls by it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db import IntegrityError, transaction

from accounts.audit.actions import Action
from accounts.audit.record import record
from accounts.domains.models import DomainProof, ProofState
from accounts.domains.names import belongs_to
from accounts.errors import Unauthenticated
from accounts.identity.acting import person_alone
from accounts.identity.models import Membership, User
from accounts.sign_on.models import SignOn, SignOnBinding, SignOnDomain


@dataclass(frozen=True, slots=True)
class Statement:
    """What a verified ID token says: `email` only when the provider vouches for it."""

    issuer: str
    subject: str
    email: str
    acr: str


def sign_on_for(email: str) -> SignOn | None:
    """The sign-on that is offered to this address: its domain is covered, and still proven."""
    host = email.strip().lower().rpartition("@")[2]
    # NUL would be an error of the database; a domain has none.
    if not host or "\x00" in host or len(host) > 253:
        return None
    covered = SignOnDomain.objects.filter(domain=host, sign_on__organisation__status="active")
    found = covered.select_related("sign_on__organisation").first()
    if found is None or not _is_proven(found.sign_on, host):
        return None
    return found.sign_on


def recognise(sign_on: SignOn, statement: Statement, *, now: datetime) -> User:
    """The person, bound to (issuer, subject) from the first time on.

    Errors: Unauthenticated `sign_on.nobody`.
    """
    if statement.issuer != sign_on.issuer or not statement.subject:
        raise _nobody()
    bound = SignOnBinding.objects.filter(
        organisation_id=sign_on.organisation_id, issuer=statement.issuer, subject=statement.subject
    )
    binding = bound.select_related("user").first()
    user = binding.user if binding is not None else _by_address(sign_on, statement.email)
    if user is None or not _acts_here_alone(user, sign_on):
        raise _nobody()
    if binding is None:
        _bind(sign_on, statement, user, now=now)
    return user


def second_factor_counts(sign_on: SignOn, statement: Statement) -> bool:
    """Whether both sides agreed that this statement stands for the second step too."""
    agreed = sign_on.mfa_agreed_by_id is not None and bool(sign_on.mfa_acr)
    return agreed and statement.acr == sign_on.mfa_acr


def _by_address(sign_on: SignOn, email: str) -> User | None:
    host = email.lower().rpartition("@")[2]
    covered = SignOnDomain.objects.filter(sign_on=sign_on, domain=host).exists()
    if not covered or not _is_proven(sign_on, host):
        return None
    return User.objects.filter(email=email.lower()).first()


def _acts_here_alone(user: User, sign_on: SignOn) -> bool:
    places = Membership.objects.filter(user=user, ended_at__isnull=True)
    current = Membership.objects.current().filter(user=user, organisation_id=sign_on.organisation_id)
    return current.exists() and places.count() == 1


def _is_proven(sign_on: SignOn, host: str) -> bool:
    proofs = DomainProof.objects.filter(organisation_id=sign_on.organisation_id, state=ProofState.PROVEN)
    return any(belongs_to(f"x@{host}", proof.domain) for proof in proofs)


def _bind(sign_on: SignOn, statement: Statement, user: User, *, now: datetime) -> None:
    try:
        with transaction.atomic():
            binding = SignOnBinding.objects.create(
                user=user,
                organisation_id=sign_on.organisation_id,
                issuer=statement.issuer,
                subject=statement.subject,
                created_at=now,
            )
            record(
                Action.SIGN_ON_BOUND,
                actor=person_alone(user),
                subject_type="sign_on_binding",
                subject_id=binding.id,
                organisation_id=sign_on.organisation_id,
                now=now,
                facts={"issuer": statement.issuer},
            )
    except IntegrityError:
        # The person is bound to another subject already: an address that was given to somebody new.
        raise _nobody() from None


def _nobody() -> Unauthenticated:
    return Unauthenticated(
        "Your organisation's sign-on did not say who you are here.",
        code="sign_on.nobody",
        advice="Ask an admin of your organisation to invite you, or sign in with your password.",
    )
