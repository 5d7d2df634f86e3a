"""A publisher sets up a list: what it states, the labels it uses and the keys that may sign it."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import transaction

from accounts.audit.actions import Action
from accounts.audit.facts import Fact
from accounts.audit.record import record
from accounts.errors import Conflict, Invalid, NotAllowed
from accounts.identity.acting import Actor
from accounts.identity.models import Organisation, OrganisationStatus
from accounts.identity.roles import Permission
from accounts.signing_keys.models import Custody, SigningKey, SigningKeyStatus
from accounts.wording import one_line
from hashsets.core.schemes import scheme as scheme_called
from hashsets.lists.models import (
    Audience,
    Classification,
    HashList,
    ListAudience,
    ListSigningKey,
    Sandbox,
)
from hashsets.lists.statements import Statement

MAX_CODES: Final = 255  # one byte in every entry; 0 means "not classified"
# A label is written in CSV cells and shown in spreadsheets: no separators, no quotes, nothing a formula
# starts with.
_LABEL: Final = re.compile(r"[^\W_][\w .+/()&-]{0,63}")


def create_list(
    organisation: Organisation,
    *,
    title: str,
    description: str,
    jurisdiction: str,
    legal_basis: str,
    purpose: str,
    tlp: str,
    audience: str,
    audience_kinds: Collection[str],
    audience_organisations: Collection[UUID],
    hash_types: Collection[str],
    scheme: str,
    approvals_required: int,
    signature_threshold: int,
    actor: Actor,
    now: datetime,
) -> HashList:
    """A new list of `organisation`, with the labels of its classification scheme. `audience_organisations`
    are ids.

    Errors: NotAllowed `permission.missing`, `list.other_publisher`, `organisation.not_active`; Invalid
    `list.<field>`, `text.…`, `jurisdiction.unknown`.
    """
    statement = Statement(
        title=title,
        description=description,
        jurisdiction=jurisdiction,
        legal_basis=legal_basis,
        purpose=purpose,
        tlp=tlp,
        audience=audience,
        audience_kinds=audience_kinds,
        audience_organisations=audience_organisations,
        hash_types=hash_types,
        scheme=scheme,
        approvals_required=approvals_required,
        signature_threshold=signature_threshold,
    )
    actor.require(Permission.LIST_MANAGE)
    if actor.organisation() != organisation.id:
        raise NotAllowed("Lists are made by the people of the publisher itself.", code="list.other_publisher")
    statement = statement.checked()
    with transaction.atomic():
        # Asked again inside: a suspension may have come since the actor was computed.
        if not Organisation.objects.filter(id=organisation.id, status=OrganisationStatus.ACTIVE).exists():
            raise NotAllowed("This organisation is not active.", code="organisation.not_active")
        hash_list = _insert(organisation, statement, now)
        record(
            Action.LIST_CREATED,
            actor=actor,
            subject_type="list",
            subject_id=hash_list.id,
            organisation_id=organisation.id,
            now=now,
            facts={
                "audience": hash_list.audience,
                "tlp": hash_list.tlp,
                "hash_types": list(hash_list.hash_types),
                "scheme": hash_list.scheme,
                "approvals_required": hash_list.approvals_required,
                "signature_threshold": hash_list.signature_threshold,
            },
        )
    return hash_list


def _insert(organisation: Organisation, statement: Statement, now: datetime) -> HashList:
    kinds = sorted(set(statement.audience_kinds))
    hash_list = HashList.objects.create(
        organisation=organisation,
        title=statement.title,
        description=statement.description,
        jurisdiction=statement.jurisdiction,
        legal_basis=statement.legal_basis,
        purpose=statement.purpose,
        tlp=statement.tlp,
        audience=statement.audience,
        audience_kinds=f",{','.join(kinds)}," if kinds else "",
        hash_types=sorted(set(statement.hash_types)),
        scheme=statement.scheme,
        approvals_required=statement.approvals_required,
        signature_threshold=statement.signature_threshold,
        created_at=now,
    )
    Classification.objects.bulk_create(
        Classification(hash_list=hash_list, code=label.code, label=label.name, meaning=label.title)
        for label in scheme_called(statement.scheme).labels
    )
    named = sorted(set(statement.audience_organisations))
    if Organisation.objects.filter(id__in=named).count() != len(named):
        raise Invalid(
            "One of these organisations is not known here.",
            code="list.audience_organisations",
            field="audience_organisations",
        )
    ListAudience.objects.bulk_create(
        ListAudience(hash_list=hash_list, organisation_id=organisation_id) for organisation_id in named
    )
    return hash_list


def add_classification(
    hash_list: HashList, *, label: str, meaning: str, actor: Actor, now: datetime
) -> Classification:
    """Give a label the list's next code. Codes are never reused or renamed: old segments hold them.

    Errors: as `create_list`; NotFound `list.not_found`; Invalid `list.label`; Conflict `list.label_taken`,
    `list.labels_full`, `list.closed`.
    """
    actor.require(Permission.LIST_MANAGE)
    hash_list.require_publisher(actor)
    label = label.strip()
    if not _LABEL.fullmatch(label):
        raise Invalid(
            "A label has at most 64 letters, digits, spaces and . + / ( ) & - and starts with a letter "
            "or a digit.",
            code="list.label",
            field="label",
        )
    meaning = one_line(meaning, field="meaning", limit=300, required=False)
    with transaction.atomic():
        locked = HashList.objects.lock(hash_list.id)
        locked.require_active()
        known = list(locked.classifications.all())
        # Without regard to case, because cells are read that way.
        if any(classification.label.casefold() == label.casefold() for classification in known):
            raise Conflict("The list has this label already.", code="list.label_taken", field="label")
        code = max((classification.code for classification in known), default=0) + 1
        if code > MAX_CODES:
            raise Conflict(f"A list has at most {MAX_CODES} labels.", code="list.labels_full")
        added = Classification.objects.create(hash_list=locked, code=code, label=label, meaning=meaning)
        _record_change(locked, actor, now, {"classification_code": code})
    return added


def mark_sandbox(hash_list: HashList, *, kind: str, actor: Actor, now: datetime) -> None:
    """Say that a list is one of the exchange's sandbox lists. Only while nothing has been released: what is
    in force somewhere cannot become a plaything. Marking it again changes nothing.

    Errors: as `add_classification`; Invalid `list.sandbox`; Conflict `list.released`.
    """
    actor.require(Permission.LIST_MANAGE)
    hash_list.require_publisher(actor)
    if kind not in Sandbox.values or not actor.is_operator:
        raise Invalid("Sandbox lists are the operator's, of a known kind.", code="list.sandbox")
    with transaction.atomic():
        locked = HashList.objects.lock(hash_list.id)
        if locked.sandbox == kind:
            return
        if locked.latest_release or locked.audience != Audience.PUBLIC:
            raise Conflict("Only a new, public list can become a sandbox.", code="list.released")
        locked.sandbox = kind
        locked.save(update_fields=["sandbox"])
        _record_change(locked, actor, now, {"sandbox": kind})


def entitle_key(
    hash_list: HashList, signing_key: SigningKey, *, actor: Actor, now: datetime
) -> ListSigningKey:
    """Let one of the publisher's own active keys sign this list's releases. Entitling it again changes
    nothing.

    Signed metadata does not know of it until the list's repository is opened or delegated anew (trust).

    Errors: as `add_classification`; Conflict `key.not_active`, `list.hosted_key_alone`,
    `list.signers_named` once the list has a rule that officers know of.
    """
    actor.require(Permission.LIST_MANAGE)
    hash_list.require_publisher(actor)
    with transaction.atomic():
        locked = HashList.objects.lock(hash_list.id)
        locked.require_active()
        key = SigningKey.objects.filter(id=signing_key.id, organisation_id=locked.organisation_id).first()
        if key is None or key.status != SigningKeyStatus.ACTIVE:
            raise Conflict(
                "Only an active key of the publisher itself can sign its lists.",
                code="key.not_active",
                advice="Register the key, and have a second person confirm it.",
            )
        others = [signer.signing_key for signer in locked.signers.select_related("signing_key")]
        if key in others:
            return locked.signers.get(signing_key=key)
        if HashList.objects.filter(id=locked.id, repository__isnull=False).exists():
            # Its rule was put before the officers: another key now is a lower guard, which takes two people.
            raise Conflict(
                "The signers of this list are named already.",
                code="list.signers_named",
                advice="Name all of its signers anew; a second admin confirms that.",
            )
        _require_no_hosted_mix(locked, key, others)
        entitled = ListSigningKey.objects.create(hash_list=locked, signing_key=key)
        record(
            Action.LIST_KEY_ENTITLED,
            actor=actor,
            subject_type="list",
            subject_id=locked.id,
            organisation_id=locked.organisation_id,
            now=now,
            facts={"keyid": key.keyid, "custody": key.custody},
        )
    return entitled


def _require_no_hosted_mix(hash_list: HashList, key: SigningKey, others: Collection[SigningKey]) -> None:
    """A hosted key stands alone with threshold 1: beside others it would lend them the exchange's
    weakness.
    """
    hosted = [other for other in (*others, key) if other.custody == Custody.HOSTED]
    if hosted and (others or hash_list.signature_threshold > 1):
        raise Conflict(
            "A list with a hosted key has that one key and needs one signature.",
            code="list.hosted_key_alone",
            advice="Sign with keys of your own, or lower the number of signatures to one.",
        )


def _record_change(hash_list: HashList, actor: Actor, now: datetime, facts: Mapping[str, Fact]) -> None:
    record(
        Action.LIST_CHANGED,
        actor=actor,
        subject_type="list",
        subject_id=hash_list.id,
        organisation_id=hash_list.organisation_id,
        now=now,
        facts=facts,
    )
