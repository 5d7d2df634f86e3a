"""What needs this person: the first thing a page after signing in says."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db.models import Exists, OuterRef, QuerySet
from django.utils.functional import Promise
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from accounts.identity.acting import Actor
from accounts.identity.roles import Permission
from exchange.web.list_facts import changes
from exchange.web.shown import instant
from exchange.web.words import MODE, STATE, STATE_TONE, word
from hashsets.intake.models import Submission, SubmissionState
from hashsets.releases.models import Approval, Draft, DraftSignature, DraftState

_S = SubmissionState
MOST: Final = 25
# Long enough to come back from leave, short enough that the page stays about now.
STAYS_FOR: Final = timedelta(days=21)

TO_APPROVE: Final = _("Look at it and approve or return it")
TO_SIGN: Final = _("Sign the release")
TO_MEND: Final = _("Mend it and submit again")


@dataclass(frozen=True, slots=True)
class Errand:
    """One submission and what to do about it; `act` is None when there is nothing to do but to know."""

    submission: Submission
    act: Promise | None
    state: str
    tone: str
    mode: str
    changes: str
    received: SafeString


@dataclass(frozen=True, slots=True)
class Waiting:
    """`mine` needs this person, `underway` is what they submitted and others or the exchange are at."""

    mine: tuple[Errand, ...]
    underway: tuple[Errand, ...]


def waiting_for(actor: Actor, *, now: datetime) -> Waiting:
    """Urgent first, then the oldest: what has waited longest is next."""
    mine: list[Errand] = []
    if actor.may(Permission.SUBMISSION_APPROVE):
        mine += _errands(to_approve(actor), TO_APPROVE)
    if actor.may(Permission.RELEASE_SIGN):
        mine += _errands(to_sign(actor), TO_SIGN)
    own = Submission.objects.owned_by(actor).filter(submitted_by_id=actor.person_id)
    mine += _errands(own.filter(state__in=(_S.REFUSED, _S.RETURNED), decided_at__gt=now - STAYS_FOR), TO_MEND)
    seen = {errand.submission.id for errand in mine}
    open_states = (_S.RECEIVED, _S.VALIDATING, _S.STAGED, _S.APPROVED, _S.DRAFTED)
    underway = [e for e in _errands(own.filter(state__in=open_states), None) if e.submission.id not in seen]
    return Waiting(mine=tuple(mine), underway=tuple(underway))


def to_approve(actor: Actor) -> QuerySet[Submission]:
    mine = Approval.objects.live().filter(submission=OuterRef("pk"), approver_id=actor.person_id)
    staged = Submission.objects.owned_by(actor).filter(state=_S.STAGED)
    return staged.exclude(submitted_by_id=actor.person_id).exclude(Exists(mine))


def to_sign(actor: Actor) -> QuerySet[Submission]:
    mine = DraftSignature.objects.filter(draft=OuterRef("pk"), person_id=actor.person_id)
    drafts = Draft.objects.filter(submission=OuterRef("pk"), state=DraftState.OPEN).exclude(Exists(mine))
    return Submission.objects.owned_by(actor).filter(Exists(drafts), state=_S.DRAFTED)


def _errands(rows: QuerySet[Submission], act: Promise | None) -> list[Errand]:
    newest = rows.select_related("hash_list").order_by("-urgent", "received_at", "id")[:MOST]
    return [
        Errand(
            submission=row,
            act=act,
            state=word(STATE, row.state),
            tone=STATE_TONE.get(row.state, "quiet"),
            mode=word(MODE, row.mode),
            changes=changes(row.adds, row.updates, row.removals) if row.operations_digest else "",
            received=instant(row.received_at),
        )
        for row in newest
    ]
