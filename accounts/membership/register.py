"""Organisations and people: who exists on this exchange, and which organisations may act at the moment.

Until vetting exists, organisations are created by the exchange's admins or on its host.
"""

from __future__ import annotations

from datetime import datetime

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction

from accounts.audit.actions import Action
from accounts.audit.record import record
from accounts.errors import Conflict, Invalid, NotAllowed
from accounts.factors.password import set_password
from accounts.identity.acting import Actor
from accounts.identity.jurisdictions import known_jurisdiction
from accounts.identity.models import (
    ORGANISATION_MOVES,
    Membership,
    Organisation,
    OrganisationKind,
    OrganisationStatus,
    User,
)
from accounts.identity.roles import Permission
from accounts.membership.members import end_sessions
from accounts.wording import one_line, paragraphs


def create_organisation(
    *,
    name: str,
    kind: str,
    jurisdiction: str,
    actor: Actor,
    now: datetime,
    status: str = OrganisationStatus.ACTIVE,
) -> Organisation:
    """Make a tenant. Only the exchange's own admins and its host may.

    Errors: NotAllowed `permission.missing`; Invalid on a field; Conflict `organisation.name_taken`.
    """
    actor.require_over_exchange()
    if kind not in OrganisationKind.values:
        raise Invalid("This is not a kind of organisation.", code="organisation.kind_unknown", field="kind")
    if status not in (OrganisationStatus.APPLICANT, OrganisationStatus.ACTIVE):
        raise Invalid(
            "An organisation begins as applicant or active.", code="organisation.status", field="status"
        )
    organisation = Organisation(
        name=one_line(name, field="name", limit=300),
        kind=kind,
        jurisdiction=known_jurisdiction(jurisdiction),
        status=status,
        created_at=now,
    )
    with transaction.atomic():
        try:
            with transaction.atomic():
                organisation.save(force_insert=True)
        except IntegrityError:
            raise Conflict(
                "Another organisation has this name.", code="organisation.name_taken", field="name"
            ) from None
        record(
            Action.ORGANISATION_CREATED,
            actor=actor,
            subject_type="organisation",
            subject_id=organisation.id,
            organisation_id=organisation.id,
            now=now,
            facts={"name": organisation.name, "kind": kind, "jurisdiction": organisation.jurisdiction},
        )
    return organisation


def create_user(
    *,
    email: str,
    name: str,
    password: str | None,
    actor: Actor,
    now: datetime,
    language: str = "en",
) -> User:
    """Make a person, who can do nothing until they belong somewhere. No password: they cannot sign in by one.

    Errors: NotAllowed `permission.missing`; Invalid `user.email`, `user.password_weak`, `user.language` or on
    the name; Conflict `user.email_taken`.
    """
    if not actor.may(Permission.MEMBER_MANAGE):
        actor.require_over_exchange()
    user = new_user(email=email, name=name, password=password, language=language, now=now)
    return keep_user(user, actor=actor, now=now)


def new_user(*, email: str, name: str, password: str | None, language: str, now: datetime) -> User:
    """A person in memory, with the password hashed: slow on purpose, hence before any transaction.

    Errors: Invalid, as `create_user`.
    """
    user = User(
        email=plain_email(email),
        name=one_line(name, field="name", limit=300),
        language=known_language(language),
        created_at=now,
    )
    if password is None:
        user.set_unusable_password()
    else:
        set_password(user, password)
    return user


def keep_user(user: User, *, actor: Actor, now: datetime) -> User:
    """Store a person made by `new_user`. Errors: Conflict `user.email_taken`."""
    with transaction.atomic():
        try:
            with transaction.atomic():
                user.save(force_insert=True)
        except IntegrityError:
            raise Conflict(
                "A person with this e-mail address exists already.", code="user.email_taken", field="email"
            ) from None
        record(
            Action.USER_CREATED,
            actor=actor,
            subject_type="user",
            subject_id=user.id,
            organisation_id=actor.organisation_id,
            now=now,
            facts={"language": user.language},
        )
    return user


def change_profile(user: User, *, name: str, language: str, actor: Actor, now: datetime) -> User:
    """What others call the person, and their language. Errors: Invalid `user.language` or on the name."""
    wished = {"name": one_line(name, field="name", limit=300), "language": known_language(language)}
    with transaction.atomic():
        User.objects.filter(id=user.id).update(**wished)
        record(
            Action.USER_CHANGED,
            actor=actor,
            subject_type="user",
            subject_id=user.id,
            organisation_id=None,
            now=now,
            facts={"language": wished["language"]},
        )
    return User.objects.get(id=user.id)


def known_language(language: str) -> str:
    """Errors: Invalid `user.language`."""
    if language not in ("en", "fr"):
        raise Invalid("This language is not offered.", code="user.language", field="language")
    return language


def suspend_organisation(
    organisation: Organisation, *, reason: str, actor: Actor, now: datetime
) -> Organisation:
    """Stop an organisation at once. Nothing is revoked for good: rights come from its status at every use.

    Errors: NotAllowed `permission.missing`, `organisation.operator`; Invalid on the reason; Conflict
    `organisation.move`.
    """
    actor.require_over_exchange()
    if organisation.kind == OrganisationKind.OPERATOR:
        raise NotAllowed(
            "The organisation that runs the exchange cannot be suspended.", code="organisation.operator"
        )
    why = paragraphs(reason, field="reason", limit=1_000)
    with transaction.atomic():
        _move(organisation, OrganisationStatus.ACTIVE, OrganisationStatus.SUSPENDED)
        people = Membership.objects.filter(organisation=organisation, ended_at__isnull=True)
        end_sessions(people.values_list("user_id", flat=True))
        _record_organisation(Action.ORGANISATION_SUSPENDED, organisation, reason=why, actor=actor, now=now)
    return organisation


def reinstate_organisation(
    organisation: Organisation, *, reason: str = "", actor: Actor, now: datetime
) -> Organisation:
    """Let a suspended organisation act again. People sign in anew; credentials work again until they expire.

    Errors: NotAllowed `permission.missing`; Conflict `organisation.move`.
    """
    actor.require_over_exchange()
    why = paragraphs(reason, field="reason", limit=1_000, required=False)
    with transaction.atomic():
        _move(organisation, OrganisationStatus.SUSPENDED, OrganisationStatus.ACTIVE)
        _record_organisation(Action.ORGANISATION_REINSTATED, organisation, reason=why, actor=actor, now=now)
    return organisation


def _move(organisation: Organisation, origin: OrganisationStatus, target: OrganisationStatus) -> None:
    """Move from `origin` to `target`, or refuse when somebody else was faster."""
    if target not in ORGANISATION_MOVES[origin]:
        raise ValueError(f"No organisation moves from {origin} to {target}.")
    changed = Organisation.objects.filter(id=organisation.id, status=origin).update(status=target)
    if not changed:
        raise Conflict(
            f"Only an organisation that is {origin.label} can become {target.label}.",
            code="organisation.move",
        )
    organisation.status = target


def _record_organisation(
    action: Action, organisation: Organisation, *, reason: str, actor: Actor, now: datetime
) -> None:
    record(
        action,
        actor=actor,
        subject_type="organisation",
        subject_id=organisation.id,
        organisation_id=organisation.id,
        now=now,
        facts={"reason": reason},
    )


def plain_email(text: str) -> str:
    """The one spelling of an address: lower case, no white space around. Errors: Invalid `user.email`."""
    address = text.strip().lower()
    try:
        validate_email(address)
    except ValidationError:
        raise Invalid("This is not an e-mail address.", code="user.email", field="email") from None
    if len(address) > 254:
        raise Invalid("This e-mail address is too long.", code="user.email", field="email")
    return address
