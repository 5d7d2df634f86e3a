"""Suspending a member, lifting that, and ending a membership: one person proposes, another carries it out.

A suspension waits until the member has had its word, or the day to give it has passed. Only a suspension at
once is one person's act: harm goes on while two are found. Stopping ends sessions by epoch; credentials,
endpoints and keys follow from the organisation's status at their next use, and what ends for good is
`accounts.standing.part`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import IntegrityError, transaction

from accounts.audit.actions import Action
from accounts.audit.facts import Fact
from accounts.audit.record import record
from accounts.dual_control.independence import Act, require_second, require_still
from accounts.dual_control.refused import noted
from accounts.errors import Conflict, Invalid, NotAllowed, NotFound
from accounts.identity.acting import Actor
from accounts.identity.models import Organisation, OrganisationKind, OrganisationStatus
from accounts.identity.roles import Permission
from accounts.membership.register import reinstate_organisation, suspend_organisation
from accounts.standing.keep import tell_admins
from accounts.standing.models import Measure, MeasureKind, MeasureState
from accounts.wording import paragraphs

REPLY_WITHIN: Final = timedelta(days=14)
_K = MeasureKind
# What the organisation must be for a measure to make sense.
_FROM: Final[Mapping[str, frozenset[str]]] = {
    _K.SUSPENSION: frozenset({OrganisationStatus.ACTIVE}),
    _K.EMERGENCY: frozenset({OrganisationStatus.ACTIVE}),
    _K.LIFTING: frozenset({OrganisationStatus.SUSPENDED}),
    _K.OFFBOARDING: frozenset({OrganisationStatus.ACTIVE, OrganisationStatus.SUSPENDED}),
}


def propose_measure(
    organisation_id: UUID, kind: str, *, reason: str, note: str = "", actor: Actor, now: datetime
) -> Measure:
    """Propose a measure; one at once (`emergency`) is carried out here and now.

    A member whose suspension or end is intended is told, and may answer until `reply_until`.
    Errors: NotFound `organisation.not_found`; NotAllowed `actor.person_needed`, `organisation.operator`;
    Invalid `measure.kind` or on the words; Conflict `measure.state`, `measure.waits`.
    """
    person = _require_vetting(actor)
    if kind not in MeasureKind.values:
        raise Invalid("Say what to do.", code="measure.kind", field="kind")
    hears = kind in (_K.SUSPENSION, _K.OFFBOARDING)
    measure = Measure(
        kind=kind,
        reason=paragraphs(reason, field="reason", limit=1_000),
        note=paragraphs(note, field="note", limit=2_000, required=False),
        proposed_by_id=person,
        proposed_at=now,
        reply_until=now + REPLY_WITHIN if hears else None,
    )
    with transaction.atomic():
        organisation = _locked(organisation_id)
        if organisation.status not in _FROM[kind]:
            raise Conflict(
                f"This organisation is {organisation.get_status_display()}, so this is not possible.",
                code="measure.state",
            )
        measure.organisation = organisation
        if kind == _K.EMERGENCY:
            measure.state, measure.decided_at = MeasureState.DONE, now
        try:
            with transaction.atomic():
                measure.save(force_insert=True)
        except IntegrityError:
            raise Conflict(
                "Another measure waits for this member.",
                code="measure.waits",
                advice="Carry it out or drop it first.",
            ) from None
        if kind == _K.EMERGENCY:
            tell_admins(organisation, "vetting.suspended", path="", now=now)
            suspend_organisation(organisation, reason=measure.reason, actor=actor, now=now)
        elif hears and organisation.status == OrganisationStatus.ACTIVE:
            tell_admins(organisation, "vetting.hearing", path="/organisation/review", now=now)
        _record(Action.MEASURE_PROPOSED, measure, actor=actor, now=now)
    return measure


def reply_to_measure(measure_id: UUID, text: str, *, actor: Actor, now: datetime) -> Measure:
    """The member's word on what is intended, by one of its admins; once, and kept beside the case.

    Errors: NotFound `measure.not_found`; NotAllowed `permission.missing`; Invalid; Conflict
    `measure.replied`.
    """
    own = Measure.objects.filter(
        id=measure_id, organisation_id=actor.organisation(), reply_until__isnull=False
    )
    if not own.exists():
        raise NotFound("There is no such measure.", code="measure.not_found")
    actor.require(Permission.MEMBER_MANAGE)
    said = paragraphs(text, field="reply", limit=4_000)
    with transaction.atomic():
        waiting = own.filter(state=MeasureState.PROPOSED, replied_at__isnull=True)
        if not waiting.update(reply=said, replied_by_id=actor.person(), replied_at=now):
            raise Conflict("Your organisation has answered, or it is decided.", code="measure.replied")
        measure = own.get()
        _record(Action.MEASURE_REPLIED, measure, actor=actor, now=now)
    return measure


def begin_carrying_out(measure_id: UUID, *, note: str, actor: Actor, now: datetime) -> Measure:
    """Mark a proposed measure as done by a second person; the caller's transaction brings it about.

    Errors: NotFound `measure.not_found`; NotAllowed `actor.person_needed`, `measure.second_person`,
    `second_person.…`; Conflict `measure.gone`, `measure.hearing`, `measure.state`, `measure.proposer_gone`.
    """
    person = _require_vetting(actor)
    measure = _lock_proposed(measure_id)
    organisation = measure.organisation
    if measure.proposed_by_id == person:
        own = NotAllowed(
            "Whoever proposed a measure does not carry it out.",
            code="measure.second_person",
            advice="Ask a colleague.",
        )
        raise noted(own, actor=actor, subject_type="measure", subject_id=measure_id)
    act = Act(Permission.ORGANISATION_MANAGE, "measure.carry_out", "measure", str(measure_id))
    require_second(actor, act, now=now)
    gone = Conflict(
        "Whoever proposed this measure could not propose it any more.",
        code="measure.proposer_gone",
        advice="Drop it, and propose it again if it is right.",
    )
    proposer, since = measure.proposed_by_id, measure.proposed_at
    require_still(proposer, actor.organisation(), act, gone, actor=actor, now=now, since=since)
    if organisation.status not in _FROM[measure.kind]:
        raise Conflict("The member's state has changed since.", code="measure.state")
    if measure.reply_until is not None and measure.replied_at is None and now < measure.reply_until:
        raise Conflict(
            "The member may still answer.",
            code="measure.hearing",
            advice="Wait for its word or for the day, or suspend at once if harm is going on.",
        )
    measure.state, measure.decided_by_id, measure.decided_at = MeasureState.DONE, person, now
    measure.decision_note = paragraphs(note, field="note", limit=2_000, required=False)
    measure.save(update_fields=["state", "decided_by", "decided_at", "decision_note"])
    return measure


def carry_out(measure_id: UUID, *, note: str = "", actor: Actor, now: datetime) -> Measure:
    """Suspend or lift as proposed. The end of a membership reaches other floors: see `exchange.sharing.part`.

    Errors: as `begin_carrying_out`; Conflict `measure.elsewhere` for the end of a membership.
    """
    with transaction.atomic():
        measure = begin_carrying_out(measure_id, note=note, actor=actor, now=now)
        organisation = measure.organisation
        if measure.kind == _K.SUSPENSION:
            tell_admins(organisation, "vetting.suspended", path="", now=now)
            suspend_organisation(organisation, reason=measure.reason, actor=actor, now=now)
        elif measure.kind == _K.LIFTING:
            reinstate_organisation(organisation, reason=measure.reason, actor=actor, now=now)
            tell_admins(organisation, "vetting.lifted", path="/", now=now)
        else:
            raise Conflict("The end of a membership is carried out elsewhere.", code="measure.elsewhere")
        record_done(measure, actor=actor, now=now)
    return measure


def drop_measure(measure_id: UUID, *, note: str, actor: Actor, now: datetime) -> Measure:
    """Let a proposed measure go, with the reason; one person may, because it leaves things as they are.

    Errors: NotFound `measure.not_found`; NotAllowed `actor.person_needed`; Invalid; Conflict `measure.gone`.
    """
    person = _require_vetting(actor)
    why = paragraphs(note, field="note", limit=2_000)
    with transaction.atomic():
        measure = _lock_proposed(measure_id)
        measure.state, measure.decided_by_id, measure.decided_at = MeasureState.DROPPED, person, now
        measure.decision_note = why
        measure.save(update_fields=["state", "decided_by", "decided_at", "decision_note"])
        _record(Action.MEASURE_DROPPED, measure, actor=actor, now=now)
    return measure


def record_done(
    measure: Measure, *, actor: Actor, now: datetime, facts: Mapping[str, Fact] | None = None
) -> None:
    """The event of a measure that was carried out."""
    _record(Action.MEASURE_CARRIED_OUT, measure, actor=actor, now=now, facts=facts)


def _require_vetting(actor: Actor) -> UUID:
    """The person who acts for the exchange. To everybody else there is no such member."""
    if not actor.is_over_exchange:
        raise NotFound("There is no such organisation.", code="organisation.not_found")
    return actor.person()


def _lock_proposed(measure_id: UUID) -> Measure:
    """The measure, its organisation locked until the transaction ends: only one of two decisions finds it."""
    known = Measure.objects.filter(id=measure_id).values_list("organisation_id", flat=True).first()
    if known is None:
        raise NotFound("There is no such measure.", code="measure.not_found")
    organisation = _locked(known)
    measure = Measure.objects.filter(id=measure_id, state=MeasureState.PROPOSED).first()
    if measure is None:
        raise Conflict("This measure was carried out or dropped already.", code="measure.gone")
    measure.organisation = organisation
    return measure


def _locked(organisation_id: UUID) -> Organisation:
    if not Organisation.objects.filter(id=organisation_id).exists():
        raise NotFound("There is no such organisation.", code="organisation.not_found")
    organisation = Organisation.objects.lock(organisation_id)
    if organisation.kind == OrganisationKind.OPERATOR:
        raise NotAllowed(
            "The organisation that runs the exchange cannot be suspended.", code="organisation.operator"
        )
    return organisation


def _record(
    action: Action, measure: Measure, *, actor: Actor, now: datetime, facts: Mapping[str, Fact] | None = None
) -> None:
    record(
        action,
        actor=actor,
        subject_type="measure",
        subject_id=measure.id,
        organisation_id=measure.organisation_id,
        now=now,
        facts={"kind": measure.kind, **(facts or {})},
    )
