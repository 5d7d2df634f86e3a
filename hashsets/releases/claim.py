"""Who builds the next release of a list, and on what: decided under the list's lock, in one short
transaction.

The claim is a draft with a lease. Two builders may overlap when a lease runs out under a slow one: they
write the same content-addressed files, and only one of them can open the draft (`build.open_draft`).
"""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction

from accounts.errors import Conflict
from accounts.identity.models import OrganisationStatus
from hashsets.intake.models import Submission, SubmissionState
from hashsets.lists.models import HashList, ListStatus
from hashsets.releases.abandon import abandon_draft, record_abandoned
from hashsets.releases.approve import wait_again
from hashsets.releases.decisions import record_void, void_lapsed
from hashsets.releases.line import STATION, gives_way, head_of_line, is_orphan
from hashsets.releases.models import Draft, DraftState
from hashsets.trust.models import Repository
from hashsets.trust.repository import draw_list_version

LEASE: Final = timedelta(seconds=30)
"""Short, because what waits for it is a release after a crash; long builds extend it as they go (`Pulse`)."""


class LeaseLost(Conflict):
    """Somebody else took the draft over, or gave it up: stop working on it."""

    default_code = "draft.lease_lost"


@dataclass(slots=True)
class Pulse:
    """Keeps a draft's lease alive while its files are built. Called between pieces of work, it writes
    seldom.
    """

    draft: Draft
    now: datetime
    started: float
    beats: float = 0.0

    def __call__(self) -> None:
        """Errors: LeaseLost."""
        elapsed = time.monotonic() - self.started
        if elapsed - self.beats < LEASE.total_seconds() / 3:
            return
        self.beats = elapsed
        until = self.now + timedelta(seconds=elapsed) + LEASE
        held = Draft.objects.filter(
            id=self.draft.id, state=DraftState.BUILDING, lease_until=self.draft.lease_until
        ).update(lease_until=until)
        if not held:
            raise LeaseLost("This draft is no longer ours to build.")
        self.draft.lease_until = until


def claim_draft(submission_id: uuid.UUID, *, now: datetime) -> Draft | None:
    """The draft that the caller now builds from an approved submission, or None when it is not its turn.

    Under the list's lock: (1) is it this submission's turn, and does everybody who said yes still count? (2)
    clear away a draft that nobody wants, or that an urgent submission cancels; (3) back to staging when the
    list has moved on; (4) open the draft or take over one whose builder died.
    """
    list_id = Submission.objects.values_list("hash_list_id", flat=True).filter(id=submission_id).first()
    if list_id is None:
        return None
    with transaction.atomic():
        hash_list = HashList.objects.lock(list_id)
        submission = Submission.objects.get(id=submission_id)
        if not _is_next(submission, hash_list):
            return None
        lapsed = void_lapsed(submission, now=now)
        if lapsed and wait_again(submission, hash_list):
            record_void(submission, lapsed, actor=STATION, now=now)
            return None
        draft, cleared = _next_draft(submission, hash_list, now)
        record_void(submission, lapsed, actor=STATION, now=now)
        if cleared is not None:
            record_abandoned(cleared[0], reason=cleared[1], actor=STATION, now=now)
    return draft


def _next_draft(
    submission: Submission, hash_list: HashList, now: datetime
) -> tuple[Draft | None, tuple[Draft, str] | None]:
    """Steps (2) to (4): the draft to build, and one that was given up for it with the reason."""
    live = Draft.objects.live().filter(hash_list=hash_list).select_related("submission").first()
    if live is None:
        return _open_or_restage(submission, hash_list, now), None
    if _is_abandoned_build(live, submission, hash_list, now):
        return _take_over(live, now), None
    reason = _reason_to_clear(live, submission, hash_list, now)
    if reason is None:
        return None, None
    abandon_draft(live)
    return _open_or_restage(submission, hash_list, now), (live, reason)


def restage(submission: Submission) -> None:
    """Back to intake: the list has moved on, the change is compared with the new release. Approvals stay,
    for now: `carry_approvals` decides about them when the change is staged again.
    """
    Submission.objects.filter(
        id=submission.id, state__in=[SubmissionState.APPROVED, SubmissionState.STAGED]
    ).update(state=SubmissionState.RECEIVED, lease_until=None, rows_done=0)


def _is_next(submission: Submission, hash_list: HashList) -> bool:
    if submission.state != SubmissionState.APPROVED or hash_list.status != ListStatus.ACTIVE:
        return False
    if hash_list.organisation.status != OrganisationStatus.ACTIVE:
        return False
    # Before the officers have signed the list's root nobody could verify a release, so none is prepared.
    if not Repository.objects.filter(id=hash_list.id, timestamp_version__gte=1).exists():
        return False
    first = head_of_line(hash_list)
    return first is not None and first.id == submission.id


def _is_abandoned_build(live: Draft, submission: Submission, hash_list: HashList, now: datetime) -> bool:
    return (
        live.submission_id == submission.id
        and live.state == DraftState.BUILDING
        and live.base_release == hash_list.latest_release == submission.base_release
        and not live.is_leased(now)
    )


def _reason_to_clear(live: Draft, submission: Submission, hash_list: HashList, now: datetime) -> str | None:
    """Why the live draft may be given up for `submission`; None when it stays."""
    if is_orphan(live):
        return "not_wanted"
    if live.base_release != hash_list.latest_release:
        return "base_moved"
    if gives_way(live, submission):
        return "urgent"
    if live.state == DraftState.BUILDING and not live.is_leased(now):
        # Its builder died, and meanwhile something else moved to the head of the line.
        return "builder_died"
    return None


def _take_over(live: Draft, now: datetime) -> Draft | None:
    until = now + LEASE
    taken = Draft.objects.filter(id=live.id, state=DraftState.BUILDING, lease_until=live.lease_until).update(
        lease_until=until
    )
    live.lease_until = until
    return live if taken else None


def _open_or_restage(submission: Submission, hash_list: HashList, now: datetime) -> Draft | None:
    if submission.base_release != hash_list.latest_release:
        restage(submission)
        return None
    return Draft.objects.create(
        organisation_id=hash_list.organisation_id,
        hash_list=hash_list,
        submission=submission,
        base_release=hash_list.latest_release,
        list_version=draw_list_version(hash_list.id),
        lease_until=now + LEASE,
        created_at=now,
    )
