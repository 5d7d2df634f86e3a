"""A publisher changes what a list states. Where that lowers a guard, two people are needed.

Words, a narrower audience, more approvals: one person, at once. A wider audience, a laxer label, fewer
approvals: (1) one person proposes it, (2) another one makes it (`accounts.dual_control.propose`); until then
the list stays as it is. What
entries mean can never change under those who have them: jurisdiction and classification scheme stay, kinds of
hashes are only added. Which keys sign is said elsewhere (`hashsets.trust.custody`).
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any, Final

from django.db import transaction

from accounts.audit.actions import Action
from accounts.audit.record import record
from accounts.dual_control.models import Proposal, ProposalKind
from accounts.dual_control.propose import Asked, make, propose
from accounts.errors import Conflict, Invalid, NotFound
from accounts.identity.acting import Actor
from accounts.identity.models import Organisation
from accounts.identity.roles import Permission
from hashsets.lists.models import Audience, HashList, ListAudience, Tlp
from hashsets.lists.statements import Statement

FIXED: Final = ("jurisdiction", "scheme", "signature_threshold")
_REACH: Final = (Audience.NAMED, Audience.KINDS, Audience.MEMBERS, Audience.PUBLIC)
_STRICTNESS: Final = (Tlp.CLEAR, Tlp.GREEN, Tlp.AMBER, Tlp.AMBER_STRICT, Tlp.RED)
_RECORDED: Final = ("audience", "tlp", "approvals_required", "hash_types")  # never words that people typed


def statement_of(hash_list: HashList) -> Statement:
    """What the list states now."""
    named = ListAudience.objects.filter(hash_list=hash_list).values_list("organisation_id", flat=True)
    return Statement(
        title=hash_list.title,
        description=hash_list.description,
        jurisdiction=hash_list.jurisdiction,
        legal_basis=hash_list.legal_basis,
        purpose=hash_list.purpose,
        tlp=hash_list.tlp,
        audience=hash_list.audience,
        audience_kinds=tuple(kind for kind in hash_list.audience_kinds.split(",") if kind),
        audience_organisations=tuple(sorted(named)),
        hash_types=tuple(hash_list.hash_types),
        scheme=hash_list.scheme,
        approvals_required=hash_list.approvals_required,
        signature_threshold=hash_list.signature_threshold,
    )


def lowers_a_guard(before: Statement, after: Statement) -> tuple[str, ...]:
    """The fields whose change lets more people read, or fewer people decide. Pure."""
    found = []
    if _widens(before, after):
        found.append("audience")
    if _STRICTNESS.index(Tlp(after.tlp)) < _STRICTNESS.index(Tlp(before.tlp)):
        found.append("tlp")
    if after.approvals_required < before.approvals_required:
        found.append("approvals_required")
    return tuple(found)


def change_list(hash_list: HashList, wanted: Statement, *, actor: Actor, now: datetime) -> Proposal | None:
    """Make the list state `wanted`: at once (None), or as a proposal that waits for a second person.

    Errors: NotFound `list.not_found`; NotAllowed `list.other_publisher`, `actor.person_needed`,
    `permission.missing`; Invalid `list.fixed`, `list.<field>`, `text.…`; Conflict `list.closed`,
    `list.nothing_changes`, `list.change_waits`.
    """
    hash_list.require_publisher(actor)
    _arranger(actor)
    wanted = wanted.checked()
    with transaction.atomic():
        locked = HashList.objects.lock(hash_list.id)
        locked.require_active()
        before = statement_of(locked)
        _check_fixed(before, wanted)
        changed = _difference(before, wanted)
        if not changed:
            raise Conflict("The list states all of this already.", code="list.nothing_changes")
        if not lowers_a_guard(before, wanted):
            _apply(locked, wanted, changed, actor=actor, now=now)
            return None
        return _propose(locked, changed, actor=actor, now=now)


def make_settings(proposal: Proposal, *, actor: Actor, now: datetime) -> HashList:
    """A second person makes a proposed change. In the caller's transaction.

    Errors: those of `accounts.dual_control.propose.make`; NotFound `proposal.not_found` when the list has
    gone to another publisher; Conflict `list.closed`; Invalid `list.<field>`.
    """
    locked = lock_of(proposal)
    make(proposal, actor=actor, now=now)
    wanted = wanted_by(proposal, statement_of(locked)).checked()
    _apply(locked, wanted, proposal.asked, actor=actor, now=now)
    locked.refresh_from_db()
    return locked


def lock_of(proposal: Proposal) -> HashList:
    """The active list that a proposal is about, locked.

    Errors: NotFound `proposal.not_found` when it is another publisher's now; Conflict `list.closed`.
    """
    locked = HashList.objects.lock(proposal.subject_id)
    if locked.organisation_id != proposal.organisation_id:
        raise NotFound("There is no such proposal.", code="proposal.not_found")
    locked.require_active()
    return locked


def wanted_by(change: Proposal, before: Statement) -> Statement:
    """What the list would state if the change were made now."""
    asked = dict(change.asked)
    if "audience_organisations" in asked:
        asked["audience_organisations"] = tuple(uuid.UUID(one) for one in asked["audience_organisations"])
    return replace(before, **asked)


def _widens(before: Statement, after: Statement) -> bool:
    reach, reached = _REACH.index(Audience(before.audience)), _REACH.index(Audience(after.audience))
    if reached > reach:
        return True
    if before.audience in (Audience.PUBLIC, Audience.MEMBERS):
        return False
    more_kinds = set(after.audience_kinds) - set(before.audience_kinds)
    more_names = set(after.audience_organisations) - set(before.audience_organisations)
    return bool(more_kinds or more_names)


def _check_fixed(before: Statement, wanted: Statement) -> None:
    for field in FIXED:
        if getattr(before, field) != getattr(wanted, field):
            raise Invalid("This cannot change after a list was made.", code="list.fixed", field=field)
    if set(before.hash_types) - set(wanted.hash_types):
        raise Invalid(
            "Kinds of hashes are only added: the list may hold some of each.",
            code="list.fixed_types",
            field="hash_types",
        )


def _difference(before: Statement, wanted: Statement) -> dict[str, Any]:
    """The fields that differ, as JSON carries them."""
    old, new = _plain(before), _plain(wanted)
    return {name: value for name, value in new.items() if value != old[name]}


def _plain(statement: Statement) -> dict[str, Any]:
    many = ("audience_kinds", "audience_organisations", "hash_types")
    return {
        name: sorted(str(one) for one in value) if name in many else value
        for name, value in asdict(statement).items()
    }


def _propose(locked: HashList, changed: Mapping[str, Any], *, actor: Actor, now: datetime) -> Proposal:
    try:
        asked = Asked(ProposalKind.LIST_SETTINGS, locked.id, dict(changed))
        change = propose(locked.organisation, asked, actor=actor, now=now)
    except Conflict:
        raise Conflict(
            "Another change of this list waits for a second person.",
            code="list.change_waits",
            advice="Make it or end it first.",
        ) from None
    _record(Action.LIST_CHANGE_PROPOSED, locked, _facts(changed), actor=actor, now=now)
    return change


def _apply(
    locked: HashList, wanted: Statement, changed: Mapping[str, Any], *, actor: Actor, now: datetime
) -> None:
    kinds = sorted(set(wanted.audience_kinds))
    HashList.objects.filter(id=locked.id).update(
        title=wanted.title,
        description=wanted.description,
        legal_basis=wanted.legal_basis,
        purpose=wanted.purpose,
        tlp=wanted.tlp,
        audience=wanted.audience,
        audience_kinds=f",{','.join(kinds)}," if kinds else "",
        hash_types=sorted(set(wanted.hash_types)),
        approvals_required=wanted.approvals_required,
    )
    if "audience_organisations" in changed:
        _name_audience(locked, set(wanted.audience_organisations))
    _record(Action.LIST_CHANGED, locked, _facts(changed), actor=actor, now=now)


def _name_audience(locked: HashList, named: set[uuid.UUID]) -> None:
    if Organisation.objects.filter(id__in=named).count() != len(named):
        raise Invalid(
            "One of these organisations is not known here.",
            code="list.audience_organisations",
            field="audience_organisations",
        )
    audience = ListAudience.objects.filter(hash_list=locked)
    known = set(audience.values_list("organisation_id", flat=True))
    audience.exclude(organisation_id__in=named).delete()
    ListAudience.objects.bulk_create(
        ListAudience(hash_list=locked, organisation_id=one) for one in sorted(named - known)
    )


def _arranger(actor: Actor) -> None:
    actor.person()
    actor.require(Permission.LIST_MANAGE)


def _facts(changed: Mapping[str, Any]) -> dict[str, Any]:
    return {"fields": sorted(changed)} | {name: changed[name] for name in _RECORDED if name in changed}


def _record(action: Action, locked: HashList, facts: dict[str, Any], *, actor: Actor, now: datetime) -> None:
    record(
        action,
        actor=actor,
        subject_type="list",
        subject_id=locked.id,
        organisation_id=locked.organisation_id,
        now=now,
        facts=facts,
    )
