"""Where a submission stands, in one sentence and as steps. Nothing is looked up here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from exchange.web.shown import number
from hashsets.intake.models import Submission, SubmissionState
from hashsets.releases.models import Draft, DraftState

_S = SubmissionState
STEPS: Final[tuple[tuple[Promise, frozenset[str]], ...]] = (
    (gettext_lazy("Upload"), frozenset({_S.RECEIVED})),
    (gettext_lazy("Check"), frozenset({_S.VALIDATING, _S.REFUSED})),
    (gettext_lazy("Approval"), frozenset({_S.STAGED, _S.RETURNED})),
    (gettext_lazy("Signature"), frozenset({_S.APPROVED, _S.DRAFTED})),
    (gettext_lazy("Release"), frozenset({_S.PUBLISHED})),
)


@dataclass(frozen=True, slots=True)
class Step:
    """`at` is done, now, stopped or ahead."""

    label: Promise
    at: str


@dataclass(frozen=True, slots=True)
class Progress:
    """`moving` means that the exchange is at work and the page should look again by itself.

    `mark` changes when the whole page has something new to say; `percent` is None when nobody can tell.
    """

    mark: str
    moving: bool
    sentence: str
    percent: int | None
    steps: tuple[Step, ...]

    @property
    def coarse(self) -> str:
        """What is worth saying aloud: a screen reader must not read every single percent."""
        return f"{self.mark}.{(self.percent or 0) // 10}"


def progress_of(submission: Submission, draft: Draft | None, *, release: int | None = None) -> Progress:
    """`draft` is the live one; `release` the number it was published as."""
    state = submission.state
    being_published = state == _S.DRAFTED and draft is not None and draft.state == DraftState.SIGNED
    moving = state in (_S.RECEIVED, _S.VALIDATING, _S.APPROVED) or being_published
    return Progress(
        mark=f"{state}.{draft.state if draft else ''}",
        moving=moving,
        sentence=_sentence(submission, draft, release),
        percent=_percent(submission),
        steps=_steps(submission),
    )


def _percent(submission: Submission) -> int | None:
    if submission.state != _S.VALIDATING or not submission.rows_expected:
        return None
    # The number of lines is an estimate until the last one is read.
    return min(99, submission.rows_done * 100 // submission.rows_expected)


def _steps(submission: Submission) -> tuple[Step, ...]:
    stopped = submission.state in (_S.REFUSED, _S.RETURNED, _S.WITHDRAWN)
    here = next((n for n, (_label, states) in enumerate(STEPS) if submission.state in states), None)
    if here is None:  # withdrawn: how far it came is not kept, that it was uploaded is sure
        here = 0
    done = len(STEPS) if submission.state == _S.PUBLISHED else here
    return tuple(
        Step(label, "done" if n < done else "ahead" if n > here else "stopped" if stopped else "now")
        for n, (label, _states) in enumerate(STEPS)
    )


def _sentence(submission: Submission, draft: Draft | None, release: int | None) -> str:
    state = submission.state
    if state == _S.RECEIVED:
        if submission.base_release or submission.decided_at:
            return _("The list has moved on since this was checked, so it is being compared again.")
        return _("The file is stored. Checking begins in a moment.")
    if state == _S.VALIDATING:
        return _validating(submission)
    if state == _S.DRAFTED and draft is not None and draft.state == DraftState.SIGNED:
        return _("Signed. The release is being published.")
    if state == _S.PUBLISHED and release is not None:
        return _("Published as release %(n)s.") % {"n": number(release)}
    return str(_PLAIN[state])


def _validating(submission: Submission) -> str:
    if not submission.rows_expected:
        return _("The file is being checked.")
    return _("The file is being checked: %(done)s of about %(all)s lines.") % {
        "done": number(min(submission.rows_done, submission.rows_expected)),
        "all": number(submission.rows_expected),
    }


_PLAIN: Final[dict[str, Promise]] = {
    _S.STAGED: gettext_lazy("Checked. Somebody other than the submitter has to approve it."),
    _S.APPROVED: gettext_lazy("Approved. The release is being built, or waits for its turn."),
    _S.DRAFTED: gettext_lazy("The release is built and waits for its signature."),
    _S.PUBLISHED: gettext_lazy("Published."),
    _S.REFUSED: gettext_lazy("Checked, and not taken. The list stays as it is."),
    _S.RETURNED: gettext_lazy("Returned to the submitter. The list stays as it is."),
    _S.WITHDRAWN: gettext_lazy("Withdrawn by its organisation. The list stays as it is."),
}
