"""Gives a machine a way to act for an organisation, and takes it away again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction

from accounts.audit.actions import Action
from accounts.audit.record import record
from accounts.credentials.format import MODES, digest_of, hint_of, new_key
from accounts.credentials.models import Credential
from accounts.errors import Conflict, Invalid, NotAllowed, NotFound
from accounts.identity.acting import Actor
from accounts.identity.models import Membership, Organisation
from accounts.identity.roles import CREDENTIAL_SCOPES, Permission
from accounts.wording import one_line

MAX_LIFETIME = timedelta(days=400)  # a yearly rotation, with a month to be late


@dataclass(frozen=True, slots=True)
class IssuedCredential:
    """The credential and its key, which is shown this once and can never be read again."""

    credential: Credential
    key: str = field(repr=False)


def issue_credential(
    organisation: Organisation,
    *,
    name: str,
    scopes: Iterable[str],
    mode: str,
    expires_at: datetime,
    actor: Actor,
    now: datetime,
) -> IssuedCredential:
    """Issue a key for `organisation` with `scopes`, until `expires_at`.

    Only a person issues: they answer for what the credential does. Rolling a key over is issuing the next one
    and revoking the old one later.

    Errors: NotFound `organisation.not_found` (a stranger); NotAllowed `permission.missing`,
    `actor.person_needed`, `credential.scope_never`, `credential.scope_not_yours`; Invalid
    `credential.scope_unknown`, `credential.scopes_missing`, `credential.mode`, `credential.expiry` or on the
    name.
    """
    actor.require_own(organisation.id)
    actor.require(Permission.CREDENTIAL_MANAGE)
    issuer = actor.person()
    granted = _scopes(scopes, actor)
    if mode not in MODES:
        raise Invalid("The mode is live or test.", code="credential.mode", field="mode")
    _check_expiry(expires_at, now)
    key = new_key(mode)
    credential = Credential(
        organisation=organisation,
        name=one_line(name, field="name", limit=100),
        mode=mode,
        hint=hint_of(key),
        digest=digest_of(key),
        scopes=[scope.value for scope in granted],
        issued_by_id=issuer,
        created_at=now,
        expires_at=expires_at,
    )
    with transaction.atomic():
        _require_current(issuer, organisation)
        credential.save(force_insert=True)
        record(
            Action.CREDENTIAL_ISSUED,
            actor=actor,
            subject_type="credential",
            subject_id=credential.id,
            organisation_id=organisation.id,
            now=now,
            facts={
                "name": credential.name,
                "mode": mode,
                "scopes": list(credential.scopes),
                "expires_at": expires_at.isoformat(),
            },
        )
    return IssuedCredential(credential=credential, key=key)


def revoke_credential(credential_id: UUID, *, actor: Actor, now: datetime) -> Credential:
    """End a credential for good, with the commit. The exchange's admins may, so that a leak can be stopped.

    Errors: NotFound `credential.not_found`, the same for absent and another organisation's; NotAllowed
    `permission.missing`; Conflict `credential.already_revoked`.
    """
    with transaction.atomic():
        credential = Credential.objects.filter(id=credential_id).select_related("organisation").first()
        own = credential is not None and credential.organisation_id == actor.organisation_id
        if credential is None or not (own or actor.is_over_exchange):
            raise NotFound("There is no such credential.", code="credential.not_found")
        if not actor.is_over_exchange:
            actor.require(Permission.CREDENTIAL_MANAGE)
        changed = Credential.objects.filter(id=credential_id, revoked_at__isnull=True).update(revoked_at=now)
        if not changed:
            raise Conflict("This credential is revoked already.", code="credential.already_revoked")
        credential.revoked_at = now
        record(
            Action.CREDENTIAL_REVOKED,
            actor=actor,
            subject_type="credential",
            subject_id=credential.id,
            organisation_id=credential.organisation_id,
            now=now,
            facts={"name": credential.name},
        )
    return credential


def _scopes(scopes: Iterable[str], actor: Actor) -> list[Permission]:
    """The scopes by name, once each; nobody hands out what they neither hold nor administer."""
    known = {permission.value for permission in Permission}
    names = {str(scope) for scope in scopes}
    if not names:
        raise Invalid("Choose at least one scope.", code="credential.scopes_missing", field="scopes")
    if not names <= known:
        raise Invalid("There is no such scope.", code="credential.scope_unknown", field="scopes")
    wanted = {Permission(name) for name in names}
    if not wanted <= CREDENTIAL_SCOPES:
        raise NotAllowed(
            "A credential can never be given this scope: it belongs to people.",
            code="credential.scope_never",
            field="scopes",
        )
    # An admin arranges who may act, for machines as for people; others pass on what they hold themselves.
    grantable = CREDENTIAL_SCOPES if actor.may(Permission.MEMBER_MANAGE) else actor.permissions
    if not wanted <= grantable:
        raise NotAllowed(
            "You can give a credential only what you may do yourself.",
            code="credential.scope_not_yours",
            field="scopes",
            advice="Ask an admin of your organisation to issue this credential.",
        )
    return sorted(wanted)


def _check_expiry(expires_at: datetime, now: datetime) -> None:
    if expires_at.tzinfo is None or not now < expires_at <= now + MAX_LIFETIME:
        raise Invalid(
            f"A credential ends within {MAX_LIFETIME.days} days, and not in the past.",
            code="credential.expiry",
            field="expires_at",
        )


def _require_current(issuer: UUID, organisation: Organisation) -> None:
    """Ask again inside the transaction: the actor was computed before, and the key would outlive it."""
    members = Membership.objects.current().filter(user_id=issuer, organisation=organisation)
    if not members.exists():
        raise NotAllowed("You no longer belong to this organisation.", code="permission.missing")
