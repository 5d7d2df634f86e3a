"""Organisations, the people in them and what each person may do there."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import ClassVar

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models
from django.db.models.functions import Lower
from django.utils.crypto import salted_hmac

from accounts.errors import Conflict
from accounts.identity.roles import (
    CONFIRMED_ROLES,
    OPERATOR_ROLES,
    READ_ONLY,
    TWO_PERSON_ROLES,
    Permission,
    Role,
    permissions_of,
)


class OrganisationKind(models.TextChoices):
    GOVERNMENT = "government", "government"
    NGO = "ngo", "NGO"
    COMPANY = "company", "company"
    OPERATOR = "operator", "operator"


class OrganisationStatus(models.TextChoices):
    APPLICANT = "applicant", "applicant"
    ACTIVE = "active", "active"
    SUSPENDED = "suspended", "suspended"
    CLOSED = "closed", "closed"


ORGANISATION_MOVES: dict[str, frozenset[str]] = {
    OrganisationStatus.APPLICANT: frozenset({OrganisationStatus.ACTIVE, OrganisationStatus.CLOSED}),
    OrganisationStatus.ACTIVE: frozenset({OrganisationStatus.SUSPENDED, OrganisationStatus.CLOSED}),
    OrganisationStatus.SUSPENDED: frozenset({OrganisationStatus.ACTIVE, OrganisationStatus.CLOSED}),
    OrganisationStatus.CLOSED: frozenset(),
}


class OrganisationQuerySet(models.QuerySet["Organisation"]):
    def lock(self, organisation_id: uuid.UUID) -> Organisation:
        """The organisation's row, locked until the transaction ends: changes of its people wait for each
        other.
        """
        return self.select_for_update(no_key=True).get(id=organisation_id)


class Organisation(models.Model):
    """A tenant. It is a *member* while its status is active."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=300)
    kind = models.CharField(max_length=16, choices=OrganisationKind.choices)
    jurisdiction = models.CharField(max_length=2, help_text="ISO 3166-1 alpha-2, upper case")
    status = models.CharField(
        max_length=16, choices=OrganisationStatus.choices, default=OrganisationStatus.APPLICANT
    )
    created_at = models.DateTimeField()
    blocked = models.JSONField(
        default=list, help_text="names of rights that open conditions take from everybody in it"
    )
    read_only_since = models.DateTimeField(
        null=True, help_text="set while a review or an agreement is overdue; see accounts.vetting.standing"
    )

    objects = OrganisationQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(Lower("name"), name="organisation_name_once"),
            models.CheckConstraint(
                condition=models.Q(kind__in=OrganisationKind.values), name="organisation_kind_known"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_active(self) -> bool:
        return self.status == OrganisationStatus.ACTIVE

    def leaves(self, permissions: frozenset[Permission]) -> frozenset[Permission]:
        """What conditions and an overdue review leave of `permissions`, for people and credentials alike."""
        left = permissions if self.read_only_since is None else permissions & READ_ONLY
        return frozenset(permission for permission in left if permission.value not in self.blocked)


class People(BaseUserManager["User"]):
    """Looks people up by e-mail without regard to case."""

    def get_by_natural_key(self, username: str | None) -> User:
        return self.get(email=(username or "").strip().lower())

    def lock(self, user_id: uuid.UUID) -> User:
        """The person's row, locked until the transaction ends: changes of how they sign in wait for each
        other.
        """
        return self.select_for_update(no_key=True).get(id=user_id)

    def hold(self, user: User) -> User:
        """Lock the row of somebody who changes how they sign in, as they were when their request came in.

        A request that came in before a reset, or before a password was changed, changes nothing after it.
        Errors: Conflict `user.signed_out`.
        """
        locked = self.lock(user.id)
        if locked.session_epoch != user.session_epoch:
            raise Conflict(
                "You have been signed out everywhere since you sent this, so nothing was changed.",
                code="user.signed_out",
                advice="Sign in again.",
            )
        return locked


class User(AbstractBaseUser):
    """A person, known by e-mail. Rights come from memberships only; there is no superuser."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    email = models.EmailField(max_length=254, unique=True)
    name = models.CharField(max_length=300)
    language = models.CharField(max_length=2, default="en", choices=[("en", "English"), ("fr", "Français")])
    is_active = models.BooleanField(default=True)
    # Every session carries a digest of this number: raising it ends all sessions of the person at once,
    # wherever they are stored, and one UPDATE reaches everybody in an organisation.
    session_epoch = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["name"]

    objects = People()

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(Lower("email"), name="user_email_once")]

    def __str__(self) -> str:
        return self.name or self.email

    def get_session_auth_hash(self) -> str:
        """What a session must carry to be this person's: it changes with the password and the epoch."""
        return self._session_digest(settings.SECRET_KEY)

    def get_session_auth_fallback_hash(self) -> Iterator[str]:
        """The same under older secrets, so that a rotation of SECRET_KEY signs nobody out."""
        return (self._session_digest(secret) for secret in settings.SECRET_KEY_FALLBACKS)

    def _session_digest(self, secret: str) -> str:
        salt = "accounts.identity.models.User.session"
        value = f"{self.session_epoch}:{self.password}"
        return salted_hmac(salt, value, secret=secret, algorithm="sha256").hexdigest()


class MembershipQuerySet(models.QuerySet["Membership"]):
    def current(self) -> MembershipQuerySet:
        """Memberships that give rights now: not ended, person active, organisation active."""
        return self.filter(
            ended_at__isnull=True, user__is_active=True, organisation__status=OrganisationStatus.ACTIVE
        )

    def with_role(self, role: Role) -> list[Membership]:
        """Those that hold `role`. Read in Python: SQLite cannot ask what a JSON array contains."""
        return [membership for membership in self if role.value in membership.roles_in_force]


class ConfirmedAs(models.TextChoices):
    """Who stood beside whoever gave a place."""

    COLLEAGUE = "colleague", "a second admin of the organisation"
    EXCHANGE = "exchange", "one of the exchange's staff"
    HOST = "host", "whoever has a shell on the exchange's host"
    DECISION = "decision", "the two who decided the application"
    BEFORE = "before", "given before places were confirmed"


class Membership(models.Model):
    """One person in one organisation, with roles. Ended, never deleted: the audit refers to it.

    `roles` are all that were given; `roles_in_force` leave out those that two people must stand behind and
    only one does yet.
    """

    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="memberships")
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="memberships")
    roles = models.JSONField(default=list)
    confirmed_roles = models.JSONField(
        default=list,
        db_default=models.Value([], models.JSONField()),
        help_text="those of `roles` that a second person stands behind",
    )
    # None where the host, the clock or an application gave the place.
    granted_by = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, related_name="+", help_text="who gave the roles last"
    )
    confirmed_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    confirmed_at = models.DateTimeField(null=True)
    confirmed_as = models.CharField(
        max_length=10, choices=ConfirmedAs.choices, blank=True, default="", db_default=""
    )
    created_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    objects = MembershipQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["user", "organisation"],
                condition=models.Q(ended_at__isnull=True),
                name="membership_current_once",
            )
        ]

    def __str__(self) -> str:
        return f"{self.user_id} in {self.organisation_id}"

    def holds(self, role: Role) -> bool:
        return role.value in self.roles_in_force and self.ended_at is None

    @property
    def roles_in_force(self) -> list[str]:
        """The roles that give rights now."""
        waits = {role.value for role in TWO_PERSON_ROLES} - set(self.confirmed_roles)
        return [name for name in self.roles if name not in waits]

    @property
    def unconfirmed_roles(self) -> list[str]:
        """The roles that wait for a second person."""
        asked = {role.value for role in CONFIRMED_ROLES} - set(self.confirmed_roles)
        return [name for name in self.roles if name in asked]

    def confirms(self, permission: Permission) -> bool:
        """Whether two people stand behind a role that gives `permission` here."""
        return permission in permissions_of(name for name in self.roles if name in self.confirmed_roles)

    @staticmethod
    def allowed_roles(kind: str) -> frozenset[Role]:
        """Operator staff roles exist in the operator organisation only, member roles everywhere."""
        members = frozenset(Role) - OPERATOR_ROLES
        return frozenset(Role) if kind == OrganisationKind.OPERATOR else members
