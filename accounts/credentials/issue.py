"""Gives a machine a way to act for an organisation, and takes it away again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction

from accounts.audit.actions import Action
from accounts.audit.record import record
from accounts.credentials.format import MODES, TEST, digest_of, hint_of, new_key
from accounts.credentials.models import Credential
from accounts.credentials.networks import checked_networks
from accounts.errors import Conflict, Invalid, NotAllowed, NotFound
from accounts.identity.acting import Actor
from accounts.identity.models import Membership, Organisation
from accounts.identity.roles import CREDENTIAL_SCOPES, TEST_SCOPES, Permission
from accounts.wording import one_line

MAX_LIFETIME = timedelta(days=400)  # a yearly rotation, with a month to be late
MAX_OVERLAP = timedelta(days=30)


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
    networks: Iterable[str] = (),
) -> IssuedCredential:
    """Issue a key for `organisation` with `scopes`, until `expires_at`, for use from `networks` (none:
    anywhere).

    Only a person issues: they answer for what the credential does. `roll_credential` issues the next one.

    Errors: NotFound `organisation.not_found` (a stranger); NotAllowed `permission.missing`,
    `actor.person_needed`, `credential.scope_never`, `credential.scope_not_yours`; Invalid
    `credential.scope_unknown`, `credential.scopes_missing`, `credential.scope_not_in_test`,
    `credential.mode`, `credential.expiry`, `credential.network…` or on the name.
    """
    actor.require_own(organisation.id)
    actor.require(Permission.CREDENTIAL_MANAGE)
    issuer = actor.person()
    granted = _scopes(scopes, actor)
    _check_mode(mode, granted)
    _check_expiry(expires_at, now)
    credential, key = _unsaved(
        organisation, name=one_line(name, field="name", limit=100), scopes=granted, mode=mode, issuer=issuer,
        networks=checked_networks(networks), expires_at=expires_at, now=now,
    )  # fmt: skip
    with transaction.atomic():
        _require_current(issuer, organisation)
        credential.save(force_insert=True)
        _record(Action.CREDENTIAL_ISSUED, credential, actor=actor, now=now)
    return IssuedCredential(credential=credential, key=key)


def roll_credential(
    credential_id: UUID,
    *,
    expires_at: datetime,
    overlap: timedelta | None,
    actor: Actor,
    now: datetime,
) -> IssuedCredential:
    """Issue the next key for the same work; the old one ends after `overlap` (None: when it would anyway).

    Errors: NotFound `credential.not_found`, the same for absent, another organisation's and one that is over;
    Conflict `credential.rolled_already`; Invalid `credential.overlap`; and those of `issue_credential`.
    """
    actor.require(Permission.CREDENTIAL_MANAGE)
    issuer = actor.person()
    own = Credential.objects.filter(organisation_id=actor.organisation()).select_related("organisation")
    old = own.usable(now).filter(id=credential_id).first()
    if old is None:
        raise NotFound("There is no such credential.", code="credential.not_found")
    if overlap is not None and not timedelta(0) <= overlap <= MAX_OVERLAP:
        raise Invalid(
            f"The old key may stay valid for {MAX_OVERLAP.days} days at most.",
            code="credential.overlap",
            field="overlap",
        )
    granted = _scopes(old.scopes, actor)
    _check_expiry(expires_at, now)
    credential, key = _unsaved(
        old.organisation, name=old.name, scopes=granted, mode=old.mode, issuer=issuer,
        networks=old.networks, expires_at=expires_at, now=now, rolled_from=old,
    )  # fmt: skip
    with transaction.atomic():
        _require_current(issuer, old.organisation)
        # Of two people who roll it at once one wins: the first update changes what the second looks for.
        ends = old.expires_at if overlap is None else min(old.expires_at, now + overlap)
        unrolled = own.usable(now).filter(id=old.id, rolled_to__isnull=True, expires_at=old.expires_at)
        if not Credential.objects.filter(id__in=unrolled.values("id")).update(expires_at=ends):
            raise Conflict("This credential has a successor already.", code="credential.rolled_already")
        credential.save(force_insert=True)
        _record(Action.CREDENTIAL_ROLLED, credential, actor=actor, now=now, old_ends_at=ends.isoformat())
    return IssuedCredential(credential=credential, key=key)


def _unsaved(
    organisation: Organisation,
    *,
    name: str,
    scopes: Iterable[Permission],
    mode: str,
    issuer: UUID,
    networks: list[str],
    expires_at: datetime,
    now: datetime,
    rolled_from: Credential | None = None,
) -> tuple[Credential, str]:
    key = new_key(mode)
    credential = Credential(
        organisation=organisation,
        name=name,
        mode=mode,
        hint=hint_of(key),
        digest=digest_of(key),
        scopes=[scope.value for scope in scopes],
        networks=networks,
        issued_by_id=issuer,
        created_at=now,
        expires_at=expires_at,
        rolled_from=rolled_from,
    )
    return credential, key


def _record(action: Action, credential: Credential, *, actor: Actor, now: datetime, **more: str) -> None:
    record(
        action,
        actor=actor,
        subject_type="credential",
        subject_id=credential.id,
        organisation_id=credential.organisation_id,
        now=now,
        facts={
            "name": credential.name,
            "mode": credential.mode,
            "scopes": list(credential.scopes),
            "networks": len(credential.networks),
            "expires_at": credential.expires_at.isoformat(),
            "rolled_from": str(credential.rolled_from_id) if credential.rolled_from_id else None,
            **more,
        },
    )


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


def _check_mode(mode: str, scopes: Iterable[Permission]) -> None:
    if mode not in MODES:
        raise Invalid("The mode is live or test.", code="credential.mode", field="mode")
    if mode == TEST and not set(scopes) <= TEST_SCOPES:
        raise Invalid(
            "A test key reaches the sandbox lists only and cannot be given this scope.",
            code="credential.scope_not_in_test",
            field="scopes",
            advice=f"Choose out of: {', '.join(sorted(TEST_SCOPES))}.",
        )


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
