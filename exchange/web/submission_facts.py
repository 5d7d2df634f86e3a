"""One submission with everything that its page says: where it stands, what would change, what was refused."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any, Final

from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.identity.acting import Actor
from accounts.signing_keys.models import Custody
from exchange.web.list_facts import reclassified, type_title
from exchange.web.offers import Offers, SignersOfList, offers
from exchange.web.progress import Progress, progress_of
from exchange.web.refusals import Told, problem, refused
from exchange.web.shown import added, digest, instant, number, removed, short, size
from exchange.web.words import COUNTS_NO_MORE, HOLD, MODE, MODE_MEANS, OPERATION, STATE, STATE_TONE, word
from hashsets.intake import problems
from hashsets.intake.models import Submission, SubmissionState
from hashsets.releases.approve import is_agreed, standing_holds
from hashsets.releases.holds import Holds
from hashsets.releases.models import Approval, Draft, DraftState
from hashsets.trust.signers import entitled_keys

MOST_PROBLEMS: Final = 50
_SHOWS_CHANGE: Final = (
    SubmissionState.STAGED,
    SubmissionState.APPROVED,
    SubmissionState.DRAFTED,
    SubmissionState.PUBLISHED,
    SubmissionState.RETURNED,
    SubmissionState.WITHDRAWN,
)


@dataclass(frozen=True, slots=True)
class TypeChange:
    title: str
    adds: str
    updates: str
    removals: str
    unchanged: str


@dataclass(frozen=True, slots=True)
class SampledChange:
    op: str
    word: str
    type: str
    hash: str
    classification: str


@dataclass(frozen=True, slots=True)
class Change:
    """What the list would say differently. `base` is the release that it was compared with, 0 for none."""

    sentence: str
    adds: str
    updates: str
    reclassified: str
    removals: str
    unchanged: str
    per_type: tuple[TypeChange, ...]
    sample: tuple[SampledChange, ...]
    base: int
    base_label: str


@dataclass(frozen=True, slots=True)
class ProblemRow:
    line: str
    field: str
    told: Told


@dataclass(frozen=True, slots=True)
class ProblemCount:
    count: str
    told: Told


@dataclass(frozen=True, slots=True)
class Problems:
    total: int
    label: str
    counts: tuple[ProblemCount, ...]
    first: tuple[ProblemRow, ...]
    all_shown: bool


@dataclass(frozen=True, slots=True)
class GivenApproval:
    """`void` says why it counts no more, "" while it does."""

    person: str
    at: SafeString
    void: str = ""


@dataclass(frozen=True, slots=True)
class GivenSignature:
    key: str
    keyid: str
    hosted: bool
    at: SafeString


@dataclass(frozen=True, slots=True)
class ToSign:
    """What a signature is put under, in plain words and by digest."""

    release: str
    manifest: SafeString
    state_root: SafeString
    version: str
    given: tuple[GivenSignature, ...]
    asked: str


@dataclass(frozen=True, slots=True)
class Held:
    """What is unusual about the change, and whose yes it takes beyond the list's own rule."""

    reasons: tuple[str, ...]
    further: int
    by_exchange: bool
    agreed: bool


@dataclass(frozen=True, slots=True)
class SubmissionFacts:
    row: Submission
    mode: str
    mode_means: str
    state: str
    tone: str
    submitter: str
    by_credential: str
    received: SafeString
    file: str
    file_digest: SafeString
    progress: Progress
    change: Change | None
    problems: Problems | None
    refused: Told | None
    approvals: tuple[GivenApproval, ...]
    void_approvals: tuple[GivenApproval, ...]
    approvals_asked: str
    held: Held | None
    to_sign: ToSign | None
    decided: SafeString | None
    decider: str
    release: int | None
    release_label: str
    offers: Offers


def live_draft(submission: Submission) -> Draft | None:
    found = submission.drafts.live().prefetch_related("signatures__signing_key").first()
    return found if isinstance(found, Draft) else None


def release_of(submission: Submission) -> int | None:
    """The number that the submission was published as."""
    return submission.releases.order_by("-number").values_list("number", flat=True).first()


def current_progress(submission: Submission) -> Progress:
    return progress_of(submission, live_draft(submission), release=release_of(submission))


def submission_facts(submission: Submission, *, actor: Actor, now: datetime) -> SubmissionFacts:
    """A fixed number of queries, however many rows the submission has."""
    draft = live_draft(submission)
    release = release_of(submission)
    approvals = list(Approval.objects.live().filter(submission=submission).select_related("approver"))
    held = _held(submission, now)
    return SubmissionFacts(
        row=submission,
        mode=word(MODE, submission.mode),
        mode_means=word(MODE_MEANS, submission.mode),
        state=word(STATE, submission.state),
        tone=STATE_TONE.get(submission.state, "quiet"),
        submitter=str(submission.submitted_by),
        by_credential=submission.credential.name if submission.credential else "",
        received=instant(submission.received_at),
        file=size(submission.upload_length),
        file_digest=digest(submission.upload_sha256),
        progress=progress_of(submission, draft, release=release),
        change=_change(submission),
        problems=_problems(submission),
        refused=refused(submission.refused_code, submission.refused_message)
        if submission.refused_code
        else None,
        approvals=tuple(GivenApproval(str(a.approver), instant(a.approved_at)) for a in approvals),
        void_approvals=_void_approvals(submission),
        approvals_asked=number(submission.hash_list.approvals_required + (held.further if held else 0)),
        held=held,
        to_sign=_to_sign(submission, draft) if draft is not None else None,
        decided=instant(submission.decided_at) if submission.decided_at else None,
        decider=str(submission.decided_by) if submission.decided_by else "",
        release=release,
        release_label=number(release) if release else "",
        offers=offers(
            submission,
            draft,
            actor=actor,
            approvers=[approval.approver_id for approval in approvals],
            signers=_signers(submission, draft),
        ),
    )


def _void_approvals(submission: Submission) -> tuple[GivenApproval, ...]:
    """Approvals of people who count no more, and why."""
    void = Approval.objects.filter(submission=submission).exclude(void_reason="").select_related("approver")
    return tuple(
        GivenApproval(str(one.approver), instant(one.approved_at), word(COUNTS_NO_MORE, one.void_reason))
        for one in void.order_by("approved_at", "id")
    )


def _held(submission: Submission, now: datetime) -> Held | None:
    """While it waits, what would be found now; afterwards what was found when it was approved."""
    if submission.state == SubmissionState.STAGED:
        found = standing_holds(submission, submission.hash_list, now=now)
    else:
        found = Holds(tuple(submission.holds))
    if not found.codes:
        return None
    return Held(
        reasons=tuple(word(HOLD, code) for code in found.codes),
        further=found.further_approvals,
        by_exchange=found.exchange_must_agree,
        agreed=found.exchange_must_agree and is_agreed(submission),
    )


def _change(submission: Submission) -> Change | None:
    if submission.state not in _SHOWS_CHANGE or not submission.operations_digest:
        return None
    lines = ngettext("%(n)s line", "%(n)s lines", submission.rows) % {"n": number(submission.rows)}
    return Change(
        sentence=_("%(lines)s, %(refused)s refused, %(adds)s %(removals)s")
        % {
            "lines": lines,
            "refused": number(submission.problems),
            "adds": added(submission.adds),
            "removals": removed(submission.removals),
        },
        adds=number(submission.adds),
        updates=number(submission.updates),
        reclassified=reclassified(submission),
        removals=number(submission.removals),
        unchanged=number(submission.unchanged),
        per_type=tuple(_per_type(slug, counts) for slug, counts in sorted(submission.per_type.items())),
        sample=tuple(_sampled(one) for one in submission.sample),
        base=submission.base_release,
        base_label=number(submission.base_release),
    )


def _per_type(slug: str, counts: dict[str, int]) -> TypeChange:
    return TypeChange(
        title=type_title(slug),
        adds=number(counts.get("adds", 0)),
        updates=number(counts.get("updates", 0)),
        removals=number(counts.get("removals", 0)),
        unchanged=number(counts.get("unchanged", 0)),
    )


def _sampled(one: dict[str, Any]) -> SampledChange:
    return SampledChange(
        op=str(one.get("op", "")),
        word=word(OPERATION, str(one.get("op", ""))),
        type=type_title(str(one.get("type", ""))),
        hash=str(one.get("hash", "")),
        classification=str(one.get("classification", "")),
    )


def _problems(submission: Submission) -> Problems | None:
    if not submission.problems:
        return None
    first = list(islice(problems.read_problems(submission), MOST_PROBLEMS))
    wordings = {kept.code: problem(kept.code, kept.message, kept.advice) for kept in first}
    return Problems(
        total=submission.problems,
        label=number(submission.problems),
        counts=tuple(
            ProblemCount(number(count), wordings.get(code) or problem(code, code, ""))
            for code, count in sorted(submission.problem_counts.items(), key=lambda item: -item[1])
        ),
        first=tuple(
            ProblemRow(number(kept.line) if kept.line else "", kept.field, wordings[kept.code])
            for kept in first
        ),
        all_shown=submission.problems <= len(first),
    )


def _to_sign(submission: Submission, draft: Draft) -> ToSign | None:
    if draft.state == DraftState.BUILDING:
        return None
    return ToSign(
        release=number(draft.number),
        manifest=digest(draft.manifest_sha256),
        state_root=digest(draft.state_root),
        version=number(draft.list_version),
        given=tuple(
            GivenSignature(
                key=signature.signing_key.name,
                keyid=short(signature.signing_key.keyid),
                hosted=signature.signing_key.custody == Custody.HOSTED,
                at=instant(signature.signed_at),
            )
            for signature in draft.signatures.all()
        ),
        asked=number(submission.hash_list.signature_threshold),
    )


def _signers(submission: Submission, draft: Draft | None) -> SignersOfList:
    if draft is None or draft.state != DraftState.OPEN:
        return SignersOfList(hosted=False, hosted_has_signed=False)
    signed = {signature.signing_key_id for signature in draft.signatures.all()}
    hosted = [key for key in entitled_keys(submission.hash_list_id) if key.custody == Custody.HOSTED]
    return SignersOfList(hosted=bool(hosted), hosted_has_signed=any(key.id in signed for key in hosted))
