"""One table: which role may do what. Nothing else in the project decides on rights by role name."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum


class Permission(StrEnum):
    """A right inside one organisation (or, for the operator's staff, over the exchange)."""

    LIST_VIEW = "list.view"
    LIST_MANAGE = "list.manage"
    SUBMISSION_CREATE = "submission.create"
    SUBMISSION_APPROVE = "submission.approve"
    RELEASE_SIGN = "release.sign"
    SUBSCRIPTION_MANAGE = "subscription.manage"
    ENDPOINT_MANAGE = "endpoint.manage"
    RELEASE_CONFIRM = "release.confirm"
    CREDENTIAL_MANAGE = "credential.manage"
    KEY_MANAGE = "key.manage"
    MEMBER_MANAGE = "member.manage"
    AUDIT_READ = "audit.read"
    ORGANISATION_MANAGE = "organisation.manage"
    CEREMONY_RUN = "ceremony.run"
    SYSTEM_VIEW = "system.view"


class Role(StrEnum):
    """What a person is in an organisation; the operator's staff have roles of their own."""

    ADMIN = "admin"
    CONTRIBUTOR = "contributor"
    APPROVER = "approver"
    SIGNER = "signer"
    INTEGRATOR = "integrator"
    VIEWER = "viewer"
    AUDITOR = "auditor"
    EXCHANGE_ADMIN = "exchange-admin"
    OFFICER = "officer"


_P = Permission

PERMISSIONS: dict[Role, frozenset[Permission]] = {
    # An admin arranges who may act; acting on content (submitting, approving, signing) is given separately,
    # so that one stolen admin account cannot walk a list through alone.
    Role.ADMIN: frozenset(
        {
            _P.LIST_VIEW,
            _P.LIST_MANAGE,
            _P.SUBSCRIPTION_MANAGE,
            _P.ENDPOINT_MANAGE,
            _P.CREDENTIAL_MANAGE,
            _P.KEY_MANAGE,
            _P.MEMBER_MANAGE,
            _P.AUDIT_READ,
        }
    ),
    Role.CONTRIBUTOR: frozenset({_P.LIST_VIEW, _P.SUBMISSION_CREATE}),
    Role.APPROVER: frozenset({_P.LIST_VIEW, _P.SUBMISSION_APPROVE}),
    Role.SIGNER: frozenset({_P.LIST_VIEW, _P.RELEASE_SIGN}),
    Role.INTEGRATOR: frozenset(
        {_P.LIST_VIEW, _P.SUBSCRIPTION_MANAGE, _P.ENDPOINT_MANAGE, _P.RELEASE_CONFIRM, _P.CREDENTIAL_MANAGE}
    ),
    Role.VIEWER: frozenset({_P.LIST_VIEW}),
    Role.AUDITOR: frozenset({_P.LIST_VIEW, _P.AUDIT_READ}),
    Role.EXCHANGE_ADMIN: frozenset({_P.LIST_VIEW, _P.ORGANISATION_MANAGE, _P.AUDIT_READ, _P.SYSTEM_VIEW}),
    Role.OFFICER: frozenset({_P.LIST_VIEW, _P.CEREMONY_RUN, _P.SYSTEM_VIEW}),
}

OPERATOR_ROLES = frozenset({Role.EXCHANGE_ADMIN, Role.OFFICER})

# Roles that may be either side of an act that takes two people: a place has them only once a second person
# has confirmed it. Otherwise one admin invites a mailbox of their own, and is both people.
TWO_PERSON_ROLES = frozenset(
    {Role.ADMIN, Role.CONTRIBUTOR, Role.APPROVER, Role.SIGNER, Role.EXCHANGE_ADMIN, Role.OFFICER}
)
# An integrator works at once, so that a small company can connect its systems; what of it may be a side of an
# act that takes two people (keys that submit or sign, agreeing about endpoints) waits for the confirmation.
CONFIRMED_ROLES = TWO_PERSON_ROLES | {Role.INTEGRATOR}

# What a credential may ever be given: never approval, never rights over people or other credentials.
CREDENTIAL_SCOPES: frozenset[Permission] = frozenset(
    {
        _P.LIST_VIEW,
        _P.SUBMISSION_CREATE,
        _P.RELEASE_SIGN,
        _P.SUBSCRIPTION_MANAGE,
        _P.ENDPOINT_MANAGE,
        _P.RELEASE_CONFIRM,
        _P.AUDIT_READ,
    }
)

# Scopes whose holder is a side of an act that takes two people: only a place that two people stand behind
# gives them to a key.
TWO_PERSON_SCOPES: frozenset[Permission] = frozenset({_P.SUBMISSION_CREATE, _P.RELEASE_SIGN})

# What a test key may be given: to read, follow and confirm the sandbox lists.
TEST_SCOPES: frozenset[Permission] = frozenset({_P.LIST_VIEW, _P.SUBSCRIPTION_MANAGE, _P.RELEASE_CONFIRM})
# What stays while an organisation is read-only. Confirming stays, because what is withdrawn must still reach
# it and be seen to; arranging people stays, because only an admin can end the state.
READ_ONLY: frozenset[Permission] = frozenset(
    {_P.LIST_VIEW, _P.AUDIT_READ, _P.RELEASE_CONFIRM, _P.MEMBER_MANAGE}
)
# What a condition of approval may take away: acts that reach others.
BLOCKABLE: tuple[Permission, ...] = (
    _P.LIST_MANAGE,
    _P.SUBMISSION_CREATE,
    _P.SUBMISSION_APPROVE,
    _P.RELEASE_SIGN,
    _P.SUBSCRIPTION_MANAGE,
    _P.ENDPOINT_MANAGE,
    _P.CREDENTIAL_MANAGE,
    _P.KEY_MANAGE,
)


def permissions_of(roles: Iterable[str]) -> frozenset[Permission]:
    """The union of what `roles` allow; unknown names give nothing (a removed role must fail closed)."""
    known = {role.value for role in Role}
    return frozenset().union(*(PERMISSIONS[Role(name)] for name in roles if name in known))
