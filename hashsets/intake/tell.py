"""Letters to the people of a publisher: who is waited for, and what became of what they submitted.

Queued in the transaction of the act they tell of, with the submission's reference and never what is in it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from accounts.identity.models import Membership, OrganisationKind, User
from accounts.identity.roles import Permission, permissions_of
from accounts.mail.queue import queue_mail
from hashsets.intake.models import Submission


def tell_approvers(submission: Submission, *, held: str = "", now: datetime) -> None:
    """Everybody who may approve it. A change that came out differently is told of again, and so is one that
    became unusual on its way (`held`: what tells this letter from the earlier one).
    """
    kind = "submission.to_approve_urgent" if submission.urgent else "submission.to_approve"
    people = _who_may(Permission.SUBMISSION_APPROVE, submission)
    others = [person for person in people if person.id != submission.submitted_by_id]
    _tell(submission, kind, others, about=submission.operations_digest[:8] + held, now=now)


def tell_signers(submission: Submission, *, release: int, now: datetime) -> None:
    """Everybody who may sign for the publisher: which keys count is said on the page."""
    people = _who_may(Permission.RELEASE_SIGN, submission)
    page = f"/submissions/{submission.id}/signature"
    _tell(submission, "submission.to_sign", people, about=str(release), page=page, now=now)


def tell_exchange(submission: Submission, *, now: datetime) -> None:
    """Those who can say the exchange's word about an unusual change."""
    staff = Membership.objects.current().filter(organisation__kind=OrganisationKind.OPERATOR)
    people = _holding(Permission.ORGANISATION_MANAGE, staff.select_related("user"))
    about = submission.operations_digest[:8]
    _tell(submission, "submission.to_agree", people, about=about, page="/submissions/held", now=now)


def tell_void(submission: Submission, *, now: datetime) -> None:
    """Everybody who may approve it: a yes counts no more, and the submission waits again."""
    about = f"{now:%Y%m%d%H%M%S}"
    people = _who_may(Permission.SUBMISSION_APPROVE, submission)
    _tell(submission, "submission.decision_void", people, about=about, now=now)


def tell_submitter(submission: Submission, kind: str, *, now: datetime) -> None:
    """`submission.returned` or `submission.refused`: only whoever submitted, if they are still there."""
    memberships = Membership.objects.current().filter(organisation_id=submission.organisation_id)
    for membership in memberships.filter(user_id=submission.submitted_by_id).select_related("user"):
        _tell(submission, kind, [membership.user], now=now)


def _who_may(permission: Permission, submission: Submission) -> list[User]:
    members = Membership.objects.current().filter(organisation_id=submission.organisation_id)
    return _holding(permission, members.select_related("user"))


def _holding(permission: Permission, memberships: Iterable[Membership]) -> list[User]:
    return [one.user for one in memberships if permission in permissions_of(one.roles_in_force)]


def _tell(
    submission: Submission,
    kind: str,
    people: Iterable[User],
    *,
    about: str = "",
    page: str = "",
    now: datetime,
) -> None:
    """One letter each, and the same one never twice."""
    facts = {"reference": submission.reference, "organisation": submission.organisation.name}
    path = page or f"/submissions/{submission.id}"
    for person in people:
        once = f"{kind}:{submission.id.hex}:{about}:{person.id.hex}"
        queue_mail(kind, to=person, facts=facts, path=path, once=once, now=now)
