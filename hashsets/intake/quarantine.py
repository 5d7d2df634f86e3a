"""A second person decides about rows that the gate set aside: let them in, or leave them out.

Until somebody does, they are left out. Rows that are let in change what the submission would do, so it is
staged again and has to be approved anew; and because nobody lowers a guard for a list of their own alone, the
exchange has to agree to it as well (`hashsets.releases.holds`).
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import datetime

from django.db import transaction

from accounts.audit.actions import Action
from accounts.audit.record import record
from accounts.errors import Conflict, Invalid
from accounts.identity.acting import Actor
from accounts.identity.roles import Permission
from accounts.wording import paragraphs
from hashsets.intake.models import QuarantineDecision, Submission, SubmissionState
from hashsets.lists.models import HashList


def accepted_codes(submission: Submission) -> frozenset[str]:
    """The rules of the gate whose rows a person has let in."""
    accepted = QuarantineDecision.objects.filter(submission=submission, accepted=True)
    return frozenset(accepted.values_list("code", flat=True))


def decide_quarantine(
    submission_id: uuid.UUID,
    *,
    accept: bool,
    codes: Iterable[str],
    reason: str,
    actor: Actor,
    now: datetime,
) -> Submission:
    """Decide about the rows set aside under `codes`, or under every rule when it is empty.

    A decision stands: who wants another one returns the submission. Accepting sends it back to staging.

    Errors: NotFound `submission.not_found`; NotAllowed `actor.person_needed`, `permission.missing`; Invalid
    `text.…`, `quarantine.code`; Conflict `quarantine.own_submission`, `quarantine.not_staged`,
    `quarantine.nothing`.
    """
    seen = Submission.objects.seen(submission_id, actor)
    person_id = actor.person()
    actor.require(Permission.SUBMISSION_APPROVE)
    reason = paragraphs(reason, field="reason", limit=1_000, required=True)
    if person_id == seen.submitted_by_id:
        raise Conflict(
            "You cannot decide about rows of a submission of your own.",
            code="quarantine.own_submission",
            advice="Ask another approver. Whoever issued a credential counts as its submitter.",
        )
    with transaction.atomic():
        HashList.objects.lock(seen.hash_list_id)
        submission = Submission.objects.get(id=submission_id)
        if submission.state != SubmissionState.STAGED:
            raise Conflict(
                "Rows that were set aside are decided about while the submission waits for approval.",
                code="quarantine.not_staged",
            )
        decided = _undecided(submission, frozenset(codes))
        QuarantineDecision.objects.bulk_create(
            QuarantineDecision(
                submission=submission,
                organisation_id=submission.organisation_id,
                code=code,
                accepted=accept,
                rows=rows,
                decided_by_id=person_id,
                submitter_id=submission.submitted_by_id,
                decided_at=now,
                reason=reason,
            )
            for code, rows in decided.items()
        )
        if accept:
            Submission.objects.filter(id=submission_id).update(
                state=SubmissionState.RECEIVED, lease_until=None, rows_done=0
            )
        _record(submission, decided, accept=accept, actor=actor, now=now)
    submission.refresh_from_db()
    return submission


def _undecided(submission: Submission, codes: frozenset[str]) -> dict[str, int]:
    """Errors: Invalid `quarantine.code`; Conflict `quarantine.nothing`."""
    aside = submission.set_aside
    if codes - aside.keys():
        raise Invalid(
            "No rows were set aside under this code.",
            code="quarantine.code",
            field="codes",
            advice=f"Rows were set aside under: {', '.join(sorted(aside)) or 'no rule'}.",
        )
    known = set(submission.quarantine_decisions.values_list("code", flat=True))
    undecided = {code: aside[code] for code in sorted(codes or aside) if code not in known}
    if not undecided:
        raise Conflict("Nothing is left to decide about.", code="quarantine.nothing")
    return undecided


def _record(
    submission: Submission, decided: dict[str, int], *, accept: bool, actor: Actor, now: datetime
) -> None:
    record(
        Action.SUBMISSION_QUARANTINE_DECIDED,
        actor=actor,
        subject_type="submission",
        subject_id=submission.id,
        organisation_id=submission.organisation_id,
        now=now,
        facts={"list_id": submission.hash_list_id, "accepted": accept, "rows": decided},
    )
