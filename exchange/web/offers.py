"""What a person may do with a submission, and in words why not. The verbs decide; this only foretells them.

Nobody should press a button to learn that it was never theirs, nor wonder where a button is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.identity.acting import Actor
from accounts.identity.roles import Permission
from hashsets.intake.models import Submission, SubmissionState
from hashsets.releases.models import Draft, DraftState

_S = SubmissionState
# Once it is being signed a submission is returned, which gives up its draft, and no longer withdrawn.
_WITHDRAWABLE: Final = (_S.RECEIVED, _S.VALIDATING, _S.STAGED, _S.APPROVED)


@dataclass(frozen=True, slots=True)
class Offer:
    """An act that is possible in this state: `why_not` is None when this person may do it on the spot; `desk`
    when a page of its own has ways to do it.
    """

    why_not: Promise | None = None
    desk: bool = False

    @property
    def allowed(self) -> bool:
        return self.why_not is None


@dataclass(frozen=True, slots=True)
class Offers:
    """None: the state does not allow the act to anybody, so the page does not speak of it."""

    approve: Offer | None
    give_back: Offer | None
    sign: Offer | None
    withdraw: Offer | None

    @property
    def any(self) -> bool:
        return any((self.approve, self.give_back, self.sign, self.withdraw))


OWN: Final = _("You submitted this yourself, so somebody else has to approve it.")
ALREADY: Final = _("You have approved this. It needs somebody else as well.")
NO_APPROVER: Final = _("Your roles do not include approving. An approver of your organisation decides.")
NO_SIGNER: Final = _("Your roles do not include signing. A signer of your organisation signs.")
NOT_HOSTED: Final = _(
    "This list is signed with keys that its signers keep, on a machine of their own or in the browser."
)
HOSTED_DONE: Final = _("The key that the exchange keeps has signed. Other signatures are still missing.")


@dataclass(frozen=True, slots=True)
class SignersOfList:
    """What is known of the keys that may sign: whether the exchange keeps one, and whether it has signed."""

    hosted: bool
    hosted_has_signed: bool


def offers(
    submission: Submission,
    draft: Draft | None,
    *,
    actor: Actor,
    approvers: Sequence[UUID],
    signers: SignersOfList,
) -> Offers:
    """`approvers` are the people whose approval counts now."""
    state = submission.state
    return Offers(
        approve=_approve(submission, actor, approvers) if state == _S.STAGED else None,
        give_back=_give_back(actor) if state in (_S.STAGED, _S.APPROVED, _S.DRAFTED) else None,
        sign=_sign(actor, signers)
        if state == _S.DRAFTED and draft is not None and draft.state == DraftState.OPEN
        else None,
        withdraw=_withdraw(actor) if state in _WITHDRAWABLE else None,
    )


def _approve(submission: Submission, actor: Actor, approvers: Sequence[UUID]) -> Offer:
    if not actor.may(Permission.SUBMISSION_APPROVE):
        return Offer(NO_APPROVER)
    if actor.person_id == submission.submitted_by_id:
        return Offer(OWN)
    if actor.person_id in approvers:
        return Offer(ALREADY)
    return Offer()


def _give_back(actor: Actor) -> Offer | None:
    # Who may not approve reads that already; a second sentence about returning would only be noise.
    return Offer() if actor.may(Permission.SUBMISSION_APPROVE) else None


def _sign(actor: Actor, signers: SignersOfList) -> Offer:
    if not actor.may(Permission.RELEASE_SIGN):
        return Offer(NO_SIGNER)
    if not signers.hosted:
        return Offer(NOT_HOSTED, desk=True)
    return Offer(HOSTED_DONE) if signers.hosted_has_signed else Offer(desk=True)


def _withdraw(actor: Actor) -> Offer | None:
    return Offer() if actor.may(Permission.SUBMISSION_CREATE) else None
