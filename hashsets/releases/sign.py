"""The publisher's signatures: what makes a release theirs and not the exchange's.

The signed bytes are those of the open draft, shown to every signer. Only valid signatures of entitled,
active keys are kept, each with an audit event; with enough of them the draft is signed and its bytes are
frozen.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime

from django.db import transaction

from accounts.audit.actions import Action
from accounts.audit.record import record
from accounts.errors import Conflict, Invalid, NotFound
from accounts.identity.acting import Actor
from accounts.identity.roles import Permission
from accounts.signing_keys.models import Custody, SigningKey
from hashsets.intake.models import Submission, SubmissionState
from hashsets.lists.models import HashList
from hashsets.releases.models import Draft, DraftSignature, DraftState
from hashsets.trust import list_role
from hashsets.trust.hosted import sign_hosted
from hashsets.trust.list_role import TargetFacts
from hashsets.trust.repository import delegation_bytes
from hashsets.trust.signers import entitled_keys


def sign_with_hosted_key(draft_id: uuid.UUID, *, actor: Actor, now: datetime) -> Draft:
    """Have the exchange sign with the organisation's hosted key, on the word of a person or credential
    that may sign.

    Errors: as `add_signature`; Conflict `key.none_hosted`.
    """
    draft = Draft.objects.seen(draft_id, actor)
    actor.require(Permission.RELEASE_SIGN)
    key = entitled_keys(draft.hash_list_id).filter(custody=Custody.HOSTED).first()
    if key is None:
        raise Conflict(
            "This list has no hosted key; its signers sign with keys of their own.",
            code="key.none_hosted",
            advice="Sign with `hashx sign`, or upload a detached signature.",
        )
    _require_open(draft)
    return _keep(draft, key, sign_hosted(key, bytes(draft.signed_part)), actor=actor, now=now)


def add_signature(draft_id: uuid.UUID, *, keyid: str, signature: str, actor: Actor, now: datetime) -> Draft:
    """Keep a detached signature (hex, as TUF metadata carries it) over the draft's signed part.

    The same key signing again is fine and changes nothing. A hosted key never signs this way.

    Errors: NotFound `draft.not_found`; NotAllowed `permission.missing`; Conflict `draft.not_open`,
    `key.not_entitled`; Invalid `signature.invalid`.
    """
    draft = Draft.objects.seen(draft_id, actor)
    actor.require(Permission.RELEASE_SIGN)
    key = entitled_keys(draft.hash_list_id).filter(keyid=keyid, custody=Custody.OWN).first()
    if key is None:
        raise _not_entitled()
    _require_open(draft)
    return _keep(draft, key, signature.lower(), actor=actor, now=now)


def draft_to_sign(submission: Submission) -> Draft:
    """The submission's draft that is ready to be read and signed. Errors: NotFound `draft.not_found`."""
    found = submission.drafts.filter(state__in=[DraftState.OPEN, DraftState.SIGNED]).first()
    if found is None:
        raise NotFound(
            "There is nothing to sign for this submission.",
            code="draft.not_found",
            advice="A draft exists once the submission is approved and its release is built.",
        )
    return found


def draft_file(draft: Draft, name: str) -> TargetFacts:
    """Length and digest of one file that the draft's signed part names, by base name.

    Errors: NotFound `draft.no_file`.
    """
    named = list_role.read_targets(list_role.assemble(bytes(draft.signed_part), {}))
    facts = named.get(f"{draft.hash_list_id}/{name}")
    if facts is None:
        raise NotFound("This draft names no such file.", code="draft.no_file")
    return facts


def signatures_of(draft: Draft) -> dict[str, str]:
    """The kept signatures (hex) by key id, of keys that may still sign: a revoked key's no longer count."""
    entitled = entitled_keys(draft.hash_list_id)
    rows = DraftSignature.objects.filter(draft=draft, signing_key__in=entitled).select_related("signing_key")
    return {row.signing_key.keyid: row.signature for row in rows}


def is_enough(draft: Draft, signatures: Mapping[str, str]) -> bool:
    """Whether the publisher's rule, as the officers have signed it, is met."""
    delegation = delegation_bytes(draft.hash_list_id)
    valid = list_role.valid_signatures(delegation, bytes(draft.signed_part), signatures)
    return len(valid) >= list_role.threshold(delegation)


def _keep(draft: Draft, key: SigningKey, signature: str, *, actor: Actor, now: datetime) -> Draft:
    """Check the signature, then keep it: (1) outside the lock, (2) the row, (3) frozen when enough, (4)
    the event.
    """
    if key.keyid not in _valid(draft, {key.keyid: signature}):
        raise Invalid(
            "This is not a valid signature of this key over this draft.",
            code="signature.invalid",
            field="signature",
            advice="Sign exactly the bytes of `signed_part`; ECDSA signatures are DER in hex.",
        )
    with transaction.atomic():
        HashList.objects.lock(draft.hash_list_id)
        draft = Draft.objects.select_related("submission").get(id=draft.id)
        if DraftSignature.objects.filter(draft=draft, signing_key=key).exists():
            return draft
        _require_open(draft)
        if not entitled_keys(draft.hash_list_id).filter(id=key.id).exists():
            raise _not_entitled()
        DraftSignature.objects.create(
            draft=draft,
            organisation_id=draft.organisation_id,
            signing_key=key,
            signature=signature,
            person_id=actor.person_id,
            credential_id=actor.credential_id,
            signed_at=now,
        )
        complete = is_enough(draft, signatures_of(draft))
        if complete:
            Draft.objects.filter(id=draft.id, state=DraftState.OPEN).update(
                state=DraftState.SIGNED, signed_at=now
            )
        _record(draft, key, complete=complete, actor=actor, now=now)
    draft.refresh_from_db()
    return draft


def _record(draft: Draft, key: SigningKey, *, complete: bool, actor: Actor, now: datetime) -> None:
    record(
        Action.DRAFT_SIGNED,
        actor=actor,
        subject_type="draft",
        subject_id=draft.id,
        organisation_id=draft.organisation_id,
        now=now,
        facts={
            "list_id": draft.hash_list_id,
            "submission_id": draft.submission_id,
            "release": draft.number,
            "manifest_sha256": draft.manifest_sha256,
            "state_root": draft.state_root,
            "keyid": key.keyid,
            "custody": key.custody,
            "complete": complete,
        },
    )


def _valid(draft: Draft, signatures: Mapping[str, str]) -> set[str]:
    return list_role.valid_signatures(
        delegation_bytes(draft.hash_list_id), bytes(draft.signed_part), signatures
    )


def _require_open(draft: Draft) -> None:
    if draft.state != DraftState.OPEN or draft.submission.state != SubmissionState.DRAFTED:
        raise Conflict(
            "This draft does not wait for signatures.",
            code="draft.not_open",
            advice="It is still being built, fully signed, published or given up; look at its state.",
            state=draft.state,
        )


def _not_entitled() -> Conflict:
    return Conflict(
        "This key may not sign this list.",
        code="key.not_entitled",
        advice="An admin of the publisher entitles active keys; the exchange's officers then sign that rule.",
    )
