"""Actor: who asks, on behalf of which organisation, with which rights. Every verb takes one.

Rights are computed from rows at the moment of asking, never cached: a suspended organisation, an ended
membership or a revoked credential loses everything at its next use.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from enum import StrEnum

from accounts.errors import NotAllowed, NotFound
from accounts.identity.models import Membership, Organisation, OrganisationKind, User
from accounts.identity.roles import Permission, permissions_of


class ActorKind(StrEnum):
    PERSON = "person"
    CREDENTIAL = "credential"
    APPLICANT = "applicant"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Actor:
    """A person's session or a credential, acting for exactly one organisation.

    `person_id` is the human answerable for the act: the person, or whoever issued the credential. Rules that
    need two people compare `person_id`, so that nobody approves what their own credential submitted.
    """

    kind: ActorKind
    organisation_id: uuid.UUID | None
    organisation_kind: str | None
    person_id: uuid.UUID | None
    credential_id: uuid.UUID | None
    label: str
    permissions: frozenset[Permission]
    # A test key (`hx_test_`): it reaches the sandbox lists and nothing else, whatever its scopes say.
    is_test: bool = False

    @property
    def is_person(self) -> bool:
        return self.kind is ActorKind.PERSON

    @property
    def is_operator(self) -> bool:
        return self.organisation_kind == OrganisationKind.OPERATOR

    @property
    def is_over_exchange(self) -> bool:
        """Whether this actor arranges organisations: the host itself, or an exchange admin."""
        return self.kind is ActorKind.SYSTEM or (
            self.is_operator and self.may(Permission.ORGANISATION_MANAGE)
        )

    def may(self, permission: Permission) -> bool:
        return permission in self.permissions

    def require(self, permission: Permission) -> None:
        """Refuse unless this actor holds `permission`.

        Errors: NotAllowed `permission.missing`.
        """
        if permission not in self.permissions:
            raise NotAllowed(
                f"This needs the right '{permission.value}', which {self.label} does not have.",
                code="permission.missing",
                advice="Ask an admin of your organisation for a role that includes it.",
                permission=permission.value,
            )

    def require_over_exchange(self) -> None:
        """Refuse everyone but the host itself and the exchange's admins.

        Errors: NotAllowed `permission.missing`.
        """
        if not self.is_over_exchange:
            raise NotAllowed(
                "This is for the people who run the exchange.",
                code="permission.missing",
                permission=Permission.ORGANISATION_MANAGE.value,
            )

    def require_own(self, organisation_id: uuid.UUID) -> None:
        """Refuse unless this actor acts for that organisation, in the words used for one that does not exist.

        Ask before `require`: a stranger learns neither that the organisation exists nor which right would do.
        Errors: NotFound `organisation.not_found`.
        """
        if self.organisation_id != organisation_id:
            raise NotFound("There is no such organisation.", code="organisation.not_found")

    def person(self) -> uuid.UUID:
        """The human who acts here and now, for acts that no machine does.

        Errors: NotAllowed `actor.person_needed` for credentials and the system.
        """
        if not self.is_person or self.person_id is None:
            raise NotAllowed(
                "Only a person who is signed in may do this.",
                code="actor.person_needed",
                advice="Sign in on the website and do it there.",
            )
        return self.person_id

    def organisation(self) -> uuid.UUID:
        """The organisation acted for. Errors: NotAllowed `actor.no_organisation` for the system itself."""
        if self.organisation_id is None:
            raise NotAllowed("This act needs an organisation.", code="actor.no_organisation")
        return self.organisation_id


def reading(actor: Actor | None) -> Actor | None:
    """As whom `actor` reads lists: as nobody in particular, who sees what is public, without `list.view`.

    A key that may only submit reads no more than a stranger: whoever steals it learns nothing from it. A test
    key stays what it is, because it sees less than a stranger.
    """
    if actor is None or actor.is_test or actor.may(Permission.LIST_VIEW):
        return actor
    return None


def person_acting(user: User, organisation: Organisation) -> Actor | None:
    """The actor for a signed-in person in one organisation, or None when they have no current membership."""
    current = Membership.objects.current().filter(user=user, organisation=organisation)
    membership = current.select_related("organisation").first()
    if membership is None:
        return None
    return Actor(
        kind=ActorKind.PERSON,
        organisation_id=organisation.id,
        organisation_kind=organisation.kind,
        person_id=user.id,
        credential_id=None,
        label=user.name or user.email,
        permissions=membership.organisation.leaves(permissions_of(membership.roles_in_force)),
    )


def person_alone(user: User) -> Actor:
    """A person as themselves, for acts on their own account: no organisation, no right over anything else."""
    return Actor(
        kind=ActorKind.PERSON,
        organisation_id=None,
        organisation_kind=None,
        person_id=user.id,
        credential_id=None,
        label=str(user),
        permissions=frozenset(),
    )


def system_actor(label: str) -> Actor:
    """The exchange itself, or whoever has a shell on its host; it holds no permission of any organisation."""
    return Actor(
        kind=ActorKind.SYSTEM,
        organisation_id=None,
        organisation_kind=None,
        person_id=None,
        credential_id=None,
        label=label,
        permissions=frozenset(),
    )


def applicant_actor(reference: str) -> Actor:
    """Whoever holds the code of an application: no person of ours, and no right beyond that application."""
    return Actor(
        kind=ActorKind.APPLICANT,
        organisation_id=None,
        organisation_kind=None,
        person_id=None,
        credential_id=None,
        label=f"Applicant {reference}",
        permissions=frozenset(),
    )
