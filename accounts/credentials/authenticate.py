"""Turns a presented key into an Actor, from rows at every use: revocation and suspension act at once."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Q

from accounts.credentials.format import LIVE, digest_of, is_well_formed
from accounts.credentials.models import Credential
from accounts.credentials.networks import is_within
from accounts.errors import Unauthenticated
from accounts.identity.acting import Actor, ActorKind
from accounts.identity.models import Membership
from accounts.identity.roles import CREDENTIAL_SCOPES, TEST_SCOPES, TWO_PERSON_SCOPES, Permission

_USE_NOTED_EVERY = timedelta(minutes=1)


def actor_for_key(key: str, *, now: datetime, address: str = "") -> Actor:
    """The actor that `key` stands for; `address` is the network address it comes from.

    The message is the same for every refusal, and unknown and revoked cost the same one query. It finds by
    digest, so no comparison of secrets could be timed. `code` is for our own logs.

    Errors: Unauthenticated `credential.unknown`, `credential.revoked`, `credential.expired`,
    `credential.organisation_suspended`, `credential.issuer_left`, `credential.elsewhere`.
    """
    if not is_well_formed(key):
        raise _refusal("unknown")
    credential = Credential.objects.filter(digest=digest_of(key)).select_related("organisation").first()
    if credential is None:
        raise _refusal("unknown")
    if credential.revoked_at is not None:
        raise _refusal("revoked")
    if credential.expires_at <= now:
        raise _refusal("expired")
    if not credential.organisation.is_active:
        raise _refusal("organisation_suspended")
    place = _issuers_place(credential)
    if place is None:
        raise _refusal("issuer_left")
    # Last, so that a copied key that is used elsewhere does not look like one that is used.
    if credential.networks and not is_within(address, credential.networks):
        raise _refusal("elsewhere")
    _note_use(credential, now)
    return _actor(credential, place)


def _issuers_place(credential: Credential) -> Membership | None:
    """The place that the issuer never left since: someone who left and came back issues anew."""
    membership = Membership.objects.current().filter(
        user_id=credential.issued_by_id,
        organisation_id=credential.organisation_id,
        created_at__lte=credential.created_at,
    )
    return membership.first()


def _refusal(reason: str) -> Unauthenticated:
    return Unauthenticated(
        "This credential is not valid.",
        code=f"credential.{reason}",
        advice="Check the key, or ask an admin of your organisation for a new one.",
    )


def _note_use(credential: Credential, now: datetime) -> None:
    """Keep when it was used last; at most once a minute, because a write per request would be a queue."""
    threshold = now - _USE_NOTED_EVERY
    if credential.last_used_at is not None and credential.last_used_at > threshold:
        return
    long_ago = Q(last_used_at__isnull=True) | Q(last_used_at__lte=threshold)
    Credential.objects.filter(long_ago, id=credential.id).update(last_used_at=now)


def _actor(credential: Credential, place: Membership) -> Actor:
    """Scopes as issued, but never beyond what credentials may hold today; unknown names give nothing. What
    makes a side of an act that takes two people is left out while one person alone stands behind the issuer.
    """
    known = {permission.value for permission in Permission}
    scopes = {Permission(name) for name in credential.scopes if name in known}
    if not place.confirms(Permission.CREDENTIAL_MANAGE):
        scopes -= TWO_PERSON_SCOPES
    is_test = credential.mode != LIVE
    return Actor(
        kind=ActorKind.CREDENTIAL,
        organisation_id=credential.organisation_id,
        organisation_kind=credential.organisation.kind,
        person_id=credential.issued_by_id,
        credential_id=credential.id,
        label=credential.name,
        permissions=credential.organisation.leaves((TEST_SCOPES if is_test else CREDENTIAL_SCOPES) & scopes),
        is_test=is_test,
    )
