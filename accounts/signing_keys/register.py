"""Registers the public keys that an organisation signs with: one person brings a key, another one confirms
it.

A key that one stolen account could add alone would sign whatever its holder likes; hence the second person,
and for keys that the organisation keeps itself, the proof that it holds the private half.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from accounts.audit.actions import Action
from accounts.audit.record import record
from accounts.dual_control.independence import Act, require_second, why_not_second
from accounts.dual_control.models import Proposal, ProposalKind, ProposalState
from accounts.dual_control.propose import Asked, make, propose
from accounts.dual_control.refused import noted
from accounts.errors import Conflict, Invalid, NotAllowed, NotFound
from accounts.identity.acting import Actor
from accounts.identity.models import ConfirmedAs, Organisation
from accounts.identity.roles import Permission
from accounts.signing_keys.models import KEY_MOVES, Custody, SigningKey, SigningKeyStatus
from accounts.signing_keys.possession import PublicKey, check_possession, read_public_key
from accounts.wording import one_line


def register_public_key(
    organisation: Organisation,
    *,
    name: str,
    keyid: str,
    keytype: str,
    scheme: str,
    public: str,
    custody: str,
    actor: Actor,
    now: datetime,
    proof: str = "",
) -> SigningKey:
    """Register a key, which then waits for a second person.

    `keyid` must be the TUF id of the key. `proof` is required unless the exchange keeps the private half
    itself: a hex signature over `possession_statement(organisation.id, keyid)`.

    A key of the organisation's own is brought by whoever arranges keys, or by whoever signs: the official
    who holds it is usually the latter, and a command line with a credential for signing is where it lies.
    A registered key can do nothing until somebody else, who arranges keys, confirms it in person; whoever
    issued a credential counts as the one who registered with it.

    Errors: NotFound `organisation.not_found` (a stranger); NotAllowed `permission.missing`; Invalid
    `key.type`, `key.malformed`, `key.keyid`, `key.custody`, `key.proof` or on the name; Conflict
    `key.exists`.
    """
    actor.require_own(organisation.id)
    if custody != Custody.OWN or not actor.may(Permission.RELEASE_SIGN):
        actor.require(Permission.KEY_MANAGE)
    key = read_public_key(keytype=keytype, scheme=scheme, public=public)
    if keyid != key.keyid:
        raise Invalid("This is not the TUF key id of this key.", code="key.keyid", field="keyid")
    if custody not in Custody.values:
        raise Invalid("A key is hosted, or the organisation's own.", code="key.custody", field="custody")
    if custody == Custody.OWN:
        check_possession(key, proof, organisation_id=organisation.id)
    label = one_line(name, field="name", limit=100)
    with transaction.atomic():
        signing_key = _insert(organisation, key, name=label, custody=custody, actor=actor, now=now)
        _record(Action.KEY_REGISTERED, signing_key, actor=actor, now=now)
        asked = Asked(ProposalKind.KEY, str(signing_key.id), {"keys": [label], "keyid": signing_key.keyid})
        propose(organisation, asked, actor=actor, now=now)
    return signing_key


def make_key(proposal: Proposal, *, actor: Actor, now: datetime) -> SigningKey:
    """Confirm a key where it waits with everything else: a second admin, or whoever stands in for one. In the
    caller's transaction.

    Errors: those of `accounts.dual_control.propose.make`; Conflict `key.move`.
    """
    make(proposal, actor=actor, now=now)
    signing_key = SigningKey.objects.get(id=UUID(proposal.subject_id))
    _move(
        signing_key, SigningKeyStatus.PENDING, SigningKeyStatus.ACTIVE, confirmed_by_id=proposal.decided_by_id
    )
    _record(Action.KEY_CONFIRMED, signing_key, actor=actor, now=now)
    return signing_key


def confirm_key(key_id: UUID, *, actor: Actor, now: datetime) -> SigningKey:
    """A second person of the organisation says that the key is theirs; only then can it be entitled to sign.

    Whoever registered it is asked for again: somebody who has left since, or lost the role, brings no key.
    Errors: NotFound `key.not_found`; NotAllowed `permission.missing`, `actor.person_needed`,
    `key.second_person`, `second_person.…`; Conflict `key.move`, `key.registrar_gone`.
    """
    with transaction.atomic():
        signing_key = _own_key(key_id, actor)
        second = actor.person()
        if signing_key.registered_by_id in (None, second):
            own = NotAllowed(
                "Whoever registered a key does not confirm it.",
                code="key.second_person",
                advice="Ask another admin of your organisation.",
            )
            raise noted(own, actor=actor, subject_type="signing_key", subject_id=key_id)
        require_second(actor, _confirming(key_id, Permission.KEY_MANAGE), now=now)
        _require_registrar(signing_key, actor=actor, now=now)
        _move(signing_key, SigningKeyStatus.PENDING, SigningKeyStatus.ACTIVE, confirmed_by_id=second)
        _proposals_of(signing_key).update(
            state=ProposalState.MADE, decided_by_id=second, decided_as=ConfirmedAs.COLLEAGUE, decided_at=now
        )
        _record(Action.KEY_CONFIRMED, signing_key, actor=actor, now=now)
    return signing_key


def _proposals_of(signing_key: SigningKey) -> QuerySet[Proposal]:
    return Proposal.objects.filter(
        kind=ProposalKind.KEY, subject_id=str(signing_key.id), state=ProposalState.PROPOSED
    )


def _confirming(key_id: UUID, permission: Permission) -> Act:
    return Act(permission, "key.confirm", "signing_key", str(key_id))


def _require_registrar(signing_key: SigningKey, *, actor: Actor, now: datetime) -> None:
    """Errors: Conflict `key.registrar_gone`, when whoever registered the key could not do so any more."""
    registrar, since = signing_key.registered_by_id, signing_key.created_at
    rights = (Permission.KEY_MANAGE, Permission.RELEASE_SIGN)
    still = registrar is not None and any(
        not why_not_second(
            registrar, signing_key.organisation_id, _confirming(signing_key.id, one), now=now, since=since
        )
        for one in rights
    )
    if not still:
        raise noted(
            Conflict(
                "Whoever registered this key could not register it any more.",
                code="key.registrar_gone",
                advice="Revoke it, and have somebody else register it again.",
            ),
            actor=actor,
            subject_type="signing_key",
            subject_id=signing_key.id,
        )


def revoke_key(key_id: UUID, *, actor: Actor, now: datetime, reason: str = "") -> SigningKey:
    """Stop using a key, pending or active, for good. One person may: stopping is never the dangerous
    direction.

    Lists that it is entitled to sign need a new delegation afterwards, which is the trust room's work.
    Errors: NotFound `key.not_found`; NotAllowed `permission.missing`; Conflict `key.move`.
    """
    why = one_line(reason, field="reason", limit=300, required=False)
    with transaction.atomic():
        signing_key = _own_key(key_id, actor)
        origin = SigningKeyStatus(signing_key.status)
        _move(signing_key, origin, SigningKeyStatus.REVOKED, revoked_at=now)
        _proposals_of(signing_key).update(state=ProposalState.ENDED, decided_at=now)
        _record(Action.KEY_REVOKED, signing_key, actor=actor, now=now, reason=why)
    return signing_key


def _insert(
    organisation: Organisation, key: PublicKey, *, name: str, custody: str, actor: Actor, now: datetime
) -> SigningKey:
    try:
        with transaction.atomic():
            return SigningKey.objects.create(
                organisation=organisation,
                name=name,
                keyid=key.keyid,
                keytype=key.keytype,
                scheme=key.scheme,
                public=key.public,
                custody=custody,
                registered_by_id=actor.person_id,
                created_at=now,
            )
    except IntegrityError:
        raise Conflict(
            "Your organisation has registered this key before.", code="key.exists", field="keyid"
        ) from None


def _own_key(key_id: UUID, actor: Actor) -> SigningKey:
    """An own key. Errors: NotFound `key.not_found`, NotAllowed `permission.missing`."""
    own = SigningKey.objects.filter(id=key_id, organisation_id=actor.organisation())
    signing_key = own.select_related("organisation").first()
    if signing_key is None:
        raise NotFound("There is no such key.", code="key.not_found")
    actor.require(Permission.KEY_MANAGE)
    return signing_key


def _move(
    signing_key: SigningKey,
    origin: SigningKeyStatus,
    target: SigningKeyStatus,
    **also: UUID | datetime | None,
) -> None:
    """Move the key, or refuse when it is not, or no longer, in `origin`."""
    changed = 0
    if target in KEY_MOVES[origin]:
        unmoved = SigningKey.objects.filter(id=signing_key.id, status=origin)
        changed = unmoved.update(status=target, **also)
    if not changed:
        raise Conflict(
            f"This key is {signing_key.get_status_display()} and cannot become {target.label}.",
            code="key.move",
        )
    signing_key.refresh_from_db()


def _record(
    action: Action, signing_key: SigningKey, *, actor: Actor, now: datetime, reason: str = ""
) -> None:
    facts = {"name": signing_key.name, "keyid": signing_key.keyid, "custody": signing_key.custody}
    if reason:
        facts["reason"] = reason
    record(
        action,
        actor=actor,
        subject_type="signing_key",
        subject_id=signing_key.id,
        organisation_id=signing_key.organisation_id,
        now=now,
        facts=facts,
    )
