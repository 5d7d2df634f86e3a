"""A member states that it applied a release (level *applied*). A root that differs is an alarm, never a
detail."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction

from accounts.audit.actions import Action
from accounts.audit.record import record
from accounts.errors import Conflict, Invalid, NotFound
from accounts.identity.acting import Actor
from accounts.identity.roles import Permission
from exchange.sharing.models import Confirmation, Subscription
from hashsets.lists.models import HashList
from hashsets.releases.models import Release

logger = logging.getLogger(__name__)

_ROOT = re.compile(r"[0-9a-f]{64}")
CLOCK_SLACK = timedelta(minutes=10)


def confirm_release(
    hash_list_id: str,
    *,
    release: int,
    state_root: str,
    hash_types: Sequence[str],
    applied_at: datetime,
    actor: Actor,
    now: datetime,
) -> Confirmation:
    """Store the statement "applied `release`, my state root is `state_root`"; it confirms all releases
    before as well.

    The same statement again returns the first one. `matches` says whether the root equals the published
    one: a difference is stored and audited all the same, because a member that applied something else must
    be seen.

    Errors: NotAllowed `permission.missing`; NotFound `list.not_found`, `release.not_found`; Conflict
    `subscription.required`; Invalid `confirmation.…`.
    """
    actor.require(Permission.RELEASE_CONFIRM)
    hash_list = HashList.objects.seen(hash_list_id, actor)
    if not Subscription.objects.of(actor).filter(hash_list=hash_list, ended_at__isnull=True).exists():
        raise Conflict(
            "Only subscribers confirm releases.",
            code="subscription.required",
            advice="Subscribe to the list first.",
        )
    types = _checked(state_root, hash_types, applied_at, hash_list=hash_list, now=now)
    published = Release.objects.filter(hash_list=hash_list, number=release).first()
    if published is None:
        raise NotFound("There is no such release.", code="release.not_found", field="release")
    statement = Confirmation(
        organisation_id=actor.organisation(),
        hash_list=hash_list,
        release=release,
        state_root=state_root,
        hash_types=types,
        matches=state_root == published.state_root,
        applied_at=applied_at,
        received_at=now,
        credential_id=actor.credential_id,
    )
    return _stored(statement, actor=actor, now=now)


def _checked(
    state_root: str, hash_types: Sequence[str], applied_at: datetime, *, hash_list: HashList, now: datetime
) -> list[str]:
    if not _ROOT.fullmatch(state_root):
        raise Invalid(
            "A state root is 64 lower-case hexadecimal digits.", code="confirmation.root", field="state_root"
        )
    types = sorted(set(hash_types))
    if not types or not set(types) <= set(hash_list.hash_types):
        known = ", ".join(hash_list.hash_types)
        raise Invalid(
            f"Name the hash types that were applied, out of: {known}.",
            code="confirmation.types",
            field="hash_types",
        )
    if applied_at.tzinfo is None or applied_at > now + CLOCK_SLACK:
        raise Invalid(
            "The time of applying must carry its offset and not lie in the future.",
            code="confirmation.time",
            field="applied_at",
            advice="Check the clock of the machine that applies the list.",
        )
    return types


def _stored(statement: Confirmation, *, actor: Actor, now: datetime) -> Confirmation:
    same = Confirmation.objects.filter(
        organisation_id=statement.organisation_id,
        hash_list_id=statement.hash_list_id,
        release=statement.release,
        state_root=statement.state_root,
    )
    if (earlier := same.first()) is not None:
        return earlier
    with transaction.atomic():
        # (1) Of two equal statements at the same moment the constraint lets one through. The list's row is
        # not locked: a thousand members confirm within seconds, and the publisher must not wait for them.
        try:
            with transaction.atomic():
                statement.save(force_insert=True)
        except IntegrityError:
            return same.get()
        # (2) A mismatch has its own verb, so that an alarm can be raised from the chain alone.
        record(
            Action.CONFIRMATION_RECEIVED if statement.matches else Action.CONFIRMATION_MISMATCHED,
            actor=actor,
            subject_type="list",
            subject_id=statement.hash_list_id,
            organisation_id=statement.organisation_id,
            now=now,
            facts={"release": statement.release, "state_root": statement.state_root},
        )
    if not statement.matches:
        logger.error(
            "A member's state root differs from the published one.",
            extra={"list": statement.hash_list_id, "release": statement.release},
        )
    return statement
